"""LinkExtractor and Rule: which links of a page to follow, in terms that Scrapy users know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crawler.errors import InvalidURL, SpiderError
from crawler.link_text import SENT_BY_SCRIPT, rel_of, text_of
from crawler.pages.page_limits import MAX_LINKS
from crawler.quick_dataclass import quick_dataclass
from crawler.render import Render, render_of
from crawler.url_users import note_users
from crawler.urls import absolute, canonical, in_charset

if TYPE_CHECKING:
    from crawler.response import Response

IGNORED_EXTENSIONS = frozenset(
    [
        "7z",
        "aac",
        "ai",
        "avi",
        "bmp",
        "bz2",
        "css",
        "deb",
        "dmg",
        "doc",
        "docx",
        "drw",
        "dxf",
        "eps",
        "exe",
        "flac",
        "flv",
        "gif",
        "gz",
        "ico",
        "iso",
        "jar",
        "jpeg",
        "jpg",
        "js",
        "m4a",
        "m4v",
        "mid",
        "mng",
        "mov",
        "mp3",
        "mp4",
        "mpeg",
        "mpg",
        "odg",
        "odp",
        "ods",
        "odt",
        "ogg",
        "ogv",
        "pct",
        "pdf",
        "png",
        "ppt",
        "pptx",
        "ps",
        "psp",
        "ra",
        "rar",
        "rpm",
        "rss",
        "svg",
        "swf",
        "tar",
        "tif",
        "tiff",
        "wav",
        "webm",
        "webp",
        "wma",
        "wmv",
        "woff",
        "woff2",
        "xls",
        "xlsx",
        "xz",
        "zip",
    ]
)

_TEXT_CHARACTERS = 200  # of the text of a link

Patterns = str | Iterable[str] | None


@quick_dataclass
class Link:
    """A link of a page: absolute URL, text, whether rel says nofollow.

    ``by_script``: a script sends it with a method that changes something (``data-method="post"``).
    """

    url: str
    text: str = ""
    nofollow: bool = False
    by_script: bool = False


def _compiled(patterns: Patterns) -> tuple[re.Pattern[str], ...]:
    given = (patterns,) if isinstance(patterns, str) else tuple(patterns or ())
    return tuple(re.compile(pattern) for pattern in given)


def _tuple(values: Patterns) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values or ())


class LinkExtractor:
    """Finds links by pattern, domain and place. Immutable; safe from any thread.

    Args:
        allow: Regular expressions; a URL must match one (empty: any).
        deny: Regular expressions; a URL must match none.
        allow_domains, deny_domains: Hosts with their subdomains.
        deny_extensions: File extensions, without the dot; None for the usual media and archives.
        restrict_css, restrict_xpaths: Only inside these elements, and these elements themselves.
        restrict_text: Regular expressions for the text of the link.
        tags, attrs: Where links are found.
        unique: Each URL once per page.
    """

    def __init__(
        self,
        allow: Patterns = (),
        deny: Patterns = (),
        *,
        allow_domains: Patterns = (),
        deny_domains: Patterns = (),
        deny_extensions: Iterable[str] | None = None,
        restrict_css: Patterns = (),
        restrict_xpaths: Patterns = (),
        restrict_text: Patterns = (),
        tags: str | Sequence[str] = ("a", "area"),
        attrs: str | Sequence[str] = ("href",),
        unique: bool = True,
    ) -> None:
        self._allow, self._deny, self._text = _compiled(allow), _compiled(deny), _compiled(restrict_text)
        self._allow_domains, self._deny_domains = _tuple(allow_domains), _tuple(deny_domains)
        self._extensions = IGNORED_EXTENSIONS if deny_extensions is None else frozenset(deny_extensions)
        self._css, self._xpaths = _tuple(restrict_css), _tuple(restrict_xpaths)
        self._unique = unique
        steps = [f"{tag}[@{attribute}]" for tag in _tuple(tags) for attribute in _tuple(attrs)]
        self._query, self._attrs = " | ".join(f"descendant-or-self::{step}" for step in steps), _tuple(attrs)

    def extract_links(self, response: Response) -> list[Link]:
        """The matching links of a page, in document order; broken ones are passed over."""
        base, charset = response.base_url, response.charset
        found: list[Link] = []
        seen: dict[str, int] = {}  # the key of each URL, and its number in *found*
        left_out = 0
        for element in self._elements(response):
            if len(found) >= MAX_LINKS:
                left_out += 1
                continue
            link = self._link(base, charset, element, response.warnings)
            if link is None:
                continue
            if self._unique:
                before = seen.setdefault(canonical(link.url), len(found))
                if before < len(found):
                    if found[before].by_script:
                        found[before] = link  # this one may lead to a page
                    continue
            found.append(link)
        if left_out:
            response.warnings.append(f"{left_out:,} links were left out: more than {MAX_LINKS:,} on the page")
        return found

    def matches(self, url: str) -> bool:
        """Whether a URL fits the patterns and domains."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if self._allow_domains and not _under(host, self._allow_domains):
            return False
        if self._deny_domains and _under(host, self._deny_domains):
            return False
        last = parts.path.rpartition("/")[2]
        if "." in last and last.rpartition(".")[2].lower() in self._extensions:
            return False
        if self._allow and not any(pattern.search(url) for pattern in self._allow):
            return False
        return not any(pattern.search(url) for pattern in self._deny)

    def _elements(self, response: Response) -> Iterable[Any]:
        """The elements that may be links, each once, in document order.

        Raises:
            SpiderError: A restriction finds texts or attributes, in which there are no links.
        """
        queries = len(self._css) + len(self._xpaths)
        if not queries:
            return [each.root for each in response.selector.xpath(self._query)]
        places = [place for css in self._css for place in response.css(css)]
        places += [place for xpath in self._xpaths for place in response.xpath(xpath)]
        if any(isinstance(place.root, str) for place in places):
            raise SpiderError(
                "restrict_css and restrict_xpaths name elements, not texts or attributes:"
                f" {', '.join((*self._css, *self._xpaths))}"
            )
        elements = dict.fromkeys(each.root for place in places for each in place.xpath(self._query))
        if queries == 1 or not elements:
            return elements
        tree = next(iter(elements)).getroottree()  # two queries: the second may find what stands further up
        return [each for each in tree.iter() if each in elements]

    def _link(self, base: str, charset: str, element: Any, warnings: list[str]) -> Link | None:
        href = next((value for name in self._attrs if (value := element.get(name))), "").strip()
        if not href or href.startswith("#"):
            return None
        try:
            url = absolute(base, in_charset(href, charset)).partition("#")[0]
        except InvalidURL:
            return None
        text = text_of(element, _TEXT_CHARACTERS)
        if not self.matches(url) or (self._text and not any(pattern.search(text) for pattern in self._text)):
            return None
        note_users(warnings, href)
        rel = rel_of(element).lower().split()
        return Link(url, text, "nofollow" in rel, SENT_BY_SCRIPT in rel)


def _under(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which links a `CrawlSpider` follows, and what it does with them.

    Attributes:
        extractor: Finds the links.
        callback: Name of a method for the pages; None for none.
        follow: Whether to follow links on those pages too; None: only where there is no callback.
        cb_kwargs: Keyword arguments for the callback.
        max_age: As in `Request`: seconds for which a page that an earlier crawl has seen need not be requested again.
        render: As in `Request`: whether and how its pages are rendered in a browser; None: as the spider says.
    """

    extractor: LinkExtractor = field(default_factory=LinkExtractor)
    callback: str | Callable[..., Any] | None = None
    follow: bool | None = None
    cb_kwargs: dict[str, Any] = field(default_factory=dict)
    max_age: float | None = None
    render: Render | bool | None = None

    def __post_init__(self) -> None:
        if not hasattr(self.extractor, "extract_links"):
            raise SpiderError(f"a Rule begins with its LinkExtractor, not with {self.extractor!r}")
        object.__setattr__(self, "render", render_of(self.render))
        if self.follow is None:
            object.__setattr__(self, "follow", self.callback is None)

"""Request and Response: what to ask for, and what came back.

A `Response` *is a* `requests.Response` with selectors added. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from crawler.errors import InvalidURL, SpiderError
from crawler.files import File
from crawler.link_text import may_be_sent_by_script
from crawler.outcome import Draft
from crawler.pages import charsets
from crawler.pages.downloads import IfThere, name_of, saved
from crawler.pages.following import Followed, without_scripted
from crawler.pages.page_limits import MAX_LINKS
from crawler.pages.parsing import base_of, inside_of, is_json, link_parts, link_target, parse, raw_results
from crawler.pages.targets import Targets
from crawler.request import NO_LINK, method_name
from crawler.request import SPREAD as SPREAD
from crawler.request import Callback as Callback
from crawler.request import Request as Request
from crawler.response_text import ResponseText
from crawler.url_users import masked_user, note_users
from crawler.urls import absolute, in_charset, redact

if TYPE_CHECKING:
    from crawler.pages.forms import Form
    from crawler.pages.page import Selector, SelectorList

# a base element that may have an address: most others have a target and nothing else
_BASE = re.compile(rb"<base(?!(?:\s++target\s*+=\s*+(?:\"\w*+\"|'\w*+'|\w++))?+\s*+/?>)", re.IGNORECASE)


class Response(ResponseText):
    """A `requests.Response` with selectors, links and forms. Used by one thread at a time.

    Attributes:
        asked: The `Request` that led here.
        session_name: The session that sent it.
        warnings: What was odd about the page ("tree cut").
        raw_headers: All header lines in order, as (name, value).
        cache: Of the worker that reads the page: raw link to absolute URL, by base URL.
        is_file: Its body is in a file, and is not a page.
        stand_in: What is queried where there are no elements, instead of an error: set while signs are looked for.
        screenshot: Picture of a rendered page (PNG), where its `Render` asks for one; else None.
        requests: Of a rendered page: the answers with data that its scripts have fetched, in order.
    """

    asked: Request | None = None
    session_name: str = ""
    is_file: bool = False
    stand_in: Any = None
    screenshot: bytes | None = None
    requests: Sequence[Response] = ()

    @property
    def status(self) -> int:
        """The same as `status_code`."""
        return self.status_code

    @property
    def meta(self) -> dict[str, Any]:
        """The request's `meta`."""
        return self.asked.meta if self.asked is not None else {}

    @property
    def cb_kwargs(self) -> dict[str, Any]:
        """The request's `cb_kwargs`."""
        return (self.asked.cb_kwargs or {}) if self.asked is not None else {}

    @property
    def selector(self) -> Selector:
        """A parsel Selector over the page, made once. Raises SpiderError for a file, as `css` does."""
        if self._selector is None:
            if self.file_type:
                raise no_elements(self)
            self._selector, warning = parse(self)
            if warning:
                self.warnings.append(warning)
        made: Selector = self._selector
        return made

    def css(self, query: str) -> SelectorList[Selector]:
        """The elements, texts (``::text``) and attributes (``::attr(href)``) that a CSS query finds.

        Raises:
            SpiderError: The answer is JSON or a file (`file_type`), which has no elements; in `is_logged_out` it
                finds nothing there instead.
        """
        elements: Selector = self._elements if self._elements is not None else self._marked_up()
        return elements.css(query)

    def xpath(self, query: str, **variables: Any) -> SelectorList[Selector]:
        """What an XPath query finds; *variables* fill its ``$name``. Raises SpiderError as `css` does."""
        elements: Selector = self._elements if self._elements is not None else self._marked_up()
        return elements.xpath(query, **variables)

    def _marked_up(self) -> Any:
        """What can be queried for elements."""
        if self.stand_in is not None:
            return self.stand_in
        selector = self.selector
        if selector.type != "json":
            self._elements = selector
            return selector
        raise no_elements(self)

    @property
    def has_elements(self) -> bool:
        """False for JSON (by its Content-Type) and for files: css and xpath find nothing in them."""
        return not (self.is_file or is_json(self.content_type) or self.file_type)

    @property
    def base_url(self) -> str:
        """What relative links are relative to: `<base href>` where it is a web URL, else the page's URL."""
        if self._base is None:
            self._base = self.url
            if (
                self._elements is not None  # quicker in the tree, where there is one
                or _BASE.search(self.body) is not None
                or self.charset != charsets.DEFAULT
            ) and not self.file_type:
                base = base_of(self.selector)
                if base:
                    with suppress(InvalidURL):
                        self._base = absolute(self.url, base)
        return self._base

    def urljoin(self, link: str | None) -> str:
        """The absolute form of a link on this page, without user name and password.

        What cannot be fetched (``javascript:``, ``mailto:``, broken) is given back as it is, and None as "": it ends no
        page, and a `Request` refuses it.
        """
        if not isinstance(link, str):
            return ""
        try:
            return _absolute(self, link)
        except InvalidURL:
            return masked_user(link) if "//" in link else link

    def follow(self, link: Any, callback: Callback = None, **kwargs: Any) -> Request:
        """A request for one link: a text, or a Selector of an ``a`` element or an attribute.

        The session is inherited. Takes what `Request` takes. A link that cannot be fetched (``mailto:``,
        ``javascript:``, broken) gives a request that the crawl passes over, with a warning.
        """
        href, text, rel = link_parts(link)
        kwargs.setdefault("session", self._inherited())
        try:
            request = Request(_absolute(self, href), callback, **kwargs)
        except InvalidURL:
            shown = masked_user(href) if "//" in href else href
            return Request.of_link(f"{NO_LINK}{shown}", method_name(callback), kwargs["session"])
        request.link = text, rel
        return request

    def follow_all(
        self,
        links: Iterable[Any] | None = None,
        callback: Callback = None,
        *,
        css: str | None = None,
        xpath: str | None = None,
        **kwargs: Any,
    ) -> Iterator[Request]:
        """Requests for several links: given ones, or those that a css or xpath query finds.

        A link that is not a web URL (``mailto:``, ``javascript:``, broken) is passed over. Elements are links
        themselves (``css="li a"``): where none is and there are links in them, a warning says so.
        """
        if (links is None) + (css is None) + (xpath is None) != 2:
            raise SpiderError("follow_all takes one of links, css and xpath")
        name, session = method_name(callback), kwargs.pop("session", None) or self._inherited()
        found: Iterable[Any] = links if links is not None else ()
        if css is not None:
            found = raw_results(self._marked_up(), css)
        elif xpath is not None:
            found = self.xpath(xpath)
        target = Targets(self.base_url, self.charset)
        abouts: list[Any] = list(found)
        if css is not None and "::" not in css and type(found) is list:  # elements
            hrefs = [each.get("href") or each.get("src") or "" for each in abouts]
        else:
            pairs = list(map(link_target, abouts))
            hrefs, abouts = [href for href, _ in pairs], [about for _, about in pairs]
        if abouts and not any(hrefs) and (tag := inside_of(abouts)):
            self.warnings.append(
                f"follow_all found no link: what it was given are <{tag}> elements; name the <a> in them"
            )
        note_users(self.warnings, "\n".join(hrefs))
        by_script: list[Request] = []
        if may_be_sent_by_script(self.body):
            hrefs, abouts, apart = without_scripted(hrefs, abouts)
            by_script = list(Followed(*apart, target, callback=name, session=session))
        if len(hrefs) > MAX_LINKS:
            urls, abouts = self._fewer(map(target, hrefs), abouts)
            plain = Followed(urls, abouts, str, callback=name, session=session)
        else:
            plain = Followed(
                hrefs, abouts, target, place=target.place, site=target.site, callback=name, session=session
            )
        if not kwargs and not by_script:
            return plain
        return (_with(request, kwargs) if kwargs else request for request in chain(plain, by_script))

    def item(self, kind: type, /, **fields: Any) -> Draft:
        """An item of a class that checks its fields: ``yield response.item(Book, title=..., price=...)``.

        The class (a dataclass, attrs, pydantic ...) is called by the crawler. Where it raises, this item is kept aside
        with the reason (`crawl items rejected`), and the rest of the page stays; an error in a callback fails the page.
        """
        return Draft(kind, fields)

    def file(self, link: Any, name: str | None = None, **kwargs: Any) -> File:
        """A file to fetch and keep, for one link: a text, or a Selector of an ``a`` or ``img`` element.

        The session is inherited. Takes what `File` takes.

        Raises:
            InvalidURL: The link is not one that can be fetched.
        """
        href, text, rel = link_parts(link)
        kwargs.setdefault("session", self._inherited())
        wanted = File(_absolute(self, href), name, **kwargs)
        wanted.link = text, rel
        return wanted

    def save(self, folder: Path | str, name: str | None = None, *, if_there: IfThere = "number") -> Path:
        """Write the body to a file in *folder*; nothing is overwritten unless you say so. `file` fetches files.

        Args:
            folder: Created if missing. The file is put in it, whatever name a server proposes.
            name: None: what the server proposes, or the last part of the address. Cleaned in any case.
            if_there: Where the name is taken: "number" chooses ``name-2.pdf``, "keep" writes nothing, "replace" puts
                the new file in its place.
        Returns:
            The path of the file.
        Raises:
            UsageError: The folder is a symbolic link, or not a folder.
        """
        return saved(folder, name or name_of(self.url, self.headers.get("Content-Disposition")), self.body, if_there)

    def _fewer(self, urls: Iterable[str], abouts: list[Any]) -> tuple[list[str], list[Any]]:
        """The different ones of very many links, and of these the first."""
        first: dict[str, Any] = {}
        for url, about in zip(urls, abouts, strict=True):
            if url:
                first.setdefault(url, about)
        if len(first) > MAX_LINKS:
            self.warnings.append(f"{len(first) - MAX_LINKS:,} links were left out: more than {MAX_LINKS:,} on the page")
        return list(first)[:MAX_LINKS], list(first.values())[:MAX_LINKS]

    def _inherited(self) -> str | None:
        return self.asked.session if self.asked is not None else None

    def form(
        self, css: str | None = None, *, id: str | None = None, name: str | None = None, index: int | None = None
    ) -> Form:
        """The form to fill: the named one; else the one with a password field; else the first (`Form`)."""
        from crawler.pages.forms import find_form

        return find_form(self, css=css, id=id, name=name, index=index)

    def __repr__(self) -> str:
        return f"<Response {self.status_code} {self.url}>"

    def __enter__(self) -> Self:
        return self


def _absolute(page: Response, link: str) -> str:
    """A link of a page; raises InvalidURL."""
    note_users(page.warnings, link)
    return absolute(page.base_url, in_charset(link, page.charset))


def _with(plain: Request, wanted: dict[str, Any]) -> Request:
    """The request of a link with more than a callback."""
    request = Request(plain.url, plain.callback, session=plain.session, **wanted)
    request.link = plain.link
    return request


def no_elements(response: Response) -> SpiderError:
    """What `css` and `xpath` raise where there are no elements."""
    url, kind = redact(response.url), response.file_type
    if kind:
        return SpiderError(
            f"{url} is a file ({kind}), which has no elements to find; response.body has its bytes, and"
            " `yield response.file(link)` on the page that links to it, or `yield File(url)`, keeps files"
        )
    return SpiderError(
        f"{url} is JSON ({response.content_type}), which has no elements to find;"
        " read it with response.json() or response.selector.jmespath(...)"
    )

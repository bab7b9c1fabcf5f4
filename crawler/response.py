"""Request and Response: what to ask, and what came back.

A `Response` *is a* `requests.Response` with selectors added. Nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from crawler.errors import InvalidURL, SpiderError
from crawler.files import File
from crawler.outcome import Draft
from crawler.pages import charsets
from crawler.pages.charsets import declared, usable
from crawler.pages.downloads import IfThere, name_of, saved
from crawler.pages.following import Followed
from crawler.pages.page_limits import MAX_LINKS
from crawler.pages.parsing import base_of, is_json, link_parts, link_target, parse, raw_results
from crawler.pages.targets import Targets
from crawler.request import SPREAD as SPREAD
from crawler.request import Callback as Callback
from crawler.request import Request as Request
from crawler.request import method_name
from crawler.untyped import take_cookies
from crawler.urls import absolute, in_charset, redact

if TYPE_CHECKING:
    from requests import PreparedRequest

    from crawler.pages.forms import Form
    from crawler.pages.page import Selector, SelectorList

#: what requests puts into a response, without what each one needs for itself
_BLANK = {
    name: value
    for name, value in vars(requests.Response()).items()
    if name not in ("cookies", "encoding", "headers", "history")
}
# a base element that may have an address: most others name a target, and nothing else
_BASE = re.compile(rb"<base(?!(?:\s++target\s*+=\s*+(?:\"\w*+\"|'\w*+'|\w++))?+\s*+/?>)", re.IGNORECASE)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<|(?:\xff\xfe)?(?:\s\0)*+<\0|(?:\xfe\xff)?(?:\0\s)*+\0<")


class Response(requests.Response):
    """A `requests.Response` with selectors, links and forms. Used by one thread at a time.

    Attributes:
        asked: The `Request` that led here.
        session_name: The session that sent it.
        warnings: What was odd about the page ("tree cut").
        raw_headers: All header lines in their order, as (name, value).
        cache: Of the worker that reads the page: raw link to absolute URL, by base URL.
        is_file: Its body is in a file, and no page.
        stand_in: What is asked where there are no elements, instead of an error: set while signs are looked for.
        screenshot: Picture of a rendered page (PNG), where its `Render` wants one; else None.
        requests: Of a rendered page: the answers with data that its scripts have fetched, in their order.
    """

    asked: Request | None = None
    session_name: str = ""
    raw_headers: list[tuple[str, str]]
    is_file: bool = False
    stand_in: Any = None
    screenshot: bytes | None = None
    requests: Sequence[Response] = ()
    _next: PreparedRequest | None = None  # of requests, whose stubs leave it out
    _encoding: str | None = None
    _text: str | None = None
    _charset: str | None = None
    _selector: Any = None
    _elements: Any = None  # the selector, where the page has elements
    _base: str | None = None

    def __init__(self) -> None:
        fields = self.__dict__  # as requests makes it, but for a jar that hardly anybody looks at
        fields.update(_BLANK)
        fields["headers"], fields["history"] = CaseInsensitiveDict(), []
        self.raw_headers = []
        self.warnings: list[str] = []

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies that this answer has set, as in requests; what holds after redirects is in `session.cookies`."""
        jar: RequestsCookieJar | None = self.__dict__.get("_jar")
        if jar is None:
            jar = self._jar = RequestsCookieJar()
            if self.request is not None and any(name.lower() == "set-cookie" for name, _ in self.raw_headers):
                take_cookies(jar, self.request, self.raw)
                for cookie in jar:
                    cookie.value = _as_utf8(cookie.value)
        return jar

    @cookies.setter
    def cookies(self, jar: RequestsCookieJar) -> None:
        self._jar = jar

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
    def body(self) -> bytes:
        """The decoded body (an empty one for None)."""
        return self.content or b""

    @property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].partition(",")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """By its Content-Type, or by its first bytes where there is none."""
        kind = self.content_type
        if kind:
            return kind in ("text/html", "application/xhtml+xml")
        return _MARKUP.match(self.body) is not None

    @property
    def encoding(self) -> str | None:  # an attribute of requests, which knows the header only
        """The charset of `text`: the one that was set here, else `charset`."""
        return self._encoding or self.charset

    @encoding.setter
    def encoding(self, charset: str | None) -> None:
        """Read the page in this charset from now on; None for its own again."""
        self._encoding, self._charset = charset, None
        self._text = self._selector = self._elements = self._base = None

    @property
    def text(self) -> str:
        """The body as text: by byte order mark, header, meta element, then UTF-8 or a guess. Never raises.

        Bytes that do not fit what is declared give a warning in `warnings`.
        """
        if self._text is None:
            wanted = usable(self._encoding) if self._encoding is not None else None
            if wanted is not None:  # set by the user, as requests allows
                self._text, self._charset = self.body.decode(wanted, "replace"), wanted
            else:
                found = charsets.read(self.headers.get("Content-Type"), self.body)
                self._text, self._charset = found.text, found.charset
                if found.warning and found.warning not in self.warnings:
                    self.warnings.append(found.warning)
        return self._text

    @property
    def charset(self) -> str:
        """The codec that the body is read with, as Python names it."""
        if self._charset is None:
            if self._encoding is None and self.is_plain_utf8:
                self._charset = charsets.DEFAULT
            else:
                self._text = None
                _ = self.text
        return self._charset or charsets.DEFAULT

    def reads_as_utf8(self) -> None:
        """The parser has taken the bytes as they are."""
        self._charset = charsets.DEFAULT

    @property
    def is_plain_utf8(self) -> bool:
        """Whether a parser may take the bytes as they are: valid UTF-8 without NUL, and nothing says anything else."""
        body = self.body
        if self._encoding is not None or self._text is not None:
            return False
        if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body:
            return False
        if declared(self.headers.get("Content-Type"), body) not in (None, charsets.DEFAULT):
            return False
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError:
                return False
        return True

    @property
    def selector(self) -> Selector:
        """A parsel Selector over the page, made once."""
        if self._selector is None:
            self._selector, warning = parse(self)
            if warning:
                self.warnings.append(warning)
        made: Selector = self._selector
        return made

    def text_bytes(self) -> bytes:
        """The text as UTF-8, without NUL and lone surrogates."""
        return self.text.strip().replace("\x00", "").encode("utf-8", "replace")

    def css(self, query: str) -> SelectorList[Selector]:
        """The elements, texts (``::text``) and attributes (``::attr(href)``) that a CSS query finds.

        Raises:
            SpiderError: The page is JSON, which has no elements; in `is_logged_out` it finds nothing there instead.
        """
        elements: Selector = self._elements if self._elements is not None else self._marked_up()
        return elements.css(query)

    def xpath(self, query: str, **variables: Any) -> SelectorList[Selector]:
        """What an XPath query finds; *variables* are its ``$name``. Raises SpiderError as `css` does."""
        elements: Selector = self._elements if self._elements is not None else self._marked_up()
        return elements.xpath(query, **variables)

    def _marked_up(self) -> Any:
        """What can be asked for elements."""
        if self.stand_in is not None:
            return self.stand_in
        selector = self.selector
        if selector.type != "json":
            self._elements = selector
            return selector
        raise SpiderError(
            f"{redact(self.url)} is JSON ({self.content_type}), which has no elements to find;"
            " read it with response.json() or response.selector.jmespath(...)"
        )

    @property
    def has_elements(self) -> bool:
        """False for JSON, by its Content-Type, and for files: css and xpath find nothing in them."""
        return not self.is_file and not is_json(self.content_type)

    @property
    def base_url(self) -> str:
        """What relative links are relative to: `<base href>` where it is a web URL, else the page's URL."""
        if self._base is None:
            self._base = self.url
            if _BASE.search(self.body) is not None or self.charset != charsets.DEFAULT:
                base = base_of(self.selector)
                if base:
                    with suppress(InvalidURL):
                        self._base = absolute(self.url, base)
        return self._base

    def urljoin(self, link: str) -> str:
        """The absolute form of a link on this page. Raises InvalidURL."""
        return absolute(self.base_url, in_charset(link, self.charset))

    def follow(self, link: Any, callback: Callback = None, **kwargs: Any) -> Request:
        """A request for one link: a text, a Selector of an ``a`` element or of an attribute.

        The session is inherited. Takes what `Request` takes.

        Raises:
            InvalidURL: The link is not one that can be fetched.
        """
        href, text, rel = link_parts(link)
        kwargs.setdefault("session", self._inherited())
        request = Request(self.urljoin(href), callback, **kwargs)
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

        A link that is no web URL (``mailto:``, ``javascript:``, broken) is passed over.
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
        if len(hrefs) > MAX_LINKS:
            urls, abouts = self._fewer(map(target, hrefs), abouts)
            plain = Followed(urls, abouts, str, callback=name, session=session)
        else:
            plain = Followed(
                hrefs, abouts, target, place=target.place, site=target.site, callback=name, session=session
            )
        return (_with(request, kwargs) for request in plain) if kwargs else plain

    def item(self, kind: type, /, **fields: Any) -> Draft:
        """An item of a class that looks at its fields: ``yield response.item(Book, title=..., price=...)``.

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
        wanted = File(self.urljoin(href), name, **kwargs)
        wanted.link = text, rel
        return wanted

    def save(self, folder: Path | str, name: str | None = None, *, if_there: IfThere = "number") -> Path:
        """Write the body to a file in *folder*; nothing is overwritten unless you say so. `file` fetches files.

        Args:
            folder: Made where it is not there. The file is in it, whatever name a server proposes.
            name: None: what the server proposes, or the last part of the address. Cleaned in any case.
            if_there: Where the name is taken: "number" chooses ``name-2.pdf``, "keep" writes nothing, "replace" puts
                the new file in its place.
        Returns:
            The path of the file.
        Raises:
            UsageError: The folder is a symbolic link, or no folder.
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


def _as_utf8(value: str | None) -> str | None:
    """A header is read as latin-1; a cookie of other bytes was meant as UTF-8."""
    if value is None or value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _with(plain: Request, wanted: dict[str, Any]) -> Request:
    """The request of a link with more than a callback."""
    request = Request(plain.url, plain.callback, session=plain.session, **wanted)
    request.link = plain.link
    return request

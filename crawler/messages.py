"""Request and Response: what to ask, and what came back.

A `Response` *is a* `requests.Response` with selectors added. Nothing here does I/O.
"""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import requests

from crawler.charsets import declared, to_text, usable
from crawler.errors import InvalidURL, SpiderError
from crawler.parsing import about_link, link_parts, link_target, parse, raw_results
from crawler.urls import absolute, redact, resolver

if TYPE_CHECKING:
    from parsel import Selector, SelectorList

Callback = Callable[..., Any] | str | None

SPREAD = "spread"  #: a session name that stands for "the least busy healthy one"
_BASE_TAG = re.compile(rb"<base\s[^>]*href", re.IGNORECASE)


class Request:
    """What to ask: plain values, made by a spider, stored by name.

    Args:
        url: Absolute http(s) URL; a fragment is dropped.
        callback: A method of the spider, or its name; None means `parse`.
        method: HTTP method.
        headers: Added to the session's.
        body: Bytes or text to send.
        data: A form: sent urlencoded.
        json: Sent as JSON.
        cookies: Sent once, with this request only, to its own origin only.
        cb_kwargs: Keyword arguments for the callback; JSON-able.
        meta: Any JSON-able values; come back as `response.meta`.
        priority: Higher goes first.
        dont_filter: Fetch it although the frontier knows it.
        errback: A method (or its name) that is called with the error when the request failed for good.
        session: Name of the session that sends it, or "spread"; None inherits (or the spider's first).
    Raises:
        InvalidURL: Not an http(s) URL.
        SpiderError: A callback that is no method of a spider (a lambda, a nested function).
    """

    __slots__ = (
        "body",
        "callback",
        "cb_kwargs",
        "cookies",
        "depth",
        "dont_filter",
        "errback",
        "handle_httpstatus_list",
        "headers",
        "link",
        "meta",
        "method",
        "priority",
        "session",
        "url",
    )

    def __init__(
        self,
        url: str,
        callback: Callback = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        data: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        json: Any = None,
        cookies: Mapping[str, str] | None = None,
        cb_kwargs: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        priority: int = 0,
        dont_filter: bool = False,
        errback: Callback = None,
        session: str | None = None,
    ) -> None:
        self.url = absolute("", url).partition("#")[0]
        self.callback = method_name(callback)
        self.errback = method_name(errback)
        self.method = method.upper()
        self.headers = dict(headers) if headers else None
        self.cookies = dict(cookies) if cookies else None
        self.cb_kwargs = dict(cb_kwargs) if cb_kwargs else None
        self.meta: dict[str, Any] = dict(meta) if meta else {}
        self.priority = priority
        self.dont_filter = dont_filter
        self.session = session
        self.depth = 0
        self.link: Any = None  # what was followed: an element, or its text and rel
        self.handle_httpstatus_list: tuple[int, ...] = tuple(self.meta.get("handle_httpstatus_list", ()))
        self.body = body.encode() if isinstance(body, str) else body
        if json is not None:
            self._set_body(json_module.dumps(json).encode(), "application/json")
        elif data is not None:
            pairs = data.items() if isinstance(data, Mapping) else data
            self._set_body(urlencode(list(pairs), doseq=True).encode(), "application/x-www-form-urlencoded")

    def _set_body(self, body: bytes, content_type: str) -> None:
        if self.body is not None:
            raise SpiderError("give a request one of body, data and json")
        self.body = body
        self.headers = {"Content-Type": content_type, **(self.headers or {})}
        if self.method == "GET":
            self.method = "POST"

    @classmethod
    def of_link(cls, url: str, callback: str, session: str | None, link: Any = None) -> Request:
        """A plain GET of a URL that is already absolute and checked: the quick way for links of a page.

        Args:
            link: The element that was followed; its text is looked at only when somebody asks.
        """
        self = cls.__new__(cls)
        self.url, self.callback, self.session = url, callback, session
        self.method = "GET"
        self.headers = self.cookies = self.cb_kwargs = self.body = None
        self.errback, self.link = "", link
        self.meta = {}
        self.priority = self.depth = 0
        self.dont_filter = False
        self.handle_httpstatus_list = ()
        return self

    @property
    def link_text(self) -> str:
        """Text of the link that led here, or ""."""
        return self._about_link()[0]

    @property
    def link_rel(self) -> str:
        """Its rel attribute, or ""."""
        return self._about_link()[1]

    def _about_link(self) -> tuple[str, str]:
        if not isinstance(self.link, tuple):
            self.link = about_link(self.link) if self.link is not None else ("", "")
        return self.link

    def extras(self) -> str:
        """All that a plain GET does not need, as compact JSON; "" for a plain GET.

        Raises:
            SpiderError: A value in meta or cb_kwargs is not JSON-able.
        """
        found: dict[str, Any] = {}
        for key in ("headers", "cookies", "cb_kwargs", "meta", "errback", "dont_filter"):
            if value := getattr(self, key):
                found[key] = value
        if self.method != "GET":
            found["method"] = self.method
        if self.body is not None:
            found["body"] = self.body.decode("latin-1")
        if not found:
            return ""
        try:
            return json_module.dumps(found, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise SpiderError(f"Request({self.url!r}): meta and cb_kwargs must be JSON-able: {error}") from None

    @classmethod
    def restore(cls, url: str, *, callback: str, session: str, priority: int, depth: int, extras: str) -> Request:
        """The request of a frontier row. *extras* is data: nothing in it is imported or called.

        Raises:
            SpiderError: It is not what `extras` gave: the row was tampered with, or belongs to another version.
        """
        self = cls.of_link(url, callback, session)
        self.priority, self.depth = priority, depth
        if extras:
            try:
                self._take(json_module.loads(extras))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise SpiderError(
                    f"the stored request for {redact(url)} cannot be read: {type(error).__name__}"
                ) from None
        return self

    def _take(self, found: Any) -> None:
        self.method = str(found.get("method", "GET"))
        self.headers, self.cookies = _texts(found.get("headers")), _texts(found.get("cookies"))
        self.cb_kwargs = {str(name): value for name, value in (found.get("cb_kwargs") or {}).items()} or None
        self.meta = dict(found.get("meta") or {})
        self.errback = str(found.get("errback", ""))
        self.dont_filter = bool(found.get("dont_filter", False))
        self.body = found["body"].encode("latin-1") if "body" in found else None
        self.handle_httpstatus_list = tuple(self.meta.get("handle_httpstatus_list", ()))

    def replace(self, **changes: Any) -> Request:
        """A copy with some attributes changed (``url``, ``dont_filter``, ``priority`` ...)."""
        twin = Request.__new__(Request)
        for name in Request.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.meta = dict(self.meta)
        for name, value in changes.items():
            if name not in Request.__slots__:
                raise SpiderError(f"Request has no attribute {name!r}")
            if name in ("callback", "errback"):
                value = method_name(value)
            setattr(twin, name, absolute("", value).partition("#")[0] if name == "url" else value)
        return twin

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}>"


def _texts(found: Any) -> dict[str, str] | None:
    return {str(name): str(value) for name, value in found.items()} if found else None


def method_name(callback: Callback) -> str:
    """The name under which a callback is stored; "" for None.

    Raises:
        SpiderError: It cannot be found again by its name after a restart.
    """
    if callback is None:
        return ""
    if isinstance(callback, str):
        return callback
    name = getattr(callback, "__name__", "")
    if not isinstance(callback, MethodType) or not name.isidentifier():
        raise SpiderError(
            f"callback {callback!r}: callbacks are stored by name, so they must be methods of the spider "
            "(self.parse_page, or 'parse_page')"
        )
    return str(name)


class Response(requests.Response):
    """A `requests.Response` with selectors, links and forms. Used by one thread at a time.

    Attributes:
        asked: The `Request` that led here.
        session_name: The session that sent it.
        warnings: What was odd about the page ("tree cut").
        raw_headers: All header lines in their order, as (name, value).
        cache: Of the worker that reads the page: raw link to absolute URL, by base URL.
    """

    asked: Request | None = None
    session_name: str = ""
    raw_headers: list[tuple[str, str]]
    _text: str | None = None
    _selector: Any = None
    _base: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.raw_headers = []
        self.warnings: list[str] = []

    @property
    def status(self) -> int:
        return self.status_code

    @property
    def meta(self) -> dict[str, Any]:
        """The request's `meta`."""
        return self.asked.meta if self.asked is not None else {}

    @property
    def cb_kwargs(self) -> dict[str, Any]:
        return (self.asked.cb_kwargs or {}) if self.asked is not None else {}

    @property
    def body(self) -> bytes:
        """The decoded body (an empty one for None)."""
        return self.content or b""

    @property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """By its Content-Type, or by its first bytes where there is none."""
        kind = self.content_type
        if kind:
            return kind in ("text/html", "application/xhtml+xml")
        return self.body[:512].lstrip()[:1] == b"<"

    @property
    def text(self) -> str:
        """The body as text: by byte order mark, header, meta element, then UTF-8. Never raises."""
        if self._text is None:
            wanted = usable(self.encoding) if self.encoding is not None else None
            if wanted is not None:  # set by the user, as requests allows
                self._text = self.body.decode(wanted, "replace")
            else:
                self._text = to_text(self.headers.get("Content-Type"), self.body)
        return self._text

    @property
    def is_plain_utf8(self) -> bool:
        """Whether a parser may take the bytes as they are (invalid ones are found by the parser)."""
        if self._text is not None or self.body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return False
        return declared(self.headers.get("Content-Type"), self.body) in (None, "utf-8")

    @property
    def selector(self) -> Selector:
        """A parsel Selector over the page, made once."""
        if self._selector is None:
            self._selector, warning = parse(self)
            if warning:
                self.warnings.append(warning)
        return self._selector  # type: ignore[no-any-return]

    def text_bytes(self) -> bytes:
        """The text as UTF-8, without NUL and lone surrogates."""
        return self.text.strip().replace("\x00", "").encode("utf-8", "replace")

    def css(self, query: str) -> SelectorList[Selector]:
        return self.selector.css(query)

    def xpath(self, query: str, **variables: Any) -> SelectorList[Selector]:
        return self.selector.xpath(query, **variables)

    @property
    def base_url(self) -> str:
        """What relative links are relative to: `<base href>` where it is a web URL, else the page's URL."""
        if self._base is None:
            self._base = self.url
            if _BASE_TAG.search(self.body, 0, 16_384):
                try:
                    self._base = absolute(self.url, self.xpath("//base/@href").get(""))
                except InvalidURL:
                    pass
        return self._base

    def urljoin(self, link: str) -> str:
        """The absolute form of a link on this page. Raises InvalidURL."""
        return absolute(self.base_url, link)

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
        found: Iterable[Any] = links or ()
        if css is not None:
            found = raw_results(self.selector, css)
        elif xpath is not None:
            found = self.xpath(xpath)
        of_site, resolve = resolver(self.base_url)
        of_link = Request.of_link
        for link in found:
            href, about = link_target(link)
            url = of_site[href] if href[:1] == "/" else resolve(href)
            if not url:
                continue
            if not kwargs:
                yield of_link(url, name, session, about)
                continue
            request = Request(url, name, session=session, **kwargs)
            request.link = about
            yield request

    def save(self, folder: Path | str, name: str | None = None) -> Path:
        """Write the body to a new file in *folder*; nothing is overwritten.

        Args:
            folder: Made where it is not there. The file is in it, whatever name a server proposes.
            name: None: what the server proposes, or the last part of the address. Cleaned in any case.
        Returns:
            The path of the file: where the name was taken, another one.
        Raises:
            UsageError: The folder is a symbolic link, or no folder.
        """
        from crawler.downloads import name_of, new_file

        wanted = name or name_of(self.url, self.headers.get("Content-Disposition"))
        with new_file(folder, wanted) as (file, path):
            file.write(self.body)
        return path

    def _inherited(self) -> str | None:
        return self.asked.session if self.asked is not None else None

    def form(
        self, css: str | None = None, *, id: str | None = None, name: str | None = None, index: int | None = None
    ) -> Any:
        """The form to fill: the named one; else the one with a password field; else the first (`Form`)."""
        from crawler.forms import find_form

        return find_form(self, css=css, id=id, name=name, index=index)

    def __repr__(self) -> str:
        return f"<Response {self.status_code} {self.url}>"

    def __enter__(self) -> Self:
        return self

"""Request: what to ask for, as plain values that can be stored. `crawler.response` exports it too, with Response."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any
from urllib.parse import urlencode

from crawler.errors import SpiderError
from crawler.habits import refused_meta
from crawler.link_text import about_link
from crawler.outcome import Leased
from crawler.plain_values import packed, unpacked
from crawler.render import Render, render_of
from crawler.url_users import without_user
from crawler.urls import of_spider, redact

Callback = Callable[..., Any] | str | None

SPREAD = "spread"  #: a session name that stands for "the least busy healthy one"
_OF_ITS_OWN = ('"method":', '"headers":', '"cookies":', '"body":')  # keys of `Request.extras`


NO_LINK = "no link: "  #: begins what `follow` puts in place of the URL of a link that cannot be fetched


class Request:
    """What to ask for: plain values, made by a spider, stored by name.

    Args:
        url: Absolute http(s) URL without user name and password; a fragment is dropped.
        callback: A method of the spider, or its name; None means `parse`.
        method: HTTP method.
        headers: Added to the session's.
        body: Bytes or text to send.
        data: A form, sent urlencoded.
        json: Sent as JSON.
        cookies: Sent once, with this request only, to its own origin only.
        cb_kwargs: Keyword arguments for the callback; JSON-able.
        meta: Any JSON-able values; come back as `response.meta`.
        priority: Higher goes first.
        dont_filter: Fetch it even if the frontier knows it, once for each page that gives it. Of one page (or `start`)
            requests for one URL that differ in anything (`cb_kwargs`, `meta`, callback ...) are all fetched.
        errback: A method (or its name) that is called with the error when the request has failed for good, also where
            its host is given up before it is sent; `error.request` and `error.response` (or None) say more.
        session: Name of the session that sends it, or "spread"; None inherits (or the spider's first).
        max_age: Seconds for which a page that an earlier crawl has seen need not be requested again; 0: it is always
            requested. None: as its server says, where `http_cache` is "rfc".
        render: Render it in a browser: True, or a `Render` that says what to wait for and what to do. False: do not;
            None: as the spider says (`Spider.render`).
    Raises:
        InvalidURL: Not an http(s) URL, or one with a user name or a password in it.
        SpiderError: A callback is not a method of a spider (a lambda, a nested function).
    """

    __slots__ = (
        "body",
        "callback",
        "cb_kwargs",
        "cookies",
        "depth",
        "dont_filter",
        "errback",
        "file",
        "headers",
        "link",
        "max_age",
        "meta",
        "method",
        "priority",
        "refreshes",
        "render",
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
        max_age: float | None = None,
        render: Render | bool | None = None,
    ) -> None:
        self.url = of_spider(url)
        self.callback = method_name(callback)
        self.errback = method_name(errback)
        self.method = method.upper()
        self.headers = dict(headers) if headers else None
        self.cookies = dict(cookies) if cookies else None
        self.cb_kwargs = dict(cb_kwargs) if cb_kwargs else None
        self.meta: dict[str, Any] = dict(meta) if meta else {}
        if self.meta:
            self._check_meta()
        self.priority = priority
        self.dont_filter = dont_filter
        self.session = session
        self.max_age = _seconds(max_age)
        self.render = render_of(render)
        self.depth = 0
        self.refreshes: tuple[str, ...] = ()  # pages that led here one after the other, by meta refresh
        self.file: dict[str, Any] | None = None  # what a `crawler.File` has besides the request
        self.link: Any = None  # what was followed: an element, or its text and rel
        self.body = body.encode() if isinstance(body, str) else body
        if json is not None:
            self._set_body(json_module.dumps(json).encode(), "application/json")
        elif data is not None:
            pairs = data.items() if isinstance(data, Mapping) else data
            self._set_body(urlencode(list(pairs), doseq=True).encode(), "application/x-www-form-urlencoded")

    def _check_meta(self) -> None:
        if "playwright" in self.meta:
            raise SpiderError("meta={'playwright': True} has no effect here; instead: Request(url, render=True)")
        if said := refused_meta(self.meta):
            raise SpiderError(said)

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
            link: The element that was followed; its text is read only when asked for.
        """
        self = cls.__new__(cls)
        self.url, self.callback, self.session = url, callback, session
        self.method = "GET"
        self.headers = self.cookies = self.cb_kwargs = self.body = None
        self.errback, self.link = "", link
        self.file = None
        self.meta = {}
        self.priority = self.depth = 0
        self.dont_filter, self.refreshes = False, ()
        self.max_age = self.render = None
        return self

    @property
    def link_text(self) -> str:
        """Text of the link that led here, or ""."""
        return self._about_link()[0]

    @property
    def link_rel(self) -> str:
        """Its rel attribute, or ""; "sent-by-script" is added where it has ``data-method="post"`` or the like."""
        return self._about_link()[1]

    def _about_link(self) -> tuple[str, str]:
        if not isinstance(self.link, tuple):
            self.link = about_link(self.link) if self.link is not None else ("", "")
        return self.link

    @property
    def handle_httpstatus_list(self) -> tuple[int, ...]:
        """Statuses that its callback wants to see, according to its meta: errors, and redirects as they are."""
        if self.meta.get("handle_httpstatus_all") is True:
            return tuple(range(300, 600))
        return tuple(self.meta.get("handle_httpstatus_list", ()))

    @property
    def is_more_than_plain(self) -> bool:
        """Whether it has anything that a plain GET does not."""
        return bool(
            self.method != "GET"
            or self.headers
            or self.cookies
            or self.cb_kwargs
            or self.meta
            or self.errback
            or self.dont_filter
            or self.body is not None
            or self.max_age is not None
            or self.render is not None
            or self.file is not None
            or self.refreshes
        )

    def extras(self) -> str:
        """All that a plain GET does not need, as compact JSON; "" for a plain GET.

        Raises:
            SpiderError: A value in meta or cb_kwargs is not JSON-able.
        """
        if self.meta:
            self._check_meta()  # it may have been filled since
        found: dict[str, Any] = {}
        for key in ("headers", "cookies", "cb_kwargs", "meta", "errback", "dont_filter", "refreshes"):
            if value := getattr(self, key):
                found[key] = value
        if self.method != "GET":
            found["method"] = self.method
        if self.body is not None:
            found["body"] = self.body.decode("latin-1")
        if self.max_age is not None:
            found["max_age"] = self.max_age
        if self.render is not None:
            wanted = render_of(self.render)
            found["render"] = wanted.dump() if isinstance(wanted, Render) else False
        if self.file is not None:
            found["file"] = self._packed_file(self.file)
        if not found:
            return ""
        try:
            return json_module.dumps(found, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise SpiderError(f"Request({self.url!r}): meta and cb_kwargs must be JSON-able: {error}") from None

    def _packed_file(self, file: dict[str, Any]) -> Any:
        try:
            return packed(file)
        except TypeError as error:
            raise SpiderError(f"File({self.url!r}): {error}") from None

    @classmethod
    def of_row(cls, row: Leased) -> Request:
        """The request of a row of the frontier; its extras are data: nothing in them is imported or called.

        Raises:
            SpiderError: They are not what `extras` returned: the row was tampered with, or belongs to another version.
        """
        self = cls.of_link(without_user(row.url), row.callback, row.session)  # an older version kept them
        self.priority, self.depth = row.priority, row.depth
        if row.extras:
            self._take(row.extras)
        return self

    @classmethod
    def restore(cls, url: str, *, callback: str, session: str, priority: int, depth: int, extras: str) -> Request:
        """`of_row`, from the fields of a row."""
        self = cls.of_link(without_user(url), callback, session)
        self.priority, self.depth = priority, depth
        if extras:
            self._take(extras)
        return self

    def _take(self, extras: str) -> None:
        try:
            self._take_values(json_module.loads(extras))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            why = f"the stored request for {redact(self.url)} cannot be read: {type(error).__name__}"
            raise SpiderError(why) from None

    def _take_values(self, found: Any) -> None:
        self.method = str(found.get("method", "GET"))
        self.headers, self.cookies = _texts(found.get("headers")), _texts(found.get("cookies"))
        self.cb_kwargs = {str(name): value for name, value in (found.get("cb_kwargs") or {}).items()} or None
        self.meta = dict(found.get("meta") or {})
        self.errback = str(found.get("errback", ""))
        self.dont_filter = bool(found.get("dont_filter", False))
        self.refreshes = tuple(map(str, found.get("refreshes") or ()))
        self.file = unpacked(found["file"]) if "file" in found else None
        self.body = found["body"].encode("latin-1") if "body" in found else None
        self.max_age = _seconds(found.get("max_age"))
        self.render = render_of(found.get("render"))

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
            if name == "render":
                value = render_of(value)
            setattr(twin, name, of_spider(value) if name == "url" else value)
        return twin

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}>"


def _seconds(max_age: Any) -> float | None:
    """*max_age* as a number, or None.

    Raises:
        SpiderError: It is not a number, or below 0.
    """
    if max_age is None:
        return None
    if isinstance(max_age, bool) or not isinstance(max_age, int | float) or not max_age >= 0:
        raise SpiderError(f"max_age={max_age!r}: give seconds, 0 or more, or None")
    return float(max_age)


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


def plain_url(row: Leased) -> str:
    """The URL of a row, where a GET that has no headers, cookies and body of its own requests it; else ""."""
    return "" if row.extras and any(each in row.extras for each in _OF_ITS_OWN) else row.url

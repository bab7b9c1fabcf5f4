"""What requests and its users do with a cookie jar, in terms of a few primitives of ours.

`session.cookies` stays what they know: a mapping that is a `RequestsCookieJar` and an `http.cookiejar.CookieJar`. All
that those classes do to a store of their own is redirected here and in `mapping`, so that there is no second one.
"""

from __future__ import annotations

from abc import abstractmethod
from http.cookiejar import Cookie as HttpCookie
from http.cookiejar import CookiePolicy, DefaultCookiePolicy
from typing import Any, NoReturn

from requests.cookies import RequestsCookieJar

from crawler.sessions.cookies.cookie_records import to_http
from crawler.sessions.cookies.mapping import JarMapping
from crawler.sessions.cookies.rules import from_wire, to_wire
from crawler.sessions.cookies.scope import domain_match, origin_and_path_start


class JarFacade(JarMapping):
    """The interface of requests on top of a mapping, `receive`, `header` and `ticket`."""

    @abstractmethod
    def receive(self, url: str, lines: Any, *, ticket: int | None = None, date: str | None = None) -> Any:
        """Take in the Set-Cookie lines of one answer."""

    @abstractmethod
    def header(self, url: str) -> str:
        """The Cookie header for *url*."""

    @abstractmethod
    def ticket(self) -> int:
        """A number for a request that starts."""

    # --- what requests calls on the way of a request ---

    def set_cookie(self, cookie: HttpCookie, *_: Any, **__: Any) -> None:
        """Set a cookie made by http.cookiejar or requests. Raises ValueError as `set` does."""
        self.put(cookie)

    def set_cookie_if_ok(self, cookie: HttpCookie, request: Any) -> None:
        """Set *cookie* if its domain is that of the request. Raises ValueError as `set` does."""
        origin, _ = origin_and_path_start(request.get_full_url())
        if origin is not None and domain_match(origin.host, cookie.domain.removeprefix(".")):
            self.put(cookie)

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take in what *response* sets: called by requests for each answer."""
        headers = response.info()
        lines = [from_wire(line) for line in headers.get_all("Set-Cookie") or ()]
        if lines:
            ticket = getattr(getattr(request, "_r", None), "cookie_ticket", None)
            self.receive(request.get_full_url(), lines, ticket=ticket, date=headers.get("Date"))

    def make_cookies(self, response: Any, request: Any) -> list[HttpCookie]:
        """The cookies that *response* would leave in an empty jar."""
        empty = type(self)()
        empty.extract_cookies(response, request)
        return [to_http(cookie) for cookie in empty.cookies()]

    def add_cookie_header(self, request: Any) -> None:
        """Give *request* its Cookie header: called by requests when it prepares one."""
        prepared = getattr(request, "_r", None)
        if prepared is not None:
            prepared.cookie_ticket = self.ticket()  # so that `extract_cookies` knows which of two answers is newer
        text = self.header(request.get_full_url())
        if text and not request.has_header("Cookie"):
            request.add_unredirected_header("Cookie", to_wire(text).decode("latin-1"))

    def get_policy(self) -> CookiePolicy:
        """A policy for those who ask; the jar does not follow it."""
        return DefaultCookiePolicy()

    def set_policy(self, policy: CookiePolicy) -> NoReturn:
        """Refused: raises TypeError rather than follow other rules than those asked for."""
        raise TypeError("this jar keeps cookies by RFC 6265bis; it cannot follow another policy")

    # --- copies ---

    def __copy__(self) -> RequestsCookieJar:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> RequestsCookieJar:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a jar holds secrets and cannot be pickled; use dump() and load()")

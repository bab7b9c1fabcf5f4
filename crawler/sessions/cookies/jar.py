"""The cookies of one session, cut into sites (registrable domains): a look-up costs the same with 1,000 as with one.

A `Jar` is what a session keeps in ``session.cookies``. To requests and its users it is a `RequestsCookieJar` (see
`JarFacade`); the crawl itself calls three methods::

    number = jar.ticket()                        # when a request starts
    text = jar.header(url)                       # its Cookie header
    jar.receive(url, lines, ticket=number)       # what its answer sets

The ticket keeps answers in order: what an answer to an older request says never overwrites what an answer to a newer
one said about the same cookie, a deletion included. After `fresh` or `clear`, answers to older requests are ignored.

A cookie that the user sets without a domain belongs to the first host of the session (`bind`, or the first one asked),
host-only, and is never sent to another.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http.cookiejar import Cookie as HttpCookie
from http.cookiejar import CookieJar
from typing import NamedTuple

from crawler.clock import unix_now
from crawler.sessions.cookie_secrets import COOKIES
from crawler.sessions.cookies.cookie_records import Record, from_http, from_record, to_record
from crawler.sessions.cookies.dates import parse_cookie_date
from crawler.sessions.cookies.facade import JarFacade
from crawler.sessions.cookies.rules import Cookie, cookie_from
from crawler.sessions.cookies.scope import CookieScope, origin_and_path_start, path_from
from crawler.sessions.cookies.site_cookies import CookieChange
from crawler.sessions.cookies.sites import Sites
from crawler.urls import redact, site_of

_log = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """How many records `Jar.load` has taken in, found expired, and found invalid."""

    kept: int
    expired: int
    invalid: int


def _at(home: CookieScope, cookie: Cookie) -> Cookie:
    """*cookie* as it belongs to *home* alone."""
    return replace(cookie, domain=home.host, host_only=True)


def _place(url_or_host: str) -> CookieScope:
    origin, _ = origin_and_path_start(url_or_host if "://" in url_or_host else f"https://{url_or_host}")
    if origin is None:
        raise ValueError(f"neither an http(s) URL nor a host: {redact(url_or_host[:200])!r}")
    return origin


class Jar(JarFacade):
    """The cookies of one session. Safe from any thread.

    Args:
        clock: Seconds since 1970.
        home: URL or host to which cookies without a domain belong; by default the first one asked for.
    """

    def __init__(self, *, clock: Callable[[], float] = unix_now, home: str | None = None) -> None:
        # The initialisers of http.cookiejar are not called: they would make a second store and a policy.
        self._clock = clock
        self._tickets = itertools.count(1)
        self._sites = Sites()
        self._lock = threading.Lock()  # guards the fields below; never held with that of a site
        self._homeless: dict[tuple[str, str], Cookie] = {}  # by name and path: set before the home was known
        self._home: CookieScope | None = None
        if home is not None:
            self.bind(home)

    # --- the way of a request ---

    def ticket(self) -> int:
        """A number for a request that starts, higher than all before it."""
        return next(self._tickets)

    def header(self, url: str, *, now: float | None = None) -> str:
        """The Cookie header for *url*: "" for none, at most 64 KiB with its name (8,190 bytes after `shorten`).

        The text is what the cookies say; on the wire it is UTF-8, which `rules.to_wire` makes of it. Clients that write
        headers as latin-1 take ``header(url).encode("utf-8", "surrogateescape").decode("latin-1")``.

        Args:
            url: As it will be sent. One that is not http or https has no cookies.
            now: Seconds since 1970; by default the clock's.
        """
        origin, path_start = origin_and_path_start(url)
        if origin is None:
            return ""
        if self._home is None or self._homeless:
            self._settle(origin)
        site = self._sites.get(origin.site)
        if site is None:
            return ""
        return site.header(origin, url, path_start, self._clock() if now is None else now)

    def shorten(self, url: str, short: bool = True) -> None:
        """The host of *url* has refused a long Cookie header: send it less from now on; False takes that back."""
        origin, _ = origin_and_path_start(url)
        if origin is not None:
            self._sites.site(origin.site).shorten(origin, short)

    def receive(
        self,
        url: str,
        lines: Iterable[str],
        *,
        ticket: int | None = None,
        date: str | None = None,
        now: float | None = None,
    ) -> list[CookieChange]:
        """Take in what one answer sets.

        Args:
            url: Of the request that was answered (of this hop, where redirects are followed).
            lines: The values of its Set-Cookie headers, in order, decoded as UTF-8 (see `from_wire`).
            ticket: Number that the request took when it started. None: it counts as the newest.
            date: The answer's Date header. Expires is moved by what the server's clock is off.
            now: Seconds since 1970; by default the clock's.
        Returns:
            What has changed. An end that moved on by less than a hundredth of the lifetime is kept, not reported.
            What was refused is logged at DEBUG. Never raises for what a server says.
        """
        if not lines:
            return []
        origin, path_start = origin_and_path_start(url)
        if origin is None:
            return []
        if self._home is None:
            self._settle(origin)
        moment = self._clock() if now is None else now
        number = self.ticket() if ticket is None else ticket
        server_now = parse_cookie_date(date) if date else None
        lead_s = 0.0 if server_now is None else moment - server_now
        path = path_from(url, path_start)
        cookies, refused = [], []
        for line in [lines] if isinstance(lines, str) else lines:
            made = cookie_from(line, origin, path, now=moment, clock_lead_s=lead_s, ticket=number)
            if isinstance(made, Cookie):
                cookies.append(made)
                COOKIES.remember(id(self), made.domain, made.name, made.value)
            else:
                refused.append(f"{line.partition('=')[0][:80]!r}: {made}" if "=" in line else made)
        changes: list[CookieChange] = []
        if cookies:
            changes, late = self._sites.site(origin.site).receive(cookies, now=moment, secure=origin.secure)
            refused += late
        for refusal in refused:
            _log.debug("a cookie of %s was not kept: %s", origin.host, refusal)
        return self._sites.changed(changes)

    # --- whose cookies they are ---

    def bind(self, url_or_host: str) -> None:
        """Say to which host the cookies belong that the user sets, or has set, without a domain.

        Raises:
            ValueError: It is neither an http(s) URL nor a host.
        """
        origin = _place(url_or_host)
        with self._lock:
            self._home = origin
        self._settle(origin)

    @property
    def home(self) -> str | None:
        """The host to which cookies without a domain belong, None while it is not known."""
        return None if self._home is None else self._home.host

    def _settle(self, origin: CookieScope) -> None:
        """Make *origin* the home if there is none, and let the waiting cookies in there.

        Threads that come at the same time all let them in, which changes nothing: none may go on before it is done.
        """
        with self._lock:
            if self._home is None:
                self._home = origin
            home, waiting = self._home, dict(self._homeless)
        for cookie in waiting.values():
            self._put(_at(home, cookie), self._clock(), replaces=lambda _: True)
        if waiting:
            with self._lock:
                for key, cookie in waiting.items():
                    if self._homeless.get(key) is cookie:
                        del self._homeless[key]

    # --- what users and requests do ---

    def cookies(self) -> list[Cookie]:
        """All cookies that have not expired, site by site, each site in the order of creation."""
        with self._lock:
            waiting = list(self._homeless.values())
        now = self._clock()
        return [cookie for cookie in waiting if not cookie.expired(now)] + [
            cookie for site in self._sites.all() for cookie in site.cookies(now)
        ]

    def put(self, cookie: HttpCookie) -> None:
        """Set a cookie for the user; answers to requests that have already started do not overwrite it.

        Raises:
            ValueError: It could not be sent as it is. Says why, not the value.
        """
        now = self._clock()
        made = from_http(cookie, now=now, ticket=self.ticket())
        # A domain without a dot says nothing about subdomains: the cookie that is there decides, if there is one.
        replaces = None if made.host_only or cookie.domain.startswith(".") else lambda old: old.domain == made.domain
        self._put(made, now, replaces)

    def _put(self, cookie: Cookie, now: float, replaces: Callable[[Cookie], bool] | None = None) -> None:
        COOKIES.remember(id(self), cookie.domain, cookie.name, cookie.value)
        if cookie.domain:
            self._sites.changed(self._sites.site(site_of(cookie.domain)).put(cookie, now, replaces=replaces))
            return
        home = self._home
        if home is not None:
            self._put(_at(home, cookie), now, replaces=lambda _: True)
            return
        with self._lock:
            self._homeless[cookie.name, cookie.path] = cookie
        self._sites.changed([CookieChange("set", cookie)])

    def update(self, other: CookieJar | Mapping[str, str]) -> None:  # type: ignore[override]
        """Set all cookies of another jar or mapping. Raises ValueError at the first that could not be sent as it is."""
        if other is self:
            return
        if isinstance(other, Jar):
            now = self._clock()
            for cookie in other.cookies():
                self._put(replace(cookie, ticket=self.ticket()), now)
        elif isinstance(other, CookieJar):
            for shown in other:
                self.put(shown)
        else:
            for name, value in dict(other).items():
                self.set(name, value)

    def discard(self, which: Callable[[Cookie], bool]) -> int:
        """Remove the cookies for which *which* is true; answers to older requests do not bring them back.

        Returns:
            How many there were.
        """
        number = self.ticket()
        with self._lock:
            doomed = [key for key, cookie in self._homeless.items() if which(cookie)]
            changes = [CookieChange("deleted", self._homeless.pop(key)) for key in doomed]
        for site in self._sites.all():
            changes += site.remove(which, ticket=number)
        return len(self._sites.changed(changes))

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """As `JarFacade.clear`; without arguments, answers to earlier requests are ignored."""
        if domain is None and path is None and name is None:
            self._sites.raise_floor(self.ticket())
        super().clear(domain, path, name)

    # --- keeping ---

    @property
    def version(self) -> int:
        """A number that rises with every change (not with the end of a cookie's time)."""
        return self._sites.version

    def dump(self) -> list[Record]:
        """All cookies as records for JSON, session cookies included: nothing but tickets is lost."""
        return [to_record(cookie) for cookie in self.cookies()]

    def load(self, records: Iterable[object], now: float | None = None) -> Loaded:
        """Take in what `dump` gave. What has expired at *now*, or could not be sent as it is, is left out."""
        moment = self._clock() if now is None else now
        number = self.ticket()
        kept = expired = invalid = 0
        for record in records:
            try:
                cookie = from_record(record, ticket=number)
            except ValueError as error:
                _log.debug("a stored cookie was left out: %s", error)
                invalid += 1
                continue
            if cookie.expired(moment):
                expired += 1
            else:
                kept += 1
                self._put(cookie, moment)
        return Loaded(kept, expired, invalid)

    def fresh(self, *, keep_other_than: str | None = None) -> Jar:
        """A jar for a new login: same clock and home, no cookies, and answers to earlier requests are ignored.

        Args:
            keep_other_than: Host or URL; the cookies of all other sites are taken over.
        Raises:
            ValueError: It is neither a host nor an http(s) URL.
        """
        left = None if keep_other_than is None else _place(keep_other_than)
        jar = Jar(clock=self._clock)
        number = self.ticket()
        jar._tickets, jar._home = self._tickets, self._home
        if left is None:
            jar._sites = Sites(number, self.version + 1)
            return jar
        jar._sites = self._sites.copy()
        jar._sites.version += 1
        jar._sites.forget(left.site, number)
        return jar

    def copy(self) -> Jar:
        """Another jar with the same cookies, home and tickets."""
        jar = Jar(clock=self._clock)
        with self._lock:
            jar._tickets, jar._home, jar._homeless = self._tickets, self._home, dict(self._homeless)
        jar._sites = self._sites.copy()
        return jar

    def __repr__(self) -> str:
        cookies = self.cookies()
        return f"<Jar: {len(cookies)} cookies of {len({site_of(c.domain) for c in cookies if c.domain})} sites>"

    __str__ = __repr__

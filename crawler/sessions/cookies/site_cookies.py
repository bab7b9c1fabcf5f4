"""The cookies of one site (registrable domain): what is kept, what is sent where, what makes room.

A Cookie header is looked up, not built: per host and scheme there is a `View` of the cookies that can go there. A view
is thrown away when a cookie of the site changes, and checked against the clock at each look-up.

When a domain has too many cookies, those go first that are expired, then those that are not Secure (so that http
cannot push out what https has set), and among them: never sent and not among the newest, oldest first; then the least
recently sent, and of those sent together the newest. A server that sets 50 new cookies on each page pushes out
those, and the session cookie from before stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.cookies.deleted import Deleted
from crawler.sessions.cookies.rules import Cookie
from crawler.sessions.cookies.scope import CookieScope, path_from, path_match
from crawler.sessions.cookies.view import MAX_HEADER_BYTES, SHORT_HEADER_BYTES, Key, View, key_of

MAX_DOMAIN_COOKIES: Final = 180
MAX_SITE_COOKIES: Final = 3_600  # subdomains without number must not fill the memory

_NEWEST: Final = 50  # this many cookies that were just set stay, even if never sent. Source: RFC 6265bis section 6.1
_MAX_VIEWS: Final = 1_024  # hosts of one site
_SLIDE: Final = 0.01  # an end that moved by less than this part of the lifetime is not worth a snapshot


@quick_dataclass
class CookieChange:
    """One thing that happened to the cookies of a site.

    Attributes:
        kind: ``"set"``, ``"deleted"`` (by the server, by the user, or since it ended) or ``"evicted"`` (no room).
        cookie: As it is now, or as it was.
    """

    kind: str
    cookie: Cookie


class _Kept(NamedTuple):
    """A cookie and the end that was last reported."""

    cookie: Cookie
    told: float | None


class SiteCookies:
    """The cookies of one site. Safe from any thread.

    Args:
        floor: Answers to requests with a lower ticket are ignored: they were sent before the cookies were cleared.
    """

    __slots__ = (
        "_by_domain",
        "_deleted",
        "_lock",
        "_next_end",
        "_order",
        "_sent_at",
        "_short",
        "_views",
        "count",
    )

    def __init__(self, floor: int = 0) -> None:
        self._lock = threading.Lock()  # guards all below; views are read without it, and replaced, never emptied
        self._by_domain: dict[str, dict[Key, _Kept]] = {}
        self._views: dict[CookieScope, View] = {}
        self._short: frozenset[CookieScope] = frozenset()  # hosts that have refused a long Cookie header
        self._sent_at: dict[Key, float] = {}  # up to the last change; what came after stands in the views
        self._deleted = Deleted(floor)
        self._next_end = float("inf")  # no cookie ends before
        self._order = 0
        self.count = 0

    # --- sending ---

    def header(self, origin: CookieScope, url: str, path_start: int, now: float) -> str:
        """The Cookie header for *url*, "" for none; at most `MAX_HEADER_BYTES` on the wire, or what `shorten` says.

        Args:
            origin: Of the URL, as is *path_start*: see `origin_and_path_start`.
            now: Seconds since 1970.
        """
        view = self._views.get(origin)
        if view is None or now >= view.until:
            view = self._view(origin, now)
        header = view.header(path_from(url, path_start) if view.paths else "/")
        header.last_used = now
        return header.text

    def _view(self, origin: CookieScope, now: float) -> View:
        with self._lock:
            self._bury_expired(now)
            if len(self._views) >= _MAX_VIEWS:
                self._forget_views()
            fitting = [c for c in self._reaching(origin.host) if origin.secure or not c.secure]
            most_bytes = SHORT_HEADER_BYTES if origin in self._short else MAX_HEADER_BYTES
            view = self._views[origin] = View(fitting, most_bytes)
            return view

    def shorten(self, origin: CookieScope, short: bool) -> None:
        """From now on send *origin* at most `SHORT_HEADER_BYTES`, or as much as others."""
        with self._lock:
            self._short = self._short | {origin} if short else self._short - {origin}
            self._forget_views()

    def _reaching(self, host: str) -> Iterator[Cookie]:
        domain, own = host, True
        while domain:
            for kept in self._by_domain.get(domain, {}).values():
                if own or not kept.cookie.host_only:
                    yield kept.cookie
            domain, own = domain.partition(".")[2], False

    # --- receiving ---

    def receive(self, cookies: Iterable[Cookie], *, now: float, secure: bool) -> tuple[list[CookieChange], list[str]]:
        """Take in the cookies of one answer, in their order.

        Args:
            cookies: Made by `cookie_from`, so with the ticket of their request.
            now: Seconds since 1970.
            secure: Whether the answer came over https.
        Returns:
            What has changed, and why cookies were left out (text without secrets).
        """
        changes: list[CookieChange] = []
        refused: list[str] = []
        with self._lock:
            kept_safe = {} if secure else _secure_by_name(self._all(), now)
            for cookie in cookies:
                if self._is_late(cookie):
                    refused.append(f"{cookie.name!r}: the answer to a newer request has decided about it")
                elif kept_safe and not cookie.secure and _would_hide(cookie, kept_safe.get(cookie.name, ())):
                    refused.append(f"{cookie.name!r}: a Secure cookie of that name exists")
                else:
                    changes += self._store(cookie, now)
            changes += self._make_room({change.cookie.domain for change in changes}, now)
        return changes, refused

    def _is_late(self, cookie: Cookie) -> bool:
        kept = self._by_domain.get(cookie.domain, {}).get(key := key_of(cookie))
        return self._deleted.is_late(key, cookie.ticket, kept.cookie.ticket if kept is not None else None)

    def put(
        self, cookie: Cookie, now: float, *, replaces: Callable[[Cookie], bool] | None = None
    ) -> list[CookieChange]:
        """Set a checked cookie for the user.

        Args:
            cookie: Made by `checked`; its ticket is that of the moment when the user set it.
            now: Seconds since 1970.
            replaces: A cookie of the same name and path for which this is true hands its domain to the new one, so
                that a value set by hand replaces the one of the server instead of standing beside it.
        """
        with self._lock:
            if replaces is not None and key_of(cookie) not in self._by_domain.get(cookie.domain, {}):
                for old in self._reaching(cookie.domain):
                    if (old.name, old.path) == (cookie.name, cookie.path) and replaces(old):
                        cookie = replace(cookie, domain=old.domain, host_only=old.host_only)
                        break
            return [] if self._is_late(cookie) else [*self._store(cookie, now), *self._make_room({cookie.domain}, now)]

    def _store(self, cookie: Cookie, now: float) -> list[CookieChange]:
        key = key_of(cookie)
        kept = self._by_domain.get(cookie.domain, {}).get(key)
        if kept is not None and kept.cookie.expired(now):
            self._remove(key, ticket=kept.cookie.ticket)
            kept = None
        if cookie.expired(now):
            self._deleted.note(key, cookie.ticket)
            return [] if kept is None else [CookieChange("deleted", self._remove(key, ticket=cookie.ticket))]
        shelf = self._by_domain.setdefault(cookie.domain, {})
        if cookie.expires is not None:
            self._next_end = min(self._next_end, cookie.expires)
        if kept is None:
            self._order += 1
            self.count += 1
            cookie = replace(cookie, order=self._order)
            shelf[key] = _Kept(cookie, cookie.expires)
            if cookie.last_used > cookie.created:  # loaded: it has been sent in an earlier life
                self._sent_at[key] = cookie.last_used
            self._forget_views()
            return [CookieChange("set", cookie)]
        old = kept.cookie
        cookie = replace(cookie, created=old.created, order=old.order)
        alike = (cookie.value, cookie.secure, cookie.http_only, cookie.same_site) == (
            old.value,
            old.secure,
            old.http_only,
            old.same_site,
        )
        if alike and _slid(kept, cookie.expires, now):
            shelf[key] = _Kept(cookie, kept.told)
            return []
        shelf[key] = _Kept(cookie, cookie.expires)
        if not alike or old.expires != cookie.expires:
            self._forget_views()
        return [CookieChange("set", cookie)]

    def _make_room(self, domains: Iterable[str], now: float) -> list[CookieChange]:
        """Evict the surplus in *domains* and in the whole site: once for all cookies of an answer."""
        full = [domain for domain in domains if len(self._by_domain.get(domain, ())) > MAX_DOMAIN_COOKIES]
        if not full and self.count <= MAX_SITE_COOKIES:
            return []
        self._bury_expired(now)
        changes = []
        for domain in full:
            shelf = self._by_domain.get(domain, {})
            changes += self._evict((kept.cookie for kept in shelf.values()), len(shelf) - MAX_DOMAIN_COOKIES)
        changes += self._evict(self._all(), self.count - MAX_SITE_COOKIES)
        return changes

    def _evict(self, cookies: Iterable[Cookie], surplus: int) -> list[CookieChange]:
        """Remove *surplus* of the cookies, if any."""
        if surplus <= 0:
            return []
        by_age = sorted(cookies, key=lambda cookie: cookie.order)
        newest = by_age[-_NEWEST:][0].order

        def rank(cookie: Cookie) -> tuple[bool, int, float, int]:
            sent_at = self._sent_at.get(key_of(cookie))
            if sent_at is not None:
                return cookie.secure, 1, sent_at, -cookie.order
            return cookie.secure, 0 if cookie.order < newest else 2, 0.0, cookie.order

        doomed = sorted(by_age, key=rank)[:surplus]
        return [CookieChange("evicted", self._remove(key_of(each), ticket=0)) for each in doomed]

    # --- removing ---

    def remove(self, which: Callable[[Cookie], bool], *, ticket: int) -> list[CookieChange]:
        """Remove the cookies for which *which* is true; older answers than *ticket* do not bring them back."""
        with self._lock:
            doomed = [cookie for cookie in self._all() if which(cookie)]
            return [CookieChange("deleted", self._remove(key_of(cookie), ticket=ticket)) for cookie in doomed]

    def raise_floor(self, ticket: int) -> None:
        """From now on ignore answers to requests older than *ticket*."""
        with self._lock:
            self._deleted.raise_floor(ticket)

    def _remove(self, key: Key, *, ticket: int) -> Cookie:
        shelf = self._by_domain[key[0]]
        cookie = shelf.pop(key).cookie
        if not shelf:
            del self._by_domain[key[0]]
        self.count -= 1
        self._deleted.note(key, max(ticket, cookie.ticket))
        self._forget_views()
        self._sent_at.pop(key, None)
        return cookie

    def _bury_expired(self, now: float) -> None:
        if now < self._next_end:
            return
        for cookie in [cookie for cookie in self._all() if cookie.expired(now)]:
            self._remove(key_of(cookie), ticket=cookie.ticket)
        self._next_end = min((c.expires for c in self._all() if c.expires is not None), default=float("inf"))

    # --- looking ---

    def cookies(self, now: float) -> list[Cookie]:
        """All cookies that have not expired at *now*, in the order of their creation, with their last use."""
        with self._lock:
            self._bury_expired(now)
            self._note_sent(self._views)
            sent_at = self._sent_at
            found = [
                replace(cookie, last_used=sent)
                if (sent := sent_at.get(key_of(cookie), 0.0)) > cookie.last_used
                else cookie
                for cookie in self._all()
            ]
        return sorted(found, key=lambda cookie: cookie.order)

    def _all(self) -> Iterator[Cookie]:
        for shelf in self._by_domain.values():
            for kept in shelf.values():
                yield kept.cookie

    def _forget_views(self) -> None:
        if self._views:
            views, self._views = self._views, {}
            self._note_sent(views)

    def _note_sent(self, views: dict[CookieScope, View]) -> None:
        sent = [header for view in views.values() for header in view.headers() if header.last_used]
        for header in sorted(sent, key=lambda header: header.last_used):
            self._sent_at.update(dict.fromkeys(header.keys, header.last_used))

    def copy(self) -> SiteCookies:
        """A site of its own with the same cookies."""
        twin = SiteCookies()
        with self._lock:
            self._note_sent(self._views)
            twin._by_domain = {domain: dict(shelf) for domain, shelf in self._by_domain.items()}
            twin._short = self._short
            twin._sent_at, twin._deleted = dict(self._sent_at), self._deleted.copy()
            twin._next_end, twin._order, twin.count = self._next_end, self._order, self.count
        return twin


def _slid(kept: _Kept, end: float | None, now: float) -> bool:
    """Whether an end only moved on, by less than is worth reporting."""
    before, told = kept.cookie.expires, kept.told
    if before is None or told is None or end is None:
        return before is end
    return told <= before <= end <= told + (end - now) * _SLIDE


def _secure_by_name(cookies: Iterable[Cookie], now: float) -> dict[str, list[Cookie]]:
    found: dict[str, list[Cookie]] = {}
    for cookie in cookies:
        if cookie.secure and not cookie.expired(now):
            found.setdefault(cookie.name, []).append(cookie)
    return found


def _would_hide(cookie: Cookie, kept_safe: Iterable[Cookie]) -> bool:
    """Leave-secure-alone. Source: RFC 6265bis section 5.7, step 16."""
    return any(
        (f".{old.domain}".endswith(f".{cookie.domain}") or f".{cookie.domain}".endswith(f".{old.domain}"))
        and path_match(cookie.path, old.path)
        for old in kept_safe
    )

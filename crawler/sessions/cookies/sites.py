"""The sites (registrable domains) that a jar has cookies of, and how often any of them has changed."""

from __future__ import annotations

import threading

from crawler.sessions.cookies.site_cookies import CookieChange, SiteCookies


class Sites:
    """The cookies of a session by site. Safe from any thread; each site guards its own cookies.

    Args:
        floor: Answers to requests with a lower ticket are ignored by every site added later.
        version: A number that rises with every change (not with the end of a cookie's time).
    """

    def __init__(self, floor: int = 0, version: int = 0) -> None:
        self._lock = threading.Lock()  # guards all below; never held with that of a site
        self._by_name: dict[str, SiteCookies] = {}
        self._floor = floor
        self.version = version

    def get(self, name: str) -> SiteCookies | None:
        """The cookies of a site, None where there never were any."""
        return self._by_name.get(name)

    def site(self, name: str) -> SiteCookies:
        """The cookies of a site."""
        with self._lock:
            found = self._by_name.get(name)
            if found is None:
                found = self._by_name[name] = SiteCookies(self._floor)
            return found

    def all(self) -> list[SiteCookies]:
        """Every site."""
        with self._lock:
            return list(self._by_name.values())

    def changed(self, changes: list[CookieChange]) -> list[CookieChange]:
        """Count *changes* and return them."""
        if changes:
            with self._lock:
                self.version += 1
        return changes

    def raise_floor(self, ticket: int) -> None:
        """From now on ignore answers to requests older than *ticket*, at every site."""
        with self._lock:
            self._floor = ticket
        for site in self.all():
            site.raise_floor(ticket)

    def copy(self) -> Sites:
        """A copy with the same cookies."""
        with self._lock:
            found, twin = dict(self._by_name), Sites(self._floor, self.version)
        twin._by_name = {name: site.copy() for name, site in found.items()}
        return twin

    def forget(self, name: str, ticket: int) -> None:
        """No cookie of the site *name* is left, and answers to requests older than *ticket* bring none back."""
        with self._lock:
            self._by_name[name] = SiteCookies(ticket)

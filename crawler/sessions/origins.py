"""Where a session's credentials may go: a list of origins, asked before anything secret is sent.

An origin is scheme, host and port. Cookies follow their own rules (`sessions.cookies.jar`); this list is for auth and
headers.
"""

from __future__ import annotations

from collections.abc import Iterable

from crawler.errors import InvalidURL
from crawler.urls import absolute, host_of, origin_of, site_of

SURVIVES_ORIGIN = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "dnt",
        "if-modified-since",
        "if-none-match",
        "pragma",
        "range",
        "upgrade-insecure-requests",
        "user-agent",
    }
)
"""Headers that may travel to an origin that is not the session's; everything else may be a credential."""


class Origins:
    """The sites of one session. Immutable but for `add`; safe from any thread.

    Args:
        urls: Start URLs, login URL and the like: their exact origins are covered, and https on the same host.
        domains: Hosts covered with their subdomains, over https; over http only where a URL of *urls* uses it.
    """

    def __init__(self, urls: Iterable[str] = (), domains: Iterable[str] = ()) -> None:
        self._exact: frozenset[str] = frozenset()
        self._domains = tuple(domain.lower().lstrip(".") for domain in domains if domain)
        self._http = False
        self._known: dict[str, bool] = {}
        for url in urls:
            self.add(url)

    def add(self, url: str) -> None:
        """Cover one more origin; no URL is ignored in silence, InvalidURL is raised."""
        origin = origin_of(absolute("", url))
        scheme, _, rest = origin.partition("://")
        self._http = self._http or scheme == "http"
        more = {origin}
        if origin.endswith(":80") and scheme == "http":
            more.add(f"https://{rest.removesuffix(':80')}:443")  # the one upgrade that keeps credentials
        self._exact |= more
        self._known = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._domains)

    @property
    def first(self) -> str | None:
        """Some covered origin, for cookies that were set without a domain; None when there is none."""
        return min(self._exact, default=None)

    @property
    def sites(self) -> frozenset[str]:
        """The registrable domains of all that is covered."""
        return frozenset(site_of(host) for host in (*map(host_of, self._exact), *self._domains))

    def covers(self, url: str) -> bool:
        """Whether credentials may go to *url*."""
        try:
            origin = origin_of(url)
        except InvalidURL:
            return False
        known = self._known.get(origin)
        if known is None:
            known = self._decide(origin)
            if len(self._known) < 10_000:
                self._known[origin] = known
        return known

    def _decide(self, origin: str) -> bool:
        if origin in self._exact:
            return True
        scheme, _, rest = origin.partition("://")
        port = rest.rpartition(":")[2]
        if port != ("443" if scheme == "https" else "80") or (scheme == "http" and not self._http):
            return False
        host = host_of(origin)
        return any(host == domain or host.endswith("." + domain) for domain in self._domains)

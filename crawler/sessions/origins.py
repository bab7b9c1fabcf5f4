"""Where a session's credentials may go: a list of origins, asked before anything secret is sent.

An origin is scheme, host and port. Cookies follow their own rules (`sessions.cookies.jar`); this list is for auth,
headers, parameters and client certificates: none of them names a host by itself, so who may have them is listed here
explicitly, and a subdomain of a host that may have them is somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable

from crawler.errors import InvalidURL
from crawler.urls import absolute, host_of, is_private, origin_of, site_of

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
        urls: Start URLs, login URL and the like: their exact origins are covered; of http on the usual port https too.
        domains: Hosts covered with their subdomains, over https on the usual port.
        hosts: Hosts covered without their subdomains, over https on the usual port.

    Attributes:
        private: The user lets pages lead to private addresses (`allow_private`): forms there are filled in, too.
    """

    private: bool = False

    def __init__(self, urls: Iterable[str] = (), domains: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._hosts = tuple(host.lower().lstrip(".") for host in hosts if host)
        self._exact: frozenset[str] = frozenset()
        self._domains = tuple(domain.lower().lstrip(".") for domain in domains if domain)
        self._known: dict[str, bool] = {}
        for url in urls:
            self.add(url)

    def add(self, url: str) -> None:
        """Cover one more origin; no URL is ignored in silence, InvalidURL is raised."""
        origin = origin_of(absolute("", url))
        scheme, _, rest = origin.partition("://")
        more = {origin}
        if origin.endswith(":80") and scheme == "http":
            more.add(f"https://{rest.removesuffix(':80')}:443")  # the one upgrade that keeps credentials
        self._exact |= more
        self._known = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._domains or self._hosts)

    @property
    def first(self) -> str | None:
        """Some covered origin, for cookies that were set without a domain; None when there is none."""
        return min(self._exact, default=None)

    @property
    def sites(self) -> frozenset[str]:
        """The registrable domains of all that is covered."""
        return frozenset(site_of(host) for host in (*map(host_of, self._exact), *self._domains, *self._hosts))

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

    def may_fill_in(self, url: str) -> bool:
        """Whether a form of the page at *url* may be filled in and sent: credentials go there."""
        return self.covers(url) or (self.private and is_private(host_of(url)))

    def _decide(self, origin: str) -> bool:
        if origin in self._exact:
            return True
        scheme, _, rest = origin.partition("://")
        if scheme != "https" or rest.rpartition(":")[2] != "443":
            return False
        host = host_of(origin)
        return host in self._hosts or any(host == domain or host.endswith("." + domain) for domain in self._domains)

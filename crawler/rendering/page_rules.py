"""Which requests of a rendered page are sent. Pure but for robots.txt, which is asked for where it is not known.

A page in a browser asks for more than a person wants of it: pictures, fonts, advertisements, and now and then a logout.
Each of its requests is looked at before anybody sends it; what is refused is counted under a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from crawler.urls import host_of

#: kinds of requests, as browsers name them, that are not sent unless the setting `render_allow` says so
_HEAVY: Final = {"image": "image", "imageset": "image", "media": "media", "font": "font", "texttrack": "media"}
#: what no transport here can carry, or nobody reads
_NOT_CARRIED: Final = frozenset({"websocket", "eventsource", "manifest", "cspviolationreport"})
TRACKERS: Final = frozenset(
    {
        "adnxs.com",
        "amplitude.com",
        "analytics.google.com",
        "bat.bing.com",
        "clarity.ms",
        "cloudflareinsights.com",
        "connect.facebook.net",
        "criteo.com",
        "datadoghq-browser-agent.com",
        "demdex.net",
        "doubleclick.net",
        "fullstory.com",
        "google-analytics.com",
        "googleadservices.com",
        "googlesyndication.com",
        "googletagmanager.com",
        "heapanalytics.com",
        "hotjar.com",
        "matomo.cloud",
        "mixpanel.com",
        "mouseflow.com",
        "newrelic.com",
        "nr-data.net",
        "omtrdc.net",
        "optimizely.com",
        "plausible.io",
        "quantserve.com",
        "scorecardresearch.com",
        "segment.com",
        "segment.io",
        "sentry.io",
        "taboola.com",
    }
)
ALLOWABLE: Final = ("image", "media", "font", "tracker")  #: what `render_allow` may name


def is_tracker(host: str) -> bool:
    """Whether a host only wants to know who reads a page."""
    parts = host.split(".")
    return any(".".join(parts[start:]) in TRACKERS for start in range(len(parts) - 1))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request of a page, as its browser asks for it.

    Attributes:
        kind: As browsers name it: document, script, stylesheet, xhr, fetch, image ...
        is_page: It would take the place of the page itself.
        headers: With lower-case names.
        body: What it sends, or None.
    """

    method: str
    url: str
    kind: str = "fetch"
    is_page: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class PageRules:
    """The rules of a crawl for the requests of its pages. Safe from any thread.

    Args:
        allows_host: Whether a host belongs to the crawl.
        more_hosts: Hosts that pages may load from besides, with their subdomains.
        allow: Of `ALLOWABLE`: what is loaded all the same.
    """

    def __init__(
        self, allows_host: Callable[[str], bool], *, more_hosts: Iterable[str] = (), allow: Iterable[str] = ()
    ) -> None:
        self._allows_host, self._allow = allows_host, frozenset(allow)
        self._more = tuple(host.lower().removeprefix("*.").strip(".") for host in more_hosts)

    def allows_page(self, url: str) -> bool:
        """Whether a page may be shown that is at *url*."""
        return self._allows_host(host_of(url))

    def refusal(self, asked: PageRequest, guard: Callable[[str, str, str], str | None] | None) -> str:
        """Why a request is not sent; "" where it is, as far as can be said without robots.txt.

        Args:
            guard: The logout guard, for sessions that are logged in.
        """
        if not asked.url.startswith(("http://", "https://")):
            return f"scheme {urlsplit(asked.url).scheme or 'unknown'}"
        if guard is not None and (reason := guard(asked.url, "", "")):
            return f"guard: {reason}"
        host = host_of(asked.url)
        tracks = asked.kind == "ping" or (is_tracker(host) and not self._allows_host(host))
        if tracks and "tracker" not in self._allow:
            return "tracker"
        if not self._allows_host(host) and (asked.is_page or not (tracks or self._is_more(host))):
            return f"off-site: {host}"
        heavy = _HEAVY.get(asked.kind)
        if heavy is not None and heavy not in self._allow:
            return heavy
        return asked.kind if asked.kind in _NOT_CARRIED else ""

    def _is_more(self, host: str) -> bool:
        return any(host == each or host.endswith("." + each) for each in self._more)


def told(refused: Iterable[str]) -> list[str]:
    """Those refusals that a person has to know of, and not only whoever looks closer.

    Pictures, fonts and trackers are left out on each page, by a setting.
    """
    return [why for why in refused if why not in ALLOWABLE and why not in _NOT_CARRIED]

"""Which requests of a rendered page are sent. Pure except for robots.txt, which is requested where it is not known.

A page in a browser requests more than is wanted: pictures, fonts, advertisements, and now and then a logout. Each of
its requests is checked before it is sent; refused ones are counted under a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from crawler.quick_dataclass import quick_dataclass
from crawler.urls import host_of

#: kinds of requests, as browsers name them, that are not sent unless the setting `render_allow` says so
_HEAVY: Final = {"image": "image", "imageset": "image", "media": "media", "font": "font", "texttrack": "media"}
#: what no transport here can carry, or is never read
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
    """Whether a host only tracks who reads a page."""
    parts = host.split(".")
    return any(".".join(parts[start:]) in TRACKERS for start in range(len(parts) - 1))


@quick_dataclass
class PageRequest:
    """One request of a page, as its browser makes it.

    Attributes:
        kind: As browsers name it: document, script, stylesheet, xhr, fetch, image ...
        is_page: It would replace the page itself.
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
        more_hosts: Other hosts that pages may load from, with their subdomains.
        allow: Of `ALLOWABLE`: what is loaded nevertheless.
    """

    def __init__(
        self, allows_host: Callable[[str], bool], *, more_hosts: Iterable[str] = (), allow: Iterable[str] = ()
    ) -> None:
        self._allows_host, self._allow = allows_host, frozenset(allow)
        self._more = tuple(host.lower().removeprefix("*.").strip(".") for host in more_hosts)

    def allows_page(self, url: str) -> bool:
        """Whether a page at *url* may be shown."""
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
    """The refusals that everyone should know about, and not only people who look closer.

    Pictures, fonts and trackers are left out on each page, by a setting.
    """
    return [why for why in refused if why not in ALLOWABLE and why not in _NOT_CARRIED]

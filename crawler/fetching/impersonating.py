"""A transport that looks like a browser to a server: its TLS, its HTTP/2, its headers and their order agree.

Some sites turn away clients that do not shake hands as a browser does. `curl_cffi` brings a libcurl that does (extra
``impersonate``); everything else is as in the other transports: limits, deadlines, addresses, decoding. It has no hook
for sockets, so addresses are looked up and checked before a connection is made, and the connection is pinned to them.
Each request has a thread while it is under way.
"""

from __future__ import annotations

import math
import socket
import time
from typing import Any, BinaryIO, ClassVar

from crawler.errors import Refused, UsageError
from crawler.fetching.addresses import AddressRule
from crawler.fetching.error_map import from_gaierror
from crawler.fetching.io_thread import Watcher
from crawler.fetching.libcurl_adapter import HandlesAdapter
from crawler.fetching.libcurl_handle import Handle
from crawler.fetching.libcurl_options import set_addresses
from crawler.fetching.limits import Limits
from crawler.fetching.lookup import look_up
from crawler.fetching.outgoing import Outgoing

BROWSERS = ("chrome", "firefox", "safari")


class _Handle(Handle):
    """One handle that looks like a browser. Used by one thread at a time."""

    browser: ClassVar[str]

    def bound(self) -> tuple[Any, Any]:
        from crawler.fetching.impersonated_curl import Curl

        return Curl(self.browser), self.bound_multi()

    def bound_multi(self) -> Any:
        from crawler.fetching.impersonated_curl import CurlMulti

        return CurlMulti()

    def start(
        self,
        asked: Outgoing,
        limits: Limits,
        sink: BinaryIO | None,
        timeouts_s: tuple[float | None, float | None],
        started: float,
        *,
        watcher: Watcher | None = None,
    ) -> None:
        if self._renewed:  # its connection is in there, and would stay open
            self._multi.close()
            self._multi = self.bound_multi()
        if self._sockets.rule is not None and (self._renewed or not self.connection.is_there):
            connect_s = math.inf if timeouts_s[0] is None else time.monotonic() + timeouts_s[0]
            ends = min(connect_s, math.inf if limits.deadline_s is None else started + limits.deadline_s)
            self._pin(asked, self._sockets.rule, ends)
        super().start(asked, limits, sink, timeouts_s, started, watcher=watcher)

    def _pin(self, asked: Outgoing, rule: AddressRule, ends: float) -> None:
        """Let a new connection go only to addresses that the rule allows, whatever DNS says a moment later.

        Args:
            ends: Until when to wait for a name server, by ``time.monotonic()``.
        """
        origin = self.route.origin
        given = self._resolve.get(origin.host)
        try:
            found = given or self._look_up(asked.url, ends)
        except socket.gaierror as error:
            raise from_gaierror(asked.url, origin.host, error) from error
        whys = {each: rule.refuses(origin.host, each, asked.led_by) for each in found}
        allowed = [address for address, why in whys.items() if not why]
        if not allowed:
            raise Refused(asked.url, next(iter(whys.values())))
        set_addresses(self._curl, origin, allowed)

    def _look_up(self, url: str, ends: float) -> list[str]:
        origin = self.route.origin
        return [str(each[4][0]) for each in look_up(url, origin.host, origin.port, ends, self._answer.stopped)]


class _Chrome(_Handle):
    browser = "chrome"


class _Firefox(_Handle):
    browser = "firefox"


class _Safari(_Handle):
    browser = "safari"


class ChromeAdapter(HandlesAdapter):
    """Looks like Chrome. Safe from any thread."""

    browser_headers = True
    make_handle = _Chrome


class FirefoxAdapter(HandlesAdapter):
    """Looks like Firefox. Safe from any thread."""

    browser_headers = True
    make_handle = _Firefox


class SafariAdapter(HandlesAdapter):
    """Looks like Safari. Safe from any thread."""

    browser_headers = True
    make_handle = _Safari


def adapter_of(browser: str) -> type[HandlesAdapter]:
    """The adapter that looks like *browser*, one of `BROWSERS`. Raises UsageError without the extra."""
    try:
        import curl_cffi  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"transport {browser!r} needs the extra `impersonate`: pip install 'crawl-sessions[impersonate]'"
        ) from error
    return {"chrome": ChromeAdapter, "firefox": FirefoxAdapter, "safari": SafariAdapter}[browser]

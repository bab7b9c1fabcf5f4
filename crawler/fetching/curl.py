"""The default transport: a `requests` adapter on libcurl.

Mounted on a session for http:// and https:// it takes the place of `requests.adapters.HTTPAdapter`. One request holds
one handle; handles with their connections wait in a pool, the one used last in front, so that N threads never open more
than N connections to a host. The lock of the pool is never held while anything is sent.

The contract of both transports (`crawler.fetching.pooled` is the other one): `send` returns the final answer with its
body read and decoded, follows no redirect, keeps no cookie, takes nothing from the environment, and raises nothing but
`crawler.errors.FetchError` and what a body or a sink of the caller raises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import certifi
import requests
from requests.adapters import BaseAdapter

from crawler.errors import ConnectFailed, Refused
from crawler.fetching import forks
from crawler.fetching.addresses import AddressRule
from crawler.fetching.answers import ResponseMaker
from crawler.fetching.curl_handle import Handle, Route
from crawler.fetching.limits import Limits, timeouts
from crawler.fetching.outgoing import Outgoing, outgoing


class CurlAdapter(BaseAdapter):
    """Sends requests through libcurl. Safe from any thread; one adapter may serve many sessions."""

    def __init__(
        self,
        *,
        connections: int = 32,
        limits: Limits | None = None,
        address_rule: AddressRule | None = None,
        resolve: Mapping[str, Sequence[str]] | None = None,
        response_class: type[requests.Response] = requests.Response,
        proxy_ca: str | None = None,
    ) -> None:
        """Make an adapter; no I/O.

        Args:
            connections: Most idle connections that are kept, of all hosts together.
            limits: For requests that bring none of their own as ``request.limits``.
            address_rule: Asked before each connect; None lets every address pass.
            resolve: Addresses by host, instead of DNS.
            response_class: Made without arguments; attributes are set on it.
            proxy_ca: File of certificates by which an https proxy is verified; None for the public ones.
        """
        super().__init__()
        self._connections, self._limits = connections, limits or Limits()
        self._rule, self._resolve = address_rule, dict(resolve or {})
        self._maker = ResponseMaker(response_class)
        self._proxy_ca = proxy_ca or certifi.where()
        self._closed = self._aborted = False
        self._lock = threading.Lock()  # guards the two below; never held during I/O
        self._idle: dict[Route, list[Handle]] = {}  # the one used last at the end
        self._order: dict[Handle, None] = {}  # all idle ones, the one idle for longest in front
        forks.register(self)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its answer.

        Args:
            request: May carry ``limits`` (`Limits`) and ``sink`` (a binary file that takes the body of a 2xx answer).
            stream: Changes nothing: the body is always read, within the limits.
            timeout: Seconds to connect and to stay silent, one number or a pair; None for no limit but the deadline.
            verify: True, False, or a file or folder of trusted certificates.
            cert: A file with certificate and key, or a pair of files.
            proxies: As in requests; nothing is taken from the environment.
        Raises:
            FetchError: No usable answer; the subclass says whether another try is worth it.
        """
        started = time.monotonic()
        limits = getattr(request, "limits", None) or self._limits
        asked = outgoing(request, proxies)
        handle = self._take(asked, verify, cert)
        try:
            got = handle.exchange(asked, limits, getattr(request, "sink", None), timeouts(timeout), started)
        except BaseException:
            handle.close()
            raise
        self._give(handle, got.reusable)
        return self._maker.make(
            self,
            request,
            got.head,
            got.content,
            elapsed_s=time.monotonic() - started,
            address=got.address,
            size_bytes=got.wire_bytes,
        )

    def close(self) -> None:
        """Close idle connections now and those in use after their answer; later sends raise `ConnectFailed`."""
        with self._lock:
            self._closed = True
            idle = list(self._order)
            self._idle.clear()
            self._order.clear()
        for handle in idle:
            handle.close()

    def abort_all(self) -> None:
        """Make every transfer under way fail within half a second, and every later one at once."""
        self._aborted = True
        self.close()

    def _take(self, asked: Outgoing, verify: bool | str, cert: Any) -> Handle:
        if self._rule is not None and self._rule.refuses_literal(asked.origin.host):
            raise Refused(asked.url, f"{asked.origin.host} is a private address")
        pair = None if not cert else (cert, cert) if isinstance(cert, str) else (cert[0], cert[1])
        route = Route(asked.origin, asked.proxy, verify if verify is not None else True, pair)
        while (idle := self._idle_for(asked.url, route)) is not None:
            if not idle.is_stale():
                return idle
            idle.close()
        return Handle(route, rule=self._rule, resolve=self._resolve, proxy_ca=self._proxy_ca, stopped=self._is_aborted)

    def _idle_for(self, url: str, route: Route) -> Handle | None:
        with self._lock:
            if self._closed:
                raise ConnectFailed(url, "the transport is closed")
            waiting = self._idle.get(route)
            if not waiting:
                return None
            handle = waiting.pop()
            del self._order[handle]
            return handle

    def _give(self, handle: Handle, reusable: bool) -> None:
        surplus: Handle | None = handle
        if reusable:
            with self._lock:
                if not self._closed:
                    self._idle.setdefault(handle.route, []).append(handle)
                    self._order[handle] = None
                    surplus = self._oldest() if len(self._order) > self._connections else None
        if surplus is not None:
            surplus.close()

    def _oldest(self) -> Handle:
        """Take the handle that was idle for longest out of the pool; the caller holds the lock and closes it later."""
        handle = next(iter(self._order))
        del self._order[handle]
        waiting = self._idle[handle.route]
        waiting.remove(handle)
        if not waiting:
            del self._idle[handle.route]
        return handle

    def _is_aborted(self) -> bool:
        return self._aborted

    def after_fork(self) -> None:
        """In a forked child: the idle connections belong to the parent; forget them."""
        self._lock = threading.Lock()
        for handle in self._order:
            handle.forget()
        self._idle, self._order = {}, {}

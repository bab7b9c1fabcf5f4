"""The default transport: a `requests` adapter on libcurl.

Mounted on a session for http:// and https:// it takes the place of `requests.adapters.HTTPAdapter`. One request holds
one handle; handles with their connections wait in a pool (`fetching.libcurl_pool`), so that N threads never open
more than N connections to a host. No lock is held while anything is sent.

The contract of both transports (`fetching.urllib3_adapter` is the other one): `send` returns the final answer with its
body read and decoded, follows no redirect, keeps no cookie, takes nothing from the environment, and raises nothing but
`crawler.errors.FetchError` and what a body or a sink of the caller raises.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import certifi
import requests
from requests.adapters import BaseAdapter

from crawler.errors import ConnectFailed, Refused
from crawler.fetching import forks
from crawler.fetching.addresses import AddressRule
from crawler.fetching.carried import CarriedAdapter, Done
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.error_map import no_descriptor_left
from crawler.fetching.heads import Head
from crawler.fetching.io_thread import IOThread
from crawler.fetching.libcurl_handle import Exchanged, Handle
from crawler.fetching.libcurl_options import Route
from crawler.fetching.libcurl_pool import HandlePool, close_all
from crawler.fetching.libcurl_transfer import CurlTransfer, TransferRequest
from crawler.fetching.limits import ExchangeClock, Limits, timeouts
from crawler.fetching.outgoing import Outgoing, outgoing
from crawler.fetching.response_maker import Body, ResponseMaker, check_proxy

_NAP_S = 0.02
_CLOSE_S = 2.0  # how long `close` waits for a resolver


class HandlesAdapter(BaseAdapter):
    """Sends requests through handles of libcurl. Safe from any thread; one adapter may serve many sessions."""

    sinks = proxies = socks = keeps_connections = True
    browser_headers = False
    make_handle: type[Handle] = Handle

    def __init__(
        self,
        *,
        connections: int = 32,
        limits: Limits | None = None,
        address_rule: AddressRule | None = None,
        resolve: Mapping[str, Sequence[str]] | None = None,
        response_class: type[requests.Response] = requests.Response,
        proxy_ca: str | None = None,
        most: int = 0,
        http: str = "1.1",
    ) -> None:
        """Make an adapter; no I/O.

        Args:
            connections: Most idle connections that are kept, of all hosts together.
            limits: For requests that bring none of their own as ``request.limits``.
            address_rule: Asked before each connect; None lets every address pass.
            resolve: Addresses by host, instead of DNS.
            response_class: Made without arguments; attributes are set on it.
            proxy_ca: File of certificates by which an https proxy is verified; None for the public ones.
            most: Most connections open at once, idle ones included; further requests wait for their turn. 0: as many as
                leave descriptors for files.
            http: "1.1"; "2" or "3" where a server offers it over TLS; "auto" for the newest. Each connection carries
                one request at a time.
        """
        super().__init__()
        self._http = http
        self._limits = limits or Limits()
        self._rule, self._resolve = address_rule, dict(resolve or {})
        self._maker = ResponseMaker(response_class)
        self._proxy_ca = proxy_ca or certifi.where()
        self._aborted = False
        self._idle = HandlePool(connections)
        self._most = most or connections_allowed()
        self._open = 0  # handles that are busy or idle
        self._open_lock = threading.Lock()  # guards _open; nothing else is done under it
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
            stream: The body is always read, within the limits; with True ``response.raw`` gives it once more.
            timeout: Seconds to connect and to stay silent, one number or a pair; None for no limit but the deadline.
            verify: True, False, or a file or folder of trusted certificates.
            cert: A file with certificate and key, or a pair of files.
            proxies: As in requests; nothing is taken from the environment.
        Raises:
            FetchError: No usable answer; the subclass says whether another try is worth it.
        """
        started = time.monotonic()
        asked = outgoing(request, proxies)
        limits, sink, seconds = asked.limits or self._limits, asked.sink, timeouts(timeout)
        route = self._route(asked, verify, cert)
        while True:
            try:
                got = self._exchange(route, asked, limits, sink, seconds, started)
                break
            except OSError as error:
                if not no_descriptor_left(error):
                    raise
                ExchangeClock(asked.url, limits, None, started).left_s(time.monotonic())
                if not self.make_room():
                    time.sleep(_NAP_S)  # others have them in use
        check_proxy(asked, got.head)
        return self._maker.make(
            self,
            request,
            got.head,
            got.content,
            elapsed_s=time.monotonic() - started,
            address=got.address,
            size_bytes=got.wire_bytes,
            stream=stream,
        )

    def close(self) -> None:
        """Close idle connections now and those in use after their answer; later sends raise `ConnectFailed`."""
        close_all(self._idle.empty(close=True), _CLOSE_S)

    def abort_all(self) -> None:
        """Make every transfer under way fail within half a second, and every later one at once."""
        self._aborted = True
        self.close()

    def _route(self, asked: Outgoing, verify: bool | str | None, cert: Any) -> Route:
        if self._rule is not None and (why := self._rule.refuses_literal(asked.origin.host, asked.led_by)):
            raise Refused(asked.url, why)
        pair = None if not cert else (cert, cert) if isinstance(cert, str) else (cert[0], cert[1])
        return Route(asked.origin, asked.proxy, True if verify is None else verify, pair)

    def _exchange(
        self,
        route: Route,
        asked: Outgoing,
        limits: Limits,
        sink: BinaryIO | None,
        seconds: tuple[float | None, float | None],
        started: float,
    ) -> Exchanged:
        """One exchange on an idle handle, or on a new one."""
        handle = self.take(TransferRequest(asked, route, limits, seconds, started))
        try:
            got = handle.exchange(asked, limits, sink, seconds, started)
        except BaseException:
            self.discard(handle)
            raise
        self.put_back(handle)
        return got

    # --- the handles, for `send` and for `crawler.fetching.libcurl_transfer` -----------------------------------------
    def take(self, wanted: TransferRequest) -> Handle:
        """An idle handle, or a new one. Raises OSError where no descriptor is left."""
        if self._idle.closed:
            raise ConnectFailed(wanted.asked.url, "the transport is closed")
        handle = self._idle.take(wanted.route)
        if handle is None:
            return self._new(wanted.route)
        if handle.route != wanted.route:
            handle.rebind(wanted.route)
        elif handle.connection.is_stale():
            handle.renew()
        return handle

    def _new(self, route: Route) -> Handle:
        if not self._may_open():
            raise OSError(errno.EMFILE, "no descriptor left for another connection")
        try:
            return self.make_handle(
                route,
                rule=self._rule,
                resolve=self._resolve,
                proxy_ca=self._proxy_ca,
                stopped=self._is_aborted,
                http=self._http,
            )
        except BaseException:
            self._gone(1)
            raise

    def _may_open(self) -> bool:
        """Whether one more handle may be open; the one idle for longest makes room for it."""
        with self._open_lock:
            if self._open < self._most:
                self._open += 1
                return True
        oldest = self._idle.take_oldest()
        if oldest is not None:  # its place is taken over
            close_all([oldest], 0)
        return oldest is not None

    def _gone(self, count: int) -> None:
        with self._open_lock:
            self._open -= count

    def put_back(self, handle: Handle) -> None:
        """After a good exchange: its connection may serve again."""
        surplus = self._idle.give(handle)
        if surplus is not None:
            self.discard(surplus)

    def discard(self, handle: Handle) -> None:
        """After any other: its connection is closed."""
        close_all([handle], 0)
        self._gone(1)

    def make_room(self) -> bool:
        """No descriptor is left: close what is idle. False when nothing was."""
        idle = self._idle.empty()
        close_all(idle, _NAP_S)
        self._gone(len(idle))
        return bool(idle)

    def _is_aborted(self) -> bool:
        return self._aborted

    def after_fork(self) -> None:
        """In a forked child: the idle connections belong to the parent; forget them."""
        self._open_lock, self._open = threading.Lock(), 0
        for handle in self._idle.after_fork():
            handle.forget()


class CurlAdapter(HandlesAdapter, CarriedAdapter):
    """The adapter for crawled pages: one thread carries all transfers."""

    def begin(
        self,
        io: IOThread,
        request: requests.PreparedRequest,
        done: Done,
        *,
        latest: float | None = None,
        **options: Any,
    ) -> None:
        """See `CarriedAdapter.begin`."""
        started = time.monotonic()
        asked = outgoing(request, options.get("proxies"))
        wanted = TransferRequest(
            asked,
            self._route(asked, options.get("verify", True), options.get("cert")),
            asked.limits or self._limits,
            timeouts(options.get("timeout")),
            started,
            latest,
            asked.sink,
        )

        def respond(head: Head, body: Body, address: str) -> requests.Response:
            check_proxy(asked, head)
            content = body.finish()
            return self._maker.make(
                self,
                request,
                head,
                content,
                elapsed_s=time.monotonic() - started,
                address=address,
                size_bytes=body.wire_bytes,
            )

        io.carry(CurlTransfer(self, wanted, respond, done))

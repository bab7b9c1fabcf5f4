"""The other transport (setting ``transport=urllib3``): requests' own adapter on urllib3, held to the same contract.

It costs more CPU than `fetching.libcurl_adapter`, but it needs no C library beyond Python's and shows every step to
a debugger. Differences: SOCKS proxies are not supported, and idle connections are limited per host, as in urllib3.
"""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import certifi
import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.util import SKIP_HEADER
from urllib3.util.ssl_ import create_urllib3_context

from crawler.errors import ConnectFailed, FetchError, Refused, TLSFailed
from crawler.fetching import forks
from crawler.fetching.addresses import AddressRule
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.error_map import from_urllib3, no_descriptor_left, tls_words
from crawler.fetching.limits import ExchangeClock, Limits, timeouts
from crawler.fetching.outgoing import Outgoing, Proxy, outgoing
from crawler.fetching.response_maker import Body, ResponseMaker, check_proxy
from crawler.fetching.urllib3_connecting import InCommon
from crawler.fetching.urllib3_connection import POOLS, work_for
from crawler.fetching.urllib3_exchange import Exchange
from crawler.fetching.urllib3_places import Places

_CHUNK_BYTES = 64 * 1024
_NAP_S = 0.02
_FOREIGN = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


class Urllib3Adapter(HTTPAdapter):
    """Sends requests through urllib3. Safe from any thread; one adapter may serve many sessions."""

    sinks = proxies = keeps_connections = True
    browser_headers = False
    socks = False

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
    ) -> None:
        """Make an adapter; no I/O.

        Args:
            connections: Most origins, and most connections of each, that are kept.
            most: Most connections open at once, as in `CurlAdapter`.
            limits: For requests that bring none of their own as ``request.limits``.
            address_rule: Asked before each connect; None lets every address pass.
            resolve: Addresses by host, instead of DNS.
            response_class: Made without arguments; attributes are set on it.
            proxy_ca: File of certificates by which an https proxy is verified; None for the public ones.
        """
        super().__init__(pool_connections=connections, pool_maxsize=connections, max_retries=0)
        self._connections, self._limits = connections, limits or Limits()
        self._rule, self._resolve = address_rule, dict(resolve or {})
        self._maker = ResponseMaker(response_class)
        self._proxy_ca = proxy_ca or certifi.where()
        self._closed = self._aborted = False
        self._most = most or connections_allowed()
        self._lock = threading.Lock()  # guards the three below; never held during I/O
        self._running: set[Exchange] = set()
        self._contexts: dict[Any, ssl.SSLContext] = {}
        self._managers: dict[Proxy, PoolManager] = {}
        self._shared = self._share()
        forks.register(self)

    def _share(self) -> InCommon:
        self._places = Places(self._most)
        return InCommon(self._rule, self._resolve, self._is_aborted, self._places, self._make_room)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """As in requests, with connections of ours."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its answer; arguments and errors as in `CurlAdapter.send`."""
        started = time.monotonic()
        asked = outgoing(request, proxies)
        limits = asked.limits or self._limits
        connect_s, read_s = timeouts(timeout)
        if self._rule is not None and (why := self._rule.refuses_literal(asked.origin.host, asked.led_by)):
            raise Refused(asked.url, why)
        exchange = Exchange(
            asked, limits, ExchangeClock(asked.url, limits, read_s, started), self._shared, connect_s=connect_s
        )
        with self._lock:
            if self._closed:
                raise ConnectFailed(asked.url, "the transport is closed")
            self._running.add(exchange)
        work_for(exchange)
        try:
            answer = self._open(exchange, Timeout(connect=connect_s, read=read_s), verify, cert)
            body, content = self._read(exchange, answer, limits, asked.sink)
        finally:
            work_for(None)
            with self._lock:
                self._running.discard(exchange)
            exchange.end()
        assert exchange.head is not None
        check_proxy(asked, exchange.head)
        return self._maker.make(
            self,
            request,
            exchange.head,
            content,
            elapsed_s=time.monotonic() - started,
            address=exchange.address,
            size_bytes=body.wire_bytes,
            stream=stream,
        )

    def close(self) -> None:
        """Close idle connections now and those in use after their answer; later sends raise `ConnectFailed`."""
        with self._lock:
            self._closed = True
        self._hang_up()

    def _hang_up(self) -> None:
        """Close idle connections now, and those in use after their answer."""
        with self._lock:
            managers = [self.poolmanager, *self._managers.values()]
        for manager in managers:
            pools = [manager.pools.get(key) for key in manager.pools.keys()]  # noqa: SIM118 - it has no iterator
            manager.clear()  # forgets them; a thread that waits for a connection of one would keep its idle ones open
            for pool in pools:
                if pool is not None:
                    pool.close()

    def _make_room(self) -> None:
        """Close idle connections, where there are any: more are open than exchanges are under way."""
        if self._places.open > len(self._running) - self._places.waiting:
            self._hang_up()

    def abort_all(self) -> None:
        """Make every transfer under way fail within half a second, and every later one at once."""
        self._aborted = True
        self.close()
        with self._lock:
            running = list(self._running)
        for exchange in running:
            exchange.connecting.shut_down()

    # --- the parts of an exchange -------------------------------------------------------------------------------
    def _open(self, exchange: Exchange, timeout: Timeout, verify: Any, cert: Any) -> Any:
        """Send the request; returns urllib3's response with its body unread."""
        asked = exchange.asked
        headers = dict(asked.headers)
        if "user-agent" not in asked.names:
            headers["User-Agent"] = SKIP_HEADER
        forwarded = asked.proxy is not None and asked.origin.scheme == "http"
        while True:
            try:
                return self._pool(asked, verify, cert).urlopen(
                    asked.method,
                    asked.url if forwarded else asked.target,
                    body=asked.body,
                    headers=headers,
                    chunked=asked.body is not None and asked.length_bytes is None,
                    timeout=timeout,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                )
            except (FetchError, *_FOREIGN) as error:
                if not self._may_repeat(exchange, error):
                    if isinstance(error, FetchError):
                        raise
                    raise self._ours(exchange, error) from error

    def _may_repeat(self, exchange: Exchange, error: Exception) -> bool:
        """Whether the request never had a chance, so that sending it again at once can do no harm and may help."""
        asked = exchange.asked
        if isinstance(error, urllib3.exceptions.ClosedPoolError) and not self._closed:
            exchange.clock.left_s(time.monotonic())  # others threw the pool out between look-up and use
            return True
        if no_descriptor_left(error) and not exchange.sent_bytes:
            exchange.clock.left_s(time.monotonic())
            self._hang_up()
            time.sleep(_NAP_S)
            return True
        # An idle connection may turn out to be dead.
        unheard = not (exchange.fresh or exchange.wants_fresh or exchange.received_bytes)
        repeatable = asked.idempotent and (asked.body is None or type(asked.body) is bytes)
        exchange.wants_fresh = (
            unheard and repeatable and isinstance(error, urllib3.exceptions.ProtocolError | ConnectionError)
        )
        return exchange.wants_fresh

    def _read(self, exchange: Exchange, answer: Any, limits: Limits, sink: Any) -> tuple[Body, bytes]:
        asked, head = exchange.asked, exchange.head
        assert head is not None
        whole = False
        try:
            body = Body(asked.url, head, asked.method, limits, sink=sink, still=exchange.still)
            for chunk in answer.stream(_CHUNK_BYTES, decode_content=False):
                body.write(chunk)
                if body.cut:
                    break
            content = body.finish()
            whole = not body.cut
        except FetchError:
            raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise self._ours(exchange, error) from error
        finally:
            if not whole:
                answer.close()
            answer.release_conn()
        return body, content

    def _ours(self, exchange: Exchange, error: Exception) -> FetchError:
        if self._aborted:
            return ConnectFailed(exchange.asked.url, "stopped from outside")
        return from_urllib3(
            error,
            exchange.asked.url,
            exchange.asked.origin.host,
            answered=exchange.received_bytes > 0 and exchange.head is not None,
            proxy=exchange.asked.proxy.place if exchange.asked.proxy is not None else "",
            where=exchange.asked.where,
        )

    # --- pools --------------------------------------------------------------------------------------------------
    def _pool(self, asked: Outgoing, verify: Any, cert: Any) -> Any:
        """The pool of the origin: one for each combination of proxy, verification and client certificate."""
        origin, options = asked.origin, None
        if origin.scheme == "https":
            options = {"ssl_context": self._context(asked.url, True if verify is None else verify, cert)}
        manager = self.poolmanager if asked.proxy is None else self._manager(asked.url, asked.proxy)
        return manager.connection_from_host(origin.host, origin.port, origin.scheme, pool_kwargs=options)

    def _context(self, url: str, verify: bool | str, cert: Any) -> ssl.SSLContext:
        key = (verify, tuple(cert) if isinstance(cert, list | tuple) else cert)
        with self._lock:
            context = self._contexts.get(key)
        if context is None:
            try:
                made = _tls_context(verify, cert)
            except OSError as error:  # ssl.SSLError is one, too
                raise TLSFailed(url, tls_words(f"could not load certificates: {error}")) from error
            with self._lock:
                context = self._contexts.setdefault(key, made)
        return context

    def _manager(self, url: str, proxy: Proxy) -> PoolManager:
        with self._lock:
            manager = self._managers.get(proxy)
        if manager is None:
            if proxy.url.startswith("socks"):
                raise Refused(url, "this transport does not support SOCKS proxies; transport=curl does")
            secured = proxy.url.startswith("https")
            made = ProxyManager(
                proxy.url,
                num_pools=self._connections,
                maxsize=self._connections,
                proxy_headers=_proxy_headers(proxy),
                proxy_ssl_context=self._context(url, self._proxy_ca, None) if secured else None,
            )
            made.pool_classes_by_scheme = POOLS
            with self._lock:
                manager = self._managers.setdefault(proxy, made)
        return manager

    def _is_aborted(self) -> bool:
        return self._aborted

    def after_fork(self) -> None:
        """In a forked child: new pools and a new lock; dropping the old ones closes only the child's descriptors."""
        self._lock, self._shared = threading.Lock(), self._share()
        self._running, self._managers = set(), {}
        self.init_poolmanager(self._connections, self._connections)


def _tls_context(verify: bool | str, cert: Any) -> ssl.SSLContext:
    context = create_urllib3_context()  # TLS 1.2 or newer
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        place = certifi.where() if verify is True else verify
        if os.path.isdir(place):
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(cafile=place)
    if cert:
        context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    return context


def _proxy_headers(proxy: Proxy) -> dict[str, str]:
    if proxy.authorization:
        return {"Proxy-Authorization": proxy.authorization}
    if proxy.username:
        pair = b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()  # UTF-8. Source: RFC 7617, section 2.1
        return {"Proxy-Authorization": " ".join(("Basic", pair))}
    return {}

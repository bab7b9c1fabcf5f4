"""One libcurl handle with its one connection: a request goes in, the head and the body of its answer come out.

libcurl speaks HTTP and TLS with the GIL released; what is ours runs between its steps: the clock (`Pace`), the caps on
the head, the decoding and counting of the body. Options that never change are set once for each handle, others only
when they differ from those of the last request. Each handle has a multi handle of its own, since that is libcurl's way
to run a transfer in steps; the connection lives in there.

Nothing is left to libcurl that it would take from its surroundings: no redirects, no cookies, no netrc, no proxy
variables, no protocol but http and https.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import certifi
import pycurl

from crawler.errors import BadAnswer, ConnectFailed, Incomplete, Refused
from crawler.fetching.addresses import AddressRule
from crawler.fetching.answers import Body, Head, parse_head
from crawler.fetching.causes import from_curl
from crawler.fetching.limits import INTERIM, Limits, Pace
from crawler.fetching.outgoing import Origin, Outgoing, Proxy

_NAP_S = 0.002
_PROXY_TYPES = {
    "socks4": pycurl.PROXYTYPE_SOCKS4,
    "socks4a": pycurl.PROXYTYPE_SOCKS4A,
    "socks5": pycurl.PROXYTYPE_SOCKS5,
    "socks5h": pycurl.PROXYTYPE_SOCKS5_HOSTNAME,
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a connection is good for. Two requests share one only when all of this is equal.

    Attributes:
        verify: True, False, or a file or folder of trusted certificates.
        cert: Client certificate and key; the same file twice where one holds both.
    """

    origin: Origin
    proxy: Proxy | None
    verify: bool | str
    cert: tuple[str, str] | None

    def trusts_like(self, other: Route) -> bool:
        """Whether they differ in host and port alone."""
        return self.origin.scheme == other.origin.scheme and (self.proxy, self.verify, self.cert) == (
            other.proxy,
            other.verify,
            other.cert,
        )


@dataclass(slots=True)
class Exchanged:
    """An answer that came whole.

    Attributes:
        address: Connected IP address.
        wire_bytes: Of the body.
    """

    head: Head
    content: bytes
    address: str
    wire_bytes: int


class Handle:
    """One handle and its connection. Used by one thread at a time."""

    def __init__(
        self,
        route: Route,
        *,
        rule: AddressRule | None,
        resolve: Mapping[str, Sequence[str]],
        proxy_ca: str,
        stopped: Callable[[], bool],
    ) -> None:
        """Make a handle, without any connection.

        Args:
            rule: Asked before each connect, unless a proxy connects for us.
            resolve: Addresses of hosts, instead of DNS.
            proxy_ca: File of certificates by which an https proxy is verified.
            stopped: Asked now and then during a transfer; True ends it.
        Raises:
            OSError: No descriptor is left.
        """
        self.route, self._rule, self._resolve, self._stopped = route, rule, resolve, stopped
        self._socket_number = -1  # of the connection; only to look at, libcurl owns it
        self._poll: select.poll | None = None
        try:
            self._curl, self._multi = pycurl.Curl(), pycurl.CurlMulti()
        except pycurl.error as error:
            raise OSError(errno.EMFILE, "no descriptor left for libcurl") from error
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._lines: list[bytes] = []
        self._head: Head | None = None
        self._body: Body | None = None
        self._fault: BaseException | None = None
        self._refused = ""
        self._not_taken = 0
        self._opened: list[socket.socket] = []
        self._special = False  # an option differs from those of a plain GET
        self._renewed = self._fresh = False  # the next exchange wants a new connection; libcurl was told so
        self._header_lines: list[str] = []
        self._connect_s: float | None = -1.0
        self._address = ""
        self._set_once(proxy_ca)
        self._set_addresses()

    # --- options ------------------------------------------------------------------------------------------------
    def _set_once(self, proxy_ca: str) -> None:
        curl, route = self._curl, self.route
        for option, value in (
            (pycurl.NOSIGNAL, 1),  # libcurl's alarm() would hit other threads
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.NOPROXY, ""),  # or no_proxy of the environment would take a request off its proxy
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.HTTP09_ALLOWED, 0),
            (pycurl.HTTP_CONTENT_DECODING, 0),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.BUFFERSIZE, 256 * 1024),
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._write),
            (pycurl.OPENSOCKETFUNCTION, self._open_socket),
            (pycurl.SOCKOPTFUNCTION, self._socket_taken),
            (pycurl.SSL_VERIFYPEER, int(route.verify is not False)),
            (pycurl.SSL_VERIFYHOST, 2 if route.verify is not False else 0),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.HTTPAUTH, pycurl.HTTPAUTH_NONE),
            (pycurl.USERAGENT, ""),  # or pycurl names itself
        ):
            curl.setopt(option, value)
        if isinstance(route.verify, str):
            curl.setopt(pycurl.CAPATH if os.path.isdir(route.verify) else pycurl.CAINFO, route.verify)
        elif route.verify:
            curl.setopt(pycurl.CAINFO, certifi.where())
        if route.cert is not None:
            curl.setopt(pycurl.SSLCERT, route.cert[0])
            curl.setopt(pycurl.SSLKEY, route.cert[1])
        self._set_proxy(route.proxy, proxy_ca)

    def _set_addresses(self) -> None:
        origin = self.route.origin
        addresses = self._resolve.get(origin.host)
        if addresses:
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            self._curl.setopt(pycurl.RESOLVE, [f"{host}:{origin.port}:{','.join(addresses)}"])

    def _set_proxy(self, proxy: Proxy | None, proxy_ca: str) -> None:
        curl = self._curl
        curl.setopt(pycurl.PROXY, "" if proxy is None else proxy.url)  # empty: none, not that of the environment
        if proxy is None:
            return
        scheme = proxy.url.partition(":")[0]
        if scheme in _PROXY_TYPES:
            curl.setopt(pycurl.PROXYTYPE, _PROXY_TYPES[scheme])
        curl.setopt(pycurl.PROXY_CAINFO, proxy_ca)
        curl.setopt(pycurl.PROXY_SSL_VERIFYPEER, 1)  # its certificate counts, whatever that of the destination does
        curl.setopt(pycurl.PROXY_SSL_VERIFYHOST, 2)
        curl.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC)
        curl.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)
        curl.setopt(pycurl.HTTPPROXYTUNNEL, int(self.route.origin.scheme == "https"))
        if proxy.username:
            curl.setopt(pycurl.PROXYUSERNAME, proxy.username)
            curl.setopt(pycurl.PROXYPASSWORD, proxy.password)
        if proxy.authorization:
            curl.setopt(pycurl.PROXYHEADER, [f"Proxy-Authorization: {proxy.authorization}"])

    def _set_request(self, asked: Outgoing, connect_s: float | None) -> None:
        curl = self._curl
        curl.setopt(pycurl.URL, asked.url)
        if connect_s != self._connect_s:
            self._connect_s = connect_s
            milliseconds = 86_400_000 if connect_s is None else max(1, int(connect_s * 1000))
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, milliseconds)
        lines: list[str] = [f"{name}: {value}" if value else f"{name};" for name, value in asked.headers]
        if "accept" not in asked.names:
            lines.append("Accept:")
        if asked.method != "GET" or asked.body is not None:
            lines.append("Expect:")  # no second round trip before a body
            if "content-type" not in asked.names:
                lines.append("Content-Type:")
            self._set_special(asked, lines)
        elif self._special:
            self._unset_special()
        fresh = self._renewed or (asked.body is None and not asked.idempotent)
        if fresh != self._fresh:
            curl.setopt(pycurl.FRESH_CONNECT, int(fresh))
        self._fresh, self._renewed = fresh, False
        if lines != self._header_lines:
            self._header_lines = lines
            curl.setopt(pycurl.HTTPHEADER, [each if each.isascii() else each.encode("latin-1") for each in lines])

    def _set_special(self, asked: Outgoing, lines: list[str]) -> None:
        """Another method than GET, or a body.

        libcurl sends a request again by itself when a kept connection turns out to be dead. For a request that may
        change things that must not be: its body comes from a `_Source` that does not rewind, or it gets a new
        connection.
        """
        curl, body = self._curl, asked.body
        if self._special:
            self._unset_special()
        self._special = True
        if asked.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
            return
        if body is not None or asked.method == "POST":
            source = _Source(body if body is not None else b"", asked.idempotent, self._failed)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.READFUNCTION, source.read)
            curl.setopt(pycurl.SEEKFUNCTION, source.seek)
            curl.setopt(pycurl.POSTFIELDSIZE_LARGE, -1 if asked.length_bytes is None else asked.length_bytes)
            if asked.length_bytes is None and "transfer-encoding" not in asked.names:
                lines.append("Transfer-Encoding: chunked")
        if asked.method != "POST":
            curl.setopt(pycurl.CUSTOMREQUEST, asked.method)

    def _unset_special(self) -> None:
        curl = self._curl
        curl.setopt(pycurl.HTTPGET, 1)  # ends POST and NOBODY, too
        curl.unsetopt(pycurl.CUSTOMREQUEST)
        self._special = False

    # --- callbacks of libcurl; none may raise -------------------------------------------------------------------
    def _write(self, data: bytes) -> int | None:
        """Bytes of the body; anything but None ends the transfer."""
        try:
            body = self._body or self._started()[1]
            body.write(data)
        except BaseException as error:  # noqa: BLE001 - libcurl cannot pass it on; `_check` raises it
            self._fault = error
            return -1
        return -1 if body.cut else None

    def _failed(self, error: BaseException) -> None:
        self._fault = error

    def _open_socket(self, purpose: int, address: Any) -> socket.socket | int:
        """A socket for an address that the rule allows. libcurl duplicates it; ours is closed after the step."""
        try:
            if (
                self._rule is not None
                and self.route.proxy is None
                and self._rule.refuses(self.route.origin.host, address.addr[0])
            ):
                self._refused = address.addr[0]
                return int(pycurl.SOCKET_BAD)
            self._opened.append(socket.socket(address.family, address.socktype, address.protocol))
            self._not_taken += 1
            return self._opened[-1]
        except BaseException as error:  # noqa: BLE001 - as in `_write`
            self._fault = error
            return int(pycurl.SOCKET_BAD)

    def _socket_taken(self, number: int, purpose: int) -> int:
        """libcurl has its duplicate; where this is not called, there was no descriptor for one."""
        self._not_taken -= 1
        return int(pycurl.SOCKOPT_OK)

    # --- one exchange -------------------------------------------------------------------------------------------
    def exchange(
        self,
        asked: Outgoing,
        limits: Limits,
        sink: BinaryIO | None,
        timeouts_s: tuple[float | None, float | None],
        started: float,
    ) -> Exchanged:
        """Send *asked* and read its answer whole. After any error the handle must be closed.

        A connection that must not serve again is replaced by the next exchange.

        Args:
            sink: Takes the body of a 2xx answer.
            timeouts_s: To connect, and without any movement.
            started: ``time.monotonic()`` when the deadline began to run.
        Raises:
            FetchError: As the contract of the adapter says.
            OSError: No descriptor was left for a socket, or what a sink raised.
        """
        self._lines.clear()
        self._head, self._body, self._fault = None, None, None
        self._refused, self._not_taken = "", 0
        self._asked, self._limits, self._sink = asked, limits, sink
        pace = Pace(asked.url, limits, timeouts_s[1], started)
        self._set_request(asked, timeouts_s[0])
        self._multi.add_handle(self._curl)
        try:
            self._run(pace)
            self._check(self._multi.info_read()[2])
            head, body = self._started()
            content = body.finish()
            if self._curl.getinfo(pycurl.NUM_CONNECTS):
                self._address = self._curl.getinfo(pycurl.PRIMARY_IP)
                self._watch(self._curl.getinfo(pycurl.ACTIVESOCKET))
        finally:
            self._multi.remove_handle(self._curl)
        if body.cut or head.is_ambiguous:
            self.renew()
        return Exchanged(head, content, self._address, body.wire_bytes)

    def _run(self, pace: Pace) -> None:
        curl, multi, lines = self._curl, self._multi, self._lines
        uploads = self._asked.body is not None
        connected = False
        while True:
            running = multi.perform()[1]
            while self._opened:
                self._opened.pop().close()
            if not running:
                return
            if self._stopped():
                raise ConnectFailed(self._asked.url, "stopped from outside")
            if len(lines) > (self._limits.max_headers + 2) * (INTERIM + 1):
                raise BadAnswer(self._asked.url, "too many header lines")
            now = time.monotonic()
            if not connected:
                connected = curl.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
                pace.restart_silence(now)  # connecting has a limit of its own
            body_bytes = self._body.wire_bytes if self._body is not None else 0
            moved = len(lines) + body_bytes + (curl.getinfo(pycurl.SIZE_UPLOAD_T) if uploads else 0)
            wait_s = pace.wait_s(now, moved, body_bytes)
            own_s = multi.timeout() / 1000
            if 0 <= own_s < wait_s:
                wait_s = own_s
            if multi.select(wait_s) <= 0 and wait_s > _NAP_S > time.monotonic() - now:
                time.sleep(_NAP_S)  # select() could not wait: no socket yet, or numbered above what it can watch

    def _started(self) -> tuple[Head, Body]:
        """The head, read at the first byte of the body or at the end, and what takes the body."""
        if self._head is None or self._body is None:
            asked = self._asked
            self._head = parse_head(asked.url, self._lines, self._limits)
            self._body = Body(asked.url, self._head, asked.method, self._limits, self._sink)
        return self._head, self._body

    def _check(self, failed: list[tuple[Any, int, str]]) -> None:
        """Raise what went wrong, the deepest cause first."""
        if self._fault is not None:
            raise self._fault
        if not failed or (self._body is not None and self._body.cut):
            return
        error = pycurl.error(*failed[0][1:])
        url = self._asked.url
        if self._not_taken:
            raise OSError(errno.EMFILE, "no descriptor left for a connection") from error
        if self._refused:
            raise Refused(url, f"{self.route.origin.host} has the private address {self._refused}") from error
        if self._body is None and self._lines:
            with contextlib.suppress(Incomplete):  # a head that is bad says more than what came of it
                self._started()
        raise from_curl(
            error,
            url,
            self.route.origin.host,
            answered=bool(self._lines),
            connect_status=self._curl.getinfo(pycurl.HTTP_CONNECTCODE),
            proxied=self.route.proxy is not None,
        ) from error

    # --- between exchanges --------------------------------------------------------------------------------------
    def _watch(self, socket_number: int) -> None:
        self._socket_number, self._poll = socket_number, None
        if socket_number >= 0:
            self._poll = select.poll()
            self._poll.register(socket_number, select.POLLIN)

    def is_stale(self) -> bool:
        """Whether the idle connection has ended, or brought bytes that nobody asked for. libcurl looks only now and
        then, and would take an unasked answer for that of the next request.
        """
        return self._poll is None or bool(self._poll.poll(0))

    def renew(self) -> None:
        """Do not use the connection again; all else that the handle has learned stays."""
        self._renewed = True

    def rebind(self, route: Route) -> None:
        """Serve another origin, on a new connection; *route* must trust like the one before."""
        self.route = route
        self.renew()
        self._set_addresses()

    # --- the end ------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Close the connection. Harmless when called again."""
        self._multi.close()
        self._curl.close()

    def forget(self) -> None:
        """In a forked child: let go of the connection without a word to the server, which still talks to the parent."""
        if self._socket_number >= 0:
            with contextlib.suppress(OSError):
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, self._socket_number)
                os.close(nothing)
        self.close()


class _Source:
    """The body of a request as libcurl pulls it."""

    def __init__(self, body: bytes | Iterator[bytes], rewinds: bool, failed: Callable[[BaseException], None]) -> None:
        self._whole = body if isinstance(body, bytes) else None
        self._pieces = iter((body,)) if isinstance(body, bytes) else body
        self._rest = memoryview(b"")
        self._rewinds, self._failed = rewinds and self._whole is not None, failed

    def read(self, size: int) -> bytes | int:
        try:
            while not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    return b""
                self._rest = memoryview(piece)
            taken, self._rest = self._rest[:size], self._rest[size:]
            return bytes(taken)
        except BaseException as error:  # noqa: BLE001 - as in `_write`
            self._failed(error)
            return int(pycurl.READFUNC_ABORT)

    def seek(self, offset: int, origin: int) -> int:
        if not self._rewinds or self._whole is None:
            return int(pycurl.SEEKFUNC_FAIL)
        self._pieces, self._rest = iter(()), memoryview(self._whole)[offset:]
        return int(pycurl.SEEKFUNC_OK)

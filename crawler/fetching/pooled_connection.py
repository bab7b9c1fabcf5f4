"""Connections of urllib3 that keep our limits: every wait asks the clock, every address the rule, every head its caps.

urllib3 makes and keeps the connections; http.client reads the bodies. What neither of them does is put in here: a
deadline for the whole exchange, 1xx answers skipped, heads bounded in bytes, addresses checked after DNS, bytes that
nobody asked for noticed. A connection learns for which exchange it works through a thread-local, since a pool hands it
out: one thread works on one exchange at a time.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from crawler.errors import BadAnswer, ConnectFailed, Incomplete, Refused, TimedOut
from crawler.fetching.addresses import AddressRule
from crawler.fetching.answers import Head, is_interim, parse_head
from crawler.fetching.causes import from_gaierror
from crawler.fetching.limits import INTERIM, LINE_BYTES, Limits, Pace
from crawler.fetching.outgoing import Outgoing

_BUFFER_BYTES = 64 * 1024


class Exchange:
    """One request and its answer as the connection sees them. Used by the thread that sends.

    Attributes:
        head: Of the final answer, once it is there.
        fresh: A connection was opened for it.
        wants_fresh: An idle connection must not be used.
        tainted: The connection must not be used again.
        received_bytes: From the server, heads included.
        sockets: Those in use; another thread may shut them down. While TLS is set up a duplicate stands in, since the
            socket itself passes from hand to hand.
    """

    def __init__(
        self,
        asked: Outgoing,
        limits: Limits,
        pace: Pace,
        *,
        connect_s: float | None,
        rule: AddressRule | None,
        resolve: Mapping[str, Sequence[str]],
        stopped: Callable[[], bool],
    ) -> None:
        self.asked, self.limits, self.pace = asked, limits, pace
        self.connect_s, self._resolve, self._stopped = connect_s, resolve, stopped
        self._rule = rule if asked.proxy is None else None
        self.head: Head | None = None
        self.fresh = self.wants_fresh = self.tainted = False
        self.received_bytes = self._head_bytes = self.sent_bytes = 0
        self.sockets: list[socket.socket] = []
        self._stand_in: socket.socket | None = None
        self.address = ""

    def wait_s(self) -> float:
        """Seconds that the next read or write may take; raises when there are none left."""
        if self._stopped():
            raise ConnectFailed(self.asked.url, "stopped from outside")
        body_bytes = self.received_bytes - self._head_bytes if self.head is not None else 0
        return self.pace.wait_s(time.monotonic(), self.received_bytes + self.sent_bytes, body_bytes)

    def connect(self, host: str, port: int, options: Sequence[Any] | None) -> socket.socket:
        """A connected socket for *host*, whose timeout is what is left for connecting (the handshake comes next).

        Raises:
            FetchError: The name does not resolve, no address answers, or none may be used.
        """
        url = self.asked.url
        now = time.monotonic()
        ends = now + min(self.pace.left_s(now), 86_400.0 if self.connect_s is None else self.connect_s)
        refused, failed = "", None
        for family, address in self._addresses(host, port):
            if self._rule is not None and self._rule.refuses(host, address[0]):
                refused = address[0]
                continue
            left_s = ends - time.monotonic()
            if left_s <= 0:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            self.sockets = [connection]
            try:
                for option in options or ():
                    connection.setsockopt(*option)
                connection.settimeout(left_s)
                connection.connect(address)
                connection.settimeout(max(0.001, ends - time.monotonic()))
                if self._speaks_tls:
                    self._stand_in = connection.dup()
                    self.sockets = [self._stand_in]
            except OSError as error:
                connection.close()
                failed = error
                if self._stopped():
                    raise ConnectFailed(url, "stopped from outside") from error
                continue
            except BaseException:
                connection.close()
                raise
            self.pace.restart_silence(time.monotonic())
            return connection
        if failed is None and refused:
            raise Refused(url, f"{host} has the private address {refused}")
        through = " through the proxy" if self.asked.proxy is not None else ""
        if failed is None or isinstance(failed, TimeoutError):
            raise TimedOut(url, f"no connection{through} in time") from failed
        raise ConnectFailed(url, f"no connection{through} ({failed})") from failed

    def use(self, connection: socket.socket) -> None:
        """The connection is ready: this socket is the one in use."""
        self.sockets = [connection]
        self.end()

    def end(self) -> None:
        """Close what only the exchange holds."""
        if self._stand_in is not None:
            self._stand_in.close()
            self._stand_in = None

    @property
    def _speaks_tls(self) -> bool:
        asked = self.asked
        return asked.origin.scheme == "https" or (asked.proxy is not None and asked.proxy.url.startswith("https"))

    def _addresses(self, host: str, port: int) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        try:
            for name in self._resolve.get(host) or (host,):
                infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
                found += [(family, address) for family, _, _, _, address in infos]
        except socket.gaierror as error:
            if self.asked.proxy is not None:
                raise ConnectFailed(self.asked.url, "the proxy's name did not resolve") from error
            raise from_gaierror(self.asked.url, host, error) from error
        return found

    def read_head(self, file: io.BufferedReader) -> Head:
        """Read heads up to the final one, never more than the limits allow."""
        lines: list[bytes] = []
        interim = 0
        while True:
            status_at = len(lines)
            self._read_lines(file, lines)
            interim += 1
            if not is_interim(lines[status_at]) or interim > INTERIM + 1:
                break  # where there are too many, parse_head says so
        self.head = parse_head(self.asked.url, lines, self.limits)
        self._head_bytes = self.received_bytes
        self.tainted = self.tainted or self.head.is_ambiguous
        return self.head

    def _read_lines(self, file: io.BufferedReader, lines: list[bytes]) -> None:
        """Append the lines of one head, its blank line included."""
        url, first, total = self.asked.url, True, 0
        most = self.limits.max_headers
        begin = len(lines)
        while True:
            line = file.readline(LINE_BYTES + 1)
            if not line and first:
                raise http.client.RemoteDisconnected("closed without an answer")
            if not line:
                raise Incomplete(url, "the answer ended inside its head")
            if first and not line.startswith(b"HTTP/"):
                raise BadAnswer(url, f"the answer is no HTTP; it starts with {line[:40]!r}")
            total += len(line)
            if len(line) > LINE_BYTES or total > self.limits.max_header_bytes + LINE_BYTES:
                raise BadAnswer(url, f"too long header lines: more than {LINE_BYTES} bytes, or too many of them")
            if len(lines) - begin > most + 1:
                raise BadAnswer(url, f"more than {most} header lines")
            lines.append(line)
            if line in (b"\r\n", b"\n"):
                return
            first = False


_current = threading.local()


def work_for(exchange: Exchange | None) -> None:
    """Set the exchange for which the connections of this thread work."""
    _current.exchange = exchange


class _Reader(io.RawIOBase):
    """The socket as a file whose reads keep to the clock of the exchange."""

    def __init__(self, file: Any, connection: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._file, self._socket, self._exchange = file, connection, exchange
        self.dry = False  # give what is buffered above, read nothing more

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.dry:
            self._socket.settimeout(self._exchange.wait_s())
            try:
                size = self._socket.recv_into(buffer)
            except TimeoutError:
                continue
            self._exchange.received_bytes += size
            return size
        return 0

    def close(self) -> None:
        self._file.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Reads the head by our rules, the body by those of http.client."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._exchange: Exchange = _current.exchange
        self._reader = _Reader(self.fp.detach(), sock, self._exchange)
        self.fp = io.BufferedReader(self._reader, _BUFFER_BYTES)
        self.connection: Any = None

    def begin(self) -> None:
        known: Any = self.headers
        if known is not None:
            return
        file: Any = self.fp
        head = self._exchange.read_head(file)
        self.fp = io.BufferedReader(io.BytesIO(_framing(head)))
        try:
            super().begin()
        finally:
            self.fp = file

    def _close_conn(self) -> None:
        if self.fp is not None and not self.fp.closed:
            self._reader.dry = True
            if self.fp.peek(1):  # bytes that nobody asked for: they must not answer the next request
                self._exchange.tainted = True
        super()._close_conn()  # type: ignore[misc]
        if self._exchange.tainted and self.connection is not None:
            self.connection.close()


def _framing(head: Head) -> bytes:
    """A head with only that by which http.client finds the end of the body."""
    lines = [f"HTTP/{head.version} {head.status} "]
    lines += [f"{name}: {head.get(name)}" for name in ("connection", "keep-alive") if name in head.fields]
    if head.chunked:
        lines.append("Transfer-Encoding: chunked")
    elif head.length_bytes is not None:
        lines.append(f"Content-Length: {head.length_bytes}")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


class _Watched(HTTPConnection):
    """What connections for http and https share."""

    response_class = _Answer
    peer = ""

    def _new_conn(self) -> socket.socket:
        exchange: Exchange = _current.exchange
        exchange.fresh = True
        made = exchange.connect(self._dns_host, self.port or 0, self.socket_options)
        self.peer = made.getpeername()[0]
        return made

    def send(self, data: Any) -> None:
        exchange: Exchange = _current.exchange
        if self.sock is None:
            self.connect()
        exchange.use(self.sock)
        exchange.address = self.peer
        view = memoryview(data)
        while view:
            self.sock.settimeout(exchange.wait_s())
            try:
                sent = self.sock.send(view[:_BUFFER_BYTES])
            except TimeoutError:
                continue
            exchange.sent_bytes += sent
            view = view[sent:]

    def getresponse(self) -> Any:
        answer = super().getresponse()
        original: Any = answer._original_response
        original.connection = self
        return answer


class WatchedHTTP(_Watched):
    """For http."""


class WatchedHTTPS(_Watched, HTTPSConnection):
    """For https."""


class _FreshOnDemand(HTTPConnectionPool):
    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        if _current.exchange.wants_fresh:
            connection.close()
        return connection


class HTTPPool(_FreshOnDemand):
    """Pool of one http origin."""

    ConnectionCls = WatchedHTTP


class HTTPSPool(_FreshOnDemand, HTTPSConnectionPool):
    """Pool of one https origin, without urllib3's warning for each request that is not verified on purpose."""

    ConnectionCls = WatchedHTTPS

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


POOLS = {"http": HTTPPool, "https": HTTPSPool}

"""Connections of urllib3 that keep our limits: the clock for waits, the rule for addresses, the caps for heads.

urllib3 makes and keeps the connections; http.client reads the bodies. What neither of them does is added here: each
read and write asks the `Exchange`, heads are read by our rules, bytes that nobody asked for are noticed. A connection
learns for which exchange it works through a thread-local, since a pool hands it out: one thread works on one exchange
at a time.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Callable
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from crawler.fetching.heads import Head
from crawler.fetching.urllib3_exchange import Exchange

_BUFFER_BYTES = 64 * 1024
_current = threading.local()


def work_for(exchange: Exchange | None) -> None:
    """Set the exchange for which the connections of this thread work."""
    _current.exchange = exchange


class _SocketReader(io.RawIOBase):
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
        self._reader = _SocketReader(self.fp.detach(), sock, self._exchange)
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
    """A head with only what http.client needs to find the end of the body."""
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
    _leave: Callable[[], None] | None = None  # gives its place back

    def _new_conn(self) -> socket.socket:
        exchange: Exchange = _current.exchange
        exchange.fresh = True
        exchange.take_place()
        try:
            made = exchange.connecting.connect(self._dns_host, self.port or 0, self.socket_options)
            self.peer = made.getpeername()[0]
        except BaseException:
            exchange.places.leave()
            raise
        self._leave = exchange.places.leave
        return made

    def close(self) -> None:
        super().close()
        leave, self._leave = self._leave, None
        if leave is None:
            return
        exchange: Exchange | None = getattr(_current, "exchange", None)
        if exchange is not None and exchange.connection is self:  # its answer may still be read
            exchange.at_end.append(leave)
        else:
            leave()

    def send(self, data: Any) -> None:
        exchange: Exchange = _current.exchange
        if self.sock is None:
            self.connect()
        exchange.connecting.use(self.sock)
        exchange.connection = self
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

    def _put_conn(self, conn: Any) -> None:
        """Another thread may close the pool meanwhile; what comes back too late for that would stay open, unseen."""
        super()._put_conn(conn)
        if self.pool is None and conn is not None:
            conn.close()


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

"""A small transport: one connection for each request, over the sockets of the standard library.

It passes the contract suite in ``tests/fetching`` as far as its attributes say what it does; nothing else uses it.
"""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import certifi
import requests
from requests.adapters import BaseAdapter

from crawler.errors import BadAnswer, ConnectFailed, Incomplete, Refused, TLSFailed
from crawler.fetching.error_map import from_urllib3, tls_words
from crawler.fetching.heads import Head
from crawler.fetching.limits import LINE_BYTES, ExchangeClock, Limits, timeouts
from crawler.fetching.outgoing import Outgoing, outgoing
from crawler.fetching.response_maker import Body, ResponseMaker
from crawler.fetching.transport import TransportOptions
from crawler.fetching.urllib3_connecting import InCommon
from crawler.fetching.urllib3_exchange import Exchange

_CHUNK_BYTES = 64 * 1024
_TRAILERS = 100


class PlainTransport(BaseAdapter):
    """See `crawler.fetching.transport.Transport`."""

    sinks = True
    proxies = socks = keeps_connections = browser_headers = False

    def __init__(self, options: TransportOptions) -> None:
        super().__init__()
        self._options, self._maker = options, ResponseMaker(options.response_class)
        self._lock = threading.Lock()  # guards _running
        self._running: set[Exchange] = set()
        self._closed = self._aborted = False

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        started, rule = time.monotonic(), self._options.address_rule
        asked = outgoing(request, proxies)
        limits, (connect_s, read_s) = asked.limits or self._options.limits, timeouts(timeout)
        if asked.proxy is not None:
            raise Refused(asked.url, "this transport speaks to no proxy")
        if rule is not None and (why := rule.refuses_literal(asked.origin.host, asked.led_by)):
            raise Refused(asked.url, why)
        exchange = Exchange(
            asked,
            limits,
            ExchangeClock(asked.url, limits, read_s, started),
            InCommon(rule, self._options.resolve or {}, lambda: self._aborted),
            connect_s=connect_s,
        )
        if self._closed:
            raise ConnectFailed(asked.url, "the transport is closed")
        with self._lock:
            self._running.add(exchange)
        try:
            head, body = self._exchange(exchange, limits, context_of(asked, verify, cert))
        finally:
            with self._lock:
                self._running.discard(exchange)
            exchange.end()
        return self._maker.make(
            self,
            request,
            head,
            body.finish(),
            elapsed_s=time.monotonic() - started,
            address=exchange.address,
            size_bytes=body.wire_bytes,
            stream=stream,
        )

    def close(self) -> None:
        self._closed = True

    def abort_all(self) -> None:
        self._closed = self._aborted = True
        with self._lock:
            running = list(self._running)
        for exchange in running:
            exchange.connecting.shut_down()

    def _exchange(self, exchange: Exchange, limits: Limits, tls: ssl.SSLContext | None) -> tuple[Head, Body]:
        asked = exchange.asked
        with exchange.connecting.connect(asked.origin.host, asked.origin.port, None) as plain:
            exchange.address = plain.getpeername()[0]
            with secured(plain, tls, exchange) as connection:
                exchange.connecting.use(connection)
                for piece in pieces(asked):
                    if not write(connection, piece, exchange):
                        break  # it does not listen any more: it may have answered
                file = io.BufferedReader(_Watched(connection, exchange), _CHUNK_BYTES)
                with ours(exchange):
                    head = exchange.read_head(file)
                body = Body(asked.url, head, asked.method, limits, sink=asked.sink, still=exchange.still)
                for data in bodies(file, head, asked):
                    body.write(data)
                    if body.cut:
                        break
        return head, body


@contextlib.contextmanager
def ours(exchange: Exchange) -> Iterator[None]:
    """What the network raises becomes an error of ours; what a sink or a body raises stays what it is."""
    try:
        yield
    except OSError as error:
        exchange.still()  # it was stopped, or its time is over
        asked, answered = exchange.asked, exchange.head is not None
        raise from_urllib3(error, asked.url, asked.origin.host, answered=answered, proxy="") from error


def secured(plain: socket.socket, tls: ssl.SSLContext | None, exchange: Exchange) -> socket.socket:
    with ours(exchange):
        return tls.wrap_socket(plain, server_hostname=exchange.asked.origin.host) if tls else plain


class _Watched(io.RawIOBase):
    """A socket whose reads keep to the clock of the exchange."""

    def __init__(self, connection: socket.socket, exchange: Exchange) -> None:
        self._connection, self._exchange = connection, exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._connection.settimeout(self._exchange.wait_s())
            with ours(self._exchange), contextlib.suppress(TimeoutError):
                size = self._connection.recv_into(buffer)
                self._exchange.received_bytes += size
                if not size:
                    self._exchange.still()
                return size


def write(connection: socket.socket, data: bytes, exchange: Exchange) -> bool:
    """Send *data*, by the clock of the exchange. False where nobody takes it any more."""
    view = memoryview(data)
    while view:
        connection.settimeout(exchange.wait_s())
        try:
            sent = connection.send(view[:_CHUNK_BYTES])
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):  # what it thinks of us comes with its answer
            return False
        exchange.sent_bytes += sent
        view = view[sent:]
    return True


def pieces(asked: Outgoing) -> Iterator[bytes]:
    """The request as it goes out."""
    chunked = asked.body is not None and asked.length_bytes is None
    lines = [f"{asked.method} {asked.target} HTTP/1.1"]
    if "host" not in asked.names:
        lines.append(f"Host: {asked.url.split('/')[2]}")
    lines += [f"{name}: {value}" for name, value in asked.headers]
    if chunked and "transfer-encoding" not in asked.names:
        lines.append("Transfer-Encoding: chunked")
    elif not chunked and "content-length" not in asked.names and (asked.body or asked.method in ("POST", "PUT")):
        lines.append(f"Content-Length: {asked.length_bytes or 0}")
    yield "\r\n".join((*lines, "", "")).encode("latin-1")
    for piece in (asked.body,) if isinstance(asked.body, bytes) else asked.body or ():
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    if chunked:
        yield b"0\r\n\r\n"


def bodies(file: io.BufferedReader, head: Head, asked: Outgoing) -> Iterator[bytes]:
    """The bytes of the body, as its head frames them."""
    if asked.method == "HEAD" or head.status in (204, 304):
        return
    if head.chunked:
        yield from chunks(file, asked.url)
        return
    left = head.length_bytes
    while left is None or left > 0:
        data = file.read1(min(_CHUNK_BYTES, left or _CHUNK_BYTES))
        if not data and left is None:
            return
        if not data:
            raise Incomplete(asked.url, f"the answer broke off {left} bytes before its end")
        left = left if left is None else left - len(data)
        yield data


def chunks(file: io.BufferedReader, url: str) -> Iterator[bytes]:
    """The data of a chunked body. Source: RFC 9112, section 7.1."""
    while size := chunk_size(line_of(file, url), url):
        while size:
            data = file.read1(min(_CHUNK_BYTES, size))
            if not data:
                raise Incomplete(url, "the answer broke off inside a chunk")
            size -= len(data)
            yield data
        if file.read(2) != b"\r\n":
            raise Incomplete(url, "a chunk without its end")
    for _ in range(_TRAILERS):
        if line_of(file, url) in (b"\r\n", b"\n"):
            return
    raise BadAnswer(url, "trailers without end")


def chunk_size(line: bytes, url: str) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise Incomplete(url, "broken chunks")
    return int(digits, 16)


def line_of(file: io.BufferedReader, url: str) -> bytes:
    line = file.readline(LINE_BYTES + 1)
    if len(line) > LINE_BYTES:
        raise BadAnswer(url, "a line without end")
    if not line:
        raise Incomplete(url, "the answer broke off between two chunks")
    return line


def context_of(asked: Outgoing, verify: bool | str, cert: Any) -> ssl.SSLContext | None:
    """What the connection is secured with; None for plain http."""
    if asked.origin.scheme != "https":
        return None
    try:
        file = certifi.where() if verify in (True, None) else verify or None
        context = ssl.create_default_context(cafile=file)
        if verify is False:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if cert:
            context.load_cert_chain(*([cert] if isinstance(cert, str) else cert))
    except OSError as error:
        raise TLSFailed(asked.url, tls_words(f"could not load certificates: {error}")) from error
    return context

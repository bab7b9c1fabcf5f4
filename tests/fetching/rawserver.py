"""A server scripted byte by byte: what each connection gets, and what it sent, is up to the test."""

from __future__ import annotations

import base64
import contextlib
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

Script = Callable[["Connection"], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(
    body: bytes = b"ok", *, status: str = "200 OK", headers: Iterable[str] = (), length: int | None = None
) -> bytes:
    """A whole answer; *length* lies about the body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


class Connection:
    """One accepted connection; `read` gives one request after another."""

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self.server, self.socket, self.number = server, sock, number
        self._rest = b""

    def read(self) -> bytes:
        """The next request, head and body; empty when the client has gone."""
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return b""
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lower = head.lower()
        body = b""
        if b"transfer-encoding: chunked" in lower:
            while not (self._rest == b"0\r\n\r\n" or self._rest.endswith(b"\r\n0\r\n\r\n")):
                if not self._more():
                    break
            body, self._rest = self._rest, b""
        elif b"content-length:" in lower:
            size = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            while len(self._rest) < size and self._more():
                pass
            body, self._rest = self._rest[:size], self._rest[size:]
        request = head + b"\r\n\r\n" + body
        self.server.requests.append(request)
        return request

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except OSError:
            return False
        self._rest += data
        return bool(data)

    def send(self, data: bytes) -> bool:
        """Whether the client took it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def drip(self, data: bytes, every_s: float) -> None:
        """Byte by byte, until the client has gone."""
        for index in range(len(data)):
            if not self.send(data[index : index + 1]) or self.server.over.wait(every_s):
                return

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hold(self) -> None:
        """Say nothing until the client or the test ends."""
        self.socket.settimeout(0.05)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not self.server.over.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.socket.recv(65536):
                    return


def always(data: bytes) -> Script:
    """Answer every request of a connection with *data*."""

    def script(connection: Connection) -> None:
        while connection.read():
            if not connection.send(data):
                return

    return script


def in_turn(*answers: bytes) -> Script:
    """A script that sends *answers*, one a request, on one connection."""

    def script(connection: Connection) -> None:
        for each in answers:
            if not connection.read():
                return
            connection.send(each)
        connection.hold()

    return script


def once(data: bytes) -> Script:
    """A script that sends *data* and closes."""

    def script(connection: Connection) -> None:
        connection.read()
        connection.send(data)

    return script


def proxying(username: str = "", password: str = "") -> Script:
    """A proxy: it answers plain requests itself with ``via proxy``, and connects where CONNECT says."""

    wanted = b"basic " + base64.b64encode(f"{username}:{password}".encode()).lower()

    def script(connection: Connection) -> None:
        while request := connection.read():
            if username and wanted not in request.lower():
                connection.send(answer(status="407 Proxy Authentication Required"))
            elif request.startswith(b"CONNECT "):
                host, _, port = request.split()[1].rpartition(b":")
                with socket.create_connection((host.strip(b"[]").decode(), int(port))) as target:
                    connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    relay(connection.socket, target)
                return
            else:
                connection.send(answer(b"via proxy"))

    return script


def socks(connection: Connection) -> None:
    """A SOCKS 5 proxy that resolves every name to 127.0.0.1. Source: RFC 1928."""
    sock = connection.socket
    sock.recv(100)
    sock.sendall(b"\x05\x00")
    asked = sock.recv(300)
    connection.server.requests.append(asked)
    with socket.create_connection(("127.0.0.1", int.from_bytes(asked[-2:], "big"))) as target:
        sock.sendall(b"\x05\x00\x00\x01" + bytes(6))
        relay(sock, target)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what either says until one of them has ended."""
    one.setblocking(True)
    with selectors.DefaultSelector() as both:  # `select` takes no descriptor above 1,023
        both.register(one, selectors.EVENT_READ, other)
        both.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in both.select(20):
                sock, to = key.fileobj, key.data
                assert isinstance(sock, socket.socket)
                data = sock.recv(65536)
                if not data:
                    return
                to.sendall(data)


class RawServer:
    """Runs scripts, one a connection; the last one serves all further connections.

    Attributes:
        requests: All requests in the order in which they came.
        accepted: Number of connections.
        faults: What scripts raised.
    """

    def __init__(self, *scripts: Script | bytes, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._scripts = [always(each) if isinstance(each, bytes) else each for each in scripts]
        self._tls = tls
        self.host = host
        self.requests: list[bytes] = []
        self.accepted = 0
        self.faults: list[BaseException] = []
        self.over = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def scheme(self) -> str:
        return "https" if self._tls is not None else "http"

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number, self.accepted = self.accepted, self.accepted + 1
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        self._open.add(sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(20)
            if self._tls is not None:
                self._open.discard(sock)
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.add(sock)
            self._scripts[min(number, len(self._scripts) - 1)](Connection(self, sock, number))
        except OSError:
            pass  # the client broke off, which some tests want
        except BaseException as error:
            self.faults.append(error)
            raise
        finally:
            sock.close()
            self._open.discard(sock)

    def wait_for_end(self, number: int = 0, seconds: float = 10.0) -> bool:
        """Until connection *number* (from 0) is closed on this side; on loopback the other side knows it then, too."""
        self._threads[number].join(seconds)
        return not self._threads[number].is_alive()

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in (self._acceptor, *self._threads):
            thread.join(5)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

"""One small host a row: each listens on an address of its own and answers its page in the way of its row."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trustme

NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """One accepted connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.ended = False

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        """Hang up without a word."""
        self.ended = True

    def reset(self) -> None:
        """Hang up with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.ended = True


Serve = Callable[[Peer, int, str], None]  #: connection, how often a page was asked for before, and the target


class RowHost:
    """Listens from its making until `close`.

    Attributes:
        asked: The requests that came, without those for robots.txt.
        robots: How often robots.txt was asked for.
    """

    def __init__(self, address: str, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self._serve, self._tls = serve, tls
        self.asked: list[bytes] = []
        self.robots = 0
        self._lock = threading.Lock()  # guards the three around it
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((address, 0), backlog=64)
        self.url = f"{'https' if tls else 'http'}://{address}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection.settimeout(60)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.add(connection)
            peer, rest = Peer(connection), b""
            while not peer.ended:
                while b"\r\n\r\n" not in rest:
                    data = connection.recv(65536)
                    if not data:
                        peer.ended = True
                        break
                    rest += data
                    if rest[:1] == b"\x16" and self._tls is None:  # a TLS greeting: what plain servers say to it
                        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        peer.ended = True
                        break
                if peer.ended:
                    break
                request, _, rest = rest.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: (\d+)", request)
                while length and len(rest) < int(length[1]):
                    rest += connection.recv(65536)
                if length:
                    request, rest = request + b"\r\n\r\n" + rest[: int(length[1])], rest[int(length[1]) :]
                target = request.split(b" ")[1].decode("latin-1")
                if target == "/robots.txt":
                    self.robots += 1
                    peer.send(NO_ROBOTS)
                    continue
                with self._lock:
                    visit = len(self.asked)
                    self.asked.append(request)
                self._serve(peer, visit, target)
        with suppress(OSError):
            connection.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            waiting = list(self._open)
        for each in waiting:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def tls(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """What a server of this name presents; *options* are those of `issue_cert`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context

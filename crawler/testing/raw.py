"""A server that sends exactly the bytes a test wants, when it wants them: for faults that no HTTP library produces.

Each connection follows a script (`crawler.testing.steps`); everything received is kept byte by byte.
"""

from __future__ import annotations

import socket
import ssl
import threading
from functools import partial
from types import TracebackType

from crawler.testing.steps import (
    CLOSE,
    HOLD,
    READ,
    RESET,
    Drip,
    Endless,
    Pause,
    RawConnection,
    Script,
    Step,
    Until,
    answer,
    play,
)

__all__ = [
    "CLOSE",
    "HOLD",
    "READ",
    "RESET",
    "Drip",
    "Endless",
    "Pause",
    "RawConnection",
    "RawServer",
    "Script",
    "Step",
    "Until",
    "answer",
]

JOINED_WITHIN_S = 10.0


class RawServer:
    """Listens on loopback from creation until `close`, and plays scripts. Thread-safe.

    ::

        with RawServer([READ, answer(b"half", length=8), CLOSE], [READ, answer(b"complete")]) as server:
            ...  # the first connection to server.url gets half an answer, all others a whole one

    Args:
        scripts: One for each connection, in order; further connections use the last one. At the end of a script the
            server sends no more and reads until the other side closes the connection.
        host: Address to listen on.
        tls: Use TLS with this context.
    """

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        if not scripts:
            raise ValueError("a raw server needs a script")
        self._scripts, self._tls = scripts, tls
        self._lock = threading.Lock()  # guards _connections and _threads
        self._connections: list[RawConnection] = []
        self._threads: list[threading.Thread] = []
        self._opened = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((host, 0))
            self._listener.listen(128)
        except BaseException:
            self._listener.close()
            raise
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name=f"raw server {self.port}", daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        return self.url_for("")

    def url_for(self, path: str = "/", host: str | None = None) -> str:
        """Its address with a path; *host* is another name for the same host."""
        return f"{'https' if self._tls else 'http'}://{host or self.host}:{self.port}{path}"

    @property
    def connections(self) -> list[RawConnection]:
        """The connections so far, in order."""
        with self._lock:
            return list(self._connections)

    @property
    def received(self) -> list[bytes]:
        """The bytes received on each connection."""
        return [connection.received for connection in self.connections]

    @property
    def requests(self) -> list[bytes]:
        """All requests read so far, connection by connection."""
        return [request for connection in self.connections for request in connection.requests]

    def wait_for_connections(self, count: int, seconds: float = 10.0) -> bool:
        """Waits until *count* connections were opened; returns whether they were."""
        with self._opened:
            return self._opened.wait_for(lambda: len(self._connections) >= count, seconds)

    def close(self) -> None:
        """Closes all connections and ends all threads. It may be called again."""
        self._closing.set()
        try:  # not on every system does accept() notice a closed socket, but it does notice a connection
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            pass
        self._accepting.join(JOINED_WITHIN_S)
        self._listener.close()
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(JOINED_WITHIN_S)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                continue
            if self._closing.is_set():
                plain.close()
                return
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._opened:
                number = len(self._connections)
                connection = RawConnection(number, plain, closing=self._closing)
                thread = threading.Thread(target=partial(self._serve, connection), name="raw connection", daemon=True)
                self._connections.append(connection)
                self._threads.append(thread)
                thread.start()
                self._opened.notify_all()

    def _serve(self, connection: RawConnection) -> None:
        script = self._scripts[min(connection.number, len(self._scripts) - 1)]
        try:
            if self._tls is not None:
                connection.socket = self._tls.wrap_socket(
                    connection.socket, server_side=True, do_handshake_on_connect=False
                )
                if self._closing.is_set():  # close() may have looked for the socket before it was replaced by this one
                    return
                connection.socket.do_handshake()
            for step in script:
                if not play(step, connection):
                    return
            connection.drain()
        except OSError as error:
            connection.error = error
        finally:
            connection.socket.close()
            connection.done.set()

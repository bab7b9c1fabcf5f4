"""The server of the practice site: listens, handles each connection in a thread, and ends all threads on close."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Protocol

from crawler.testing.wire import Answer, BadCall, CallReader, WireRequest

BACKLOG = 512
HANDSHAKE_WITHIN_S = 10.0
JOINED_WITHIN_S = 10.0
LINGER_S = 1.0


class Application(Protocol):
    """What the server gets its answers from. Called from many threads at once."""

    def connected(self, host: str) -> int:
        """A connection was opened; returns its number."""

    def answer(self, call: WireRequest) -> Answer:
        """The answer to a request."""

    def answers_left(self, answered: int) -> bool:
        """Whether a connection stays open after *answered* answers."""

    def date_offset_s(self) -> float:
        """Offset of the answers' Date header, in seconds."""


class Server:
    """Listens on addresses and answers through an application. `close` ends every thread and socket."""

    def __init__(self, application: Application, closing: threading.Event) -> None:
        self._application = application
        self.closing = closing  # set by close(); the application may wait for it
        self._lock = threading.Lock()  # guards _listeners, _sockets and _threads
        self._listeners: list[socket.socket] = []
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._date = (0, "")

    def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Starts listening and answering.

        Args:
            host: A loopback address.
            port: 0 for any free port.
            tls: Use TLS with this context.
        Returns:
            The port.
        Raises:
            OSError: The address is not available, or the port is in use.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        found: int = listener.getsockname()[1]
        base = f"{'https' if tls else 'http'}://{host}:{found}"
        with self._lock:
            self._listeners.append(listener)
        self._start(partial(self._accept, listener, host, base, tls), f"practice site {host}:{found}")
        return found

    def close(self) -> None:
        """Stops listening, closes all connections and waits for all threads. It may be called again.

        Raises:
            RuntimeError: A thread did not end within 10 s.
        """
        self.closing.set()
        with self._lock:
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            try:  # not on every system does accept() notice a closed socket, but it does notice a connection
                socket.create_connection(listener.getsockname(), timeout=1).close()
            except OSError:
                pass
        with self._lock:
            open_sockets = list(self._sockets)
        for connection in open_sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        while True:
            with self._lock:
                if not self._threads:
                    return
                thread = self._threads.pop()
            thread.join(JOINED_WITHIN_S)
            if thread.is_alive():
                raise RuntimeError(f"a thread of the practice site does not end: {thread.name}")

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)

    def _accept(self, listener: socket.socket, host: str, base: str, tls: ssl.SSLContext | None) -> None:
        with listener:
            while not self.closing.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    if self.closing.wait(0.05):  # out of descriptors, or the client left before the accept
                        return
                    continue
                with self._lock:
                    self._sockets.add(connection)
                if self.closing.is_set():
                    self._forget(connection)
                    return
                self._start(partial(self._serve, connection, host, base, tls), "practice site connection")

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(connection)
        connection.close()

    def _serve(self, plain: socket.socket, host: str, base: str, tls: ssl.SSLContext | None) -> None:
        number = self._application.connected(host)
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = self._wrap(plain, tls)
            self._converse(connection, CallReader(connection, host, base, number))
        except OSError:
            pass  # the visitor left, or close() closed the connection
        finally:
            self._forget(plain)
            self._forget(connection)

    def _wrap(self, plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        plain.settimeout(HANDSHAKE_WITHIN_S)
        connection = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._sockets.add(connection)  # the plain socket is detached now; close() must find this one
        if not self.closing.is_set():
            try:
                connection.do_handshake()
            except BaseException:
                self._forget(connection)
                raise
        connection.settimeout(None)
        return connection

    def _converse(self, connection: socket.socket, reader: CallReader) -> None:
        answered = 0
        while not self.closing.is_set():
            try:
                call = reader.read()
            except BadCall as error:
                refusal = Answer.text(f"{error}\n", 400)
                connection.sendall(refusal.encoded(head_only=False, keep_alive=False, date=self.date()))
                _linger(connection)
                return
            if call is None:
                return
            answer = self._application.answer(call)
            if self.closing.is_set():  # waits were cut short: no answer is better than one that is too early
                return
            answered += 1
            keep_alive = call.keep_alive and not answer.close
            message = answer.encoded(head_only=call.method == "HEAD", keep_alive=keep_alive, date=self.date())
            if answer.reset_after is not None:
                _reset(connection, message[: answer.reset_after])
                return
            connection.sendall(message)
            if not keep_alive:
                _linger(connection)
                return
            if not self._application.answers_left(answered):
                return

    def date(self) -> str:
        """The current Date header, made once a second."""
        now = int(time.time() + self._application.date_offset_s())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True))  # one assignment: threads always see a complete pair
        return self._date[1]


def _linger(connection: socket.socket) -> None:
    """Lets the other side read the last answer: closing with unread input sends RST, which can overtake it."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(LINGER_S)
    until_s = time.monotonic() + LINGER_S
    while connection.recv(65536) and time.monotonic() < until_s:
        pass


def _reset(connection: socket.socket, beginning: bytes) -> None:
    if beginning:
        connection.sendall(beginning)
    # close() with a linger time of 0 sends RST instead of FIN
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

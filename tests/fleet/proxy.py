"""A TCP proxy before a database that delays, goes silent, cuts, and loses the answer to a COMMIT.

It knows of PostgreSQL's protocol only where a message ends. What it does is switched while connections are open.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)


class _Pair:
    """A connection of a client and its other half."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.silent = False  #: nothing is carried any more, and nobody is told
        self.loses = False  #: the answer to its COMMIT is thrown away, and the client is cut off
        self.over = False

    def cut(self) -> None:
        """Both sides are reset."""
        self.over = True
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class Proxy:
    """Carries connections to a server; a context manager. Safe from any thread.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        delay_s: Before anything is handed on, in each direction.
        lost: Answers to COMMIT that were thrown away, after the server had given them.
        refuses: New connections are reset.
    """

    def __init__(self, connect: Callable[[], socket.socket], address: str = "127.0.0.1") -> None:
        """*connect* opens a connection to the server."""
        self._connect = connect
        self._listening = socket.create_server((address, 0), backlog=128)
        self.port: int = self._listening.getsockname()[1]
        self.delay_s = 0.0
        self.lost, self.refuses = 0, False
        self._to_lose = 0
        self._lock = threading.Lock()  # guards _pairs, _to_lose and lost
        self._pairs: list[_Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_commits(self, count: int = 1) -> None:
        """The answers to the next *count* COMMITs do not arrive: the transactions are done, the connections are cut."""
        with self._lock:
            self._to_lose += count

    def cut_all(self) -> int:
        """Reset all connections. Returns how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.cut()
        return len(pairs)

    def fall_silent(self) -> int:
        """What is open stays open and carries nothing any more. New connections are carried. Returns how many."""
        with self._lock:
            living = [pair for pair in self._pairs if not pair.over]
        for pair in living:
            pair.silent = True
        return len(living)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # a thread in accept() does not notice a closed socket
        self._listening.close()
        self.cut_all()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                pair = _Pair(client, self._connect())
            except OSError:  # the server is down
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.close()
                continue
            with self._lock:
                self._pairs = [each for each in self._pairs if not each.over] + [pair]
            threading.Thread(target=self._carry, args=(pair,), daemon=True).start()

    def _carry(self, pair: _Pair) -> None:
        """Carry both directions until one side ends."""
        with selectors.DefaultSelector() as ready:
            try:
                ready.register(pair.client, selectors.EVENT_READ)
                ready.register(pair.server, selectors.EVENT_READ)
                while not pair.over:
                    for key, _ in ready.select(0.5):
                        self._hand_on(pair, key.fileobj)  # type: ignore[arg-type]
            except (OSError, ValueError, KeyError):
                pass
        pair.cut()

    def _hand_on(self, pair: _Pair, source: socket.socket) -> None:
        data = source.recv(_CHUNK)
        if not data:
            raise OSError("ended")
        if self.delay_s:
            time.sleep(self.delay_s)  # the line is slow: nobody waits for a condition
        if pair.silent:
            return
        if source is pair.client:
            if b"COMMIT" in data:
                with self._lock:
                    if self._to_lose and not pair.loses:
                        self._to_lose -= 1
                        pair.loses = True
            pair.server.sendall(data)
        elif not pair.loses:
            pair.client.sendall(data)
        elif b"COMMIT\0" in data:  # CommandComplete: it is done, and nobody hears of it
            with self._lock:
                self.lost += 1
            raise OSError("cut after COMMIT was sent")

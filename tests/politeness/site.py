"""A small site that knows when the kernel received each request, however late the site itself gets a processor.

As a program (``python -m tests.politeness.site --latency S ...``) it prints its port and serves until it is killed;
`Site` is that process. Pages are ``/<anything>``; ``/robots.txt`` is as the options say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forked import Forked

ROOT = Path(__file__).parents[2]
SO_TIMESTAMPNS = 35  #: Linux; the socket module has no name for it
_TIMESPEC = struct.Struct("qq")
_RECORD = "/_record"
_HEAD = "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n{more}\r\n"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request.

    Attributes:
        at_s: Unix time at which the kernel received its first bytes.
        until_s: Unix time just before its answer was sent: who asks earlier than that does not know the answer.
    """

    at_s: float
    until_s: float
    path: str
    status: int


def gaps_of(arrivals: Sequence[Arrival], *, asked_by_robots: bool = False) -> list[float]:
    """Seconds between successive requests, but for the one after robots.txt: only then is known what the host wants.

    Args:
        asked_by_robots: The delay stands in robots.txt alone: a second command does not know it when it fetches that.
    """
    return [
        after.at_s - before.at_s
        for before, after in itertools.pairwise(arrivals)
        if before.path != "/robots.txt" and not (asked_by_robots and after.path == "/robots.txt")
    ]


class Server:
    """Accepts connections and answers; a thread for each."""

    def __init__(self, *, latency_s: float, crawl_delay: str, refuse_at: int, retry_after: str) -> None:
        self._latency_s, self._crawl_delay = latency_s, crawl_delay
        self._refuse_at, self._retry_after = refuse_at, retry_after
        self._lock = threading.Lock()  # guards the two below
        self._arrivals: list[Arrival] = []
        self._pages = 0

    def serve(self) -> None:
        """Print the port; serve for ever."""
        with listening_at("127.0.0.1", 0) as listening:
            print(listening.getsockname()[1], flush=True)
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            while True:
                received = received_by(connection)
                if received is None:
                    return
                at_s, path = received[0], received[1].split(b" ", 2)[1].decode("ascii", "replace")
                status, body, more = self._answer(path)
                head = _HEAD.format(status=status, length=len(body), more=more)
                if path != _RECORD:
                    with self._lock:
                        self._arrivals.append(Arrival(at_s, time.time(), path, int(status[:3])))
                connection.sendall(head.encode() + body)

    def _answer(self, path: str) -> tuple[str, bytes, str]:
        if path == _RECORD:
            with self._lock:
                return (
                    "200 OK",
                    json.dumps([[a.at_s, a.until_s, a.path, a.status] for a in self._arrivals]).encode(),
                    "",
                )
        if path == "/robots.txt":
            lines = f"User-agent: *\nCrawl-delay: {self._crawl_delay}\n" if self._crawl_delay else ""
            return "200 OK", lines.encode(), ""
        with self._lock:
            self._pages += 1
            refused = self._pages == self._refuse_at
        if refused:
            return "429 Too Many Requests", b"later", f"Retry-After: {self._retry_after}\r\n"
        time.sleep(self._latency_s)  # the server under test is slow, nobody waits for a condition
        return "200 OK", b"<p>page</p>", ""


def listening_at(address: str, port: int) -> socket.socket:
    """A listening socket whose connections know when the kernel received what came."""
    listening = socket.create_server((address, port), backlog=512)
    if sys.platform == "linux":
        listening.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # inherited by what it accepts
    return listening


def received_by(connection: socket.socket) -> tuple[float, bytes] | None:
    """Time of arrival of the next request, and its head with what came along; None when there is none any more."""
    data, at_s = b"", 0.0
    while b"\r\n\r\n" not in data:
        try:
            part, ancillary, _, _ = connection.recvmsg(65_536, socket.CMSG_SPACE(_TIMESPEC.size))
        except ConnectionError:
            return None
        if not part:
            return None
        if not data:
            at_s = time.time()  # where the kernel keeps no times, or has not begun to
            for level, kind, value in ancillary:
                if (level, kind) == _STAMP:
                    seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
                    at_s = seconds + nanoseconds / 1e9
        data += part
    return at_s, data


_STAMP = (socket.SOL_SOCKET, SO_TIMESTAMPNS)


class Site:
    """The site as a process of its own; a context manager."""

    def __init__(self, **options: object) -> None:
        """Start it with the options of the program: ``latency``, ``crawl_delay``, ``refuse_at``, ``retry_after``."""
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        self._process = Forked(
            [sys.executable, "-m", "tests.politeness.site", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    @property
    def arrivals(self) -> list[Arrival]:
        """All requests so far, in the order of their arrival; robots.txt is one of them."""
        with urllib.request.urlopen(f"{self.url}{_RECORD}", timeout=10) as answer:
            rows: list[list[Any]] = json.load(answer)
        return sorted((Arrival(*row) for row in rows), key=lambda arrival: arrival.at_s)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.politeness.site")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each page takes")
    parser.add_argument("--crawl-delay", default="", help="what robots.txt asks for")
    parser.add_argument("--refuse-at", type=int, default=0, help="number of the page that is answered 429 instead")
    parser.add_argument("--retry-after", default="2")
    chosen = parser.parse_args()
    Server(
        latency_s=chosen.latency,
        crawl_delay=chosen.crawl_delay,
        refuse_at=chosen.refuse_at,
        retry_after=chosen.retry_after,
    ).serve()


if __name__ == "__main__":
    main()

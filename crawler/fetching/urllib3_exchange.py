"""One request and its answer on urllib3's connections: what a wait may take, and how a head is read."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable
from typing import Any

from crawler.errors import BadAnswer, ConnectFailed
from crawler.fetching.heads import Head, is_interim, parse_head
from crawler.fetching.limits import INTERIM, LINE_BYTES, ExchangeClock, Limits
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.urllib3_connecting import Connecting, InCommon
from crawler.fetching.urllib3_places import Places


class Exchange:
    """One request and its answer as the connection sees them. Used by the thread that sends.

    Attributes:
        head: Of the final answer, once it is there.
        fresh: A connection was opened for it.
        wants_fresh: An idle connection must not be used.
        tainted: The connection must not be used again.
        received_bytes: From the server, heads included.
        connection: The one that it used last.
        at_end: Called when it is over.
        connecting: Makes its connection, and knows the sockets in use.
    """

    def __init__(
        self,
        asked: Outgoing,
        limits: Limits,
        clock: ExchangeClock,
        shared: InCommon,
        *,
        connect_s: float | None,
    ) -> None:
        self.asked, self.limits, self.clock, self._shared = asked, limits, clock, shared
        self.connecting = Connecting(asked, clock, shared, connect_s)
        self.head: Head | None = None
        self.fresh = self.wants_fresh = self.tainted = False
        self.received_bytes = self._head_bytes = self.sent_bytes = 0
        self.address = ""
        self.connection: Any = None
        self.at_end: list[Callable[[], None]] = []

    @property
    def places(self) -> Places:
        """For connections."""
        return self._shared.places

    def take_place(self) -> None:
        """Wait until one more connection may be open. Raises when the deadline passes."""
        self._leave_all()  # the place of a connection that was of no use
        self.places.take(self.still, self._shared.make_room)

    def still(self) -> None:
        """Raise when the deadline has passed or the transport was stopped."""
        if self._shared.stopped():
            raise ConnectFailed(self.asked.url, "stopped from outside")
        self.clock.left_s(time.monotonic())

    def wait_s(self) -> float:
        """Seconds that the next read or write may take; raises when there are none left."""
        if self._shared.stopped():
            raise ConnectFailed(self.asked.url, "stopped from outside")
        body_bytes = self.received_bytes - self._head_bytes if self.head is not None else 0
        return self.clock.wait_s(time.monotonic(), self.received_bytes + self.sent_bytes, body_bytes)

    def end(self) -> None:
        """Close what only the exchange holds."""
        self.connecting.end()
        self._leave_all()

    def _leave_all(self) -> None:
        while self.at_end:
            self.at_end.pop()()

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
            if not line:
                raise http.client.RemoteDisconnected("closed without an answer, or inside its head")
            if first and not line.startswith(b"HTTP/"):
                raise BadAnswer(url, f"the answer is not HTTP; it starts with {line[:40]!r}")
            total += len(line)
            if len(line) > LINE_BYTES or total > self.limits.max_header_bytes + LINE_BYTES:
                raise BadAnswer(url, f"too long header lines: more than {LINE_BYTES} bytes, or too many of them")
            if len(lines) - begin > most + 1:
                raise BadAnswer(url, f"more than {most} header lines")
            lines.append(line)
            if line in (b"\r\n", b"\n"):
                return
            first = False

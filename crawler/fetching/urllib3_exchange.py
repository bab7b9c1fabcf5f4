"""One request and its answer on urllib3's connections: what a wait may take, where to connect, how a head is read."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.errors import BadAnswer, ConnectFailed, Refused, TimedOut
from crawler.fetching.addresses import AddressRule
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.error_map import from_gaierror
from crawler.fetching.heads import Head, is_interim, parse_head
from crawler.fetching.limits import INTERIM, LINE_BYTES, ExchangeClock, Limits
from crawler.fetching.lookup import look_up
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.urllib3_places import Places


@dataclass(frozen=True, slots=True)
class InCommon:
    """What the exchanges of one adapter have in common.

    Attributes:
        rule: Asked before each connect.
        resolve: Addresses by host, instead of DNS.
        stopped: Whether everything is to end.
        places: For connections.
        make_room: Closes connections that are idle.
    """

    rule: AddressRule | None
    resolve: Mapping[str, Sequence[str]]
    stopped: Callable[[], bool]
    places: Places = field(default_factory=lambda: Places(connections_allowed()))
    make_room: Callable[[], None] = lambda: None


class Exchange:
    """One request and its answer as the connection sees them. Used by the thread that sends.

    Attributes:
        head: Of the final answer, once it is there.
        fresh: A connection was opened for it.
        wants_fresh: An idle connection must not be used.
        tainted: The connection must not be used again.
        received_bytes: From the server, heads included.
        places: For connections.
        connection: That it has used last.
        at_end: Called when it is over.
        sockets: Those in use; another thread may shut them down. While TLS is set up a duplicate stands in, since the
            socket itself passes from hand to hand.
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
        self.asked, self.limits, self.clock = asked, limits, clock
        self.connect_s, self._resolve, self._stopped = connect_s, shared.resolve, shared.stopped
        self._rule = shared.rule if asked.proxy is None else None
        self.head: Head | None = None
        self.fresh = self.wants_fresh = self.tainted = False
        self.received_bytes = self._head_bytes = self.sent_bytes = 0
        self.sockets: list[socket.socket] = []
        self._stand_in: socket.socket | None = None
        self.address = ""
        self.places, self._make_room = shared.places, shared.make_room
        self.connection: Any = None
        self.at_end: list[Callable[[], None]] = []

    def take_place(self) -> None:
        """Wait until one more connection may be open. Raises when the deadline passes."""
        self._leave_all()  # the place of a connection that was of no use
        self.places.take(self.still, self._make_room)

    def still(self) -> None:
        """Raise when the deadline has passed or the transport was stopped."""
        if self._stopped():
            raise ConnectFailed(self.asked.url, "stopped from outside")
        self.clock.left_s(time.monotonic())

    def wait_s(self) -> float:
        """Seconds that the next read or write may take; raises when there are none left."""
        if self._stopped():
            raise ConnectFailed(self.asked.url, "stopped from outside")
        body_bytes = self.received_bytes - self._head_bytes if self.head is not None else 0
        return self.clock.wait_s(time.monotonic(), self.received_bytes + self.sent_bytes, body_bytes)

    def connect(self, host: str, port: int, options: Sequence[Any] | None) -> socket.socket:
        """A connected socket for *host*, whose timeout is what is left for connecting (the handshake comes next).

        Raises:
            FetchError: The name does not resolve, no address answers, or none may be used.
        """
        url = self.asked.url
        now = time.monotonic()
        ends = now + min(self.clock.left_s(now), 86_400.0 if self.connect_s is None else self.connect_s)
        refused, failed = "", None
        for family, address in self._addresses(host, port, ends):
            if self._rule is not None and (why := self._rule.refuses(host, address[0], self.asked.led_by)):
                refused = why
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
            self.clock.restart_silence(time.monotonic())
            return connection
        if failed is None and refused:
            raise Refused(url, refused)
        through = f" through the proxy {self.asked.proxy.place}" if self.asked.proxy is not None else ""
        if failed is None or isinstance(failed, TimeoutError):
            raise TimedOut(url, f"no connection{through} in time") from failed
        raise ConnectFailed(url, f"no connection{through} ({failed})") from failed

    def use(self, connection: socket.socket) -> None:
        """The connection is ready: this socket is the one in use."""
        self.sockets = [connection]
        self._close_stand_in()

    def end(self) -> None:
        """Close what only the exchange holds."""
        self._close_stand_in()
        self._leave_all()

    def _leave_all(self) -> None:
        while self.at_end:
            self.at_end.pop()()

    def _close_stand_in(self) -> None:
        if self._stand_in is not None:
            self._stand_in.close()
            self._stand_in = None

    @property
    def _speaks_tls(self) -> bool:
        asked = self.asked
        return asked.origin.scheme == "https" or (asked.proxy is not None and asked.proxy.url.startswith("https"))

    def _addresses(self, host: str, port: int, ends: float) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        try:
            for name in self._resolve.get(host) or (host,):
                looked_up = look_up(self.asked.url, name, port, min(ends, self.clock.ends), self._stopped)
                found += [(family, address) for family, _, _, _, address in looked_up]
        except socket.gaierror as error:
            whose = ", the proxy" if self.asked.proxy is not None else ""
            raise from_gaierror(self.asked.url, host, error, whose=whose) from error
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
            if not line:
                raise http.client.RemoteDisconnected("closed without an answer, or inside its head")
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

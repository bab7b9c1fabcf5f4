"""A connected socket for one exchange on urllib3's connections: which address, by which rule, in what time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from crawler.errors import ConnectFailed, Refused, TimedOut
from crawler.fetching.addresses import AddressRule
from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.error_map import from_gaierror
from crawler.fetching.limits import ExchangeClock
from crawler.fetching.lookup import look_up
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.urllib3_places import Places
from crawler.quick_dataclass import quick_dataclass


@quick_dataclass
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


class Connecting:
    """Connects for one exchange, and knows the sockets that it uses. `shut_down` is safe from any thread."""

    def __init__(self, asked: Outgoing, clock: ExchangeClock, shared: InCommon, connect_s: float | None) -> None:
        self._asked, self._clock, self._shared, self._connect_s = asked, clock, shared, connect_s
        self._sockets: list[socket.socket] = []
        self._stand_in: socket.socket | None = None  # while TLS is set up: the socket itself passes from hand to hand

    def connect(self, host: str, port: int, options: Sequence[Any] | None) -> socket.socket:
        """A connected socket for *host*, whose timeout is what is left for connecting (the handshake comes next).

        Raises:
            FetchError: The name does not resolve, no address answers, or none may be used.
        """
        url = self._asked.url
        rule = self._shared.rule if self._asked.proxy is None else None
        now = time.monotonic()
        ends = now + min(self._clock.left_s(now), 86_400.0 if self._connect_s is None else self._connect_s)
        refused, failed = "", None
        for family, address in self._addresses(host, port, ends):
            if rule is not None and (why := rule.refuses(host, address[0], self._asked.led_by)):
                refused = why
                continue
            left_s = ends - time.monotonic()
            if left_s <= 0:
                break
            connection = socket.socket(family, socket.SOCK_STREAM)
            self._sockets = [connection]
            try:
                for option in options or ():
                    connection.setsockopt(*option)
                connection.settimeout(left_s)
                connection.connect(address)
                connection.settimeout(max(0.001, ends - time.monotonic()))
                if self._speaks_tls:
                    self._stand_in = connection.dup()
                    self._sockets = [self._stand_in]
            except OSError as error:
                connection.close()
                failed = error
                if self._shared.stopped():
                    raise ConnectFailed(url, "stopped from outside") from error
                continue
            except BaseException:
                connection.close()
                raise
            self._clock.restart_silence(time.monotonic())
            return connection
        if failed is None and refused:
            raise Refused(url, refused)
        through = f" through the proxy {self._asked.proxy.place}" if self._asked.proxy is not None else ""
        if failed is None or isinstance(failed, TimeoutError):
            raise TimedOut(url, f"no connection{through} in time") from failed
        raise ConnectFailed(url, f"no connection{through} ({failed})") from failed

    def use(self, connection: socket.socket) -> None:
        """The connection is ready: this socket is the one in use."""
        self._sockets = [connection]
        self.end()

    def end(self) -> None:
        """Close what only this holds."""
        if self._stand_in is not None:
            self._stand_in.close()
            self._stand_in = None

    def shut_down(self) -> None:
        """End all waiting for these sockets."""
        for each in self._sockets:
            with contextlib.suppress(OSError):  # not connected yet, or already closed
                each.shutdown(socket.SHUT_RDWR)

    @property
    def _speaks_tls(self) -> bool:
        asked = self._asked
        return asked.origin.scheme == "https" or (asked.proxy is not None and asked.proxy.url.startswith("https"))

    def _addresses(self, host: str, port: int, ends: float) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = []
        try:
            for name in self._shared.resolve.get(host) or (host,):
                looked_up = look_up(self._asked.url, name, port, min(ends, self._clock.ends), self._shared.stopped)
                found += [(family, address) for family, _, _, _, address in looked_up]
        except socket.gaierror as error:
            whose = ", the proxy" if self._asked.proxy is not None else ""
            raise from_gaierror(self._asked.url, host, error, whose=whose) from error
        return found

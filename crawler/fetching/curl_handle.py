"""One libcurl handle with its one connection: a request goes in, the head and the body of its answer come out.

libcurl speaks HTTP and TLS with the GIL released; what is ours runs between its steps: the clock (`Pace`), the caps on
the head, the decoding and counting of the body. Each handle has a multi handle of its own, since that is libcurl's way
to run a transfer in steps; the connection lives in there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pycurl

from crawler.errors import BadAnswer, ConnectFailed, Refused
from crawler.fetching.addresses import AddressRule
from crawler.fetching.answers import Body
from crawler.fetching.causes import NOBODY_THERE, from_curl, unreachable
from crawler.fetching.curl_options import RequestOptions, Route, set_addresses, set_route
from crawler.fetching.heads import Head, parse_head
from crawler.fetching.limits import INTERIM, Limits, Pace
from crawler.fetching.outgoing import Outgoing
from crawler.turns import lend, take_back

_NAP_S = 0.002
_RESOLVER_S = 60.0  # longer than a resolver keeps trying


@dataclass(slots=True)
class Exchanged:
    """An answer that came whole.

    Attributes:
        address: Connected IP address.
        wire_bytes: Of the body.
    """

    head: Head
    content: bytes
    address: str
    wire_bytes: int


class Handle:
    """One handle and its connection. Used by one thread at a time."""

    def __init__(
        self,
        route: Route,
        *,
        rule: AddressRule | None,
        resolve: Mapping[str, Sequence[str]],
        proxy_ca: str,
        stopped: Callable[[], bool],
    ) -> None:
        """Make a handle, without any connection.

        Args:
            rule: Asked before each connect, unless a proxy connects for us.
            resolve: Addresses of hosts, instead of DNS.
            proxy_ca: File of certificates by which an https proxy is verified.
            stopped: Asked now and then during a transfer; True ends it.
        Raises:
            OSError: No descriptor is left.
        """
        self.route, self._rule, self._resolve, self._stopped = route, rule, resolve, stopped
        self._socket_number = -1  # of the connection; only to look at, libcurl owns it
        self._poll: select.poll | None = None
        try:
            self._curl, self._multi = pycurl.Curl(), pycurl.CurlMulti()
        except pycurl.error as error:
            raise OSError(errno.EMFILE, "no descriptor left for libcurl") from error
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._lines: list[bytes] = []
        self._head: Head | None = None
        self._body: Body | None = None
        self._fault: BaseException | None = None
        self._refused = ""
        self._not_taken = 0
        self._opened: list[socket.socket] = []
        self._renewed = False  # the next exchange wants a new connection
        self._address = ""
        self._resolving_until = 0.0  # until then threads of the resolver may run on
        set_route(self._curl, route, proxy_ca)
        for option, callback in (
            (pycurl.HEADERFUNCTION, self._lines.append),
            (pycurl.WRITEFUNCTION, self._write),
            (pycurl.OPENSOCKETFUNCTION, self._open_socket),
            (pycurl.SOCKOPTFUNCTION, self._socket_taken),
        ):
            self._curl.setopt(option, callback)
        self._request = RequestOptions(self._curl, self._failed)
        self._set_addresses()

    def _set_addresses(self) -> None:
        addresses = self._resolve.get(self.route.origin.host)
        if addresses:
            set_addresses(self._curl, self.route.origin, addresses)

    # --- callbacks of libcurl; none may raise -------------------------------------------------------------------
    def _write(self, data: bytes) -> int | None:
        """Bytes of the body; anything but None ends the transfer."""
        try:
            body = self._body or self._started()[1]
            body.write(data)
        except BaseException as error:  # noqa: BLE001 - libcurl cannot pass it on; `_check` raises it
            self._fault = error
            return -1
        return -1 if body.cut else None

    def _failed(self, error: BaseException) -> None:
        self._fault = error

    def _open_socket(self, purpose: int, address: Any) -> socket.socket | int:
        """A socket for an address that the rule allows. libcurl duplicates it; ours is closed after the step."""
        try:
            rule = self._rule if self.route.proxy is None else None
            if rule is not None and (why := rule.refuses(self.route.origin.host, address.addr[0], self._asked.led_by)):
                self._refused = why
                return int(pycurl.SOCKET_BAD)
            self._opened.append(socket.socket(address.family, address.socktype, address.protocol))
            self._not_taken += 1
            return self._opened[-1]
        except BaseException as error:  # noqa: BLE001 - as in `_write`
            self._fault = error
            return int(pycurl.SOCKET_BAD)

    def _socket_taken(self, number: int, purpose: int) -> int:
        """libcurl has its duplicate; where this is not called, there was no descriptor for one."""
        self._not_taken -= 1
        return int(pycurl.SOCKOPT_OK)

    # --- one exchange -------------------------------------------------------------------------------------------
    def exchange(
        self,
        asked: Outgoing,
        limits: Limits,
        sink: BinaryIO | None,
        timeouts_s: tuple[float | None, float | None],
        started: float,
    ) -> Exchanged:
        """Send *asked* and read its answer whole. After any error the handle must be closed.

        A connection that must not serve again is replaced by the next exchange.

        Args:
            sink: Takes the body of a 2xx answer.
            timeouts_s: To connect, and without any movement.
            started: ``time.monotonic()`` when the deadline began to run.
        Raises:
            FetchError: As the contract of the adapter says.
            OSError: No descriptor was left for a socket, or what a sink raised.
        """
        self._lines.clear()
        self._head, self._body, self._fault = None, None, None
        self._refused, self._not_taken = "", 0
        self._asked, self._limits, self._sink = asked, limits, sink
        self._pace = pace = Pace(asked.url, limits, timeouts_s[1], started)
        self._request.set(asked, timeouts_s[0], fresh=self._renewed)
        self._renewed = False
        self._multi.add_handle(self._curl)
        try:
            self._run(pace)
            self._check(self._multi.info_read()[2])
            head, body = self._started()
            content = body.finish()
            self._watch()
        finally:
            self._multi.remove_handle(self._curl)
        if body.cut or head.is_ambiguous:
            self.renew()
        return Exchanged(head, content, self._address, body.wire_bytes)

    def _run(self, pace: Pace) -> None:
        curl, multi, lines = self._curl, self._multi, self._lines
        uploads = self._asked.body is not None
        connected = False
        while True:
            running = multi.perform()[1]
            while self._opened:
                self._opened.pop().close()
            if not running:
                return
            self._still()
            if len(lines) > (self._limits.max_headers + 2) * (INTERIM + 1):
                raise BadAnswer(self._asked.url, "too many header lines")
            now = time.monotonic()
            if not connected:
                connected = curl.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
                pace.restart_silence(now)  # connecting has a limit of its own
                if not connected:
                    self._resolving_until = now + _RESOLVER_S
            body_bytes = self._body.wire_bytes if self._body is not None else 0
            moved = len(lines) + body_bytes + (curl.getinfo(pycurl.SIZE_UPLOAD_T) if uploads else 0)
            wait_s = pace.wait_s(now, moved, body_bytes)
            own_s = multi.timeout() / 1000
            if 0 <= own_s < wait_s:
                wait_s = own_s
            turn = lend()
            ready = multi.select(wait_s)
            if ready <= 0 and wait_s > _NAP_S > time.monotonic() - now:
                time.sleep(_NAP_S)  # select() could not wait: no socket yet, or numbered above what it can watch
            take_back(turn)

    def _still(self) -> None:
        """Raise when the deadline has passed or the transport was stopped: decoding asks too, inside of libcurl."""
        if self._stopped():
            raise ConnectFailed(self._asked.url, "stopped from outside")
        self._pace.left_s(time.monotonic())

    def _started(self) -> tuple[Head, Body]:
        """The head, read at the first byte of the body or at the end, and what takes the body."""
        if self._head is None or self._body is None:
            asked = self._asked
            self._head = parse_head(asked.url, self._lines, self._limits)
            self._body = Body(asked.url, self._head, asked.method, self._limits, sink=self._sink, still=self._still)
        return self._head, self._body

    def _check(self, failed: list[tuple[Any, int, str]]) -> None:
        """Raise what went wrong, the deepest cause first."""
        if self._fault is not None:
            raise self._fault
        if not failed or (self._body is not None and self._body.cut):
            return
        error = pycurl.error(*failed[0][1:])
        url = self._asked.url
        if self._not_taken:
            raise OSError(errno.EMFILE, "no descriptor left for a connection") from error
        if self._refused:
            raise Refused(url, self._refused) from error
        if self._body is None and self._lines:
            with contextlib.suppress(ConnectFailed):  # a head that is bad says more than what came of it
                self._started()
        number = self._curl.getinfo(pycurl.OS_ERRNO)
        if failed[0][1] == pycurl.E_COULDNT_CONNECT and number in NOBODY_THERE:
            raise unreachable(url, number, self._asked.where) from error
        raise from_curl(
            error,
            url,
            self.route.origin.host,
            answered=self._head is not None,
            connect_status=self._curl.getinfo(pycurl.HTTP_CONNECTCODE),
            proxy=self.route.proxy.place if self.route.proxy is not None else "",
        ) from error

    # --- between exchanges --------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """Remember the connection: its address, and its descriptor, which libcurl may close in an exchange only."""
        number = self._curl.getinfo(pycurl.ACTIVESOCKET)
        if self._curl.getinfo(pycurl.NUM_CONNECTS):
            self._address = self._curl.getinfo(pycurl.PRIMARY_IP)
        elif number == self._socket_number:
            return
        self._socket_number, self._poll = number, None
        if number >= 0:
            self._poll = select.poll()
            self._poll.register(number, select.POLLIN)

    def is_stale(self) -> bool:
        """Whether the idle connection has ended, or brought bytes that nobody asked for. libcurl looks only now and
        then, and would take an unasked answer for that of the next request.
        """
        return self._poll is None or bool(self._poll.poll(0))

    def renew(self) -> None:
        """Do not use the connection again; all else that the handle has learned stays."""
        self._renewed = True

    def rebind(self, route: Route) -> None:
        """Serve another origin, on a new connection; *route* must trust like the one before."""
        self.route = route
        self.renew()
        self._set_addresses()

    # --- the end ------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Close the connection. Harmless when called again. May wait for a slow resolver, see `close_all`."""
        while self._opened:
            self._opened.pop().close()
        self._multi.close()
        self._curl.close()

    @property
    def may_wait(self) -> bool:
        """Whether `close` may take seconds: libcurl joins the threads that still ask for a name."""
        return time.monotonic() < self._resolving_until

    def forget(self) -> None:
        """In a forked child: let go of the connection without a word to the server, which still talks to the parent."""
        if self._socket_number >= 0:
            with contextlib.suppress(OSError):
                nothing = os.open(os.devnull, os.O_RDWR)
                os.dup2(nothing, self._socket_number)
                os.close(nothing)
        self.close()


def close_all(handles: Sequence[Handle], patience_s: float) -> None:
    """Close *handles*; where a resolver holds that up for longer than *patience_s*, it goes on behind our back."""

    def close() -> None:
        for handle in handles:
            handle.close()

    if not any(handle.may_wait for handle in handles):
        close()
        return
    closing = threading.Thread(target=close, name="curl-close", daemon=True)
    closing.start()
    closing.join(patience_s)

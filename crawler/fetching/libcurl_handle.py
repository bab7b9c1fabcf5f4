"""One libcurl handle with its one connection: a request goes in, the head and the body of its answer come out.

libcurl speaks HTTP and TLS with the GIL released; what is ours runs between its steps: the clock (`ExchangeClock`), the
reading of the answer (`libcurl_answer`), and which sockets may be opened (`libcurl_sockets`). Each handle has a multi
handle of its own, since that is libcurl's way to run a transfer in steps; the connection lives in there.
"""

from __future__ import annotations

import contextlib
import errno
import select
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import pycurl

from crawler.clock import unix_now
from crawler.errors import ConnectFailed
from crawler.fetching.addresses import AddressRule
from crawler.fetching.error_map import NOBODY_THERE, from_curl, unreachable
from crawler.fetching.heads import Head
from crawler.fetching.io_thread import Watcher
from crawler.fetching.libcurl_answer import AnswerReader
from crawler.fetching.libcurl_options import RequestOptions, Route, http_version, set_addresses, set_route
from crawler.fetching.libcurl_sockets import IdleConnection, SocketOpener
from crawler.fetching.limits import ExchangeClock, Limits
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.response_maker import Body
from crawler.quick_dataclass import quick_dataclass

_NAP_S = 0.002
_EPOLL = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
    pycurl.POLL_REMOVE: 0,
}
_RESOLVER_S = 60.0  # longer than a resolver keeps trying


@quick_dataclass(frozen=False)
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
    """One handle and its connection. Used by one thread at a time.

    Attributes:
        latest: Seconds since 1970; after that the next request is not sent; None for any time.
        was_late: It was not sent for that reason.
    """

    def __init__(
        self,
        route: Route,
        *,
        rule: AddressRule | None,
        resolve: Mapping[str, Sequence[str]],
        proxy_ca: str,
        stopped: Callable[[], bool],
        http: str = "1.1",
    ) -> None:
        """Make a handle, without any connection.

        Args:
            rule: Asked before each connect, unless a proxy connects for us.
            resolve: Addresses of hosts, instead of DNS.
            proxy_ca: File of certificates by which an https proxy is verified.
            stopped: Asked now and then during a transfer; True ends it.
            http: As in `libcurl_options.http_version`.
        Raises:
            OSError: No descriptor is left.
        """
        self.route, self._resolve = route, resolve
        try:
            self._curl, self._multi = self.bound()
        except pycurl.error as error:
            raise OSError(errno.EMFILE, "no descriptor left for libcurl") from error
        for option, setting in (
            (pycurl.M_MAXCONNECTS, 1),
            (pycurl.M_SOCKETFUNCTION, self._socket_watched),
            (pycurl.M_TIMERFUNCTION, self._timer_set),
        ):
            self._multi.setopt(option, setting)
        self._answer = AnswerReader(stopped)
        self._sockets = SocketOpener(rule if route.proxy is None else None, self._answer.failed)
        self.connection = IdleConnection()
        self.latest: float | None = None
        self.was_late = False
        self._renewed = False  # the next exchange wants a new connection
        self._connected = False
        self._watcher: Watcher | None = None
        self._resolving_until = 0.0  # until then threads of the resolver may still run
        set_route(self._curl, route, proxy_ca)
        self._curl.setopt(pycurl.HTTP_VERSION, http_version(http, route))
        for option, callback in (
            (pycurl.HEADERFUNCTION, self._answer.lines.append),
            (pycurl.WRITEFUNCTION, self._answer.write),
            (pycurl.OPENSOCKETFUNCTION, self._sockets.open),
            (pycurl.SOCKOPTFUNCTION, self._sockets.taken),
        ):
            self._curl.setopt(option, callback)
        if isinstance(self._curl, pycurl.Curl):  # the others are not carried by the I/O thread
            self._curl.setopt(pycurl.PREREQFUNCTION, self._about_to_send)
        self._request = RequestOptions(self._curl, self._answer.failed)
        self._set_addresses()

    def bound(self) -> tuple[Any, Any]:
        """An easy and a multi handle, as pycurl has them. Raises pycurl.error where no descriptor is left."""
        return pycurl.Curl(), pycurl.CurlMulti()

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
        self.latest = None
        self.start(asked, limits, sink, timeouts_s, started)
        try:
            self._run()
            head, body = self.result()
            content = body.finish()
        finally:
            self.leave()
        return Exchanged(head, content, self.connection.address, body.wire_bytes)

    def _run(self) -> None:
        multi = self._multi
        while True:
            running = multi.perform()[1]
            self._sockets.close_opened()
            if not running:
                return
            self._answer.refuse_to_switch()
            now = time.monotonic()
            wait_s = self.check(now)
            own_s = multi.timeout() / 1000
            if 0 <= own_s < wait_s:
                wait_s = own_s
            ready = multi.select(wait_s)
            if ready <= 0 and wait_s > _NAP_S > time.monotonic() - now:
                time.sleep(_NAP_S)  # select() could not wait: no socket yet, or numbered above what it can watch

    def _about_to_send(self, *where: object) -> int:
        """Called by libcurl when there is a connection: the process may have been stopped while it was made."""
        self.was_late = self.latest is not None and unix_now() > self.latest
        return int(pycurl.PREREQFUNC_ABORT if self.was_late else pycurl.PREREQFUNC_OK)

    # --- the steps of an exchange, for `exchange` and for the I/O thread ------------------------------------------
    def start(
        self,
        asked: Outgoing,
        limits: Limits,
        sink: BinaryIO | None,
        timeouts_s: tuple[float | None, float | None],
        started: float,
        *,
        watcher: Watcher | None = None,
    ) -> None:
        """Begin an exchange; `leave` has to end it. The arguments are those of `exchange`.

        Args:
            watcher: Told of sockets and times by libcurl, where the I/O thread waits for them. The body is then decoded
                by whoever reads it, not while it comes, unless it goes to a sink.
        """
        self._watcher, self._connected = watcher, False
        clock = ExchangeClock(asked.url, limits, timeouts_s[1], started)
        self._answer.begin(asked, limits, sink, clock, late=watcher is not None)
        self._sockets.begin(self.route.origin.host, asked.led_by)
        self._request.set(asked, timeouts_s[0], fresh=self._renewed)
        self._renewed = False
        self._multi.add_handle(self._curl)

    def act(self, descriptor: int, mask: int) -> bool:
        """Let libcurl go on after a socket is ready (or a time has come). True while the transfer is under way.

        Raises:
            BadAnswer: The server speaks another protocol from here on: libcurl would wait for its end.
        """
        running = self._multi.socket_action(descriptor, mask)[1]
        self._sockets.close_opened()
        self._answer.refuse_to_switch()
        return bool(running)

    def check(self, now: float) -> float:
        """Seconds until the next look at an exchange under way, at most.

        Raises:
            FetchError: It has taken too long, brought too many lines, or is to end.
        """
        answer = self._answer
        answer.check()
        if not self._connected:
            self._connected = self._curl.getinfo(pycurl.PRETRANSFER_TIME_T) > 0
            answer.clock.restart_silence(now)  # connecting has a limit of its own
            if not self._connected:
                self._resolving_until = now + _RESOLVER_S
        body_bytes = answer.body_bytes
        sent = self._curl.getinfo(pycurl.SIZE_UPLOAD_T) if answer.asked.body is not None else 0
        return answer.clock.wait_s(now, len(answer.lines) + body_bytes + sent, body_bytes)

    def result(self) -> tuple[Head, Body]:
        """Head and body of an exchange that is over; the body is not finished yet.

        Raises:
            FetchError: As the contract of the adapter says.
            OSError: No descriptor was left for a socket, or what a sink raised.
        """
        self._raise_failure(self._multi.info_read()[2])
        head, body = self._answer.started()
        self.connection.look(self._curl, frames=head.version.startswith(("2", "3")))
        if body.cut or head.is_ambiguous:
            self.renew()
        return head, body

    def leave(self) -> None:
        """The exchange is over, however it went. After any error the handle must be closed."""
        self._multi.remove_handle(self._curl)
        self._watcher = None

    def _socket_watched(self, event: int, descriptor: int, multi: Any, data: Any) -> None:
        if self._watcher is not None:
            self._watcher.socket(descriptor, _EPOLL[event])

    def _timer_set(self, milliseconds: int) -> None:
        if self._watcher is not None:
            self._watcher.timer(milliseconds / 1000 if milliseconds >= 0 else None)

    def _raise_failure(self, failed: list[tuple[Any, int, str]]) -> None:
        """Raise what went wrong, the deepest cause first."""
        answer = self._answer
        if answer.fault is not None:
            raise answer.fault
        if not failed or answer.was_cut:
            return
        error = pycurl.error(*failed[0][1:])
        url = answer.asked.url
        self._sockets.raise_refusal(answer.asked, error)
        if answer.lines:
            with contextlib.suppress(ConnectFailed):  # a head that is bad says more than what came of it
                answer.started()
        number = self._curl.getinfo(pycurl.OS_ERRNO)
        if failed[0][1] == pycurl.E_COULDNT_CONNECT and number in NOBODY_THERE:
            raise unreachable(url, number, answer.asked.where) from error
        raise from_curl(
            error,
            url,
            self.route.origin.host,
            answered=answer.has_head,
            connect_status=self._curl.getinfo(pycurl.HTTP_CONNECTCODE),
            proxy=self.route.proxy.place if self.route.proxy is not None else "",
        ) from error

    # --- between exchanges --------------------------------------------------------------------------------------
    def renew(self) -> None:
        """Do not use the connection again; all else that the handle has learned stays."""
        self._renewed = True

    def rebind(self, route: Route) -> None:
        """Serve another origin, on a new connection; *route* must trust like the one before."""
        self.route = route
        self.renew()
        self._set_addresses()

    def _set_addresses(self) -> None:
        addresses = self._resolve.get(self.route.origin.host)
        if addresses:
            set_addresses(self._curl, self.route.origin, addresses)

    # --- the end ------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Close the connection. Harmless when called again. May wait for a slow resolver: `libcurl_pool.close_all`."""
        self._sockets.close_opened()
        self._multi.close()
        self._curl.close()

    @property
    def may_wait(self) -> bool:
        """Whether `close` may take seconds: libcurl joins the threads that still ask for a name."""
        return time.monotonic() < self._resolving_until

    def forget(self) -> None:
        """In a forked child: let go of the connection without a word to the server, which still talks to the parent."""
        self.connection.let_go()
        self.close()

"""The sockets of one libcurl handle: those it may open, and the connection that waits for the next request."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Any

import pycurl

from crawler.errors import Refused
from crawler.fetching.addresses import AddressRule
from crawler.fetching.outgoing import Outgoing


class SocketOpener:
    """Opens sockets for libcurl, to addresses that the rule allows. Used by one thread at a time.

    Args:
        rule: Asked before each connect; None for no check, as when a proxy connects for us.
        failed: Told of an error in a callback, which libcurl cannot pass on.
    """

    def __init__(self, rule: AddressRule | None, failed: Callable[[BaseException], None]) -> None:
        self.rule, self._failed = rule, failed
        self._host, self._led_by = "", ""
        self._refused = ""
        self._not_taken = 0
        self._opened: list[socket.socket] = []

    def begin(self, host: str, led_by: str) -> None:
        """An exchange with *host* begins, to which a page of the host *led_by* has led."""
        self._host, self._led_by = host, led_by
        self._refused, self._not_taken = "", 0

    def open(self, purpose: int, address: Any) -> socket.socket | int:
        """A callback of libcurl, which duplicates the socket; ours is closed after the step."""
        try:
            if self.rule is not None and (why := self.rule.refuses(self._host, address.addr[0], self._led_by)):
                self._refused = why
                return int(pycurl.SOCKET_BAD)
            self._opened.append(socket.socket(address.family, address.socktype, address.protocol))
            self._not_taken += 1
            return self._opened[-1]
        except BaseException as error:  # noqa: BLE001 - libcurl cannot pass it on
            self._failed(error)
            return int(pycurl.SOCKET_BAD)

    def taken(self, number: int, purpose: int) -> int:
        """A callback: libcurl has its duplicate; where this is not called, there was no descriptor for one."""
        self._not_taken -= 1
        return int(pycurl.SOCKOPT_OK)

    def close_opened(self) -> None:
        """Close what libcurl has duplicates of."""
        while self._opened:
            self._opened.pop().close()

    def raise_refusal(self, asked: Outgoing, cause: BaseException) -> None:
        """Raise why libcurl got no socket, if that is how the exchange failed.

        Raises:
            OSError: No descriptor was left.
            Refused: The rule allowed none of the addresses.
        """
        if self._not_taken:
            raise OSError(errno.EMFILE, "no descriptor left for a connection") from cause
        if self._refused:
            raise Refused(asked.url, self._refused) from cause


class IdleConnection:
    """The connection of a handle between two exchanges. libcurl owns it and closes it only during an exchange.

    Attributes:
        address: Connected IP address, of the last exchange.
    """

    def __init__(self) -> None:
        self.address = ""
        self._number = -1
        self._poll: select.poll | None = None

    @property
    def is_there(self) -> bool:
        """Whether an exchange has left one."""
        return self._number >= 0

    def look(self, curl: Any, *, frames: bool) -> None:
        """Remember the connection of the exchange that has just ended.

        Args:
            frames: It speaks HTTP/2: a server may send at any time.
        """
        number = curl.getinfo(pycurl.ACTIVESOCKET)
        if curl.getinfo(pycurl.NUM_CONNECTS):
            self.address = curl.getinfo(pycurl.PRIMARY_IP)
        elif number == self._number:
            return
        self._number, self._poll = number, None
        if number >= 0:
            self._poll = select.poll()
            self._poll.register(number, select.POLLRDHUP if frames else select.POLLIN)

    def is_stale(self) -> bool:
        """Whether it has ended, or brought bytes that nobody asked for. libcurl looks only now and then, and would take
        an unasked answer for that of the next request.
        """
        return self._poll is None or bool(self._poll.poll(0))

    def let_go(self) -> None:
        """In a forked child: without a word to the server, which still talks to the parent."""
        if self._number < 0:
            return
        with contextlib.suppress(OSError):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self._number)
            os.close(nothing)

"""What one libcurl handle brings: lines of a head, then bytes of a body, read as they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from crawler.errors import BadAnswer, ConnectFailed
from crawler.fetching.heads import Head, parse_head, switches
from crawler.fetching.limits import INTERIM, ExchangeClock, Limits
from crawler.fetching.outgoing import Outgoing
from crawler.fetching.response_maker import Body


class AnswerReader:
    """Reads one answer after the other. Used by one thread at a time.

    Args:
        stopped: Asked now and then; True ends the exchange.
    Attributes:
        asked: The request of the exchange.
        clock: Of the exchange.
        lines: Of the head, as libcurl appends them.
        fault: What went wrong in a callback, which libcurl cannot pass on.
    """

    asked: Outgoing
    clock: ExchangeClock

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.stopped = stopped
        self.lines: list[bytes] = []
        self.fault: BaseException | None = None
        self._head: Head | None = None
        self._body: Body | None = None

    def begin(
        self, asked: Outgoing, limits: Limits, sink: BinaryIO | None, clock: ExchangeClock, *, late: bool
    ) -> None:
        """An exchange begins.

        Args:
            sink: Takes the body of a 2xx answer.
            late: The body is decoded by whoever reads it, not while it comes, unless it goes to a sink.
        """
        self.lines.clear()
        self._head, self._body, self.fault = None, None, None
        self.asked, self._limits, self._sink, self.clock = asked, limits, sink, clock
        self._late = late and sink is None

    @property
    def has_head(self) -> bool:
        """Whether the head was read."""
        return self._head is not None

    @property
    def was_cut(self) -> bool:
        """Whether enough of the body had come, and the rest was not wanted."""
        return self._body is not None and self._body.cut

    @property
    def body_bytes(self) -> int:
        """Bytes of the body so far, as they are on the wire."""
        return self._body.wire_bytes if self._body is not None else 0

    def write(self, data: bytes) -> int | None:
        """A callback of libcurl: bytes of the body. Anything but None ends the transfer."""
        try:
            body = self._body or self.started()[1]
            body.write(data)
        except BaseException as error:  # noqa: BLE001 - libcurl cannot pass it on
            self.fault = error
            return -1
        return -1 if body.cut else None

    def failed(self, error: BaseException) -> None:
        """Another callback failed."""
        self.fault = error

    def started(self) -> tuple[Head, Body]:
        """The head, read at the first byte of the body or at the end, and what takes the body.

        Raises:
            FetchError: The head is not one, or cannot be trusted.
        """
        if self._head is None or self._body is None:
            asked = self.asked
            self._head = parse_head(asked.url, self.lines, self._limits)
            self._body = Body(
                asked.url,
                self._head,
                asked.method,
                self._limits,
                sink=self._sink,
                still=partial(_still, self.stopped, self.clock, asked.url),  # it may be decoded after the exchange
                late=self._late,
            )
        return self._head, self._body

    def refuse_to_switch(self) -> None:
        """Raise BadAnswer for a switch to another protocol: libcurl would wait for its end."""
        if self._head is None and self.lines and any(map(switches, self.lines)):
            parse_head(self.asked.url, self.lines, self._limits)

    def check(self) -> None:
        """Raise FetchError where the exchange is to end, has taken too long, or has brought too many lines."""
        _still(self.stopped, self.clock, self.asked.url)
        if len(self.lines) > (self._limits.max_headers + 2) * (INTERIM + 1):
            raise BadAnswer(self.asked.url, "too many header lines")


def _still(stopped: Callable[[], bool], clock: ExchangeClock, url: str) -> None:
    """Raise when the deadline has passed or the transport was stopped."""
    if stopped():
        raise ConnectFailed(url, "stopped from outside")
    clock.left_s(time.monotonic())

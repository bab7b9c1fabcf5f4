"""When a run stops before its frontier is empty: a limit, a signal, a request to stop.

`RunLimits` is pure and is given the time; `Interrupts` keeps what signals have asked for: the first one stops softly,
a second one at once. `handled_signals` installs the handlers.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from crawler.settings import Settings


class RunLimits:
    """Why a run stops, and how long it waits for what is under way.

    Attributes:
        reason: Why; "" while it goes on. Read from any thread.
        over: The run has ended: nothing is sent any more.
        deadline: When it ends even if requests are under way, seconds since 1970; None while it goes on.
        ends_at: When its time is over; None without such a limit.
    """

    def __init__(self, settings: Settings, *, began_at: float) -> None:
        """*began_at* is the start of the run, not of this process: a process woken late ends with the others."""
        self._max_pages, self._max_time_s, self._grace_s = settings.max_pages, settings.max_time, settings.grace
        self.reason = ""
        self.over = False
        self.deadline: float | None = None
        self.ends_at = began_at + settings.max_time if settings.max_time else None

    def stop(self, reason: str, by: float) -> None:
        """Stop, at the latest at the moment *by*. The first reason counts, and the earliest moment."""
        self.reason = self.reason or reason
        self.deadline = by if self.deadline is None else min(self.deadline, by)

    def check(self, pages: int, now: float) -> None:
        """Stop when a limit is reached.

        Args:
            pages: Done in this run.
        """
        if self.reason:
            return
        if self._max_pages and pages >= self._max_pages:
            self.reason = f"limit: max_pages {self._max_pages}"
        elif self.ends_at is not None and now >= self.ends_at:
            self.reason = f"limit: max_time {self._max_time_s:g} s"
        if self.reason:
            self.deadline = now + self._grace_s

    def waits_no_longer(self, now: float) -> bool:
        """Whether the time for what is under way is over."""
        return self.deadline is not None and now >= self.deadline


class StopNow(BaseException):
    """A second signal: leave at once. Raised by the signal handler inside `Interrupts.breakable`, and caught there."""


class Stops(Protocol):
    """What is notified of the first signal: the scheduler."""

    def stop(self, reason: str, *, grace_s: float) -> None: ...


class Signalled(Protocol):
    """What is notified of each signal: the further processes."""

    def signal(self) -> None: ...


class Interrupts:
    """What signals have asked of a run so far. `interrupt` is for a handler on the main thread.

    Args:
        stopping: Set by the first signal: nothing is waited for any more.
        grace_s: How long to wait for requests in flight.

    Attributes:
        by: Number of the first signal, 0 for none.
        leaving: A second signal came: nothing may delay the end any more.
    """

    def __init__(
        self, stopping: threading.Event, scheduler: Stops, members: Signalled | None, *, grace_s: float
    ) -> None:
        self._stopping, self._scheduler, self._members, self._grace_s = stopping, scheduler, members, grace_s
        self.by = 0
        self.leaving = False
        self._answering = False  # a first signal is being handled
        self._breaks = False  # what the main thread does may be broken off

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """What is inside ends at a second signal; elsewhere it is noted in `leaving`, and whoever waits looks there."""
        self._breaks = True
        try:
            yield
        except StopNow:
            pass
        finally:
            self._breaks = False

    def interrupt(self, signal_number: int) -> None:
        """A signal: stop softly; a second one: leave at once.

        Raises:
            StopNow: It is a second one, inside `breakable`.
        """
        if self.leaving or (self.by and signal_number == signal.SIGHUP):
            return  # a closed terminal may say so more than once
        if self.by:
            self.leaving = True
            if self._members is not None:
                self._members.signal()
            if self._answering:  # the first one came with it: raising amid its locks would leave them locked for good
                return
            self._break_off()
            return
        self.by, self._answering = signal_number, True
        self._stopping.set()
        if self._members is not None:
            self._members.signal()
        self._scheduler.stop("interrupted", grace_s=self._grace_s)
        self._answering = False
        self._break_off()

    def _break_off(self) -> None:
        if self.leaving and self._breaks:
            raise StopNow


@contextmanager
def handled_signals(handle: Callable[[int], None], *, only_term: bool = False) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP call *handle*. Only in the main thread; elsewhere nothing changes.

    After a first SIGHUP further ones are ignored for good: the terminal is closed, and the process is about to end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM] if only_term else [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}

    def received(number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            before[signal.SIGHUP] = signal.SIG_IGN
        handle(number)

    for number in numbers:
        signal.signal(number, received)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

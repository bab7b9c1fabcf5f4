"""Signals to a run: the first one stops it softly, a second one at once."""

from __future__ import annotations

import signal
import threading
from typing import Protocol


class StopNow(BaseException):
    """A second signal: leave at once. Raised in the main thread by the signal handler."""


class Stops(Protocol):
    """What is told of the first signal: the scheduler."""

    def stop(self, reason: str, *, grace_s: float) -> None: ...


class Signalled(Protocol):
    """What is told of each signal: the further processes."""

    def signal(self) -> None: ...


class Interrupts:
    """What signals have asked of a run so far. `interrupt` is for a handler on the main thread.

    Args:
        stopping: Set by the first signal: nobody waits for anything any more.
        grace_s: How long requests in flight are waited for.

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
        self._answering = False  # a first signal is being seen to

    def interrupt(self, signal_number: int) -> None:
        """A signal: stop softly; a second one: leave at once.

        Raises:
            StopNow: It is a second one.
        """
        if self.leaving or (self.by and signal_number == signal.SIGHUP):
            return  # a terminal that is closed may say so more than once
        if self.by:
            self.leaving = True
            if self._members is not None:
                self._members.signal()
            if self._answering:  # the first one came with it: raising amid its locks would leave them locked for good
                return
            raise StopNow
        self.by, self._answering = signal_number, True
        self._stopping.set()
        if self._members is not None:
            self._members.signal()
        self._scheduler.stop("interrupted", grace_s=self._grace_s)
        self._answering = False
        if self.leaving:
            raise StopNow

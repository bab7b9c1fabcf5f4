"""The inbox of the scheduler: calls that it is to make, and pages that came back, from any thread.

Pages wake it in groups, for they are committed so: the first one only when nothing else is about to come.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator

from crawler.outcome import Outcome

_DOZE_AFTER_S = 0.2  #: without an outcome for so long, the next one wakes the scheduler

Call = Callable[[], None]


def _nothing() -> None:
    """A message that only wakes."""


class Inbox:
    """Calls and outcomes on their way to one thread.

    Args:
        enough: Outcomes that are worth waking for, however many are about to come.

    Attributes:
        dozing: Nothing has come for a while.
    """

    def __init__(self, enough: int) -> None:
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._done: deque[Outcome] = deque()
        self._enough = enough
        self._last_came, self.dozing = 0.0, False

    def post(self, call: Call) -> None:
        """Run *call* on the thread that takes. Safe from any thread and from a signal handler."""
        self._calls.put(call)

    def wake(self) -> None:
        """Let it look around. Safe from any thread."""
        self._calls.put(_nothing)

    def bring(self, outcome: Outcome, goes_on: Callable[[str], bool]) -> None:
        """A page came back. Safe from any thread.

        Args:
            goes_on: Whether more is about to come, for the slot of the page; asked once the page is in.
        """
        self._done.append(outcome)
        if self.dozing or len(self._done) >= self._enough or not goes_on(outcome.request.slot):
            self.wake()

    def take(self, wait_s: float) -> None:
        """Wait for a call for so long, then make all that are there."""
        try:
            call = self._calls.get(timeout=wait_s) if wait_s > 0 else self._calls.get_nowait()
            while True:
                call()
                call = self._calls.get_nowait()
        except queue.Empty:
            pass

    def outcomes(self, now: float, wanted: Callable[[], bool]) -> Iterator[Outcome]:
        """The pages that came back, while more are *wanted*."""
        if self._done:
            self._last_came = now
        while self._done and wanted():
            yield self._done.popleft()

    def doze(self, now: float) -> None:
        """Find out whether anything has come of late."""
        self.dozing = now > self._last_came + _DOZE_AFTER_S

    def __bool__(self) -> bool:
        """Whether pages are left that nobody has taken."""
        return bool(self._done)

"""The store's thread: one thread uses the connection, and whatever the others want from it comes through its inbox.

That thread is the scheduler's. Calls of other threads are passed there (`StoreCalls`); pages that come back wake it in
groups, as they are committed in groups: a single one wakes it only when nothing else is about to come.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from crawler.errors import StoreFull
from crawler.outcome import Outcome
from crawler.quick_dataclass import quick_dataclass
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store

log = logging.getLogger("crawler.engine")

T = TypeVar("T")
Call = Callable[[], None]

_DOZE_AFTER_S = 0.2  #: after this time without an outcome, the next one wakes the scheduler
_FULL_WAIT_S = (0.5, 1.0, 2.0, 5.0, 10.0)  #: waits for room on the disk before giving up


@quick_dataclass
class Member:
    """This process as a member of a run.

    Attributes:
        owner: Its name in the store, for what it claims.
        number: 0 for the first process of the run, which seeds the frontier and ends the run.
        name: What a person calls it; "" for nothing.
        joined_at: Seconds since 1970 by the store's clock.
        forked: The first process of the run has forked it, and receives its events.
    """

    store: Store
    run: RunRow
    owner: str
    settings: Settings
    number: int = 0
    name: str = ""
    joined_at: float = 0.0
    forked: bool = False


def _nothing() -> None:
    """A message that only wakes."""


class Inbox:
    """Calls and outcomes on their way to one thread.

    Args:
        enough: Number of outcomes worth waking for, however many are about to come.

    Attributes:
        dozing: Nothing has come for a while.
        expected: Outcomes without which the taking thread can do nothing; 0 where each one may lead to something.
    """

    def __init__(self, enough: int) -> None:
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._done: deque[Outcome] = deque()
        self._enough = enough
        self._last_came, self.dozing, self.expected = 0.0, False, 0

    def post(self, call: Call) -> None:
        """Run *call* on the taking thread. Safe from any thread and from a signal handler."""
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
        count = len(self._done)
        if self.dozing or count >= self._enough or (count >= self.expected and not goes_on(outcome.request.slot)):
            self.wake()

    def take(self, wait_s: float) -> None:
        """Wait that long for a call, then make all that are there."""
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
        """Find out whether anything has come recently."""
        self.dozing = now > self._last_came + _DOZE_AFTER_S

    def __bool__(self) -> bool:
        """Whether any pages have not been taken yet."""
        return bool(self._done)


class FullDisk:
    """Retries writes while the disk is full, for a limited time. On the store's thread.

    It does not wait again for a file that stays locked: the store has already waited as long.

    Args:
        longest_s: Longest wait for room.
        stopping: Set when the run ends: nothing is waited for any more.
    """

    def __init__(self, longest_s: float, stopping: threading.Event) -> None:
        self._longest_s, self._stopping = longest_s, stopping

    def __call__(self, write: Callable[[], T]) -> T:
        """Call *write* until it is done. Raises StoreFull in the end."""
        waited_s = 0.0
        for wait_s in _FULL_WAIT_S:
            try:
                return write()
            except StoreFull as error:
                waited_s += wait_s
                if self._stopping.is_set() or waited_s > self._longest_s:
                    raise
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._stopping.wait(wait_s)
        return write()

"""Threads that run tasks: those that compute, few, and those that may wait for long."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

_log = logging.getLogger("crawler.engine")

Task = Callable[[], None]  #: must not raise

FEW = 2  #: threads that compute where the process waits for something other than its own threads; else there is one
TOO_TIGHT = "this process may not have enough memory or threads; see `ulimit -v` and `ulimit -u`, or lower `workers`"
_HELD_UP_S = 0.05  #: no task was taken for this long although some wait: the threads are waiting for something


def _nothing() -> None:
    """A task that only wakes."""


class _Threads(ABC):
    """Threads that run tasks in the order in which they were given.

    Args:
        name: Of the threads, before their number.
        most: Threads, 1 or more.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._lock = threading.Lock()  # guards _threads, _most, _stopped and what the classes below add

    def start(self) -> None:
        """Start a first thread. Raises RuntimeError or MemoryError where the system allows none."""
        with self._lock:
            self._start_one()

    def stop(self) -> None:
        """Let each thread end after the tasks given so far."""
        with self._lock:
            self._stopped = True
            count = len(self._threads)
        for _ in range(count):
            self._tasks.put(None)

    def join(self, seconds: float) -> bool:
        """Wait for the threads. False when one was still busy after so many seconds."""
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(ends - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _add_one(self) -> None:
        """Under the lock: another thread, where the system allows one; else those that are there have to do."""
        try:
            self._start_one()
        except (RuntimeError, MemoryError):
            self._most = max(len(self._threads), 1)
            _log.warning("%d threads %s could be started, and no more: %s", self._most, self._name, TOO_TIGHT)

    def _start_one(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    @abstractmethod
    def _work(self) -> None:
        """Run tasks until one is None; the body of each thread."""


class Computing(_Threads):
    """Threads that compute. `give` is safe from any thread.

    There is one while the process is busy computing: two would take the interpreter's lock from each other. Where tasks
    wait although the process computes for less than half of the time, a second one is started, and where none is taken
    at all, as many as it needs.

    Args:
        most: Threads, 1 or more, when callbacks wait.
        later: Calls something after some seconds, on a thread of its own: ``later(seconds, call)``.
        computed: CPU seconds of this process so far.
    """

    def __init__(
        self,
        most: int,
        later: Callable[[float, Callable[[], None]], None],
        computed: Callable[[], float] = time.process_time,
    ) -> None:
        super().__init__("crawl-worker", most)
        self._later, self._computed = later, computed
        self._looked_at = self._computed_then = 0.0  # at the last look
        self._first: deque[Task] = deque()
        self._taken = self._taken_then = 0  # how often a task was taken; a lost update does no harm
        self._looking = False

    def give(self, task: Task, *, first: bool = False) -> None:
        """Run *task* soon, or (*first*) before those that wait."""
        if first:
            self._first.append(task)
        self._tasks.put(_nothing if first else task)
        if not self._looking:
            self._watch_over_them()

    def _watch_over_them(self) -> None:
        with self._lock:
            if self._stopped:
                return
            if not self._threads:
                self._add_one()
            if self._looking or len(self._threads) >= self._most:
                return
            self._looking = True
            self._note()
        self._later(_HELD_UP_S, self._look)

    def _look(self) -> None:
        """Start another thread where tasks wait for something other than the processor."""
        with self._lock:
            again = not self._tasks.empty() and not self._stopped
            if again and (self._taken == self._taken_then or (len(self._threads) < FEW and self._has_waited())):
                self._add_one()
                again = len(self._threads) < self._most
            self._looking = again
            self._note()
        if again:
            self._later(_HELD_UP_S, self._look)

    def _note(self) -> None:
        """Under the lock: what the next look compares with."""
        self._taken_then, self._looked_at, self._computed_then = self._taken, time.monotonic(), self._computed()

    def _has_waited(self) -> bool:
        """Whether the process has waited for more than half of the time since the last look."""
        return 2 * (self._computed() - self._computed_then) < time.monotonic() - self._looked_at

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._taken += 1
            while self._first:
                self._run_first()
            task()

    def _run_first(self) -> None:
        try:
            task = self._first.popleft()
        except IndexError:  # another thread has taken it
            return
        task()


class Blocking(_Threads):
    """Threads for tasks that may wait for long: logins, robots.txt, transports that only know blocking calls.

    Args:
        most: Threads at once; further tasks wait.
    """

    def __init__(self, most: int) -> None:
        super().__init__("crawl-blocking", most)
        self._open = 0  # tasks that are not done

    def stop(self) -> None:
        """Let each thread end after its task; tasks not yet begun are dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        super().stop()

    def give(self, task: Task) -> None:
        """Run *task* soon, on an idle thread or on a new one. Safe from any thread."""
        with self._lock:
            self._open += 1
            if self._open > len(self._threads) < self._most and not self._stopped:
                self._add_one()
        self._tasks.put(task)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            with self._lock:
                self._open -= 1

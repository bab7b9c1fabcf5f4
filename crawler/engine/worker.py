"""The threads of a process: a few that compute, and those that wait for what only knows blocking calls.

They own nothing between two tasks. Two that compute keep an interpreter busy; more of them would only take its lock
from each other. One that waits in a callback (for a file, or an answer that it asked for itself) is replaced meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

_log = logging.getLogger("crawler.engine")

Task = Callable[[], None]  #: must not raise

FEW = 2  #: threads that compute
TOO_TIGHT = "this process may not have enough memory or threads; see `ulimit -v` and `ulimit -u`, or lower `workers`"
_HELD_UP_S = 0.05  #: no task was taken for so long although some wait: the threads wait for something


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


class Workers(_Threads):
    """Threads that compute. `give` is safe from any thread.

    Args:
        most: Threads, 1 or more, when callbacks wait.
        later: Calls something after some seconds, on a thread of its own: ``later(seconds, call)``.
    """

    def __init__(self, most: int, later: Callable[[float, Callable[[], None]], None]) -> None:
        super().__init__("crawl-worker", most)
        self._later = later
        self._taken = self._taken_then = 0  # how often a task was taken; a lost update does no harm
        self._looking = False

    def give(self, task: Task) -> None:
        """Run *task* soon."""
        self._tasks.put(task)
        if not self._looking or len(self._threads) < min(FEW, self._most):
            self._watch_over_them()

    def _watch_over_them(self) -> None:
        with self._lock:
            if self._stopped:
                return
            while len(self._threads) < min(FEW, self._most):
                self._add_one()
            if self._looking or len(self._threads) >= self._most:
                return
            self._looking, self._taken_then = True, self._taken
        self._later(_HELD_UP_S, self._look)

    def _look(self) -> None:
        """Start another thread where none has taken a task since the last look, and tasks wait."""
        with self._lock:
            again = not self._tasks.empty() and not self._stopped
            if again and self._taken == self._taken_then:
                self._add_one()
                again = len(self._threads) < self._most
            self._taken_then, self._looking = self._taken, again
        if again:
            self._later(_HELD_UP_S, self._look)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._taken += 1
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
        """Let each thread end after its task; tasks that nobody has begun are dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        super().stop()

    def give(self, task: Task) -> None:
        """Run *task* soon, on a thread that waits for it or on a new one. Safe from any thread."""
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

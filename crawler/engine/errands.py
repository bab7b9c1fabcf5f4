"""Threads for tasks that may wait long for somebody else: logins, and the robots.txt of hosts that nobody has heard of.

Workers are not for that: fifty hosts that never answer would hold all of them, and the others would wait for nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from crawler.engine.worker import Task

log = logging.getLogger("crawler.engine")

MOST_THREADS = 96  #: of tasks at once; further ones wait for a free thread
_IDLE_S = 5.0  #: a thread without a task ends after so many seconds


class Errands:
    """Runs each task on a thread of its own, which is made when it is needed. Safe from any thread.

    Args:
        deliver: Takes what each task returned, on its thread.
        otherwise: Takes a task when the system gives no thread at all.
    """

    def __init__(self, deliver: Callable[[Any], None], otherwise: Callable[[Task], None]) -> None:
        self._deliver, self._otherwise = deliver, otherwise
        self._tasks: deque[Task] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._stopped = False
        self._changed = threading.Condition()  # guards all of these

    def give(self, task: Task) -> None:
        """Run *task* soon. It must not raise."""
        with self._changed:
            self._tasks.append(task)
            if self._idle >= len(self._tasks):
                self._changed.notify()
                return
            if len(self._threads) >= MOST_THREADS:
                return
            thread = threading.Thread(target=self._work, name="crawl-errand", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads: those that are there do it, or a worker does
                if self._threads:
                    return
                self._tasks.remove(task)
            else:
                self._threads.add(thread)
                return
        log.warning("the system gives no further thread; workers do what waits")
        self._otherwise(task)

    def stop(self) -> None:
        """Let each thread end after its task; tasks that nobody has begun are dropped."""
        with self._changed:
            self._stopped = True
            self._tasks.clear()
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait for the threads. False when one was still busy after so many seconds."""
        ends = time.monotonic() + seconds
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(ends - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in threads)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._deliver(task())

    def _next(self) -> Task | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._tasks or self._stopped, _IDLE_S)
            self._idle -= 1
            if self._tasks:
                return self._tasks.popleft()
            self._threads.discard(threading.current_thread())
            return None

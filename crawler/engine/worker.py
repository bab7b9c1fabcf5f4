"""Worker threads: take a task, run it, put what came of it into the scheduler's inbox. They own nothing."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

Task = Callable[[], Any]  #: must not raise; its result goes to the inbox


class Workers:
    """A fixed number of threads that run tasks in the order in which they were given.

    Args:
        count: Threads, 1 or more.
        deliver: Takes each result, on the worker's thread.
    """

    def __init__(self, count: int, deliver: Callable[[Any], None]) -> None:
        self.count = count
        self._deliver = deliver
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"crawl-worker-{number}", daemon=True) for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def give(self, task: Task) -> None:
        self._tasks.put(task)

    def have_more(self) -> bool:
        """Whether tasks wait for a worker."""
        return not self._tasks.empty()

    def stop(self) -> None:
        """Let each thread end after the tasks given so far."""
        for _ in self._threads:
            self._tasks.put(None)

    def join(self, seconds: float) -> bool:
        """Wait for the threads. False when one was still busy after so many seconds."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(seconds, 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._deliver(task())

"""Worker threads: take a task, run it, put what came of it into the scheduler's inbox. They own nothing.

And what they wait for before they send a page.
"""

from __future__ import annotations

import logging
import mmap
import queue
import threading
from collections.abc import Callable
from typing import Any

from crawler.errors import UsageError
from crawler.turns import Turn

_log = logging.getLogger("crawler.engine")
_ROOM_BYTES = 64 << 20  #: address space that pages, parsers and the store need beside the stacks of the threads
TOO_TIGHT = "this process may not have enough memory or threads; see `ulimit -v` and `ulimit -u`, or lower `workers`"

Task = Callable[[], Any]  #: must not raise; its result goes to the inbox


class Tickets:
    """How many pages may be sent and not committed: a kill sends no more than these again. Safe from any thread.

    Args:
        count: Pages, 1 or more.
        turn: A worker that has to wait for a ticket leaves it.
    """

    def __init__(self, count: int, turn: Turn) -> None:
        self._free, self._turn = threading.Semaphore(count), turn

    def take(self) -> None:
        """Wait until one more page may be sent."""
        if not self._free.acquire(blocking=False):
            self._turn.leave()
            self._free.acquire()

    def give_back(self, count: int) -> None:
        """So many pages are committed, or were not sent."""
        if count:
            self._free.release(count)


class Workers:
    """A fixed number of threads that run tasks in the order in which they were given.

    Args:
        count: Threads, 1 or more.
        deliver: Takes each result, on the worker's thread.
        turn: A thread that has it keeps it from one task to the next, and leaves it when there is none.
    """

    def __init__(self, count: int, deliver: Callable[[Any], None], turn: Turn) -> None:
        self.count = count
        self._deliver, self._turn = deliver, turn
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"crawl-worker-{number}", daemon=True) for number in range(count)
        ]

    def start(self) -> None:
        """Start the threads, or as many as the system allows, with room left for what they do.

        Raises:
            UsageError: Not even one can be started.
        """
        started: list[threading.Thread] = []
        try:
            with mmap.mmap(-1, _ROOM_BYTES):  # taken while threads take theirs, and given back for pages
                for thread in self._threads:
                    thread.start()
                    started.append(thread)
        except (OSError, MemoryError, RuntimeError):
            if not started:
                raise UsageError(f"no worker can be started: {TOO_TIGHT}") from None
            _log.warning("%d of %d workers could be started: %s", len(started), self.count, TOO_TIGHT)
        self._threads = started

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
        while (task := self._next()) is not None:
            self._deliver(task())
        self._turn.leave()

    def _next(self) -> Task | None:
        try:
            return self._tasks.get_nowait()
        except queue.Empty:
            self._turn.leave()
            return self._tasks.get()

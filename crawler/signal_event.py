"""An event that a signal handler may set."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress

__all__ = ["SignalEvent"]


class SignalEvent(threading.Event):
    """A `threading.Event` without a lock: safe from any thread, and from a handler whatever its thread is doing.

    The standard one takes a lock to wait and to be set. A handler runs between two steps of the main thread; if that
    thread holds the lock, it would wait for itself for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self._said: queue.SimpleQueue[None] = queue.SimpleQueue()  # its `put` may come in the middle of its `get`

    def set(self) -> None:
        """Wake all waiting threads; from now on `wait` returns at once."""
        self._is_set = True
        self._said.put(None)

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def clear(self) -> None:
        """Not offered: a waiting thread could miss that it was set."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for *timeout* seconds. Returns whether it is set."""
        if not self._is_set:
            with suppress(queue.Empty):
                self._said.get(timeout=None if timeout is None else max(timeout, 0.0))
                self._said.put(None)  # for the next waiting thread
        return self._is_set

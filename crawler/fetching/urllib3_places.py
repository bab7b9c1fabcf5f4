"""Places for connections on urllib3: no more of them are open at once than leave descriptors for files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

_LOOK_EVERY_S: Final = 0.02  # while another thread may close a connection that is idle


class Places:
    """Counts connections that are open, idle ones too. Safe from any thread."""

    def __init__(self, most: int) -> None:
        """*most*: Connections that may be open at once, 1 or more."""
        self._most, self._open, self._waiting = most, 0, 0
        self._freed = threading.Condition()  # guards the two numbers; nothing else is done under it

    @property
    def open(self) -> int:
        """How many are taken."""
        return self._open

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return self._waiting

    def take(self, still: Callable[[], None], make_room: Callable[[], None]) -> None:
        """Take a place; wait for one if all are taken.

        Args:
            still: Raises when the wait is over.
            make_room: Closes connections that are idle.
        """
        if self._take(waits=0):
            return
        self._wait(1)
        try:
            make_room()
            while not self._take(_LOOK_EVERY_S):
                still()
                make_room()
        finally:
            self._wait(-1)

    def _take(self, waits: float) -> bool:
        with self._freed:
            if waits and self._open >= self._most:
                self._freed.wait(waits)
            free = self._open < self._most
            self._open += free
            return free

    def _wait(self, change: int) -> None:
        with self._freed:
            self._waiting += change

    def leave(self) -> None:
        """A connection is closed."""
        with self._freed:
            self._open -= 1
            self._freed.notify()

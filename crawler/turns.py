"""Taking turns: of the threads of a process, one computes at a time, while others wait for the network.

Under the interpreter's lock threads that compute at once do not gain anything; they take the lock from each other at
every parse, query and write, dozens of times a page, and each time costs a switch of threads. So a worker holds the
turn while it computes, from one page to the next, and lends it out while its transport waits; the scheduler holds it
while it commits and hands out, since SQLite lets go of the interpreter's lock at each statement. The turn is a habit,
not a lock: whoever waits while it does not move (the holder is in users' code that waits for something itself) goes on
without.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PATIENCE_S = 0.02
_mine = threading.local()


class Turn:
    """The turn of one process. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while a worker computes; nothing depends on it
        self._left = 0  # how often; a lost update does no harm

    def enter(self) -> None:
        """This thread works by turns from now on; it has the turn (and keeps it), or has waited long enough."""
        if not self._is_mine():
            _mine.turn, _mine.held = self, self._acquire()

    def _acquire(self) -> bool:
        """Wait for the turn as long as it moves; False when one holder has kept it for too long.

        A hundred workers whose answers come at once wait longer than anybody is patient; were they to go on all the
        same, they would take the interpreter's lock from each other again.
        """
        left = -1
        while left != self._left:
            left = self._left
            if self._lock.acquire(timeout=_PATIENCE_S):
                return True
        return False

    def leave(self) -> None:
        """This thread has nothing to compute."""
        if self._is_mine():
            _mine.held = False
            self._left += 1
            self._lock.release()

    def aside(self, wait: Callable[[], T]) -> T:
        """Call *wait* without the turn, and have it afterwards."""
        self.leave()
        try:
            return wait()
        finally:
            self.enter()

    def _is_mine(self) -> bool:
        return getattr(_mine, "turn", None) is self and bool(_mine.held)


def lend() -> Turn | None:
    """Let another worker compute while this thread waits; `take_back` with what it returns ends it."""
    turn: Turn | None = getattr(_mine, "turn", None)
    if turn is not None and _mine.held:
        turn.leave()
        return turn
    return None


def take_back(turn: Turn | None) -> None:
    """After `lend`: wait for the turn."""
    if turn is not None:
        turn.enter()

"""Lines: how many requests are under way to a host at this moment. A page that is being parsed is not one of them.

The scheduler hands out a few requests more than a host may have under way, so that the next one leaves when an answer
is in, and not when its page is parsed, committed and a successor chosen. Those that come too early wait here and hold
no worker meanwhile. After an answer that says that the host is in trouble, whoever waits goes home.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from enum import Enum

Resume = Callable[[bool], None]  #: called with True: the line is yours; with False: go home without sending


class Place(Enum):
    """What came of asking for a line."""

    YOURS = "yours"
    LATER = "later"  #: `Resume` is called when one is free
    NONE = "none"  #: the host is in trouble, and the scheduler has not heard of it yet


class Lines:
    """The lines of a process to all hosts. Safe from any thread.

    Args:
        most: How many requests of a slot may be under way at once; asked anew each time.
    """

    def __init__(self, most: Callable[[str], int]) -> None:
        self._most = most
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, deque[Resume]] = {}
        self._troubled: Counter[str] = Counter()  # answers that the scheduler has yet to learn from
        self._waiting_count = 0
        self._lock = threading.Lock()  # guards all of these; nothing is called while it is held but `most`

    @property
    def waiting(self) -> int:
        """Requests that wait for a line."""
        return self._waiting_count

    def has_waiting(self, slot: str) -> bool:
        """Whether requests of a slot wait for a line."""
        return slot in self._waiting

    def within_limits(self) -> bool:
        """Whether no slot has more requests under way than it may have now."""
        with self._lock:
            return all(count <= self._most(slot) for slot, count in self._under_way.items())

    def take(self, slot: str, resume: Resume) -> Place:
        """Ask for a line; who gets it has to `free` it."""
        with self._lock:
            if slot in self._troubled:
                return Place.NONE
            under_way = self._under_way.get(slot, 0)
            if under_way < self._most(slot):
                self._under_way[slot] = under_way + 1
                return Place.YOURS
            self._waiting.setdefault(slot, deque()).append(resume)
            self._waiting_count += 1
            return Place.LATER

    def free(self, slot: str, *, trouble: bool = False) -> None:
        """The answer is in, or there will be none.

        Args:
            trouble: It says that the host is in trouble, or that we are too fast; `learned` has to follow.
        """
        with self._lock:
            left = self._under_way[slot] - 1
            if trouble:
                self._troubled[slot] += 1
            waiting = self._waiting.get(slot)
            resumed: list[Resume] = []
            if waiting:
                stays = slot in self._troubled
                while waiting and (stays or left < self._most(slot)):
                    resumed.append(waiting.popleft())
                    left += not stays
                self._waiting_count -= len(resumed)
                if not waiting:
                    del self._waiting[slot]
            if left:
                self._under_way[slot] = left
            else:
                del self._under_way[slot]
            goes = slot not in self._troubled
        for resume in resumed:
            resume(goes)

    def learned(self, slot: str) -> None:
        """The scheduler knows of a trouble now."""
        with self._lock:
            self._troubled[slot] -= 1
            if self._troubled[slot] <= 0:  # below: it was never told; a host must not stay shut for that
                del self._troubled[slot]

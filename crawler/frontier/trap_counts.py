"""Counts of different texts, exact while they are few and estimated beyond, which several processes can add up.

A text is known by a hash that is the same in every process. What two processes have counted becomes one count by
merging their hashes, any number of times and in any order: a text that both have met counts once.

A process tells the others (`TrapCounts.due`, `TrapCounts.meets`) when a count of its own has grown by a twentieth of
its limit, so that n processes stop at 1 + n/20 times the limit, plus what they find before they hear of it; never later
than each of them would alone.
"""

from __future__ import annotations

import json
import threading
from bisect import insort
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

Key = tuple[str, ...]

_HASHES: Final = 1 << 64
_KEPT_HASHES: Final = 256
_MAX_PATHS: Final = 2_000
_PORTIONS: Final = 20  #: a count is told this often on the way to its limit


def mark_of(text: str) -> int:
    """A number for a text, the same in every process, evenly spread over 64 bits."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


class Distinct:
    """About how many different texts were seen, in 2 kB.

    Source: Bar-Yossef et al., "Counting distinct elements in a data stream", 2002: of n even hashes in 0..1, the k-th
    smallest is about k/n. With k = 256 the error is about 6 %.
    """

    __slots__ = ("_known", "_smallest")

    def __init__(self) -> None:
        self._smallest: list[int] = []
        self._known: set[int] = set()

    def add(self, mark: int) -> None:
        """Count it, unless it was counted before."""
        smallest = self._smallest
        if mark not in self._known and (len(smallest) < _KEPT_HASHES or mark < smallest[-1]):
            insort(smallest, mark)
            self._known.add(mark)
            if len(smallest) > _KEPT_HASHES:
                self._known.discard(smallest.pop())

    @property
    def number(self) -> int:
        """How many different ones there were."""
        smallest = self._smallest
        if len(smallest) < _KEPT_HASHES:
            return len(smallest)
        return (_KEPT_HASHES - 1) * _HASHES // max(smallest[-1], 1)

    def meets(self, marks: Iterable[int]) -> list[int]:
        """Add those of another process. Returns what stands for both."""
        for mark in marks:
            self.add(mark)
        return self._smallest.copy()


class Few:
    """Up to *limit* different texts; those that came first stay accepted."""

    __slots__ = ("_known", "_limit")

    def __init__(self, limit: int) -> None:
        self._known: dict[int, None] = {}
        self._limit = limit

    def takes(self, mark: int) -> bool:
        """Whether it is one of the first ones."""
        if mark in self._known:
            return True
        if len(self._known) >= self._limit:
            return False
        self._known[mark] = None
        return True

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self._known)

    def meets(self, marks: Iterable[int]) -> list[int]:
        """Those that another process has met count as earlier than ours. Returns what stands for both."""
        self._known = dict.fromkeys(list(dict.fromkeys([*marks, *self._known]))[: self._limit])
        return list(self._known)


class _Counted:
    """One count, its limit, and how much of it the others know."""

    __slots__ = ("count", "limit", "told")

    def __init__(self, count: Distinct | Few, limit: int) -> None:
        self.count, self.limit = count, limit
        self.told = 0

    @property
    def is_due(self) -> bool:
        """Whether the others have to be told."""
        return self.count.number >= self.told + max(self.limit // _PORTIONS, 1)


class TrapCounts:
    """Counts of one process, by what they count. Safe from any thread.

    Bounded: beyond two thousand of a kind the least recently used one is forgotten.

    Attributes:
        shared: Others count as well: this process was asked what is due.
    """

    def __init__(self) -> None:
        self._few: OrderedDict[Key, _Counted] = OrderedDict()
        self._distinct: OrderedDict[Key, _Counted] = OrderedDict()
        self._due: dict[Key, None] = {}
        self.shared = False
        self._lock = threading.Lock()  # guards the three, and what is in them

    def is_one_of_few(self, key: Key, mark: int, limit: int) -> bool:
        """Whether *mark* is one of the first *limit* different ones of *key*."""
        with self._lock:
            counted = self._of(self._few, key) or self._new(self._few, key, _Counted(Few(limit), limit))
            few = counted.count
            taken = isinstance(few, Few) and few.takes(mark)
            if self.shared and counted.is_due:
                self._due[key] = None
            return taken

    def count(self, key: Key, mark: int, limit: int, *, before: Iterable[int] = ()) -> int:
        """Count *mark*; the number of different ones of *key* so far, including those that others have told of.

        Args:
            before: What is to be counted, too, when this is the first one of *key*.
        """
        with self._lock:
            counted = self._of(self._distinct, key)
            if counted is None:
                counted = self._new(self._distinct, key, _Counted(Distinct(), limit))
                counted.count.meets(before)
            if isinstance(counted.count, Distinct):
                counted.count.add(mark)
            if self.shared and counted.is_due:
                self._due[key] = None
            return counted.count.number

    def known_to_others(self, key: Key) -> int:
        """The number of different ones of *key* by all processes; 0 while none has told of any."""
        with self._lock:
            counted = self._distinct.get(key)
            return counted.count.number if counted is not None and counted.told else 0

    # --- what others have counted -------------------------------------------------------------------------------------
    def due(self, most: int) -> list[Key]:
        """Up to *most* counts that have grown so much that the others have to be told."""
        with self._lock:
            if not self.shared:
                self.shared = True
                for counts in (self._few, self._distinct):
                    self._due |= {key: None for key, counted in counts.items() if counted.is_due}
            return list(self._due)[:most]

    def meets(self, key: Key, stored: Any) -> list[int]:
        """Merge with what others have *stored* of a count. Returns what is to be stored in its place."""
        marks = [each for each in stored if type(each) is int and 0 <= each < _HASHES] if type(stored) is list else []
        with self._lock:
            self._due.pop(key, None)
            counted = self._few.get(key) or self._distinct.get(key)
            if counted is None:  # forgotten meanwhile
                return marks
            both = counted.count.meets(marks)
            counted.told = counted.count.number
            return both

    # --- under the lock -----------------------------------------------------------------------------------------------
    @staticmethod
    def _of(counts: OrderedDict[Key, _Counted], key: Key) -> _Counted | None:
        found = counts.get(key)
        if found is not None:
            counts.move_to_end(key)
        return found

    def _new(self, counts: OrderedDict[Key, _Counted], key: Key, made: _Counted) -> _Counted:
        counts[key] = made
        if len(counts) > _MAX_PATHS:
            forgotten, _ = counts.popitem(last=False)
            self._due.pop(forgotten, None)
        return made


def name_of(key: Key) -> str:
    """A short name for a count that does not reveal its path."""
    return f"{mark_of(json.dumps(key)):016x}"

"""What a look at the lanes has found, kept for a moment where looking has become slow.

A database that keeps old versions of rows has them in its indexes until they are vacuumed, and while somebody holds an
old snapshot no vacuum may take them. Each claim leaves one at the front of its lane, and one among the leases, so that
each look passes by all that were claimed since. Therefore a look that took long is remembered for `TIMES` as long:
meanwhile its lanes are asked for requests behind those that were claimed, and not looked for; and whether a lease has
run out is not asked. So looking takes no more than about a twentieth of the time.

Old versions of leases lie in the order of their ends. None that is made now ends in the past, so that the question
whether one has run out begins `LATE_S` before it was asked last; all leases are looked at each `WHOLE_S`.

What comes back to the front meanwhile (a lease that ran out, a retry, a link of a higher priority) is found by the next
look, `MOST_S` later at most; one that would otherwise find nothing looks at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TIMES, MOST_S = 20.0, 10.0
LATE_S, WHOLE_S = 10.0, 300.0  #: a transaction may be so late; who was missed all the same is found then
_FRONT = (-(2**62), 0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look has found.

    Attributes:
        lanes: Number, number and name of its slot, session.
        more, last: Whether there may be lanes behind these, and the last that it met.
    """

    lanes: list[list[Any]]
    more: bool
    last: int
    until: float


class LeaseMemory:
    """Looks of one process, and how far it has claimed each lane since.

    Attributes:
        least_s: A look that took less is not remembered.
    """

    def __init__(self) -> None:
        self.least_s = 0.02
        self._seen: dict[tuple[int, int], Seen] = {}
        self._claimed: dict[int, tuple[int, int]] = {}
        self._asked_until = 0.0
        self._since, self._whole_at = 0.0, 0.0

    def may_ask(self) -> bool:
        """Whether it is time to ask for leases that ran out, and for requests whose moment has come."""
        return time.monotonic() >= self._asked_until

    def since(self) -> float:
        """From which end on leases are to be asked for, by the store's clock; 0.0 for all of them."""
        return self._since if time.monotonic() < self._whole_at else 0.0

    def asked(self, began: float, at: float) -> None:
        """That was done, and no lease that ends before *at* (by the store's clock) is left.

        Args:
            began: When, by the monotonic clock.
        """
        now = time.monotonic()
        if now - began >= self.least_s:
            self._asked_until = now + min(TIMES * (now - began), MOST_S)
        if now >= self._whole_at:
            self._whole_at = now + WHOLE_S
        self._since = at - LATE_S

    def seen(self, frontier: int, after: int) -> Seen | None:
        """What was found behind a lane, where that is still to be used."""
        seen = self._seen.get((frontier, after))
        if seen is None:
            return None
        if time.monotonic() < seen.until:
            return seen
        del self._seen[frontier, after]
        for lane, *_ in seen.lanes:
            self._claimed.pop(lane, None)
        return None

    def learn(self, frontier: int, after: int, lanes: list[list[Any]], end: tuple[bool, int], *, began: float) -> None:
        """A look has found *lanes*.

        Args:
            end: Whether there may be lanes behind them, and the last of them.
            began: When, by the monotonic clock.
        """
        now = time.monotonic()
        for lane, *_ in lanes:
            self._claimed.pop(lane, None)
        if now - began >= self.least_s:
            self._seen[frontier, after] = Seen(lanes, *end, now + min(TIMES * (now - began), MOST_S))

    def front(self, lane: int) -> tuple[int, int]:
        """Priority, turned round, and number of the last request that was claimed in a lane."""
        return self._claimed.get(lane, _FRONT)

    def claim(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Lane, priority and number of requests that were claimed. Nothing is kept where no look is remembered."""
        if self._seen:
            for lane, priority, id_ in rows:
                self._claimed[lane] = max(self.front(lane), (-priority, id_))

    def is_used(self) -> bool:
        """Whether anything is remembered: a look anew may find more."""
        return bool(self._seen) or not self.may_ask()

    def forget(self) -> None:
        """Look anew."""
        self._seen.clear()
        self._claimed.clear()
        self._asked_until = self._whole_at = 0.0

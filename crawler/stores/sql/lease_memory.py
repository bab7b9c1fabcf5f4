"""What a search of the lanes has found, remembered for a moment where searching has become slow.

A database that keeps old versions of rows has them in its indexes until they are vacuumed, and while an old snapshot is
held no vacuum may remove them. Each claim leaves one at the front of its lane, and one among the leases, so that each
search passes all that were claimed since. Therefore a search that took long is remembered for `TIMES` as long:
meanwhile its lanes are queried for requests after the claimed ones, without a new search; and expired leases are not
checked for. So searching takes no more than about a twentieth of the time.

Old versions of leases are in the order of their ends. None that is made now ends in the past, so the check for expired
ones begins `LATE_S` before the last check; all leases are checked every `WHOLE_S`.

What comes back to the front meanwhile (a lease that ran out, a retry, a link of a higher priority) is found by the next
search, at most `MOST_S` later; a call that would otherwise find nothing searches at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from crawler.quick_dataclass import quick_dataclass

TIMES, MOST_S = 20.0, 10.0
LATE_S, WHOLE_S = 10.0, 300.0  #: a transaction may be this late; leases that were missed nevertheless are found then
_FRONT = (-(2**62), 0)


@quick_dataclass
class Seen:
    """What one search has found.

    Attributes:
        lanes: Number, number and name of its slot, session.
        more, last: Whether there may be lanes after these, and the last that it met.
    """

    lanes: list[list[Any]]
    more: bool
    last: int
    until: float


class LeaseMemory:
    """Searches of one process, and how far it has claimed each lane since.

    Attributes:
        least_s: A search that took less is not remembered.
    """

    def __init__(self) -> None:
        self.least_s = 0.02
        self._seen: dict[tuple[int, int], Seen] = {}
        self._claimed: dict[int, tuple[int, int]] = {}
        self._asked_until = 0.0
        self._since, self._whole_at = 0.0, 0.0

    def may_ask(self) -> bool:
        """Whether it is time to check for expired leases, and for requests whose moment has come."""
        return time.monotonic() >= self._asked_until

    def since(self) -> float:
        """From which end time on leases are to be checked, by the store's clock; 0.0 for all of them."""
        return self._since if time.monotonic() < self._whole_at else 0.0

    def asked(self, began: float, at: float) -> None:
        """Record that this was done, and that no lease that ends before *at* (by the store's clock) is left.

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
        """What was found after a lane, if that is still to be used."""
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
        """A search has found *lanes*.

        Args:
            end: Whether there may be lanes after them, and the last of them.
            began: When, by the monotonic clock.
        """
        now = time.monotonic()
        for lane, *_ in lanes:
            self._claimed.pop(lane, None)
        if now - began >= self.least_s:
            self._seen[frontier, after] = Seen(lanes, *end, now + min(TIMES * (now - began), MOST_S))

    def front(self, lane: int) -> tuple[int, int]:
        """Priority, negated, and number of the last request that was claimed in a lane."""
        return self._claimed.get(lane, _FRONT)

    def claim(self, rows: Iterable[tuple[int, int, int]]) -> None:
        """Note lane, priority and number of claimed requests. Nothing is kept where no search is remembered."""
        if self._seen:
            for lane, priority, id_ in rows:
                self._claimed[lane] = max(self.front(lane), (-priority, id_))

    def is_used(self) -> bool:
        """Whether anything is remembered: a new search may find more."""
        return bool(self._seen) or not self.may_ask()

    def forget(self) -> None:
        """Forget everything, so that the next call searches anew."""
        self._seen.clear()
        self._claimed.clear()
        self._asked_until = self._whole_at = 0.0

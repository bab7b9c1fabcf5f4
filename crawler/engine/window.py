"""The window: requests that this process has leased and not yet handed out, by slot and time.

Decides which request may be sent now: its time has come, its host has a free connection. Used by the scheduler's thread
only; takes `now` as an argument.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from crawler.outcome import Leased

_MOST_HELD = 2_000  #: requests that cannot go now and do not count: beyond them no more are taken


class Window:
    """Leased requests in waiting.

    Args:
        most: How many requests of a slot may be handed out at once; asked anew each time.
        most_strangers: How many requests may be handed out at once to slots that have not been `heard`, of all
            together; of each one only one. 0: all slots count as heard.

    Attributes:
        strangers: Slots of which requests are handed out, or wait here, and which have not been heard.
    """

    def __init__(self, most: Callable[[str], int], *, most_strangers: int = 0) -> None:
        self._most, self._most_strangers = most, most_strangers
        self._heard: set[str] = set()
        self.strangers: set[str] = set()
        self._strangers_out = 0
        self._queues: dict[str, deque[Leased]] = {}
        self._timers: list[tuple[float, str]] = []  # when the first request of a slot may be sent
        self._ready: deque[str] = deque()  # slots whose first request may be sent now, if a connection is free
        self._listed: set[str] = set()  # slots in _timers or _ready
        self._out: Counter[str] = Counter()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def blocked(self) -> frozenset[str]:
        """Slots of which no more may be handed out while requests of them wait here: no more of those are needed."""
        busy = frozenset(slot for slot, out in self._out.items() if self._queues.get(slot) and out >= self._most(slot))
        if not self.strangers:
            return busy
        full = self._strangers_out >= self._most_strangers
        return busy | {slot for slot in self.strangers if self._queues.get(slot) and (full or self._out[slot])}

    def heard(self, slot: str) -> None:
        """A slot gives answers: it is no stranger any more."""
        self._heard.add(slot)
        if slot in self.strangers:
            self.strangers.discard(slot)
            self._strangers_out -= self._out[slot]

    def free(self) -> int:
        """Requests that wait for a worker or for their time, and not for a busy connection."""
        if not self._out:
            return self._size
        return self._size - min(sum(len(self._queues[slot]) for slot in self.blocked()), _MOST_HELD)

    def put_first(self, leased: Sequence[Leased]) -> None:
        """Take requests that go before all others of their slot, in this order."""
        self.put(reversed(leased), first=True)

    def put(self, leased: Iterable[Leased], *, first: bool = False) -> None:
        """Take requests; within a slot in the order of their times, or each before those that wait."""
        for each in leased:
            queue = self._queues.get(each.slot)
            if queue is None:
                queue = self._queues[each.slot] = deque()
                if self._most_strangers and each.slot not in self._heard:
                    self.strangers.add(each.slot)
            (queue.appendleft if first else queue.append)(each)
            self._size += 1
            if each.slot not in self._listed:
                self._listed.add(each.slot)
                heapq.heappush(self._timers, (queue[0].send_at, each.slot))

    def take(self, now: float, limit: int, *, may_go: Callable[[Leased], bool]) -> list[Leased]:
        """Up to *limit* requests to send now; slots take turns.

        Args:
            may_go: Last question for each; when it says no it has put the request elsewhere itself.
        """
        while self._timers and self._timers[0][0] <= now:
            self._ready.append(heapq.heappop(self._timers)[1])
        taken: list[Leased] = []
        idle = 0
        while self._ready and len(taken) < limit and idle < len(self._ready):
            slot = self._ready.popleft()
            queue = self._queues[slot]
            if not queue:
                self._forget(slot)
                continue
            stranger = slot in self.strangers
            out = self._out[slot]
            if out >= self._most(slot) or (stranger and (out or self._strangers_out >= self._most_strangers)):
                self._ready.append(slot)
                idle += 1
                continue
            if queue[0].send_at > now:
                heapq.heappush(self._timers, (queue[0].send_at, slot))
                continue
            leased = queue.popleft()
            self._size -= 1
            if may_go(leased):
                taken.append(leased)
                self._out[slot] += 1
                self._strangers_out += stranger
            self._ready.append(slot)
            idle = 0
        return taken

    def _forget(self, slot: str) -> None:
        self._listed.discard(slot)
        del self._queues[slot]
        if not self._out[slot]:
            self.strangers.discard(slot)
        if not self._out[slot]:
            del self._out[slot]

    def came_back(self, slot: str) -> None:
        """A request of the slot is over: its connection is free."""
        self._out[slot] -= 1
        if slot in self.strangers:
            self._strangers_out -= 1
        if not self._out[slot]:
            del self._out[slot]

    def next_due(self) -> float | None:
        """When the next request may be sent, were a worker free; None when only connections are waited for."""
        return self._timers[0][0] if self._timers else None

    def drain(self, slot: str | None = None) -> list[Leased]:
        """Take out all requests (of one slot), for giving them back."""
        slots = [slot] if slot is not None else list(self._queues)
        out: list[Leased] = []
        for each in slots:
            queue = self._queues.get(each)
            if queue:
                out.extend(queue)
                queue.clear()
        self._size -= len(out)
        return out

"""Which host is looked at next: by its time, in turn, or when something about it changes. No lock, no clock, no I/O."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

from crawler.frontier.host_slot import HostSlot, Queue, Shared
from crawler.outcome import Leased


class HostTurns:
    """Slots with waiting requests: on a timer, in the round, or full until something about them changes.

    So there is no search through all hosts for the one that may be asked. Lives under the lock of its owner.

    Attributes:
        full: Slots that can take no more, by name.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._timers: list[tuple[float, int, HostSlot]] = []
        self._entries = 0  # number of the last timer, so that equal times keep their order
        self._round: deque[HostSlot] = deque()
        self.full: dict[str, HostSlot] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, slot: HostSlot, leased: Leased, first: bool) -> None:
        slot.waiting.insert(0 if first else len(slot.waiting), leased)
        self._count += 1
        if slot.place is Queue.NOWHERE:
            self._set_timer(slot)

    def _set_timer(self, slot: HostSlot) -> None:
        slot.place = Queue.TIMER
        self._entries += 1
        heapq.heappush(self._timers, (slot.due_at, self._entries, slot))

    def next(self, now: float) -> Leased | None:
        while self._timers and self._timers[0][0] <= now:
            slot = heapq.heappop(self._timers)[2]
            slot.place = Queue.ROUND
            self._round.append(slot)
        while self._round and self._shared.places > 0:
            slot = self._round.popleft()
            if not slot.waiting:
                slot.place = Queue.NOWHERE
            elif not slot.has_room(self._shared):
                slot.place = Queue.FULL
                self.full[slot.name] = slot
            elif slot.due_at > now:
                self._set_timer(slot)
            else:
                self._round.append(slot)
                self._count -= 1
                return slot.waiting.pop(0)
        return None

    def look_again(self, slot: HostSlot) -> None:
        """Something has changed: one that was full may have room now."""
        if slot.place is not Queue.FULL or (slot.waiting and not slot.has_room(self._shared)):
            return
        del self.full[slot.name]
        slot.place = Queue.NOWHERE
        if slot.waiting:
            self._set_timer(slot)

    def scouts_are_back(self, count: int) -> None:
        none_left = self._shared.scouts <= 0
        self._shared.scouts += count
        if none_left and count:
            for slot in list(self.full.values()):
                self.look_again(slot)

    def drain(self, slots: Sequence[HostSlot]) -> list[Leased]:
        drained = [each for slot in slots for each in slot.waiting]
        for slot in slots:
            slot.waiting.clear()
            self.look_again(slot)
        self._count -= len(drained)
        return drained

    def next_due(self) -> float | None:
        return self._timers[0][0] if self._timers and self._shared.places > 0 else None

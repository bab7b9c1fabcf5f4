"""Says in the store, every few seconds, how a process of a run fares (`output.live`), for those who look on.

On the thread of the store. What is written is bounded, however many hosts and sessions there are; nothing is counted
for it while pages come, so that a page costs nothing more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from crawler.errors import StoreError
from crawler.frontier.host_slot import HostSlot
from crawler.frontier.politeness import Allowed
from crawler.output.live import MOST_HOSTS, MOST_SESSIONS, HostState, LiveSession, ProcessState, name_of
from crawler.runs.stats import Stats
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.secrets import hide
from crawler.stores.base import ValueStore

FIRST_S, EVERY_S, IDLE_S = 0.5, 2.0, 15.0  #: after the start; while something happens; as a sign of life
_KEPT_S = 86_400.0  #: of a process that was killed
_WHY = 200
_LOOKED_AT = 2_000  #: hosts of which the busiest are chosen


class Heartbeat:
    """The word of one process of a run.

    Args:
        process: How it is named to a person.
        workers: Most requests that it may have under way.
        allowed: What the settings allow for a host.
        hosts, managers: Those that it knows at this moment.
    """

    def __init__(
        self,
        values: ValueStore,
        stats: Stats,
        me: ProcessState,
        hosts: Callable[[], Iterable[HostSlot]],
        allowed: Allowed,
        managers: Callable[[], Iterable[LoginManager]],
    ) -> None:
        self._values, self._stats, self._me, self._allowed = values, stats, me, allowed
        self._hosts, self._managers = hosts, managers
        self._name = name_of(stats.summary.run, me.number)
        self._last, self._at = (-1, -1), 0.0
        self._written = False

    def due_at(self, under_way: int) -> float:
        """When the next word is due, seconds since 1970."""
        if not self._at:
            return self._me.at + FIRST_S
        return self._at + (IDLE_S if self._last == (self._stats.summary.pages, under_way) else EVERY_S)

    def beat(self, now: float, under_way: int) -> None:
        """Write, when it is due. A store that cannot be written has other ways to say so."""
        if now < self.due_at(under_way):
            return
        self._at, self._last = now, (self._stats.summary.pages, under_way)
        try:
            self._values.set(self._name, self._word(now, under_way).as_dict(), ttl_s=_KEPT_S)
            self._written = True
        except StoreError:
            pass  # the next commit meets the same trouble, and knows what to do about it

    def over(self) -> None:
        """The run has ended: its summary says all of this."""
        if self._written:
            self._values.set(self._name, None)

    def _word(self, now: float, under_way: int) -> ProcessState:
        me, stats = self._me, self._stats
        stats.keep_moment()
        return ProcessState(
            me.number,
            me.process,
            now,
            stats.summary.pages,
            under_way,
            me.workers,
            [self._host(each, now) for each in self._busiest()],
            [
                LiveSession(each.session.name, str(each.record.state), each.record.epoch, hide(each.record.why)[:_WHY])
                for each in list(self._managers())[:MOST_SESSIONS]
            ],
            stats.timeline.as_list() if me.number == 0 else [],
        )

    def _busiest(self) -> list[HostSlot]:
        known = list(self._hosts())[-_LOOKED_AT:]
        return heapq.nlargest(MOST_HOSTS, known, key=lambda each: (bool(each.error), each.paused_until, _held(each)))

    def _host(self, slot: HostSlot, now: float) -> HostState:
        health = slot.health
        breaker = "open" if health.open_until > now else "half open" if health.half_open else "closed"
        return HostState(
            slot.name,
            round(slot.delay_s, 3),
            slot.paused_until if slot.paused_until > now else 0.0,
            "given up" if slot.error else breaker,
            slot.under_way,
            len(slot.waiting) + len(slot.ready),
            health.connections(self._allowed),
        )


def _held(slot: HostSlot) -> int:
    return slot.under_way + len(slot.waiting) + len(slot.ready)

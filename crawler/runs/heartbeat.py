"""Writes to the store, every few seconds, how a process of a run is doing (`output.live`), for those who watch.

On the thread of the store. What is written is bounded, however many hosts and sessions there are; nothing is counted
for it while pages come, so that a page costs nothing more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace

from crawler.errors import StoreError
from crawler.frontier.host_slot import HostSlot
from crawler.frontier.politeness import Allowed
from crawler.output.live import MOST_HOSTS, MOST_SESSIONS, WORKING, HostState, LiveSession, ProcessState, name_of
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.stats import Stats
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.states import LoginState
from crawler.sessions.secrets import hide
from crawler.stores.base import ValueStore

FIRST_S, EVERY_S, IDLE_S = 0.5, 2.0, 15.0  #: after the start; while something happens; as a sign of life
_KEPT_S = 86_400.0  #: for a process that was killed
_WHY = 200
_SETTLED = (LoginState.READY, LoginState.PARKED, LoginState.REFUSED)
_LOOKED_AT = 2_000  #: hosts of which the busiest are chosen


@quick_dataclass
class SeenNow:
    """What a process knows at this moment about hosts and sessions.

    Attributes:
        allowed: What the settings allow for a host.
    """

    hosts: Callable[[], Iterable[HostSlot]]
    allowed: Allowed
    managers: Callable[[], Iterable[LoginManager]]


class Heartbeat:
    """The reports of one process of a run.

    Args:
        me: How it is named to a person, and what does not change.
    """

    def __init__(self, values: ValueStore, me: ProcessState, stats: Stats, sight: SeenNow) -> None:
        self._values, self._me, self._stats, self._sight = values, me, stats, sight
        self._name = name_of(stats.summary.run, me.number)
        self._last, self._at = (-1, -1, WORKING, -1), 0.0
        self._pages, self._counted_at, self._rate = 0, me.at, 0.0
        self._written = False

    def due_at(self, under_way: int, state: str = WORKING) -> float:
        """When the next report is due, seconds since 1970."""
        if self._last[2] != state:
            return 0.0
        if not self._at:
            return self._me.at + FIRST_S
        seen = self._stats.summary.pages, under_way, state, self._stats.told
        return self._at + (IDLE_S if self._last == seen else EVERY_S)

    def beat(self, now: float, under_way: int, state: str = WORKING, *, leads: bool = False) -> None:
        """Write, when it is due. A store that cannot be written shows up in other ways."""
        if now < self.due_at(under_way, state):
            return
        self.begin(now, under_way, state, leads=leads)

    def begin(self, now: float, under_way: int = 0, state: str = WORKING, *, leads: bool = False) -> None:
        """Write now."""
        self._at, self._last = now, (self._stats.summary.pages, under_way, state, self._stats.told)
        try:
            word = self._word(now, under_way, state, leads=leads).as_dict()
            self._values.set(self._name, word, ttl_s=_KEPT_S, hot=True)
            self._written = True
        except StoreError:
            pass  # the next commit meets the same trouble, and knows what to do about it

    def over(self) -> None:
        """The run has ended: its summary says all of this."""
        if self._written:
            self._values.set(self._name, None)

    def _word(self, now: float, under_way: int, state: str, *, leads: bool = False) -> ProcessState:
        stats, summary, sight = self._stats, self._stats.summary, self._sight
        stats.keep_moment()
        return replace(
            self._me,
            at=now,
            pages=summary.pages,
            items=summary.item_count,
            logins=summary.logins,
            rate=self._rate_until(now),
            under_way=under_way,
            state=state,
            leads=leads,
            hosts=[self._host(each, now) for each in self._busiest()],
            sessions=[_session(each, now) for each in list(sight.managers())[:MOST_SESSIONS]],
            timeline=stats.timeline.as_list() if leads else [],
        )

    def _rate_until(self, now: float) -> float:
        """Pages per second since the last report that was long enough ago."""
        passed_s = now - self._counted_at
        if passed_s >= FIRST_S:
            self._rate = round((self._stats.summary.pages - self._pages) / passed_s, 1)
            self._pages, self._counted_at = self._stats.summary.pages, now
        return self._rate

    def _busiest(self) -> list[HostSlot]:
        known = list(self._sight.hosts())[-_LOOKED_AT:]
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
            health.connections(self._sight.allowed),
        )


def _session(manager: LoginManager, now: float) -> LiveSession:
    record, (until, waits_for) = manager.record, manager.standing.patience.waits
    waits = until > now and record.state not in _SETTLED
    why = hide(waits_for if waits else record.why)[:_WHY]
    name, key = manager.session.name, manager.session.key
    return LiveSession(name, str(record.state), record.epoch, why, until if waits else 0.0, key)


def _held(slot: HostSlot) -> int:
    return slot.under_way + len(slot.waiting) + len(slot.ready)

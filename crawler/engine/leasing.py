"""Leasing: when this process claims more requests, how many, and how long it keeps them. For the scheduler's thread.

A lease is proved twice. The second proof is the commit, which takes nothing whose lease was lost. But a page that is
sent and then not taken was sent twice, and a POST that is sent twice may order twice; so a process that was stopped for
a while, or a machine that slept, asks `Hold` before it sends. It gives back what it cannot be sure of, and leases anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from crawler.engine.doors import Doors
from crawler.engine.host_slots import HostSlots
from crawler.engine.ledger import Ledger
from crawler.engine.revisits import Revisits
from crawler.engine.robots_door import ROBOTS
from crawler.outcome import Leased, Outcome
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store

_HORIZON_S = 3.0  #: how far ahead sending times are reserved
_MOST_HELD = 1_000  #: requests before a robots.txt that nobody knows yet
_LIMIT_POLL_S = 0.05  #: how often to look again when the pages under way fill the limit of pages
_OTHERS_POLL_S = 0.1  #: how often to look for work that other processes may have found


class Hold:
    """Until when a process holds what it has leased. Written by the scheduler's thread, asked by any.

    Args:
        now: Seconds since 1970 by the store's clock, as all times here.
        lease_s: Seconds that a lease lasts at least.
    """

    def __init__(self, now: float, lease_s: float) -> None:
        self._lease_s = lease_s
        self._known = 0.0, now + lease_s  # when leases were last too late to be prolonged, and until when they hold

    def renewed(self, now: float) -> None:
        """All leases were prolonged at *now*; those that had run out before belong to anybody who took them."""
        lapsed_at, until = self._known
        self._known = (now if now >= until else lapsed_at), now + self._lease_s

    def is_ours(self, leased: Leased, now: float) -> bool:
        """Whether nobody else can have claimed *leased* up to *now*."""
        if now < leased.until:
            return True
        lapsed_at, until = self._known
        return leased.until > lapsed_at and now < until


class NextLook:
    """When to look into the store for more: at once, at a moment, or when a host can take more. Pure.

    Who finds that something has changed says `soon`; who looks asks `due_at`.
    """

    def __init__(self) -> None:
        self._at = 0.0
        self._changed: set[str] = set()  # slots that may have more than when they were last looked at

    def due_at(self, blocked: Callable[[], Set[str]]) -> float:
        """When to look, seconds since 1970; infinity when nothing waits any more.

        Args:
            blocked: Finds the slots that can take no more now.
        """
        return 0.0 if self._changed and not self._changed <= blocked() else self._at

    def soon(self, slots: Set[str] | None = None) -> None:
        """Something has changed: look at once, or, were it only *slots*, as soon as one of them can take more."""
        if slots is None:
            self._at = 0.0
        else:
            self._changed |= slots

    def nothing_found(self, blocked: Set[str], at: float) -> None:
        """There was nothing but for *blocked* slots: look again at that moment."""
        self._changed &= blocked
        self._at = at

    def wait_until(self, moment: float) -> None:
        """Nothing can be taken before that moment, whatever changes."""
        self._at, self._changed = moment, set()


class Leasing:
    """Fills the host slots with requests of the frontier.

    Attributes:
        renew_at: When the leases have to be renewed.
        hold: Which requests are ours still.
        alone: Whether no other process works on this frontier.
    """

    def __init__(
        self,
        store: Store,
        run: RunRow,
        owner: str,
        settings: Settings,
        *,
        slots: HostSlots,
        doors: Doors,
        ledger: Ledger,
        look: NextLook,
        revisits: Revisits,
        alone: bool,
        now: float,
    ) -> None:
        self._store, self._run, self._owner, self._settings = store, run, owner, settings
        self._slots, self._doors, self._ledger = slots, doors, ledger
        self.alone = alone
        self._revisits = revisits
        self._earlier: Sequence[int] | None = None if revisits.recalls else ()  # frontiers that know of visits
        self._look = look
        self.renew_at = now + settings.lease / 3
        self.hold = Hold(now, settings.lease)

    @property
    def due_at(self) -> float:
        """When to look for more, seconds since 1970; infinity when nothing waits any more."""
        return self._look.due_at(self._blocked)

    def _blocked(self) -> frozenset[str]:
        """Slots that can take no more now."""
        return self._slots.blocked() | self._doors.gates.held_slots(ROBOTS)

    @property
    def exhausted(self) -> bool:
        """Whether nothing waits any more, as far as this process knows."""
        return self.due_at == float("inf")

    def has_room(self) -> bool:
        """Whether more could be taken.

        What waits for a session or for a robots.txt does not count: nothing more of it is leased, and others must not
        wait for it. Only beyond a number that memory sets.
        """
        held = max(self._doors.gates.held(ROBOTS) - _MOST_HELD, 0)
        return self._slots.free() + held < 2 * self._settings.workers

    def more(self, now: float, begun: int) -> None:
        """Renew what is held, and claim more where there is room.

        Args:
            begun: Pages of this run that are done, under way or about to be committed; they count for `max_pages`.
        """
        settings = self._settings
        if now >= self.renew_at:
            self._ledger.patiently(
                lambda: self._store.renew(self._run.frontier, owner=self._owner, lease_s=settings.lease)
            )
            self.hold.renewed(now)
            self.renew_at = now + settings.lease / 3
        if now < self.due_at or not self.has_room():
            return
        limit = max(8 * settings.workers, 32)
        if settings.max_pages:
            held = len(self._slots) + self._doors.gates.held() + self._doors.kept - self._doors.suspects
            limit = min(limit, settings.max_pages - begun - held)
            if limit <= 0:
                self._look.wait_until(now + _LIMIT_POLL_S)
                return
        blocked = self._blocked()
        leased = self._store.lease(
            self._run.frontier,
            owner=self._owner,
            limit=limit,
            lease_s=settings.lease + _HORIZON_S,
            horizon_s=_HORIZON_S,
            rules=self._slots.delays,
            default_rule=self._slots.delays.usual,
            exclude_sessions=self._doors.shut_sessions(),
            exclude_slots=blocked,
            per_slot=0 if self.alone else 2 * settings.per_host,  # the others want some, too
        )
        if leased:
            self._slots.put(self._to_ask_for(leased, now))
        else:
            self._nothing_found(now, blocked)

    def _to_ask_for(self, leased: list[Leased], now: float) -> list[Leased]:
        """Those that are to be sent, with what an earlier crawl knows of them; what is fresh is done without."""
        if self._earlier is None:
            self._earlier = self._store.earlier(self._run.frontier)
        if not self._earlier:
            return leased
        asked: list[Leased] = []
        fresh: list[Outcome] = []
        for each in self._store.recall(self._earlier, leased):
            outcome = self._revisits.not_asked(each, now) if each.visit is not None else None
            if outcome is None:
                asked.append(each)
            else:
                fresh.append(outcome)
        if fresh:
            self._ledger.settle(fresh)
            self._store.give_back_turns(unused_turns(leased, asked, self._longest_pause_s), now=now)
            self._look.soon()
        return asked

    def _longest_pause_s(self, slot: str) -> float:
        """What a turn of *slot* reserves at most."""
        rule = self._slots.delays[slot]
        return rule.delay_s * (1 + rule.jitter)

    def _nothing_found(self, now: float, blocked: frozenset[str]) -> None:
        """Put aside what cannot go in this run, and find out when to look again."""
        for session in self._doors.barred.names():
            self._ledger.waiting -= self._store.park(self._run.frontier, session=session)
        due = self._store.next_due(self._run.frontier)
        look_at = float("inf") if due is None else max(due - _HORIZON_S / 2, now + 0.02)
        if not self.alone:
            look_at = min(look_at, now + _OTHERS_POLL_S)
        self._look.nothing_found(blocked, look_at)


def unused_turns(
    leased: Sequence[Leased], asked: Sequence[Leased], longest_pause_s: Callable[[str], float]
) -> dict[str, tuple[float, float]]:
    """The turns at the end of what was reserved of each host that nobody uses, since the pages are not asked for.

    Returns:
        Host to the moment from which it is free, and the latest moment up to which the turns were reserved.
    """
    unused: dict[str, tuple[float, float]] = {}
    for slot in {each.slot for each in leased}:
        pause_s = longest_pause_s(slot)
        if not pause_s:
            continue
        turns = [each.send_at for each in leased if each.slot == slot]
        used = [each.send_at for each in asked if each.slot == slot]
        free = max(used) + pause_s if used else min(turns)
        if free <= max(turns):
            unused[slot] = free, max(turns) + pause_s
    return unused

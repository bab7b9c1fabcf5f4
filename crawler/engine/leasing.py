"""Leasing: when this process claims more requests, how many, and how long it keeps them. For the scheduler's thread.

Also here: turns of requests that are in no frontier (steps of a login, probes, redirects, robots.txt).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from crawler.clock import unix_now
from crawler.engine.committer import Committer
from crawler.engine.host_slots import HostSlots
from crawler.engine.readiness import Doors
from crawler.engine.robots_door import ROBOTS
from crawler.engine.store_thread import Inbox, Member
from crawler.errors import TimedOut
from crawler.frontier.gates import Gates
from crawler.frontier.leases import Leases, NextLook
from crawler.frontier.shares import Shares, Unshared
from crawler.outcome import Leased, Outcome
from crawler.pagework.revisits import Revisits
from crawler.request import SPREAD
from crawler.stores.base import LeaseTerms, Store
from crawler.stores.calls import StoreCalls
from crawler.stores.driver import AHEAD_S

_MOST_HELD = 1_000  #: requests waiting for a robots.txt that is not known yet
_CONNECTION_POLL_S = 0.01  #: how often a rendered page asks again for a connection to a host
_LIMIT_POLL_S = 0.05  #: how often to look again when the pages under way fill the limit of pages
_EMPTY_POLL_S = 0.02  #: how often to look again while due requests go to other processes
_FULL_POLL_S = 0.1  #: the same while some hosts can take no more; when they can again, that is noticed anyway
_SHUT_POLL_S = 0.5  #: how often to look again while some sessions are shut
_ALL_SHUT_POLL_S = 60.0  #: the same while all of them are
_OTHERS_POLL_S = 0.1  #: how often to look for work that other processes may have found


class Reservations:
    """Waits for such turns: the delay of a host, or a session's own, holds for all requests. Safe from any thread."""

    def __init__(
        self,
        member: Member,
        calls: StoreCalls,
        slots: HostSlots,
        gates: Gates,
        look: NextLook,
        stopping: threading.Event,
    ) -> None:
        self._member, self._calls, self._slots, self._gates = member, calls, slots, gates
        self._look, self._stopping = look, stopping

    def wait(self, slot: str) -> None:
        """Return when a request may be sent to the host, or when the run stops."""
        turn_s = self._slots.delays.turn_s(slot)
        if turn_s:
            at = self._calls(
                lambda store: self._turn_that_waits(store, slot) or store.slots.reserve(slot, delay_s=turn_s)
            )
            self._stopping.wait(max(at - unix_now(), 0.0))

    def _turn_that_waits(self, store: Store, slot: str) -> float:
        """The next moment reserved for a request which has to wait for a login or a proof anyway; 0.0 for none.

        Moments are reserved seconds ahead: queued after all of them, a login would take that long for each step. The
        request is given back, and gets another moment later. On the scheduler's thread.
        """
        now, held, waiting = unix_now(), self._gates.waiting(slot), self._slots.drain(slot)
        fits = [each for each in held + waiting if now <= (self._slots[slot].latest(each) or 0.0)]
        first = min(fits, key=lambda each: each.send_at, default=None)
        self._slots.put([each for each in waiting if each is not first])
        if first is None:
            return 0.0
        self._gates.take(first)
        store.leases.release(self._member.run.frontier, owner=self._member.owner, ids=[first.id])
        self._look.soon()
        return max(first.send_at, now)


class Connections:
    """Lends connections to requests that are in no frontier: those of rendered pages. Safe from any thread."""

    def __init__(self, slots: HostSlots, inbox: Inbox, stopping: threading.Event) -> None:
        self._lender, self._inbox, self._stopping = slots.lender, inbox, stopping

    @contextmanager
    def held(self, slot: str, ends: float) -> Iterator[None]:
        """Wait until the host has one free, and hold it.

        Args:
            ends: How long to wait, as a moment of ``time.monotonic()``.
        Raises:
            TimedOut: There was none, or the run stops.
        """
        while not self._lender.borrow(slot, unix_now()):
            if time.monotonic() > ends or self._stopping.wait(_CONNECTION_POLL_S):
                raise TimedOut("", f"no connection to {slot} was free in time")
        try:
            yield
        finally:
            self._lender.give_back(slot)
            self._inbox.wake()


class Leasing:
    """Fills the host slots with requests of the frontier.

    Attributes:
        renew_at: When the leases have to be renewed.
        pages: Pages of the run, by all its processes, where a limit holds for all together; as of the last look.
    """

    def __init__(
        self,
        member: Member,
        slots: HostSlots,
        doors: Doors,
        committer: Committer,
        leases: Leases,
        revisits: Revisits,
    ) -> None:
        self._store, self._run, self._owner, self._settings = member.store, member.run, member.owner, member.settings
        self._slots, self._doors, self._committer = slots, doors, committer
        self._hold, self._look, self._leases = leases.hold, leases.look, leases
        self._revisits = revisits
        self._earlier: Sequence[int] | None = None if revisits.recalls else ()  # frontiers that know of visits
        self._restarts = self._store.restarts
        self.pages = 0
        self.renew_at = leases.hold.began_at + self._settings.lease / 3

    @property
    def due_at(self) -> float:
        """When to look for more, seconds since 1970; infinity when nothing waits any more."""
        return self._look.due_at(self._blocked)

    def _blocked(self) -> frozenset[str]:
        """Slots that can take no more now."""
        return self._slots.blocked() | self._doors.gates.held_slots(ROBOTS) | self._slots.portions.sated()

    @property
    def exhausted(self) -> bool:
        """Whether nothing waits any more, as far as this process knows."""
        return self.due_at == float("inf")

    def are_forgotten(self) -> bool:
        """Whether the database has begun anew since the last call: unsent requests may belong to others by now."""
        before, self._restarts = self._restarts, self._store.restarts
        return self._restarts != before

    def has_room(self) -> bool:
        """Whether more could be taken.

        What waits for a session or a robots.txt does not count, up to a number set by memory: no more of its kind is
        leased, and others must not wait for it.
        """
        held = max(self._doors.gates.held(ROBOTS) - _MOST_HELD, 0)
        return self._slots.free() + held < 2 * self._settings.workers

    def more(self, now: float, begun: int) -> None:
        """Renew what is held, and claim more where there is room.

        Args:
            begun: Pages of this run that are done, under way or about to be committed; they count towards `max_pages`.
        """
        settings = self._settings
        if now >= self.renew_at:
            self._committer.patiently(
                lambda: self._store.leases.renew(self._run.frontier, owner=self._owner, lease_s=settings.lease)
            )
            self._hold.renewed(now)
            self.renew_at = now + settings.lease / 3
        if now < self.due_at or self._doors.are_proving() or not self.has_room():
            return
        limit = max(8 * settings.workers, 32)
        if settings.max_pages:
            held = len(self._slots) + self._doors.gates.held() + self._doors.kept - self._doors.suspects
            limit = min(limit, settings.max_pages - begun - held)
            if not self._leases.alone:
                self.pages, leased_now = self._store.leases.begun(self._run.id)
                limit = min(limit, settings.max_pages - self.pages - leased_now + self._doors.suspects)
            if limit <= 0:
                self._look.wait_until(now + _LIMIT_POLL_S)
                return
        blocked, shut, shares = self._blocked(), self._doors.shut_sessions(now), self._slots.shares
        terms = LeaseTerms(
            limit=limit,
            lease_s=settings.lease + AHEAD_S,
            horizon_s=AHEAD_S,
            rules=self._slots.delays,
            default_rule=self._slots.delays.usual,
            exclude_sessions=shut,
            exclude_slots=Unshared(blocked, shares.of) if shares is not None and shares.may_be_none else blocked,
            per_slot=0 if self._leases.alone else self._slots.portions.look_at,
            portion=None if self._leases.alone else self._slots.portions,  # the others want some, too
            limited_run=self._run.id if settings.max_pages and not self._leases.alone else 0,
            uncounted=self._doors.suspects,
            crawl_delays=shares is not None and settings.robots,
            throttle=shares is not None and settings.throttle,
            late_s=self._slots.delays.lateness.late_s,
        )
        leased = self._store.leases.lease(self._run.frontier, owner=self._owner, terms=terms)
        if not leased and shares is not None and shares.may_be_none and not len(self._slots):
            leased = self._beside_suspects(replace(terms, exclude_slots=blocked, portion=None), shares, now)
        if leased:
            self._slots.put(self._to_ask_for(leased, now))
        else:
            self._nothing_found(now, blocked, shut)

    def _beside_suspects(self, terms: LeaseTerms, shares: Shares, now: float) -> list[Leased]:
        """One process tries all suspects, even those of hosts to which it has no connection.

        Returns:
            What else it may send. The rest is given back at once, for others.
        """
        if not self._doors.answers.trials.gathers(now):
            return []
        found = self._store.leases.lease(self._run.frontier, owner=self._owner, terms=terms)
        ours = [each for each in found if shares.of(each.slot)]
        for_others = [each.id for each in found if not shares.of(each.slot) and not self._doors.puts_off(each, now)]
        if for_others:
            self._store.leases.release(self._run.frontier, owner=self._owner, ids=for_others)
        self._store.slots.give_back(unused_turns(found, ours, self._longest_pause_s), now=now)
        return ours

    def _to_ask_for(self, leased: list[Leased], now: float) -> list[Leased]:
        """Those to be sent, with what an earlier crawl knows about them; fresh ones are settled without a request."""
        if self._earlier is None:
            self._earlier = self._store.visits.earlier(self._run.frontier)
        if not self._earlier:
            return leased
        asked: list[Leased] = []
        fresh: list[Outcome] = []
        for each in self._store.visits.recall(self._earlier, leased):
            outcome = self._revisits.not_asked(each, now) if each.visit is not None else None
            if outcome is None:
                asked.append(each)
            else:
                fresh.append(outcome)
        if fresh:
            self._committer.settle(fresh)
            self._store.slots.give_back(unused_turns(leased, asked, self._longest_pause_s), now=now)
            self._look.soon()
        return asked

    def _longest_pause_s(self, slot: str) -> float:
        """What a turn of *slot* reserves at most."""
        rule = self._slots.delays.get(slot, self._slots.delays.usual)
        return rule.delay_s * (1 + rule.jitter)

    def _nothing_found(self, now: float, blocked: frozenset[str], shut: frozenset[str]) -> None:
        """Put aside what cannot go in this run, and find out when to look again."""
        for session in self._doors.unusable.names():
            why = self._doors.unusable.reason(session)
            self._committer.waiting -= self._store.frontier.park(self._run.frontier, session=session, why=why)
        due = self._store.leases.next_due(self._run.frontier)
        # What is due may belong to sessions that are shut; one that opens says so
        waits_s = _ALL_SHUT_POLL_S if SPREAD in shut else _SHUT_POLL_S if shut else 0.0
        soonest = now + (waits_s or (_FULL_POLL_S if blocked else _EMPTY_POLL_S))
        if self._slots.shares is not None and self._slots.shares.may_be_none:
            soonest = max(soonest, now + _OTHERS_POLL_S)  # what is due may be for hosts that are left to others
        look_at = float("inf") if due is None else max(due - AHEAD_S / 2, soonest)
        rested = self._doors.allowances.next_due()
        if rested is not None:
            look_at = min(look_at, max(rested, now))
        if not self._leases.alone:
            look_at = min(look_at, now + _OTHERS_POLL_S)
        self._look.nothing_found(blocked, look_at)


def unused_turns(
    leased: Sequence[Leased], asked: Sequence[Leased], longest_pause_s: Callable[[str], float]
) -> dict[str, tuple[float, float]]:
    """The last reserved turns of each host that stay unused, since their pages are not requested.

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

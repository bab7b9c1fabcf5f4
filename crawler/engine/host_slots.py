"""Host slots: one owner for each host, and one question to all of them: what may be sent now?

A request waits in two places before it is sent: as a row of the frontier, and here. In its slot it is first *waiting*
(leased, for its moment and for a connection) and then *ready* (the scheduler has found that nothing else is missing:
robots.txt is known, its session is good). A few more are made ready than a host may have under way, so that the next
one is sent as soon as an answer is in, on whichever thread, and not only when that page is parsed and committed and a
successor is chosen.

What the answer depends on, and is counted nowhere else:

- *connections*: no more under way to a host than its health allows (`frontier.politeness`);
- *places*: no more pages sent and not committed than may be sent again after a kill;
- *scouts*: one request goes to a host not heard from yet, and nothing follows it before an answer; it needs no
  place, so that hosts that never answer do not hold up the others;
- *trouble*: what an answer teaches is learned before its connection is free, on the thread that judges it; after a
  pause, a longer delay, or a host given up, nothing is sent before the scheduler has dealt with what waits (`heed`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crawler.frontier.host_slot import HostSlot, Learned, Ready, Shared
from crawler.frontier.host_turns import HostTurns
from crawler.frontier.host_words import adopt, has_news, word_of
from crawler.frontier.politeness import Allowed, HostHealth
from crawler.frontier.portions import Portions
from crawler.frontier.shares import Shares
from crawler.outcome import Leased, Outcome
from crawler.pacing import HostWord, Lateness, slack_s
from crawler.sessions.login.manager import LoginManager
from crawler.settings import Settings
from crawler.stores.base import SlotRule

_SCOUTS = 64  #: hosts not heard from yet that are asked at once
_MOST_HELD = 2_000  #: requests that cannot go now and do not count as waiting: at that number no more are taken
_MOST_KNOWN = 20_000  #: hosts for which we keep what their answers have shown; above that, idle ones are forgotten
_MOST_GIVEN_UP = 100_000  #: hosts beyond that number go on being asked


class HostSlots:
    """The hosts of a process.

    The scheduler puts in, makes ready, and learns; answers may come in on any thread.

    Args:
        session_delays: Sessions with a delay of their own, whose slots end in ``#`` and their name.
        scouts: Requests at once to hosts not heard from yet, one for each.

    Attributes:
        delays: The delay of each host, for reserving times.
        known: All hosts, to look at.
        allowed: What the settings allow for any host.
        portions: What is claimed of a host's waiting requests, so that the others have some, too.
        lender: Lends connections to requests that are in no frontier.
    """

    def __init__(self, settings: Settings, session_delays: Mapping[str, float], *, scouts: int = _SCOUTS) -> None:
        allowed = Allowed.by(per_host=settings.per_host, workers=settings.workers, throttle=settings.throttle)
        self._lock = threading.Lock()  # guards all that follows; nothing that waits is called under it
        self.allowed = allowed
        self._shared = Shared(allowed, places=settings.workers, scouts=scouts)
        self._turns = HostTurns(self._shared)
        self._slots = _Known(settings, session_delays, self._shared, self._turns, self._lock)
        self._with_ready: dict[str, HostSlot] = {}
        self._holds_place: set[int] = set()  # requests that were sent and are not committed
        self._given_up = 0
        self.shares: Shares | None = None  #: None while no other process has a part in any host
        self.delays, self.known = self._slots.delays, self._slots
        self.portions = Portions(settings.per_host, self._slots.share_of, self._slots.held)
        self.lender = Lender(self._lock, self._slots, self._turns, self._shared)

    def __len__(self) -> int:
        """Requests that wait; those that are ready are not among them."""
        return len(self._turns)

    def __getitem__(self, name: str) -> HostSlot:
        """One slot, to look at. The scheduler's thread."""
        return self._slots.of(name)

    # --- what waits -------------------------------------------------------------------------------------------------
    def put(self, leased: Iterable[Leased], *, first: bool = False, alone: bool = False) -> None:
        """Take leased requests; within a host in the order of their times, or (*first*) before all others of it.

        Args:
            alone: They are sent while no process sends anything else, and so even where no connection is ours.
        """
        with self._lock:
            for each in reversed(list(leased)) if first else leased:
                slot = self._slots.of(each.slot)
                slot.share = max(slot.share, 1) if alone else slot.share
                self._turns.add(slot, each, first)
                if alone:
                    self._turns.look_again(slot)

    def next_waiting(self, now: float) -> Leased | None:
        """A request that may be made ready now; hosts take turns. The caller owns it from now on."""
        with self._lock:
            return self._turns.next(now)

    def drain(self, name: str | None = None) -> list[Leased]:
        """Take out what waits (for one host), to give it back."""
        with self._lock:
            return self._turns.drain([self._slots.of(name)] if name is not None else list(self._slots))

    def next_due(self) -> float | None:
        """When the next request may be made ready; None when a commit, or an answer, comes first."""
        with self._lock:
            return self._turns.next_due()

    def blocked(self) -> frozenset[str]:
        """Hosts that can take no more now while requests to them wait here: no more are needed."""
        with self._lock:
            return frozenset(self._turns.full)

    def free(self) -> int:
        """Requests that wait for a place or for their moment, and not for their host."""
        with self._lock:
            full = self._turns.full
            held = sum([len(slot.waiting) for slot in full.values()]) if full else 0
            return len(self._turns) - min(held, _MOST_HELD)

    # --- what may be sent now ---------------------------------------------------------------------------------------
    def ready(self, leased: Leased, manager: LoginManager) -> list[Ready]:
        """A request needs nothing more. Returns what may be sent now."""
        with self._lock:
            slot = self._slots.of(leased.slot)
            scout = not slot.health.heard
            self._shared.scouts -= scout
            slot.ready.append(Ready(leased, manager, slot.latest(leased), scout))
            return self._send(slot)

    def answered(self, request: Ready) -> list[Ready]:
        """Its answer is in, or there will be none: its connection is free. Returns what may be sent now."""
        with self._lock:
            slot = self._slots.of(request.leased.slot)
            slot.under_way -= 1
            if request.scout:
                self._turns.scouts_are_back(1)
            self._turns.look_again(slot)
            return self._send(slot)

    def committed(self, ids: Iterable[int]) -> list[Ready]:
        """Pages that were sent are committed, or kept elsewhere. Returns what may be sent now."""
        with self._lock:
            held = self._holds_place.intersection(ids)  # scouts had no place
            self._holds_place -= held
            self._shared.places += len(held)
        return self.to_send()

    def to_send(self) -> list[Ready]:
        """What may be sent now, hosts in turn."""
        with self._lock:
            return [each for slot in list(self._with_ready.values()) for each in self._send(slot)]

    def _send(self, slot: HostSlot) -> list[Ready]:
        sent = slot.send(self._shared)
        self._holds_place.update(each.leased.id for each in sent if not each.scout)
        self._with_ready.pop(slot.name, None)
        if slot.ready:
            self._with_ready[slot.name] = slot  # the others come before it next time
        return sent

    def unready(self, *, unshared: bool = False) -> list[Ready]:
        """Take out what was ready and is not sent: the run stops, or (*unshared*) we have no connection to its host."""
        with self._lock:
            slots = [slot for slot in self._with_ready.values() if not (unshared and slot.share)]
            out = [each for slot in slots for each in slot.ready]
            for slot in slots:
                slot.ready = []
                del self._with_ready[slot.name]
            self._turns.scouts_are_back(sum(each.scout for each in out))
            return out

    def has_ready(self, name: str) -> bool:
        """Whether the next request to a host is sent without the scheduler when an answer is in."""
        return name in self._with_ready

    # --- what is learned --------------------------------------------------------------------------------------------
    def learn(self, outcome: Outcome, now: float) -> Learned:
        """Look at an answer, or at its absence, before it is `answered`. What follows is left for `heed`."""
        with self._lock:
            slot = self._slots.of(outcome.request.slot)
            before = bool(slot.error)
            allowed = self._shared.allowed
            learned = slot.learn(outcome, now, allowed, may_give_up=self._given_up < _MOST_GIVEN_UP)
            self._given_up += learned.given_up - before
            if self.shares is not None and slot.unheeded:
                self._slots.changed.add(slot.name)
            if learned.unsent:
                self._with_ready.pop(slot.name, None)
                self._turns.scouts_are_back(sum(each.scout for each in learned.unsent))
            self._turns.look_again(slot)
            return learned

    def heed(self, name: str) -> Sequence[Learned]:
        """What a host's answers have taught since the last call: to be dealt with now."""
        slot = self._slots.get(name)
        if slot is None or not slot.unheeded:
            return ()  # nearly always
        with self._lock:
            learned, slot.unheeded = slot.unheeded, []
            self._turns.look_again(slot)
            return learned

    def robots_known(self, name: str, crawl_delay_s: float = 0.0) -> bool:
        """A host has answered the request for its robots.txt. True when that asks for a longer delay than before."""
        with self._lock:
            slot = self._slots.of(name)
            slot.health.heard = True
            self._turns.look_again(slot)
            slot.crawl_delay_s = max(slot.crawl_delay_s, crawl_delay_s)
            if crawl_delay_s and self.shares is not None:
                self._slots.changed.add(name)
            return slot.set_delay()

    # --- what other processes have ------------------------------------------------------------------------------------
    def share(self, shares: Shares, *, changed: bool = True) -> bool:
        """Other processes work on the same hosts: keep to our share of the connections to each.

        Args:
            changed: The share is not the same as before.
        Returns:
            Whether no more than our share is in use, so that the others may have the rest.
        """
        with self._lock:
            if changed:
                self.shares = self._slots.shares = shares
                self.portions.members = shares.members
                for slot in self._slots:
                    slot.share = shares.of(slot.name)
                    self._turns.look_again(slot)
            return all(slot.under_way <= slot.share for slot in self._slots)


class Lender:
    """Lends connections to requests that are in no frontier, and counts them. Safe from any thread."""

    def __init__(self, lock: threading.Lock, slots: _Known, turns: HostTurns, shared: Shared) -> None:
        self._lock, self._slots, self._turns, self._shared = lock, slots, turns, shared

    def borrow(self, name: str, now: float) -> bool:
        """Take a connection to a host, where one is free and the host is not left alone."""
        with self._lock:
            slot = self._slots.of(name)
            if slot.paused_until > now or slot.under_way >= slot.health.connections(self._shared.allowed):
                return False
            slot.under_way += 1
            return True

    def give_back(self, name: str) -> None:
        """One is free again. `HostSlots.to_send` says what may be sent now."""
        with self._lock:
            slot = self._slots.of(name)
            slot.under_way -= 1
            self._turns.look_again(slot)


class _Known:
    """The slots, by name; when there are too many, idle ones without obligations are forgotten."""

    def __init__(
        self,
        settings: Settings,
        session_delays: Mapping[str, float],
        shared: Shared,
        turns: HostTurns,
        lock: threading.Lock,
    ) -> None:
        self._slots: dict[str, HostSlot] = {}
        self._allowed, self._turns, self._lock = shared.allowed, turns, lock
        self._heeds = {"robots": settings.robots, "throttle": settings.throttle}
        self.shares: Shares | None = None
        self.changed: set[str] = set()  # hosts about which the other processes may not know everything
        self.delays = Delays(settings, session_delays, self._slots)

    def __iter__(self) -> Iterator[HostSlot]:
        return iter(self._slots.values())

    def get(self, name: str) -> HostSlot | None:
        """A slot that is already known."""
        return self._slots.get(name)

    def of(self, name: str) -> HostSlot:
        """A slot, created if it is not known yet."""
        slot = self._slots.get(name)
        if slot is None:
            base_s = self.delays.base_s(name)
            if len(self._slots) >= _MOST_KNOWN:
                self._forget_one()
            slot = self._slots[name] = HostSlot(name, HostHealth(float(self._allowed.first)), base_s, delay_s=base_s)
            if self.shares is not None:
                slot.share = self.shares.of(name)
        return slot

    def share_of(self, name: str) -> int:
        """Connections to a host that this process may have beside others."""
        return self.shares.of(name) if self.shares is not None else self._allowed.connections

    def held(self, name: str) -> int:
        """Requests of a host that are under way here, or wait."""
        slot = self._slots.get(name)
        return slot.under_way + len(slot.ready) + len(slot.waiting) if slot is not None else 0

    def connections(self) -> int:
        """How many this process may have now to the hosts with requests waiting or under way."""
        with self._lock:
            asked = [slot for slot in self if slot.waiting or slot.ready or slot.under_way]
            return sum(slot.connections(self._allowed) for slot in asked)

    def adopt(self, name: str, word: HostWord, now: float) -> Learned | None:
        """Another process has learned something about a host. Returns what follows for waiting requests."""
        with self._lock:
            slot = self._slots.get(name)
            learned = adopt(slot, word, now, **self._heeds) if slot is not None else None
            if slot is not None:
                self._turns.look_again(slot)
            if learned is not None:
                self._turns.scouts_are_back(sum(each.scout for each in learned.unsent))
            return learned

    def news(self, name: str) -> HostWord | None:
        """What the other processes do not know yet about a host; None where there is nothing."""
        with self._lock:
            slot = self._slots.get(name)
            return word_of(slot) if slot is not None and has_news(slot) else None

    def take_changed(self) -> set[str]:
        """Hosts about which something was learned since the last call."""
        with self._lock:
            taken, self.changed = self.changed, set()
            return taken

    def told(self, name: str, word: HostWord) -> None:
        """The others now know this about a host."""
        slot = self._slots.get(name)
        if slot is not None:
            slot.word = word

    def _forget_one(self) -> None:
        """Forget the host met longest ago that is not needed; the others move to the end of the queue."""
        for name in list(self._slots)[:64]:
            slot = self._slots.pop(name)
            if slot.is_dispensable:
                return
            self._slots[name] = slot


class Delays(Mapping[str, SlotRule]):
    """The delays of hosts that differ from the default, worked out on demand. Safe from any thread.

    Attributes:
        lateness: Of this process: the later it is, the further apart are the times that it reserves.
    """

    def __init__(self, settings: Settings, session_delays: Mapping[str, float], slots: Mapping[str, HostSlot]) -> None:
        self._usual_s, self._jitter = settings.delay, settings.jitter
        self._session_delays, self._slots = dict(session_delays), slots
        self.lateness = Lateness()

    @property
    def usual(self) -> SlotRule:
        """For a host about which nothing else is known."""
        return self._rule(self._usual_s)

    def turn_s(self, name: str) -> float:
        """Least seconds from one reserved time of a host to the next; 0 without a delay."""
        delay_s = self.delay_s(name)
        return delay_s + slack_s(delay_s, self.lateness.late_s)

    def base_s(self, name: str) -> float:
        """Delay by the settings."""
        if self._session_delays and "#" in name:
            return max(self._usual_s, self._session_delays.get(name.rpartition("#")[2], 0.0))
        return self._usual_s

    def delay_s(self, name: str) -> float:
        """Least seconds between two requests to a host."""
        slot = self._slots.get(name)
        return slot.delay_s if slot is not None else self.base_s(name)

    def _rule(self, delay_s: float) -> SlotRule:
        return SlotRule(delay_s + slack_s(delay_s, self.lateness.late_s), self._jitter)

    def __getitem__(self, name: str) -> SlotRule:
        delay_s = self.delay_s(name)
        if delay_s == self._usual_s:
            raise KeyError(name)
        return self._rule(delay_s)

    def __iter__(self) -> Iterator[str]:
        return (name for name in list(self._slots) if self.delay_s(name) != self._usual_s)

    def __len__(self) -> int:
        return sum(1 for _ in self)

"""Pace: which delay each host has now, from settings, robots.txt and what its answers taught. For the scheduler.

Used by the scheduler's thread; workers only read `delay_s`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crawler.clock import unix_now
from crawler.events import Event, Warned
from crawler.frontier.slots import Advice, Manners
from crawler.outcome import Outcome
from crawler.settings import Settings
from crawler.stores.base import SlotRule

_MOST_TOLD = 1_000
_AHEAD = 8  #: requests of a host that wait for a line to it: a group of pages is parsed and committed meanwhile


def slack_s(delay_s: float) -> float:
    """How late a request may be sent after its reserved time; reservations lie so much further apart.

    So the delay holds between requests of processes that know nothing of each other's lateness.
    """
    return min(0.05, 0.25 * delay_s)


class Pace:
    """Delays and connections by slot."""

    def __init__(
        self,
        settings: Settings,
        session_delays: Mapping[str, float],
        *,
        tell: Callable[[Event], None] = lambda event: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        """Begin with what the settings say.

        Args:
            session_delays: Sessions with a delay of their own, whose slots end in ``#`` and their name.
            tell: Told once of each host that is slowed down because of how it answers.
        """
        self._tell, self._clock = tell, clock
        self._told: set[str] = set()
        self._usual_s, self._jitter, self._session_delays = settings.delay, settings.jitter, dict(session_delays)
        self._manners = Manners(per_slot=settings.per_host, workers=settings.workers, throttle=settings.throttle)
        self._crawl_delays: dict[str, float] = {}
        self._delays: dict[str, float] = {}  # of slots with more than the usual one
        self.rules: Mapping[str, SlotRule] = _Rules(self)
        self.usual_rule = self.rule(self._usual_s)

    def connections(self, slot: str) -> int:
        """How many requests of a slot may be under way at once. Safe from any thread."""
        return self._manners.connections(slot)

    def ahead(self, slot: str) -> int:
        """How many may be handed out at once: some more, for one leaves as soon as another's answer is in.

        Where there is a delay the time says when one leaves; where one asks whether a host is back, nothing follows it
        before the answer.
        """
        connections = self._manners.connections(slot)
        return connections if connections == 1 or self.delay_s(slot) else connections + _AHEAD

    def share(self, per_slot: int) -> None:
        """Other processes work on the same hosts: keep to so many connections a host."""
        self._manners.share(per_slot)

    def delay_s(self, slot: str) -> float:
        """Least seconds between two requests of a slot. Safe from any thread."""
        found = self._delays.get(slot)
        return found if found is not None else self._base_s(slot)

    def _base_s(self, slot: str) -> float:
        if self._session_delays and "#" in slot:
            return max(self._usual_s, self._session_delays.get(slot.rpartition("#")[2], 0.0))
        return self._usual_s

    def latest(self, slot: str, send_at: float) -> float | None:
        """When the turn of a request is over; None for a slot without a delay."""
        delay_s = self.delay_s(slot)
        return send_at + slack_s(delay_s) if delay_s else None

    def learn(self, outcome: Outcome, now: float) -> Advice:
        """What an answer says about its host, whatever it says about the page."""
        return self._manners.observe(
            outcome.request.slot,
            fault=outcome.host_fault,
            refused=outcome.is_refused,
            elapsed_ms=outcome.elapsed_ms,
            now=now,
            silent=outcome.host_fault and not outcome.status,
        )

    def heard(self, slot: str) -> None:
        """A host has answered a request that is in no frontier, such as that for its robots.txt."""
        self._manners.heard(slot)

    def crawl_delay(self, slot: str, delay_s: float) -> bool:
        """The robots.txt of the host asks for a delay. True when it is longer than the one in force."""
        self._crawl_delays[slot] = delay_s
        return delay_s > self.delay_s(slot) and self._set(slot, delay_s)

    def adapt(self, slot: str, learned_s: float) -> bool:
        """Take over a learned delay. True when it is longer than the one in force."""
        delay_s = max(self._base_s(slot), self._crawl_delays.get(slot, 0.0), learned_s)
        longer = delay_s != self.delay_s(slot) and self._set(slot, delay_s)
        if longer and slot not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(slot)
            why = f"slowed down, at first to a request each {delay_s:g} s: it answered 429 or 503, or late (`throttle`)"
            self._tell(Warned(self._clock(), slot, why))
        return longer

    def _set(self, slot: str, delay_s: float) -> bool:
        longer = delay_s > self.delay_s(slot)
        if delay_s > self._base_s(slot):
            self._delays[slot] = delay_s
        else:
            self._delays.pop(slot, None)
        return longer

    def rule(self, delay_s: float) -> SlotRule:
        return SlotRule(delay_s + slack_s(delay_s), self._jitter)

    def has_own(self, slot: str) -> bool:
        """Whether the delay of a slot is not the usual one."""
        return self.delay_s(slot) != self._usual_s

    def special(self) -> list[str]:
        return list(self._delays)


class _Rules(Mapping[str, SlotRule]):
    """The rules of slots with a delay of their own, worked out when the store asks."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def __getitem__(self, slot: str) -> SlotRule:
        if not self._pace.has_own(slot):
            raise KeyError(slot)
        return self._pace.rule(self._pace.delay_s(slot))

    def __iter__(self) -> Iterator[str]:
        return iter(self._pace.special())

    def __len__(self) -> int:
        return len(self._pace.special())

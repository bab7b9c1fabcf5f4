"""Host slots with a scheduler that makes everything ready, for tests without a server and a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from crawler.engine.host_slots import HostSlots
from crawler.frontier.host_slot import Learned, Ready
from crawler.frontier.shares import Shares
from crawler.outcome import Leased, Verdict
from crawler.settings import Settings
from tests.engine.parts import answer, leased

MANAGER: Any = SimpleNamespace(session=SimpleNamespace(name="default"))


@dataclass
class Hosts:
    """Host slots with a scheduler that makes everything ready, and notes what is sent."""

    per_host: int = 5
    workers: int = 100
    scouts: int = 64
    strange: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    session_delays: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = Settings(per_host=self.per_host, workers=self.workers, **self.more)
        self.slots = HostSlots(settings, self.session_delays, scouts=self.scouts)
        self.out: dict[int, Ready] = {}
        self.unanswered: dict[int, Ready] = {}

    def put(self, *requests: Leased, first: bool = False) -> None:
        for each in requests:
            slot = self.slots[each.slot]
            if not self.strange and not slot.health.heard:
                self.slots.robots_known(each.slot)
        self.slots.put(requests, first=first)

    def noted(self, sent: list[Ready]) -> list[int]:
        self.unanswered |= {each.leased.id: each for each in sent}
        self.out |= {each.leased.id: each for each in sent}
        return [each.leased.id for each in sent]

    def go(self, now: float = 0.0) -> list[int]:
        """Make ready whatever may be, as the scheduler does. What is sent."""
        sent = []
        while (found := self.slots.next_waiting(now)) is not None:
            sent += self.noted(self.slots.ready(found, MANAGER))
        return sent + self.noted(self.slots.to_send())

    def share(self, per_host: int) -> bool:
        return self.slots.share(Shares("0.0", per_host, alone=True))

    def answer(self, number: int) -> list[int]:
        return self.noted(self.slots.answered(self.unanswered.pop(number)))

    def learn(self, number: int, verdict: Verdict = Verdict.ACCEPT, *, now: float = 11.0, **more: Any) -> Learned:
        slot = self.out[number].leased.slot
        return self.slots.learn(answer(number, verdict, slot=slot, **more), now)

    def heed(self, slot: str = "a") -> list[int]:
        """See to what was learned, as the scheduler does. What was ready and is not sent."""
        return [each.leased.id for learned in self.slots.heed(slot) for each in learned.unsent]

    def commit(self, *numbers: int) -> list[int]:
        for number in numbers:
            self.out.pop(number, None)
        return self.noted(self.slots.committed(numbers))


def at(number: int, send_at: float = 0.0, slot: str = "a") -> Leased:
    return leased(number, slot, send_at=send_at)

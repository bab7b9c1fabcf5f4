"""The pace of each host: what it learns from answers, and what people are told of that."""

from __future__ import annotations

from crawler.engine.pace import Pace
from crawler.events import Event, Warned
from crawler.outcome import Leased, Outcome, Verdict
from crawler.settings import Settings


def answer(status: int, slot: str = "a.test") -> Outcome:
    leased = Leased(1, f"http://{slot}/", slot, "default", "", 0, 0, "", 0, 0.0, 1)
    return Outcome(leased, Verdict.ACCEPT, status=status, elapsed_ms=5.0, sent_at=1.0)


def test_a_host_that_is_slowed_down_is_told_of_once() -> None:
    heard: list[Event] = []
    pace = Pace(Settings(), {}, tell=heard.append, clock=lambda: 7.0)

    for second in range(10):
        for slot in ("a.test", "b.test"):
            pace.adapt(slot, pace.learn(answer(503, slot), 100.0 + 60 * second).delay_s)

    assert [(event.at, event.where) for event in heard if isinstance(event, Warned)] == [
        (7.0, "a.test"),
        (7.0, "b.test"),
    ]
    assert pace.delay_s("a.test") > 1.0


def test_a_host_that_answers_well_is_not_told_of() -> None:
    heard: list[Event] = []
    pace = Pace(Settings(), {}, tell=heard.append)

    for second in range(10):
        pace.adapt("a.test", pace.learn(answer(200), 100.0 + second).delay_s)

    assert heard == []
    assert pace.delay_s("a.test") == 0.0

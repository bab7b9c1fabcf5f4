"""Host slots in trouble: fewer requests, later ones or none, and a host that answers again is asked again."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.events import SlotPaused, Warned
from crawler.outcome import Verdict
from tests.engine.slots import Hosts, at


def test_a_fault_that_teaches_nothing_delays_nothing() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(6)))
    assert hosts.go() == [0, 1]

    hosts.learn(0, Verdict.RETRY, status=502, host_fault=True)

    assert hosts.answer(0) == [2]
    assert hosts.heed() == []


@pytest.mark.parametrize(
    "more",
    [
        {"status": 503, "host_fault": True},
        {"status": 429, "host_fault": True},
        {"status": 502, "host_fault": True, "pause_slot_until": 50.0},
    ],
    ids=["503", "429", "Retry-After"],
)
def test_after_an_answer_that_asks_for_less_nothing_leaves_before_the_scheduler_has_seen_to_what_waits(
    more: dict[str, Any],
) -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(30)), at(50, slot="b"))
    assert hosts.go() == [0, 50, 1]

    hosts.learn(0, Verdict.RETRY, **more)
    assert hosts.answer(0) == hosts.answer(1) == []
    assert hosts.go() == []

    assert hosts.heed() == list(range(2, 18))
    assert hosts.go(60.0)[0] == 18


def test_a_host_that_asks_for_a_pause_is_left_alone_until_then() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(30)))
    hosts.go()

    learned = hosts.learn(0, Verdict.RETRY, status=502, host_fault=True, pause_slot_until=50.0)

    assert learned.pause_until == 50.0
    assert hosts.answer(0) == hosts.answer(1) == []
    hosts.heed()
    assert hosts.go(49.9) == []
    assert hosts.go(50.0)[0] == 18


def test_a_pause_that_a_host_asks_for_is_reported_and_never_shortened() -> None:
    hosts = Hosts()
    hosts.put(at(1))
    hosts.go()
    first = hosts.learn(1, Verdict.RETRY, status=502, host_fault=True, pause_slot_until=5_000.0)
    others = [hosts.learn(1, Verdict.RETRY, status=502, host_fault=True) for _ in range(10)]

    assert first.pause_until == 5_000.0
    assert [event.slot for each in others for event in each.news if isinstance(event, SlotPaused)] == ["a"]
    hosts.heed()
    assert hosts.go(4_999.0) == []


def test_requests_to_a_host_that_asks_for_less_get_new_reservations_and_it_is_reported_once() -> None:
    hosts = Hosts()
    hosts.put(at(1, slot="a"), at(2, slot="b"))
    hosts.go()
    found = [
        hosts.learn(number, Verdict.RETRY, status=429, host_fault=True, now=100.0 + 60 * minute)
        for minute in range(10)
        for number in (1, 2)
    ]

    assert any(each.slower for each in found)
    warned = [event.where for each in found for event in each.news if isinstance(event, Warned)]
    assert warned == ["a", "b"]
    assert hosts.slots.delays.delay_s("a") > 1.0


def test_a_host_that_answers_well_is_not_reported() -> None:
    hosts = Hosts()
    hosts.put(at(1))
    hosts.go()

    found = [hosts.learn(1, now=100.0 + second) for second in range(10)]
    assert not any(each.news or each.slower or each.given_up or each.pause_until for each in found)
    assert hosts.slots.delays.delay_s("a") == 0.0


def test_a_host_that_never_answers_is_given_up_once_and_what_waits_is_handed_over_to_fail() -> None:
    hosts = Hosts(strange=True)
    hosts.put(*(at(number) for number in range(9)))
    hosts.go()
    found = [
        hosts.learn(
            0, Verdict.RETRY, status=0, host_fault=True, error="Refused: nobody listens", now=11.0 + 60 * number
        )
        for number in range(60)
    ]

    news = [event for each in found for event in each.news if isinstance(event, Warned)]
    assert [event.message.partition("given up in this run: ")[2] for event in news] == ["Refused: nobody listens"]
    assert [each.given_up for each in found] == sorted(each.given_up for each in found)
    assert hosts.slots["a"].error == "Refused: nobody listens"
    hosts.heed()
    waiting = hosts.slots.next_waiting(1e6)
    assert waiting is not None
    assert waiting.id == 1


def test_a_host_that_answers_after_all_is_asked_again() -> None:
    hosts = Hosts(strange=True)
    hosts.put(at(1))
    hosts.go()
    for number in range(60):
        hosts.learn(1, Verdict.RETRY, status=0, host_fault=True, error="dead", now=11.0 + 60 * number)
    assert hosts.slots["a"].error

    assert not hosts.learn(1, now=10_000.0).given_up
    assert not hosts.slots["a"].error

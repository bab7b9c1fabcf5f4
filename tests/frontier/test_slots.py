"""What is learned of a host from its answers: connections, delay, pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier import slots
from crawler.frontier.slots import (
    FAULTS_TO_OPEN,
    FIRST_DELAY_S,
    FIRST_PAUSE_S,
    LONGEST_DELAY_S,
    LONGEST_PAUSE_S,
    Manners,
)

HOST = "shop.test"


def good(manners: Manners, now: float = 0.0, elapsed_ms: float = 20.0, slot: str = HOST) -> slots.Advice:
    return manners.observe(slot, fault=False, refused=False, elapsed_ms=elapsed_ms, now=now)


def bad(manners: Manners, now: float = 0.0, slot: str = HOST) -> slots.Advice:
    return manners.observe(slot, fault=True, refused=False, elapsed_ms=20.0, now=now)


def refused(manners: Manners, now: float) -> slots.Advice:
    return manners.observe(HOST, fault=False, refused=True, elapsed_ms=20.0, now=now)


def test_a_new_host_gets_a_quarter_of_the_workers_and_earns_more() -> None:
    manners = Manners(per_slot=16, workers=32)

    assert manners.connections(HOST) == 8
    assert [good(manners, now).connections for now in range(10)] == [9, 10, 11, 12, 13, 14, 15, 16, 16, 16]


@pytest.mark.parametrize(("per_slot", "workers"), [(1, 1), (1, 64), (64, 1), (2, 8)])
def test_there_is_always_one_connection_and_never_more_than_the_setting(per_slot: int, workers: int) -> None:
    manners = Manners(per_slot=per_slot, workers=workers)

    for now in range(100):
        assert 1 <= good(manners, float(now)).connections <= per_slot


def test_T9_a_dead_host_never_holds_more_than_its_first_share_of_the_workers() -> None:
    manners = Manners(per_slot=32, workers=32)

    assert max(bad(manners, float(now)).connections for now in range(5)) == 8


def test_many_faults_in_a_row_open_the_circuit_and_one_good_answer_closes_it() -> None:
    manners = Manners(per_slot=8, workers=8)
    pauses = [bad(manners, float(now)).pause_until for now in range(FAULTS_TO_OPEN)]

    assert pauses[:-1] == [None] * (FAULTS_TO_OPEN - 1)
    assert pauses[-1] == FAULTS_TO_OPEN - 1 + FIRST_PAUSE_S
    assert manners.connections(HOST) == 1
    assert good(manners, 100.0).connections > 1


def test_faults_that_come_between_good_answers_open_nothing() -> None:
    manners = Manners(per_slot=8, workers=8)

    for now in range(50):
        assert bad(manners, float(now)).pause_until is None
        good(manners, float(now))


def test_each_failed_question_doubles_the_pause_up_to_the_longest() -> None:
    manners, now = Manners(per_slot=8, workers=8), 0.0
    for _ in range(FAULTS_TO_OPEN - 1):
        bad(manners, now)
    pauses = []
    for _ in range(10):
        until = bad(manners, now).pause_until
        assert until is not None
        pauses.append(until - now)
        now = until

    assert pauses == [min(FIRST_PAUSE_S * 2.0**number, LONGEST_PAUSE_S) for number in range(10)]


def test_requests_that_were_under_way_do_not_lengthen_the_pause() -> None:
    manners = Manners(per_slot=8, workers=8)
    opened = [bad(manners, 0.0).pause_until for _ in range(FAULTS_TO_OPEN)][-1]

    assert opened == FIRST_PAUSE_S
    assert [bad(manners, 1.0).pause_until for _ in range(8)] == [None] * 8


def test_a_429_doubles_the_delay_and_halves_the_connections_and_good_answers_take_it_back() -> None:
    manners = Manners(per_slot=8, workers=32)

    first = refused(manners, 10.0)
    second = refused(manners, 20.0)

    assert (first.delay_s, second.delay_s) == (FIRST_DELAY_S, 2 * FIRST_DELAY_S)
    assert (first.connections, second.connections) == (4, 2)
    for now in range(30, 100):
        advice = good(manners, float(now))
    assert (advice.delay_s, advice.connections) == (0.0, 8)


def test_answers_to_requests_that_were_sent_together_count_once() -> None:
    manners = Manners(per_slot=8, workers=32)

    delays = {refused(manners, 10.0).delay_s for _ in range(8)}

    assert delays == {FIRST_DELAY_S}


def test_the_delay_has_an_end() -> None:
    manners = Manners(per_slot=8, workers=32)

    delays = [refused(manners, now * 1_000.0).delay_s for now in range(1, 30)]

    assert max(delays) == LONGEST_DELAY_S


def test_latency_far_above_the_usual_halves_the_connections() -> None:
    manners = Manners(per_slot=16, workers=64)
    for now in range(20):
        good(manners, float(now), 50.0)

    assert manners.connections(HOST) == 16
    assert good(manners, 30.0, 5_000.0).connections == 8
    assert good(manners, 30.5, 5_000.0).connections == 8, "answers of one moment count once"


def test_a_host_that_is_always_slow_is_no_host_under_load() -> None:
    manners = Manners(per_slot=8, workers=32)

    for now in range(50):
        advice = good(manners, now * 10.0, 3_000.0)

    assert advice.connections == 8


def test_without_throttle_only_the_circuit_works() -> None:
    manners = Manners(per_slot=8, workers=32, throttle=False)

    assert refused(manners, 10.0).delay_s == 0.0
    assert good(manners, 1.0, 60_000.0).connections == 8
    assert [bad(manners, 20.0).pause_until for _ in range(FAULTS_TO_OPEN)][-1] is not None


def test_hosts_learn_nothing_from_each_other() -> None:
    manners = Manners(per_slot=8, workers=8)
    for _ in range(FAULTS_TO_OPEN):
        bad(manners, 0.0, "dead.test")

    assert manners.connections("dead.test") == 1
    assert manners.connections(HOST) == 2


def test_memory_is_bounded_and_the_hosts_in_use_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_MOST_SLOTS", 100)
    manners = Manners(per_slot=8, workers=8)
    for now in range(6):
        good(manners, float(now))
    for number in range(1_000):
        good(manners, 10.0, slot=f"host{number}.test")
        good(manners, 10.0)

    assert len(manners._slots) == 100
    assert manners.connections(HOST) == 8


events = st.tuples(st.booleans(), st.booleans(), st.floats(0, 1e6), st.floats(0, 100))


@given(st.lists(events, max_size=60))
def test_whatever_happens_connections_and_delay_stay_within_bounds(
    found: list[tuple[bool, bool, float, float]],
) -> None:
    manners, now = Manners(per_slot=8, workers=16), 0.0
    for fault, no, elapsed_ms, later_s in found:
        now += later_s
        advice = manners.observe(HOST, fault=fault, refused=no, elapsed_ms=elapsed_ms, now=now)
        assert 1 <= advice.connections <= 8
        assert 0.0 <= advice.delay_s <= LONGEST_DELAY_S
        assert advice.pause_until is None or now < advice.pause_until <= now + LONGEST_PAUSE_S

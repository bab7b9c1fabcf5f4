"""What is learned of a host from its answers: connections, delay, pauses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.politeness import (
    FAULTS_TO_OPEN,
    FIRST_DELAY_S,
    FIRST_PAUSE_S,
    LONGEST_DELAY_S,
    LONGEST_PAUSE_S,
    Advice,
    Allowed,
    HostHealth,
)
from crawler.pacing import Lateness, slack_s


class Host:
    """A host and what the settings allow."""

    def __init__(self, *, per_host: int = 8, workers: int = 32, throttle: bool = True) -> None:
        self.allowed = Allowed.by(per_host=per_host, workers=workers, throttle=throttle)
        self.health = HostHealth(float(self.allowed.first))

    @property
    def connections(self) -> int:
        return self.health.connections(self.allowed)

    def good(self, now: float = 0.0, elapsed_ms: float = 20.0) -> Advice:
        return self.health.observe(self.allowed, fault=False, refused=False, elapsed_ms=elapsed_ms, now=now)

    def bad(self, now: float = 0.0) -> Advice:
        return self.health.observe(self.allowed, fault=True, refused=False, elapsed_ms=20.0, now=now)

    def refused(self, now: float) -> Advice:
        return self.health.observe(self.allowed, fault=False, refused=True, elapsed_ms=20.0, now=now)


def test_a_new_host_gets_a_quarter_of_the_workers_and_earns_more() -> None:
    host = Host(per_host=16, workers=32)

    assert host.connections == 8
    assert [host.good(now).connections for now in range(10)] == [9, 10, 11, 12, 13, 14, 15, 16, 16, 16]


@pytest.mark.parametrize(("per_host", "workers"), [(1, 1), (1, 64), (64, 1), (2, 8)])
def test_there_is_always_one_connection_and_never_more_than_the_setting(per_host: int, workers: int) -> None:
    host = Host(per_host=per_host, workers=workers)

    for now in range(100):
        assert 1 <= host.good(float(now)).connections <= per_host


def test_T9_a_dead_host_never_holds_more_than_its_first_share_of_the_workers() -> None:
    host = Host(per_host=32, workers=32)

    assert max(host.bad(float(now)).connections for now in range(5)) == 8


def test_many_faults_in_a_row_open_the_circuit_and_one_good_answer_closes_it() -> None:
    host = Host(per_host=8, workers=8)
    pauses = [host.bad(float(now)).pause_until for now in range(FAULTS_TO_OPEN)]

    assert pauses[:-1] == [None] * (FAULTS_TO_OPEN - 1)
    assert pauses[-1] == FAULTS_TO_OPEN - 1 + FIRST_PAUSE_S
    assert host.connections == 1
    assert host.good(100.0).connections > 1


def test_faults_that_come_between_good_answers_open_nothing() -> None:
    host = Host(per_host=8, workers=8)

    for now in range(50):
        assert host.bad(float(now)).pause_until is None
        host.good(float(now))


def test_each_failed_question_doubles_the_pause_up_to_the_longest() -> None:
    host, now = Host(per_host=8, workers=8), 0.0
    for _ in range(FAULTS_TO_OPEN - 1):
        host.bad(now)
    pauses = []
    for _ in range(10):
        until = host.bad(now).pause_until
        assert until is not None
        pauses.append(until - now)
        now = until

    assert pauses == [min(FIRST_PAUSE_S * 2.0**number, LONGEST_PAUSE_S) for number in range(10)]


def test_requests_that_were_under_way_do_not_lengthen_the_pause() -> None:
    host = Host(per_host=8, workers=8)
    opened = [host.bad(0.0).pause_until for _ in range(FAULTS_TO_OPEN)][-1]

    assert opened == FIRST_PAUSE_S
    assert [host.bad(1.0).pause_until for _ in range(8)] == [None] * 8


def test_a_429_doubles_the_delay_and_halves_the_connections_and_good_answers_take_it_back() -> None:
    host = Host(per_host=8, workers=32)

    first = host.refused(10.0)
    second = host.refused(20.0)

    assert (first.delay_s, second.delay_s) == (FIRST_DELAY_S, 2 * FIRST_DELAY_S)
    assert (first.connections, second.connections) == (4, 2)
    for now in range(30, 100):
        advice = host.good(float(now))
    assert (advice.delay_s, advice.connections) == (0.0, 8)


def test_answers_to_requests_that_were_sent_together_count_once() -> None:
    host = Host(per_host=8, workers=32)

    delays = {host.refused(10.0).delay_s for _ in range(8)}

    assert delays == {FIRST_DELAY_S}


def test_the_delay_has_an_end() -> None:
    host = Host(per_host=8, workers=32)

    delays = [host.refused(now * 1_000.0).delay_s for now in range(1, 30)]

    assert max(delays) == LONGEST_DELAY_S


def test_latency_far_above_the_usual_halves_the_connections() -> None:
    host = Host(per_host=16, workers=64)
    for now in range(20):
        host.good(float(now), 50.0)

    assert host.connections == 16
    assert host.good(30.0, 5_000.0).connections == 8
    assert host.good(30.5, 5_000.0).connections == 8, "answers of one moment count once"


def test_a_host_that_is_always_slow_is_not_taken_for_one_under_load() -> None:
    host = Host(per_host=8, workers=32)

    for now in range(50):
        advice = host.good(now * 10.0, 3_000.0)

    assert advice.connections == 8


def test_without_throttle_only_the_circuit_works() -> None:
    host = Host(per_host=8, workers=32, throttle=False)

    assert host.refused(10.0).delay_s == 0.0
    assert host.good(1.0, 60_000.0).connections == 8
    assert [host.bad(20.0).pause_until for _ in range(FAULTS_TO_OPEN)][-1] is not None


events = st.tuples(st.booleans(), st.booleans(), st.floats(0, 1e6), st.floats(0, 100))


@given(st.lists(events, max_size=60))
def test_connections_and_delay_always_stay_within_bounds(
    found: list[tuple[bool, bool, float, float]],
) -> None:
    host, now = Host(per_host=8, workers=16), 0.0
    for fault, no, elapsed_ms, later_s in found:
        now += later_s
        advice = host.health.observe(host.allowed, fault=fault, refused=no, elapsed_ms=elapsed_ms, now=now)
        assert 1 <= advice.connections <= 8
        assert 0.0 <= advice.delay_s <= LONGEST_DELAY_S
        assert advice.pause_until is None or now < advice.pause_until <= now + LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("delay_s", "late_s"), [(0, 0), (0.001, 0.01), (0.04, 0.01), (0.1, 0.025), (0.2, 0.05), (10, 0.05)]
)
def test_a_turn_may_be_used_so_much_later_and_without_a_delay_there_is_none(delay_s: float, late_s: float) -> None:
    assert slack_s(delay_s) == pytest.approx(late_s)


def test_a_process_that_is_late_may_use_its_turns_later_up_to_half_a_second() -> None:
    assert slack_s(0.1, late_s=0.02) == slack_s(0.1)  # no more than it has room for anyway
    assert slack_s(0.1, late_s=0.3) == 0.3
    assert slack_s(5.0, late_s=7.0) == 0.5
    assert slack_s(0.0, late_s=7.0) == 0.0


def test_lateness_is_what_was_seen_of_late_and_is_forgotten_by_half_every_ten_seconds() -> None:
    lateness = Lateness()
    assert lateness.late_s == 0.0

    lateness.saw(0.1, now=100.0)
    lateness.saw(0.001, now=100.0)
    assert lateness.late_s == 0.2  # once for the scheduler, once for the thread that sends

    lateness.saw(0.001, now=110.0)
    assert lateness.late_s == pytest.approx(0.1)
    lateness.saw(0.3, now=111.0)
    assert lateness.late_s == pytest.approx(0.6)

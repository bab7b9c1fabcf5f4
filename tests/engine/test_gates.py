"""Gates: one task opens each, requests wait before it without a worker, and none is forgotten."""

from __future__ import annotations

from crawler.frontier.gates import Gates, GateState
from crawler.outcome import Leased

SESSION, OTHER = ("session", "default"), ("session", "other")


def leased(number: int) -> Leased:
    return Leased(number, "http://a.test/", "a.test", "default", "", 0, 0, "", 0, 0.0, 1)


class Started:
    """The tasks that were wanted so far, as a list."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._so_far: list[tuple[str, str]] = []

    def __eq__(self, other: object) -> bool:
        self._so_far += self._gates.take_wanted()
        return self._so_far == other

    __hash__ = None  # type: ignore[assignment]


def made() -> tuple[Gates, Started]:
    gates = Gates()
    return gates, Started(gates)


def test_one_task_opens_a_closed_gate_however_many_requests_meet_it() -> None:
    gates, started = made()

    for number in range(100):
        gates.hold(SESSION, leased(number))

    assert started == [SESSION]
    assert gates.held() == 100
    assert [each.id for each in gates.opened(SESSION)] == list(range(100))
    assert gates.held() == 0
    assert gates.is_open(SESSION, 0.0)


def test_an_open_gate_ends_when_its_time_is_over() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))
    assert started == [SESSION]
    gates.opened(SESSION, until=100.0)

    assert gates.is_open(SESSION, 99.9)
    assert not gates.is_open(SESSION, 100.0)
    gates.hold(SESSION, leased(2))
    assert started == [SESSION, SESSION]
    assert gates.get(SESSION).state is GateState.OPENING


def test_a_gate_that_is_closed_again_needs_a_new_task() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))
    assert started == [SESSION]
    gates.opened(SESSION)

    gates.close(SESSION)

    assert not gates.is_open(SESSION, 0.0)
    assert started == [SESSION]
    gates.hold(SESSION, leased(2))
    assert started == [SESSION, SESSION]


def test_closing_a_gate_that_is_being_opened_starts_nothing_twice() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))

    gates.close(SESSION)
    gates.hold(SESSION, leased(2))

    assert started == [SESSION]


def test_a_barred_gate_gives_back_what_it_holds_and_stays_shut() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))

    assert started == [SESSION]

    assert [each.id for each in gates.barred(SESSION)] == [1]
    gates.open_now(SESSION)
    assert started == [SESSION]
    assert gates.closed_names("session") == {"default"}


def test_a_task_is_tried_again_at_its_time_and_once() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))
    assert started == [SESSION]
    gates.try_again(SESSION, 50.0)

    assert gates.next_due() == 50.0
    gates.due(49.9)
    assert started == [SESSION]
    gates.due(50.0)
    assert started == [SESSION, SESSION]
    gates.due(50.1)
    assert started == [SESSION, SESSION]
    assert gates.next_due() is None


def test_gates_are_independent_of_each_other() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))
    gates.hold(OTHER, leased(2))
    assert started == [SESSION, OTHER]
    gates.opened(OTHER)

    assert gates.closed_names("session") == {"default"}
    assert gates.closed_names("robots") == frozenset()
    assert [each.id for each in gates.drain()] == [1]
    assert gates.held() == 0


def test_a_gate_that_opens_before_its_task_was_started_needs_none() -> None:
    gates, started = made()
    gates.hold(SESSION, leased(1))
    assert gates.wanted

    gates.opened(SESSION)

    assert started == []

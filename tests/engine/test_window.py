"""The window: nothing too early, nothing beyond a host's connections, nothing lost, hosts take turns."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crawler.engine.window import Window
from crawler.outcome import Leased


def leased(number: int, slot: str = "a", send_at: float = 0.0) -> Leased:
    return Leased(number, f"http://{slot}/{number}", slot, "default", "", 0, 0, "", 0, send_at, 1)


def take(window: Window, now: float, limit: int = 100) -> list[int]:
    return [each.id for each in window.take(now, limit, may_go=lambda each: True)]


def test_a_request_goes_when_its_time_has_come_and_not_before() -> None:
    window = Window(lambda slot: 5)
    window.put([leased(1, send_at=10.0), leased(2, send_at=20.0)])

    assert take(window, 9.9) == []
    assert window.next_due() == 10.0
    assert take(window, 10.0) == [1]
    assert take(window, 19.9) == []
    assert window.next_due() == 20.0
    assert take(window, 20.0) == [2]
    assert len(window) == 0


def test_no_more_are_out_than_a_host_has_connections() -> None:
    window = Window(lambda slot: 2)
    window.put([leased(number) for number in range(5)])

    assert take(window, 0.0) == [0, 1]
    assert take(window, 0.0) == []
    assert window.blocked() == {"a"}
    assert window.free() == 0
    window.came_back("a")
    assert take(window, 0.0) == [2]


def test_connections_are_asked_for_anew_each_time() -> None:
    allowed = {"a": 1}
    window = Window(lambda slot: allowed[slot])
    window.put([leased(number) for number in range(5)])
    assert take(window, 0.0) == [0]

    allowed["a"] = 3

    assert take(window, 0.0) == [1, 2]


def test_hosts_take_turns_whatever_the_length_of_their_queues() -> None:
    window = Window(lambda slot: 10)
    window.put([leased(number, "long") for number in range(8)] + [leased(100, "short"), leased(101, "short")])

    assert take(window, 0.0, 4) == [0, 100, 1, 101]


def test_a_busy_host_does_not_hold_others_up() -> None:
    window = Window(lambda slot: 1)
    window.put([leased(number, "busy") for number in range(50)] + [leased(100, "free")])

    assert take(window, 0.0) == [0, 100]


def test_a_request_that_may_not_go_is_taken_out_and_counts_nowhere() -> None:
    window = Window(lambda slot: 2)
    window.put([leased(number) for number in range(4)])

    gone = window.take(0.0, 10, may_go=lambda each: each.id % 2 == 1)

    assert [each.id for each in gone] == [1, 3]
    assert len(window) == 0


def test_what_is_drained_is_not_sent_any_more() -> None:
    window = Window(lambda slot: 1)
    window.put([leased(1, "a"), leased(2, "b"), leased(3, "a", 99.0)])

    assert [each.id for each in window.drain("a")] == [1, 3]
    assert take(window, 100.0) == [2]
    assert window.drain() == []
    assert window.drain("unknown") == []
    assert len(window) == 0


def test_a_drained_host_can_be_filled_again() -> None:
    window = Window(lambda slot: 1)
    window.put([leased(1)])
    window.drain("a")
    window.put([leased(2, send_at=5.0)])

    assert take(window, 4.0) == []
    assert take(window, 5.0) == [2]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.floats(0, 50)),
        st.tuples(st.just("take"), st.integers(0, 4), st.none()),
        st.tuples(st.just("back"), st.integers(0, 100), st.none()),
        st.tuples(st.just("later"), st.floats(0, 10), st.none()),
    ),
    max_size=80,
)


@given(steps)
def test_nothing_is_lost_doubled_early_or_beyond_the_connections(found: list[tuple[str, Any, Any]]) -> None:
    limits = {"a": 1, "b": 2, "c": 3}
    window = Window(limits.__getitem__)
    now, number, out, sent = 0.0, 0, [], []
    last: dict[str, float] = {}
    for kind, first, second in found:
        if kind == "put":
            last[first] = max(last.get(first, 0.0), second)  # within a slot the store gives ascending times
            window.put([leased(number, first, last[first])])
            number += 1
        elif kind == "later":
            now += first
        elif kind == "back" and out:
            window.came_back(out.pop(first % len(out)).slot)
        elif kind == "take":
            taken = window.take(now, first, may_go=lambda each: True)
            assert len(taken) <= first
            assert all(each.send_at <= now for each in taken)
            out += taken
            sent += taken
            busy = Counter(each.slot for each in out)
            assert all(busy[slot] <= limits[slot] for slot in busy)
    while out or len(window):
        for each in out:
            window.came_back(each.slot)
        out = window.take(1_000.0, 100, may_go=lambda each: True)
        sent += out

    assert sorted(each.id for each in sent) == list(range(number))
    for slot in limits:
        ids = [each.id for each in sent if each.slot == slot]
        assert ids == sorted(ids)

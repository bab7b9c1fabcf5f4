"""What holds a process up decides whether a second one helps: its processor, or its hosts."""

from __future__ import annotations

import pytest

from crawler.engine.processes import Load
from tests.engine.slots import Hosts, at


@pytest.mark.parametrize(
    ("used_s", "answers_s", "helps"),
    [
        pytest.param(1.1, 6.0, True, id="it computes all the time, and its host could give more"),
        pytest.param(0.5, 6.0, False, id="it waits"),
        pytest.param(1.1, 7.9, False, id="it computes all the time, and its host is asked as much as it may be"),
        pytest.param(0.3, 7.9, False, id="it waits for its host"),
    ],
)
def test_a_second_process_helps_one_that_computes_while_its_hosts_could_give_more(
    used_s: float, answers_s: float, helps: bool
) -> None:
    load = Load(100.0, 5.0)
    load.answers_s += answers_s

    assert load.is_of_processor(101.0, 5.0 + used_s, lambda: 8) is helps


def test_it_is_looked_at_four_times_a_second_at_most_and_each_time_anew() -> None:
    load = Load(100.0, 5.0)

    load.answers_s += 5.0  # of much more time than has passed: its hosts could not give more
    assert not load.is_of_processor(100.1, 5.2, lambda: 8)  # too soon to say
    assert not load.is_of_processor(100.3, 5.4, lambda: 8)
    load.answers_s += 0.5
    assert load.is_of_processor(101.3, 6.4, lambda: 8)


def test_connections_count_of_hosts_that_are_asked_and_no_more_than_this_process_may_have() -> None:
    hosts = Hosts(per_host=4)
    assert hosts.slots.known.connections() == 0

    hosts.put(at(1), at(2), at(3, slot="b"))
    assert hosts.slots.known.connections() == 8

    hosts.slots["b"].share = 1
    assert hosts.slots.known.connections() == 5

    hosts.slots.drain("a")
    assert hosts.slots.known.connections() == 1

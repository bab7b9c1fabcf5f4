"""What limits a process decides whether a second one helps: its processor, or its hosts."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.engine import processes
from crawler.engine.processes import Helpers, Load
from crawler.settings import Settings
from tests.engine.slots import Hosts, at

SLOW_HOST = [50.0] * 130  #: in a second, with 8 connections: 160 would be possible
QUICK_HOST = [1.0] * 200 + [9.0] * 700  #: most answers wait to be read


@pytest.mark.parametrize(
    ("used_s", "answers_ms", "helps"),
    [
        pytest.param(1.1, QUICK_HOST, True, id="it computes all the time, and its host could give more"),
        pytest.param(1.1, SLOW_HOST[:60], True, id="it computes all the time, and a slow host could give more"),
        pytest.param(0.5, QUICK_HOST, False, id="it waits"),
        pytest.param(
            1.1, SLOW_HOST, False, id="it computes all the time, and its host is asked nearly as much as may be"
        ),
        pytest.param(0.3, SLOW_HOST, False, id="it waits for its host"),
    ],
)
def test_a_second_process_helps_one_that_computes_while_its_hosts_could_give_more(
    used_s: float, answers_ms: list[float], helps: bool
) -> None:
    load = Load(100.0, 5.0)
    load.answers_ms += answers_ms

    assert load.is_of_processor(101.0, 5.0 + used_s, lambda: 8) is helps


def test_it_is_checked_at_most_four_times_a_second_and_each_time_anew() -> None:
    load = Load(100.0, 5.0)

    load.answers_ms += SLOW_HOST  # in a third of a second: its hosts could not give more
    assert not load.is_of_processor(100.1, 5.2, lambda: 8)  # too soon to say
    assert not load.is_of_processor(100.3, 5.4, lambda: 8)
    load.answers_ms += QUICK_HOST
    assert load.is_of_processor(101.3, 6.4, lambda: 8)


def test_a_process_that_computes_without_an_answer_is_helped() -> None:
    assert Load(100.0, 5.0).is_of_processor(101.0, 6.0, lambda: 8)


def test_what_answers_took_is_forgotten_however_long_too_little_waits_for_a_second_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(100.0, 0.1)
    monkeypatch.setattr(processes, "time", SimpleNamespace(monotonic=lambda: next(clock), process_time=lambda: 0.0))
    few: Any = SimpleNamespace(awake=False)
    parts: Any = SimpleNamespace(
        run=SimpleNamespace(id=1), settings=Settings(), managers=list, summary=SimpleNamespace(pages=0)
    )
    helpers = Helpers(few, parts, parts, parts, parts, parts)

    for _ in range(1_000):
        assert not helpers.are_wanted(3, QUICK_HOST[:8], lambda: 8)

    assert len(helpers._load.answers_ms) <= 3 * 8


def test_connections_count_of_hosts_that_are_asked_and_no_more_than_this_process_may_have() -> None:
    hosts = Hosts(per_host=4)
    assert hosts.slots.known.connections() == 0

    hosts.put(at(1), at(2), at(3, slot="b"))
    assert hosts.slots.known.connections() == 8

    hosts.slots["b"].share = 1
    assert hosts.slots.known.connections() == 5

    hosts.slots.drain("a")
    assert hosts.slots.known.connections() == 1

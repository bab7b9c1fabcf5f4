"""Host slots, without a server and a thread: never too many, too early or into trouble; nobody is held up or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crawler.engine import host_slots
from crawler.pacing import slack_s
from tests.engine.slots import Hosts, at


# --- when -------------------------------------------------------------------------------------------------------------
def test_a_request_goes_when_its_time_has_come_and_not_before() -> None:
    hosts = Hosts()
    hosts.put(at(1, 10.0), at(2, 20.0))

    assert hosts.go(9.9) == []
    assert hosts.slots.next_due() == 10.0
    assert hosts.go(10.0) == [1]
    assert hosts.go(19.9) == []
    assert hosts.slots.next_due() == 20.0
    assert hosts.go(20.0) == [2]
    assert len(hosts.slots) == 0


def test_hosts_take_turns_whatever_the_length_of_their_queues() -> None:
    hosts = Hosts(workers=4)
    for name in ("long", "short"):
        hosts.slots[name].health.limit = 5.0
    hosts.put(*(at(number, slot="long") for number in range(8)), at(100, slot="short"), at(101, slot="short"))

    assert hosts.go() == [0, 100, 1, 101]


def test_a_request_that_may_not_be_sent_counts_nowhere() -> None:
    hosts = Hosts()
    hosts.put(*(at(number) for number in range(4)))
    while hosts.slots.next_waiting(0.0) is not None:
        pass  # something else is missing to each

    assert len(hosts.slots) == 0
    assert hosts.slots.blocked() == frozenset()
    hosts.put(at(9))
    assert hosts.go() == [9]


def test_the_next_one_after_a_request_that_goes_first_is_the_one_that_was_first() -> None:
    hosts = Hosts(per_host=1)
    hosts.put(at(1), at(2))
    hosts.put(at(8), at(9), first=True)

    sent = hosts.go()
    for _ in range(3):
        hosts.answer(sent[-1])
        sent += hosts.go()

    assert sent == [8, 9, 1, 2]


# --- how many ---------------------------------------------------------------------------------------------------------
def test_as_many_are_under_way_as_a_host_may_have_and_some_more_are_ready() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(30)))

    assert hosts.go() == [0, 1]
    assert len(hosts.slots) == 30 - 2 - 16
    assert hosts.slots.blocked() == {"a"}
    assert hosts.slots.free() == 0


def test_an_answer_lets_the_one_go_that_has_waited_longest_without_the_scheduler() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(20)))
    hosts.go()

    assert hosts.answer(1) == [2]
    assert hosts.answer(0) == [3]
    assert hosts.slots.has_ready("a")


@pytest.mark.parametrize("more", [{"per_host": 1}, {"per_host": 3, "more": {"delay": 0.5}}], ids=["alone", "delay"])
def test_nothing_is_ready_early_where_one_at_a_time_goes_or_the_time_says_when(more: dict[str, Any]) -> None:
    hosts = Hosts(**more)
    hosts.put(*(at(number) for number in range(9)))

    sent = hosts.go()

    assert len(sent) == hosts.per_host
    assert not hosts.slots.has_ready("a")
    assert hosts.answer(0) == []
    assert len(hosts.go()) == 1


def test_a_limit_that_has_grown_lets_several_go_and_one_that_shrank_lets_none() -> None:
    hosts = Hosts(per_host=6)
    hosts.put(*(at(number) for number in range(30)))
    assert len(hosts.go()) == 6

    assert hosts.share(2) is False
    assert hosts.answer(0) == hosts.answer(1) == hosts.answer(2) == hosts.answer(3) == []
    assert hosts.share(2) is True
    assert hosts.answer(4) == [6]
    hosts.share(4)
    assert hosts.answer(5) == [7, 8, 9]


def test_no_more_pages_are_sent_and_not_committed_than_there_are_places() -> None:
    hosts = Hosts(per_host=8, workers=3)
    hosts.slots["a"].health.limit = 8.0
    hosts.put(*(at(number) for number in range(9)))

    assert hosts.go() == [0, 1, 2]
    assert hosts.answer(0) == hosts.answer(1) == []  # parsed, and not committed
    assert hosts.slots.next_due() is None
    assert hosts.commit(0) == []
    assert hosts.go() == [3]
    assert [*hosts.commit(1, 2), *hosts.go()] == [4, 5]


def test_what_waits_for_a_place_leaves_at_a_commit_hosts_in_turn() -> None:
    hosts = Hosts(per_host=2, workers=2)
    for name in "ab":
        hosts.slots[name].health.limit = 2.0
    hosts.put(*(at(number, slot="a") for number in range(5)))
    assert hosts.go() == [0, 1]
    hosts.answer(0)
    hosts.answer(1)
    hosts.put(at(100, slot="b"), at(101, slot="b"))
    assert hosts.go() == []  # both places are taken until a page is committed

    assert [*hosts.commit(0), *hosts.go()] == [2]
    assert [*hosts.commit(1), *hosts.go()] == [100]


# --- whom nobody knows ------------------------------------------------------------------------------------------------
def test_one_request_at_a_time_goes_to_a_host_that_nobody_has_heard_of() -> None:
    hosts = Hosts(strange=True)
    hosts.put(*(at(number) for number in range(5)))

    assert hosts.go() == [0]
    assert hosts.slots.blocked() == {"a"}
    hosts.learn(0)
    hosts.answer(0)
    assert len(hosts.go()) == 4


def test_hosts_that_never_answer_do_not_delay_others() -> None:
    hosts = Hosts(strange=True, workers=2, per_host=2)
    hosts.put(*(at(number, slot=f"dead{number}") for number in range(50)))
    assert len(hosts.go()) == 50  # none of them has a place

    hosts.strange = False
    hosts.put(at(100, slot="live"), at(101, slot="live"))

    assert hosts.go() == [100]
    hosts.answer(100)
    assert [*hosts.commit(100), *hosts.go()] == [101]


def test_a_limited_number_of_unknown_hosts_at_once_and_the_next_when_one_is_known() -> None:
    hosts = Hosts(strange=True, scouts=2)
    hosts.put(*(at(number, slot=f"host{number}") for number in range(4)))

    assert hosts.go() == [0, 1]
    assert hosts.slots.blocked() == {"host2", "host3"}
    hosts.answer(1)
    assert hosts.go() == [2]


# --- delays -----------------------------------------------------------------------------------------------------------
def test_the_delay_of_a_host_is_the_longest_that_anybody_asks_for() -> None:
    hosts = Hosts(more={"delay": 0.2}, session_delays={"slow": 3.0})
    delays = hosts.slots.delays

    assert [delays.delay_s(name) for name in ("a", "a#slow", "a#other")] == [0.2, 3.0, 0.2]
    assert hosts.slots.robots_known("a", 1.0)
    assert not hosts.slots.robots_known("b", 0.1)
    assert not hosts.slots.robots_known("a#slow", 2.0)
    assert dict(delays).keys() == {"a", "a#slow"}
    assert delays["a"].delay_s == 1.0 + slack_s(1.0)
    assert "b" not in delays


def test_a_request_of_a_host_with_a_delay_has_a_last_moment() -> None:
    hosts = Hosts(more={"delay": 1.0})
    hosts.put(at(1, 5.0))
    hosts.go(5.0)

    assert hosts.out[1].latest == 5.0 + slack_s(1.0)


def test_a_process_that_was_late_reserves_wider_turns_and_uses_those_that_it_reserved_so() -> None:
    hosts = Hosts(more={"delay": 0.1})
    before = hosts.slots.delays.usual.delay_s
    hosts.slots.delays.lateness.saw(0.1, now=1.0)

    assert before == 0.1 + slack_s(0.1)
    assert hosts.slots.delays.usual.delay_s == hosts.slots.delays.turn_s("a") == pytest.approx(0.1 + 0.2)
    hosts.put(at(1, 5.0), replace(at(2, 6.0), late_s=0.2))
    hosts.go(5.0)
    hosts.go(6.0)
    assert hosts.out[1].latest == 5.0 + slack_s(0.1)  # another's turn may begin soon after that
    assert hosts.out[2].latest == pytest.approx(6.0 + 0.2)


# --- giving back, forgetting ------------------------------------------------------------------------------------------
def test_drained_requests_are_no_longer_sent_and_the_host_can_be_filled_again() -> None:
    hosts = Hosts(per_host=1)
    hosts.put(at(1), at(2, slot="b"), at(3, 99.0))

    assert [each.id for each in hosts.slots.drain("a")] == [1, 3]
    assert hosts.go() == [2]
    assert hosts.slots.drain() == hosts.slots.drain("unknown") == []
    hosts.put(at(4, 5.0))
    assert hosts.go(4.0) == []
    assert hosts.go(5.0) == [4]


def test_a_run_that_stops_gets_back_what_was_ready() -> None:
    hosts = Hosts(per_host=2)
    hosts.put(*(at(number) for number in range(5)))
    assert hosts.go() == [0, 1]

    assert [each.leased.id for each in hosts.slots.unready()] == [2, 3, 4]
    assert hosts.slots.unready() == []
    assert hosts.answer(0) == []


def test_memory_is_bounded_and_what_must_be_kept_to_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_slots, "_MOST_KNOWN", 20)
    hosts = Hosts()
    hosts.slots.robots_known("slow", 4.0)
    hosts.put(at(1, slot="busy"))
    hosts.go()
    for number in range(200):
        hosts.slots.robots_known(f"host{number}")

    assert len(list(hosts.slots._slots)) == 20
    assert hosts.slots.delays.delay_s("slow") == 4.0
    assert hosts.slots["busy"].under_way == 1

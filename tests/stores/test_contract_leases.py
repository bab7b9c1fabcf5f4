"""Any store: which requests are leased, in which order and when; what becomes of leases that end."""

from __future__ import annotations

import itertools

import pytest

from crawler.outcome import Verdict
from crawler.stores.base import LeaseTerms, RunRow, SlotRule, Store
from tests.stores.support import (
    Home,
    accept,
    found,
    lease,
    outcome,
    start,
    urls,
)


def test_higher_priority_goes_first_and_then_the_older_one(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", priority=5), found("c", priority=-1), found("d")])

    assert urls(lease(store, run, 3)) == ["b", "a", "d"]
    assert urls(lease(store, run, 3)) == ["c"]


def test_priorities_hold_across_the_sessions_of_a_slot(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"x{number}", session="one") for number in range(5)])
    store.frontier.add(run.frontier, [found("best", session="two", priority=9)])

    assert urls(lease(store, run, 2)) == ["best", "x0"]


def test_slots_share_the_places_fairly(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"big{number}", slot="big.example") for number in range(500)])
    for slot in ("a.example", "b.example", "c.example"):
        store.frontier.add(run.frontier, [found(f"{slot}{number}", slot=slot) for number in range(20)])

    taken = [one.slot for one in lease(store, run, 40)]

    assert {slot: taken.count(slot) for slot in set(taken)} == {
        "big.example": 10,
        "a.example": 10,
        "b.example": 10,
        "c.example": 10,
    }


def test_places_that_small_slots_leave_go_to_large_ones(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"big{number}", slot="big.example") for number in range(100)])
    store.frontier.add(run.frontier, [found(f"s{number}", slot=f"s{number}.example") for number in range(9)])

    taken = [one.slot for one in lease(store, run, 50)]

    assert len(taken) == 50
    assert taken.count("big.example") == 41


def test_no_slot_gets_more_than_asked_for(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(20)])
    store.frontier.add(run.frontier, [found(f"b{number}", slot="b.example") for number in range(2)])

    taken = [one.slot for one in lease(store, run, 10, per_slot=3)]

    assert sorted(taken) == ["b.example"] * 2 + ["shop.example"] * 3


def test_the_caller_decides_how_many_of_a_slot_it_takes_and_hears_whether_more_wait(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(20)])
    store.frontier.add(run.frontier, [found(f"b{number}", slot="b.example", session="one") for number in range(3)])
    store.frontier.add(run.frontier, [found(f"c{number}", slot="b.example", session="two") for number in range(3)])
    asked: dict[str, tuple[int, bool]] = {}

    def portion(slot: str, count: int, more: bool) -> int:
        asked[slot] = count, more
        return 2

    taken = [one.slot for one in lease(store, run, 40, per_slot=8, portion=portion)]

    assert sorted(taken) == ["b.example"] * 2 + ["shop.example"] * 2
    assert asked == {"shop.example": (8, True), "b.example": (6, False)}


def test_a_thousand_slots_are_all_served(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number, slot=f"s{number % 1000}.example") for number in range(2000)])

    taken = [one.url for _ in range(40) for one in lease(store, run, 50)]

    assert len(set(taken)) == 2000
    assert lease(store, run, 50) == []


def test_many_slots_that_must_wait_do_not_hide_one_that_may_send(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number, slot=f"s{number}.example") for number in range(900)])
    for number in range(900):
        store.slots.pause(f"s{number}.example", home.clock.now + 500)
    store.frontier.add(run.frontier, [found("free", slot="free.example")])

    assert urls(lease(store, run, 10)) == ["free"]


def test_the_sessions_left_out_keep_their_requests(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"p{number}", session="parked") for number in range(50)])
    store.frontier.add(run.frontier, [found("good", session="good")])

    assert urls(lease(store, run, 10, exclude_sessions=frozenset({"parked"}))) == ["good"]
    assert len(lease(store, run, 100)) == 50


def test_a_delay_is_reserved_when_a_request_is_leased(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(20)])
    rules = {"shop.example": SlotRule(delay_s=2.0)}

    taken = lease(store, run, horizon_s=5.0, rules=rules)

    assert [one.send_at - home.clock.now for one in taken] == [0.0, 2.0, 4.0]
    assert lease(store, run, horizon_s=5.0, rules=rules) == []
    home.clock.now += 1.5
    assert [one.send_at - home.clock.now for one in lease(store, run, horizon_s=5.0, rules=rules)] == [4.5]


def test_jitter_makes_a_gap_longer_and_never_shorter(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(200)])

    taken = lease(store, run, 200, horizon_s=1000.0, default_rule=SlotRule(delay_s=1.0, jitter=0.5))

    gaps = [later.send_at - earlier.send_at for earlier, later in itertools.pairwise(taken)]
    assert all(0.999 <= gap <= 1.501 for gap in gaps)
    assert max(gaps) > 1.2 > min(gaps)


def test_T10_a_paused_slot_sends_nothing_until_its_time_and_others_go_on(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="other.example")])
    store.slots.pause("shop.example", home.clock.now + 30)
    store.slots.pause("shop.example", home.clock.now + 10)  # a shorter one does not end the longer one

    assert urls(lease(store, run)) == ["b"]
    assert store.leases.next_due(run.frontier) == home.clock.now + 30
    home.clock.now += 29.5
    (leased,) = lease(store, run, horizon_s=1.0)
    assert leased.send_at == home.clock.now + 0.5


def test_T10_a_pause_that_an_answer_asked_for_survives_a_restart(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    (leased,) = lease(store, run, 1)
    until = home.clock.now + 3600
    store.commit(run, "me", [outcome(leased, Verdict.RETRY, status=429, error="429", pause_slot_until=until)])
    store.close()

    again = home.open()
    resumed = start(again)

    assert resumed.frontier == run.frontier
    assert lease(again, resumed) == []
    assert again.leases.next_due(run.frontier) == until


def test_S9_a_lease_that_ran_out_is_claimed_again_with_a_higher_token(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (first,) = lease(store, run, owner="dead", lease_s=30)
    assert lease(store, run, owner="other") == []
    assert store.leases.next_due(run.frontier) == home.clock.now + 30
    home.clock.now += 30

    (second,) = lease(store, run, owner="other")

    assert (second.id, second.token, second.attempt) == (first.id, first.token + 1, 0)


def test_renewing_cuts_no_lease_short(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(1)])
    (held,) = lease(store, run, lease_s=60)
    assert held.until == home.clock.now + 60

    store.leases.renew(run.frontier, owner="me", lease_s=30)

    home.clock.now += 59
    assert lease(store, run, owner="other") == []
    home.clock.now += 1
    assert len(lease(store, run, owner="other")) == 1


def test_a_renewed_lease_does_not_run_out(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    lease(store, run, 1, owner="me", lease_s=30)
    lease(store, run, 1, owner="other", lease_s=30)
    home.clock.now += 20

    assert store.leases.renew(run.frontier, owner="me", lease_s=30) == 1
    home.clock.now += 20

    assert urls(lease(store, run, owner="third")) == ["b"]


def test_what_is_released_waits_as_before(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    mine = lease(store, run, 2)
    store.leases.release(run.frontier, owner="me", ids=[mine[0].id])
    store.leases.release(run.frontier, owner="other", ids=[mine[1].id])  # not theirs
    store.leases.release(run.frontier, owner="me", ids=[])

    (again,) = lease(store, run)

    assert (again.id, again.attempt) == (mine[0].id, 0)


def test_a_retry_waits_for_its_moment_and_counts_its_tries(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    (leased,) = lease(store, run, 1)
    moment = home.clock.now + 100
    store.commit(run, "me", [outcome(leased, Verdict.RETRY, error="503", not_before=moment, tries=2)])

    assert urls(lease(store, run, lease_s=1000)) == ["b"]
    home.clock.now = moment - 0.1
    assert lease(store, run, owner="other") == []
    home.clock.now = moment
    (again,) = [one for one in lease(store, run, owner="other") if one.id == leased.id]
    assert again.attempt == 2


@pytest.mark.parametrize("verdict", [Verdict.LOGIN, Verdict.RELEASE])
def test_meeting_the_login_page_or_not_being_sent_counts_no_attempt(
    store: Store, run: RunRow, verdict: Verdict
) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (leased,) = lease(store, run)
    store.commit(run, "me", [outcome(leased, verdict)])

    (again,) = lease(store, run)

    assert (again.attempt, again.token) == (0, 2)


def test_nothing_is_due_when_nothing_waits_or_is_leased(store: Store, run: RunRow) -> None:
    assert store.leases.next_due(run.frontier) is None
    store.frontier.add(run.frontier, [found("a"), found("b"), found("c", skipped="robots")])
    assert store.leases.next_due(run.frontier) is not None
    first, second = lease(store, run)
    store.commit(run, "me", [accept(first), outcome(second, Verdict.PARK)])

    assert store.leases.next_due(run.frontier) is None


def test_slots_that_are_full_are_left_out(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="b.example")])

    assert urls(lease(store, run, exclude_slots=frozenset({"shop.example"}))) == ["b"]


def test_a_sending_time_taken_for_a_login_step_is_not_given_to_a_request(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    now = home.clock.now

    assert store.slots.reserve("shop.example", delay_s=2.0) == now
    assert home.open().slots.reserve("shop.example", delay_s=2.0) == now + 2
    (leased,) = lease(store, run, horizon_s=10.0)
    assert leased.send_at == now + 4


def test_a_lease_of_nothing_is_nothing(store: Store, run: RunRow) -> None:
    assert lease(store, run, 5) == []
    store.frontier.add(run.frontier, [found("a")])
    assert store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(0, 1, 0)) == []

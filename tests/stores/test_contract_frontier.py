"""Requests go in once, come out by priority and fairly, and every one of them is always in exactly one state."""

from __future__ import annotations

import itertools

import pytest

from crawler.outcome import Outcome, State, Verdict
from crawler.stores.base import LeaseTerms, RunRow, SlotRule, Store
from tests.stores.support import (
    Home,
    ReversingCipher,
    accept,
    found,
    lease,
    outcome,
    start,
    urls,
)


def test_a_request_is_known_after_it_was_added_once(store: Store, run: RunRow) -> None:
    assert store.frontier.add(run.frontier, [found("a"), found("b"), found("a")], run=run.id) == 2
    assert store.frontier.add(run.frontier, [found("b"), found("c")], run=run.id) == 1

    assert store.frontier.counts(run.frontier).waiting == 3


def test_a_request_is_known_to_another_process_without_its_memory(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    other = home.open()

    assert other.frontier.add(run.frontier, [found("a"), found("b")], run=run.id) == 1


def test_more_requests_than_one_portion_are_all_added(store: Store, run: RunRow) -> None:
    assert store.frontier.add(run.frontier, [found(number) for number in range(12_000)], run=run.id) == 12_000
    assert store.frontier.counts(run.frontier).waiting == 12_000


def test_a_request_that_a_rule_refuses_is_kept_with_the_rule_and_never_leased(store: Store, run: RunRow) -> None:
    added = store.frontier.add(run.frontier, [found("a", skipped="robots"), found("b", skipped="off-site")], run=run.id)

    assert (added, lease(store, run)) == (0, [])
    assert store.frontier.counts(run.frontier).skipped == 2
    assert store.frontier.skipped_by(run.frontier) == {"robots": 1, "off-site": 1}


def test_two_frontiers_do_not_know_each_others_requests(store: Store, run: RunRow) -> None:
    other = start(store, spider="books")
    store.frontier.add(run.frontier, [found("a")], run=run.id)

    assert store.frontier.add(other.frontier, [found("a")], run=other.id) == 1
    assert store.frontier.add(run.frontier, [found("a")], run=run.id) == 0


def test_what_was_found_is_what_is_leased(store: Store, run: RunRow) -> None:
    request = found("a", session="buyer", callback="parse_book", priority=3, depth=2, extras='{"method":"POST"}')
    store.frontier.add(run.frontier, [request], run=run.id)

    (leased,) = lease(store, run)

    assert (leased.url, leased.slot, leased.session) == (request.url, request.slot, "buyer")
    assert (leased.callback, leased.priority, leased.depth) == ("parse_book", 3, 2)
    assert (leased.extras, leased.fingerprint) == ('{"method":"POST"}', request.fingerprint)
    assert (leased.attempt, leased.token) == (0, 1)


def test_higher_priority_goes_first_and_then_the_older_one(store: Store, run: RunRow) -> None:
    store.frontier.add(
        run.frontier, [found("a"), found("b", priority=5), found("c", priority=-1), found("d")], run=run.id
    )

    assert urls(lease(store, run, 3)) == ["b", "a", "d"]
    assert urls(lease(store, run, 3)) == ["c"]


def test_priorities_hold_across_the_sessions_of_a_slot(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"x{number}", session="one") for number in range(5)], run=run.id)
    store.frontier.add(run.frontier, [found("best", session="two", priority=9)], run=run.id)

    assert urls(lease(store, run, 2)) == ["best", "x0"]


def test_slots_share_the_places_fairly(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"big{number}", slot="big.example") for number in range(500)], run=run.id)
    for slot in ("a.example", "b.example", "c.example"):
        store.frontier.add(run.frontier, [found(f"{slot}{number}", slot=slot) for number in range(20)], run=run.id)

    taken = [one.slot for one in lease(store, run, 40)]

    assert {slot: taken.count(slot) for slot in set(taken)} == {
        "big.example": 10,
        "a.example": 10,
        "b.example": 10,
        "c.example": 10,
    }


def test_places_that_small_slots_leave_go_to_large_ones(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"big{number}", slot="big.example") for number in range(100)], run=run.id)
    store.frontier.add(
        run.frontier, [found(f"s{number}", slot=f"s{number}.example") for number in range(9)], run=run.id
    )

    taken = [one.slot for one in lease(store, run, 50)]

    assert len(taken) == 50
    assert taken.count("big.example") == 41


def test_no_slot_gets_more_than_asked_for(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(20)], run=run.id)
    store.frontier.add(run.frontier, [found(f"b{number}", slot="b.example") for number in range(2)], run=run.id)

    taken = [one.slot for one in lease(store, run, 10, per_slot=3)]

    assert sorted(taken) == ["b.example"] * 2 + ["shop.example"] * 3


def test_a_thousand_slots_are_all_served(store: Store, run: RunRow) -> None:
    store.frontier.add(
        run.frontier, [found(number, slot=f"s{number % 1000}.example") for number in range(2000)], run=run.id
    )

    taken = [one.url for _ in range(40) for one in lease(store, run, 50)]

    assert len(set(taken)) == 2000
    assert lease(store, run, 50) == []


def test_many_slots_that_must_wait_do_not_hide_one_that_may_send(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number, slot=f"s{number}.example") for number in range(900)], run=run.id)
    for number in range(900):
        store.slots.pause(f"s{number}.example", home.clock.now + 500)
    store.frontier.add(run.frontier, [found("free", slot="free.example")], run=run.id)

    assert urls(lease(store, run, 10)) == ["free"]


def test_the_sessions_left_out_keep_their_requests(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(f"p{number}", session="parked") for number in range(50)], run=run.id)
    store.frontier.add(run.frontier, [found("good", session="good")], run=run.id)

    assert urls(lease(store, run, 10, exclude_sessions=frozenset({"parked"}))) == ["good"]
    assert len(lease(store, run, 100)) == 50


def test_a_delay_is_reserved_when_a_request_is_leased(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(20)], run=run.id)
    rules = {"shop.example": SlotRule(delay_s=2.0)}

    taken = lease(store, run, horizon_s=5.0, rules=rules)

    assert [one.send_at - home.clock.now for one in taken] == [0.0, 2.0, 4.0]
    assert lease(store, run, horizon_s=5.0, rules=rules) == []
    home.clock.now += 1.5
    assert [one.send_at - home.clock.now for one in lease(store, run, horizon_s=5.0, rules=rules)] == [4.5]


def test_jitter_makes_a_gap_longer_and_never_shorter(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(200)], run=run.id)

    taken = lease(store, run, 200, horizon_s=1000.0, default_rule=SlotRule(delay_s=1.0, jitter=0.5))

    gaps = [later.send_at - earlier.send_at for earlier, later in itertools.pairwise(taken)]
    assert all(0.999 <= gap <= 1.501 for gap in gaps)
    assert max(gaps) > 1.2 > min(gaps)


def test_T10_a_paused_slot_sends_nothing_until_its_time_and_others_go_on(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="other.example")], run=run.id)
    store.slots.pause("shop.example", home.clock.now + 30)
    store.slots.pause("shop.example", home.clock.now + 10)  # a shorter one does not end the longer one

    assert urls(lease(store, run)) == ["b"]
    assert store.leases.next_due(run.frontier) == home.clock.now + 30
    home.clock.now += 29.5
    (leased,) = lease(store, run, horizon_s=1.0)
    assert leased.send_at == home.clock.now + 0.5


def test_T10_a_pause_that_an_answer_asked_for_survives_a_restart(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")], run=run.id)
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
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    (first,) = lease(store, run, owner="dead", lease_s=30)
    assert lease(store, run, owner="other") == []
    assert store.leases.next_due(run.frontier) == home.clock.now + 30
    home.clock.now += 30

    (second,) = lease(store, run, owner="other")

    assert (second.id, second.token, second.attempt) == (first.id, first.token + 1, 0)


def test_renewing_cuts_no_lease_short(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(1)], run=run.id)
    (held,) = lease(store, run, lease_s=60)
    assert held.until == home.clock.now + 60

    store.leases.renew(run.frontier, owner="me", lease_s=30)

    home.clock.now += 59
    assert lease(store, run, owner="other") == []
    home.clock.now += 1
    assert len(lease(store, run, owner="other")) == 1


def test_a_renewed_lease_does_not_run_out(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")], run=run.id)
    lease(store, run, 1, owner="me", lease_s=30)
    lease(store, run, 1, owner="other", lease_s=30)
    home.clock.now += 20

    assert store.leases.renew(run.frontier, owner="me", lease_s=30) == 1
    home.clock.now += 20

    assert urls(lease(store, run, owner="third")) == ["b"]


def test_what_is_released_waits_as_before(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")], run=run.id)
    mine = lease(store, run, 2)
    store.leases.release(run.frontier, owner="me", ids=[mine[0].id])
    store.leases.release(run.frontier, owner="other", ids=[mine[1].id])  # not theirs
    store.leases.release(run.frontier, owner="me", ids=[])

    (again,) = lease(store, run)

    assert (again.id, again.attempt) == (mine[0].id, 0)


def test_a_retry_waits_for_its_moment_and_counts_its_tries(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")], run=run.id)
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
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    (leased,) = lease(store, run)
    store.commit(run, "me", [outcome(leased, verdict)])

    (again,) = lease(store, run)

    assert (again.attempt, again.token) == (0, 2)


def test_nothing_is_due_when_nothing_waits_or_is_leased(store: Store, run: RunRow) -> None:
    assert store.leases.next_due(run.frontier) is None
    store.frontier.add(run.frontier, [found("a"), found("b"), found("c", skipped="robots")], run=run.id)
    assert store.leases.next_due(run.frontier) is not None
    first, second = lease(store, run)
    store.commit(run, "me", [accept(first), outcome(second, Verdict.PARK)])

    assert store.leases.next_due(run.frontier) is None


def test_reopening_gives_failed_requests_all_their_attempts_back(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b"), found("c")], run=run.id)
    first, second, third = lease(store, run)
    store.commit(
        run,
        "me",
        [
            outcome(first, Verdict.FAIL, error="404", status=404),
            outcome(second, Verdict.PARK),
            accept(third),
        ],
    )

    assert store.frontier.reopen(run.frontier, states=[State.FAILED]) == 1

    (again,) = lease(store, run)
    assert (again.id, again.attempt) == (first.id, 0)
    assert store.frontier.counts(run.frontier).parked == 1


def test_the_parked_requests_of_one_session_come_back_alone(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a", session="ann"), found("b", session="bob")], run=run.id)
    store.commit(run, "me", [outcome(one, Verdict.PARK) for one in lease(store, run)])

    assert store.frontier.reopen(run.frontier, states=[State.PARKED], session="bob") == 1
    assert urls(lease(store, run)) == ["b"]


def test_the_waiting_requests_of_a_session_are_parked_and_those_in_flight_are_not(store: Store, run: RunRow) -> None:
    store.frontier.add(
        run.frontier, [found(name, session="ann") for name in "abc"] + [found("d", session="bob")], run=run.id
    )
    first, second = lease(store, run, 2, exclude_sessions=frozenset({"bob"}))
    store.commit(run, "me", [outcome(first, Verdict.RETRY, not_before=2e9, error="503")])

    assert store.frontier.park(run.frontier, session="ann") == 2

    counts = store.frontier.counts(run.frontier)
    assert (counts.parked, counts.leased, counts.waiting) == (2, 1, 1)
    assert store.commit(run, "me", [accept(second)]).lost == frozenset()
    assert store.frontier.reopen(run.frontier, states=[State.PARKED]) == 2
    assert sorted(urls(lease(store, run))) == ["a", "c", "d"]
    assert store.care.audit(run.frontier).ok


def test_a_page_of_a_parked_request_whose_lease_had_run_out_is_lost(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="b.example")], run=run.id)
    (leased,) = lease(store, run, lease_s=10, exclude_slots=frozenset({"b.example"}))
    home.clock.now += 11
    lease(store, run, 1, owner="other", exclude_slots=frozenset({"shop.example"}))  # lets it wait again

    assert store.frontier.park(run.frontier, session="default") == 1
    assert store.commit(run, "me", [accept(leased)]).lost == {leased.id}
    assert store.care.audit(run.frontier).ok


def test_slots_that_are_full_are_left_out(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="b.example")], run=run.id)

    assert urls(lease(store, run, exclude_slots=frozenset({"shop.example"}))) == ["b"]


def test_a_sending_time_taken_for_a_login_step_is_not_given_to_a_request(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    now = home.clock.now

    assert store.slots.reserve("shop.example", delay_s=2.0) == now
    assert home.open().slots.reserve("shop.example", delay_s=2.0) == now + 2
    (leased,) = lease(store, run, horizon_s=10.0)
    assert leased.send_at == now + 4


def test_what_an_errback_stored_is_gone_when_its_request_is_tried_again(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    (leased,) = lease(store, run)
    failed = accept(leased, {"why": "gone"})
    failed.verdict, failed.error = Verdict.FAIL, "404"
    store.commit(run, "me", [failed])
    assert len(list(store.results.rows("items"))) == 1

    store.frontier.reopen(run.frontier, states=[State.FAILED])

    assert list(store.results.rows("items")) == []
    assert store.frontier.counts(run.frontier).items == 0


def test_quarantine_reopens_exactly_the_suspect_pages_and_takes_their_items_back(
    home: Home, store: Store, run: RunRow
) -> None:
    names = ["before", "proven", "other-session", "other-epoch", "suspect", "spread"]
    sessions = {"other-session": "bob", "spread": "spread"}
    store.frontier.add(run.frontier, [found(name, session=sessions.get(name, "ann")) for name in names], run=run.id)
    leased = {url: one for one in lease(store, run) for url in urls([one])}
    since = home.clock.now
    sent = {"before": since - 1}
    outcomes = [
        accept(
            one,
            {"name": name},
            sent_at=sent.get(name, since + 1),
            proven=name == "proven",
            epoch=1 if name == "other-epoch" else 2,
            session_name="ann" if name == "spread" else one.session,
        )
        for name, one in leased.items()
    ]
    store.commit(run, "me", outcomes)

    assert store.frontier.quarantine(run.frontier, session="ann", epoch=2, since=since) == 2

    assert {row["name"] for row in store.results.rows("items")} == {"before", "proven", "other-session", "other-epoch"}
    again = lease(store, run)
    assert sorted(urls(again)) == ["spread", "suspect"]
    store.commit(run, "me", [accept(one, {"name": name}) for one, name in zip(again, urls(again), strict=True)])
    assert sorted(row["name"] for row in store.results.rows("items")) == sorted(names)
    assert store.care.audit(run.frontier).problems == ()


def test_a_page_that_was_proved_afterwards_is_left_as_it_is_by_the_quarantine(
    home: Home, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found(name) for name in ("proved", "suspect", "later")], run=run.id)
    leased = {url: one for one in lease(store, run) for url in urls([one])}
    store.commit(
        run,
        "me",
        [
            accept(one, {"name": name}, sent_at=home.clock.now, proven=False, epoch=2 if name == "later" else 1)
            for name, one in leased.items()
        ],
    )

    store.frontier.prove_pages(run.frontier, ids=[leased["proved"].id, leased["later"].id], epoch=1)

    assert store.frontier.quarantine(run.frontier, session=leased["proved"].session, epoch=1, since=0) == 1
    assert store.frontier.quarantine(run.frontier, session=leased["later"].session, epoch=2, since=0) == 1
    assert [row["name"] for row in store.results.rows("items")] == ["proved"]
    assert store.care.audit(run.frontier).problems == ()


@pytest.mark.parametrize("between", ["nothing", "retry", "release", "fail", "park"])
def test_what_was_done_before_is_known_to_be_fetched_again_whatever_happens_on_the_way(
    between: str, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    (first,) = lease(store, run)
    assert not first.again
    store.commit(run, "me", [accept(first, {"n": 1}, epoch=1, proven=False)])
    assert store.frontier.quarantine(run.frontier, session=first.session, epoch=1, since=0) == 1
    if between != "nothing":
        (again,) = lease(store, run)
        store.commit(run, "me", [Outcome(again, Verdict(between), error="why")])
        store.frontier.reopen(run.frontier, states=[State.FAILED, State.PARKED])

    (now,) = lease(store, run)

    assert now.again
    store.commit(run, "me", [accept(now, {"n": 2})])
    assert store.care.audit(run.frontier).problems == ()


def test_a_request_whose_extras_were_sealed_with_a_lost_key_fails_with_the_reason(
    home: Home, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found("a", extras="secret"), found("b")], run=run.id)
    other = home.open(cipher=ReversingCipher(key=0x33))

    assert urls(lease(other, run)) == ["b"]

    counts = store.frontier.counts(run.frontier)
    assert (counts.failed, counts.leased) == (1, 1)
    assert any("keys" in reason for reason in store.care.audit(run.frontier).failed)


def test_a_lease_of_nothing_is_nothing(store: Store, run: RunRow) -> None:
    assert lease(store, run, 5) == []
    store.frontier.add(run.frontier, [found("a")], run=run.id)
    assert store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(0, 1, 0)) == []


def test_waiting_requests_are_counted_by_slot_most_first(home: Home, store: Store, run: RunRow) -> None:
    rows = [found(number, slot="busy.example", session=f"s{number % 3}") for number in range(7)]
    store.frontier.add(
        run.frontier, [*rows, found("a", slot="calm.example"), found("b", slot="none.example")], run=run.id
    )
    claimed = {one.url: one for one in lease(store, run, 20)}
    store.leases.release(run.frontier, owner="me", ids=[one.id for url, one in claimed.items() if "busy" in url])
    later = outcome(claimed["http://calm.example/a"], Verdict.RETRY, not_before=home.clock.now + 600)
    store.commit(run, "me", [later, accept(claimed["http://none.example/b"])])

    assert list(store.frontier.waiting_by(run.frontier).items()) == [("busy.example", 7), ("calm.example", 1)]


def test_a_crawl_of_more_hosts_than_are_remembered_knows_the_hosts_of_all_links(
    store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.stores.sql.found_rows._MOST_LANES", 3)
    for group in range(4):
        links = [found(f"{group} {n}", slot=f"host{n}.example") for n in range(group * 2, group * 2 + 5)]
        assert store.frontier.add(run.frontier, links, run=run.id) == 5

    assert sum(store.frontier.waiting_by(run.frontier).values()) == 20
    assert len(store.frontier.waiting_by(run.frontier)) == 11

"""Requests go in once, come out by priority and fairly, and every one of them is always in exactly one state."""

from __future__ import annotations

import pytest

from crawler import Request
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.outcome import Found, Outcome, State, Verdict
from crawler.stores.base import RunRow, Store
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
    assert store.frontier.add(run.frontier, [found("a"), found("b"), found("a")]) == 2
    assert store.frontier.add(run.frontier, [found("b"), found("c")]) == 1

    assert store.frontier.counts(run.frontier).waiting == 3


def test_a_request_is_known_to_another_process_without_its_memory(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    other = home.open()

    assert other.frontier.add(run.frontier, [found("a"), found("b")]) == 1


def test_more_requests_than_one_portion_are_all_added(store: Store, run: RunRow) -> None:
    assert store.frontier.add(run.frontier, [found(number) for number in range(12_000)]) == 12_000
    assert store.frontier.counts(run.frontier).waiting == 12_000


def test_a_request_that_a_rule_refuses_is_kept_with_the_rule_and_never_leased(store: Store, run: RunRow) -> None:
    added = store.frontier.add(run.frontier, [found("a", skipped="robots"), found("b", skipped="off-site")])

    assert (added, lease(store, run)) == (0, [])
    assert store.frontier.counts(run.frontier).skipped == 2
    assert store.frontier.skipped_by(run.frontier) == {"robots": 1, "off-site": 1}


def test_two_frontiers_do_not_know_each_others_requests(store: Store, run: RunRow) -> None:
    other = start(store, spider="books")
    store.frontier.add(run.frontier, [found("a")])

    assert store.frontier.add(other.frontier, [found("a")]) == 1
    assert store.frontier.add(run.frontier, [found("a")]) == 0


def test_what_was_found_is_what_is_leased(store: Store, run: RunRow) -> None:
    request = found("a", session="buyer", callback="parse_book", priority=3, depth=2, extras='{"method":"POST"}')
    store.frontier.add(run.frontier, [request])

    (leased,) = lease(store, run)

    assert (leased.url, leased.slot, leased.session) == (request.url, request.slot, "buyer")
    assert (leased.callback, leased.priority, leased.depth) == ("parse_book", 3, 2)
    assert (leased.extras, leased.fingerprint) == ('{"method":"POST"}', request.fingerprint)
    assert (leased.attempt, leased.token) == (0, 1)


def test_reopening_gives_failed_requests_all_their_attempts_back(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b"), found("c")])
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


def test_a_page_is_built_anew_with_what_failed_below_it_and_nothing_else(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("z")])
    first, other = lease(store, run)
    below = [found("old", parent=first.id), found("good", parent=first.id), found("else", parent=other.id)]
    store.commit(run, "me", [accept(first, {"n": 1}, links=below[:2]), accept(other, {"n": 2}, links=below[2:])])
    errors = {"old": "old form", "else": "404"}
    rows = {each.url.rpartition("/")[2]: each for each in lease(store, run)}
    fails = [outcome(rows[name], Verdict.FAIL, error=error) for name, error in errors.items()]
    store.commit(run, "me", [*fails, accept(rows["good"], {"n": 3})])

    assert store.frontier.rebuild(run.frontier, errors=["old form"]) == 1

    counts = store.frontier.counts(run.frontier)
    assert (counts.waiting, counts.done, counts.failed, counts.items) == (1, 2, 1, 2)
    assert store.care.audit(run.frontier).ok
    (again,) = lease(store, run)
    assert again.id == first.id
    store.commit(run, "me", [accept(again, {"n": 1}, links=[found("new", parent=first.id), *below[:2]])])
    assert store.care.audit(run.frontier).ok


def test_the_parked_requests_of_one_session_come_back_alone(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a", session="ann"), found("b", session="bob")])
    store.commit(run, "me", [outcome(one, Verdict.PARK) for one in lease(store, run)])

    assert store.frontier.reopen(run.frontier, states=[State.PARKED], session="bob") == 1
    assert urls(lease(store, run)) == ["b"]


def test_the_waiting_requests_of_a_session_are_parked_and_those_in_flight_are_not(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(name, session="ann") for name in "abc"] + [found("d", session="bob")])
    first, second = lease(store, run, 2, exclude_sessions=frozenset({"bob"}))
    store.commit(run, "me", [outcome(first, Verdict.RETRY, not_before=2e9, error="503")])

    assert store.frontier.park(run.frontier, session="ann") == 2

    counts = store.frontier.counts(run.frontier)
    assert (counts.parked, counts.leased, counts.waiting) == (2, 1, 1)
    assert store.commit(run, "me", [accept(second)]).lost == frozenset()
    assert store.frontier.reopen(run.frontier, states=[State.PARKED]) == 2
    assert sorted(urls(lease(store, run))) == ["a", "c", "d"]
    assert store.care.audit(run.frontier).ok


def test_parked_requests_tell_why_until_they_wait_again(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(name, session="ann") for name in "abc"] + [found("d", session="bob")])
    (first,) = lease(store, run, 1, exclude_sessions=frozenset({"bob"}))
    store.commit(run, "me", [outcome(first, Verdict.PARK, error="WrongPassword: session 'ann': no\nmore")])
    store.frontier.park(run.frontier, session="bob", why="NeedsHuman: session 'bob': a code")
    store.frontier.park(run.frontier, session="ann", why="WrongPassword: session 'ann': no\nmore")

    assert [(each.text, each.count) for each in store.reports.put_aside(run.frontier)] == [
        ("WrongPassword: session 'ann': no\nmore", 3),
        ("NeedsHuman: session 'bob': a code", 1),
    ]
    store.frontier.reopen(run.frontier, states=[State.PARKED])
    assert store.reports.put_aside(run.frontier) == []


def test_a_page_of_a_parked_request_whose_lease_had_run_out_is_lost(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b", slot="b.example")])
    (leased,) = lease(store, run, lease_s=10, exclude_slots=frozenset({"b.example"}))
    home.clock.now += 11
    lease(store, run, 1, owner="other", exclude_slots=frozenset({"shop.example"}))  # lets it wait again

    assert store.frontier.park(run.frontier, session="default") == 1
    assert store.commit(run, "me", [accept(leased)]).lost == {leased.id}
    assert store.care.audit(run.frontier).ok


def test_what_an_errback_stored_is_gone_when_its_request_is_tried_again(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
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
    store.frontier.add(run.frontier, [found(name, session=sessions.get(name, "ann")) for name in names])
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
    store.frontier.add(run.frontier, [found(name) for name in ("proved", "suspect", "later")])
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


def test_it_is_known_whether_a_login_has_brought_a_page_to_any_process(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    page, _ = lease(store, run)
    store.commit(run, "me", [accept(page, {"n": 1}, epoch=3)])

    def brought(epoch: int, session: str = page.session) -> bool:
        return store.frontier.has_brought(run.frontier, session=session, since_epoch=epoch)

    assert (brought(2), brought(3), brought(4), brought(3, "another")) == (True, True, False, False)


@pytest.mark.parametrize("between", ["nothing", "retry", "release", "fail", "park"])
def test_what_was_done_before_is_known_to_be_fetched_again_whatever_happens_on_the_way(
    between: str, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found("a")])
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


def test_a_request_whose_extras_were_sealed_with_a_lost_key_is_put_aside_with_the_reason(
    home: Home, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found("a", extras="secret"), found("b")])
    other = home.open(cipher=ReversingCipher(key=0x33))

    assert urls(lease(other, run)) == ["b"]

    counts = store.frontier.counts(run.frontier)
    assert (counts.failed, counts.parked, counts.leased) == (0, 1, 1)
    assert [each.text for each in store.reports.put_aside(run.frontier)] == ["sealed with a key that is not at hand"]


def test_waiting_requests_are_counted_by_slot_most_first(home: Home, store: Store, run: RunRow) -> None:
    rows = [found(number, slot="busy.example", session=f"s{number % 3}") for number in range(7)]
    store.frontier.add(run.frontier, [*rows, found("a", slot="calm.example"), found("b", slot="none.example")])
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
        assert store.frontier.add(run.frontier, links) == 5

    assert sum(store.frontier.waiting_by(run.frontier).values()) == 20
    assert len(store.frontier.waiting_by(run.frontier)) == 11


def test_requests_to_be_sent_again_are_each_stored_once_and_not_doubled_when_their_page_is_read_again(
    store: Store, run: RunRow
) -> None:
    def given(order: int) -> list[Found]:
        rules = AdmissionRules(domains=["shop.test"], default_session="default")
        kwargs = [{"id": number} for number in range(3)][::order]
        asked = [Request("http://shop.test/a", dont_filter=True, cb_kwargs=each) for each in kwargs]
        rows = [Admission(rules).admit(each, depth=1, parent=7) for each in asked]
        return [row for row in rows if row is not None]

    assert store.frontier.add(run.frontier, given(1)) == 3
    assert store.frontier.add(run.frontier, given(-1)) == 0
    assert store.frontier.counts(run.frontier).waiting == 3

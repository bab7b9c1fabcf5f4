"""A page is committed whole: state, items, links, log, cookies; or, when its lease was lost, not at all."""

from __future__ import annotations

import pytest

from crawler.outcome import ItemRow, KeptPage, Verdict
from crawler.stores.base import Committed, RunRow, Store
from tests.stores.support import Home, accept, found, lease, outcome, snapshot, urls


def test_S1_state_items_links_log_and_cookies_of_a_page_are_there_together(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (leased,) = lease(store, run)
    page = accept(
        leased,
        {"title": "one"},
        {"title": "two"},
        links=[found("b"), found("c", skipped="robots"), found("a")],
        session=snapshot("sid=2"),
        session_name="default",
        warnings=("tree cut",),
        final_url="http://shop.example/a/",
        page=KeptPage(b"<html>"),
    )

    committed = store.commit(run, "me", [page])

    assert committed == Committed(added=1, items=2)
    counts = store.frontier.counts(run.frontier)
    assert (counts.done, counts.waiting, counts.skipped, counts.pages, counts.items) == (1, 1, 1, 1, 2)
    rows = list(store.results.rows("items"))
    assert [row["title"] for row in rows] == ["one", "two"]
    assert [(row["_request"], row["_position"], row["_run"]) for row in rows] == [
        (leased.id, 0, run.id),
        (leased.id, 1, run.id),
    ]
    assert rows[0]["_url"] == "http://shop.example/a/"
    (logged,) = store.runs.pages(run.frontier)
    assert (logged["url"], logged["final_url"], logged["status"]) == (leased.url, "http://shop.example/a/", 200)
    assert (logged["bytes"], logged["ms"], logged["session"], logged["attempt"]) == (5, 1.5, "default", 0)
    assert logged["warnings"] == '["tree cut"]'
    stored = store.sessions.load("shop.example/ann")
    assert stored is not None
    assert stored.secret == "sid=2"
    assert store.kept.body(leased.id) == b"<html>"
    assert store.care.audit(run.frontier).problems == ()


def test_kept_pages_are_counted_by_crawl_and_removed_with_what_no_other_page_has(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(3)])
    leased = lease(store, run, 3)
    for one, body in zip(leased, (b"<p>same", b"<p>same", b"<p>other" * 100), strict=True):
        page = accept(one, {"n": one.id})
        page.page = KeptPage(body, (("X-A", "b"),), "", 200)
        store.commit(run, "me", [page])

    [kept] = store.kept.by_crawl("orders")
    assert (kept.crawl, kept.pages) == (run.frontier, 3)
    whole = store.kept.size()
    assert store.kept.by_crawl("nobody") == []
    assert store.kept.prune([run.frontier], before=0.0) == (0, 0)
    assert store.kept.prune([run.frontier + 1], before=2e9) == (0, 0)
    assert store.kept.prune([run.frontier], before=2e11) == (3, whole)
    assert store.kept.by_crawl() == []
    assert store.kept.size() == 0
    assert store.kept.body(leased[0].id) is None


def test_a_group_of_many_pages_is_one_commit(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found(number) for number in range(300)])
    leased = lease(store, run, 300)
    pages = [accept(one, {"n": one.id}, links=[found(f"{one.id}-{k}") for k in range(3)]) for one in leased]

    committed = store.commit(run, "me", pages)

    assert (committed.added, committed.items, committed.lost) == (900, 300, frozenset())
    assert len(list(store.runs.pages(run.frontier))) == 300
    assert sorted(row["n"] for row in store.results.rows("items")) == sorted(one.id for one in leased)
    assert store.care.audit(run.frontier).ok


def test_S9_an_outcome_whose_lease_was_lost_writes_nothing_and_the_rest_of_the_group_commits(
    home: Home, store: Store, run: RunRow
) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    first, second = lease(store, run, owner="slow", lease_s=10)
    home.clock.now += 11
    other = home.open()
    (stolen,) = lease(other, run, 1, owner="quick")
    kept = first if stolen.id == second.id else second

    pages = [
        accept(one, {"by": "slow"}, links=[found(f"of{one.id}")], session=snapshot(f"of{one.id}"))
        for one in (first, second)
    ]
    committed = store.commit(run, "slow", pages)

    assert committed == Committed(lost=frozenset({stolen.id}), added=1, items=1)
    assert [row["_request"] for row in store.results.rows("items")] == [kept.id]
    session = store.sessions.load("shop.example/ann")
    assert session is not None
    assert session.secret == f"of{kept.id}"
    assert other.commit(run, "quick", [accept(stolen, {"by": "quick"})]).lost == frozenset()
    assert sorted(row["by"] for row in store.results.rows("items")) == ["quick", "slow"]
    assert store.care.audit(run.frontier).ok


def test_a_lease_that_ran_out_but_was_claimed_by_nobody_is_still_good(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    mine = lease(store, run, lease_s=10)
    home.clock.now += 11
    home.open().frontier.add(run.frontier, [found("c")])
    assert urls(lease(store, run, 1, owner="other")) != []  # sweeps the expired ones, claims one of the three
    still = [one for one in mine if one.id not in {row["request"] for row in store.runs.pages(run.frontier)}]

    committed = store.commit(run, "me", [accept(one) for one in still])

    assert len(committed.lost) == 1
    assert store.frontier.counts(run.frontier).done == 1


def test_the_same_outcome_committed_twice_is_written_once(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    page = accept(lease(store, run)[0], {"n": 1})
    store.commit(run, "me", [page])

    assert store.commit(run, "me", [page]).lost == {page.request.id}
    assert len(list(store.results.rows("items"))) == 1
    assert len(list(store.runs.pages(run.frontier))) == 1


@pytest.mark.parametrize("verdict", [Verdict.RETRY, Verdict.LOGIN, Verdict.PARK, Verdict.RELEASE])
def test_a_page_that_does_not_count_brings_neither_items_nor_links(store: Store, run: RunRow, verdict: Verdict) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (leased,) = lease(store, run)
    page = outcome(
        leased, verdict, items=[ItemRow("items", {"title": "please log in"})], found=[found("b")], status=200
    )

    assert store.commit(run, "me", [page]) == Committed()
    assert store.results.tables() == {}
    assert store.frontier.counts(run.frontier).known == 1


@pytest.mark.parametrize(
    ("verdict", "state", "logged"),
    [
        (Verdict.ACCEPT, "done", True),
        (Verdict.FAIL, "failed", True),
        (Verdict.SKIP, "skipped", False),
        (Verdict.PARK, "parked", False),
        (Verdict.RETRY, "waiting", True),
        (Verdict.LOGIN, "waiting", True),
        (Verdict.RELEASE, "waiting", False),
    ],
    ids=str,
)
def test_each_verdict_leads_to_its_state(store: Store, run: RunRow, verdict: Verdict, state: str, logged: bool) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (leased,) = lease(store, run)

    store.commit(run, "me", [outcome(leased, verdict, error="robots" if verdict is not Verdict.ACCEPT else "")])

    counts = store.frontier.counts(run.frontier)
    assert getattr(counts, state) == 1
    assert counts.known == 1
    assert len(list(store.runs.pages(run.frontier))) == int(logged)
    assert store.care.audit(run.frontier).ok


def test_skips_and_failures_keep_their_reason(store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a"), found("b")])
    first, second = lease(store, run)
    store.commit(
        run,
        "me",
        [outcome(first, Verdict.SKIP, error="robots"), outcome(second, Verdict.FAIL, error="404 from x", status=404)],
    )

    audit = store.care.audit(run.frontier)

    assert (audit.skipped, audit.failed) == ({"robots": 1}, {"404 from x": 1})


def test_an_empty_commit_writes_nothing(store: Store, run: RunRow) -> None:
    assert store.commit(run, "me", []) == Committed()


def test_C4_hostile_text_in_urls_errors_and_rules_loses_no_page(store: Store, run: RunRow) -> None:
    nasty = "\x00 \ud800 'x\" \u2028"
    store.frontier.add(run.frontier, [found(f"a{nasty}"), found("b", skipped=nasty)])
    (leased,) = lease(store, run)

    page = outcome(leased, Verdict.FAIL, error=nasty, final_url=f"http://shop.example/{nasty}", warnings=(nasty,))
    store.commit(run, "me", [page])

    assert store.care.audit(run.frontier).ok
    assert len(list(store.runs.pages(run.frontier))) == 1


def test_Z11_fifty_thousand_links_of_one_page_are_taken(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a")])
    (leased,) = lease(store, run)

    assert store.commit(run, "me", [accept(leased, links=[found(n) for n in range(home.many)])]).added == home.many
    assert store.frontier.counts(run.frontier).waiting == home.many

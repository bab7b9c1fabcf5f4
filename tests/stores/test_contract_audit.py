"""The audit finds what does not match: each test breaks one thing behind the store's back."""

from __future__ import annotations

import pytest

from crawler.outcome import Verdict
from crawler.stores.base import RunRow, Store
from tests.stores.support import Home, accept, found, lease, outcome


@pytest.fixture
def crawled(store: Store, run: RunRow) -> RunRow:
    """A frontier with a request in every state."""
    store.frontier.add(run.frontier, [found(name) for name in "abcdef"] + [found("g", skipped="robots")])
    first, second, third, fourth, _ = lease(store, run, 5)
    store.commit(
        run,
        "me",
        [
            accept(first, {"n": 1}, {"n": 2}),
            accept(second, {"n": 3}),
            outcome(third, Verdict.FAIL, error="404", status=404),
            outcome(fourth, Verdict.PARK),
        ],
    )
    return run


def test_a_frontier_with_all_states_is_sound(store: Store, crawled: RunRow) -> None:
    audit = store.care.audit(crawled.frontier)

    assert (audit.ok, audit.problems) == (True, ())
    assert (audit.failed, audit.skipped) == ({"404": 1}, {"robots": 1})
    counts = audit.counts
    assert (counts.waiting, counts.leased, counts.done, counts.failed, counts.skipped, counts.parked) == (
        1,
        1,
        2,
        1,
        1,
        1,
    )


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("DELETE FROM crawl_requests WHERE state = 0", "0 requests are waiting, the counter says 1"),
        ("UPDATE crawl_frontiers SET done = 7", "2 requests are done, the counter says 7"),
        ("UPDATE crawl_requests SET error = NULL WHERE state = 3", "1 requests failed without a reason"),
        ("UPDATE crawl_requests SET rule = '' WHERE state = 4", "1 requests were skipped without a rule"),
        ("DELETE FROM crawl_pages WHERE request = 1", "1 requests are done, but the page log does not know them"),
        ("UPDATE crawl_frontiers SET pages = 1", "the page log holds 2 accepted pages, the counter says 1"),
        ("DELETE FROM items WHERE n = 3", "2 items are stored, the counter says 3"),
        ("UPDATE items SET _request = 6 WHERE n = 3", "1 items of 'items' belong to requests that are not done"),
        ("UPDATE items SET _request = 999 WHERE n = 3", "1 items of 'items' belong to requests that are not done"),
        ("UPDATE crawl_requests SET lane = 99 WHERE id = 1", "points to nothing in crawl_lanes"),
        ("DROP INDEX crawl_by_request_items; UPDATE items SET _position = 0", "1 items of 'items' are stored twice"),
    ],
    ids=lambda text: text[:40],
)
def test_the_audit_tells_what_does_not_match(home: Home, store: Store, crawled: RunRow, harm: str, told: str) -> None:
    with home.raw() as raw:
        for statement in harm.split(";"):
            raw.execute(statement)

    audit = store.care.audit(crawled.frontier)

    assert not audit.ok
    assert any(told in line for line in audit.problems), audit.problems


def test_a_lease_that_nobody_will_end_is_reported(home: Home, store: Store, crawled: RunRow) -> None:
    home.clock.now += 1000

    assert any("lease ran out" in line for line in store.care.audit(crawled.frontier).problems)


def test_a_frontier_that_is_not_there_is_a_problem(store: Store) -> None:
    assert not store.care.audit(77).ok

"""What a person is told of a crawl: samples, hosts that are silent, warnings, and the page log."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from crawler.outcome import Verdict
from crawler.stores.base import RunRow, Store
from tests.stores.support import accept, found, lease, outcome


@pytest.fixture
def told(store: Store, run: RunRow) -> RunRow:
    """A crawl with a good page, one with a warning, two failures, one retry and one that robots.txt refuses."""
    hosts = {"a": "up.example", "b": "up.example", "c": "down.example", "d": "down.example", "e": "up.example"}
    rows = [found(name, slot=slot) for name, slot in hosts.items()]
    store.frontier.add(run.frontier, [*rows, found("f", skipped="robots")])
    leased = {one.url[-1]: one for one in lease(store, run, 10)}
    store.commit(
        run,
        "me",
        [
            accept(leased["a"]),
            accept(leased["b"], warnings=("3 links are cut",)),
            outcome(leased["c"], Verdict.FAIL, error="TimedOut: http://down.example/c"),
            outcome(leased["d"], Verdict.FAIL, error="TimedOut: http://down.example/d"),
            outcome(leased["e"], Verdict.RETRY, status=503, error="503 from http://up.example/e"),
        ],
    )
    return run


def test_failures_and_refusals_are_reported_by_kind_with_an_example(store: Store, told: RunRow) -> None:
    failed, skipped = store.reports.ended_samples(told.frontier)
    retried = store.reports.retried_samples(told.frontier)

    assert [(each.count, each.url) for each in failed] == [
        (1, "http://down.example/c"),
        (1, "http://down.example/d"),
    ]
    assert [(each.kind, each.count) for each in skipped] == [("robots", 1)]
    assert [(each.kind, each.count, each.url) for each in retried] == [("503", 1, "http://up.example/e")]


def test_all_failures_and_retries_are_counted_however_many_addresses_they_have(store: Store, run: RunRow) -> None:
    """Each reason holds an address: 149 pages of Redmine that answered 406 were told as 50."""
    names = [f"p{number}" for number in range(300)]
    store.frontier.add(run.frontier, [found(name) for name in names])
    failing, late = (lease(store, run, 150), lease(store, run, 150))
    refused = [outcome(one, Verdict.FAIL, error=f"StatusError: 406 from {one.url}") for one in failing]
    retried = [outcome(one, Verdict.RETRY, status=503, error=f"StatusError: 503 from {one.url}") for one in late]
    store.commit(run, "me", [*refused, *retried])

    failed, _ = store.reports.ended_samples(run.frontier)

    assert [(each.count, each.kind, each.url) for each in failed] == [(150, failed[0].text, failed[0].url)]
    assert failed[0].text == f"StatusError: 406 from {failed[0].url}"
    assert [*store.reports.failed_by(run.frontier).values()] == [150]
    assert [(each.kind, each.count) for each in store.reports.retried_samples(run.frontier)] == [
        ("StatusError: 503", 150)
    ]


def test_few_of_many_texts_with_addresses_are_read_and_those_without_stay_apart(store: Store, run: RunRow) -> None:
    names = [f"p{number}" for number in range(120)]
    store.frontier.add(run.frontier, [found(name) for name in names])
    leased = lease(store, run, 120)
    errors = [f"StatusError: {410 + number % 3} from {one.url}" for number, one in enumerate(leased)]
    errors[0], errors[1] = "the parser gave up", ""
    store.commit(
        run, "me", [outcome(one, Verdict.FAIL, error=error) for one, error in zip(leased, errors, strict=True)]
    )
    rows: list[int] = []
    db: Any = store
    read = db.reports._db.read
    with patch.object(db.reports._db, "read", lambda *given: [rows.append(1) or row for row in read(*given)]):
        failed, _ = store.reports.ended_samples(run.frontier)

    assert sorted((each.count, each.text.split(" from ")[0]) for each in failed) == [
        (1, ""),
        (1, "the parser gave up"),
        (39, "StatusError: 410"),
        (39, "StatusError: 411"),
        (40, "StatusError: 412"),
    ]
    assert len(rows) < 70  # 51 that say "many", and the kinds
    assert sorted(store.reports.failed_by(run.frontier).values()) == [1, 1, 39, 39, 40]


def test_a_host_that_never_answered_is_silent(store: Store, told: RunRow) -> None:
    assert store.reports.silent_hosts(told.frontier) == {"down.example": 2}


def test_reasons_and_warnings_are_counted(store: Store, told: RunRow) -> None:
    reasons = store.reports.failed_by(told.frontier)

    assert sorted(reasons.values()) == [1, 1]
    assert list(store.reports.warned_by(told.frontier).values()) == [(1, "http://up.example/b")]


def test_the_page_log_tells_answers_statuses_and_the_last_troubles(store: Store, told: RunRow) -> None:
    lines = list(store.log.answers(told.id))

    assert sorted(line.verdict for line in lines) == ["accept", "accept", "fail", "fail", "retry"]
    assert store.log.statuses([told.id]) == {told.id: {200: 2, 0: 2, 503: 1}}
    assert [each.verdict for each in store.log.last_troubles(told.id, limit=2)] == ["retry", "fail"]
    assert len(list(store.runs.pages(told.frontier))) == 5


def test_a_page_that_was_fetched_again_without_a_warning_no_longer_has_it(store: Store, told: RunRow) -> None:
    assert [each.url for each in store.reports.stored_with(told.frontier, "")] == ["http://up.example/b"]
    assert store.reports.stored_with(told.frontier, "no such warning") == []

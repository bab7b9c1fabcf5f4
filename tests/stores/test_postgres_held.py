"""Somebody holds an old snapshot, so that dead rows stay: frequent queries do not scan all of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stores.postgres_homes import home
from tests.stores.support import START, PostgresHome, accept, found, lease, start
from tests.stores.test_postgres_plans import plans

__all__ = ["home"]  # fixtures

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def store(home: PostgresHome) -> Any:
    """One in which each look takes long enough to be remembered."""
    made: Any = home.open()
    made.leases.memory.least_s = 0.0
    made.leases.memory.forget()
    return made


def test_after_a_slow_look_each_request_is_claimed_once_and_in_order(store: Any) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(f"a{n}", slot=f"s{n % 3}", priority=n % 2) for n in range(60)])
    claimed = []
    while leased := lease(store, run, 7):
        claimed += leased
        store.commit(run, "me", [accept(one) for one in leased])

    assert len({one.id for one in claimed}) == len(claimed) == 60
    assert [one.priority for one in claimed if one.slot == "s1"] == [1] * 10 + [0] * 10
    assert store.frontier.counts(run.frontier).done == 60


def test_behind_a_remembered_look_lies_what_was_claimed_and_the_index_begins_there(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(f"a{n}") for n in range(400)])
    first = lease(store, run, 20)
    seen = plans(monkeypatch, "crawl_requests", analyzed=True)

    second = lease(store, run, 20)

    assert second[0].id > first[-1].id
    assert not any("Recursive Union" in plan for plan in seen)
    picked = next(plan for plan in seen if "LockRows" in plan)
    (condition,) = [line for line in picked.splitlines() if "Index Cond" in line]
    assert f"ROW((- priority), id) > ROW('0'::smallint, '{first[-1].id}'::smallint)" in condition


def test_the_question_for_leases_that_ran_out_passes_by_none_that_ended_long_ago(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(f"a{n}") for n in range(5)])
    (first,) = lease(store, run, 1)
    home.clock.now += 30
    seen = plans(monkeypatch, "crawl_requests")
    lease(store, run, 1)
    home.clock.now += 31  # the first lease has run out

    again = [one.id for one in lease(store, run, 4)]

    assert any(f"lease_until >= '{START - 10:.0f}'" in plan for plan in seen)
    assert any(f"lease_until >= '{START + 20:.0f}'" in plan for plan in seen)
    assert first.id in again


@pytest.mark.parametrize("what", ["lapsed", "released", "retried", "added"])
def test_what_comes_back_to_the_front_is_found_when_nothing_else_is_left(
    home: PostgresHome, store: Any, what: str
) -> None:
    run, other = start(store), home.open()
    store.frontier.add(run.frontier, [found(f"a{n}", priority=-n) for n in range(4)])
    first = lease(store, run, 2)
    again = {one.id for one in first}
    if what == "lapsed":
        home.clock.now += 100
    elif what == "released":
        other.leases.release(run.frontier, owner="me", ids=list(again))
    elif what == "retried":
        from crawler.outcome import Verdict
        from tests.stores.support import outcome

        other.commit(run, "me", [outcome(one, Verdict.RETRY, not_before=home.clock.now - 1) for one in first])
    else:
        other.frontier.add(run.frontier, [found("new", priority=5)])

    left = [one for _ in range(3) for one in lease(store, run, 2)]

    assert len(left) == 3 if what == "added" else again <= {one.id for one in left}


def test_a_row_that_changes_with_each_transaction_is_followed_by_another(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.stores.postgres.postgres_driver._CHANGES", 5)
    store = home.open()
    marks = set()
    for number in range(12):
        store.values.set("n", str(number))
        marks |= set(home.server.do("SELECT id FROM crawl_outcomes", home.name))

    assert len(marks) >= 2
    assert home.server.do("SELECT count(*) FROM crawl_outcomes", home.name) == [(1,)]


def test_a_process_that_stops_in_a_transaction_is_cut_off_and_the_others_go_on(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crawler.stores.postgres.postgres_line import Interrupted

    begin = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 100"
    monkeypatch.setattr("crawler.stores.postgres.postgres_driver._BEGIN", begin)
    stopped: Any = home.open()
    other: Any = home.open()

    def stops() -> None:
        with stopped.copied.driver.write() as raw:
            raw.execute("INSERT INTO crawl_values (name, value) VALUES ('n', 'of the stopped')")
            other.values.set("n", "of the other")  # waits for the transaction that is open, and gets its turn
            raw.execute("SELECT 1")

    with pytest.raises(Interrupted):
        stops()

    assert other.values.get("n") == "of the other"

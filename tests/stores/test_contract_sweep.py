"""Members that were killed: found dead, what they had begun is given to others, and the run has somebody to end it."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.runs.orders import name_of_orders, orders_of
from crawler.stores.base import RunRow, Store
from crawler.stores.sql.worker_rows import LIFE_S
from crawler.stores.told_runs import DEAD, LEFT, LIVES
from tests.stores.support import Home, PostgresHome, accept, found, lease, start


@pytest.fixture
def run(store: Store) -> RunRow:
    made = start(store)
    store.frontier.add(made.frontier, [found(number) for number in range(6)])
    for owner in ("first", "second"):
        store.members.join(made.id, owner=owner, process=f"process {owner}", first=owner == "first")
    return made


@pytest.fixture
def long_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests was started just now: it is said to be older."""
    from crawler.stores.postgres.postgres_dialect import PostgresDialect

    monkeypatch.setattr(PostgresDialect, "age", "SELECT 1e9::double precision")


def gone(store: Store, run: RunRow) -> dict[int, str]:
    return {each.number: each.gone for each in store.members.of(run.id)}


def kill(home: Home, number: int) -> None:
    """As if its process had ended: its number belongs to another one now."""
    with home.raw() as raw:
        (mine,) = raw.execute(f"SELECT incarnation FROM crawl_workers WHERE number = {number}").fetchone()
        raw.execute(
            f"UPDATE crawl_workers SET incarnation = ? WHERE number = {number}",
            (mine.replace('"began": "', '"began": "9'),),
        )


def test_what_a_killed_process_of_this_machine_had_leased_waits_again_at_once(
    home: Home, store: Store, run: RunRow
) -> None:
    lease(store, run, 4, owner="second", lease_s=5_000)
    mine = lease(store, run, 2, owner="first", lease_s=5_000)
    assert store.members.sweep(run.id) == []
    kill(home, 1)

    assert store.members.sweep(run.id) == [1]
    assert store.members.sweep(run.id) == []

    counts = store.frontier.counts(run.frontier)
    assert (counts.waiting, counts.leased, gone(store, run)) == (4, 2, {0: LIVES, 1: DEAD})
    assert store.commit(run, "first", [accept(one) for one in mine]).lost == frozenset()
    assert len(lease(store, run, 9, owner="first")) == 4
    assert store.care.audit(run.frontier).problems == ()


def test_a_process_elsewhere_is_dead_when_it_has_been_silent_for_long(
    home: Home, store: Store, run: RunRow, long_there: None
) -> None:
    asleep = lease(store, run, 2, owner="second", lease_s=5_000)
    home.clock.now += LIFE_S - 1
    store.members.stay(run.id, 0, agrees="", counted="{}")
    assert store.members.sweep(run.id) == []
    home.clock.now += 2
    assert store.members.sweep(run.id) == [1]
    taken = lease(store, run, 1, owner="first")

    committed = store.commit(run, "second", [accept(one) for one in asleep])

    assert committed.lost == {one.id for one in taken} & {one.id for one in asleep}, "it was only asleep"
    store.members.stay(run.id, 1, agrees="", counted="{}")
    assert gone(store, run) == {0: LIVES, 1: LIVES}
    store.members.leave(run.id, 1, counted="{}")
    assert gone(store, run) == {0: LIVES, 1: LEFT}


def test_nobody_is_dead_before_the_database_has_been_there_for_as_long(home: Home, store: Store, run: RunRow) -> None:
    home.clock.now += LIFE_S + 1
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(home, PostgresHome):
            from crawler.stores.postgres.postgres_dialect import PostgresDialect

            patch.setattr(PostgresDialect, "age", "SELECT 29.0::double precision")
        swept = store.members.sweep(run.id)

    assert swept == ([] if isinstance(home, PostgresHome) else [0, 1])  # a file has always been there


def test_a_database_says_since_when_it_answers(home: Home) -> None:
    store: Any = home.open()

    (age_s,) = store._db.read(store._db.dialect.age)[0]

    assert age_s > 0


def test_a_run_whose_first_process_is_gone_is_led_by_one_other(home: Home, store: Store, run: RunRow) -> None:
    if type(home) is Home:
        pytest.skip("a file is of one machine: its further processes end with the first one")
    other = home.open()
    other.runs.join(run.id)
    assert other.runs.take_over(run.id, process="two") is False
    store.runs.leave(run.id)

    assert other.runs.take_over(run.id, process="two") is True
    assert store.runs.take_over(run.id, process="one") is False
    assert other.runs.end(run.id, ending="finished", exit_code=0, summary="{}") is True
    assert other.runs.end(run.id, ending="interrupted", exit_code=143, summary="{}") is False
    assert other.runs.get(run.id).ending == "finished"
    assert other.runs.take_over(run.id, process="two") is False


def test_a_value_is_changed_while_nobody_else_does_and_values_are_found_by_their_beginning(store: Store) -> None:
    for _ in range(3):
        store.values.change("count:a", lambda stored: (stored or 0) + 1, ttl_s=60)
    store.values.set("count:b", 7, hot=True)
    store.values.set("counts", 9)

    assert store.values.beginning("count:") == {"count:a": 3, "count:b": 7}


ORDERS = [
    (["pause"], "paused", "paused"),
    (["pause", "resume"], "", ""),
    (["pause 1"], "paused", ""),
    (["pause", "resume 1"], "", "paused"),
    (["pause", "resume 1", "pause 1"], "paused", "paused"),
    (["pause 1", "resume"], "", ""),
    (["drain 1"], "drained", ""),
    (["pause", "drain"], "paused drained", "paused drained"),
]


@pytest.mark.parametrize(("words", "of_1", "of_2"), ORDERS, ids=[", ".join(words) for words, _, _ in ORDERS])
def test_orders_hold_for_all_or_for_one(store: Store, words: list[str], of_1: str, of_2: str) -> None:
    name = name_of_orders(7)
    for word in words:
        what, _, number = word.partition(" ")
        numbers = [int(number)] if number else None
        changed = orders_of(store.values, 7).also(what, numbers, 100.0)  # type: ignore[arg-type]
        store.values.set(name, changed.as_dict())

    orders = orders_of(store.values, 7)
    for member, expected in ((1, of_1), (2, of_2)):
        said = ["paused"] * orders.pauses(member) + ["drained"] * orders.drains(member, 50.0)
        assert " ".join(said) == expected
    assert not orders.drains(3, 101.0), "who joins later is not meant"
    assert not orders_of(store.values, 8).pauses(1)

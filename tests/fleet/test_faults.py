"""Interrupted: a lost answer, a deadlock, connections that are cut, a database that is stopped at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crawler.outcome import ItemRow, Leased
from crawler.records import key_of
from crawler.stores.base import RunRow, Store
from crawler.stores.driver import AHEAD_S
from crawler.stores.sql.record_rows import RecordRows
from tests.fleet.conftest import PAGES, Fleet
from tests.fleet.proxy import Proxy
from tests.fleet.test_crawls import logins, until
from tests.stores.support import PostgresHome, accept, found, lease, start

psycopg = pytest.importorskip("psycopg")
postgres_connection = pytest.importorskip("crawler.stores.postgres.postgres_connection")
postgres_tables = pytest.importorskip("crawler.stores.postgres.postgres_tables")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PostgresHome]:
    made = PostgresHome(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(home: PostgresHome) -> Store:
    return home.open()


@pytest.fixture
def run(store: Store) -> RunRow:
    made = start(store)
    store.frontier.add(made.frontier, [found(number) for number in range(10)])
    return made


class Cut:
    """Raises as psycopg does when the connection is lost, once, before or after a statement was done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, statement: str, *, after: bool) -> None:
        self.times = 0
        execute = psycopg.Connection.execute

        def cut(connection: Any, query: Any, *given: Any, **more: Any) -> Any:
            text = query.decode() if isinstance(query, bytes) else query
            if self.times or not text.startswith(statement):
                return execute(connection, query, *given, **more)
            self.times += 1
            if after:
                execute(connection, query, *given, **more)
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(psycopg.Connection, "execute", cut)


@pytest.mark.parametrize("after", [True, False], ids=["done", "undone"])
def test_a_commit_whose_answer_is_lost_is_written_once(
    store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    pages = [accept(one, {"n": one.id}, links=[found(f"new {one.id}")]) for one in lease(store, run, 5)]
    cut = Cut(monkeypatch, "COMMIT", after=after)

    committed = store.commit(run, "me", pages)

    assert cut.times == 1
    assert (committed.lost, committed.added, committed.items) == (frozenset(), 5, 5)
    assert store.results.tables() == {"items": 5}
    counts = store.frontier.counts(run.frontier)
    assert (counts.done, counts.waiting, counts.pages, counts.items) == (5, 10, 5, 5)
    assert store.care.audit(run.frontier).problems == ()


@pytest.mark.parametrize("after", [True, False], ids=["done", "undone"])
def test_a_lease_whose_answer_is_lost_is_ours(
    store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    Cut(monkeypatch, "COMMIT", after=after)

    leased = lease(store, run, 4)

    assert len(leased) == 4
    assert store.frontier.counts(run.frontier).leased == 4
    assert store.commit(run, "me", [accept(one) for one in leased]).lost == frozenset()


@pytest.mark.parametrize("statement", ["UPDATE crawl_requests", "INSERT INTO crawl_pages", "SELECT key, epoch"])
def test_a_connection_that_is_lost_in_a_commit_costs_nothing(
    store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    pages = [accept(one, {"n": one.id}, session_key="k", epoch=1, proven=False) for one in lease(store, run, 5)]
    cut = Cut(monkeypatch, statement, after=True)

    committed = store.commit(run, "me", pages)

    assert cut.times == 1
    assert (committed.lost, committed.items) == (frozenset(), 5)
    assert store.care.audit(run.frontier).problems == ()


def test_the_victim_of_a_deadlock_tries_again(store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch) -> None:
    execute, failed = psycopg.Connection.execute, list[str]()

    def deadlocked(connection: Any, query: Any, *given: Any, **more: Any) -> Any:
        if not failed and isinstance(query, bytes) and query.startswith(b"UPDATE crawl_frontiers"):
            failed.append("once")
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return execute(connection, query, *given, **more)

    leased = lease(store, run, 3)
    monkeypatch.setattr(psycopg.Connection, "execute", deadlocked)

    assert store.commit(run, "me", [accept(one, {"n": 1}) for one in leased]).items == 3
    assert failed


def test_a_password_is_in_no_message(home: PostgresHome) -> None:
    from crawler.stores.postgres.postgres_line import masked

    address = "postgresql://ann:hunter2@db.example:5433/shop?sslmode=require"

    assert masked(address) == "postgresql://ann@db.example:5433/shop"


def test_a_crawl_whose_connections_are_cut_again_and_again_is_exact(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.04)
    cuts = 0
    with fleet.start() as running:
        until(lambda: fleet.count("crawl_pages") >= 3)
        while running.code is None and cuts < 5:
            before = fleet.count("crawl_pages")
            until(lambda least=before + 4: fleet.count("crawl_pages") >= least or running.code is not None)
            cuts += bool(
                fleet.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crawl'")
            )
        ended = running.end(60)

    assert ended.code == 0, ended
    assert cuts >= 3
    assert logins(fleet) == 1
    fleet.is_exact()


def test_a_database_that_is_stopped_at_once_and_comes_back_loses_nothing(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.04)
    with fleet.start() as running:
        until(lambda: fleet.count("crawl_pages") >= 8)
        fleet.server.stop_at_once()
        ended = running.end(90)

    assert ended.code == 0, ended
    assert logins(fleet) == 1
    assert fleet.rows("SELECT count(*) FROM crawl_requests WHERE state = 2") == [(PAGES,)]
    fleet.is_exact()


def test_two_members_that_bring_the_first_item_of_a_kind_at_once_make_one_table(
    home: PostgresHome, store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = home.open()
    mine, theirs = lease(store, run, 2), lease(second, run, 2, owner="you")
    create, made = postgres_tables.PostgresTables.create, threading.Event()

    def slowly(tables: Any, raw: Any, *given: Any) -> None:
        create(tables, raw, *given)
        made.set()
        until(lambda: home.server.do("SELECT 1 FROM pg_locks WHERE NOT granted", home.name))

    monkeypatch.setattr(postgres_tables.PostgresTables, "create", slowly)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(store.commit, run, "me", [accept(one, {"n": one.id}) for one in mine])
        made.wait(20)
        committed = second.commit(run, "you", [accept(one, {"n": one.id, "more": 1}) for one in theirs])

    assert (first.result().items, committed.items) == (2, 2)
    assert store.results.tables() == {"items": 4}


def test_a_restarted_database_gives_no_leases_until_all_that_it_may_have_forgotten_has_expired(
    home: PostgresHome, store: Store, run: RunRow
) -> None:
    before = store.restarts
    home.server.stop_at_once()

    home.clock.now = time.time()
    assert lease(store, run, 2) == []
    home.clock.now = time.time()
    due = store.leases.next_due(run.frontier)
    assert due is not None
    assert home.clock.now < due <= home.clock.now + AHEAD_S
    assert store.slots.reserve("other.example", delay_s=1.0) == due

    home.clock.now = due
    assert len(lease(store, run, 2)) == 2
    assert store.restarts == before + 1


def test_an_answer_that_never_comes_is_given_up_and_the_call_made_again(
    home: PostgresHome, store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line stays open and is silent, as behind a firewall that has forgotten it."""
    monkeypatch.setattr(postgres_connection.WatchedConnection, "quiet_s", 0.2)
    database = home.path.partition("?")[0].rpartition("/")[2]
    with Proxy(home.server.connected) as proxy:
        home.path = f"postgresql://crawl@127.0.0.1:{proxy.port}/{database}?sslmode=disable"
        far = home.open()
        leased = lease(far, run, 3)

        assert proxy.fall_silent() == 1
        committed = far.commit(run, "me", [accept(one, {"n": one.id}) for one in leased])
        far.close()

    assert (committed.lost, committed.items) == (frozenset(), 3)


def test_an_answer_that_takes_long_is_waited_for_while_the_server_is_at_work_on_it(
    home: PostgresHome, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection.WatchedConnection, "quiet_s", 0.1)

    assert store._db.read("SELECT 1 FROM pg_sleep(0.5)") == [(1,)]


def test_links_that_a_standby_has_lost_are_stored_again(home: PostgresHome, store: Store, run: RunRow) -> None:
    """They were committed, and remembered as known; then an older state of the database took over."""
    (page,) = lease(store, run, 1)
    links = [found("new one"), found("new two")]
    assert store.commit(run, "me", [accept(page, links=links)]).added == 2
    home.server.do("DELETE FROM crawl_requests WHERE url LIKE '%new%'", home.name)
    assert store.frontier.add(run.frontier, links) == 0, "known, as far as this process knows"

    home.server.stop_at_once()

    assert store.frontier.add(run.frontier, links) == 2


def test_two_members_that_bring_the_same_record_at_once_keep_it_once(
    home: PostgresHome, store: Store, run: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = home.open()
    mine, theirs = lease(store, run, 2), lease(second, run, 1, owner="you")
    write, wrote = RecordRows.write, threading.Event()

    def bring(member: Store, owner: str, leased: Leased, number: int) -> int:
        page = accept(leased)
        page.items.append(ItemRow("Book", {"id": number}, key=key_of({"id": number}, ["id"], "")))
        return member.commit(run, owner, [page]).items

    assert bring(store, "me", mine[0], 1) == 1  # the table is there

    def slowly(rows: Any, raw: Any, *given: Any) -> int:
        written: int = write(rows, raw, *given)
        if not wrote.is_set():
            wrote.set()
            until(lambda: home.server.do("SELECT 1 FROM pg_locks WHERE NOT granted", home.name))
        return written

    monkeypatch.setattr(RecordRows, "write", slowly)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(bring, store, "me", mine[1], 2)
        wrote.wait(20)
        assert bring(second, "you", theirs[0], 2) == 1

    assert first.result() == 1
    assert store.results.tables() == {"Book": 2}

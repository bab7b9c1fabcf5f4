"""A database of an older version is brought forward with all that is in it, by one process, while none works in it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import StoreBusy, StoreError
from crawler.sessions.vault import Vault
from tests.stores.support import accept, found, lease, start

psycopg = pytest.importorskip("psycopg")

#: What a crawl behind a login left that was ended in its midst, and another one with records, a pause and leases.
VERSION_1 = Path(__file__).parent / "postgres_schema_1.sql"
KEY = base64.b64encode(bytes(range(32))).decode()


class Old:
    """A database of version 1."""

    def __init__(self) -> None:
        from tests import postgres

        self.server = postgres.server()
        self.address = self.server.database()
        self.name = self.address.partition("?")[0].rpartition("/")[2]
        self._opened: list[Any] = []
        self.server.do(VERSION_1.read_text(), self.name)

    def open(self, **options: Any) -> Any:
        from crawler.stores.postgres import PostgresStore

        store = PostgresStore(self.address, cipher=Vault.load(), **({"busy_timeout_s": 5.0} | options))
        self._opened.append(store)
        return store

    def rows(self, statement: str) -> list[Any]:
        return self.server.do(statement, self.name)

    def close(self) -> None:
        for store in self._opened:
            store.close()


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:
    monkeypatch.setenv("CRAWL_KEY", KEY)
    made = Old()
    yield made
    made.close()


def test_the_rows_of_version_1_are_all_there_and_the_crawl_goes_on(old: Old) -> None:
    from crawler.stores.postgres.postgres_schema import VERSION

    store = old.open()

    assert old.rows("SELECT version FROM crawl_schema") == [(VERSION,)]
    members, orders = store.runs.last("members")[0], store.runs.last("orders")[0]
    assert store.frontier.counts(members.frontier).done == 12
    counts = store.frontier.counts(orders.frontier)
    assert (counts.done, counts.waiting, counts.leased) == (1, 5, 3)
    assert [len(list(store.results.rows(kind))) for kind in ("items", "Book")] == [12, 3]
    assert {row.key for row in store.sessions.all() if row.readable} == {"127.0.0.1|account|alice", "shop.example/ann"}
    for spider, done, delayed in (("members", 24, 0), ("orders", 9, 1)):
        run = start(store, spider=spider, args=store.runs.last(spider)[0].args)
        assert run.resumed
        store.frontier.add(run.frontier, [found("new", slot="s1.example")])
        left = lease(store, run, 100, horizon_s=2e6, lease_s=3e6)
        assert len({one.id for one in left}) == len(left)
        store.commit(run, "me", [accept(one, {"n": one.id}) for one in left])
        counts = store.frontier.counts(run.frontier)
        assert (counts.done, counts.waiting, counts.leased) == (done, delayed, 0)
        assert store.care.audit(run.frontier).problems == ()


def test_an_upgraded_database_has_the_tables_of_a_new_one(old: Old) -> None:
    from crawler.stores.postgres import PostgresStore

    old.open()
    new = old.server.database()
    PostgresStore(new, cipher=Vault.load()).close()
    name = new.partition("?")[0].rpartition("/")[2]

    for question in (
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name LIKE 'crawl\\_%' AND table_schema = 'public' ORDER BY 1, 2",
        "SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'crawl\\_%' ORDER BY 1",
        "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'crawl\\_%' AND relkind IN ('r', 'p') ORDER BY 1",
    ):
        assert old.rows(question) == old.server.do(question, name)


def test_nothing_is_changed_under_a_crawl_that_is_at_work(old: Old) -> None:
    old.rows("INSERT INTO crawl_members VALUES ('x', 'work', 'orders', '', '{}', extract(epoch FROM now()) + 60)")

    with pytest.raises(StoreError, match=r"crawls are at work in it.*crawl store migrate"):
        old.open()

    assert old.rows("SELECT version FROM crawl_schema") == [(1,)]


def test_a_process_that_waits_for_a_table_gives_up_in_time_and_changes_nothing(old: Old) -> None:
    with psycopg.connect(old.address) as other:
        other.execute("SELECT count(*) FROM crawl_requests")

        with pytest.raises(StoreBusy):
            old.open(busy_timeout_s=0.1)

    assert old.rows("SELECT version FROM crawl_schema") == [(1,)]
    assert old.open() is not None


def test_one_of_several_processes_upgrades_it(old: Old) -> None:
    with ThreadPoolExecutor(3) as threads:
        stores = list(threads.map(lambda _: old.open(), range(3)))

    assert len(stores) == 3

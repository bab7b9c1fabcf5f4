"""Older stores are brought forward after a copy was made, newer ones are left alone; of two processes one does it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import SchemaTooNew, StoreDamaged
from crawler.outcome import ItemRow, Outcome, Verdict
from crawler.stores.base import RunRow
from crawler.stores.policy.login_policy import Trying
from crawler.stores.sqlite import SQLiteStore
from crawler.stores.sqlite import sqlite_schema as schema
from crawler.stores.sqlite.sqlite_driver import APPLICATION_ID, SQLiteDriver
from tests.stores.sqlite_homes import home
from tests.stores.support import ReversingCipher, SQLiteHome, accept, found, lease, start

__all__ = ["home"]  # fixtures


@pytest.fixture
def old(home: SQLiteHome) -> RunRow:
    """A store of the current version, which the tests below make an old one."""
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found("a")])
    store.commit(run, "me", [accept(lease(store, run)[0], {"n": 1})])
    store.close()
    return run


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A program one version further, whose step adds a column; tells how often it ran."""
    ran: list[int] = []

    def step(raw: sqlite3.Connection) -> None:
        ran.append(threading.get_ident())
        raw.execute("ALTER TABLE crawl_runs ADD COLUMN later TEXT DEFAULT 'new'")

    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION, step)
    return ran


def value(path: str, sql: str) -> object:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(sql).fetchone()[0]


def test_S10_an_older_store_is_brought_forward_after_a_copy_was_made(
    home: SQLiteHome, old: RunRow, next_version: list[int]
) -> None:
    store = home.open()

    assert value(home.path, "SELECT later FROM crawl_runs") == "new"
    assert value(home.path, "PRAGMA user_version") == schema.VERSION
    assert store.frontier.counts(old.frontier).done == 1
    copy = f"{home.path}.schema-{schema.VERSION - 1}.backup"
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    assert value(copy, "PRAGMA user_version") == schema.VERSION - 1
    assert value(copy, "SELECT count(*) FROM items") == 1
    home.open()
    assert len(next_version) == 1


def test_S10_a_migration_that_fails_changes_nothing(
    home: SQLiteHome, old: RunRow, next_version: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(raw: sqlite3.Connection) -> None:
        raw.execute("ALTER TABLE crawl_runs ADD COLUMN half TEXT")
        raise RuntimeError("power cut")

    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION, fails)
    with pytest.raises(RuntimeError):
        home.open()

    assert value(home.path, "PRAGMA user_version") == schema.VERSION - 1
    assert value(home.path, "SELECT count(*) FROM pragma_table_info('crawl_runs') WHERE name = 'half'") == 0


def test_S10_of_two_processes_that_migrate_at_once_one_does_it(
    home: SQLiteHome, old: RunRow, next_version: list[int]
) -> None:
    barrier = threading.Barrier(4)
    failed: list[BaseException] = []

    def opens() -> None:
        barrier.wait()
        try:
            SQLiteStore(home.path, cipher=ReversingCipher()).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=opens) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (failed, len(next_version)) == ([], 1)


def test_S10_a_newer_store_is_refused_untouched(home: SQLiteHome, old: RunRow) -> None:
    with closing(sqlite3.connect(home.path)) as raw:
        raw.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        raw.execute("PRAGMA journal_mode = DELETE")
    before = Path(home.path).read_bytes()

    with pytest.raises(SchemaTooNew, match="newer version"):
        home.open()

    assert Path(home.path).read_bytes() == before


def test_S10_of_many_processes_that_make_a_store_at_once_one_does_it(home: SQLiteHome) -> None:
    barrier = threading.Barrier(6)
    runs: list[int] = []
    failed: list[BaseException] = []

    def opens(number: int) -> None:
        barrier.wait()
        try:
            with closing(SQLiteStore(home.path, cipher=ReversingCipher())) as store:
                runs.append(start(store, spider=f"spider{number}").id)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=opens, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sorted(runs) == [1, 2, 3, 4, 5, 6]


def layout(path: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute(
            'SELECT m.type, m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m'
            " LEFT JOIN pragma_table_info(m.name) c WHERE m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"
        ).fetchall()


OLD_TABLES = Path(__file__).with_name("schema_1.sql")


@pytest.fixture
def first_schema(home: SQLiteHome) -> sqlite3.Connection:
    """A store as the first schema had it, with a session, one living claim on its login and one on another's."""
    raw = sqlite3.connect(home.path)
    raw.executescript(OLD_TABLES.read_text(encoding="utf-8"))
    raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    raw.execute("PRAGMA user_version = 1")
    secret = home.cipher.seal("sid=1")
    raw.execute(
        "INSERT INTO crawl_sessions VALUES ('known', 'ann', 'ready', 3, 7, ?, 1, 'login', 5.0, NULL, 5.0, 5.0)",
        (secret,),
    )
    for number, key in enumerate(("known", "unknown"), 41):
        raw.execute(
            "INSERT INTO crawl_logins (id, key, owner, epoch, started_at) VALUES (?, ?, 'old', 3, 5.0)", (number, key)
        )
        raw.execute("INSERT INTO crawl_login_claims VALUES (?, 'old', ?, ?)", (key, home.clock.now + 60, number))
    raw.commit()
    raw.close()
    return raw


@pytest.mark.usefixtures("first_schema")
def test_S10_claims_of_the_first_schema_are_in_the_rows_of_their_sessions_afterwards(home: SQLiteHome) -> None:
    store = home.open()

    known = store.sessions.load("known")
    assert known is not None
    assert (known.secret, known.epoch, known.version, known.name) == ("sid=1", 3, 7, "ann")
    assert store.sessions.load("unknown") is None
    assert value(home.path, "SELECT count(*) FROM sqlite_master WHERE name = 'crawl_login_claims'") == 0
    assert value(f"{home.path}.schema-1.backup", "SELECT count(*) FROM crawl_login_claims") == 2
    for key, token in (("known", 41), ("unknown", 42)):
        with closing(sqlite3.connect(home.path)) as raw:
            columns = "login_owner, login_token, login_until"
            claim = raw.execute(f"SELECT {columns} FROM crawl_sessions WHERE key = ?", (key,)).fetchone()
        assert claim == ("old", token, home.clock.now + 60)
    home.clock.now += 61
    assert store.logins.claim("unknown", owner="me", epoch=0, lease_s=60, trying=Trying()).token == 43


@pytest.mark.usefixtures("first_schema")
def test_S10_a_store_of_the_first_schema_has_the_columns_of_a_new_one_afterwards(
    home: SQLiteHome, tmp_path: Path
) -> None:
    home.open()
    SQLiteStore(str(tmp_path / "new.db"), cipher=ReversingCipher()).close()

    assert layout(home.path) == layout(str(tmp_path / "new.db"))


@pytest.fixture
def second_schema(home: SQLiteHome) -> None:
    """A store as the program with schema 2 wrote it: two nights of a shop, and a table named by a keyword."""
    with closing(sqlite3.connect(home.path)) as raw:
        raw.executescript(OLD_TABLES.with_name("schema_2.sql").read_text(encoding="utf-8"))
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        raw.execute("PRAGMA user_version = 2")
        raw.commit()


@pytest.mark.usefixtures("second_schema")
def test_S10_rows_of_the_second_schema_tell_their_crawl_and_spider_afterwards(home: SQLiteHome) -> None:
    store = home.open()

    rows = list(store.results.rows("items"))
    assert [(row["_crawl"], row["_spider"], row["sku"]) for row in rows] == [
        (crawl, "shop", f"s{number}") for crawl in (1, 2) for number in range(3)
    ]
    assert [row["price"] for row in rows] == [Decimal("1.50")] * 6
    assert [row["_crawl_2"] for row in rows] == [f"theirs {night}" for night in (1, 1, 1, 2, 2, 2)]
    assert [row["total"] for row in store.results.rows("Order")] == [2**70] * 6
    assert [row["sku"] for row in store.results.latest("items")] == ["s0", "s1", "s2"]
    assert value(home.path, "SELECT count(*) FROM latest_items") == 3
    assert value(home.path, "SELECT count(*) FROM latest_Order") == 3
    assert store.care.audit(2).problems == ()


@pytest.mark.usefixtures("second_schema")
def test_S10_a_store_of_the_second_schema_takes_records_and_items_afterwards(home: SQLiteHome) -> None:
    store = home.open()
    run = start(store, spider="shop", fresh=True)
    store.frontier.add(run.frontier, [found("p9")])
    (leased,) = lease(store, run, 1)
    items = [ItemRow("items", {"sku": "s9", "_crawl": "theirs 3"}), ItemRow("Order", {"id": 1}, '{"id":"1"}')]
    store.commit(run, "me", [Outcome(leased, Verdict.ACCEPT, items=items)])

    assert [row["_crawl_2"] for row in store.results.latest("items")] == ["theirs 3"]
    assert [row["id"] for row in store.results.latest("Order")] == [1]
    assert store.care.audit(run.frontier).problems == ()


@pytest.mark.usefixtures("second_schema")
def test_S10_a_store_of_the_second_schema_has_the_columns_of_a_new_one_afterwards(
    home: SQLiteHome, tmp_path: Path
) -> None:
    home.open()
    SQLiteStore(str(tmp_path / "new.db"), cipher=ReversingCipher()).close()

    ours = [row for row in layout(home.path) if row[1].startswith("crawl_") and "_by_" not in row[1]]
    assert ours == [row for row in layout(str(tmp_path / "new.db")) if "_by_" not in row[1]]


def test_S7_a_store_that_lacks_a_table_is_damaged(home: SQLiteHome, old: RunRow) -> None:
    with closing(sqlite3.connect(home.path)) as raw:
        raw.execute("DROP TABLE crawl_pages")

    with pytest.raises(StoreDamaged, match="crawl_pages"):
        home.open()


def test_S3_durability_full_syncs_every_commit(home: SQLiteHome) -> None:
    def synchronous(durability: str) -> int:
        store = home.open(durability=durability)
        assert isinstance(store, SQLiteStore)
        return int(store._db.read("PRAGMA synchronous")[0][0])

    assert (synchronous("normal"), synchronous("full")) == (1, 2)


def test_no_question_on_the_hot_path_walks_over_the_frontier(home: SQLiteHome) -> None:
    store = home.open()
    assert isinstance(store, SQLiteStore)
    run = start(store)
    raw = store._db.raw
    asked: list[str] = []
    raw.set_trace_callback(asked.append)
    store.frontier.add(run.frontier, [found(number, slot=f"s{number % 3}") for number in range(20)])
    leased = lease(store, run, 9)
    store.commit(run, "me", [accept(one, {"n": 1}, links=[found("new")]) for one in leased[:5]])
    store.commit(run, "other", [accept(one, {"n": 1}) for one in leased[5:]])
    store.leases.renew(run.frontier, owner="me", lease_s=60)
    store.leases.release(run.frontier, owner="me", ids=[leased[8].id])
    store.leases.next_due(run.frontier)
    store.frontier.counts(run.frontier)
    store.frontier.park(run.frontier, session="default")
    store.frontier.reopen(run.frontier, states=[3, 5])
    store.frontier.quarantine(run.frontier, session="default", epoch=0, since=0)
    raw.set_trace_callback(None)
    raw.execute("PRAGMA foreign_keys = OFF")  # their checks are planned always and run only after a violation

    plans = {
        sql: [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}")]
        for sql in asked
        if sql.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))
    }

    assert len(plans) > 15
    walks = ("SCAN crawl_requests", "SCAN r", "SCAN crawl_pages", "SCAN items")
    assert [sql for sql, plan in plans.items() if any(step.startswith(walks) for step in plan)] == []


def test_P5_a_store_that_another_process_makes_between_two_looks_is_no_foreign_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "crawl.db")
    look = SQLiteDriver.one

    def slow_look(self: SQLiteDriver, sql: str, *parameters: Any) -> Any:
        seen = look(self, sql, *parameters)
        monkeypatch.setattr(SQLiteDriver, "one", look)
        SQLiteStore(path, cipher=ReversingCipher()).close()  # the other process, after our first look
        return seen

    monkeypatch.setattr(SQLiteDriver, "one", slow_look)

    store = SQLiteStore(path, cipher=ReversingCipher())

    assert store.runs.last() == []
    store.close()

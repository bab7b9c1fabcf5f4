"""`crawl store migrate|partition|vacuum|doctor`: what a person types to look after the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.stores.told import CareNote
from tests.fleet.conftest import Fleet
from tests.stores.support import PostgresHome, accept, found, lease, start

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PostgresHome]:
    made = PostgresHome(tmp_path)
    yield made
    made.close()


def examined(home: PostgresHome) -> dict[str, CareNote]:
    from crawler.stores.postgres.postgres_doctor import findings
    from crawler.stores.postgres.postgres_schema import opened

    with opened(home.path) as driver:
        return {each.what: each for each in findings(driver)}


def test_the_commands_do_what_they_say_and_a_crawl_goes_on_between_them(fleet: Fleet) -> None:
    assert fleet.run(max_pages=12).code == 5
    assert "nothing to do" in fleet.run(["store", "migrate", "--store", fleet.address]).out
    assert "4 partitions" in fleet.run(["store", "partition", "4", "--store", fleet.address]).out
    assert "left" in fleet.run(["store", "vacuum", "--store", fleet.address]).out
    told = fleet.run(["store", "doctor", "--store", fleet.address])
    # the server of the tests has fsync switched off, and nothing else is wrong
    assert [line for line in told.err.splitlines() if line.startswith("crawl:")] == [
        "crawl: fsync: switch it on: a power cut may destroy the database"
    ]
    assert told.code == 6
    for word in ("connection", "key", "server", "clock", "members", "leases", "snapshots", "dead rows", "partitions"):
        assert f"\n{word}" in f"\n{told.out}"
    assert fleet.run().code == 0
    fleet.is_exact()
    assert fleet.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'crawl_requests'::regclass") == [(4,)]


@pytest.mark.parametrize(("words", "said"), [(["partition", "4"], "no partitions"), (["vacuum"], "no dead rows")])
def test_a_command_that_makes_no_sense_for_a_file_is_one_line(fleet: Fleet, words: list[str], said: str) -> None:
    file = str(fleet.folder / "crawl.db")
    fleet.run(store=file, max_pages=1)

    ended = fleet.run(["store", *words, "--store", file])

    assert ended.code == 6
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_doctor_names_who_holds_an_old_snapshot_and_how_to_end_it(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.stores.postgres.postgres_doctor._HELD_S", 0.0)
    home.open()
    with psycopg.connect(home.path, application_name="report") as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        pid, held = other.info.backend_pid, examined(home)["snapshots"]

    assert f"process {pid} (report, idle in transaction)" in held.told
    assert f"SELECT pg_terminate_backend({pid})" in held.advice


def test_a_crawl_warns_of_an_old_snapshot(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("crawler.stores.postgres.old_snapshots.WARN_S", 0.0)
    with psycopg.connect(home.path) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        pid = other.info.backend_pid
        home.open(clock=None)

    (told,) = [record.message for record in caplog.records if "snapshot" in record.message]
    assert f"process {pid} (" in told
    assert "crawl store doctor" in told


def test_the_doctor_sees_dead_members_lapsed_leases_and_dead_rows(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.stores.postgres.postgres_doctor._MUCH_DEAD", 50)
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(n) for n in range(100)])
    for _ in range(2):
        leased = lease(store, run, 50)
        store.commit(run, "me", [accept(one) for one in leased[:49]])
    store.close()
    home.server.do("INSERT INTO crawl_members VALUES ('x', 'work', 'orders', '', '{}', 1)", home.name)
    home.server.do("UPDATE crawl_requests SET lease_until = 1 WHERE state = 1", home.name)  # long ago

    seen = examined(home)

    assert seen["members"].told == "0 at work, 1 dead"
    assert seen["leases"].told == "2, of which 2 have run out"
    assert "crawl run" in seen["leases"].advice
    assert " of crawl_requests beside " in seen["dead rows"].told
    assert seen["dead rows"].advice == "run `crawl store vacuum`"


def test_a_vacuum_removes_dead_rows_and_says_what_an_old_snapshot_keeps(home: PostgresHome) -> None:
    from crawler.stores.postgres.postgres_doctor import vacuum
    from crawler.stores.postgres.postgres_schema import opened

    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(n) for n in range(100)])
    with psycopg.connect(home.path) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        lease(store, run, 60)
        with opened(home.path) as driver:
            kept = {table: after for table, _, after in vacuum(driver)}
    with opened(home.path) as driver:
        gone = {table: after for table, _, after in vacuum(driver)}

    assert kept["crawl_requests"] >= 60
    assert gone["crawl_requests"] == 0

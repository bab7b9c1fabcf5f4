"""A short form of ``python -m benchmarks.fleet``: what it counts, and that it counts what it says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.fleet import paces, rivals, room, tables
from benchmarks.fleet.__main__ import main
from benchmarks.fleet.ground import Database, processes_cpu_s
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Database | None]:
    if request.param == "sqlite":
        return str(tmp_path / "crawl.db"), None
    return on_postgres()


def on_postgres() -> tuple[str, Database]:
    server = postgres.server()
    address = server.database()
    return address, Database(server, address)


def test_pages_are_committed_with_their_links_and_what_they_cost_is_counted(
    place: tuple[str, Database | None],
) -> None:
    address, database = place

    pace = paces.pages(address, database, paces.Work(pages=64, links=2, group=16, hosts=4))

    assert pace.pages_s > 0
    assert pace.client_ms > 0
    assert (pace.wal_bytes > 500) == (database is not None)
    if database is not None:
        assert database.ask("SELECT count(*) FROM crawl_pages") == [(64 + 32,)]  # two groups to begin with
        assert database.ask("SELECT count(*) FROM items") == [(96,)]
        assert database.ask("SELECT count(*) FROM crawl_requests") == [(80 + 2 * 96,)]
    assert "| pages, 2 new links, groups of 16 |" in tables.of_paces([("PostgreSQL", pace)])


def test_claims_alone_leave_as_many_requests_leased() -> None:
    address, database = on_postgres()

    pace = paces.claims(address, database, 100, 20)

    assert database.ask("SELECT count(*) FROM crawl_requests WHERE state = 1") == [(120,)]  # one group to begin with
    assert "| URLs claimed, groups of 20 |" in tables.of_paces([("PostgreSQL", pace)])


def test_the_room_of_a_url_is_that_of_its_tables_and_indexes() -> None:
    address, database = on_postgres()

    found = room.fill(database, 6_000, 20, hosts=50)

    parts = {part.name: part.table for part in found.parts}
    assert parts["crawl_requests"] == ""
    assert parts["crawl_requests_known"] == "crawl_requests"
    assert found.bytes_a_url("crawl_requests") > 100
    assert database.ask("SELECT count(*), count(*) FILTER (WHERE state = 2) FROM crawl_requests") == [(6_000, 20)]
    assert "| crawl_requests |  |" in tables.of_room(found)
    room.vacuum(address)
    requests = next(row for row in room.look(database, 6_000, 20, 0.0).dead if row[0] == "crawl_requests")
    assert requests[4], "no vacuum is known of"


def test_cpu_counts_children_that_have_ended() -> None:
    burn = "import time; end = time.process_time() + 0.1\nwhile time.process_time() < end: pass"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(1, flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    parent.stdout.readline()

    assert processes_cpu_s(parent.pid) >= 0.1
    parent.communicate(b"\n")


def test_figures_of_a_crawl_are_taken_between_its_tenth_and_its_last_tenth() -> None:
    marks = [(10.0, 2.0, 1.0, 100), (20.0, 4.0, 1.5, 900)]

    assert rivals._between(marks, 1.25) == (100.0, 2.0, 0.5)
    assert rivals._between(marks[:1], 1.25) == (0.0, 0.0, 0.0)
    assert list(rivals._moments(3, 200)) == [20, 70, 120]


def test_a_killed_member_is_started_again_and_its_cpu_is_not_forgotten(tmp_path: Path) -> None:
    busy = "import time; end = time.process_time() + 0.05\nwhile time.process_time() < end: pass\ntime.sleep(60)"

    def command(number: int, again: bool, folder: Path, address: str) -> list[str]:
        (folder / f"member-{number}").mkdir(exist_ok=True)
        return [sys.executable, "-c", busy if not again else "print('again', flush=True)"]

    rival = rivals.Rival("made up", "made up", lambda stack, folder: None, "", command)  # type: ignore[arg-type, return-value]
    members = rivals.Members(rival, tmp_path, "", {})
    members.start(0)
    deadline = time.monotonic() + 20
    while members.cpu_s() < 0.05 and time.monotonic() < deadline:
        time.sleep(0.01)
    members.kill(0)
    while not members.are_over() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert members.cpu_s() >= 0.05
    assert (tmp_path / "member-0" / "log").read_text() == "again\n"
    members.stop()


def test_the_table_shows_what_each_crawler_lost() -> None:
    row = rivals.Played("scrapy-redis", 0.0, 0.0, 0.0, 12, 3, 4, 5, 60.0, "said", "20.0")

    told = tables.of_rivals([row])

    assert "| scrapy-redis | 5 | | |  | 12 | 3 | 4 | 20.0 |" in told
    assert told.endswith("scrapy-redis: said")


@pytest.mark.parametrize("key", rivals.ALL)
def test_each_rival_has_the_versions_that_it_is_installed_with(key: str) -> None:
    rival = rivals.ALL[key]
    if rival.environment:
        wanted = Path("benchmarks/requirements") / f"{rival.environment}.txt"
        assert "==" in wanted.read_text()


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stores", "--nonsense"])
    assert "--nonsense" in capsys.readouterr().err

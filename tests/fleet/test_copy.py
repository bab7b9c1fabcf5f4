"""`crawl store copy`: an unfinished, logged-in crawl goes from a file to PostgreSQL, on there, and back."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import StoreError
from crawler.outcome import ItemRow
from crawler.records import key_of
from crawler.stores.sql.store_copying import copy, tables
from tests.fleet.conftest import PAGES, Fleet
from tests.fleet.test_crawls import logins
from tests.stores.support import HOMES, accept, found, lease, snapshot, start


def test_an_unfinished_crawl_moves_to_a_database_and_back_without_a_second_login(fleet: Fleet) -> None:
    file, back = str(fleet.folder / "crawl.db"), str(fleet.folder / "back.db")
    begun = fleet.run(store=file, max_pages=12)
    assert "12" in begun.out, begun

    there = fleet.run(["store", "copy", file, fleet.address])
    assert there.code == 0, there
    again = fleet.run(["store", "copy", file, fleet.address])
    assert (again.code != 0, "not empty" in again.err) == (True, True), again
    ended = fleet.run(machine="two")
    assert ended.code == 0, ended
    fleet.is_exact()

    returned = fleet.run(["store", "copy", fleet.address, back])
    assert returned.code == 0, returned
    audit = fleet.run(["audit", "members", "--store", back])
    assert (audit.code, f"{PAGES} known" in audit.out) == (0, True), audit
    here, there_too = (
        fleet.run(["export", "members", "--store", each, "-o", "-"]).out for each in (back, fleet.address)
    )
    assert [json.loads(line) for line in here.splitlines()] == [json.loads(line) for line in there_too.splitlines()]
    assert logins(fleet) == 1


def test_without_a_key_in_the_variable_that_of_the_machine_is_named_and_the_session_goes_along(fleet: Fleet) -> None:
    file, machine = str(fleet.folder / "crawl.db"), fleet.machine()
    with machine.start(machine.words(store=file, max_pages=12), environment={}) as begun:
        assert begun.end(60).code == 5
    copying = ["store", "copy", file, fleet.address]
    with machine.start(copying, environment={}) as refused:
        told = refused.end(60)
    found = re.search(r"set CRAWL_KEY to what is in (.+), the key of this machine", told.err)
    assert (told.code, found is not None, "openssl" in told.err) == (2, True, False), told
    assert found is not None

    fleet.key = Path(found[1]).read_text().strip()
    assert fleet.run(copying).code == 0
    assert fleet.run(machine="two").code == 0
    assert logins(fleet) == 1


VALUES: list[dict[str, Any]] = [
    {"id": 1, "text": "a\x00b", "late": None, "mixed": 5},
    {"id": 2, "text": "ü", "late": 7, "mixed": "five", "at": datetime(2026, 11, 29, 5), "price": Decimal("1.50")},
    {"id": 3, "text": "", "late": "x", "mixed": b"\xff", "big": 2**70, "nested": {"a": [1, None]}, "nan": 0.25},
]


@pytest.mark.parametrize(("here", "there"), [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("memory", "sqlite")])
def test_all_that_a_store_holds_is_equal_in_the_copy(tmp_path: Path, here: str, there: str) -> None:
    old_home, new_home = HOMES[here](tmp_path / "old"), HOMES[there](tmp_path / "new")
    with closing(old_home), closing(new_home):
        old: Any = old_home.open()
        run = start(old)
        old.frontier.add(run.frontier, [found(number, slot=f"s{number}") for number in range(5)])
        leased = lease(old, run, 3)
        keyed = [ItemRow("Book", item, key=key_of(item, ["id"], "")) for item in VALUES]
        plain = [ItemRow("items", item) for item in VALUES]
        old.commit(run, "me", [accept(leased[0], links=[found("new")])])
        page = accept(leased[1])
        page.items.extend([*plain, *keyed])
        old.commit(run, "me", [page])
        old.sessions.save(snapshot("sid=1"), run=run.id)
        old.slots.pause("s4", 2e9)

        copy(old.copied, new_home.open().copied)

        new: Any = new_home.open()
        for kind in ("items", "Book"):
            assert list(new.results.rows(kind)) == list(old.results.rows(kind))
        assert new.frontier.counts(run.frontier) == old.frontier.counts(run.frontier)
        assert new.sessions.all() == old.sessions.all()
        assert list(new.runs.pages(run.frontier)) == list(old.runs.pages(run.frontier))
        assert list(new.records.changes("orders", since=0)) == list(old.records.changes("orders", since=0))
        assert new.care.audit(run.frontier).problems == ()
        new.frontier.add(run.frontier, [found("later")])
        assert new.frontier.counts(run.frontier).waiting == old.frontier.counts(run.frontier).waiting + 1
        with pytest.raises(StoreError, match="not empty"):
            copy(old.copied, new.copied)


def test_every_table_is_copied_with_all_its_columns() -> None:
    copied = dict(tables())

    assert len(copied) >= 23
    assert copied["crawl_lanes"] == ["id", "slot", "session"]
    assert copied["crawl_sightings"] == ["page", "record", "hash", "shape", "request", "dropped"]


def test_a_copy_is_refused_while_a_worker_lives(fleet: Fleet) -> None:
    assert fleet.run(max_pages=3).code == 5
    fleet.rows("INSERT INTO crawl_members VALUES ('w', 'work', 'members', '', '{}', extract(epoch FROM now()) + 60)")

    refused = fleet.run(["store", "copy", fleet.address, str(fleet.folder / "back.db")])

    assert refused.code == 6
    assert "workers are at work" in refused.err


def test_the_bytes_of_files_are_copied_and_what_is_lacking_is_named(tmp_path: Path) -> None:
    from crawler.stores.file_copying import copy_files
    from crawler.stores.told import HeldFile

    old, new = tmp_path / "old" / "files", tmp_path / "new" / "files"
    held = []
    for number, body in enumerate((b"one", b"one", b"two", b"three", b"four")):
        digest = hashlib.sha256(body).hexdigest()
        file = old / digest[:2] / digest
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"broken" if body == b"three" else body)
        url = f"http://shop.example/{number}"
        link = f"orders/{number}.txt"
        held.append(HeldFile(number, "orders", "s", url, digest, len(body), "text/plain", "n", link, 1, 1.0))
    (old / held[4].hash[:2] / held[4].hash).unlink()

    done = copy_files(held, old, new)

    assert (done.copied, done.there, done.shared) == (2, 0, False)
    assert done.lacking == ["http://shop.example/3", "http://shop.example/4"]
    assert {file.read_bytes() for file in (tmp_path / "new" / "orders").iterdir()} == {b"one", b"two"}
    assert len(list((tmp_path / "new" / "orders").iterdir())) == 3
    assert not list(new.rglob("*copy-*"))
    again = copy_files(held, old, new)
    assert (again.copied, again.there) == (0, 2)
    assert copy_files(held, new, new).shared


def test_pauses_slots_records_and_half_done_work_come_along_both_ways(tmp_path: Path) -> None:
    """From a file to PostgreSQL and back: what a crawl would go on with is the same, row by row."""
    from crawler.outcome import Verdict
    from tests.stores.support import outcome

    homes = [HOMES[kind](tmp_path / str(place)) for place, kind in enumerate(("sqlite", "postgresql", "sqlite"))]
    old: Any = homes[0].open()
    run = start(old)
    old.frontier.add(run.frontier, [found(n, slot=f"s{n}.example", priority=n) for n in range(6)])
    leased = lease(old, run, 3)
    page = accept(leased[0])
    page.items.append(ItemRow("Book", {"id": 1}, key=key_of({"id": 1}, ["id"], "")))
    later = outcome(leased[1], Verdict.RETRY, not_before=1_800_000_900.0, pause_slot_until=1_800_000_800.0, error="503")
    old.commit(run, "me", [page, later])
    old.sessions.save(snapshot("sid=1"), run=run.id)
    old.slots.reserve("s5.example", delay_s=7.5)
    stores = [old]
    for home in homes[1:]:
        new: Any = home.open()
        copy(stores[-1].copied, new.copied)
        stores.append(new)

    asked = {
        "slots": "SELECT name, next_at, paused_until FROM crawl_slots ORDER BY name",
        "requests": "SELECT id, url, state, attempt, token, not_before, error FROM crawl_requests ORDER BY id",
        "records": "SELECT id, key, gone FROM crawl_records ORDER BY id",
        "sessions": "SELECT key, epoch, version, secret FROM crawl_sessions ORDER BY key",
    }
    for what, question in asked.items():
        first, there, back = ([tuple(row) for row in store.copied.driver.read(question)] for store in stores)
        assert first == there == back, what
    for home in homes:
        home.close()

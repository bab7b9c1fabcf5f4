"""What can be read of a damaged store is found and brought out, and the file stays as it is."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import StoreDamaged, StoreError
from crawler.stores.sqlite.doctor import doctor, salvage
from tests.stores.support import SQLiteHome, accept, found, lease, snapshot, start

ITEMS = 400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store with enough results to fill many pages."""
    (tmp_path / "home").mkdir()
    home = SQLiteHome(tmp_path / "home")
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(number, extras="body=hunter2") for number in range(ITEMS)])
    leased = lease(store, run, ITEMS)
    store.commit(run, "me", [accept(one, {"n": n, "Text": "x" * 300, "big": 2**70}) for n, one in enumerate(leased)])
    store.sessions.save(snapshot("sid=hunter2"), run=run.id)
    home.close()
    return Path(home.path)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def page_of(path: Path, mark: bytes) -> int:
    """Where the page begins that holds *mark*."""
    return path.read_bytes().index(mark) // 4096 * 4096


def test_a_sound_store_is_reported_to_be_sound(path: Path) -> None:
    found_damage = doctor(str(path))

    assert found_damage.ok
    assert found_damage.problems == ()
    assert found_damage.readable["items"] == ITEMS
    assert found_damage.readable["crawl_requests"] == ITEMS


def test_a_store_in_use_can_be_looked_at(tmp_path: Path) -> None:
    home = SQLiteHome(tmp_path)
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(number) for number in range(7)])

    assert doctor(home.path).readable["crawl_requests"] == 7  # from the log
    home.close()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "one page of results": lambda path: overwrite(path, page_of(path, b"x" * 300), b"\xa5" * 4096),
    "the first bytes": lambda path: overwrite(path, 0, b"garbage" * 3),
    "the whole header": lambda path: overwrite(path, 0, bytes(100)),
    "the end": lambda path: overwrite(path, path.stat().st_size - 3 * 4096, b"\xa5" * 3 * 4096),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_S7_most_of_a_damaged_store_is_brought_out_and_the_file_is_not_changed(
    path: Path, tmp_path: Path, damage: str
) -> None:
    DAMAGES[damage](path)
    before = contents(path.parent)

    found_damage = doctor(str(path))
    written = salvage(str(path), str(tmp_path / "out"))

    assert not found_damage.ok
    assert found_damage.problems
    assert contents(path.parent) | before == before | contents(path.parent)  # nothing that was there has changed
    assert {name for name in contents(path.parent) if not name.endswith(("-shm", "-wal"))} == {
        name for name in before if not name.endswith(("-shm", "-wal"))
    }
    rows = lines(tmp_path / "out" / "items.jsonl")
    assert len(rows) == written["items"] == found_damage.readable["items"]
    assert ITEMS - 60 <= len(rows) <= ITEMS
    assert all(row["big"] == 2**70 and row["Text"] == "x" * 300 for row in rows)
    assert len({row["n"] for row in rows}) == len(rows)


def test_S7_what_is_brought_out_holds_no_secret_and_only_the_owner_may_read_it(path: Path, tmp_path: Path) -> None:
    salvage(str(path), str(tmp_path / "out"))

    files = list((tmp_path / "out").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    (session,) = lines(tmp_path / "out" / "crawl_sessions.jsonl")
    assert "secret" not in session
    assert all("extras" not in row for row in lines(tmp_path / "out" / "crawl_requests.jsonl"))


def test_nothing_is_overwritten_when_a_store_is_brought_out(path: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "items.jsonl").write_text("mine")

    with pytest.raises(StoreError, match="not empty"):
        salvage(str(path), str(tmp_path / "out"))
    assert (tmp_path / "out" / "items.jsonl").read_text() == "mine"


def test_X6_names_of_tables_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    from crawler.outcome import ItemRow

    (tmp_path / "home").mkdir()
    home = SQLiteHome(tmp_path / "home")
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found("a")])
    page = accept(lease(store, run)[0])
    names = ["../../evil", "/etc/evil", "..", ".", "a/b", "con"]
    page.items = [ItemRow(name, {"a": 1}) for name in names]
    store.commit(run, "me", [page])
    home.close()

    written = salvage(home.path, str(tmp_path / "out"))

    assert len(list((tmp_path / "out").iterdir())) == len(written)
    assert not (tmp_path / "evil.jsonl").exists()
    assert sum(written[name] for name in written if not name.startswith("crawl_")) == len(names)


@pytest.mark.parametrize("content", [b"", b"hello", bytes(9000)], ids=["empty", "text", "zeros"])
def test_a_completely_unreadable_file_is_reported_as_such(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "crawl.db"
    path.write_bytes(content)

    with pytest.raises(StoreDamaged, match="nothing can be read"):
        salvage(str(path), str(tmp_path / "out"))
    assert not doctor(str(path)).ok
    assert path.read_bytes() == content
    with pytest.raises(StoreError, match="no such file"):
        doctor(str(tmp_path / "none.db"))

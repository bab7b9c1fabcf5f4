"""What the disk, the system and other processes do to a SQLite store, and what it says then."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from crawler.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from crawler.stores import open_store
from crawler.stores.base import Committed, RunRow
from crawler.stores.sqlite import SQLiteStore
from tests.stores.sqlite_homes import filled, home
from tests.stores.support import ReversingCipher, SQLiteHome, accept, found, lease, start

__all__ = ["home"]  # fixtures


ROOT = Path(__file__).parents[2]


# --- S4: disk full ----------------------------------------------------------------------------------------------------
def test_S4_a_commit_that_does_not_fit_writes_nothing_and_goes_through_when_there_is_room(home: SQLiteHome) -> None:
    store = home.open()
    assert isinstance(store, SQLiteStore)
    run = start(store)
    store.frontier.add(run.frontier, [found(number) for number in range(10)])
    leased = lease(store, run)
    pages = [
        accept(one, {"text": "x" * 50_000}, links=[found(f"{one.id}-{n}", slot=f"s{n}") for n in range(50)])
        for one in leased
    ]
    raw = store._db.raw
    before = store.frontier.counts(run.frontier)
    raw.execute(f"PRAGMA max_page_count = {raw.execute('PRAGMA page_count').fetchone()[0] + 5}")

    for _ in range(2):
        with pytest.raises(StoreFull) as caught:
            store.commit(run, "me", pages)
    assert home.path in str(caught.value)
    assert "bytes are needed" in str(caught.value)
    assert store.frontier.counts(run.frontier) == before
    assert store.results.tables() == {}

    raw.execute("PRAGMA max_page_count = 1000000")
    assert store.commit(run, "me", pages) == Committed(added=500, items=10)
    assert store.care.audit(run.frontier).ok


def test_S4_a_full_disk_is_reported_and_survived(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.decode().strip()}")
    home = SQLiteHome(folder)
    try:
        store = home.open()
        run = start(store)
        store.frontier.add(run.frontier, [found(number) for number in range(10)])
        pages = [accept(one, {"text": "x" * 300_000}) for one in lease(store, run)]
        with pytest.raises(StoreFull, match="are free"):
            store.commit(run, "me", pages)
        assert store.frontier.counts(run.frontier).leased == 10
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        assert store.commit(run, "me", pages).items == 10
        assert store.care.audit(run.frontier).ok
    finally:
        home.close()
        subprocess.run(["umount", str(folder)], check=True)


# --- S5: locked -------------------------------------------------------------------------------------------------------
@contextmanager
def locked(path: str) -> Iterator[Callable[[], None]]:
    """Another connection that holds the write lock until it is told to let go."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield lambda: other.rollback()


def test_S5_a_store_that_stays_locked_is_a_clear_error_and_nothing_is_lost(home: SQLiteHome) -> None:
    store = home.open(busy_timeout_s=0.1)
    run = start(store)
    store.frontier.add(run.frontier, [found("a")])
    page = accept(lease(store, run)[0], {"n": 1})

    with locked(home.path) as let_go:
        with pytest.raises(StoreBusy, match=r"locked by another process for more than 0\.1 s") as caught:
            store.commit(run, "me", [page])
        assert home.path in str(caught.value)
        assert store.frontier.counts(run.frontier).leased == 1  # readers go on
        assert store.results.tables() == {}
        let_go()

    assert store.commit(run, "me", [page]).items == 1


def test_S5_a_store_that_is_locked_for_a_moment_is_waited_for(home: SQLiteHome) -> None:
    store = home.open(busy_timeout_s=30.0)
    run = start(store)

    with locked(home.path) as let_go:
        timer = threading.Timer(0.2, let_go)
        timer.start()
        assert store.frontier.add(run.frontier, [found("a")]) == 1
        timer.join()


def test_S5_a_reader_opens_and_reads_while_another_process_writes(home: SQLiteHome) -> None:
    run = filled(home)

    with locked(home.path):
        reader = home.open(busy_timeout_s=30.0)
        assert reader.frontier.counts(run.frontier).done == 300
        assert len(list(reader.results.rows("items"))) == 300


# --- S6: read-only ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("what", "mode", "existing"),
    [("file", 0o400, True), ("folder", 0o500, True), ("folder", 0o500, False)],
    ids=["file", "folder", "folder without a store"],
)
def test_S6_what_cannot_be_written_is_found_before_the_first_request(
    tmp_path: Path, what: str, mode: int, existing: bool
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    home = SQLiteHome(folder)
    if existing:
        filled(home)
    user = 65_534 if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:  # modes do not bind root: another user opens it
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, -1)
        for parent in [*list(tmp_path.parents)[:3], tmp_path]:
            if parent.owner() == "root" and parent != Path("/tmp") and "pytest" in parent.name:
                os.chmod(parent, 0o755)
    for name in ("crawl.db-wal", "crawl.db-shm"):
        (folder / name).unlink(missing_ok=True)
    os.chmod(folder / "crawl.db" if what == "file" else folder, mode)
    code = f"""
        import os, sys
        from crawler.stores import open_store, who_else_may_write
        from crawler.errors import StoreReadOnly
        from tests.stores.support import ReversingCipher
        os.setuid({user})
        try:
            open_store({home.path!r}, cipher=ReversingCipher()).close()
        except StoreReadOnly as error:
            print(error)
            sys.exit(6)
    """

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )

    os.chmod(folder, 0o700)
    assert (ended.returncode, ended.stderr) == (6, "")
    assert ended.stdout.count("\n") == 1
    assert home.path in ended.stdout


def test_S6_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crawl.db").mkdir()

    with pytest.raises(StoreReadOnly):
        open_store(str(tmp_path / "crawl.db"), cipher=ReversingCipher())


# --- S7: damage -------------------------------------------------------------------------------------------------------
def overwrite(path: str, at: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def cut(path: str, length: int) -> None:
    with open(path, "r+b") as file:
        file.truncate(length)


DAMAGES: dict[str, Callable[[str], None]] = {
    "first bytes": lambda path: overwrite(path, 0, b"garbage garbage "),
    "all of the header": lambda path: overwrite(path, 0, b"\xff" * 100),
    "table of tables": lambda path: overwrite(path, 100, b"\xff" * 2000),
    "cut to a third": lambda path: cut(path, os.path.getsize(path) // 3 // 4096 * 4096),
    "cut to half a page": lambda path: cut(path, 2048),
    "cut to nothing": lambda path: cut(path, 0),
    "all pages but the first": lambda path: overwrite(path, 4096, b"\xa5" * (os.path.getsize(path) - 4096)),
    "a text file": lambda path: overwrite(path, 0, b"hello\n" * (os.path.getsize(path) // 6)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_S7_a_damaged_store_says_so_and_is_left_as_it_is(home: SQLiteHome, damage: str) -> None:
    run = filled(home)
    DAMAGES[damage](home.path)
    before = Path(home.path).read_bytes()

    with pytest.raises(StoreDamaged) as caught:
        use(home, run)

    home.close()
    assert home.path in str(caught.value)
    assert Path(home.path).read_bytes() == before


def use(home: SQLiteHome, run: RunRow) -> None:
    store = home.open()
    store.runs.last()
    list(store.results.rows("items"))
    store.frontier.add(run.frontier, [found(f"new-{number}") for number in range(50)])
    store.commit(run, "me", [accept(one, {"n": 1}) for one in lease(store, run)])
    start(store)


def test_S7_a_store_whose_log_was_zeroed_opens_with_what_the_file_holds(home: SQLiteHome) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found("a")])
    copy = Path(home.path).parent / "copy"
    copy.mkdir()
    shutil.copy(home.path, copy / "crawl.db")
    wal = Path(f"{home.path}-wal").read_bytes()
    (copy / "crawl.db-wal").write_bytes(bytes(len(wal)))

    other = SQLiteHome(copy)
    reopened = other.open()

    assert reopened.runs.last() == []  # the run was in the log alone
    other.close()


def test_S8_a_copy_without_its_log_opens_as_a_store(home: SQLiteHome) -> None:
    store = home.open()
    start(store)
    copy = Path(home.path).parent / "copy"
    copy.mkdir()
    shutil.copy(home.path, copy / "crawl.db")

    other = SQLiteHome(copy)
    assert other.open().runs.last() == []
    other.close()


def test_S8_a_backup_holds_what_only_the_log_held_and_overwrites_nothing(home: SQLiteHome, tmp_path: Path) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found("a")])
    target = tmp_path / "copy.db"

    store.care.backup(str(target))

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = SQLiteStore(str(target), cipher=ReversingCipher())
    assert copy.frontier.counts(run.frontier).waiting == 1
    copy.close()
    with pytest.raises(StoreError, match="already exists"):
        store.care.backup(str(target))
    with pytest.raises(StoreError):
        store.care.backup(str(tmp_path / "no" / "such" / "folder.db"))


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match="another program"):
        open_store(str(path), cipher=ReversingCipher())
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    assert path.read_bytes() == before


# --- a disk that takes nothing any more -------------------------------------------------------------------------------
@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with open(folder / "filler", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)


@pytest.mark.parametrize("killed", [False, True], ids=["after a tidy end", "after a kill"])
def test_a_store_on_a_full_disk_can_be_read(small: Path, killed: bool) -> None:
    path = small / "crawl.db"
    code = f"""
        import os
        from crawler.stores import open_store
        from tests.stores.support import ReversingCipher, accept, found, lease, start
        store = open_store({str(path)!r}, cipher=ReversingCipher())
        run = start(store)
        store.frontier.add(run.frontier, [found(1), found(2)])
        store.commit(run, "me", [accept(one, {{"n": 1}}) for one in lease(store, run, 1)])
        os._exit(0) if {killed} else store.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, check=True)
    (small / "crawl.db-shm").unlink(missing_ok=True)  # as in a copy, or after the machine was restarted
    assert (small / "crawl.db-wal").exists() == killed
    fill(small)

    with closing(open_store(str(path), cipher=ReversingCipher(), create=False, reading=True)) as store:
        assert store.frontier.counts(1).done == 1
        assert len(list(store.results.rows("items"))) == 1
        assert store.care.audit(1).problems == ()
    with pytest.raises(StoreFull):
        open_store(str(path), cipher=ReversingCipher(), create=False).frontier.add(1, [found(9)])

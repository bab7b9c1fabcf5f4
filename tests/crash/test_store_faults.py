"""S4 to S8 with whole crawls: a full disk, a locked, read-only, damaged or copied database."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.proof import remains, wrong_at_the_end
from tests.crash.waiting import wait_for_pages
from tests.crash.warm import Warm

pytestmark = pytest.mark.crash
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


def exact(project: Project, shop: SiteProcess) -> list[str]:
    truth = shop.truth.member_items(shop.accounts[0].username)
    return wrong_at_the_end(project, remains(project.database), truth)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every user can reach; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory of *size*."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def locked(database: Path, seconds: float) -> Iterator[None]:
    """The database with another writer in it, who leaves after so many seconds, or at the end of the block."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun.set()
            over.wait(seconds)
            other.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert begun.wait(10)
        yield
    finally:
        over.set()
        holder.join()


@as_root
def test_S4_a_full_disk_ends_the_run_with_code_6_and_the_same_command_goes_on_when_there_is_room(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.2)
    with small_disk(project.folder / "disk", "8m") as disk:
        project.store = disk / "crawl.db"
        with project.start_warm(warm, busy_timeout=1) as running:
            wait_for_pages(shop, 3)
            fill(disk / "filler")
            full = running.end()
        assert full.code == 6, full
        assert f"{project.database}: no room on the disk" in full.err
        assert "Traceback" not in full.err
        kept = remains(project.database)
        assert kept.problems == ()
        assert kept.done
        (disk / "filler").unlink()

        with project.start_warm(warm) as running:
            ended = running.end()

        assert ended.code == 0, ended.err
        assert exact(project, shop) == []
        assert kept.done <= remains(project.database).done


def fill(path: Path) -> None:
    """Write a file until nothing more goes onto its disk."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_S4_a_log_that_cannot_be_written_does_not_end_the_crawl(project: Project, shop: SiteProcess) -> None:
    running = project.start(prefix=["sh", "-c", 'exec "$@" 2>/dev/full', "sh"])
    with running:
        ended = running.end()

    assert ended.code == 0
    assert exact(project, shop) == []


def test_S5_a_database_locked_for_two_seconds_is_waited_for_and_nothing_is_lost(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.1)
    with project.start_warm(warm, busy_timeout=30) as running:
        wait_for_pages(shop, 3)
        with locked(project.database, 2.0):
            ended = running.end()

    assert ended.code == 0, ended.err
    assert exact(project, shop) == []


def test_S5_a_database_locked_for_ever_gives_up_after_busy_timeout_and_names_the_file(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.1)
    with project.start_warm(warm, busy_timeout=1) as running:
        wait_for_pages(shop, 3)
        with locked(project.database, 60.0):
            began = time.monotonic()
            stuck = running.end()
            took_s = time.monotonic() - began
    with project.start_warm(warm) as running:
        ended = running.end()

    assert stuck.code == 6, stuck
    assert f"{project.database}: locked by another process for more than 1 s" in stuck.err
    assert took_s < 6
    assert ended.code == 0, ended.err
    assert exact(project, shop) == []


def test_S5_a_database_that_is_locked_from_the_start_is_found_before_the_first_request(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    with project.start_warm(warm) as running:
        assert running.end().code == 0
    shop.reset_record()

    with locked(project.database, 60.0), project.start_warm(warm, busy_timeout=1) as running:
        stuck = running.end()

    assert stuck.code == 6
    assert str(project.database) in stuck.err
    assert shop.record.requests == {}


@as_root
@pytest.mark.parametrize("what", ["file", "folder"])
def test_S6_a_read_only_store_is_found_before_the_first_request(
    what: str, shop: SiteProcess, warm: Warm, open_folder: Path
) -> None:
    project = Project(open_folder, shop.url, shop.accounts[0])
    with project.start_warm(warm) as running:
        assert running.end().code == 0
    shop.reset_record()
    for path in (project.folder, *project.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    if what == "file":
        project.database.chmod(0o444)
    else:
        project.database.parent.chmod(0o555)

    with project.start_warm(warm, user=NOBODY) as running:
        refused = running.end()

    assert refused.code == 2, refused
    assert str(project.database) in refused.err
    assert len(refused.err.splitlines()) == 1
    assert shop.record.requests == {}


def _flip_header(raw: bytes) -> bytes:
    return bytes(255 - byte for byte in raw[:100]) + raw[100:]


def _flip_pages(raw: bytes) -> bytes:
    return raw[:4096] + bytes(255 - byte for byte in raw[4096:])


def _cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2 + 100]


def _other_file(raw: bytes) -> bytes:
    return b"My dear diary,\n" * 400


@pytest.mark.parametrize("damage", [_flip_header, _flip_pages, _cut, _other_file], ids=lambda each: each.__name__[1:])
def test_S7_a_damaged_store_is_refused_with_code_6_and_left_as_it_is(
    damage: object, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    assert callable(damage)
    with project.start_warm(warm) as running:
        assert running.end().code == 0
    broken = damage(project.database.read_bytes())
    project.database.write_bytes(broken)
    shop.reset_record()

    with project.start_warm(warm) as running:
        refused = running.end()

    assert refused.code == 6, refused
    assert str(project.database) in refused.err
    assert "damaged" in refused.err
    assert "Traceback" not in refused.err
    assert project.database.read_bytes() == broken
    assert shop.record.requests == {}


@pytest.mark.parametrize("log", ["missing", "zeroed"])
def test_S7_S8_a_killed_store_opens_without_its_log_and_the_crawl_ends_exact(
    log: str, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.1)
    with project.start_warm(warm) as running:
        wait_for_pages(shop, 6)
        running.kill()
    wal = project.database.with_name("crawl.db-wal")
    assert wal.stat().st_size > 0
    copy = project.folder / "copied" / "crawl.db"
    copy.parent.mkdir()
    shutil.copyfile(project.database, copy)
    if log == "zeroed":
        copy.with_name("crawl.db-wal").write_bytes(bytes(wal.stat().st_size))
    project.store = copy

    with project.start_warm(warm) as running:
        ended = running.end()

    assert ended.code == 0, ended.err
    assert exact(project, shop) == []

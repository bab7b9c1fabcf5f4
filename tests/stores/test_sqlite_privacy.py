"""Who may read the file of a store, and what others may have put in its place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from crawler.errors import StoreError, StoreReadOnly
from crawler.stores import open_store, who_else_may_write
from crawler.stores.sqlite import SQLiteStore
from tests.stores.sqlite_homes import filled, home
from tests.stores.support import ReversingCipher, SQLiteHome, start

__all__ = ["home"]  # fixtures


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_X11_only_the_owner_may_read_the_store_and_its_log(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        store = SQLiteStore(str(tmp_path / "new" / "crawl.db"), cipher=ReversingCipher())
        start(store)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    store.close()
    assert {"crawl.db", "crawl.db-wal", "crawl.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_X11_a_store_that_others_could_read_is_closed_to_them(home: SQLiteHome) -> None:
    filled(home)
    os.chmod(home.path, 0o644)

    home.open()

    assert stat.S_IMODE(os.stat(home.path).st_mode) == 0o600


def test_a_store_that_is_not_there_is_only_made_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "data" / "crawl.db"
    with pytest.raises(StoreError, match="no such store"):
        open_store(str(path), cipher=ReversingCipher(), create=False)

    assert not path.parent.exists()
    open_store(str(path), cipher=ReversingCipher()).close()
    open_store(str(path), cipher=ReversingCipher(), create=False).close()


def test_an_address_of_another_kind_of_store_is_refused_without_its_password() -> None:
    with pytest.raises(StoreError, match="unknown kind of store 'redis'") as caught:
        open_store("redis://user:hunter2@db", cipher=ReversingCipher())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("there", [True, False], ids=["leads to a file", "leads to nothing"])
@pytest.mark.parametrize("create", [True, False])
def test_a_planted_link_in_the_place_of_the_store_is_refused(tmp_path: Path, there: bool, create: bool) -> None:
    victim, path = tmp_path / "victim", tmp_path / "crawl.db"
    if there:
        victim.write_bytes(b"")
        victim.chmod(0o644)
    path.symlink_to(victim)

    with pytest.raises(StoreReadOnly, match=f"a link to {victim}.* remove the link"):
        open_store(str(path), cipher=ReversingCipher(), create=create)

    assert victim.exists() == there
    assert not there or (victim.read_bytes(), stat.S_IMODE(victim.stat().st_mode)) == (b"", 0o644)


def test_a_store_in_a_folder_that_is_the_users_own_link_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "big-disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "big-disk")

    open_store(str(tmp_path / "data" / "crawl.db"), cipher=ReversingCipher()).close()

    assert (tmp_path / "big-disk" / "crawl.db").exists()


@pytest.mark.parametrize("kind", ["-wal", "-shm", "-journal"])
def test_a_planted_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path, kind: str) -> None:
    victim, path = tmp_path / "victim", tmp_path / "crawl.db"
    victim.write_bytes(b"mine")
    (tmp_path / f"crawl.db{kind}").symlink_to(victim)

    with suppress(StoreError), closing(open_store(str(path), cipher=ReversingCipher())) as store:
        start(store)

    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("mode", "named"), [(0o777, True), (0o1777, True), (0o702, True), (0o700, False), (0o755, False), (0o770, False)]
)
def test_a_folder_that_anybody_may_write_to_is_named(tmp_path: Path, mode: int, named: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)

    warning = who_else_may_write(str(folder / "crawl.db"))

    assert bool(warning) == named
    assert not named or (str(folder) in warning and f"{mode:04o}" in warning and "chmod o-w" in warning)

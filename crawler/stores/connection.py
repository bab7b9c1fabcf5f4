"""One SQLite connection of ours: opening, pragmas, transactions, and the only place where sqlite3's errors become ours.

Every write is ``BEGIN IMMEDIATE``: the lock is taken (and waited for) before anything is read, so a transaction never
fails half-way because somebody else wrote meanwhile. Reads run without a transaction and see the last commit.

The interpreter's lock is given up at every step of every statement and has to be won back from busy worker threads.
Callers therefore use few statements over many rows, and read many rows as one JSON text.
"""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from crawler.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, StoreReadOnly

APPLICATION_ID = 0x43524157  # "CRAW", in the file's header: tells our files from other people's
_LEAST_VERSION = (3, 35, 0)  # UPDATE ... FROM
_CACHE_KIB = 4_000
_WAL_PAGES = 2_000  # 8 MB of log between two checkpoints
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)  # few sizes, so that prepared statements are used again
_NO_MEMORY = (sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_MMAP)
_LEAST_FREE_BYTES = 1 << 20
_WAIT_S = 0.2  # longest wait inside SQLite, where no signal is heard
_FILLED_WITHIN_S = 0.5

T = TypeVar("T")


class Connection:
    """A connection for one thread at a time.

    Attributes:
        path: The file.
        raw: The connection of the standard library, in autocommit mode.
        frozen: It is good for reading only: there was no room, or no right, to make a file.
        on_rollback: Called after each transaction that was undone: caches of uncommitted facts empty themselves.
    """

    def __init__(
        self, path: str, *, durability: str, busy_timeout_s: float, create: bool = True, reading: bool = False
    ) -> None:
        """Open the file.

        Args:
            reading: Nothing will be written: a full disk, or one that cannot be written to, is no reason to fail.
        """
        self.path = path
        self.busy_timeout_s = busy_timeout_s
        self.on_rollback: list[Callable[[], None]] = []
        self.expected_bytes = 0  # what the current transaction is about to write, for the message "disk full"
        self._writing = _Writing(self)
        self._durability = durability
        self.frozen = False
        refuse_link(path)
        if create:
            _refuse_cut(path)
            _make_file(path)
        elif not Path(path).exists():
            raise StoreError(path, "there is no such store; run a spider first, or check `store`")
        else:
            _refuse_cut(path)
            if not reading:
                _tighten(path)
        self.raw = self._connect()
        try:
            self.read("PRAGMA schema_version")  # the first look into the file: damage shows here
        except StoreError as error:
            self.raw.close()
            if not reading or not isinstance(error, StoreFull | StoreReadOnly):
                raise
            self.raw = self._connect_without_room()

    def _connect_without_room(self) -> sqlite3.Connection:
        """For reading where no file can be made: the index of the log, which others would share, has no room.

        Without a log the file is read as it is; with one the index is kept in memory, which shuts others out meanwhile:
        a process that is writing has made the index already, so there is none.
        """
        log = f"{self.path}-wal"
        has_log = os.path.exists(log) and os.path.getsize(log) > 0
        address = f"{Path(self.path).absolute().as_uri()}?{'mode=rw' if has_log else 'immutable=1'}"
        try:
            raw = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_WAIT_S, check_same_thread=False)
            if has_log:
                raw.execute("PRAGMA locking_mode = EXCLUSIVE")
            raw.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error as error:
            raise explained(error, self.path, self.busy_timeout_s) from error
        self.frozen = True
        return raw

    def _connect(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _LEAST_VERSION:
            needed = ".".join(map(str, _LEAST_VERSION))
            raise StoreError(self.path, f"SQLite {needed} or newer is needed, this Python has {sqlite3.sqlite_version}")
        try:
            return sqlite3.connect(
                self.path,
                timeout=min(_WAIT_S, self.busy_timeout_s),
                isolation_level=None,
                check_same_thread=False,  # opened by one thread and used by another, never by two at once
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise explained(error, self.path, self.busy_timeout_s) from error

    def configure(self) -> None:
        """Switch to the write-ahead log and set what we need; not before the file is known to be ours: it is changed.

        Raises:
            StoreError: Of the kind that fits.
        """
        raw = self.raw
        if self.frozen:
            return
        try:
            self._enter_wal(raw)
            raw.execute(f"PRAGMA synchronous = {'FULL' if self._durability == 'full' else 'NORMAL'}")
            raw.execute("PRAGMA foreign_keys = ON")
            raw.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            raw.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            raw.execute(f"PRAGMA journal_size_limit = {4 * _WAL_PAGES * 4096}")
            raw.execute("PRAGMA temp_store = MEMORY")  # no copies of rows in a shared temporary folder
        except sqlite3.Error as error:
            raise self.explained(error) from error

    def _enter_wal(self, raw: sqlite3.Connection) -> None:
        """Switch to the write-ahead log; two processes doing so at once get BUSY without SQLite waiting for them."""
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                mode = raw.execute("PRAGMA journal_mode").fetchone()[0]
                if mode != "wal":
                    raw.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def write(self, expected_bytes: int = 0) -> _Writing:
        """``with connection.write() as raw:`` is one transaction: it happens whole or not at all.

        Args:
            expected_bytes: About how much it writes; told when the disk is full.
        Raises:
            StoreError: Of the kind that fits. Nothing was written; the same call may be made again later.
        """
        self.expected_bytes = expected_bytes
        return self._writing

    def read(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, outside or inside a transaction."""
        return self.waiting(lambda: self.raw.execute(sql, parameters).fetchall())

    def waiting(self, call: Callable[[], T]) -> T:
        """Call again while another process holds the lock, for `busy_timeout_s` seconds; signals are heard meanwhile.

        Raises:
            StoreError: Of the kind that fits.
        """
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                return call()
            except sqlite3.Error as error:
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or self.raw.in_transaction or time.monotonic() > deadline:
                    raise self.explained(error) from error

    def one(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def forget(self) -> None:
        """After a transaction was undone."""
        for forget in self.on_rollback:
            forget()

    def explained(self, error: sqlite3.Error) -> StoreError:
        return explained(error, self.path, self.busy_timeout_s, self.expected_bytes)

    def close(self) -> None:
        """Hang up; an open transaction is undone. May be called twice."""
        try:
            if self.raw.in_transaction:
                self.raw.rollback()
        except sqlite3.ProgrammingError:
            return
        except sqlite3.Error:
            pass  # closing undoes it as well
        self.raw.close()


class _Writing:
    """The transaction of one connection; reused, since a connection has one at a time."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        connection = self._connection
        raw = connection.raw
        if raw.in_transaction:  # a signal that ends the run came before its transaction could be left in order
            raw.execute("ROLLBACK")
            connection.forget()
        connection.waiting(lambda: raw.execute("BEGIN IMMEDIATE"))
        return raw

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        raw = self._connection.raw
        if error is None:
            try:
                raw.execute("COMMIT")
                return
            except sqlite3.Error as failed:
                error = failed
        try:
            if raw.in_transaction:  # some errors have undone it already
                raw.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the first error is the one to tell
        self._connection.forget()
        if isinstance(error, sqlite3.Error):
            raise self._connection.explained(error) from error


def copy_database(connection: Connection, target: str) -> None:
    """Copy a database by SQLite's backup to a file that is not there yet, whole or not at all.

    Raises:
        StoreError: The target is there, or cannot be written.
    """
    if os.path.lexists(target):
        raise StoreError(target, "is there already; give another name")
    part = f"{target}.{secrets.token_hex(8)}.part"
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise opened_in_vain(error, part) from error
    try:
        with closing(sqlite3.connect(part)) as copy:
            connection.raw.backup(copy)
        os.link(part, target)  # unlike a renaming it fails when another process was quicker
    except FileExistsError:
        raise StoreError(target, "is there already; give another name") from None
    except sqlite3.Error as error:
        raise explained(error, target, connection.busy_timeout_s) from error
    except OSError as error:
        raise opened_in_vain(error, target) from error
    finally:
        with suppress(OSError):
            os.unlink(part)


def explained(error: sqlite3.Error, path: str, busy_timeout_s: float, expected_bytes: int = 0) -> StoreError:
    """Our error for one of sqlite3's, with what to do.

    Raises:
        MemoryError: There was none left, which sqlite3 says itself in some places and calls an I/O error in others.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code in _NO_MEMORY:
        raise MemoryError(f"{path}: no memory left to open it") from error
    kind = code & 0xFF if code is not None else None
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(
            path, f"locked by another process for more than {busy_timeout_s:g} s; end it, or raise `busy_timeout`"
        )
    if kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and _free_bytes(path) < _LEAST_FREE_BYTES):
        needed = max(expected_bytes, _LEAST_FREE_BYTES)
        return StoreFull(
            path, f"no room on the disk: {needed} bytes are needed, {_free_bytes(path)} are free; nothing was lost"
        )
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreReadOnly(path, "the file or its folder cannot be written; check owner and rights")
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(path, f"damaged, or not a database ({error}); see `crawl doctor`")
    return StoreError(path, f"{error}")


def _free_bytes(path: str) -> int:
    try:
        return shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    except OSError:
        return 0


def _refuse_cut(path: str) -> None:
    """An empty file that runs have used was cut off: never start anew in it, unless another process is filling it."""
    deadline = time.monotonic() + _FILLED_WITHIN_S
    while os.path.exists(path) and os.path.getsize(path) == 0 and glob.glob(f"{glob.escape(path)}.*.lock"):
        if time.monotonic() > deadline:
            raise StoreDamaged(path, "empty, although runs have used it; put back a copy, or delete it to start over")
        time.sleep(0.02)


def _make_file(path: str) -> None:
    """Make folder (0700) and file (0600) where they are missing; SQLite gives -wal and -shm the mode of the file."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise opened_in_vain(error, path) from error
    _tighten(path)


def refuse_link(path: str) -> None:
    """A link where the file should be leads our writing, and the rights that we set, to a file of somebody's choice.

    Raises:
        StoreReadOnly: It is one.
    """
    if os.path.islink(path):
        where = os.path.realpath(path)
        raise StoreReadOnly(path, f"a link to {where}: name that file as `store` if it is yours, else remove the link")


def who_else_may_write(path: str) -> str:
    """A warning when anybody may put files in the place of the store and of what lies beside it; "" when not so."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        mode = stat.S_IMODE(os.stat(folder).st_mode)
    except OSError:
        return ""
    if not mode & stat.S_IWOTH:
        return ""
    return (
        f"{folder} can be written by anybody (mode {mode:04o}): others can put files of theirs in the place of the"
        f" store; choose another folder, or run: chmod o-w {folder}"
    )


def _tighten(path: str) -> None:
    """Take away the rights of others where the file is ours; refuse what is no plain file."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise StoreReadOnly(path, "not a plain file; choose another `store`")
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            os.chmod(path, 0o600)
    except OSError as error:
        raise opened_in_vain(error, path) from error


def opened_in_vain(error: OSError, path: str) -> StoreError:
    """Our error for a file that the system would not open."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(path, f"no room on the disk: {_LEAST_FREE_BYTES} bytes are needed")
    if error.errno == errno.EIO:
        return StoreError(path, f"the disk failed: {error.strerror}")
    return StoreReadOnly(path, f"cannot be opened for writing: {error.strerror}")


@lru_cache(maxsize=512)
def values(width: int, count: int) -> str:
    """``(?,?),(?,?)``: placeholders for *count* rows of *width* columns."""
    row = "(" + ",".join("?" * width) + ")"
    return ",".join([row] * count)


def batch_size(count: int) -> int:
    """The least prepared size that takes *count* rows, or the greatest one there is."""
    for size in _BATCH_SIZES:
        if size >= count:
            return size
    return _BATCH_SIZES[-1]

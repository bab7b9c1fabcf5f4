"""One SQLite connection: opening, pragmas, transactions.

Every write is ``BEGIN IMMEDIATE``: the lock is taken (and waited for) before anything is read, so a transaction never
fails half-way because another process wrote meanwhile. Reads run without a transaction and see the last commit.

The interpreter's lock is released at every step of every statement and has to be won back from busy worker threads.
Callers therefore use few statements over many rows, and read many rows as one JSON text.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from crawler.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly
from crawler.stores.driver import Bound, Restarted, Transaction
from crawler.stores.sqlite.database_file import explained, make_file, opened_in_vain, refuse_cut, refuse_link, tighten
from crawler.stores.sqlite.sqlite_dialect import SQLiteDialect

APPLICATION_ID = 0x43524157  # "CRAW", in the file's header: distinguishes our files from others
_LEAST_VERSION = (3, 35, 0)  # UPDATE ... FROM
_CACHE_KIB = 4_000
_WAL_PAGES = 2_000  # 8 MB of log between two checkpoints
_WAIT_S = 0.2  # longest wait inside SQLite, where no signal is heard
_HURRY_S = 1.0

Access = Literal["make", "write", "read"]  #: file and folder are created if missing; it must exist; it is only read

T = TypeVar("T")


class SQLiteDriver:
    """A connection for one thread at a time.

    Attributes:
        path, place: The file.
        now: Seconds since 1970.
        raw: The connection of the standard library, in autocommit mode.
        frozen: It is only for reading: there was no room, or no right, to create a file.
        on_rollback: Called after each transaction that was undone: caches of uncommitted facts empty themselves.
    """

    dialect = SQLiteDialect()
    restarted = Restarted()  # what ends without warning takes down all processes that act on what it wrote last

    def __init__(
        self, path: str, *, durability: str, busy_timeout_s: float, access: Access, clock: Callable[[], float]
    ) -> None:
        """Open the file.

        Args:
            access: If the file is only read, a full disk, or one that cannot be written to, is no reason to fail.
        """
        self.path = self.place = path
        self.now = clock
        self.busy_timeout_s = busy_timeout_s
        self.on_rollback: list[Callable[[], None]] = []
        self.expected_bytes = 0  # what the current transaction is about to write, for the message "disk full"
        self._writing = _Writing(self)
        self._durability = durability
        self.frozen = False
        refuse_link(path)
        reading = access == "read"
        if access == "make":
            refuse_cut(path)
            make_file(path)
        elif not Path(path).exists():
            raise StoreError(path, "there is no such store; run a spider first, or check `store`")
        else:
            refuse_cut(path)
            if not reading:
                tighten(path)
        self.raw = self._connect()
        try:
            self.read("PRAGMA schema_version")  # the first look into the file: damage shows here
        except StoreError as error:
            self.raw.close()
            if not reading or not isinstance(error, StoreFull | StoreReadOnly):
                raise
            self.raw = self._connect_without_room()

    def _connect_without_room(self) -> sqlite3.Connection:
        """For reading where no file can be created: no room for the index of the log, which others would share.

        Without a log the file is read as it is; with one the index is kept in memory, which shuts others out meanwhile:
        a writing process would already have created the index, so there is none.
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

    def write(self, expected_bytes: int = 0, *, beside: str = "") -> _Writing:
        """``with connection.write() as raw:`` is one transaction: it happens completely or not at all.

        Args:
            expected_bytes: About how much it writes; mentioned when the disk is full.
            beside: Ignored: no other process writes at the same time.
        Raises:
            StoreError: Of the kind that fits. Nothing was written; the same call may be made again later.
        """
        self.expected_bytes = expected_bytes
        return self._writing

    def read(self, sql: str, parameters: Bound = ()) -> list[tuple[Any, ...]]:
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

    def one(self, sql: str, parameters: Bound = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def again(self, raw: Transaction) -> None:
        """Undo what the open transaction has done so far, and begin it anew."""
        raw.execute("ROLLBACK")
        self.forget()
        raw.execute("BEGIN IMMEDIATE")

    def go_on_after(self, raw: Transaction, table: str) -> None:
        """SQLite does so by itself."""

    def objection(self, sql: str) -> str:
        """What SQLite says against a query that a person wrote; "" when nothing."""
        try:
            self.raw.execute(f"EXPLAIN {sql}").close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error)
        return ""

    @contextmanager
    def forgetting(self, *tables: str) -> Iterator[Callable[[], None]]:
        """While secrets are removed: afterwards not even free pages of the file and its log hold them."""
        self.read("PRAGMA secure_delete = ON")
        try:
            yield self._forget_pages
        finally:
            self.read("PRAGMA secure_delete = OFF")

    def _forget_pages(self) -> None:
        self.read("VACUUM")  # earlier versions of the rows may lie in pages that are free or half used
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            row = self.one("PRAGMA wal_checkpoint(TRUNCATE)")
            if row is None or row[0] == 0:
                return
            if time.monotonic() > deadline:
                raise StoreBusy(
                    self.path, "another process reads it, so the log still holds what was cleared; clear again"
                )
            time.sleep(0.02)

    def damage(self) -> Iterator[str]:
        """What SQLite itself finds wrong with the file."""
        for (line,) in self.read("PRAGMA integrity_check(20)"):
            if line != "ok":
                yield f"damaged: {line}"
        for table, row, parent, _ in self.read("PRAGMA foreign_key_check"):
            yield f"row {row} of {table} points to nothing in {parent}"

    def copy(self, target: str) -> None:
        """Copy the whole database, with what only its log holds yet, to a new file of mode 0600."""
        copy_database(self, target)

    def hurry(self) -> None:
        """From now on wait a second at most for other processes."""
        self.busy_timeout_s = min(self.busy_timeout_s, _HURRY_S)

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
    """A connection's transaction; reused, since a connection has one at a time."""

    __slots__ = ("_connection",)

    def __init__(self, connection: SQLiteDriver) -> None:
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
            pass  # the first error is the one to report
        self._connection.forget()
        if isinstance(error, sqlite3.Error):
            raise self._connection.explained(error) from error


def copy_database(connection: SQLiteDriver, target: str) -> None:
    """Copy a database with SQLite's backup to a file that does not exist yet, completely or not at all.

    Raises:
        StoreError: The target exists, or cannot be written.
    """
    if os.path.lexists(target):
        raise StoreError(target, "already exists; give another name")
    part = f"{target}.{secrets.token_hex(8)}.part"
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise opened_in_vain(error, part) from error
    try:
        with closing(sqlite3.connect(part)) as copy:
            connection.raw.backup(copy)
        os.link(part, target)  # unlike a rename, it fails when another process was quicker
    except FileExistsError:
        raise StoreError(target, "already exists; give another name") from None
    except sqlite3.Error as error:
        raise explained(error, target, connection.busy_timeout_s) from error
    except OSError as error:
        raise opened_in_vain(error, target) from error
    finally:
        with suppress(OSError):
            os.unlink(part)

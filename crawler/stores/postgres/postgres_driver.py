"""Transactions on PostgreSQL: begun with their lock, retried, and looked up when the answer was lost.

A transaction takes a lock on the whole store, for as long as it lasts: exclusive for most writes, so that you can think
of it as on SQLite; shared for leases and commits, which lock the rows that they change. The lock belongs to the
transaction and nothing is set for a session, so that PgBouncer may give each transaction another server connection
(mode ``transaction``); for the same reason no statement is prepared.

A call interrupted by another transaction (deadlock, serialization) or by a lost connection raises `Interrupted`:
nothing was written, and `TryingAgain` repeats the call. When the answer to COMMIT is lost, a new connection asks what
became of the transaction: each writes its number into this connection's own row of `crawl_outcomes`. (PostgreSQL's own
transaction number would not do: after a crash another transaction may get it.)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

import psycopg

from crawler.errors import StoreError
from crawler.stores.buckets import BUCKET_BITS
from crawler.stores.driver import LEASES, PAGES, Bound, Restarted, Transaction
from crawler.stores.postgres.old_snapshots import SnapshotWatch
from crawler.stores.postgres.postgres_clock import DatabaseClock
from crawler.stores.postgres.postgres_dialect import PostgresDialect, translated
from crawler.stores.postgres.postgres_line import PostgresLine, is_lost, waits
from crawler.stores.sql.table_texts import TABLES, references

_LOCK = 0x43524157  # "CRAW"
_HURRY_S = 1.0
#: A process stopped in the middle of a transaction holds up all others: the transaction is ended after half a minute.
_BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 30000"
_CHANGES = 500  #: of a row of `crawl_outcomes`


class PostgresDriver:
    """A connection for one thread at a time; see `stores.driver.Driver`.

    Attributes:
        line: The connection.
        on_begin: Called at the beginning of each transaction.
        number: Of the last transaction that was begun.
        counts: Transactions write their number; not before the tables exist.
        clock: That of the database; `now` asks it.
    """

    dialect = PostgresDialect()

    def __init__(self, line: PostgresLine, *, durability: str, clock: Callable[[], float] | None = None) -> None:
        """Connect.

        Args:
            durability: "full": each transaction survives a stop of the database; "normal": the last leases may be lost
                then, and are taken anew. Commits always survive it.
            clock: Seconds since 1970, in place of the database's clock.
        Raises:
            StoreError: It does not answer, or refuses us.
        """
        self.line, self.place = line, line.place
        self.on_rollback: list[Callable[[], None]] = []
        self.on_begin: list[Callable[[Transaction], None]] = []
        self._durability, self.number, self.counts = durability, 0, False
        self._mark, self._new_row_at = uuid.uuid4().hex, 0
        self.clock, self._snapshots = DatabaseClock(self.read, line.place), SnapshotWatch()
        self.now: Callable[[], float] = clock if clock is not None else self._database_now
        line.open()

    @property
    def restarted(self) -> Restarted:
        found = self.line.restarted
        return found._replace(settled_at=0.0) if self._durability == "full" else found

    def _connection(self) -> psycopg.Connection[Any]:
        if not self.line.is_open:
            self.forget()  # what was found out on the lost one may no longer hold
            self.clock.anew()
        return self.line.open()

    def _database_now(self) -> float:
        """The database's clock. Raises StoreError when that was put back."""
        if self.clock.is_due() and self.line.idle:
            self.clock.look()
            self._snapshots.look(self.read)
        return self.clock.now()

    # --- statements -----------------------------------------------------------------------------------------------
    def write(self, expected_bytes: int = 0, *, beside: str = "") -> _Begun:
        return _Begun(self, beside)

    def begin(self, beside: str) -> None:
        """Begin a transaction."""
        asynchronous = ""
        if beside == LEASES and self._durability != "full":
            asynchronous = "SET LOCAL synchronous_commit = off; "
        lock = f"pg_advisory_xact_lock{'_shared' if beside else ''}({_LOCK}, hashtext(current_schema()))"
        patience_ms = max(1, int(self.line.busy_timeout_s * 1000))
        self.now()  # read outside the transaction
        raw = self._connection()
        self.number += 1
        if self.counts and self.number >= self._new_row_at:
            self.count()
        outcome = ""
        if self.counts:
            outcome = (
                f"UPDATE crawl_outcomes SET number = {self.number}, at = {self.now()!r} WHERE id = '{self._mark}'; "
            )
        raw.execute(f"{_BEGIN}; SET LOCAL lock_timeout = {patience_ms}; {asynchronous}{outcome}SELECT {lock}")

    def count(self) -> None:
        """From now on transactions write their number, into a row that no other process writes.

        A row that changes with each transaction has a version for each, all of which have to be passed until a vacuum:
        after `_CHANGES` a new row is used.
        """
        mark, before = uuid.uuid4().hex, self._mark
        self.run(f"INSERT INTO crawl_outcomes (id, number, at) VALUES ('{mark}', 0, {self.now()!r})")
        self._mark, self.counts, self._new_row_at = mark, True, self.number + _CHANGES
        old = "extract(epoch FROM clock_timestamp()) - 604800"
        self.run(f"DELETE FROM crawl_outcomes WHERE id = '{before}' OR at < {old}")

    def again(self, raw: Transaction) -> None:
        connection = self._connection()
        connection.execute("ROLLBACK")
        self.forget()
        self.begin(PAGES)

    def read(self, sql: str, parameters: Bound = ()) -> list[tuple[Any, ...]]:
        deadline = time.monotonic() + self.line.busy_timeout_s
        for wait_s in waits():
            raw = self._connection()
            inside = not self.line.idle
            try:
                return raw.execute(translated(sql).encode(), parameters).fetchall()
            except psycopg.Error as error:
                if inside:
                    raise  # the transaction reports what has become of it
                if not is_lost(error) or time.monotonic() + wait_s > deadline:
                    raise self.line.explained(error) from error
                self.line.drop()
                time.sleep(wait_s)
        raise AssertionError("waits never end")

    def one(self, sql: str, parameters: Bound = ()) -> tuple[Any, ...] | None:
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def go_on_after(self, raw: Transaction, table: str) -> None:
        number = f"max(id & {(1 << BUCKET_BITS) - 1})"  # a lane's number has its bucket in front
        raw.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {number}) FROM {table}")

    def objection(self, sql: str) -> str:
        try:
            self._connection().execute(f"EXPLAIN {sql}".encode())
        except psycopg.Error as error:
            return str(error).partition("\n")[0]
        return ""

    # --- care -----------------------------------------------------------------------------------------------------
    @contextmanager
    def forgetting(self, *tables: str) -> Iterator[Callable[[], None]]:
        def rewrite() -> None:  # what was removed stays in a table, and in the log of the server, for a while
            for table in tables:
                self.run(f"VACUUM (FULL) {table}")

        yield rewrite

    def run(self, sql: str) -> None:
        """Run a statement that returns no rows, outside a transaction."""
        try:
            self._connection().execute(sql.encode())
        except psycopg.Error as error:
            raise self.line.explained(error) from error

    def damage(self) -> Iterator[str]:
        """Rows that refer to missing ones: no foreign key guards them."""
        for table, column, parent in references(TABLES):
            lost = (
                f"SELECT count(*) FROM {table} t WHERE {column} IS NOT NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.id = t.{column})"
            )
            count = self.read(lost)[0][0]
            if count:
                yield f"{column} of {count} rows of {table} points to nothing in {parent}"

    def copy(self, target: str) -> None:
        raise StoreError(self.place, "is backed up by the tools of PostgreSQL: pg_dump, or pg_basebackup")

    def hurry(self) -> None:
        self.line.busy_timeout_s = min(self.line.busy_timeout_s, _HURRY_S)

    def forget(self) -> None:
        """After a transaction was undone."""
        for forget in self.on_rollback:
            forget()

    def close(self) -> None:
        if self.counts and self.line.is_open and self.line.idle:
            with suppress(StoreError):
                self.run(f"DELETE FROM crawl_outcomes WHERE id = '{self._mark}'")
        self.line.drop()

    def was_committed(self) -> bool:
        """Whether the last transaction was committed, when the answer was lost; waits for its end.

        Raises:
            StoreError: It cannot be determined.
        """
        row = None
        if self.counts:
            row = self.one("SELECT number FROM crawl_outcomes WHERE id = ? FOR UPDATE", (self._mark,))
        if row is None:
            why = "the connection was lost in a commit, and it is unknown whether it took effect"
            raise StoreError(self.place, why)
        return bool(row[0] == self.number)


class _Cursors:
    """What a `Transaction` is here."""

    __slots__ = ("_raw",)

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    def execute(self, sql: str, parameters: Any = (), /) -> psycopg.Cursor[Any]:
        return self._raw.execute(translated(sql).encode(), parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object:
        cursor = self._raw.cursor()
        cursor.executemany(translated(sql).encode(), parameters)
        return cursor


class _Begun:
    """One transaction."""

    __slots__ = ("_beside", "_driver")

    def __init__(self, driver: PostgresDriver, beside: str) -> None:
        self._driver, self._beside = driver, beside

    def __enter__(self) -> Transaction:
        driver = self._driver
        if not driver.line.idle:  # a signal that ends the run came before its transaction could be left in order
            driver.line.drop()
        try:
            driver.begin(self._beside)
            statements = _Cursors(driver.line.open())
            for call in driver.on_begin:
                call(statements)
        except psycopg.Error as error:
            self._undo(error)
            raise driver.line.explained(error) from error
        return statements

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        driver = self._driver
        if error is None:
            try:
                driver.line.open().execute("COMMIT")
                return
            except psycopg.Error as failed:
                error = failed
                if is_lost(failed):  # it may have been done: perhaps only the answer is lost
                    driver.line.drop()
                    if driver.was_committed():
                        return
        self._undo(error)
        if isinstance(error, psycopg.Error):
            raise driver.line.explained(error) from error

    def _undo(self, error: BaseException) -> None:
        driver = self._driver
        if isinstance(error, psycopg.Error) and is_lost(error):
            driver.line.drop()
        elif not driver.line.idle:
            try:
                driver.line.open().execute("ROLLBACK")
            except psycopg.Error:
                driver.line.drop()
        driver.forget()

"""A store in memory, for tests: the parts that all stores share, on a SQLite database that has no file.

It passes the contract tests of stores: what is committed is there for every store of the same `MemoryPlace`, and for no
other; nothing survives the process. It is also the shortest example of what a new store has to provide: a driver, a
dialect, result tables, and membership (the middle two are SQLite's here).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crawler.clock import unix_now
from crawler.errors import AlreadyRunning, StoreError
from crawler.stores.base import Cipher
from crawler.stores.driver import Bound, Restarted, Row, Transaction
from crawler.stores.sql.sql_store import SQLStore
from crawler.stores.sql.table_texts import TABLES, statements
from crawler.stores.sqlite.sqlite_dialect import SQLiteDialect
from crawler.stores.sqlite.sqlite_tables import SQLiteTables


class MemoryPlace:
    """What several stores share, as they would share a file; for one thread."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        for statement in statements(TABLES):
            self.raw.execute(statement)
        self.held: dict[tuple[str, str], list[tuple[object, str]]] = {}  # kind and name to who holds it


class MemoryDriver:
    """See `stores.driver.Driver`."""

    dialect = SQLiteDialect()
    place = ":memory:"
    restarted = Restarted()

    def __init__(self, place: MemoryPlace, clock: Callable[[], float]) -> None:
        self._raw, self.now = place.raw, clock
        self.on_rollback: list[Callable[[], None]] = []

    @contextmanager
    def write(self, expected_bytes: int = 0, *, beside: str = "") -> Iterator[Transaction]:
        self._raw.execute("BEGIN")
        try:
            yield self._raw
            self._raw.execute("COMMIT")
        except BaseException as error:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            self._forget()
            if isinstance(error, sqlite3.Error):
                raise StoreError(self.place, str(error)) from error
            raise

    def again(self, raw: Transaction) -> None:
        raw.execute("ROLLBACK")
        self._forget()
        raw.execute("BEGIN")

    def _forget(self) -> None:
        for forget in self.on_rollback:
            forget()

    def read(self, sql: str, parameters: Bound = ()) -> list[Row]:
        try:
            return self._raw.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(self.place, str(error)) from error

    def one(self, sql: str, parameters: Bound = ()) -> Row | None:
        rows = self.read(sql, parameters)
        return rows[0] if rows else None

    def go_on_after(self, raw: Transaction, table: str) -> None:
        """SQLite does so by itself."""

    def objection(self, sql: str) -> str:
        try:
            self._raw.execute(f"EXPLAIN {sql}").close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error)
        return ""

    @contextmanager
    def forgetting(self, *tables: str) -> Iterator[Callable[[], None]]:
        yield lambda: self._raw.execute("VACUUM").close()

    def damage(self) -> Iterator[str]:
        for table, row, parent, _ in self.read("PRAGMA foreign_key_check"):
            yield f"row {row} of {table} points to nothing in {parent}"

    def copy(self, target: str) -> None:
        raise StoreError(self.place, "has no file; it is for tests")

    def hurry(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """The place stays, for other stores."""


class MemoryMembers:
    """See `stores.driver.Membership`: a holder lives until its store is closed."""

    def __init__(self, place: MemoryPlace) -> None:
        self._held = place.held
        self._mine: dict[tuple[str, str], str] = {}  # to what it says of itself

    def take(self, spider: str, holder: str) -> bool:
        runs = self.holder(spider)
        if runs is not None:
            raise AlreadyRunning(spider, runs)
        alone = not self._held.get(("work", spider))
        self._hold("spider", spider, holder)
        self._hold("work", spider, holder)
        return alone

    def join(self, spider: str) -> None:
        if ("work", spider) not in self._mine:
            self._hold("work", spider, "")

    def holder(self, spider: str) -> str | None:
        return next((holder for _, holder in self._held.get(("spider", spider), [])), None)

    def release(self, spider: str) -> None:
        self._let_go("spider", spider)
        self._let_go("work", spider)

    def takes_login(self, key: str) -> bool:
        if self._held.get(("login", key)):
            return False
        self._hold("login", key, "")
        return True

    def ends_login(self, key: str) -> None:
        self._let_go("login", key)

    def close(self) -> None:
        for kind, name in list(self._mine):
            self._let_go(kind, name)

    def _hold(self, kind: str, name: str, holder: str) -> None:
        self._mine[kind, name] = holder
        self._held.setdefault((kind, name), []).append((self, holder))

    def _let_go(self, kind: str, name: str) -> None:
        if self._mine.pop((kind, name), None) is not None:
            holders = self._held[kind, name]
            holders[:] = [each for each in holders if each[0] is not self]


class MemoryStore(SQLStore):
    """`Store` in memory."""

    def __init__(self, place: MemoryPlace, *, cipher: Cipher, clock: Callable[[], float] = unix_now) -> None:
        driver = MemoryDriver(place, clock)
        super().__init__(driver, cipher, MemoryMembers(place), SQLiteTables(), path=driver.place)

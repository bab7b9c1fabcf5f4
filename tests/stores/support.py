"""What the tests of the stores share: a reversible cipher, a clock to be set, requests to be found, homes for stores.

The contract tests (`test_contract_*`) run on every kind of store: add a class like `SQLiteHome` to `HOMES`.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from crawler.errors import VaultError
from crawler.outcome import Found, ItemRow, Leased, Outcome, SessionSnapshot, Verdict
from crawler.stores.base import LeaseTerms, RunRow, SlotRule, Store
from crawler.stores.memory import MemoryPlace, MemoryStore
from crawler.stores.sqlite import SQLiteStore

NO_DELAY = SlotRule()
START = 1_800_000_000.0


class ReversingCipher:
    """Hides plain text from a search of the file, no more; opens nothing of another `key` or for another place."""

    def __init__(self, key: int = 0x5A) -> None:
        self.key = key
        self.opened = 0

    @property
    def key_names(self) -> list[str]:
        return []  # its keys have none: what it does not open is of another one

    def is_sealed(self, found: bytes) -> bool:
        return bool(found)

    def seal(self, text: str, place: str = "") -> bytes:
        hidden = bytes(byte ^ self.key for byte in reversed(text.encode("utf-8", "surrogatepass")))
        return bytes([self.key]) + len(hidden).to_bytes(4) + hidden + place.encode("utf-8", "surrogatepass")

    def open(self, sealed: bytes, place: str = "") -> str:
        if sealed[0] != self.key:
            raise VaultError("", "another key")
        end = 5 + int.from_bytes(sealed[1:5])
        if sealed[end:] not in (b"", place.encode("utf-8", "surrogatepass")):
            raise VaultError("", "another place")
        self.opened += 1
        return bytes(byte ^ self.key for byte in reversed(sealed[5:end])).decode("utf-8", "surrogatepass")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SQLiteHome:
    """A place for one store; each `open` is what another process would open."""

    row_id = "rowid"  #: what tells the rows of any table apart
    mark_of_case = ""  #: put around a name that has capitals
    many = 50_000  #: links of a page that has very many

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "crawl.db")
        self.clock = Clock()
        self.cipher = ReversingCipher()
        self._opened: list[SQLiteStore] = []

    def open(self, **options: Any) -> Store:
        defaults: dict[str, Any] = {"cipher": self.cipher, "clock": self.clock, "busy_timeout_s": 5.0}
        store = SQLiteStore(self.path, **(defaults | options))
        store.leases.chance.seed(0)  # the same steps lead to the same leases
        self._opened.append(store)
        return store

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """A connection of somebody else, for statements with ``?``."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as raw:
            yield raw

    def bytes(self) -> bytes:
        """All that is on the disk."""
        return b"".join(path.read_bytes() for path in self.folder.iterdir())

    def close(self) -> None:
        for store in self._opened:
            store.close()


class PostgresHome:
    """A database for one store; each `open` is what another process, or another machine, would open."""

    row_id = "ctid"
    mark_of_case = '"'
    many = 5_000  # each is sent to a server

    def __init__(self, folder: Path) -> None:
        from tests import postgres

        self.folder = folder
        self.server = postgres.server()
        self.path = self.server.database(_template())
        self._last: Any = None
        self.name = self.path.partition("?")[0].rpartition("/")[2]
        self.clock = Clock()
        self.cipher = ReversingCipher()
        self._opened: list[Any] = []

    def open(self, **options: Any) -> Store:
        from crawler.stores.postgres import PostgresStore

        if options.get("cipher", self.cipher) is not self._last:  # who has lost the key begins with another one
            self.server.do("DELETE FROM crawl_values WHERE name = 'key of the fleet'", self.name)
        self._last = options.get("cipher", self.cipher)
        defaults: dict[str, Any] = {"cipher": self.cipher, "clock": self.clock, "busy_timeout_s": 5.0}
        store = PostgresStore(self.path, **(defaults | options))
        store.leases.chance.seed(0)
        store.leases.memory.least_s = math.inf  # a look that took long on a busy machine is not remembered
        self._opened.append(store)
        return store

    @contextmanager
    def raw(self) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(self.path, autocommit=True) as raw:
            yield _Raw(raw)

    def bytes(self) -> bytes:
        """All that is on the disk, but for the log of the server, which is written over in time."""
        self.server.do("CHECKPOINT", self.name)
        (number,) = self.server.do("SELECT oid FROM pg_database WHERE datname = current_database()", self.name)[0]
        return b"".join(path.read_bytes() for path in (self.server.folder / "data/base" / str(number)).iterdir())

    def close(self) -> None:
        for store in self._opened:
            store.close()


class _Raw:
    """psycopg's connection, for statements with ``?``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.execute(statement.replace("?", "%s").encode(), parameters)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            self.execute(statement, row)


@cache
def _template() -> str:
    """A database with the tables, to be copied."""
    from crawler.stores.postgres.postgres_driver import PostgresDriver
    from crawler.stores.postgres.postgres_line import PostgresLine
    from crawler.stores.postgres.postgres_partitions import partition
    from crawler.stores.postgres.postgres_schema import prepare
    from tests import postgres

    server = postgres.server()
    server.do("CREATE DATABASE prepared")
    driver = PostgresDriver(PostgresLine(server.address("prepared"), 5.0), durability="normal")
    prepare(driver, create=True)
    if (parts := int(os.environ.get("CRAWL_PARTITIONS", "1"))) > 1:
        partition(driver, parts)
    driver.close()
    return "prepared"


class MemoryHome:
    """A place in memory."""

    row_id, mark_of_case, many = "rowid", "", 50_000

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, MemoryPlace()
        self.path = ":memory:"
        self.clock, self.cipher = Clock(), ReversingCipher()
        self._opened: list[MemoryStore] = []

    def open(self, **options: Any) -> Store:
        options.pop("busy_timeout_s", None)
        store = MemoryStore(self.place, **({"cipher": self.cipher, "clock": self.clock} | options))
        store.leases.chance.seed(0)
        self._opened.append(store)
        return store

    @contextmanager
    def raw(self) -> Iterator[Any]:
        yield self.place.raw

    def bytes(self) -> bytes:
        return self.place.raw.serialize()

    def close(self) -> None:
        for store in self._opened:
            store.close()
        self.place.raw.close()


HOMES = {"sqlite": SQLiteHome, "postgresql": PostgresHome, "memory": MemoryHome}
Home = SQLiteHome


def fingerprint(name: object) -> bytes:
    return hashlib.md5(str(name).encode("utf-8", "surrogatepass")).digest()


def found(name: object, *, slot: str = "shop.example", session: str = "default", **more: Any) -> Found:
    return Found(fingerprint(name), f"http://{slot}/{name}", slot, session, **more)


def start(store: Store, *, spider: str = "orders", args: str = "{}", fresh: bool = False) -> RunRow:
    return store.runs.open(spider, args=args, fresh=fresh, process="process 4711")


def lease(store: Store, run: RunRow, limit: int = 10, *, owner: str = "me", **more: Any) -> list[Leased]:
    options: dict[str, Any] = {"lease_s": 60.0, "horizon_s": 1.0} | more
    return store.leases.lease(run.frontier, owner=owner, terms=LeaseTerms(limit, **options))


def accept(leased: Leased, *items: dict[str, Any], links: Sequence[Found] = (), **more: Any) -> Outcome:
    options: dict[str, Any] = {"status": 200, "size_bytes": 5, "elapsed_ms": 1.5, "sent_at": leased.send_at} | more
    rows = [ItemRow("items", item) for item in items]
    return Outcome(leased, Verdict.ACCEPT, items=rows, found=links, **options)


def outcome(leased: Leased, verdict: Verdict, **more: Any) -> Outcome:
    return Outcome(leased, verdict, **({"sent_at": leased.send_at} | more))


def snapshot(secret: str = "sid=1", *, epoch: int = 1, key: str = "shop.example/ann", **more: Any) -> SessionSnapshot:
    options: dict[str, Any] = {"name": "default", "state": "ready", "url": "login", "cookies": 1} | more
    return SessionSnapshot(key=key, epoch=epoch, secret=secret, **options)


def urls(leased: Sequence[Leased]) -> list[str]:
    return [one.url.rsplit("/", 1)[1] for one in leased]

"""Bytes per URL, by table and index, in a PostgreSQL store that knows many URLs."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass

from benchmarks.fleet.ground import Database
from benchmarks.fleet.paces import Work, fetch
from benchmarks.micro.store import OpenCipher, found
from crawler.stores import open_store

_PORTION = 10_000
_SIZES = """SELECT c.relname, coalesce(t.relname, ''), pg_relation_size(c.oid) FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i') AND pg_relation_size(c.oid) > 100000
ORDER BY coalesce(t.relname, c.relname), t.relname IS NOT NULL, 3 DESC"""
_DEAD = """SELECT relname, n_live_tup, n_dead_tup, autovacuum_count, coalesce(last_autovacuum, last_vacuum) IS NOT NULL
FROM pg_stat_user_tables WHERE n_live_tup + n_dead_tup > 1000 ORDER BY relname"""


@dataclass(frozen=True)
class Part:
    """The size of a table or an index."""

    name: str
    table: str  #: "" for a table
    bytes: int


@dataclass(frozen=True)
class Room:
    """The space that a store with many URLs takes.

    Attributes:
        parts: Tables and indexes of more than 100 kB.
        dead: Table, live rows, dead rows, number of autovacuum runs, and whether any vacuum has run.
        urls_s: URLs added per second.
    """

    urls: int
    done: int
    parts: list[Part]
    dead: list[tuple[str, int, int, int, bool]]
    urls_s: float

    def bytes_a_url(self, name: str) -> float:
        return sum(part.bytes for part in self.parts if part.name == name) / self.urls


def fill(database: Database, urls: int, done: int, hosts: int = 20_000) -> Room:
    """Make a store with *urls* requests, of which *done* are fetched, each with an item and no new links."""
    make = random.Random(3).randbytes
    with closing(open_store(database.address, cipher=OpenCipher())) as store:
        run = store.runs.open("bench", args="{}", fresh=True, process="benchmark")
        began = time.monotonic()
        for start in range(0, urls, _PORTION):
            some = [found(make, number, hosts) for number in range(start, min(urls, start + _PORTION))]
            store.frontier.add(run.frontier, some)
        took_s = time.monotonic() - began
        fetch(store, run, Work(done, 0, 64, hosts=hosts), 1, done)
    return look(database, urls, done, urls / took_s)


def look(database: Database, urls: int, done: int, urls_s: float) -> Room:
    """The current sizes and dead rows."""
    database.ask("SELECT pg_stat_force_next_flush()")
    parts = [Part(name, table, int(size)) for name, table, size in database.ask(_SIZES)]
    return Room(urls, done, parts, [tuple(row) for row in database.ask(_DEAD)], urls_s)


def vacuum(address: str) -> None:
    """Vacuum as `crawl store vacuum` does."""
    from crawler.stores.postgres.postgres_doctor import vacuum as vacuum_all
    from crawler.stores.postgres.postgres_schema import opened

    with opened(address) as driver:
        vacuum_all(driver)

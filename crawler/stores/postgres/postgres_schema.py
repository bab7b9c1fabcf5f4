"""The tables of a store in PostgreSQL: made once, by whichever process comes first; and their version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crawler.errors import SchemaTooNew, StoreError
from crawler.stores.postgres.postgres_driver import PostgresDriver
from crawler.stores.postgres.postgres_line import PostgresLine
from crawler.stores.postgres.postgres_migrations import VERSION, migrate
from crawler.stores.postgres.postgres_table_texts import AUTOVACUUM, OURS, in_postgres
from crawler.stores.sql.table_texts import TABLES, statements

_PATIENCE_S = 10.0  #: for a database that is only inspected


def prepare(driver: PostgresDriver, *, create: bool) -> None:
    """Make the tables where there are none; several processes may do so at once: one does it.

    Raises:
        SchemaTooNew: A newer version of this program made them; they are left untouched.
        StoreError: There are none, and none are to be made.
    """
    found = version_of(driver)
    if found is None and not create:
        raise StoreError(driver.place, "there is no store in this database; run a spider first, or check `store`")
    if found is None:
        with driver.write() as raw:
            if version_of(driver) is None:
                for statement in statements(in_postgres(TABLES) + OURS + AUTOVACUUM):
                    raw.execute(statement)
                raw.execute("INSERT INTO crawl_schema (version) VALUES (?)", (VERSION,))
        found = VERSION
    if found > VERSION:
        raise SchemaTooNew(driver.place, f"made by a newer version (schema {found}, this one knows {VERSION})")
    if found < VERSION:
        migrate(driver)
    driver.count()


def version_of(driver: PostgresDriver) -> int | None:
    """The version of the tables that are there; None where there are none."""
    there = driver.one("SELECT to_regclass('crawl_schema')")
    if there is None or there[0] is None:
        return None
    row = driver.one("SELECT max(version) FROM crawl_schema")
    return int(row[0]) if row is not None and row[0] is not None else None


def version_at(address: str) -> int:
    """The version of the tables in a database; 0 where there are none. Nothing is changed."""
    with opened(address) as driver:
        return version_of(driver) or 0


@contextmanager
def opened(address: str) -> Iterator[PostgresDriver]:
    """A connection for maintaining the tables; they are not created."""
    driver = PostgresDriver(PostgresLine(address, _PATIENCE_S), durability="normal")
    try:
        yield driver
    finally:
        driver.close()

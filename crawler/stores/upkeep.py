"""Maintenance of a project's database on request: each function knows both kinds of database.

What makes no sense for one kind raises a `StoreError` that says in one line why, and what does the job there.
"""

from __future__ import annotations

from collections.abc import Iterator

from crawler.errors import StoreError
from crawler.settings import Settings
from crawler.stores import is_shared
from crawler.stores.project import open_project_store
from crawler.stores.told import CareNote


def migrate(settings: Settings) -> tuple[int, int]:
    """Bring the tables of a store to the version of this program, as opening it does.

    Returns:
        The version before, and the version now.
    Raises:
        StoreError: Crawls of the older version are at work, or the store cannot be changed; it is as it was.
    """
    before = _version(settings)
    open_project_store(settings, create=False).close()
    return before, _version(settings)


def partition(settings: Settings, count: int) -> None:
    """Cut the table of requests into *count* partitions, or make it one piece again (1).

    Raises:
        StoreError: A file has none; or crawls are at work, or *count* is not a valid number. Nothing was changed.
    """
    if not is_shared(settings.store):
        why = (
            "a file has no partitions, and needs none; `crawl store copy` moves a crawl that outgrows it to PostgreSQL"
        )
        raise StoreError(settings.store, why)
    from crawler.stores.postgres.postgres_partitions import partition as cut
    from crawler.stores.postgres.postgres_schema import opened

    open_project_store(settings, create=False).close()  # the tables of this version, and the right key
    with opened(settings.store) as driver:
        cut(driver, count)


def vacuum(settings: Settings) -> list[tuple[str, int, int]]:
    """Remove dead rows, now. Returns table, dead rows before, and after.

    Raises:
        StoreError: A file keeps none; or the database failed.
    """
    if not is_shared(settings.store):
        raise StoreError(settings.store, "a file keeps no dead rows, and reuses its space by itself")
    from crawler.stores.postgres import postgres_doctor
    from crawler.stores.postgres.postgres_schema import opened

    open_project_store(settings, create=False).close()
    with opened(settings.store) as driver:
        return postgres_doctor.vacuum(driver)


def examine(settings: Settings) -> Iterator[CareNote]:
    """What may be wrong with a store in PostgreSQL: server, tables, key, clock, members, old snapshots, dead rows.

    Raises:
        StoreError: It cannot be opened; for a file: see `crawler.stores.sqlite.doctor`.
        KeyFileError: Its secrets were sealed with another key.
    """
    from crawler.stores.postgres import postgres_doctor
    from crawler.stores.postgres.postgres_schema import opened

    store = open_project_store(settings, create=False)
    unreadable = [row.name for row in store.sessions.all() if not row.readable]
    store.close()
    yield CareNote("connection", store.path)
    told = f"does not open {', '.join(unreadable)}" if unreadable else "opens all sessions"
    yield CareNote("key", told, "set CRAWL_KEY to the key that they were made with" if unreadable else "")
    with opened(settings.store) as driver:
        yield from postgres_doctor.findings(driver)


def _version(settings: Settings) -> int:
    if is_shared(settings.store):
        from crawler.stores.postgres import postgres_schema

        return postgres_schema.version_at(settings.store)
    from crawler.stores.sqlite import sqlite_schema

    return sqlite_schema.version_at(settings.store)

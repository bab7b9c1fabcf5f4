"""Care for the database of a project that is asked for by a person: each function knows both kinds of it.

What makes no sense for one of them raises a `StoreError` that says in one line why, and what does the job there.
"""

from __future__ import annotations

from crawler.settings import Settings
from crawler.stores import is_shared
from crawler.stores.project import open_project_store


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


def _version(settings: Settings) -> int:
    if is_shared(settings.store):
        from crawler.stores.postgres import postgres_schema

        return postgres_schema.version_at(settings.store)
    from crawler.stores.sqlite import sqlite_schema

    return sqlite_schema.version_at(settings.store)

"""The database of a project, as its settings name it.

A file of its own: commands that only look need this and no engine, which takes half of their time to load.
"""

from __future__ import annotations

import logging

from crawler.errors import KeyFileError, StoreError
from crawler.sessions.vault import Vault
from crawler.settings import Settings
from crawler.stores import Store, is_shared, open_store, who_else_may_write

log = logging.getLogger("crawler.stores")
_MOST_RUNS = 1_000


def open_project_store(settings: Settings, *, create: bool = True, reading: bool = False) -> Store:
    """The project's database, with this user's vault.

    Args:
        create: Make file and folder where they are missing; otherwise a missing file is an error.
        reading: Nothing will be written: that the disk is full, or cannot be written to, does not matter.
    Raises:
        StoreError: It cannot be opened; the message says what to do.
        KeyFileError: The keys of this user cannot be read, or are not those of the store.
    """
    warning = "" if reading else who_else_may_write(settings.store)
    if warning:
        log.warning("%s", warning)
    vault = Vault.load()
    if is_shared(settings.store) and vault.has_file:
        raise KeyFileError(
            "CRAWL_KEY",
            "a store that several machines share needs the same key on each: set CRAWL_KEY, such as"
            " `openssl rand -base64 32` prints it once",
        )
    return open_store(
        settings.store,
        cipher=vault,
        durability=settings.durability,
        busy_timeout_s=settings.busy_timeout,
        create=create,
        reading=reading,
    )


def copy_store(source: str, target: str) -> dict[str, int]:
    """Copy a store into an empty one. Returns table to the number of its rows.

    Raises:
        StoreError: A crawl is going on, the target holds one, a secret cannot be read, or one of the two failed.
    """
    from crawler.stores.sql.sql_store import SQLStore
    from crawler.stores.sql.store_copying import copy

    old = open_project_store(Settings(store=source), create=False)
    try:
        going = {each.spider for each in old.runs.last(limit=_MOST_RUNS) if old.runs.running(each.spider)}
        if going:
            raise StoreError(old.path, f"{', '.join(sorted(going))} is going on; copy it when it has ended")
        if any(not row.readable for row in old.sessions.all()):
            raise StoreError(
                old.path, "a session in it was sealed with another key: set CRAWL_KEY to the key that it was made with"
            )
        new = open_project_store(Settings(store=target))
        try:
            assert isinstance(old, SQLStore)
            assert isinstance(new, SQLStore)
            return copy(old.copied, new.copied)
        finally:
            new.close()
    finally:
        old.close()

"""The database of a project, as named by its settings.

In a file of its own: commands that only read need this but not the engine, which takes half of their time to load.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from crawler.errors import KeyFileError, StoreError
from crawler.sessions.vault import Vault
from crawler.settings import Settings
from crawler.stores import Store, is_shared, open_store, who_else_may_write

if TYPE_CHECKING:
    from crawler.stores.file_copying import FilesCopied

log = logging.getLogger("crawler.stores")
_MOST_RUNS = 1_000


def open_project_store(settings: Settings, *, create: bool = True, reading: bool = False) -> Store:
    """The project's database, with this user's vault.

    Args:
        create: Make file and folder where they are missing; otherwise a missing file is an error.
        reading: Nothing will be written: a disk that is full, or cannot be written to, does not matter.
    Raises:
        StoreError: It cannot be opened; the message says what to do.
        KeyFileError: The keys of this user cannot be read, or are not those of the store.
    """
    warning = "" if reading else who_else_may_write(settings.store)
    if warning:
        log.warning("%s", warning)
    vault = Vault.load()
    if is_shared(settings.store) and vault.has_file:
        key = (
            f"to what is in {vault.file}, the key of this machine, which opens what it has stored so far"
            if vault.file is not None
            else "to one that `openssl rand -base64 32` prints once"
        )
        raise KeyFileError(
            "CRAWL_KEY", f"a store that several machines share needs the same key on each: set CRAWL_KEY {key}"
        )
    return open_store(
        settings.store,
        cipher=vault,
        durability=settings.durability,
        busy_timeout_s=settings.busy_timeout,
        create=create,
        reading=reading,
    )


def copy_store(source: Settings, target: Settings) -> tuple[dict[str, int], FilesCopied]:
    """Copy a store into an empty one, and the bytes of its files into that one's folder.

    Returns:
        Table to the number of its rows; what became of the files.
    Raises:
        StoreError: A crawl or a worker is at work, the target holds a crawl, a secret cannot be read, or one of the two
            failed; nothing was copied.
        OSError: The rows are copied, and a folder of files cannot be written.
    """
    from crawler.pages.file_folder import folder_of
    from crawler.stores.file_copying import copy_files
    from crawler.stores.sql.sql_store import SQLStore
    from crawler.stores.sql.store_copying import copy

    old = open_project_store(source, create=False)
    try:
        going = {each.spider for each in old.runs.last(limit=_MOST_RUNS) if old.runs.running(each.spider)}
        if going:
            raise StoreError(old.path, f"{', '.join(sorted(going))} is running; copy it when it has ended")
        if is_shared(source.store) and _workers_live(source.store):
            raise StoreError(old.path, "workers are at work in it; end them, and copy it then")
        if any(not row.readable for row in old.sessions.all()):
            raise StoreError(
                old.path, "a session in it was sealed with another key: set CRAWL_KEY to the key that it was made with"
            )
        new = open_project_store(target)
        try:
            assert isinstance(old, SQLStore)
            assert isinstance(new, SQLStore)
            counts = copy(old.copied, new.copied)
        finally:
            new.close()
        folders = (folder_of(each.store, each.files) for each in (source, target))
        return counts, copy_files(old.files.all(), *folders)
    finally:
        old.close()


def _workers_live(address: str) -> bool:
    from crawler.stores.postgres.postgres_members import at_work
    from crawler.stores.postgres.postgres_schema import opened

    with opened(address) as driver, driver.write() as raw:
        return at_work(raw, driver.now())

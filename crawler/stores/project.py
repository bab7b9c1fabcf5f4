"""The database of a project, as its settings name it.

A file of its own: commands that only look need this and no engine, which takes half of their time to load.
"""

from __future__ import annotations

import logging

from crawler.errors import KeyFileError
from crawler.sessions.vault import Vault
from crawler.settings import Settings
from crawler.stores import Store, is_shared, open_store, who_else_may_write

log = logging.getLogger("crawler.stores")


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

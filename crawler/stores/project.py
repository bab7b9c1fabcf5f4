"""The database of a project, as its settings name it.

A file of its own: commands that only look need this and no engine, which takes half of their time to load.
"""

from __future__ import annotations

import logging

from crawler.sessions.vault import Vault
from crawler.settings import Settings
from crawler.stores import Store, open_store, who_else_may_write

log = logging.getLogger("crawler.stores")


def open_project_store(settings: Settings, *, create: bool = True, reading: bool = False) -> Store:
    """The project's database, with this user's vault.

    Args:
        create: Make file and folder where they are missing; otherwise a missing file is an error.
        reading: Nothing will be written: that the disk is full, or cannot be written to, does not matter.
    Raises:
        StoreError: It cannot be opened; the message says what to do.
        KeyFileError: The keys of this user cannot be read.
    """
    warning = "" if reading else who_else_may_write(settings.store)
    if warning:
        log.warning("%s", warning)
    return open_store(
        settings.store,
        cipher=Vault.load(),
        durability=settings.durability,
        busy_timeout_s=settings.busy_timeout,
        create=create,
        reading=reading,
    )

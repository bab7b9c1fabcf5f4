"""The database of a project, as its settings name it.

A file of its own: commands that only look need this and no engine, which takes half of their time to load.
"""

from __future__ import annotations

from crawler.sessions.vault import Vault
from crawler.settings import Settings
from crawler.stores import Store, open_store


def open_project_store(settings: Settings, *, create: bool = True) -> Store:
    """The project's database, with this user's vault.

    Args:
        create: Make file and folder where they are missing; otherwise a missing file is an error.
    Raises:
        StoreError: It cannot be opened; the message says what to do.
        KeyFileError: The keys of this user cannot be read.
    """
    return open_store(
        settings.store,
        cipher=Vault.load(),
        durability=settings.durability,
        busy_timeout_s=settings.busy_timeout,
        create=create,
    )

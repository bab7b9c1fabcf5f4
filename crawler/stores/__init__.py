"""Where everything is kept. `open_store` picks the implementation by the address."""

from __future__ import annotations

import re

from crawler.errors import StoreError
from crawler.stores.base import Cipher, Store

__all__ = ["Store", "open_store", "who_else_may_write"]


def open_store(
    address: str,
    *,
    cipher: Cipher,
    durability: str = "normal",
    busy_timeout_s: float = 60.0,
    create: bool = True,
    reading: bool = False,
) -> Store:
    """Open the database of a project.

    Args:
        address: Path of a SQLite file, or address of a PostgreSQL database (``postgresql://``).
        cipher: Seals what is secret.
        durability: "normal" or "full"; see the setting of that name.
        busy_timeout_s: Longest wait for another process, in seconds.
        create: Make file and folder where they are missing; otherwise a missing file is an error.
        reading: Nothing will be written: a disk that is full, or cannot be written to, does not matter.
    Raises:
        StoreError: It cannot be opened; the message says what to do.
    """
    if is_shared(address):
        try:
            from crawler.stores.postgres import PostgresStore
        except ModuleNotFoundError as error:
            if error.name != "psycopg":
                raise
            raise StoreError("postgresql://", 'psycopg is missing: pip install "crawl-sessions[postgres]"') from None
        return PostgresStore(
            address,
            cipher=cipher,
            durability=durability,
            busy_timeout_s=busy_timeout_s,
            create=create,
        )
    scheme = re.match(r"([a-z][a-z0-9+]+)://", address)
    if scheme:
        raise StoreError(
            address.split("://")[0] + "://",
            f"unknown kind of store {scheme[1]!r}; give the path of a file, or postgresql://...",
        )
    from crawler.stores.sqlite import SQLiteStore  # sqlite3 is loaded only where a store is opened

    return SQLiteStore(
        address,
        cipher=cipher,
        durability=durability,
        busy_timeout_s=busy_timeout_s,
        access="read" if reading else "make" if create else "write",
    )


def is_shared(address: str) -> bool:
    """Whether several machines may share the store."""
    return address.startswith(("postgresql://", "postgres://"))


def who_else_may_write(address: str) -> str:
    """A warning when others may put files in the place of a store's; "" when not so."""
    if "://" in address:
        return ""
    from crawler.stores.sqlite.database_file import who_else_may_write as of_file

    return of_file(address)

"""The SQLite store: its file, its locks, and the parts that all stores share."""

from __future__ import annotations

import os
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.stores.base import Cipher
from crawler.stores.sql.sql_store import SQLStore
from crawler.stores.sqlite.locking import FileMembers
from crawler.stores.sqlite.sqlite_driver import Access, SQLiteDriver
from crawler.stores.sqlite.sqlite_schema import check, check_tables, prepare
from crawler.stores.sqlite.sqlite_tables import SQLiteTables


class SQLiteStore(SQLStore):
    """`Store` on a SQLite file. For one thread at a time; any number of processes may share the file."""

    def __init__(
        self,
        path: str,
        *,
        cipher: Cipher,
        durability: str = "normal",
        busy_timeout_s: float = 60.0,
        access: Access = "make",
        clock: Callable[[], float] = unix_now,
    ) -> None:
        """Open the file, create or migrate its tables, and make sure that it can be written.

        Args:
            path: File; it and its folder are created where *access* is "make".
            cipher: Seals what is secret.
            durability: "full": each commit survives a power cut; "normal": the last ones may be lost then.
            busy_timeout_s: Longest wait for another process, above 0.
            access: "write": it has to exist; "read": it has to exist, and nothing will be written.
            clock: Seconds since 1970.
        Raises:
            StoreError: Of the kind that fits; a damaged or foreign file is left as it was.
        """
        driver = SQLiteDriver(
            os.path.abspath(path), durability=durability, busy_timeout_s=busy_timeout_s, access=access, clock=clock
        )
        try:
            prepare(driver)
            (check_tables if access == "read" else check)(driver)
        except BaseException:
            driver.close()
            raise
        super().__init__(driver, cipher, FileMembers(driver.path), SQLiteTables(), path=path)

"""The PostgreSQL store: one database for any number of machines."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from crawler.errors import KeyFileError, SessionError, StoreError
from crawler.stores.base import Cipher
from crawler.stores.driver import Part
from crawler.stores.postgres.postgres_driver import PostgresDriver
from crawler.stores.postgres.postgres_line import Interrupted, PostgresLine, waits
from crawler.stores.postgres.postgres_members import RowMembers
from crawler.stores.postgres.postgres_schema import prepare
from crawler.stores.postgres.postgres_tables import PostgresTables
from crawler.stores.sealed import KEY_CHECK, place_of_value
from crawler.stores.sql.sql_store import SQLStore

_MOST_TRIES = 12

T = TypeVar("T")


class PostgresStore(SQLStore):
    """`Store` in a PostgreSQL database. For one thread at a time; any number of processes may share the database."""

    def __init__(
        self,
        address: str,
        *,
        cipher: Cipher,
        durability: str = "normal",
        busy_timeout_s: float = 60.0,
        create: bool = True,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Connect, make the tables where *create* is true and there are none, and compare keys.

        Args:
            address: ``postgresql://user@host/database``, or whatever else libpq takes. The password is better kept in
                a password file (PGPASSFILE) or a service.
            cipher: Seals what is secret; all processes need the same.
            durability, clock: See `PostgresDriver`.
            busy_timeout_s: Longest wait for others, and for a database that does not answer.
        Raises:
            KeyFileError: The secrets in this database were sealed with other keys; nothing was written.
            StoreError: Of the kind that fits.
        """
        driver = PostgresDriver(PostgresLine(address, busy_timeout_s), durability=durability, clock=clock)
        try:
            prepare(driver, create=create)
            again, members = TryingAgain(driver), RowMembers(driver)
            super().__init__(driver, cipher, members, PostgresTables(), path=driver.place, outer=again.outer)
            self._compare_keys(cipher)
        except BaseException:
            driver.close()
            raise

    def _compare_keys(self, cipher: Cipher) -> None:
        """The first process determines the keys; one with other keys would find no session, and log in."""
        kept = self.values.get(KEY_CHECK)
        if kept is None:
            sealed = cipher.seal("crawl", place_of_value(KEY_CHECK))
            self.values.set(KEY_CHECK, base64.b64encode(sealed).decode("ascii"))
            return
        try:
            cipher.open(base64.b64decode(kept), place_of_value(KEY_CHECK))
        except SessionError:
            raise KeyFileError(
                "CRAWL_KEY",
                f"the secrets in {self.path} were sealed with another key: set CRAWL_KEY to the one of the machines"
                " that share it",
            ) from None


class TryingAgain:
    """Repeats interrupted calls of parts, for a limited time and number of tries.

    After an interruption nothing is written, and each call of a part may be repeated.
    """

    def __init__(self, driver: PostgresDriver) -> None:
        self._driver = driver

    def outer(self, part: Part, /) -> Part:
        """*part*, for callers from outside: its own calls to other parts are retried with it."""
        return cast(Part, _Outer(part, self.call))

    def call(self, function: Callable[[], T]) -> T:
        """Call *function* until it is not interrupted.

        Raises:
            StoreError: It was, too often or for too long.
        """
        deadline = time.monotonic() + self._driver.line.busy_timeout_s
        for wait_s in waits(_MOST_TRIES):
            try:
                return function()
            except Interrupted as error:
                last = error
                if time.monotonic() + wait_s > deadline:
                    break
                time.sleep(wait_s)
        raise StoreError(self._driver.place, last.why) from last


class _Outer:
    """A part whose methods are retried."""

    def __init__(self, part: object, call: Callable[[Callable[[], Any]], Any]) -> None:
        self._part, self._call = part, call

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return found

        def method(*given: Any, **named: Any) -> Any:
            return self._call(lambda: found(*given, **named))

        return method

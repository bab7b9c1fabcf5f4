"""A new key: everything sealed in the database is opened and sealed anew, and the old pages are gone afterwards."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from crawler.errors import SessionError
from crawler.stores.base import Cipher
from crawler.stores.driver import Driver, Transaction
from crawler.stores.sealed import (
    KEY_CHECK,
    place_of_request,
    place_of_sample,
    place_of_session,
    place_of_snapshot,
    place_of_value,
    place_of_visit,
)
from crawler.stores.sql.login_rows import REFUSED

_PORTION = 500


class _Sealed(NamedTuple):
    """A column of sealed values, how the place of each follows from its row, and the column that identifies rows."""

    table: str
    column: str
    of: str
    place: Callable[..., str]
    row: str
    before_all: int | str = 0


_SEALED = (
    _Sealed("crawl_sessions", "secret", "key", place_of_session, "key", ""),
    _Sealed("crawl_session_history", "secret", "key, epoch, at", place_of_snapshot, "id"),
    _Sealed("crawl_requests", "extras", "frontier, fingerprint", place_of_request, "id"),
    _Sealed("crawl_visits", "others", "request", place_of_visit, "request"),
)


class Resealing:
    """Rotation of keys."""

    def __init__(self, driver: Driver, cipher: Cipher) -> None:
        self._db, self._cipher = driver, cipher

    def reseal(self) -> tuple[int, int]:
        """Encrypt all secrets with the cipher's newest key. Others may go on crawling meanwhile.

        Afterwards not even free pages of the file hold anything that an old key opens.

        Returns:
            How many were sealed anew, and how many no key opens: these are left as they are.
        Raises:
            StoreBusy: All is sealed anew, but another process reads the old pages, so that they are still in the file.
            StoreError: The database failed; the portions before that are sealed anew. Call it again.
        """
        done = lost = 0
        with self._db.forgetting("crawl_values", *(each.table for each in _SEALED)) as forget:
            for where in _SEALED:
                after: int | str | None = where.before_all
                while after is not None:
                    with self._db.write() as raw:
                        after, sealed, unreadable = self._reseal_portion(raw, where, after)
                    done, lost = done + sealed, lost + unreadable
            with self._db.write() as raw:
                for readable in (*self._reseal_refusals(raw), *self._reseal_samples(raw)):
                    done, lost = done + readable, lost + (not readable)
                self._reseal_check(raw)
            forget()
        return done, lost

    def _reseal_portion(self, raw: Transaction, where: _Sealed, after: int | str) -> tuple[int | str | None, int, int]:
        """Seal some rows anew. Returns the last row looked at (None: the table is done), sealed and unreadable ones."""
        rows = raw.execute(
            f"SELECT {where.row}, {where.column}, {where.of} FROM {where.table}"
            f" WHERE {where.row} > ? AND length({where.column}) > 0 ORDER BY {where.row} LIMIT ?",
            (after, _PORTION),
        ).fetchall()
        fresh = []
        for number, sealed, *row in rows:
            place = where.place(*row)
            try:
                fresh.append((self._cipher.seal(self._cipher.open(sealed, place), place), number))
            except SessionError:
                continue
        raw.executemany(f"UPDATE {where.table} SET {where.column} = ? WHERE {where.row} = ?", fresh)
        return (rows[-1][0] if len(rows) == _PORTION else None), len(fresh), len(rows) - len(fresh)

    def _reseal_check(self, raw: Transaction) -> None:
        """Let processes that have only the newest key continue with this store."""
        row = raw.execute("SELECT value FROM crawl_values WHERE name = ?", (KEY_CHECK,)).fetchone()
        if row is not None:
            sealed = base64.b64encode(self._cipher.seal("crawl", place_of_value(KEY_CHECK))).decode("ascii")
            raw.execute("UPDATE crawl_values SET value = ? WHERE name = ?", (json.dumps(sealed), KEY_CHECK))

    def _reseal_samples(self, raw: Transaction) -> Iterator[bool]:
        """Seal anew what callbacks were given; whether each could be read."""
        rows = raw.execute("SELECT id, given, spider, callback, cause FROM crawl_samples WHERE given <> ''").fetchall()
        for number, sealed, *row in rows:
            place = place_of_sample(*row)
            try:
                fresh = self._cipher.seal(self._cipher.open(base64.b64decode(sealed), place), place)
            except (ValueError, SessionError):
                yield False
                continue
            given = base64.b64encode(fresh).decode("ascii")
            raw.execute("UPDATE crawl_samples SET given = ? WHERE id = ?", (given, number))
            yield True

    def _reseal_refusals(self, raw: Transaction) -> Iterator[bool]:
        """Seal remembered refusals anew; whether each could be read."""
        rows = raw.execute(
            "SELECT name, value FROM crawl_values WHERE substr(name, 1, ?) = ?", (len(REFUSED), REFUSED)
        ).fetchall()
        for name, value in rows:
            try:
                held = json.loads(value)
                if "sealed" not in held:  # a book of logins whose credentials are not known
                    continue
                place = place_of_value(name)
                fresh = self._cipher.seal(self._cipher.open(base64.b64decode(held["sealed"]), place), place)
            except (ValueError, KeyError, TypeError, SessionError):
                yield False
                continue
            held["sealed"] = base64.b64encode(fresh).decode("ascii")
            raw.execute("UPDATE crawl_values SET value = ? WHERE name = ?", (json.dumps(held), name))
            yield True

"""A new key: whatever is sealed in the database is opened and sealed anew, and the old pages are gone afterwards."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from crawler.errors import SessionError
from crawler.stores.sealed import (
    place_of_request,
    place_of_session,
    place_of_snapshot,
    place_of_value,
    place_of_visit,
)
from crawler.stores.sqlite_logins import REFUSED, LoginsPart

_PORTION = 500


class _Sealed(NamedTuple):
    """A column of sealed values, and how the place of each follows from its row."""

    table: str
    column: str
    of: str
    place: Callable[..., str]


_SEALED = (
    _Sealed("crawl_sessions", "secret", "key", place_of_session),
    _Sealed("crawl_session_history", "secret", "key, epoch, at", place_of_snapshot),
    _Sealed("crawl_requests", "extras", "frontier, fingerprint", place_of_request),
    _Sealed("crawl_visits", "others", "request", place_of_visit),
)


class ResealPart(LoginsPart):
    """Rotation of keys."""

    def reseal(self) -> tuple[int, int]:
        """Encrypt all secrets with the newest key of the cipher. Others may go on crawling meanwhile.

        Afterwards not even free pages of the file hold what an old key opens.

        Returns:
            How many were sealed anew, and how many no key opens: these are left as they are.
        Raises:
            StoreBusy: All is sealed anew, but another process reads the old pages, so that they are still in the file.
            StoreError: The database failed; the portions before that are sealed anew. Call it again.
        """
        connection = self._connection
        done = lost = 0
        connection.read("PRAGMA secure_delete = ON")
        try:
            for where in _SEALED:
                after = 0
                while after >= 0:
                    with connection.write() as raw:
                        after, sealed, unreadable = self._reseal_portion(raw, where, after)
                    done, lost = done + sealed, lost + unreadable
            with connection.write() as raw:
                for readable in self._reseal_refusals(raw):
                    done, lost = done + readable, lost + (not readable)
            connection.read("VACUUM")
            self._empty_log()
        finally:
            connection.read("PRAGMA secure_delete = OFF")
        return done, lost

    def _reseal_portion(self, raw: sqlite3.Connection, where: _Sealed, after: int) -> tuple[int, int, int]:
        """Seal some rows anew. Returns the last row looked at (-1: the table is done), sealed and unreadable ones."""
        rows = raw.execute(
            f"SELECT rowid, {where.column}, {where.of} FROM {where.table}"
            f" WHERE rowid > ? AND length({where.column}) > 0 ORDER BY rowid LIMIT ?",
            (after, _PORTION),
        ).fetchall()
        fresh = []
        for number, sealed, *row in rows:
            place = where.place(*row)
            try:
                fresh.append((self._cipher.seal(self._cipher.open(sealed, place), place), number))
            except SessionError:
                continue
        raw.executemany(f"UPDATE {where.table} SET {where.column} = ? WHERE rowid = ?", fresh)
        return (rows[-1][0] if len(rows) == _PORTION else -1), len(fresh), len(rows) - len(fresh)

    def _reseal_refusals(self, raw: sqlite3.Connection) -> Iterator[bool]:
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

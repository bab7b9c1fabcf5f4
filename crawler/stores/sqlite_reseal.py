"""A new key: whatever is sealed in the database is opened and sealed anew, and the old pages are gone afterwards."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator

from crawler.errors import SessionError
from crawler.stores.sqlite_logins import REFUSED, LoginsPart

_PORTION = 500
_SEALED = (("crawl_sessions", "secret"), ("crawl_session_history", "secret"), ("crawl_requests", "extras"))


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
            for table, column in _SEALED:
                after = 0
                while after >= 0:
                    with connection.write() as raw:
                        after, sealed, unreadable = self._reseal_portion(raw, table, column, after)
                    done, lost = done + sealed, lost + unreadable
            with connection.write() as raw:
                for readable in self._reseal_refusals(raw):
                    done, lost = done + readable, lost + (not readable)
            connection.read("VACUUM")
            self._empty_log()
        finally:
            connection.read("PRAGMA secure_delete = OFF")
        return done, lost

    def _reseal_portion(self, raw: sqlite3.Connection, table: str, column: str, after: int) -> tuple[int, int, int]:
        """Seal some rows anew. Returns the last row looked at (-1: the table is done), sealed and unreadable ones."""
        rows = raw.execute(
            f"SELECT rowid, {column} FROM {table} WHERE rowid > ? AND length({column}) > 0 ORDER BY rowid LIMIT ?",
            (after, _PORTION),
        ).fetchall()
        fresh = []
        for number, sealed in rows:
            try:
                fresh.append((self._cipher.seal(self._cipher.open(sealed)), number))
            except SessionError:
                continue
        raw.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", fresh)
        return (rows[-1][0] if len(rows) == _PORTION else -1), len(fresh), len(rows) - len(fresh)

    def _reseal_refusals(self, raw: sqlite3.Connection) -> Iterator[bool]:
        """Seal remembered refusals anew; whether each could be read."""
        rows = raw.execute(
            "SELECT name, value FROM crawl_values WHERE substr(name, 1, ?) = ?", (len(REFUSED), REFUSED)
        ).fetchall()
        for name, value in rows:
            try:
                held = json.loads(value)
                fresh = self._cipher.seal(self._cipher.open(base64.b64decode(held["sealed"])))
            except (ValueError, KeyError, TypeError, SessionError):
                yield False
                continue
            held["sealed"] = base64.b64encode(fresh).decode("ascii")
            raw.execute("UPDATE crawl_values SET value = ? WHERE name = ?", (json.dumps(held), name))
            yield True

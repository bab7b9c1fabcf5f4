"""Small named values, such as a robots.txt kept for a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from crawler.stores.driver import LEASES, Driver, Transaction
from crawler.stores.incarnations import is_dead, this_process


class ValueRows:
    """Named values as JSON, with an expiry where one is given."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        head, tail = driver.dialect.replace("crawl_values", ("name", "value", "expires_at"), ("name",))
        self._put = f"{head}VALUES (?, ?, ?){tail}"

    def put(self, raw: Transaction, name: str, text: str, expires_at: float | None = None) -> None:
        """Inside a transaction: keep a JSON text."""
        raw.execute(self._put, (name, text, expires_at))

    def get(self, name: str) -> Any:
        """The value, or None when there is none or it has expired."""
        row = self._db.one(
            "SELECT value FROM crawl_values WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)",
            (name, self._db.now()),
        )
        return json.loads(row[0]) if row else None

    def set(self, name: str, value: Any, *, ttl_s: float | None = None, hot: bool = False) -> None:
        """Keep a value, or remove it; see `stores.base.ValueStore`."""
        with self._db.write(beside=LEASES if hot else "") as raw:
            if value is None:
                raw.execute("DELETE FROM crawl_values WHERE name = ?", (name,))
                return
            self.put(raw, name, json.dumps(value), None if ttl_s is None else self._db.now() + ttl_s)

    def change(self, name: str, change: Callable[[Any], Any], *, ttl_s: float | None = None) -> Any:
        """Replace a value by what is made of it; see `stores.base.ValueStore`."""
        with self._db.write() as raw:
            now = self._db.now()
            found = raw.execute(
                "SELECT value FROM crawl_values WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)", (name, now)
            ).fetchone()
            try:
                stored = json.loads(found[0]) if found is not None else None
            except ValueError:  # a damaged one is replaced
                stored = None
            value = change(stored)
            self.put(raw, name, json.dumps(value), None if ttl_s is None else now + ttl_s)
        return value

    def beginning(self, prefix: str) -> dict[str, Any]:
        """All values whose names begin with *prefix*."""
        rows = self._db.read(
            "SELECT name, value FROM crawl_values WHERE substr(name, 1, ?) = ?"
            " AND (expires_at IS NULL OR expires_at > ?)",
            (len(prefix), prefix, self._db.now()),
        )
        return {str(name): json.loads(value) for name, value in rows}

    def claim(self, name: str, owner: str, *, ttl_s: float) -> bool:
        """Claim a job; see `stores.base.ValueStore`."""
        with self._db.write() as raw:
            now = self._db.now()
            found = raw.execute("SELECT value, expires_at FROM crawl_values WHERE name = ?", (name,)).fetchone()
            if found is not None and found[1] is not None and found[1] > now:
                holder, incarnation = json.loads(found[0])
                if holder != owner and not is_dead(incarnation):
                    return False
            self.put(raw, name, json.dumps([owner, json.dumps(this_process())]), now + ttl_s)
        return True

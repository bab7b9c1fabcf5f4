"""Small named values, such as a robots.txt kept for a day."""

from __future__ import annotations

import json
from typing import Any

from crawler.stores.part import Part


class ValuesPart(Part):
    """Named values as JSON, with an end where one is given."""

    def get_value(self, name: str) -> Any:
        """The value, or None when there is none or its time is over."""
        row = self._connection.one(
            "SELECT value FROM crawl_values WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)",
            (name, self._clock()),
        )
        return json.loads(row[0]) if row else None

    def set_value(self, name: str, value: Any, *, ttl_s: float | None = None) -> None:
        """Keep a value that JSON can hold, for *ttl_s* seconds or for ever; None removes it."""
        with self._connection.write() as raw:
            if value is None:
                raw.execute("DELETE FROM crawl_values WHERE name = ?", (name,))
                return
            raw.execute(
                "INSERT OR REPLACE INTO crawl_values (name, value, expires_at) VALUES (?, ?, ?)",
                (name, json.dumps(value), None if ttl_s is None else self._clock() + ttl_s),
            )

"""Which fields a spider has ever given to a table, empty or not.

The table for all dicts has the fields of every spider, and a field that is empty tonight still belongs to its spider.
Each field is a row of `crawl_values` with the run that first gave it; fields without a column are not noted, so that
there are never more rows than columns. For what was stored before fields were noted, only its values tell.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from crawler.stores.driver import Driver, Transaction

_FIELD = "field "


class GivenFields:
    """The fields that spiders gave, noted when this process first sees them."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        self._known: dict[tuple[str, str], set[str]] = {}  # spider and table to fields
        driver.on_rollback.append(self._known.clear)

    def knows(self, spider: str, table: str, fields: Sequence[str]) -> bool:
        """Whether this process has noted all of them."""
        return self._known.get((spider, table), frozenset()).issuperset(fields)

    def note(self, raw: Transaction, whose: tuple[str, int], table: str, fields: Sequence[str]) -> None:
        """Inside a transaction: note that a spider gives these fields, each with a column; known ones cost nothing.

        Args:
            whose: The spider, and the number of its run.
        """
        spider, run = whose
        known = self._known.setdefault((spider, table), set())
        if known.issuperset(fields):
            return
        start = _start_of(spider, table)
        raw.executemany(
            "INSERT INTO crawl_values (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(start + json.dumps(field), str(run)) for field in sorted(set(fields) - known)],
        )
        known.update(fields)

    def of(self, spider: str, table: str) -> tuple[set[str], int | None]:
        """The fields that *spider* gave to *table*, and the first run for which they were noted; None if none were."""
        start = _start_of(spider, table)
        rows = self._db.read(
            "SELECT name, value FROM crawl_values WHERE substr(name, 1, ?) = ?",
            (len(start), start),
        )
        return {json.loads(name[len(start) :]) for name, _ in rows}, min((int(run) for _, run in rows), default=None)


def _start_of(spider: str, table: str) -> str:
    return f"{_FIELD}{json.dumps([spider, table])} "

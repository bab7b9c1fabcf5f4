"""What callbacks yielded that is no valid item: kept aside with reason, page and session, in the page's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crawler.outcome import Outcome
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Transaction
from crawler.stores.rows import harmless

_PORTION = 500
_COLUMNS = ("id", "run", "request", "url", "session", "at", "kind", "reason", "item")


class RejectedRows:
    """Items that were kept aside."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver

    def write(self, raw: Transaction, run: RunRow, now: float, ended: Sequence[Outcome]) -> None:
        rows = [
            (
                run.id,
                one.request.id,
                harmless(one.final_url or one.request.url),
                one.session_name or one.request.session,
                now,
                harmless(each.kind),
                harmless(each.reason),
                each.item,
            )
            for one in ended
            if one.rejected
            for each in one.rejected
        ]
        if rows:
            raw.executemany(
                "INSERT INTO crawl_rejected (run, request, url, session, at, kind, reason, item)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def all(self, frontier: int) -> Iterator[dict[str, Any]]:
        """What was kept aside in a crawl, oldest first."""
        last = 0
        while portion := self._db.read(
            f"SELECT {', '.join(_COLUMNS)} FROM crawl_rejected WHERE id > ? AND run IN (SELECT id FROM crawl_runs"
            f" WHERE frontier = ?) ORDER BY id LIMIT {_PORTION}",
            (last, frontier),
        ):
            last = portion[-1][0]
            for row in portion:
                yield dict(zip(_COLUMNS[1:], row[1:], strict=True))

    def count(self, frontier: int) -> int:
        """How many things were kept aside in a crawl."""
        return int(
            self._db.read(
                "SELECT count(*) FROM crawl_rejected WHERE run IN (SELECT id FROM crawl_runs WHERE frontier = ?)",
                (frontier,),
            )[0][0]
        )

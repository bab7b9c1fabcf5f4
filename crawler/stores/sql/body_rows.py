"""Pages kept with `keep_pages`: compressed, and equal ones once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from crawler.outcome import KeptPage
from crawler.stores.contents import digest, head_bytes, head_lines, pack, unpack
from crawler.stores.driver import Driver, Transaction


class BodyRows:
    """Kept pages, by the request that brought them."""

    def __init__(self, driver: Driver) -> None:
        self._db, self._numbers = driver, driver.dialect.numbers()
        columns = ("request", "at", "content", "status", "url", "head")
        self._head, self._tail = driver.dialect.replace("crawl_bodies", columns, ("request",))
        pairs = driver.dialect.rows({"old": "integer", "new": "integer"})
        self._carried = (
            f"{self._head}SELECT j.new, ?, b.content, b.status, b.url, b.head FROM {pairs} j"
            f" JOIN crawl_bodies b ON b.request = j.old WHERE true{self._tail}"
        )

    def write(self, raw: Transaction, now: float, pages: Iterable[tuple[int, KeptPage]]) -> None:
        """Inside a transaction: keep these; a request has one page, the last it brought."""
        for request, page in pages:
            before = raw.execute("SELECT content, head FROM crawl_bodies WHERE request = ?", (request,)).fetchone()
            raw.execute(
                f"{self._head}VALUES (?, ?, ?, ?, ?, ?){self._tail}",
                (
                    request,
                    now,
                    self._content(raw, page.body),
                    page.status,
                    page.url or None,
                    self._content(raw, head_bytes(page.head)) if page.head else None,
                ),
            )
            if before is not None:
                self._forget_contents(raw, before)

    def _content(self, raw: Transaction, body: bytes) -> int:
        """The row that holds *body*, created if missing."""
        mark = digest(body)
        row = raw.execute("SELECT id FROM crawl_contents WHERE hash = ?", (mark,)).fetchone()
        if row is not None:
            return int(row[0])
        coding, coded = pack(body)
        made = raw.execute(
            "INSERT INTO crawl_contents (hash, size, coding, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (hash) DO UPDATE SET size = excluded.size RETURNING id",
            (mark, len(body), coding, coded),
        ).fetchone()
        return int(made[0])

    def _forget_contents(self, raw: Transaction, ids: Sequence[int | None]) -> int:
        """Inside a transaction: remove those of these contents that no page uses any more. Returns their bytes."""
        gone = raw.execute(
            f"DELETE FROM crawl_contents WHERE id IN ({self._numbers})"
            " AND NOT EXISTS (SELECT 1 FROM crawl_bodies WHERE content = crawl_contents.id)"
            " AND NOT EXISTS (SELECT 1 FROM crawl_bodies WHERE head = crawl_contents.id) RETURNING length(body)",
            (json.dumps([each for each in ids if each is not None]),),
        ).fetchall()
        return sum(size for (size,) in gone)

    def remove_some(self, crawls: Sequence[int], before: float, most: int) -> tuple[int, int]:
        """In a transaction of its own: remove kept pages of these crawls. Returns how many pages and bytes."""
        with self._db.write() as raw:
            rows = raw.execute(
                "SELECT b.request, b.content, b.head FROM crawl_bodies b JOIN crawl_requests r ON r.id = b.request"
                f" WHERE r.frontier IN ({self._numbers}) AND b.at < ? LIMIT ?",
                (json.dumps(list(crawls)), before, most),
            ).fetchall()
            raw.execute(
                f"DELETE FROM crawl_bodies WHERE request IN ({self._numbers})", (json.dumps([row[0] for row in rows]),)
            )
            return len(rows), self._forget_contents(raw, [each for row in rows for each in row[1:]])

    def carry(self, raw: Transaction, now: float, pairs: Sequence[tuple[int, int]]) -> None:
        """Inside a transaction: keep what old requests had kept for new ones, too: pairs of (old, new)."""
        raw.execute(self._carried, (now, json.dumps(pairs)))

    def pages(self, condition: str, bound: Sequence[object]) -> Iterator[tuple[int, KeptPage]]:
        rows = self._db.read(
            "SELECT b.request, b.status, b.url, c.coding, c.body, h.coding, h.body FROM crawl_bodies b"
            " JOIN crawl_contents c ON c.id = b.content LEFT JOIN crawl_contents h ON h.id = b.head"
            f" WHERE {condition}",
            bound,
        )
        for request, status, url, coding, coded, head_coding, head in rows:
            lines = head_lines(unpack(head_coding, head)) if head is not None else ()
            yield request, KeptPage(unpack(coding, coded), lines, url or "", status)

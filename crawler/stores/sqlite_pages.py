"""Pages that are kept, with `keep_pages`: compressed, and equal ones once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from crawler.outcome import Page
from crawler.stores.contents import digest, head_bytes, head_lines, pack, unpack
from crawler.stores.part import Part


class PagesPart(Part):
    """Kept pages, by the request that brought them."""

    def _write_pages(self, raw: sqlite3.Connection, now: float, pages: Iterable[tuple[int, Page]]) -> None:
        """Inside a transaction: keep these; a request has one page, the last that it brought."""
        for request, page in pages:
            before = raw.execute("SELECT content, head FROM crawl_bodies WHERE request = ?", (request,)).fetchone()
            raw.execute(
                "INSERT OR REPLACE INTO crawl_bodies (request, at, content, status, url, head)"
                " VALUES (?, ?, ?, ?, ?, ?)",
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

    def _content(self, raw: sqlite3.Connection, body: bytes) -> int:
        """The row that holds *body*, made where there is none."""
        mark = digest(body)
        row = raw.execute("SELECT id FROM crawl_contents WHERE hash = ?", (mark,)).fetchone()
        if row is not None:
            return int(row[0])
        coding, coded = pack(body)
        made = raw.execute(
            "INSERT INTO crawl_contents (hash, size, coding, body) VALUES (?, ?, ?, ?)",
            (mark, len(body), coding, coded),
        ).lastrowid
        assert made is not None
        return made

    def _forget_contents(self, raw: sqlite3.Connection, ids: Sequence[int | None]) -> None:
        """Inside a transaction: remove those of these contents that no page has any more."""
        raw.execute(
            "DELETE FROM crawl_contents WHERE id IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM crawl_bodies WHERE content = crawl_contents.id)"
            " AND NOT EXISTS (SELECT 1 FROM crawl_bodies WHERE head = crawl_contents.id)",
            (json.dumps([each for each in ids if each is not None]),),
        )

    def _carry_pages(self, raw: sqlite3.Connection, now: float, pairs: Sequence[tuple[int, int]]) -> None:
        """Inside a transaction: what these requests had kept is kept for others, too: pairs of (of old, for new)."""
        raw.execute(
            "INSERT OR REPLACE INTO crawl_bodies (request, at, content, status, url, head)"
            " SELECT json_extract(j.value, '$[1]'), ?, b.content, b.status, b.url, b.head FROM json_each(?) j"
            " JOIN crawl_bodies b ON b.request = json_extract(j.value, '$[0]')",
            (now, json.dumps(pairs)),
        )

    def body(self, request: int) -> bytes | None:
        """The body that was kept of a request's page, or None."""
        page = self.page(request)
        return page.body if page is not None else None

    def page(self, request: int) -> Page | None:
        """The page that was kept of a request, or None."""
        return next((page for _, page in self._pages("b.request = ?", (request,))), None)

    def _pages(self, condition: str, bound: Sequence[object]) -> Iterator[tuple[int, Page]]:
        rows = self._connection.read(
            "SELECT b.request, b.status, b.url, c.coding, c.body, h.coding, h.body FROM crawl_bodies b"
            " JOIN crawl_contents c ON c.id = b.content LEFT JOIN crawl_contents h ON h.id = b.head"
            f" WHERE {condition}",
            bound,
        )
        for request, status, url, coding, coded, head_coding, head in rows:
            lines = head_lines(unpack(head_coding, head)) if head is not None else ()
            yield request, Page(unpack(coding, coded), lines, url or "", status)

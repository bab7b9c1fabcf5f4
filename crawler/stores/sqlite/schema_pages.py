"""Tables of what crawls have learned about pages, and of kept pages; and how an older file gets them.

`crawl_visits` has a row for the last visit of a page, under the request of the crawl that made it: a crawl that finds
the page unchanged moves the row to its own request. So the rows are removed along with their frontier.

A kept page is a row of `crawl_bodies`; equal bodies (and heads), of any pages and crawls, are one row of
`crawl_contents`.
"""

from __future__ import annotations

import sqlite3
import zlib

from crawler.stores.contents import digest
from crawler.stores.sql.table_texts import PAGES, statements


def migrate(raw: sqlite3.Connection) -> None:
    """Make these tables in a file of version 2, whose kept pages were entirely in `crawl_bodies`."""
    raw.execute("ALTER TABLE crawl_bodies RENAME TO crawl_bodies_2")
    for statement in statements(PAGES):
        raw.execute(statement)
    for request, at, body in raw.execute("SELECT request, at, body FROM crawl_bodies_2"):
        plain = zlib.decompress(body)
        raw.execute(
            "INSERT INTO crawl_contents (hash, size, coding, body) VALUES (?, ?, 'zlib', ?) ON CONFLICT DO NOTHING",
            (digest(plain), len(plain), body),
        )
        raw.execute(
            "INSERT INTO crawl_bodies (request, at, content) SELECT ?, ?, id FROM crawl_contents WHERE hash = ?",
            (request, at, digest(plain)),
        )
    raw.execute("DROP TABLE crawl_bodies_2")

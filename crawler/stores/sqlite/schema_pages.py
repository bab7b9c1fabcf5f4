"""Tables of what crawls have learned of pages, and of pages that are kept; and how an older file gets them.

`crawl_visits` has a row for the last visit of a page, under the request of the crawl that made it: a crawl that finds
the page unchanged moves the row to its own request. So the rows go with their frontier when that is thrown away.

A kept page is a row of `crawl_bodies`; equal bodies (and heads), of whatever pages and crawls, are one row of
`crawl_contents`.
"""

from __future__ import annotations

import sqlite3
import zlib

from crawler.stores.contents import digest

TABLES = """
CREATE TABLE crawl_visits (
    request INTEGER PRIMARY KEY,
    checked_at REAL NOT NULL,
    etag TEXT,
    modified TEXT,
    caching TEXT,
    vary TEXT,
    code TEXT NOT NULL,
    session TEXT NOT NULL,
    items TEXT,
    records TEXT,
    links BLOB,
    others BLOB
);

CREATE TABLE crawl_contents (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    coding TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE crawl_bodies (
    request INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    content INTEGER NOT NULL REFERENCES crawl_contents (id),
    status INTEGER NOT NULL DEFAULT 200,
    url TEXT,
    head INTEGER REFERENCES crawl_contents (id)
);
CREATE INDEX crawl_bodies_by_content ON crawl_bodies (content);
CREATE INDEX crawl_bodies_by_head ON crawl_bodies (head);
"""


def migrate(raw: sqlite3.Connection) -> None:
    """The tables above in a file of version 2, whose kept pages stood whole in `crawl_bodies`."""
    raw.execute("ALTER TABLE crawl_bodies RENAME TO crawl_bodies_2")
    for statement in TABLES.split(";\n"):
        if statement.strip():
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

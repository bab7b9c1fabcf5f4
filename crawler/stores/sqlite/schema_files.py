"""The table of files: which are held, and how they are known again. One row for each version of each file.

The bytes are in a folder beside the database, named after their hash (`crawler.pages.file_folder`). Rows are only
added, or confirmed: when what a lost session brought is taken back, the version before is the newest one again.
"""

from __future__ import annotations

import sqlite3

TABLES = """
CREATE TABLE crawl_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    session TEXT NOT NULL,
    url TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '',
    hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    link TEXT NOT NULL DEFAULT '',
    width INTEGER,
    height INTEGER,
    etag TEXT NOT NULL DEFAULT '',
    modified TEXT NOT NULL DEFAULT '',
    request INTEGER NOT NULL,
    run INTEGER NOT NULL,
    at REAL NOT NULL,
    checked_in INTEGER NOT NULL,
    checked_at REAL NOT NULL,
    checked_by INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    proven INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX crawl_files_by_url ON crawl_files (spider, session, url, id);
CREATE INDEX crawl_files_by_key ON crawl_files (spider, session, key, id) WHERE key <> '';
CREATE INDEX crawl_files_by_hash ON crawl_files (hash);
CREATE INDEX crawl_files_by_request ON crawl_files (request);
CREATE INDEX crawl_files_by_check ON crawl_files (checked_by);
"""


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            raw.execute(statement)

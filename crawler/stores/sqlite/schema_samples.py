"""The table of pages that are kept to look at: one good page of each callback, one that failed of each cause."""

from __future__ import annotations

import sqlite3

TABLES = """
CREATE TABLE crawl_samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    callback TEXT NOT NULL,
    cause TEXT NOT NULL,
    score INTEGER NOT NULL,
    run INTEGER NOT NULL,
    url TEXT NOT NULL,
    status INTEGER NOT NULL,
    head TEXT NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    fields TEXT NOT NULL DEFAULT '[]',
    given TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX crawl_samples_known ON crawl_samples (spider, callback, cause);
"""


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            raw.execute(statement)


def migrate_fields(raw: sqlite3.Connection) -> None:
    """Which fields are filled on a page, and what else its callback was given."""
    known = {row[1] for row in raw.execute("PRAGMA table_info(crawl_samples)")}
    for name, usual in (("fields", "'[]'"), ("given", "''")):
        if name not in known:  # in a file that got the table a step before
            raw.execute(f"ALTER TABLE crawl_samples ADD COLUMN {name} TEXT NOT NULL DEFAULT {usual}")

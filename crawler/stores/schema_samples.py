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
    at REAL NOT NULL
);
CREATE UNIQUE INDEX crawl_samples_known ON crawl_samples (spider, callback, cause);
"""


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            raw.execute(statement)

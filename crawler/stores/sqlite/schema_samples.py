"""The table of pages kept for inspection: a good one for each callback, a failed one for each cause."""

from __future__ import annotations

import sqlite3

from crawler.stores.sql.table_texts import SAMPLES, statements


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in statements(SAMPLES):
        raw.execute(statement)


def migrate_fields(raw: sqlite3.Connection) -> None:
    """Which fields are filled on a page, and what else its callback was given."""
    known = {row[1] for row in raw.execute("PRAGMA table_info(crawl_samples)")}
    for name, usual in (("fields", "'[]'"), ("given", "''")):
        if name not in known:  # in a file that got the table a step before
            raw.execute(f"ALTER TABLE crawl_samples ADD COLUMN {name} TEXT NOT NULL DEFAULT {usual}")

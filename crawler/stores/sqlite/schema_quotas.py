"""The table of what was granted of the quotas of accounts, and of accounts that rest."""

from __future__ import annotations

import sqlite3

TABLES = """
CREATE TABLE crawl_quotas (
    key TEXT PRIMARY KEY,
    granted TEXT NOT NULL DEFAULT '[]',
    rests_until REAL NOT NULL DEFAULT 0,
    why TEXT NOT NULL DEFAULT ''
);
"""


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    raw.execute(TABLES.strip())

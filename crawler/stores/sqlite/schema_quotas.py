"""The table of what was granted from accounts' quotas, and of accounts that rest."""

from __future__ import annotations

import sqlite3

from crawler.stores.sql.table_texts import statements
from crawler.stores.sql.worker_tables import QUOTAS


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in statements(QUOTAS):
        raw.execute(statement)

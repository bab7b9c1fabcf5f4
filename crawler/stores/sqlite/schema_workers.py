"""6: what the processes of a run share: their rows, what they have learned about hosts, the limit on pages."""

from __future__ import annotations

import sqlite3

from crawler.stores.sql.table_texts import statements
from crawler.stores.sql.worker_tables import SHARED_COLUMNS, SHARED_INDEX, WORKERS


def migrate(raw: sqlite3.Connection) -> None:
    """Add the columns and the table to a file that has none."""
    for statement in [*SHARED_COLUMNS, SHARED_INDEX, *statements(WORKERS)]:
        raw.execute(statement)

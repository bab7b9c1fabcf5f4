"""The table of files: which are held, and how they are recognised. One row for each version of each file.

The bytes are in a folder beside the database, named after their hash (`crawler.pages.file_folder`). Rows are only
added, or confirmed: when what a lost session brought is taken back, the version before is the newest one again.
"""

from __future__ import annotations

import sqlite3

from crawler.stores.sql.table_texts import FILES, statements


def migrate(raw: sqlite3.Connection) -> None:
    """Make the table in a file that has none."""
    for statement in statements(FILES):
        raw.execute(statement)

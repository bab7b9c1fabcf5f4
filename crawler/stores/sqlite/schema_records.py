"""How older stores get the tables of records, of their changes and of items that were kept aside."""

from __future__ import annotations

import sqlite3

from crawler.stores.naming import safe_name
from crawler.stores.sql.table_texts import RECORDS, statements
from crawler.stores.sql.views import make_latest_view, make_record_index

_NEW_COLUMNS = {"_crawl": "INTEGER", "_spider": "TEXT", "_record": "INTEGER", "_gone": "INTEGER"}


def records_into_old_tables(raw: sqlite3.Connection) -> None:
    """3: records, their changes, rejected items; result tables say which crawl and spider each row is from."""
    raw.execute("ALTER TABLE crawl_requests ADD COLUMN parent INTEGER NOT NULL DEFAULT 0")
    for statement in statements(RECORDS):
        raw.execute(statement)
    for name, stored_as in raw.execute("SELECT name, stored_as FROM crawl_tables").fetchall():
        table = f'"{stored_as}"'  # a safe name: it holds no quotes
        _make_room(raw, stored_as)
        for column, kind in _NEW_COLUMNS.items():
            raw.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        raw.execute(f"UPDATE {table} SET _crawl = r.frontier, _spider = r.spider FROM crawl_runs r WHERE r.id = _run")
        make_record_index(raw, stored_as)
        taken = {row[0].lower() for row in raw.execute("SELECT name FROM sqlite_master").fetchall()}
        make_latest_view(raw, name, stored_as, taken)


def _make_room(raw: sqlite3.Connection, stored_as: str) -> None:
    """Rename columns of items that are named like one of the new ones; the field keeps its own name."""
    taken = {row[0].lower() for row in raw.execute("SELECT name FROM pragma_table_info(?)", (stored_as,)).fetchall()}
    named = "SELECT stored_as FROM crawl_columns WHERE stored_in = ?"
    for (column,) in raw.execute(named, (stored_as,)).fetchall():
        if column.lower() in _NEW_COLUMNS:
            other = safe_name(column, taken | _NEW_COLUMNS.keys(), fallback="unnamed")
            taken.add(other.lower())
            raw.execute(f'ALTER TABLE "{stored_as}" RENAME COLUMN "{column}" TO "{other}"')
            raw.execute(
                "UPDATE crawl_columns SET stored_as = ? WHERE stored_in = ? AND stored_as = ?",
                (other, stored_as, column),
            )

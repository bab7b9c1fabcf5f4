"""The tables of records, of their changes and of items that were kept aside; and how older stores get them.

A *record* (`crawl_records`) is an item with a key: one row in its result table, followed from crawl to crawl. A
*sighting* (`crawl_sightings`) says that a page listed it when it was last read; `hash` tells whether the page says the
same of it as before, `shape` which fields it gave, `request` which request made the sighting. A page that was read
without the record leaves its sighting `dropped` until a complete crawl has shown that no other page took it over.

Pages (`crawl_record_pages`) are told apart by their fingerprint, as requests are, and belong to a *scope*: one spider
with one set of arguments. Whether a page was read in a crawl is in `crawl_requests` alone: what a page listed counts as
met in every crawl in which its request is done, without a write. `nameless` is how many things without a key are always
kept aside from a page; a page from which more were, or of which a part was not read, is `partial`: that it does not
list a record proves nothing.
"""

from __future__ import annotations

import sqlite3

from crawler.stores.naming import safe_name
from crawler.stores.sql.views import make_latest_view, make_record_index

RECORD_TABLES = """
CREATE TABLE crawl_record_scopes (
    id INTEGER PRIMARY KEY,
    spider TEXT NOT NULL,
    args TEXT NOT NULL,
    UNIQUE (spider, args)
);
CREATE TABLE crawl_record_kinds (
    id INTEGER PRIMARY KEY,
    spider TEXT NOT NULL,
    name TEXT NOT NULL,
    stored_in TEXT NOT NULL,
    UNIQUE (spider, name)
);
CREATE TABLE crawl_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL REFERENCES crawl_record_kinds (id),
    key TEXT NOT NULL,
    hash BLOB NOT NULL,
    gone INTEGER,
    UNIQUE (kind, key)
);
CREATE TABLE crawl_record_pages (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL REFERENCES crawl_record_scopes (id),
    fingerprint BLOB NOT NULL,
    parent INTEGER NOT NULL DEFAULT 0,
    depth INTEGER NOT NULL DEFAULT 0,
    partial INTEGER NOT NULL DEFAULT 0,
    nameless INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scope, fingerprint)
);
CREATE TABLE crawl_shapes (
    id INTEGER PRIMARY KEY,
    fields TEXT NOT NULL UNIQUE
);
CREATE TABLE crawl_sightings (
    page INTEGER NOT NULL REFERENCES crawl_record_pages (id),
    record INTEGER NOT NULL REFERENCES crawl_records (id),
    hash BLOB,
    shape INTEGER NOT NULL REFERENCES crawl_shapes (id),
    request INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0,
    UNIQUE (page, record)
);
CREATE INDEX crawl_sightings_by_record ON crawl_sightings (record);

CREATE TABLE crawl_changes (
    id INTEGER PRIMARY KEY,
    crawl INTEGER NOT NULL,
    run INTEGER NOT NULL,
    request INTEGER NOT NULL DEFAULT 0,
    record INTEGER NOT NULL REFERENCES crawl_records (id),
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    fields TEXT
);
CREATE INDEX crawl_changes_by_crawl ON crawl_changes (crawl);
CREATE INDEX crawl_changes_by_record ON crawl_changes (record);
CREATE INDEX crawl_changes_by_request ON crawl_changes (request) WHERE request > 0;

CREATE TABLE crawl_rejected (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    request INTEGER NOT NULL,
    url TEXT NOT NULL,
    session TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    item TEXT NOT NULL
);
CREATE INDEX crawl_rejected_by_request ON crawl_rejected (request);
CREATE INDEX crawl_rejected_by_run ON crawl_rejected (run);
"""


_NEW_COLUMNS = {"_crawl": "INTEGER", "_spider": "TEXT", "_record": "INTEGER", "_gone": "INTEGER"}


def records_into_old_tables(raw: sqlite3.Connection) -> None:
    """3: records, their changes, rejected items; result tables say which crawl and spider each row is from."""
    raw.execute("ALTER TABLE crawl_requests ADD COLUMN parent INTEGER NOT NULL DEFAULT 0")
    for statement in RECORD_TABLES.split(";\n"):
        if statement.strip():
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
    """Columns of items that are named like one of the new ones get another name; the field keeps its own."""
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

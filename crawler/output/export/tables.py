"""Additions to SQLite files that exports have made: further tables, masked addresses, full-text search."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from crawler.output.export.sqlite_file import APPLICATION_ID, quoted
from crawler.output.export.values import writable

_LOOKED_AT = 100_000  #: rows in which a column's distinct values are counted
_FACETS, _MOST_VALUES, _LONGEST = 4, 15, 60
_NO_GROUPS = frozenset(
    ("_time", "_url", "at", "started", "ended", "found_logged_out", "last_login", "last_proof", "took_s", "old", "new")
)


def add_table(path: Path, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Make a table and fill it. Returns how many rows it has."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        raw.execute("BEGIN")
        raw.execute(f"CREATE TABLE {quoted(table)} ({', '.join(map(quoted, columns))})")
        marks = ", ".join("?" * len(columns))
        safe = ([writable(each) if isinstance(each, str) else each for each in row] for row in rows)
        count = raw.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", safe).rowcount
        raw.execute("COMMIT")
    return max(count, 0)


def columns_of(path: Path) -> dict[str, list[str]]:
    """Table to its columns."""
    with closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: [row[1] for row in raw.execute(f"PRAGMA table_info({quoted(name)})")] for name in names}


def mask_addresses(path: Path, mask: Callable[[str], str]) -> None:
    """Replace every text holding an address with a query, a fragment or a user by the result of *mask*."""
    tables = columns_of(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.create_function("mask", 1, mask, deterministic=True)
        raw.execute("PRAGMA secure_delete = ON")  # what was masked does not stay in the file's free space either
        for table, columns in tables.items():
            for column in map(quoted, columns):
                like = " OR ".join(f"{column} LIKE '%://%{sign}%'" for sign in "?#@;")
                raw.execute(
                    f"UPDATE {quoted(table)} SET {column} = mask({column}) WHERE typeof({column}) = 'text' AND ({like})"
                )


def add_search(path: Path, fields: Sequence[str]) -> dict[str, list[str]]:
    """Make the texts of these fields searchable, in each table that has one of them.

    Returns:
        Table to those of its columns that are searched.
    """
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path)) as raw, raw:
        for table, columns in columns_of(path).items():
            chosen = [name for name in columns if name in fields]
            if not chosen:
                continue
            found[table] = chosen
            listed, index = ", ".join(map(quoted, chosen)), quoted(f"{table}_fts")
            raw.execute(f"CREATE VIRTUAL TABLE {index} USING fts5({listed}, content={quoted(table)})")
            raw.execute(f"INSERT INTO {index} (rowid, {listed}) SELECT rowid, {listed} FROM {quoted(table)}")
    return found


def facets_of(path: Path) -> dict[str, list[str]]:
    """Table to the columns that divide its rows into a few groups, those with the fewest first."""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path)) as raw:
        for table, columns in columns_of(path).items():
            counted = []
            for name in (each for each in columns if each not in _NO_GROUPS):
                column = quoted(name)
                rows, different, longest = raw.execute(
                    f"SELECT count(c), count(DISTINCT c), max(length(c)) FROM"
                    f" (SELECT {column} AS c FROM {quoted(table)} LIMIT {_LOOKED_AT}) WHERE c <> ''"
                ).fetchone()
                if 1 < different <= min(_MOST_VALUES, rows // 2) and longest <= _LONGEST:
                    counted.append((different, name))
            found[table] = [name for _, name in sorted(counted)[:_FACETS]]
    return found

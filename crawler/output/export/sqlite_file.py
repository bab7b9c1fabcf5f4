"""A plain SQLite file: a table for each kind of item, without the tables of the crawl.

Dates, times and decimals are texts there (ISO 8601, all digits), nested values JSON, booleans 0 and 1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from crawler.errors import UsageError
from crawler.output.export.formats import Look, TableHead
from crawler.output.export.text_formats import aligned
from crawler.output.export.values import plain, writable
from crawler.selection import Portion

APPLICATION_ID = 0x43524558  #: "CREX", in the header: a file of ours may be replaced; foreign ones are refused
_TYPES = {"integer": "INTEGER", "bool": "INTEGER", "real": "REAL", "blob": "BLOB", "": "BLOB"}
_AS_IT_IS = ("text", "integer", "real", "blob")


def quoted(name: str) -> str:
    """A name quoted for SQL, whatever it contains except NUL."""
    return '"' + writable(name).replace("\x00", "").replace('"', '""') + '"'


def distinct(names: Sequence[str]) -> list[str]:
    """Names made distinct for a database that ignores case."""
    taken: set[str] = set()
    found = []
    for name in names:
        candidate, number = name or "unnamed", 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate.lower())
        found.append(candidate)
    return found


class SQLiteFile:
    """Writes one; the file is new and not being read yet, so it needs no journal."""

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        assert isinstance(place, Path)
        self._raw = sqlite3.connect(place, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"application_id = {APPLICATION_ID}"):
            self._raw.execute(f"PRAGMA {pragma}")
        self._raw.execute("BEGIN")
        self._names: dict[str, tuple[str, ...]] = {}
        self._inserts: dict[str, str] = {}
        tables = distinct([head.table for head in heads])
        for head, table in zip(heads, tables, strict=True):
            names = distinct([column.name for column in head.columns])
            columns = ", ".join(
                f"{quoted(name)} {_TYPES.get(column.kind, 'TEXT')}"
                for name, column in zip(names, head.columns, strict=True)
            )
            self._raw.execute(f"CREATE TABLE {quoted(table)} ({columns or quoted('nothing')})")
            marks = ", ".join("?" * len(names)) or "NULL"
            self._inserts[head.table] = f"INSERT INTO {quoted(table)} VALUES ({marks})"
            self._names[head.table] = tuple(column.name for column in head.columns)

    def write(self, portion: Portion) -> None:
        values, kinds = aligned(portion, self._names[portion.table])
        columns = [
            column if kind in _AS_IT_IS else [_plain(each) for each in column]
            for column, kind in zip(values, kinds, strict=True)
        ]
        rows: Any = zip(*columns, strict=True) if columns else [()] * portion.size
        try:
            self._raw.executemany(self._inserts[portion.table], rows)
        except sqlite3.Error as error:
            raise OSError(str(error)) from error

    def finish(self) -> None:
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            raise OSError(str(error)) from error
        self._raw.close()

    def abandon(self) -> None:
        self._raw.close()


def _plain(value: Any) -> Any:
    found = plain(value)
    return writable(found) if isinstance(found, str) else found


def refuse_foreign(path: Path) -> None:
    """Raise UsageError when there is a database that no export has made: it may hold more than would be written.

    Raises:
        UsageError: It belongs to a crawl, or to something else.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(100)
    except OSError:
        return
    made_by = int.from_bytes(head[68:72], "big")
    if head[:15] == b"SQLite format 3" and made_by != APPLICATION_ID:
        what = "the database of crawls" if made_by == 0x43524157 else "a database that was not made by an export"
        raise UsageError(f"{path} is {what}; name another file")

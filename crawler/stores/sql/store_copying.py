"""Copies a store into another one, of any kind: rows keep their numbers, results get the types of the new place.

Secrets are copied sealed: they are bound to the numbers and names of their rows, which stay. What has meaning only for
a living process (a claim on a login) is left out. The target is empty before, and complete or empty after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from crawler.errors import StoreError
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.driver import Driver, Row, Transaction, quoted, values
from crawler.stores.sealed import KEY_CHECK
from crawler.stores.sql.item_rows import ItemRows, fields_of
from crawler.stores.sql.item_tables import HIDDEN, OURS, ItemTables, Table
from crawler.stores.sql.record_rows import RecordRows
from crawler.stores.sql.table_texts import TABLES, statements

_PORTION = 500
_REGISTRY = frozenset({"crawl_tables", "crawl_columns"})  # recreated with the results
_OF_PROCESSES = frozenset({"crawl_workers"})
_OF_A_CLAIM = {"login_owner": "", "login_until": 0.0}
#: Kind of a column to a value for which such a column is made.
_SAMPLES: dict[str, Any] = {
    "text": "",
    "integer": 0,
    "real": 0.5,
    "blob": b"",
    "bool": False,
    "json": {},
    "decimal": Decimal(0),
    "datetime": datetime.min,
    "date": date.min,
    "time": time.min,
}


@quick_dataclass
class CopyParts:
    """The parts of a store that are copied from, and to."""

    driver: Driver
    tables: ItemTables
    items: ItemRows
    records: RecordRows


def copy(source: CopyParts, target: CopyParts) -> dict[str, int]:
    """Copy everything. Returns table to the number of its rows.

    Raises:
        StoreError: The target is not empty, or one of the two failed; the target is as it was.
    """
    if target.driver.one("SELECT 1 FROM crawl_frontiers LIMIT 1") is not None:
        raise StoreError(target.driver.place, "is not empty: a copy goes into a store without a crawl")
    counts: dict[str, int] = {}
    with target.driver.write() as raw:
        for table, columns in tables():
            counts[table] = sum(
                _insert(raw, target.driver, table, columns, portion) for portion in _rows(source, table, columns)
            )
            if "id" in columns:
                target.driver.go_on_after(raw, table)
        for name, _ in source.tables.names():
            known = source.tables.load(name)
            if known is not None:
                counts[name] = _copy_results(source, target, raw, known)
    return counts


def tables() -> list[tuple[str, list[str]]]:
    """All tables except those of results, with their columns; tables that others refer to come first."""
    found = []
    for statement in statements(TABLES):
        made = re.match(r"\s*CREATE TABLE (\w+) \(\n(.*)\n\)", statement, re.DOTALL)
        if made is not None and made[1] not in _REGISTRY | _OF_PROCESSES:
            lines = (line.split() for line in made[2].splitlines())
            found.append((made[1], [words[0] for words in lines if words and words[0] not in ("UNIQUE", "PRIMARY")]))
    return found


def _rows(source: CopyParts, table: str, columns: list[str]) -> Iterator[list[Row]]:
    """The rows of a table in portions, by what identifies them."""
    key = ["page", "record"] if table == "crawl_sightings" else columns[:1]
    for portion in _portions(source.driver, table, columns, key):
        yield [_without_claim(table, columns, row) for row in portion if row[0] != KEY_CHECK]


def _portions(driver: Driver, table: str, columns: list[str], key: list[str]) -> Iterator[list[Row]]:
    """Rows in the order of the columns *key*, each portion beginning after the last one."""
    listed, order = ", ".join(map(quoted, columns)), ", ".join(map(quoted, key))
    places = [columns.index(name) for name in key]
    after: tuple[Any, ...] = ()
    while True:
        where = f"WHERE ({order}) > ({', '.join('?' * len(key))})" if after else ""
        portion = driver.read(f"SELECT {listed} FROM {quoted(table)} {where} ORDER BY {order} LIMIT {_PORTION}", after)
        if not portion:
            return
        yield portion
        after = tuple(portion[-1][place] for place in places)


def _without_claim(table: str, columns: list[str], row: Row) -> Row:
    if table != "crawl_sessions":
        return row
    return tuple(_OF_A_CLAIM.get(name, value) for name, value in zip(columns, row, strict=True))


def _insert(raw: Transaction, driver: Driver, table: str, columns: list[str], rows: list[Row]) -> int:
    width = len(columns)
    most = max(1, min(_PORTION, driver.dialect.most_variables // width))
    for start in range(0, len(rows), most):
        some = rows[start : start + most]
        raw.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values(width, len(some))}",
            [value for row in some for value in row],
        )
    return len(rows)


def _copy_results(source: CopyParts, target: CopyParts, raw: Transaction, known: Table) -> int:
    """Copy the items and records of one kind: values are read as yielded, and written as the target keeps them."""
    sample = {field: _SAMPLES.get(kind) for field, (_, kind) in known.columns.items()}
    made = target.tables.table(raw, known.name, sample)
    decoded = [(field, column, kind) for field, (column, kind) in known.columns.items()]
    columns = [*OURS, "_record", "_gone", *HIDDEN, *(column for _, column, _ in decoded)]
    count = 0
    for portion in _portions(source.driver, known.stored_as, columns, ["_request", "_position"]):
        count += len(portion)
        ours = len(OURS)
        for row in portion:
            address, (record, gone), fields = row[:ours], row[ours : ours + 2], fields_of(row[ours + 2 :], decoded)
            if record is None:
                plan = target.items.plan(raw, (known.name, tuple(fields)), fields)
                target.items.insert(raw, plan, [target.items.bound(plan, address, fields)])
            else:
                target.records.write_row(raw, known.name, address, fields)
                if gone is not None:
                    raw.execute(f"UPDATE {quoted(made.stored_as)} SET _gone = ? WHERE _record = ?", (gone, record))
    return count

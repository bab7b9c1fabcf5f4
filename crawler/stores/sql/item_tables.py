"""The tables of results, and the registry that knows under which names their fields are stored.

One plain table for each kind of item, with our columns (`OURS`) in front. A table is created by the first item of its
kind, and widened by the first one with a new field; another process may have been quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crawler.quick_dataclass import quick_dataclass
from crawler.selection import OURS as OURS
from crawler.stores.driver import Driver, Tables, Transaction
from crawler.stores.naming import safe_name, table_name
from crawler.stores.rows import KINDS, escape, kind_of, unescape
from crawler.stores.sql.views import make_latest_view

HIDDEN = ("_types", "_more")
OF_RECORDS = ("_record", "_gone")  # number of the record; the crawl that found it gone


@quick_dataclass(frozen=False)
class Table:
    """A result table as the registry knows it."""

    name: str
    stored_as: str
    columns: dict[str, tuple[str, str]]  #: field to (column, kind)


class ItemTables:
    """The registry of result tables."""

    def __init__(self, driver: Driver, tables: Tables) -> None:
        self._db, self._made = driver, tables
        self._known: dict[str, Table] = {}
        self._kept: set[tuple[str, str]] = set()  # columns that take any value, and hold some already
        self.on_widened: list[Callable[[], None]] = []
        driver.on_rollback.append(self._known.clear)

    def names(self) -> list[tuple[str, str]]:
        """Kind of item, and the table in which it is stored; in order of creation."""
        rows = self._db.read("SELECT name, stored_as FROM crawl_tables ORDER BY rowid")
        return [(unescape(name), stored_as) for name, stored_as in rows]

    def table(self, raw: Transaction, name: str, sample: dict[str, Any]) -> Table:
        """The table for *name* with a column for each field of *sample*, created or widened where needed."""
        table = self._known.get(name) or self.load(name)
        missing = [field for field in sample if table is None or field not in table.columns]
        if table is None or missing or self._late(table, sample):
            self._made.alone(raw)
            table = self.load(name)  # another process may have been quicker
        if table is None:
            table = self._create_table(raw, name, sample)
        else:
            missing = [field for field in sample if field not in table.columns]
            if missing and len(table.columns) < self._db.dialect.most_columns:
                self._widen(raw, table, {field: sample[field] for field in missing})
            late = self._late(table, sample)
            if late:
                self._retype(raw, table, late)
        self._known[name] = table
        return table

    def untyped(self, table: Table) -> list[str]:
        """Fields whose values were all None, so that the first other value decides the type of their column."""
        if not self._db.dialect.typed:
            return []
        return [
            field
            for field, (column, kind) in table.columns.items()
            if kind == "any" and (table.stored_as, column) not in self._kept
        ]

    def _late(self, table: Table, sample: dict[str, Any]) -> dict[str, str]:
        """Fields that have their first value now, and its kind."""
        return {field: kind_of(sample[field]) for field in self.untyped(table) if sample.get(field) is not None}

    def _retype(self, raw: Transaction, table: Table, late: dict[str, str]) -> None:
        columns = {table.columns[field][0]: _type_of(kind) for field, kind in late.items()}
        typed = self._made.retype(raw, table.stored_as, columns)
        for field, kind in late.items():
            column = table.columns[field][0]
            if column not in typed:
                self._kept.add((table.stored_as, column))
                continue
            raw.execute(
                "UPDATE crawl_columns SET kind = ? WHERE stored_in = ? AND stored_as = ?",
                (kind, table.stored_as, column),
            )
            table.columns[field] = (column, kind)
        for forget in self.on_widened:
            forget()

    def get(self, name: str) -> Table | None:
        """The table of a kind of item as it was last seen, or None; it may have been widened since."""
        return self._known.get(name) or self.load(name)

    def load(self, name: str) -> Table | None:
        """The table of a kind of item as the database has it now, or None."""
        row = self._db.one("SELECT stored_as FROM crawl_tables WHERE name = ?", (escape(name),))
        if row is None:
            return None
        found = self._db.read(
            "SELECT field, stored_as, kind FROM crawl_columns WHERE stored_in = ? ORDER BY rowid", (row[0],)
        )
        return Table(name, row[0], {unescape(field): (column, kind) for field, column, kind in found})

    def _create_table(self, raw: Transaction, name: str, sample: dict[str, Any]) -> Table:
        taken = {row[0].lower() for row in raw.execute(self._db.dialect.taken_names).fetchall()}
        table = Table(name, table_name(name, taken), {})
        chosen = self._choose_columns(table, sample)
        types = dict(zip(OURS, ("INTEGER", "TEXT", "REAL", "INTEGER", "INTEGER", "INTEGER", "TEXT"), strict=True))
        types |= dict.fromkeys(OF_RECORDS, "INTEGER") | dict.fromkeys(HIDDEN, "TEXT")
        types |= {column: _type_of(kind) for column, kind in chosen.values()}
        self._made.create(raw, table.stored_as, types)
        raw.execute("INSERT INTO crawl_tables (name, stored_as) VALUES (?, ?)", (escape(name), table.stored_as))
        self._register(raw, table, chosen)
        make_latest_view(raw, escape(name), table.stored_as, taken | {table.stored_as.lower()})
        return table

    def _widen(self, raw: Transaction, table: Table, sample: dict[str, Any]) -> None:
        chosen = self._choose_columns(table, sample)
        self._made.widen(raw, table.stored_as, {column: _type_of(kind) for column, kind in chosen.values()})
        self._register(raw, table, chosen)
        for forget in self.on_widened:
            forget()

    def _choose_columns(self, table: Table, sample: dict[str, Any]) -> dict[str, tuple[str, str]]:
        taken = {column.lower() for column, _ in table.columns.values()} | {
            *OURS,
            *OF_RECORDS,
            *HIDDEN,
            "rowid",
            "oid",
            "_rowid_",
        }
        chosen: dict[str, tuple[str, str]] = {}
        for field, value in sample.items():
            if len(table.columns) + len(chosen) >= self._db.dialect.most_columns:
                break
            column = safe_name(field, taken, fallback="unnamed")
            taken.add(column.lower())
            chosen[field] = (column, kind_of(value))
        return chosen

    def _register(self, raw: Transaction, table: Table, chosen: dict[str, tuple[str, str]]) -> None:
        raw.executemany(
            "INSERT INTO crawl_columns (stored_in, field, stored_as, kind) VALUES (?, ?, ?, ?)",
            [(table.stored_as, escape(field), column, kind) for field, (column, kind) in chosen.items()],
        )
        table.columns.update(chosen)


def _type_of(kind: str) -> str:
    """The type of a column; ANY where the first value was None, which says nothing."""
    return "ANY" if kind == "any" else KINDS[kind].sql

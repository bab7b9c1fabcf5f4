"""Result tables: items in. What comes out of them is `sqlite_results`.

One plain table for each kind of item, with our columns (`OURS`) in front, which any SQLite tool reads while a crawl
runs. Items of one shape (table and keys) share a *plan*, so that fifty of them are one statement. Fields beyond
`MOST_COLUMNS` go into `_more`, one JSON text.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.outcome import ItemRow
from crawler.selection import OURS as OURS
from crawler.stores.connection import batch_size, values
from crawler.stores.naming import safe_name, table_name
from crawler.stores.part import Part
from crawler.stores.rows import KINDS, PLAIN_TYPE, escape, kind_of, load_value, store_value, unescape
from crawler.stores.views import make_latest_view, make_record_index

HIDDEN = ("_types", "_more")
OF_RECORDS = ("_record", "_gone")  # number of the record; the crawl that found it gone
MOST_COLUMNS = 1_000
_MOST_VARIABLES = 30_000  # SQLite's own limit is 32,766
_LIMIT = 2**63

Address = tuple[int, str, float, int, int, int, str]  #: run, url, time, request, position, crawl, spider


@dataclass(slots=True)
class Table:
    """A result table as the registry knows it."""

    name: str
    stored_as: str
    columns: dict[str, tuple[str, str]]  #: field to (column, kind)


@dataclass(frozen=True, slots=True)
class _Look:
    """Whether values of such types fit their columns as they are, and at which of them one has to look first."""

    fits: bool
    texts: tuple[int, ...] = ()  #: a NUL or a surrogate may hide here
    numbers: tuple[int, ...] = ()  #: NaN, infinity or more than 64 bits


@dataclass(slots=True)
class Plan:
    """How items of one shape are written."""

    head: str
    width: int
    names: list[str]  #: columns, in the order of the fields
    fields: list[str]
    kinds: list[str]
    more: list[str]  #: fields without a column of their own
    looks: dict[tuple[type, ...], _Look]  #: types of the values to what is known about such rows
    tail: str = ""


class ItemsPart(Part):
    """The result tables of a store."""

    def _setup(self) -> None:
        super()._setup()
        self._tables: dict[str, Table] = {}
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        self._connection.on_rollback.append(self._tables.clear)
        self._connection.on_rollback.append(self._plans.clear)

    # --- writing --------------------------------------------------------------------------------------------------
    def _write_items(self, raw: sqlite3.Connection, items: Iterable[tuple[Address, ItemRow]]) -> int:
        """Inside a transaction: write items, each under its address. Returns how many."""
        groups: dict[tuple[str, tuple[str, ...]], list[tuple[Address, dict[str, Any]]]] = {}
        for address, item in items:
            groups.setdefault((item.table, tuple(item.fields)), []).append((address, item.fields))
        written = 0
        for shape, members in groups.items():
            plan = self._plans.get(shape) or self._make_plan(raw, shape, members[0][1])
            written += len(members)
            self._insert_items(raw, plan, [self._bound(plan, address, fields) for address, fields in members])
        return written

    def _insert_items(self, raw: sqlite3.Connection, plan: Plan, rows: list[list[Any]]) -> None:
        most = max(1, _MOST_VARIABLES // plan.width)
        while rows:
            size = min(batch_size(len(rows)), most)
            portion, rows = rows[:size], rows[size:]
            portion += [portion[-1]] * (size - len(portion))  # the same row once more replaces itself
            raw.execute(plan.head + values(plan.width, size) + plan.tail, [value for row in portion for value in row])

    def _bound(self, plan: Plan, address: Address, fields: dict[str, Any]) -> list[Any]:
        """What is bound for one item; items whose values all fit their columns take the short way."""
        found = list(fields.values())
        types = tuple(map(type, found))
        look = plan.looks.get(types)
        if look is None:
            look = plan.looks[types] = _look(plan, types)
            if len(plan.looks) > 200:
                plan.looks.clear()
        if look.fits:
            for index in look.texts:
                text = found[index]
                if not text.isprintable() and not _is_clean(text):
                    break
            else:
                for index in look.numbers:
                    if not -_LIMIT < found[index] < _LIMIT:  # NaN as well
                        break
                else:
                    return [*address, None, None, *found]
        return self._bound_with_notes(plan, address, fields)

    def _bound_with_notes(self, plan: Plan, address: Address, fields: dict[str, Any]) -> list[Any]:
        bound: list[Any] = []
        notes: dict[str, list[Any]] = {}
        for field, column, kind in zip(plan.fields, plan.names, plan.kinds, strict=True):
            stored, note = store_value(fields[field], kind)
            bound.append(stored)
            if note is not None:
                notes[column] = note
        more = {escape(field): noted(fields[field]) for field in plan.more}
        return [*address, json.dumps(notes) if notes else None, json.dumps(more) if more else None, *bound]

    def _remove_items(self, raw: sqlite3.Connection, condition: str, parameters: Sequence[Any]) -> int:
        """Inside a transaction: delete the items of the requests that *condition* names. Returns how many."""
        removed = 0
        for (stored_as,) in raw.execute("SELECT stored_as FROM crawl_tables").fetchall():
            removed += raw.execute(
                f"DELETE FROM {quoted(stored_as)} WHERE _record IS NULL AND _request IN"
                f" (SELECT id FROM crawl_requests WHERE {condition})",
                parameters,
            ).rowcount
        return removed

    # --- tables and plans -----------------------------------------------------------------------------------------
    def _make_plan(self, raw: sqlite3.Connection, shape: tuple[str, tuple[str, ...]], sample: dict[str, Any]) -> Plan:
        name, fields = shape
        table = self._table(raw, name, sample)
        kept = [field for field in fields if field in table.columns]
        names = [table.columns[field][0] for field in kept]
        kinds = [table.columns[field][1] for field in kept]
        columns = ", ".join(map(quoted, [*OURS, *HIDDEN, *names]))
        more = [field for field in fields if field not in table.columns]
        plan = Plan(
            head=f"INSERT OR REPLACE INTO {quoted(table.stored_as)} ({columns}) VALUES ",
            width=len(OURS) + len(HIDDEN) + len(names),
            names=names,
            fields=kept,
            kinds=kinds,
            more=more,
            looks={},
        )
        if len(self._plans) > 500:  # pages that make up new keys for each item must not fill the memory
            self._plans.clear()
        self._plans[shape] = plan
        return plan

    def _table(self, raw: sqlite3.Connection, name: str, sample: dict[str, Any]) -> Table:
        """The table for *name* with a column for each field of *sample*, made or widened where needed."""
        table = self._tables.get(name) or self._load_table(raw, name)
        missing = [field for field in sample if table is None or field not in table.columns]
        if table is not None and missing:
            table = self._load_table(raw, name)  # another process may have widened it
            assert table is not None
            missing = [field for field in missing if field not in table.columns]
        if table is None:
            table = self._create_table(raw, name, sample)
        elif missing and len(table.columns) < MOST_COLUMNS:
            self._widen(raw, table, {field: sample[field] for field in missing})
        self._tables[name] = table
        return table

    def _load_table(self, raw: sqlite3.Connection, name: str) -> Table | None:
        row = raw.execute("SELECT stored_as FROM crawl_tables WHERE name = ?", (escape(name),)).fetchone()
        if row is None:
            return None
        found = raw.execute(
            "SELECT field, stored_as, kind FROM crawl_columns WHERE stored_in = ? ORDER BY rowid", (row[0],)
        )
        return Table(name, row[0], {unescape(field): (column, kind) for field, column, kind in found.fetchall()})

    def _create_table(self, raw: sqlite3.Connection, name: str, sample: dict[str, Any]) -> Table:
        taken = {row[0].lower() for row in raw.execute("SELECT name FROM sqlite_master").fetchall()}
        table = Table(name, table_name(name, taken), {})
        chosen = self._choose_columns(table, sample)
        types = dict(zip(OURS, ("INTEGER", "TEXT", "REAL", "INTEGER", "INTEGER", "INTEGER", "TEXT"), strict=True))
        types |= dict.fromkeys(OF_RECORDS, "INTEGER") | dict.fromkeys(HIDDEN, "TEXT")
        types |= {column: KINDS[kind].sql for column, kind in chosen.values()}
        stored_as = quoted(table.stored_as)
        columns = ",\n   ".join(f"{quoted(column)} {kind}" for column, kind in types.items())
        raw.execute(f"CREATE TABLE {stored_as} (\n   {columns}\n)")
        by_request, by_run = quoted(f"crawl_by_request_{table.stored_as}"), quoted(f"crawl_by_run_{table.stored_as}")
        raw.execute(f'CREATE UNIQUE INDEX {by_request} ON {stored_as} ("_request", "_position")')
        raw.execute(f'CREATE INDEX {by_run} ON {stored_as} ("_run")')
        make_record_index(raw, table.stored_as)
        raw.execute("INSERT INTO crawl_tables (name, stored_as) VALUES (?, ?)", (escape(name), table.stored_as))
        self._register(raw, table, chosen)
        make_latest_view(raw, escape(name), table.stored_as)
        return table

    def _widen(self, raw: sqlite3.Connection, table: Table, sample: dict[str, Any]) -> None:
        chosen = self._choose_columns(table, sample)
        for column, kind in chosen.values():
            raw.execute(f"ALTER TABLE {quoted(table.stored_as)} ADD COLUMN {quoted(column)} {KINDS[kind].sql}")
        self._register(raw, table, chosen)
        self._plans.clear()  # a shape that had to leave fields out may have a column for them now

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
            if len(table.columns) + len(chosen) >= MOST_COLUMNS:
                break
            column = safe_name(field, taken, fallback="unnamed")
            taken.add(column.lower())
            chosen[field] = (column, kind_of(value))
        return chosen

    def _register(self, raw: sqlite3.Connection, table: Table, chosen: dict[str, tuple[str, str]]) -> None:
        raw.executemany(
            "INSERT INTO crawl_columns (stored_in, field, stored_as, kind) VALUES (?, ?, ?, ?)",
            [(table.stored_as, escape(field), column, kind) for field, (column, kind) in chosen.items()],
        )
        table.columns.update(chosen)


def fields_of(row: tuple[Any, ...], decoded: list[tuple[str, str, str]]) -> dict[str, Any]:
    """The fields of an item.

    Args:
        row: The `HIDDEN` columns, and then those of *decoded*.
        decoded: Name that the field is given, column and kind.
    """
    types, more = row[: len(HIDDEN)]
    notes = json.loads(types) if types else {}
    item = {
        field: load_value(stored, kind, notes.get(column))
        for (field, column, kind), stored in zip(decoded, row[len(HIDDEN) :], strict=True)
    }
    if more:
        for field, noted in json.loads(more).items():
            item[unescape(field)] = noted_value(noted)
    return item


def _look(plan: Plan, types: tuple[type, ...]) -> _Look:
    if plan.more or any(
        found is not type(None) and found is not PLAIN_TYPE.get(kind)
        for found, kind in zip(types, plan.kinds, strict=True)
    ):
        return _Look(False)
    return _Look(
        True,
        tuple(index for index, found in enumerate(types) if found is str),
        tuple(index for index, found in enumerate(types) if found in (int, float)),
    )


def noted(value: Any) -> list[Any]:
    """A value for JSON, equal for equal values of one type: what is stored, and its note. `noted_value` reads it."""
    stored, note = store_value(value, "text")
    return [KINDS["base64"].encode(stored), ["base64"]] if isinstance(stored, bytes) else [stored, note]


def noted_value(given: list[Any]) -> Any:
    """The value that `noted` was given."""
    stored, note = given
    return load_value(stored, "any", note)


def _is_clean(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quoted(identifier: str) -> str:
    """An identifier for SQL, whatever it holds."""
    return '"' + identifier.replace('"', '""') + '"'

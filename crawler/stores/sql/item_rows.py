"""Result tables: writing items. Reading them is in `result_rows`.

Items of one shape (table and keys) share a *plan*, so that fifty of them are one statement. Fields for which a table
has no column (`Dialect.most_columns`) go into `_more`, one JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from crawler.outcome import ItemRow
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.driver import Driver, Transaction, batch_size, quoted
from crawler.stores.rows import KINDS, PLAIN_TYPE, escape, load_value, store_value, unescape
from crawler.stores.sql.given_fields import GivenFields
from crawler.stores.sql.item_tables import HIDDEN, OURS, ItemTables

_LIMIT = 2**63
_OUR_TYPES = ("integer", "text", "real", "integer", "integer", "integer", "text", *["text"] * len(HIDDEN))

Address = tuple[int, str, float, int, int, int, str]  #: run, url, time, request, position, crawl, spider


@quick_dataclass
class _Look:
    """Whether values of these types fit their columns as they are, and which of them have to be checked first."""

    fits: bool
    texts: tuple[int, ...] = ()  #: a NUL or a surrogate may hide here
    numbers: tuple[int, ...] = ()  #: NaN, infinity or more than 64 bits


@quick_dataclass(frozen=False)
class Plan:
    """How items of one shape are written."""

    head: str
    types: list[str]  #: of all columns, ours included: those of `Dialect.many`
    names: list[str]  #: columns, in the order of the fields
    fields: list[str]
    kinds: list[str]
    more: list[str]  #: fields without a column of their own
    looks: dict[tuple[type, ...], _Look]  #: types of the values to what is known about such rows
    untyped: list[str]  #: fields whose column has no type yet
    tail: str = ""


class ItemRows:
    """Items in their tables."""

    def __init__(self, driver: Driver, tables: ItemTables, given: GivenFields) -> None:
        self._db, self._tables, self._given = driver, tables, given
        self._plans: dict[tuple[str, tuple[str, ...]], Plan] = {}
        driver.on_rollback.append(self._plans.clear)
        tables.on_widened.append(self._plans.clear)  # a shape that left fields out may have a column for them now

    def write(self, raw: Transaction, items: Iterable[tuple[Address, ItemRow]]) -> int:
        """Inside a transaction: write items, each under its address. Returns how many."""
        groups: dict[tuple[str, tuple[str, ...]], list[tuple[Address, dict[str, Any]]]] = {}
        for address, item in items:
            groups.setdefault((item.table, tuple(item.fields)), []).append((address, item.fields))
        written = 0
        for shape, members in groups.items():
            plan = self.plan(raw, shape, members[0][1])
            first = members[0][0]
            self._given.note(raw, (first[6], first[0]), shape[0], plan.fields)
            written += len(members)
            for _, fields in members if plan.untyped else ():
                plan = self.plan(raw, shape, fields)
            self.insert(raw, plan, [self.bound(plan, address, fields) for address, fields in members])
        return written

    def note_fields(self, raw: Transaction, whose: tuple[str, int], table: str, fields: Sequence[str]) -> None:
        """Inside a transaction: note that a spider, in a run, gives these fields to a table; see `GivenFields`."""
        if not self._given.knows(whose[0], table, fields):
            known = self._tables.table(raw, table, dict.fromkeys(fields))
            self._given.note(raw, whose, table, [field for field in fields if field in known.columns])

    def insert(self, raw: Transaction, plan: Plan, rows: list[list[Any]]) -> None:
        dialect = self._db.dialect
        most = max(1, dialect.most_variables // len(plan.types))
        while rows:
            size = min(batch_size(len(rows), dialect), most)
            portion, rows = rows[:size], rows[size:]
            portion += [portion[-1]] * (size - len(portion))  # the same row once more replaces itself
            written, given = dialect.many(plan.types, [value for row in portion for value in row])
            raw.execute(plan.head + written + plan.tail, given)

    def bound(self, plan: Plan, address: Address, fields: dict[str, Any]) -> list[Any]:
        """What is bound for one item; items whose values all fit their columns take a shortcut."""
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
            stored, note = self._db.dialect.fit(*store_value(fields[field], kind), kind)
            bound.append(stored)
            if note is not None:
                notes[column] = note
        more = {escape(field): noted(fields[field]) for field in plan.more}
        return [*address, json.dumps(notes) if notes else None, json.dumps(more) if more else None, *bound]

    def remove(self, raw: Transaction, condition: str, parameters: Sequence[Any]) -> int:
        """Inside a transaction: delete the items of the requests selected by *condition*. Returns how many."""
        removed = 0
        for (stored_as,) in raw.execute("SELECT stored_as FROM crawl_tables").fetchall():
            removed += raw.execute(
                f"DELETE FROM {quoted(stored_as)} WHERE _record IS NULL AND _request IN"
                f" (SELECT id FROM crawl_requests WHERE {condition})",
                parameters,
            ).rowcount
        return removed

    def plan(self, raw: Transaction, shape: tuple[str, tuple[str, ...]], sample: dict[str, Any]) -> Plan:
        """Inside a transaction: how items of a table with these fields are written."""
        known = self._plans.get(shape)
        if known is None or (known.untyped and any(sample[field] is not None for field in known.untyped)):
            return self._make_plan(raw, shape, sample)
        return known

    def _make_plan(self, raw: Transaction, shape: tuple[str, tuple[str, ...]], sample: dict[str, Any]) -> Plan:
        name, fields = shape
        table = self._tables.table(raw, name, sample)
        kept = [field for field in fields if field in table.columns]
        names = [table.columns[field][0] for field in kept]
        kinds = [table.columns[field][1] for field in kept]
        head, tail = self._db.dialect.replace(table.stored_as, [*OURS, *HIDDEN, *names], ("_request", "_position"))
        more = [field for field in fields if field not in table.columns]
        plan = Plan(
            head=head,
            tail=tail,
            types=[*_OUR_TYPES, *("text" if kind == "any" else KINDS[kind].sql.lower() for kind in kinds)],
            names=names,
            fields=kept,
            kinds=kinds,
            more=more,
            looks={},
            untyped=[field for field in self._tables.untyped(table) if field in fields],
        )
        if len(self._plans) > 500:  # pages that make up new keys for each item must not fill the memory
            self._plans.clear()
        self._plans[shape] = plan
        return plan


def fields_of(row: tuple[Any, ...], decoded: list[tuple[str, str, str]]) -> dict[str, Any]:
    """The fields of an item.

    Args:
        row: The `HIDDEN` columns, and then those of *decoded*.
        decoded: Name to give the field, column and kind.
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

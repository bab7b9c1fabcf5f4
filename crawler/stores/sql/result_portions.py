"""Results for exports: portions of whole columns, typed as they went in, each portion a short query of its own.

A reader of a million rows must be no slower than a tool that knows nothing about kinds: what needs no decoding is
passed on as SQLite gave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from crawler.errors import UsageError
from crawler.records import ACCOUNT
from crawler.selection import Column, Portion, Selection
from crawler.stores.driver import Dialect, Driver, quoted
from crawler.stores.rows import load_value, unescape
from crawler.stores.sql.column_kinds import answered, common, question
from crawler.stores.sql.conditions import refusal
from crawler.stores.sql.given_fields import GivenFields
from crawler.stores.sql.item_rows import noted_value
from crawler.stores.sql.item_tables import ItemTables, Table

_ROWS = 2_000
_AS_STORED = frozenset({"text", "integer", "real", "blob"})
_OPEN = frozenset({"any", "datetime", "decimal"})  #: kinds that only the values can determine
_OF_TYPES = {  #: SQLite's types in a column, without empty values, to the kind that all have in common
    frozenset({str}): "text",
    frozenset({int}): "integer",
    frozenset({float}): "real",
    frozenset({bytes}): "blob",
}
_NONE = type(None)
_NEWEST = "SELECT frontier FROM crawl_runs WHERE id = (SELECT max(id) FROM crawl_runs WHERE spider = ?)"

#: Kind in a note to kind of the column.
_OF_NOTE: dict[str, str] = {"escaped": "text", "integer": "big", "datetime": ""}

IDENTITY = "_id"  #: see `ResultPortions.portions`
WHOSE = "_account"  #: the same

_Condition = tuple[str, list[Any]]


class ResultPortions:
    """Reading results for exports."""

    def __init__(self, driver: Driver, tables: ItemTables, given: GivenFields) -> None:
        self._db, self._tables, self._given = driver, tables, given
        self._numbers = driver.dialect.numbers()

    def columns(self, table: str, selection: Selection, *, typed: bool = True) -> list[Column]:
        """The fields of what is selected, in order, with what their values have in common.

        They are the fields that the spider has ever given to the table, empty or not; in the table for all dicts, those
        that only other spiders give are left out. For rows that were stored before fields were noted, see
        `fields_given`.

        Args:
            typed: Look at all values for their kinds; otherwise no kinds are given.
        """
        known = self._tables.load(table)
        if known is None:
            return []
        self._refuse_wrong_condition(known, selection)
        conditions = self._conditions(selection)
        given = self.fields_given(known, selection.spider)
        kinds = self._kinds_stored(known, conditions, whether_filled=False) if typed else {}
        found = [
            common(Column(field, stored_as=column), kind, kinds.get(column, set()))
            if typed
            else Column(field, stored_as=column)
            for field, (column, kind) in known.columns.items()
            if field in given
        ]
        return found + self._fields_without_column(known, conditions)

    def has_rows(self, table: str, selection: Selection) -> bool:
        """Whether anything is selected.

        Raises:
            UsageError: The condition cannot be evaluated on this table.
        """
        known = self._tables.load(table)
        if known is None:
            return False
        name = quoted(known.stored_as)
        if selection.where:
            if not self.has_rows(table, replace(selection, where="")):
                return False  # for other spiders: what they lack is no reason to object
            self._refuse_wrong_condition(known, selection)
        return any(
            self._db.one(f"SELECT 1 FROM {name} WHERE {condition} LIMIT 1", bound) is not None
            for condition, bound in self._conditions(selection)
        )

    def _refuse_wrong_condition(self, known: Table, selection: Selection) -> None:
        """Raise UsageError, saying what is wrong, where the condition cannot be evaluated on a table."""
        if not selection.where:
            return
        case = f"CASE WHEN {selection.where}\nTHEN 1 END"  # parentheses that close ours fail here
        objection = self._db.objection(f"SELECT {case} FROM {quoted(known.stored_as)}")
        if objection:
            given = self.fields_given(known, selection.spider)
            columns = [column for field, (column, _) in known.columns.items() if field in given]
            raise UsageError(refusal(selection.where, known.name, objection, columns))

    def has_accounts(self, table: str, spider: str) -> bool:
        """Whether the session that fetched a record is part of its key."""
        known = self._tables.load(table)
        if known is None:
            return False
        row = self._db.one(
            "SELECT key FROM crawl_records WHERE id ="
            f" (SELECT _record FROM {quoted(known.stored_as)} WHERE _record IS NOT NULL AND _spider = ? LIMIT 1)",
            (spider,),
        )
        return row is not None and _account(row[0]) is not None

    def portions(
        self, table: str, selection: Selection, columns: Sequence[Column], *, origin: Sequence[str] = ()
    ) -> Iterator[Portion]:
        """What is selected: items without a key in the order in which their pages were found, then records.

        What a running crawl adds meanwhile may or may not be included; an item with a field that had no column when
        reading began is not.

        Args:
            origin: Columns of ours that go in front: ``_run``, ``_url``, ``_time``, ``_crawl``, ``_spider``; ``_id``:
                identifies the row uniquely, the same however often it is read; ``_account``: the session in the key of
                a record, None where it has none.
        """
        known = self._tables.load(table)
        if known is None:
            return
        items, records = self._conditions(selection)
        reader = _PortionReader(table, tuple(columns), tuple(origin), known, self._db.dialect)
        lowest = self._lowest_request(selection)
        yield from self._stream(reader, items, "_request, _position", (lowest, -(2**62)))
        yield from self._stream(reader, records, "_record", (0,))

    def _stream(
        self, reader: _PortionReader, condition: _Condition, order: str, start: tuple[int, ...]
    ) -> Iterator[Portion]:
        text, bound = condition
        marks = ", ".join("?" * len(start))
        at = start
        known = self._field_count(reader.known)
        new = ""
        while True:
            count = self._field_count(reader.known)
            if count != known and order != "_record":  # widened meanwhile: items with the new fields came later
                known, new = count, self._new_fields(reader.known)
            table = f"{quoted(reader.known.stored_as)} WHERE ({order}) > ({marks})"
            end = self._db.one(f"SELECT {order} FROM {table} ORDER BY {order} LIMIT 1 OFFSET {_ROWS - 1}", at)
            until = f" AND ({order}) <= ({marks})" if end else ""
            rows = self._db.read(
                f"SELECT {reader.select} FROM {table}{until} AND {text}{new} ORDER BY {order}",
                (*at, *(end or ()), *bound),
            )
            if rows:
                yield reader.portion(rows)
            if end is None:
                return
            at = end

    # --- what is selected -----------------------------------------------------------------------------------------
    def _conditions(self, selection: Selection) -> tuple[_Condition, _Condition]:
        """For items without a key, and for records. ``+`` keeps SQLite from sorting a whole crawl for each portion."""
        items, records = ["_record IS NULL"], ["_record IS NOT NULL"]
        of_items: list[Any] = []
        of_records: list[Any] = []
        if selection.runs is not None:
            numbers = json.dumps(selection.runs)
            for parts, bound in ((items, of_items), (records, of_records)):
                parts.append(f"+_run IN ({self._numbers})")
                bound.append(numbers)
        else:
            whose = "SELECT id FROM crawl_runs WHERE spider = ?"
            if selection.is_latest:
                whose = f"SELECT id FROM crawl_runs WHERE frontier = ({_NEWEST})"
            items.append(f"+_run IN ({whose})")
            of_items.append(selection.spider)
            records.append("_spider = ?")
            of_records.append(selection.spider)
            if selection.crawl is None:
                records.append("_gone IS NULL")
        shared: list[Any] = []
        for text, value in (
            ("_crawl = ?", selection.crawl),
            ("_time >= ?", selection.since),
            ("_crawl > ?", selection.after),
        ):
            if value is not None:
                items.append(text)
                records.append(text)
                shared.append(value)
        if selection.where:
            for parts in (items, records):
                parts.append(f"({selection.where}\n)")
        return (" AND ".join(items), of_items + shared), (" AND ".join(records), of_records + shared)

    def _lowest_request(self, selection: Selection) -> int:
        """Where items of the newest crawl begin, so that older ones in the same table are not scanned."""
        if not selection.is_latest:
            return 0
        row = self._db.one(f"SELECT min(id) FROM crawl_requests WHERE frontier = ({_NEWEST})", (selection.spider,))
        return int(row[0]) - 1 if row and row[0] is not None else 0

    # --- columns --------------------------------------------------------------------------------------------------
    def _is_shared(self, known: Table, spider: str) -> bool:
        """Whether other spiders have put items there."""
        found = self._db.one(
            f"SELECT 1 FROM {quoted(known.stored_as)} WHERE _run IN (SELECT id FROM crawl_runs WHERE spider <> ?)"
            " LIMIT 1",
            (spider,),
        )
        return found is not None

    def fields_given(self, known: Table, spider: str) -> set[str]:
        """The fields that a spider has ever given to a table.

        For rows of runs before the first one whose fields were noted, their values tell; while no other spider has rows
        there, all fields of the table are the spider's.
        """
        given, first = self._given.of(spider, known.name)
        runs = "SELECT id FROM crawl_runs WHERE spider = ? AND id < ?"
        bound = [spider, 2**62 if first is None else first]
        earlier = f"+_run IN ({runs})"
        if self._db.one(f"{runs} LIMIT 1", bound) is None or not self._db.one(
            f"SELECT 1 FROM {quoted(known.stored_as)} WHERE {earlier} LIMIT 1", bound
        ):
            return given
        if not self._is_shared(known, spider):
            return set(known.columns)
        kinds = self._kinds_stored(known, [(earlier, bound)], whether_filled=True)
        return given | {field for field, (column, _) in known.columns.items() if kinds[column]}

    def _field_count(self, known: Table) -> int:
        row = self._db.one("SELECT count(*) FROM crawl_columns WHERE stored_in = ?", (known.stored_as,))
        return int(row[0]) if row else 0

    def _new_fields(self, known: Table) -> str:
        names = self._db.read("SELECT stored_as FROM crawl_columns WHERE stored_in = ?", (known.stored_as,))
        old = {column for column, _ in known.columns.values()}
        return "".join(f" AND {quoted(name)} IS NULL" for (name,) in names if name not in old)

    def _kinds_stored(
        self, known: Table, conditions: Sequence[_Condition], *, whether_filled: bool
    ) -> dict[str, set[str]]:
        """Column to the kinds of its values; columns without a value have none.

        Args:
            whether_filled: Check columns whose kind is certain, too: otherwise these have none here.
        """
        found: dict[str, set[str]] = {column: set() for column, _ in known.columns.values()}
        table, dialect = quoted(known.stored_as), self._db.dialect
        for condition, bound in conditions:
            asked = [each for each in known.columns.items() if whether_filled or each[1][1] in _OPEN]
            answers, notes = self._asked_of(table, (condition, bound), [each for _, each in asked], set())
            noted: set[str] = set()
            if notes:
                own = self._db.read(
                    f"SELECT DISTINCT j.key, {dialect.first_of('j.value')} FROM {table} t,"
                    f" {dialect.keys_of('t._types')} j WHERE t._types IS NOT NULL AND {condition}",
                    bound,
                )
                for column, kind in own:
                    found[column].add(str(_OF_NOTE.get(kind, kind)))
                noted = {column for column, _ in own}
                asked = [each for each in known.columns.items() if each in asked or each[1][0] in noted]
                answers, _ = self._asked_of(table, (condition, bound), [each for _, each in asked], noted)
            for (_, (column, kind)), answer in zip(asked, answers, strict=True):
                found[column] |= answered(kind, answer)
        return found

    def _asked_of(
        self, table: str, condition: _Condition, columns: Sequence[tuple[str, str]], noted: set[str]
    ) -> tuple[list[Any], int]:
        """The answers to `question`, column by column, and how many rows have a note."""
        text, bound = condition
        answers: list[Any] = []
        notes = 0
        for start in range(0, max(len(columns), 1), 200):
            some = columns[start : start + 200]
            asked = [question(self._db.dialect, column, kind, column in noted) for column, kind in some]
            row = self._db.one(f"SELECT {', '.join(['count(_types)', *asked])} FROM {table} WHERE {text}", bound)
            notes, answers = (row or (0,))[0], answers + list(row or ())[1:]
        return answers, int(notes)

    def _fields_without_column(self, known: Table, conditions: Sequence[_Condition]) -> list[Column]:
        if len(known.columns) < self._db.dialect.most_columns:
            return []
        names: dict[str, None] = {}
        dialect = self._db.dialect
        for condition, bound in conditions:
            rows = self._db.read(
                f"SELECT DISTINCT j.key FROM {quoted(known.stored_as)} t, {dialect.keys_of('t._more')} j"
                f" WHERE t._more IS NOT NULL AND {condition}",
                bound,
            )
            names.update(dict.fromkeys(unescape(name) for (name,) in rows))
        return [Column(name) for name in sorted(names)]


class _PortionReader:
    """Turns rows of one table into portions.

    Attributes:
        select: What is selected: our columns, the fields, and whether something is noted.
    """

    def __init__(
        self, table: str, columns: tuple[Column, ...], origin: tuple[str, ...], known: Table, dialect: Dialect
    ) -> None:
        self.table, self.known = table, known
        self._columns, self._origin = columns, origin
        self._names = origin + tuple(column.name for column in columns)
        stored = dict(known.columns.values())
        self._stored_kinds = [stored.get(column.stored_as, "") for column in columns]
        self._asked = [_ours(each, dialect) for each in origin]
        self._asked += [quoted(column.stored_as) if column.stored_as else "NULL" for column in columns]
        self._has_more = any(not column.stored_as for column in columns)
        self.select = ", ".join([*self._asked, "_types", *(["_more"] if self._has_more else [])])
        of_ours = {"_run": "integer", "_time": "real", "_crawl": "integer"}
        self._kinds = [of_ours.get(name, "text") for name in origin] + self._stored_kinds

    def portion(self, rows: list[tuple[Any, ...]]) -> Portion:
        columns: list[Any] = list(zip(*rows, strict=True))
        width = len(self._asked)
        values, types = columns[:width], columns[width]
        kinds = ["" if kind == "any" else kind for kind in self._kinds]
        notes: list[tuple[int, dict[str, list[Any]]]] = []
        if types.count(None) < len(types):
            notes = [(place, json.loads(text)) for place, text in enumerate(types) if text is not None]
        noted = {column for _, of_row in notes for column in of_row}
        for place, kind in enumerate(self._kinds[len(self._origin) :], len(self._origin)):
            column = self._columns[place - len(self._origin)]
            if column.stored_as in noted:
                values[place], kinds[place] = self._with_notes(values[place], kind, column.stored_as, notes), ""
            elif kind == "any":
                kinds[place] = _OF_TYPES.get(frozenset(map(type, values[place])) - {_NONE}, "")
            elif kind and kind not in _AS_STORED:
                values[place] = [None if each is None else load_value(each, kind, None) for each in values[place]]
        if WHOSE in self._origin:
            place = self._origin.index(WHOSE)
            values[place] = [_account(each) for each in values[place]]
        if self._has_more:
            self._fill_more(values, columns[width + 1])
        return Portion(self.table, self._names, values, tuple(kinds), len(rows))

    @staticmethod
    def _with_notes(
        values: Sequence[Any], kind: str, stored_as: str, notes: Sequence[tuple[int, dict[str, list[Any]]]]
    ) -> list[Any]:
        of_rows = {place: of_row[stored_as] for place, of_row in notes if stored_as in of_row}
        return [load_value(each, kind, of_rows.get(place)) for place, each in enumerate(values)]

    def _fill_more(self, values: list[Any], more: Sequence[str | None]) -> None:
        """Fill in fields without a column of their own."""
        places = {c.name: place for place, c in enumerate(self._columns, len(self._origin)) if not c.stored_as}
        for name in places.values():
            values[name] = list(values[name])
        for row, text in enumerate(more):
            for name, given in json.loads(text).items() if text is not None else ():
                place = places.get(unescape(name))
                if place is not None:
                    values[place][row] = noted_value(given)


def _account(key: str | None) -> str | None:
    """The session in the key of a record."""
    found = json.loads(unescape(key)).get(ACCOUNT) if key is not None else None
    return str(found) if found is not None else None


def _ours(name: str, dialect: Dialect) -> str:
    if name == WHOSE:
        return "(SELECT key FROM crawl_records WHERE id = _record)"
    if name != IDENTITY:
        return quoted(name)
    return (
        "CASE WHEN _record IS NOT NULL THEN (SELECT key FROM crawl_records WHERE id = _record) ELSE"
        f" (SELECT {dialect.stamp('min(f.started_at)')} FROM crawl_runs f WHERE f.frontier = _crawl)"
        " || '/' || _request || '.' || _position END"
    )

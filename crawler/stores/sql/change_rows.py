"""The history of records, read: what is new, changed, gone and back since a crawl or a moment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import Any

from crawler.records import Change, Step, net
from crawler.stores.driver import Driver, quoted
from crawler.stores.rows import escape, unescape
from crawler.stores.sql.item_rows import fields_of, noted_value
from crawler.stores.sql.item_tables import HIDDEN, ItemTables, Table

_PORTION = 200  # records whose rows are read at once
_Entry = tuple[Any, ...]


class ChangeRows:
    """Reading what changed."""

    def __init__(
        self, driver: Driver, tables: ItemTables, fields_given: Callable[[Table, str], AbstractSet[str]]
    ) -> None:
        """*fields_given*: the fields that a spider has ever given to a table."""
        self._db, self._tables, self._numbers = driver, tables, driver.dialect.numbers()
        self._fields_given = fields_given

    def changes(
        self,
        spider: str,
        *,
        crawls: tuple[int, int] | None = None,
        since: float | None = None,
        table: str | None = None,
    ) -> Iterator[Change]:
        """What the history of a spider's records amounts to, record by record; see `RecordStore.changes`."""
        for kind, name in self._kinds_of(spider, table):
            known = self._tables.load(name)
            if known is None:
                continue
            given = self._fields_given(known, spider)
            for portion in _portions(self._history(kind, crawls, since), _PORTION):
                yield from self._told(known, portion, given)

    def counts(self, spider: str, crawl: int) -> dict[str, dict[str, int]]:
        """Kind of item to how many of its records are new, changed, gone and back by one crawl."""
        found: dict[str, dict[str, int]] = {}
        for kind, name in self._kinds_of(spider, None):
            counts = Counter[str]()
            for entries in self._history(kind, (crawl, crawl), None):
                step = net(_steps(entries))
                if step is not None:
                    counts[step.kind] += 1
            found[name] = {each: counts[each] for each in ("new", "changed", "gone", "back")}
        return found

    def _kinds_of(self, spider: str, table: str | None) -> list[tuple[int, str]]:
        rows = self._db.read("SELECT id, name FROM crawl_record_kinds WHERE spider = ? ORDER BY id", (spider,))
        return [(number, unescape(name)) for number, name in rows if table is None or name == escape(table)]

    def _history(self, kind: int, crawls: tuple[int, int] | None, since: float | None) -> Iterator[list[_Entry]]:
        """The entries of each record, oldest first, records in the order in which they were found."""
        condition, bound = ("c.crawl BETWEEN ? AND ?", crawls) if crawls is not None else ("c.at >= ?", (since or 0.0,))
        sql = (
            "SELECT c.record, c.id, c.kind, c.fields, c.crawl, c.at, e.key FROM crawl_changes c JOIN crawl_records e"
            f" ON e.id = c.record WHERE e.kind = ? AND {condition} AND (c.record, c.id) > (?, ?)"
            " ORDER BY c.record, c.id LIMIT 2000"
        )
        last: tuple[int, int] = (0, 0)
        left: list[_Entry] = []
        while portion := self._db.read(sql, (kind, *bound, *last)):
            last = portion[-1][0], portion[-1][1]
            grouped = [list(group) for _, group in groupby([*left, *portion], key=lambda row: row[0])]
            left = grouped.pop()  # the next portion may have more of it
            yield from grouped
        if left:
            yield left

    def _told(self, known: Table, histories: Sequence[list[_Entry]], given: AbstractSet[str]) -> Iterator[Change]:
        """Changes with the current records: for each, the fields that were *given*, not those of other spiders."""
        decoded = [(field, column, kind) for field, (column, kind) in known.columns.items() if field in given]
        columns = ", ".join(map(quoted, ["_record", "_url", *HIDDEN, *(column for _, column, _ in decoded)]))
        rows = self._db.read(
            f"SELECT {columns} FROM {quoted(known.stored_as)} WHERE _record IN ({self._numbers})",
            (json.dumps([entries[0][0] for entries in histories]),),
        )
        items = {row[0]: (row[1], fields_of(row[2:], decoded)) for row in rows}
        for entries in histories:
            step = net(_steps(entries))
            if step is None:
                continue
            record, _, _, _, crawl, at, key = entries[-1]
            url, item = items.get(record, ("", {}))
            yield Change(
                table=known.name,
                key=json.loads(key),
                kind=step.kind,
                crawl=crawl,
                at=at,
                url="" if step.kind == "gone" else url,
                fields={unescape(name): (_value(old), _value(new)) for name, (old, new) in step.fields.items()},
                item=item,
            )


def _steps(entries: Iterable[_Entry]) -> list[Step]:
    return [
        Step(entry[2], {name: (old, new) for name, (old, new) in json.loads(entry[3] or "{}").items()})
        for entry in entries
    ]


def _value(stored: Any) -> Any:
    return None if stored is None else noted_value(stored)


def _portions(given: Iterable[list[_Entry]], size: int) -> Iterator[list[list[_Entry]]]:
    portion: list[list[_Entry]] = []
    for each in given:
        portion.append(each)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion

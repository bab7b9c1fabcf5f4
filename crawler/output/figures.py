"""What a crawl brought, in plain numbers by which crawls can be compared: items, and filled fields.

Counted while pages are committed, stored with the summary of each run, added up over the runs of a crawl. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from typing import Any

from crawler.files import FILLED
from crawler.items import DICT_TABLE
from crawler.outcome import ItemRow
from crawler.quick_dataclass import quick_dataclass

_TELLING = 2  #: items of a table
_OF_FILES = frozenset(FILLED)
_MOST_FIELDS = 500  #: per table that are counted; a page that makes up names must not fill the memory


def is_filled(value: Any) -> bool:
    """Whether *value* says something: not None, NaN, blank, or a list or dict of only such values. 0 and False do."""
    kind = type(value)
    if kind is str:
        return bool(value) and not value.isspace()
    if value is None:
        return False
    if kind is float:
        return not math.isnan(value)
    if kind is list or kind is tuple:
        return any(map(is_filled, value))
    if kind is dict:
        return any(map(is_filled, value.values()))
    return bool(value) if kind is bytes else True


def count_fields(items: Iterable[ItemRow], filled: dict[str, dict[str, int]]) -> None:
    """Add to *filled* (table to field to number of items) which fields of *items* are filled; empty ones count 0."""
    for item in items:
        of_table = filled.get(item.table)
        if of_table is None:
            of_table = filled[item.table] = {}
        for name, value in item.fields.items():
            known = of_table.get(name)
            if known is None:
                if len(of_table) >= _MOST_FIELDS:
                    continue
                known = 0
            of_table[name] = known + is_filled(value)


def empty_fields(seen: Mapping[str, int], filled: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Fields (``table.field`` where the items are not dicts) that are empty in every item of a table.

    A single item may well have such a field: that proves nothing. Nor do fields that we fill in (`own_fields`).
    """
    return sorted(
        name if table == DICT_TABLE else f"{table}.{name}"
        for table, fields in filled.items()
        if seen.get(table, 0) >= _TELLING
        for name, count in fields.items()
        if not count and name not in own_fields(fields)
    )


def own_fields(fields: Collection[str]) -> frozenset[str]:
    """Of the fields of a table, those that the crawl fills in: of files, of which only images have a width."""
    return _OF_FILES if _OF_FILES.issubset(fields) else frozenset()


@quick_dataclass
class Figures:
    """The numbers of one crawl, all its runs together.

    Attributes:
        pages: Pages that were fetched and parsed.
        items: Table to items that are stored.
        seen: Table to items whose fields were looked at; fewer where a run was killed.
        filled: Table to field to items in which it was filled.
        stand_ins: Pages that came in place of others and gave nothing; None where nobody has counted them.
    """

    pages: int = 0
    items: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stand_ins: int | None = None

    @property
    def total(self) -> int:
        """Items of all tables."""
        return sum(self.items.values())

    @property
    def empty_tables(self) -> list[str]:
        """Tables of which every item was looked at, and not one has a value in any field."""
        return sorted(
            table
            for table, fields in self.filled.items()
            if not any(fields.values()) and self.seen.get(table, 0) >= max(self.items.get(table, 0), 1)
        )

    def rate(self, table: str, name: str) -> float:
        """Share of the items of *table* in which the field is filled, 0 to 1; 0 where there is no such item."""
        seen = self.seen.get(table, 0)
        return min(self.filled.get(table, {}).get(name, 0) / seen, 1.0) if seen else 0.0

    def plus(self, other: Figures) -> Figures:
        """The sum of both."""
        tables = {*self.filled, *other.filled}
        return Figures(
            self.pages + other.pages,
            added(self.items, other.items),
            added(self.seen, other.seen),
            {table: added(self.filled.get(table, {}), other.filled.get(table, {})) for table in tables},
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        filled = {table: dict(fields) for table, fields in self.filled.items()}
        told = {"pages": self.pages, "items": dict(self.items), "seen": dict(self.seen), "filled": filled}
        return told if self.stand_ins is None else {**told, "stand_ins": self.stand_ins}


def figures_of(stored: Any) -> Figures | None:
    """What `as_dict` gave, back from JSON; None for anything else."""
    if not isinstance(stored, dict) or not isinstance(stored.get("pages"), int):
        return None
    filled = stored.get("filled")
    return Figures(
        stored["pages"],
        _numbers(stored.get("items")),
        _numbers(stored.get("seen")),
        {str(table): _numbers(fields) for table, fields in filled.items()} if isinstance(filled, dict) else {},
        stand_ins if isinstance(stand_ins := stored.get("stand_ins"), int) else None,
    )


def _numbers(stored: Any) -> dict[str, int]:
    if not isinstance(stored, dict):
        return {}
    return {str(name): number for name, number in stored.items() if isinstance(number, int)}


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The numbers of both, name by name."""
    return {
        name: one.get(name, 0) + other.get(name, 0) for name in (*one, *(each for each in other if each not in one))
    }

"""SQLite's forms of what differs between databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crawler.stores.driver import quoted, values


class SQLiteDialect:
    """The `Dialect` of SQLite: lists travel as JSON texts, columns take any value, and writers are alone."""

    greatest = "max"
    least = "min"
    json_row = "json_array"
    for_claim = for_change = ""
    best_first = "priority DESC, id"
    keeps_versions = typed = False
    in_lanes = in_buckets = ""
    lane_number = "NULL"
    buckets = 1
    ordered_join = "CROSS JOIN"
    repeats = True
    most_rows = 128
    most_variables = 30_000  # SQLite's own limit is 32,766
    most_columns = 1_000
    taken_names = "SELECT name FROM sqlite_master"
    age = "SELECT 1e12"

    def numbers(self, at: str = "?") -> str:
        return f"SELECT value FROM json_each({at})"

    texts = numbers

    def rows(self, columns: Mapping[str, str], at: str = "?") -> str:
        named = (f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
        return f"(SELECT {', '.join(named)} FROM json_each({at}))"

    def json_list(self, of: str, condition: str = "") -> str:
        return f"json_group_array({of})" + (f" FILTER (WHERE {condition})" if condition else "")

    def joined_each(self, table: str, chosen: str) -> str:
        return f"CROSS JOIN {table} r ON r.id IN (SELECT id FROM {chosen})"

    def behind(self, rank: str, number: str) -> str:
        return ""

    def lanes(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return ()

    def text_before(self, column: str, mark: str) -> str:
        return f"substr({column}, 1, instr({column} || '{mark}', '{mark}') - 1)"

    def hex(self, column: str) -> str:
        return f"hex({column})"

    def many(self, kinds: Sequence[str], bound: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        width = len(kinds)
        return f"VALUES {values(width, len(bound) // width)}", bound

    def replace(self, table: str, columns: Sequence[str], key: Sequence[str]) -> tuple[str, str]:
        return f"INSERT OR REPLACE INTO {quoted(table)} ({', '.join(map(quoted, columns))}) ", ""

    def keys_of(self, column: str) -> str:
        return f"json_each({column})"

    def first_of(self, value: str) -> str:
        return f"json_extract({value}, '$[0]')"

    def stamp(self, seconds: str) -> str:
        return f"strftime('%Y%m%dT%H%M%f', {seconds}, 'unixepoch')"

    def fit(self, stored: Any, note: list[Any] | None, kind: str) -> tuple[Any, list[Any] | None]:
        return stored, note  # a column takes whatever it is given

    def question(self, column: str, kind: str, noted: str) -> str:
        name = f"iif(instr(ifnull(_types, ''), '{noted}') > 0, NULL, {column})" if noted else column
        if kind == "any":
            return f"group_concat(DISTINCT typeof({name}))"
        if kind == "datetime":  # which of them have an offset: "+00:00" at the end
            which = f"iif(substr({name}, -6, 1) IN ('+', '-'), 1, 2)"
            return f"max(iif({name} IS NULL, 0, {which})) * 10 + min(iif({name} IS NULL, 9, {which}))"
        if kind == "decimal":  # 1 and the digits behind the point; 100 for what has an exponent, NaN and infinity
            behind = f"iif(instr({name}, '.'), length({name}) - instr({name}, '.'), 0)"
            return f"max(iif({name} IS NULL, 0, iif({name} GLOB '*[a-zA-Z]*', 100, 1 + {behind})))"
        return f"max({name} IS NOT NULL)"

"""PostgreSQL's forms of what differs between databases."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from crawler.stores.buckets import BUCKET_BITS, BUCKETS
from crawler.stores.driver import quoted
from crawler.stores.rows import KINDS

_TYPES = {"integer": "bigint", "real": "double precision", "text": "text", "blob": "bytea"}
_PYTHON = {"TEXT": str, "INTEGER": int, "REAL": float, "BLOB": bytes}
_MADE_OF = {"integer": int, "real": float, "text": str, "blob": bytes}
_KINDS = {str: "text", int: "integer", float: "real"}
_PARTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|::|\?|:([A-Za-z_]\w*)|%")


class PostgresDialect:
    """The `Dialect` of PostgreSQL: columns take one type, and writers lock the rows that they change."""

    greatest = "greatest"
    least = "least"
    json_row = "json_build_array"
    for_claim = " FOR UPDATE SKIP LOCKED"
    for_change = " FOR UPDATE"
    best_first = "(-priority), id"
    keeps_versions = typed = True
    in_lanes = " AND lane = ANY(?::bigint[])"  # a value when the plan is made: partitions are left out then
    in_buckets = (
        f" AND (r.lane >> {BUCKET_BITS})::smallint = ANY(ARRAY("
        f"SELECT (lane >> {BUCKET_BITS})::smallint FROM unnest(?::bigint[]) lane))"
    )
    lane_number = f"(j.bucket << {BUCKET_BITS}) + nextval('crawl_lanes_id_seq')"
    buckets = BUCKETS
    ordered_join = "JOIN"
    repeats = False
    most_rows = 2_000
    most_variables = 60_000  # of 65,535
    most_columns = 400  # of 1,600, but a row of 500 texts does not fit into a page
    taken_names = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    age = "SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::double precision"

    def numbers(self, at: str = "?") -> str:
        """An array, whose length the planner knows: for JSON it assumes 100 rows, and reads a whole table."""
        return f"SELECT unnest(translate({at}::text, '[]', '{{}}')::bigint[])"

    def texts(self, at: str = "?") -> str:
        return f"SELECT value FROM json_array_elements_text({at}::json)"

    def rows(self, columns: Mapping[str, str], at: str = "?") -> str:
        named = (f"(value->>{place})::{_TYPES[kind]} AS {name}" for place, (name, kind) in enumerate(columns.items()))
        return f"(SELECT {', '.join(named)} FROM json_array_elements({at}::json))"

    def json_list(self, of: str, condition: str = "") -> str:
        return f"coalesce(json_agg({of}){f' FILTER (WHERE {condition})' if condition else ''}, '[]')::text"

    def joined_each(self, table: str, chosen: str) -> str:
        return f"CROSS JOIN LATERAL (SELECT * FROM {chosen}{self.for_claim}) r"

    def behind(self, rank: str, number: str) -> str:
        return f"AND ((-priority), id) > ({rank}, {number}) "

    def lanes(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return (f"{{{','.join(map(str, sorted(set(numbers))))}}}",)

    def text_before(self, column: str, mark: str) -> str:
        return f"split_part({column}, '{mark}', 1)"

    def hex(self, column: str) -> str:
        return f"encode({column}, 'hex')"

    def many(self, kinds: Sequence[str], bound: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """An array for each column: a tenth of the length of a statement with every value."""
        width = len(kinds)
        return _unnested(tuple(kinds)), [_alike(kind, bound[at::width]) for at, kind in enumerate(kinds)]

    def replace(self, table: str, columns: Sequence[str], key: Sequence[str]) -> tuple[str, str]:
        sets = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in columns if name not in key)
        head = f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, columns))}) "
        return head, f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"

    def keys_of(self, column: str) -> str:
        return f"json_each({column}::json)"

    def first_of(self, value: str) -> str:
        return f"({value}->>0)"

    def stamp(self, seconds: str) -> str:
        return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS.MS')"

    def fit(self, stored: Any, note: list[Any] | None, kind: str) -> tuple[Any, list[Any] | None]:
        """A value that its column does not take is kept only in the note, bytes as base64."""
        if stored is None:
            return stored, note
        wanted = column_type(KINDS[kind].sql, kind)
        if type(stored) is _PYTHON[wanted]:
            return stored, note
        if isinstance(stored, bytes | bytearray | memoryview):
            return None, ["base64", base64.b64encode(stored).decode("ascii")]
        if note is None or len(note) < 2:
            note = [note[0] if note is not None else _KINDS[type(stored)], _as_text(stored)]
        if wanted == "REAL" and isinstance(stored, int):
            return float(stored), note
        return (_as_text(stored) if wanted == "TEXT" else None), note

    def question(self, column: str, kind: str, noted: str) -> str:
        name = column
        if noted:
            name = f"(CASE WHEN position('{noted}' IN coalesce(_types, '')) > 0 THEN NULL ELSE {column} END)"
        if kind == "any":
            return f"CASE WHEN count({name}) > 0 THEN 'text' END"
        if kind == "datetime":  # which of them have an offset: "+00:00" at the end
            one = f"WHEN {name} ~ '[+-]..:..$' THEN 1 ELSE 2 END"
            absent = f"CASE WHEN {name} IS NULL THEN"
            return f"max({absent} 0 {one}) * 10 + min({absent} 9 {one})"
        if kind == "decimal":  # 1 and the digits behind the point; 100 for what has an exponent, NaN and infinity
            behind = f"length(split_part({name}, '.', 2))"
            return f"max(CASE WHEN {name} IS NULL THEN 0 WHEN {name} ~ '[a-zA-Z]' THEN 100 ELSE 1 + {behind} END)"
        return f"max(CASE WHEN {name} IS NOT NULL THEN 1 ELSE 0 END)"


def column_type(sql: str, kind: str) -> str:
    """The type of a column, as in `stores.rows.Kind.sql`; text where the first value was None."""
    return "TEXT" if kind == "any" else sql


@lru_cache(maxsize=500)
def _unnested(kinds: tuple[str, ...]) -> str:
    arrays = ", ".join(f"?::{_TYPES[kind]}[]" for kind in kinds)
    names = ", ".join(f"column{number}" for number in range(1, len(kinds) + 1))
    return f"SELECT * FROM unnest({arrays}) AS given ({names})"


def _alike(kind: str, column: Sequence[Any]) -> list[Any]:
    """The values of an array: of one type, except for None."""
    made = _MADE_OF[kind]
    if set(map(type, column)) <= {made, type(None)}:
        return list(column)
    return [None if value is None else made(value) for value in column]


def _as_text(stored: Any) -> str:
    """As `stores.rows` notes it: JSON keeps no more than 15 digits, so numbers are texts."""
    return stored if isinstance(stored, str) else repr(stored)


@lru_cache(maxsize=2_000)
def translated(sql: str) -> str:
    """A statement with ``?`` and ``:name`` in the form that psycopg takes."""

    def one(found: re.Match[str]) -> str:
        text = found[0]
        if text == "?":
            return "%s"
        if found[1] is not None:
            return f"%({found[1]})s"
        return text.replace("%", "%%")

    return _PARTS.sub(one, sql)

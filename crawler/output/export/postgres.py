"""Results into a PostgreSQL table (extra `postgres`), in one transaction: all of an export, or nothing.

Each row has a unique identity (`_spider`, `_id`): for a record its key, for an item its crawl, request and position.
Running the same command again, whenever the one before was killed, writes no row twice. Records that are gone leave the
table once all existing ones are written. How far an export got is a row of `crawl_exports`, in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from crawler.errors import NotWritten, TargetError, UsageError
from crawler.output.export.crawl_standing import CrawlStanding
from crawler.output.export.text_formats import aligned
from crawler.output.export.values import cell, json_text
from crawler.output.export.what import ExportChoice, ExportTable, portions, tables_of
from crawler.quick_dataclass import quick_dataclass
from crawler.redaction import redact
from crawler.selection import Column
from crawler.stores.base import Store

IDENTITY = ("_spider", "_id")
_TYPES = {
    "text": "text",
    "integer": "bigint",
    "real": "double precision",
    "bool": "boolean",
    "blob": "bytea",
    "decimal": "numeric",
    "date": "date",
    "json": "jsonb",
}
_AS_IT_IS = frozenset({"integer", "real", "bool", "blob", "decimal", "date"})
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u(0000|d[89a-f][0-9a-f]{2})", re.I)


@quick_dataclass
class DatabaseTable:
    """A table of a database."""

    address: str
    schema: str | None
    table: str

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table) if self.schema else sql.Identifier(self.table)


def place_of(address: str) -> DatabaseTable:
    """``postgresql://user@host/database/table``; the table may be ``schema.table``.

    Raises:
        UsageError: A part is missing.
    """
    parts = urlsplit(address)
    names = [each for each in parts.path.split("/") if each]
    if len(names) != 2:
        raise UsageError(f"{redact(address)}: write it as postgresql://host/DATABASE/TABLE")
    database, name = names
    schema, _, table = name.rpartition(".")
    query = f"?{parts.query}" if parts.query else ""
    return DatabaseTable(f"postgresql://{parts.netloc}/{database}{query}", schema or None, table)


def load(source: Store, wanted: ExportChoice, address: str, how: tuple[CrawlStanding, bool]) -> int:
    """Bring a table up to date. Returns how many rows were read.

    Args:
        how: The standing of the crawl, and whether an empty result may empty the table.
    Raises:
        TargetError: The database refused; it is as it was.
    """
    place = place_of(address)
    if wanted.changes:
        raise UsageError("--changes writes files; a table gets the records as they are")
    tables = tables_of(source, wanted, typed=True, extra=IDENTITY)
    if len(tables) > 1:
        raise UsageError(f"name one kind of item with --table: {', '.join(table.table for table in tables)}")
    if not tables:
        return 0
    try:
        with psycopg.connect(place.address, application_name="crawl export") as connection:
            return _Load(connection, place, tables[0]).run(source, wanted, how)
    except psycopg.Error as error:
        raise TargetError(redact(address), str(error).strip()) from None


class _Load:
    """One export, in the transaction of a connection."""

    def __init__(self, connection: psycopg.Connection[Any], place: DatabaseTable, table: ExportTable) -> None:
        self._connection, self._place, self._table = connection, place, table
        self._names = tuple(column.name for column in table.columns)

    def run(self, source: Store, wanted: ExportChoice, how: tuple[CrawlStanding, bool]) -> int:
        standing, force = how
        lock = f"crawl export {self._place.schema or ''}.{self._place.table}"
        self._do(sql.SQL("SELECT pg_advisory_xact_lock(hashtextextended({}, 0))").format(lock))
        types = self._prepare()
        count = self._stage(source, wanted)
        spider = wanted.selection.spider
        if count == 0 and not force and self._has_rows(spider):
            raise NotWritten(redact(self._place.table), f"there is no item to write ({standing.how})")
        self._merge(types)
        if wanted.selection.is_latest and not wanted.selection.where and not standing.incomplete:
            self._remove_gone(spider)
        self._note(spider, source, count)
        return count

    def _do(self, statement: sql.Composed, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement, parameters or None)

    def _prepare(self) -> dict[str, str]:
        """Create or widen the table. Returns the types of its columns."""
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_type_of(column)))
            for column in self._table.columns
        )
        self._do(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
                self._place.name, columns, _listed(IDENTITY)
            )
        )
        for column in self._table.columns:
            self._do(
                sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
                    self._place.name, sql.Identifier(column.name), sql.SQL(_type_of(column))
                )
            )
        self._do(sql.SQL("CREATE TEMPORARY TABLE crawl_stage ({}) ON COMMIT DROP").format(columns))
        found = self._do(
            sql.SQL(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = {}::regclass"
                " AND attnum > 0 AND NOT attisdropped"
            ).format(self._place.name.as_string(self._connection))
        )
        return dict(found.fetchall())

    def _stage(self, source: Store, wanted: ExportChoice) -> int:
        count = 0
        copy = sql.SQL("COPY crawl_stage ({}) FROM STDIN").format(_listed(self._names))
        with self._connection.cursor() as cursor, cursor.copy(copy) as stream:
            for row in self._rows(source, wanted):
                stream.write_row(row)
                count += 1
        return count

    def _rows(self, source: Store, wanted: ExportChoice) -> Iterator[tuple[Any, ...]]:
        kinds = [_type_of(column) for column in self._table.columns]
        for portion in portions(source, wanted, self._table):
            values, _ = aligned(portion, self._names)
            columns = [
                given if column.kind in _AS_IT_IS else [_bound(each, kind) for each in given]
                for given, column, kind in zip(values, self._table.columns, kinds, strict=True)
            ]
            yield from zip(*columns, strict=True)

    def _has_rows(self, spider: str) -> bool:
        found = self._do(sql.SQL("SELECT 1 FROM {} WHERE _spider = %s LIMIT 1").format(self._place.name), (spider,))
        return found.fetchone() is not None

    def _merge(self, types: dict[str, str]) -> None:
        """Write what differs; identical rows stay untouched."""
        others = [name for name in self._names if name not in IDENTITY]
        given = sql.SQL(", ").join(
            sql.SQL("{}::{}").format(sql.Identifier(name), sql.SQL(types[name])) for name in self._names
        )
        on_conflict: sql.Composable = sql.SQL("DO NOTHING")
        if others:
            sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others)
            old = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in others)
            new = sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(name)) for name in others)
            on_conflict = sql.SQL("DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(sets, old, new)
        self._do(
            sql.SQL("INSERT INTO {} AS t ({}) SELECT {} FROM crawl_stage ON CONFLICT ({}) {}").format(
                self._place.name, _listed(self._names), given, _listed(IDENTITY), on_conflict
            )
        )

    def _remove_gone(self, spider: str) -> None:
        self._do(
            sql.SQL(
                "DELETE FROM {} t WHERE t._spider = %s AND t._id LIKE '{{%%'"
                " AND NOT EXISTS (SELECT 1 FROM crawl_stage s WHERE s._spider = t._spider AND s._id = t._id)"
            ).format(self._place.name),
            (spider,),
        )

    def _note(self, spider: str, source: Store, count: int) -> None:
        run = source.runs.last(spider, limit=1)[0]
        schema = sql.SQL("{}.").format(sql.Identifier(self._place.schema)) if self._place.schema else sql.SQL("")
        self._do(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {}crawl_exports (name text, spider text, crawl bigint, run bigint,"
                " rows_read bigint, at timestamptz, PRIMARY KEY (name, spider))"
            ).format(schema)
        )
        self._do(
            sql.SQL(
                "INSERT INTO {}crawl_exports VALUES (%s, %s, %s, %s, %s, now()) ON CONFLICT (name, spider)"
                " DO UPDATE SET (crawl, run, rows_read, at)"
                " = (excluded.crawl, excluded.run, excluded.rows_read, excluded.at)"
            ).format(schema),
            (self._place.table, spider, run.frontier, run.id, count),
        )


def _listed(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _type_of(column: Column) -> str:
    if column.kind == "datetime" and column.zoned is not None:
        return "timestamptz" if column.zoned else "timestamp"
    return _TYPES.get(column.kind, "text")


def _bound(value: Any, kind: str) -> Any:
    """A value as PostgreSQL accepts it: without NUL and lone surrogates."""
    if value is None or kind.startswith("timestamp"):
        return value
    if kind == "jsonb":
        return _NUL_IN_JSON.sub(r"\1\\\\u\2", json_text(value))
    text = str(cell(value))
    return _NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text) if _NO_TEXT.search(text) else text

"""Parquet and DuckDB, by way of Arrow (extra `parquet`, `duckdb`): columns with the types that the fields have.

Rows are gathered into groups of `GROUP` before they are written: small groups make files that are slow to read, large
ones take memory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow
import pyarrow.parquet

from crawler.errors import TargetError, UsageError
from crawler.output.export.formats import Look, TableHead
from crawler.output.export.sqlite_file import distinct, quoted
from crawler.output.export.text_formats import aligned
from crawler.output.export.values import cell, writable
from crawler.selection import Column, Portion

GROUP = 50_000
_TYPES = {
    "text": pyarrow.string(),
    "integer": pyarrow.int64(),
    "real": pyarrow.float64(),
    "bool": pyarrow.bool_(),
    "blob": pyarrow.binary(),
    "date": pyarrow.date32(),
}


def type_of(column: Column) -> Any:
    """The type of a column; text where its values share no type that Arrow knows."""
    if column.kind == "decimal" and column.scale is not None:
        return pyarrow.decimal128(38, column.scale)
    if column.kind == "datetime" and column.zoned is not None:
        return pyarrow.timestamp("us", tz="UTC" if column.zoned else None)
    return _TYPES.get(column.kind, pyarrow.string())


class _Gathered:
    """One table: portions in, groups of rows out."""

    def __init__(self, head: TableHead) -> None:
        self.table = head.table
        self.columns = head.columns
        self.names = tuple(column.name for column in head.columns)
        given = [writable(name) for name in distinct(self.names)]
        self.schema = pyarrow.schema(
            [pyarrow.field(name, type_of(column)) for name, column in zip(given, head.columns, strict=True)]
        )
        self._batches: list[Any] = []
        self.size = 0

    def add(self, portion: Portion) -> None:
        values, _ = aligned(portion, self.names)
        arrays = []
        for column, field, given in zip(self.columns, self.schema, values, strict=True):
            try:
                arrays.append(_array(given, column, field.type))
            except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError) as error:
                raise UsageError(f"the field {column.name!r} does not fit the type {field.type}: {error}") from None
        self._batches.append(pyarrow.record_batch(arrays, schema=self.schema))
        self.size += portion.size

    def taken(self) -> Any:
        """The rows that were gathered, as an Arrow table."""
        found = pyarrow.Table.from_batches(self._batches, self.schema)
        self._batches, self.size = [], 0
        return found.combine_chunks()


def _array(values: Sequence[Any], column: Column, kind: Any) -> Any:
    if not pyarrow.types.is_string(kind):
        if column.kind == "datetime" and column.zoned:
            values = [None if each is None else each.astimezone(UTC) for each in values]
        return pyarrow.array(values, kind)
    if column.kind == "text":
        with suppress(UnicodeEncodeError, pyarrow.ArrowInvalid):  # a lone surrogate, which is written as an escape
            return pyarrow.array(values, kind)
        return pyarrow.array([None if each is None else writable(each) for each in values], kind)
    return pyarrow.array([None if each is None else writable(str(cell(each))) for each in values], kind)


class Parquet:
    """One file, compressed with zstd."""

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        [head] = heads or [_NOTHING]
        self._rows = _Gathered(head)
        self._writer = pyarrow.parquet.ParquetWriter(place, self._rows.schema, compression="zstd")

    def write(self, portion: Portion) -> None:
        self._rows.add(portion)
        if self._rows.size >= GROUP:
            self._writer.write_table(self._rows.taken())

    def finish(self) -> None:
        if self._rows.size:
            self._writer.write_table(self._rows.taken())
        self._writer.close()

    def abandon(self) -> None:
        with suppress(Exception):
            self._writer.close()


class _Nothing:
    table = "items"
    columns: Sequence[Column] = ()


_NOTHING = _Nothing()


class DuckDB:
    """Tables in a DuckDB file, which may hold others: replaced in one transaction, undone after a kill."""

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        import duckdb

        assert isinstance(place, Path)
        self._error = duckdb.Error
        is_new = not place.exists()
        try:
            self._raw = duckdb.connect(str(place))
        except duckdb.Error as error:
            raise TargetError(str(place), str(error)) from None
        if is_new:
            os.chmod(place, 0o600)  # results come from behind a login
        self._raw.execute("BEGIN")
        self._tables = {
            head.table: (_Gathered(head), quoted(name))
            for head, name in zip(heads, distinct([head.table for head in heads]), strict=True)
        }
        for rows, name in self._tables.values():
            self._run(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM portion", rows.schema.empty_table())

    def write(self, portion: Portion) -> None:
        rows, name = self._tables[portion.table]
        rows.add(portion)
        if rows.size >= GROUP:
            self._run(f"INSERT INTO {name} SELECT * FROM portion", rows.taken())

    def finish(self) -> None:
        for rows, name in self._tables.values():
            if rows.size:
                self._run(f"INSERT INTO {name} SELECT * FROM portion", rows.taken())
        self._raw.execute("COMMIT")
        self._raw.close()

    def abandon(self) -> None:
        self._raw.close()  # which undoes the transaction

    def _run(self, sql: str, rows: Any) -> None:
        self._raw.register("portion", rows)
        try:
            self._raw.execute(sql)
        except self._error as error:
            raise TargetError("DuckDB", str(error)) from None
        finally:
            self._raw.unregister("portion")

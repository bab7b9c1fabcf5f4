"""JSON lines, JSON and CSV: as a stream, a portion at a time.

JSON lines and JSON hold the data exactly as it was stored. CSV is RFC 4180 in UTF-8, nested values as JSON
inside a cell.

Whole columns are turned into texts at once: a column of texts goes through the encoder of the standard library without
a line of Python for each value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from crawler.errors import UsageError
from crawler.output.export.formats import Look, TableHead
from crawler.output.export.values import cell, json_text, spreadsheet_safe
from crawler.selection import Portion

_NEEDS_QUOTES = re.compile('[",\r\n]')
_quoted = json.encoder.encode_basestring  # in C where Python has it


class JsonLinesFile:
    """One object on each line."""

    _between = b"\n"

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        assert not isinstance(place, Path)
        self._file = place
        self._patterns: dict[tuple[str, ...], str] = {}
        self._begun = False

    def write(self, portion: Portion) -> None:
        if portion.size:
            if self._begun:
                self._file.write(self._between)
            self._begun = True
            self._file.write(self._between.decode().join(self._objects(portion)).encode("utf-8"))

    def finish(self) -> None:
        if self._begun:
            self._file.write(b"\n")

    def abandon(self) -> None:
        return

    def _objects(self, portion: Portion) -> Iterable[str]:
        pattern = self._patterns.get(portion.names)
        if pattern is None:
            fields = ", ".join(json_text(name).replace("%", "%%") + ": %s" for name in portion.names)
            pattern = self._patterns[portion.names] = "{" + fields + "}"
        texts = [_texts(values, kind) for values, kind in zip(portion.values, portion.kinds, strict=True)]
        if not texts:
            return ["{}"] * portion.size
        return map(pattern.__mod__, zip(*texts, strict=True))


class Json(JsonLinesFile):
    """One array."""

    _between = b",\n"

    def write(self, portion: Portion) -> None:
        if portion.size and not self._begun:
            self._file.write(b"[\n")
        super().write(portion)

    def finish(self) -> None:
        self._file.write(b"\n]\n" if self._begun else b"[]\n")


def _texts(values: Sequence[Any], kind: str) -> Sequence[str]:
    """A column as texts of JSON."""
    if kind == "text":
        if None not in values:
            return list(map(_quoted, values))
        return ["null" if each is None else _quoted(each) for each in values]
    if kind == "integer":
        return ["null" if each is None else str(each) for each in values]
    if kind == "bool":
        return ["null" if each is None else "true" if each else "false" for each in values]
    if kind == "real":
        return ["null" if each is None else repr(each) if each - each == 0 else f'"{each}"' for each in values]
    return [json_text(each) for each in values]


class Csv:
    """RFC 4180, byte for byte as the standard library's writer has it (a test compares them), column by column.

    For spreadsheets (*safe*): a text that a spreadsheet would take for a formula gets ``'`` in front, and every text is
    quoted, so that no other country's separator splits a cell. Numbers stay numbers.
    """

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        assert not isinstance(place, Path)
        self._file = place
        self._names = tuple(dict.fromkeys(column.name for head in heads for column in head.columns))
        self._cells = _safe_cells if look.safe else _cells
        if look.bom:
            place.write(b"\xef\xbb\xbf")
        if self._names:
            self._write_rows([self._cells([name], "text") for name in self._names])

    def write(self, portion: Portion) -> None:
        values, kinds = aligned(portion, self._names)
        self._write_rows([self._cells(column, kind) for column, kind in zip(values, kinds, strict=True)])

    def finish(self) -> None:
        return

    def abandon(self) -> None:
        return

    def _write_rows(self, columns: Sequence[Sequence[str]]) -> None:
        if not columns or not columns[0]:
            return
        rows: Iterable[str] = map(",".join, zip(*columns, strict=True))
        if len(columns) == 1:  # an empty line is no row
            rows = (row or '""' for row in rows)
        self._file.write(("\r\n".join(rows) + "\r\n").encode("utf-8", "backslashreplace"))


def _cells(values: Sequence[Any], kind: str) -> Sequence[str]:
    """A column as cells, with texts quoted where needed."""
    if kind in ("integer", "real"):
        return list(map(str, values)) if None not in values else ["" if each is None else str(each) for each in values]
    texts = [cell(each) for each in values] if kind != "text" else values
    if None in texts:
        texts = ["" if each is None else each for each in texts]
    if kind != "text":
        texts = list(map(str, texts))
    if _NEEDS_QUOTES.search("".join(texts)) is None:
        return texts
    return [each if _NEEDS_QUOTES.search(each) is None else _in_quotes(each) for each in texts]


def _safe_cells(values: Sequence[Any], kind: str) -> Sequence[str]:
    cells = values if kind in ("integer", "real") else [spreadsheet_safe(cell(each)) for each in values]
    return [_in_quotes(each or "") if each is None or isinstance(each, str) else str(each) for each in cells]


def _in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def aligned(portion: Portion, names: Sequence[str]) -> tuple[list[Sequence[Any]], list[str]]:
    """The columns of a portion, and their kinds, in the order of *names*; missing ones are None.

    Raises:
        UsageError: It has a field that is not among them, since a crawl widened the table meanwhile.
    """
    if portion.names == tuple(names):
        return portion.values, list(portion.kinds)
    if not {*portion.names} <= {*names}:
        raise UsageError("a new column appeared while the export was written; run it again")
    place = {name: number for number, name in enumerate(portion.names)}
    nothing = [None] * portion.size
    return (
        [portion.values[place[name]] if name in place else nothing for name in names],
        [portion.kinds[place[name]] if name in place else "" for name in names],
    )


def portions_of(rows: Iterable[Mapping[str, Any]], table: str = "", *, size: int = 1_000) -> Iterator[Portion]:
    """Rows that are not in a store, as portions of rows with the same fields."""
    some: list[tuple[Any, ...]] = []
    names: tuple[str, ...] = ()
    for row in rows:
        if some and (tuple(row) != names or len(some) >= size):
            yield _portion(table, names, some)
            some = []
        names = tuple(row)
        some.append(tuple(row.values()))
    if some:
        yield _portion(table, names, some)


def _portion(table: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Portion:
    return Portion(table, names, list(zip(*rows, strict=True)), ("",) * len(names), len(rows))

"""Excel (extra `excel`): a sheet for each kind of item, written row by row, so that memory stays flat.

Texts stay texts, whatever they begin with: they never become formulas, links or numbers. Dates and times are Excel's
own; values with an offset from UTC, or with more digits than Excel keeps (15), are written as text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter

from crawler.errors import UsageError
from crawler.output.export.formats import Look, TableHead
from crawler.output.export.sqlite_file import distinct
from crawler.output.export.text_formats import aligned
from crawler.output.export.values import cell, writable
from crawler.selection import Portion

MOST_ROWS = 1_048_575  # below the heading
_MOST_CHARACTERS = 32_767
_DIGITS = 15
_NO_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f']+")
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class Excel:
    """A workbook."""

    def __init__(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> None:
        self._book = xlsxwriter.Workbook(str(place), _OPTIONS)
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheets: dict[str, tuple[Any, tuple[str, ...]]] = {}
        self._rows: dict[str, int] = {}
        names = distinct([_NO_NAME.sub("_", writable(head.table))[:28] or "items" for head in heads])
        for head, name in zip(heads, names, strict=True):
            fields = tuple(column.name for column in head.columns)
            sheet = self._book.add_worksheet(name)
            for place_, field in enumerate(fields):
                sheet.write_string(0, place_, writable(field))
            sheet.freeze_panes(1, 0)
            self._sheets[head.table], self._rows[head.table] = (sheet, fields), 1

    def write(self, portion: Portion) -> None:
        sheet, fields = self._sheets[portion.table]
        values, _ = aligned(portion, fields)
        row = self._rows[portion.table]
        if row + portion.size > MOST_ROWS + 1:
            raise UsageError(
                f"a sheet of Excel holds {MOST_ROWS:,} rows: choose some with --where, or write CSV or Parquet"
            )
        for each in zip(*values, strict=True):
            for place, value in enumerate(each):
                if value is not None:
                    self._write_cell(sheet, row, place, value)
            row += 1
        self._rows[portion.table] = row

    def _write_cell(self, sheet: Any, row: int, place: int, value: Any) -> None:
        if isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif _is_number(value):
            sheet.write_number(row, place, float(value) if isinstance(value, Decimal) else value)
        elif isinstance(value, datetime) and value.tzinfo is None and value.year >= 1900:
            sheet.write_datetime(row, place, value, self._moment)
        elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= 1900:
            sheet.write_datetime(row, place, value, self._day)
        else:
            text = writable(str(cell(value)))
            if len(text) > _MOST_CHARACTERS:
                raise UsageError(f"a cell of Excel holds {_MOST_CHARACTERS:,} characters, one has {len(text):,}")
            sheet.write_string(row, place, text)

    def finish(self) -> None:
        self._book.close()

    def abandon(self) -> None:
        """Close the temporary files that it has written."""
        for sheet, _ in self._sheets.values():
            with suppress(Exception):
                sheet.row_data_fh.close()


def _is_number(value: object) -> bool:
    """Whether Excel keeps all of it."""
    if isinstance(value, int):
        return abs(value) < 1_000_000_000_000_000
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, Decimal) and value.is_finite() and len(value.normalize().as_tuple().digits) <= _DIGITS

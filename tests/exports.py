"""Rows of a test, written as an export writes those of a store."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from crawler.output.export import ExportChoice, Look, Target, export
from crawler.output.export.formats import format_of
from crawler.output.export.pipeline import write
from crawler.output.export.text_formats import portions_of
from crawler.output.export.what import ExportTable
from crawler.selection import Column, Selection


def columns_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The fields of all rows, in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_rows(
    place: BinaryIO | Path,
    rows: Sequence[dict[str, Any]],
    form: str,
    *,
    columns: Sequence[str] | None = None,
    safe: bool = False,
    bom: bool = False,
) -> int:
    names = columns_of(rows) if columns is None else columns
    table = ExportTable("items", tuple(map(Column, names)))
    return write(format_of("-", form), place, [table], portions_of(rows, "items"), Look(safe, bom))


def written(rows: Sequence[dict[str, Any]], form: str, **how: Any) -> bytes:
    file = io.BytesIO()
    assert write_rows(file, rows, form, **how) == len(rows)
    return file.getvalue()


def exported(store: Any, folder: Path, spider: str, *, name: str = "out.jsonl", **wanted: Any) -> bytes:
    """What an export of a spider holds."""
    export(store, ExportChoice(Selection(spider), **wanted), Target(str(folder / name), force=True))
    return (folder / name).read_bytes()

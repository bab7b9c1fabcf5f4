"""Changes of records as lines, JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crawler.records import KINDS, Change
from crawler.urls import redact

CSV_COLUMNS = ("table", "kind", "key", "field", "old", "new", "crawl", "at", "url")


def counts_of(changes: Iterable[Change]) -> dict[str, dict[str, int]]:
    """Table to kind to number."""
    found: dict[str, dict[str, int]] = {}
    for change in changes:
        found.setdefault(change.table, dict.fromkeys(KINDS, 0))[change.kind] += 1
    return found


def counted_changes(counts: Mapping[str, Mapping[str, int]]) -> str:
    """``Order: 3 new, 1 gone``; "nothing has changed"."""
    parts = []
    for table, kinds in counts.items():
        said = ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS if kinds.get(kind))
        if said:
            parts.append(f"{table}: {said}")
    return "; ".join(parts) or "nothing has changed"


def key_text(change: Change) -> str:
    """The key for a person: ``A-17``, or ``shop=x sku=A-17``."""
    return next(iter(change.key.values())) if len(change.key) == 1 else _named(change.key)


def _named(key: Mapping[str, str]) -> str:
    return " ".join(f"{name}={text}" for name, text in key.items())


def cells(changes: Iterable[Change]) -> Iterator[tuple[str, str, str, str]]:
    """For a table: one line per change, and one more for each further field."""
    for change in changes:
        told = [f"{name}: {_text(old)} -> {_text(new)}" for name, (old, new) in change.fields.items()] or [""]
        for place, line in enumerate(told):
            head = (change.kind, change.table, key_text(change)) if place == 0 else ("", "", "")
            yield (*head, line)


def json_lines(changes: Iterable[Change]) -> Iterator[str]:
    """One line of JSON per change."""
    for change in changes:
        yield _json({**change.as_dict(), "url": redact(change.url)})


def csv_text(changes: Iterable[Change]) -> str:
    """One row per changed field, or per change without fields; texts that look like formulas get a ' in front."""
    from crawler.output.export.values import spreadsheet_safe

    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for change in changes:
        for name, (old, new) in (change.fields or {"": ("", "")}).items():
            row = (
                change.table, change.kind, key_text(change), name, _text(old), _text(new),
                change.crawl, change.at, redact(change.url),
            )  # fmt: skip
            writer.writerow([spreadsheet_safe(cell) for cell in row])
    return file.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    from crawler.output.export.values import json_text  # brings all export code, which a run does not need

    return json_text(value)

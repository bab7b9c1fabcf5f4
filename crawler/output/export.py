"""Writes result rows as JSON lines, JSON or CSV: as a stream, and whole or not at all.

JSON lines and JSON hold the data exactly as it was stored. What JSON has no form for becomes text: decimals, times (ISO
8601), bytes (base64), NaN and infinities. CSV is RFC 4180 in UTF-8, nested values as JSON inside a cell.

CSV for spreadsheets (*safe*): a text that a spreadsheet would take for a formula gets ``'`` in front, and every text is
quoted, so that no separator of another country cuts a cell open. Numbers stay numbers.
"""

from __future__ import annotations

import base64
import csv
import errno
import io
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from crawler.errors import UsageError
from crawler.output.history import summary_of
from crawler.output.source import MOST_RUNS, Source
from crawler.urls import redact

Row = Mapping[str, Any]
FORMATS = ("jsonl", "json", "csv")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".jl": "jsonl", ".json": "json", ".csv": "csv"}

#: First characters of a formula in Excel, LibreOffice and Google Sheets, their full-width twins, and the controls
#: that some of them skip. Source: OWASP, "CSV Injection".
_FORMULA = re.compile("[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
#: What terminals obey or hide: controls of ASCII and Latin-1 but tab and line feed, marks of direction and the like.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
_NEGATIVE_NUMBER = re.compile(r"-\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?\Z")


def format_of(path: str, chosen: str | None = None) -> str:
    """The format of a file by its suffix, or the one that was *chosen*; JSON lines for "-", standard output.

    Raises:
        UsageError: The suffix says nothing, or there is no such format.
    """
    if chosen is not None:
        if chosen not in FORMATS:
            raise UsageError(f"no format {chosen!r}; there are {', '.join(FORMATS)}")
        return chosen
    if path == "-":
        return "jsonl"
    found = _SUFFIXES.get(Path(path).suffix.lower())
    if found is None:
        raise UsageError(f"{path}: the suffix names no format; use .jsonl, .json or .csv, or --format")
    return found


def write_rows(
    file: BinaryIO, rows: Iterable[Row], file_format: str, *, columns: Sequence[str] = (), safe_csv: bool = False
) -> int:
    """Write *rows* to an open file in constant memory.

    Args:
        file: Open for bytes.
        rows: One mapping a row.
        file_format: One of `FORMATS`.
        columns: For CSV: its columns in order.
        safe_csv: For CSV: see the module's text.
    Returns:
        Rows written.
    Raises:
        OSError: The file cannot be written.
        UsageError: For CSV: a row has a field that is no column, since a crawl widened the table meanwhile.
    """
    write = {"jsonl": _write_json_lines, "json": _write_json, "csv": _csv_writer(columns, safe_csv)}[file_format]
    return write(file, rows)


OURS = ("_run", "_url", "_time", "_request", "_position", "_crawl", "_spider")  # what the store adds to an item
ORIGIN = ("_run", "_url", "_time")


def crawl_rows(
    source: Source,
    runs: Sequence[int],
    tables: Sequence[str],
    *,
    latest_of: str = "",
    origin: bool = False,
    without: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> Iterator[Row]:
    """The items of some runs, run by run within each table, as the spider yielded them.

    Args:
        latest_of: What is so now, of this spider, instead: the records that are there, and the items of its last crawl.
        origin: Add where each comes from: `ORIGIN`, the address without secrets.
        without: Table to fields that are left out, see `fields_of_others`.
    Yields:
        Fields by name; with more than one table, the first field is ``_table``.
    """
    for table in tables:
        left_out = {*OURS, *without.get(table, ())}
        for row in _rows_of(source, table, runs, latest_of):
            item = {"_table": table} if len(tables) > 1 else {}
            item.update((field, value) for field, value in row.items() if field not in left_out)
            if origin:
                item.update((field, row[field]) for field in ORIGIN)
                item["_url"] = redact(str(item["_url"]))  # an export travels; the store keeps what must be asked again
            yield item


def _rows_of(source: Source, table: str, runs: Sequence[int], latest_of: str) -> Iterator[Row]:
    if latest_of:
        yield from source.latest(table, spider=latest_of)
    else:
        for run in runs:
            yield from source.rows(table, run=run)


def fields_of_others(
    source: Source, spider: str, runs: Sequence[int], tables: Sequence[str], *, latest: bool = False
) -> dict[str, set[str]]:
    """Fields that other spiders have put into the same table: those in which none of these runs has a value.

    A table that is the spider's alone keeps all its fields, empty or not: what reads its export every night can rely on
    them.

    Returns:
        Table to names of fields; only tables that are shared.
    """
    others = [run.id for run in source.runs(limit=MOST_RUNS) if run.spider != spider]
    found = {}
    for table in tables:
        if not any(next(source.rows(table, run=other), None) for other in others):
            continue
        empty: set[str] | None = None
        for row in _rows_of(source, table, runs, spider if latest else ""):
            if empty is None:
                empty = set(row)
            empty -= {field for field in empty if row[field] is not None}
        if empty:
            found[table] = empty
    return found


def columns_of(rows: Iterable[Row]) -> list[str]:
    """The fields of all rows, in the order in which they first appear."""
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row))
    return list(found)


# --- JSON ----------------------------------------------------------------------------------------------------


def json_text(row: Any) -> str:
    """One row on one line of JSON, readable text where UTF-8 can hold it."""
    try:
        text = json.dumps(row, ensure_ascii=False, default=_as_json, allow_nan=False)
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: only an escape can say it
        return json.dumps(row, default=_as_json, allow_nan=False)
    except (TypeError, ValueError):  # NaN, an infinity, or a key that is no text, perhaps deep inside
        return json_text(_finite(row))
    return text


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(each) for each in value]
    return value


def _write_json_lines(file: BinaryIO, rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        file.write(json_text(row).encode("utf-8") + b"\n")
        count += 1
    return count


def _write_json(file: BinaryIO, rows: Iterable[Row]) -> int:
    count = 0
    for row in rows:
        file.write((b"[\n" if count == 0 else b",\n") + json_text(row).encode("utf-8"))
        count += 1
    file.write(b"\n]\n" if count else b"[]\n")
    return count


# --- CSV ----------------------------------------------------------------------------------------------------


def _csv_writer(columns: Sequence[str], safe: bool) -> Callable[[BinaryIO, Iterable[Row]], int]:
    def write(file: BinaryIO, rows: Iterable[Row]) -> int:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        try:
            writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC if safe else csv.QUOTE_MINIMAL)
            writer.writerow([spreadsheet_safe(column) if safe else column for column in columns])
            count, known = 0, set(columns)
            for row in rows:
                if not known.issuperset(row):
                    raise UsageError("a new column appeared while the export was written; run it again")
                cells = [_cell(row.get(column)) for column in columns]
                writer.writerow([spreadsheet_safe(cell) for cell in cells] if safe else cells)
                count += 1
            return count
        finally:
            text.detach()  # the file belongs to the caller

    return write


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return json_text(value)
    return value if isinstance(value, str | int | float) else str(_as_json(value))


def spreadsheet_safe(cell: Any) -> Any:
    """*cell*, with ``'`` in front when a spreadsheet would take its text for a formula."""
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _NEGATIVE_NUMBER.match(cell):
        return cell
    return f"'{cell}"


class ForTerminal(io.BufferedIOBase):
    """A file that is a terminal: what a page wrote must not move its cursor, change its title or hide other lines.

    Control characters, and marks that turn the direction of writing, are shown as JSON writes them (``\\u009b``), in
    every format: on a terminal, CSV is looked at. A file or a pipe gets the data as it is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Write whole characters."""
        text = bytes(data).decode("utf-8", "replace").replace("\r\n", "\n")
        self._file.write(_COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode("utf-8"))
        return len(data)

    def flush(self) -> None:
        self._file.flush()


# --- what may replace a file ----------------------------------------------------------------------------------

_NEXT_TO_NOTHING_BYTES = 4  # "[]" and a line end


def why_not(source: Source, spider: str, runs: Sequence[int], *, empty: bool, whole_crawl: bool) -> str:
    """Why a good file had better not be replaced by these items; "" when nothing speaks against it.

    Args:
        empty: There is not one item.
        whole_crawl: The items are those of the last crawl, and nobody asked for certain runs.
    """
    last = next((run for run in source.runs(spider, limit=MOST_RUNS) if run.id in runs), None)
    if last is None:
        return ""
    counts = source.counts(last.frontier)
    open_requests = counts.waiting + counts.leased + counts.parked
    how = f"run {last.id} of {spider} ended with {last.ending!r}" if last.ending else f"run {last.id} has not ended"
    if empty:
        return f"there is no item to write ({how})"
    if whole_crawl and (open_requests or last.ending in ("", "crashed", "store")):
        left = f", {open_requests:,} requests are not seen to" if open_requests else ""
        return f"the crawl is not done ({how}{left})"
    if whole_crawl and last.ending == "less than before" and not summary_of(last).get("accepted"):
        return f"it brought less than those before it ({how}); `crawl runs accept {last.id}` says that this is right"
    return ""


def holds_something(path: Path) -> bool:
    """Whether a regular file is there whose loss would be one."""
    try:
        facts = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size > _NEXT_TO_NOTHING_BYTES


# --- files ----------------------------------------------------------------------------------------------------


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file for writing that replaces *path* when the block ends well, and leaves it as it was otherwise.

    A new file has mode 0600, since results come from behind a login; a replaced one keeps its mode. A device or a pipe
    is written to as it is.

    Raises:
        OSError: The folder is missing or cannot be written.
    """
    mode = 0o600
    try:
        facts = path.stat()
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISDIR(facts.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file", str(path))
        if not stat.S_ISREG(facts.st_mode):
            with open(path, "wb") as device:
                yield device
            return
        mode = stat.S_IMODE(facts.st_mode)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None  # not the name of a file they never chose
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            yield file
            file.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

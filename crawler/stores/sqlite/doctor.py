"""Care for a damaged store: what can be read, and getting it out. The file itself is never changed.

It is opened for reading only, so SQLite neither repairs its log nor writes it back. Where the first bytes of the file
are damaged, a copy with a repaired header is read instead. Tables are read by row number; where a page cannot be read,
the next readable number is searched for by doubling and halving.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from crawler.errors import StoreDamaged, StoreError
from crawler.stores.driver import quoted
from crawler.stores.rows import load_value, to_json, unescape
from crawler.stores.sqlite.database_file import opened_in_vain
from crawler.stores.told import Damage

_PORTION = 200
_MAGIC = b"SQLite format 3\x00"
_PAGE_BYTES = 4096
_GREATEST_ROW = 2**63 - 1
#: Columns that hold encrypted secrets: of no use in an export, and not to be spread.
_SECRET = {("crawl_requests", "extras"), ("crawl_sessions", "secret"), ("crawl_session_history", "secret")}


def doctor(path: str) -> Damage:
    """Look for damage and count what can be read.

    Raises:
        StoreError: There is no such file, or it cannot be opened for reading.
    """
    problems: list[str] = []
    readable: dict[str, int] = {}
    with _opened(path, problems) as raw:
        try:
            problems += [str(line) for (line,) in raw.execute("PRAGMA integrity_check(50)") if line != "ok"]
        except sqlite3.Error as error:
            problems.append(f"integrity check: {error}")
        try:
            for table, row, parent, _ in raw.execute("PRAGMA foreign_key_check"):
                problems.append(f"row {row} of {table} points to nothing in {parent}")
        except sqlite3.Error as error:
            problems.append(f"references: {error}")
        for table in _tables(raw, problems):
            gaps: list[str] = []
            readable[table] = sum(1 for _ in _rows(raw, table, ["1"], gaps))
            problems += gaps
    return Damage(not problems, tuple(problems), readable)


def salvage(path: str, folder: str) -> dict[str, int]:
    """Write everything readable as JSON lines, one file per table, into a new folder.

    Args:
        path: The store; it is not changed.
        folder: Must not exist yet, or be empty; made with mode 0700, the files with 0600.
    Returns:
        Table to number of rows written.
    Raises:
        StoreDamaged: Nothing at all can be read.
        StoreError: The folder is not empty, or cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StoreError(folder, "is not empty; give a new folder")
    except OSError as error:
        raise opened_in_vain(error, folder) from error
    written: dict[str, int] = {}
    problems: list[str] = []
    with _opened(path, problems) as raw:
        registry = _registry(raw)
        for table in _tables(raw, problems):
            name = _file_name(table)
            written[table] = _export(raw, table, registry.get(table, {}), target / f"{name}.jsonl")
    if not written:
        raise StoreDamaged(path, f"nothing can be read ({'; '.join(problems[:3])})")
    return written


def _file_name(table: str) -> str:
    """A file name that is safe everywhere and different for each table."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", table):
        return table
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", table)[:50]
    return f"table_{cleaned}_{hashlib.sha256(table.encode()).hexdigest()[:8]}"


def _export(raw: sqlite3.Connection, table: str, kinds: dict[str, tuple[str, str]], file: Path) -> int:
    columns = [str(row[1]) for row in raw.execute(f"PRAGMA table_info({quoted(table)})")]
    columns = [column for column in columns if (table, column) not in _SECRET]
    count = 0
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as lines:
        for row in _rows(raw, table, [quoted(column) for column in columns], []):
            values = dict(zip(columns, row, strict=True))
            lines.write(to_json(_as_item(values, kinds) if kinds else values) + "\n")
            count += 1
    return count


def _as_item(values: dict[str, Any], kinds: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """A row of results under the names and with the values that its item had."""
    notes = json.loads(values.pop("_types", None) or "{}")
    more = json.loads(values.pop("_more", None) or "{}")
    item: dict[str, Any] = {}
    for column, stored in values.items():
        field, kind = kinds.get(column, (column, "any"))
        try:
            item[field] = load_value(stored, kind, notes.get(column))
        except (ValueError, ArithmeticError):
            item[field] = stored  # damaged text: better as it is than not at all
    item.update((unescape(field), load_value(stored, "any", note)) for field, (stored, note) in more.items())
    return item


def _registry(raw: sqlite3.Connection) -> dict[str, dict[str, tuple[str, str]]]:
    """Result table to its columns, with field and kind of each; as much of it as can be read."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for table, field, column, kind in _rows(raw, "crawl_columns", ["stored_in", "field", "stored_as", "kind"], []):
        found.setdefault(table, {})[column] = (unescape(field), kind)
    return found


def _tables(raw: sqlite3.Connection, problems: list[str]) -> list[str]:
    try:
        rows = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
        return [str(name) for (name,) in rows if not str(name).startswith("sqlite_")]
    except sqlite3.Error as error:
        problems.append(f"the list of tables cannot be read: {error}")
        return []


def _rows(raw: sqlite3.Connection, table: str, columns: list[str], gaps: list[str]) -> Iterator[tuple[Any, ...]]:
    """All rows that can be read, by their numbers; each gap is reported once."""
    sql = f"SELECT rowid, {', '.join(columns)} FROM {quoted(table)} NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT ?"
    last = -1
    while True:
        try:
            for row in raw.execute(sql, (last, _PORTION)):  # rows before the bad place still arrive
                last = row[0]
                yield row[1:]
                found = True
            found = raw.execute(sql, (last, 1)).fetchone() is not None
        except sqlite3.Error as error:
            after = _next_readable(raw, sql, last)
            gaps.append(f"{table}: unreadable after row {last} ({error})")
            if after is None:
                return
            last, found = after - 1, True
        if not found:
            return


def _next_readable(raw: sqlite3.Connection, sql: str, last: int) -> int | None:
    """The first row number after *last* from which something can be read, or None."""

    def reads(start: int) -> int | None:
        try:
            row = raw.execute(sql, (start, 1)).fetchone()
        except sqlite3.Error:
            return None
        return int(row[0]) if row is not None else _GREATEST_ROW

    bad, step = last, 1
    while bad + step < _GREATEST_ROW:
        found = reads(bad + step)
        if found is not None:
            good = bad + step
            break
        bad, step = bad + step, step * 2
    else:
        return None
    while good - bad > 1:
        middle = (good + bad) // 2
        if reads(middle) is None:
            bad = middle
        else:
            good = middle
    first = reads(good)
    return None if first in (None, _GREATEST_ROW) else first


@contextmanager
def _opened(path: str, problems: list[str]) -> Iterator[sqlite3.Connection]:
    """The file for reading, or a copy with a repaired header, removed when the block ends."""
    if not os.path.isfile(path):
        raise StoreError(path, "there is no such file")
    with tempfile.TemporaryDirectory() as folder:
        target = path
        if not _starts_well(path):
            problems.append("the header of the file is damaged")
            target = _mended(path, folder)
        address = f"file:{quote(os.path.abspath(target))}"
        with closing(_connect(f"{address}?mode=ro", f"{address}?mode=ro&immutable=1", path)) as raw:
            raw.text_factory = lambda data: data.decode("utf-8", "replace")
            yield raw


def _connect(address: str, without_log: str, path: str) -> sqlite3.Connection:
    """Read with the log where that is possible (its index file may have to be created), else only the file."""
    for candidate in (address, without_log):
        raw = sqlite3.connect(candidate, uri=True, isolation_level=None)
        try:
            raw.execute("PRAGMA schema_version").fetchone()
            return raw
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN or candidate == without_log:
                return raw  # damaged: the caller finds out how much of it
            raw.close()
    raise StoreError(path, "cannot be opened for reading")


def _starts_well(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            header = file.read(100)
    except OSError as error:
        raise opened_in_vain(error, path) from error
    return (
        header[:16] == _MAGIC
        and int.from_bytes(header[16:18], "big") == _PAGE_BYTES
        and header[18] in (1, 2)
        and header[19] in (1, 2)
        and header[20:24] == b"\x00\x40\x20\x20"
    )


def _mended(path: str, folder: str) -> str:
    """A copy of the file (and its log) whose first 100 bytes are those of a sound file of this size."""
    copy = os.path.join(folder, "copy.db")
    shutil.copyfile(path, copy)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", f"{copy}-wal")
    sample = os.path.join(folder, "sample.db")
    with closing(sqlite3.connect(sample)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("CREATE TABLE t (a)")
    header = bytearray(Path(sample).read_bytes()[:100])
    header[28:32] = (os.path.getsize(copy) // _PAGE_BYTES).to_bytes(4, "big")
    header[32:40] = bytes(8)  # no free pages
    with open(copy, "r+b") as file:
        file.write(header)
    return copy

"""The schedule of a project: `schedule.toml`, which people may edit, and the time up to which starts were handled."""

from __future__ import annotations

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.schedule.plan import Entry, checked

FILE = "schedule.toml"
STATE = Path("data") / "schedule.json"
MADE = Path("data") / "schedule-runs.json"
_HEAD = """\
# Spiders on a schedule. `crawl schedule add` and `remove` write this file; you may edit it, too.
# `crawl schedule list` shows the result, `crawl schedule install` puts it into cron or systemd.
"""
_KEYS = {"spider", "cron", "id", "tz", "arguments", "words", "overlap", "jitter", "catch_up"}


def read(project: Path) -> list[Entry]:
    """The entries, checked.

    Raises:
        UsageError: The file cannot be read, or an entry is wrong; the message says which.
    """
    path = project / FILE
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("run", [])
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{FILE}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise UsageError(f"{FILE}: write each entry as [[run]]")
    entries: list[Entry] = []
    for each in found:
        entry = checked(_entry(each, entries))
        if entry.id in {known.id for known in entries}:
            raise UsageError(f"{FILE}: there are two entries {entry.id!r}")
        entries.append(entry)
    return entries


def _entry(table: dict[str, Any], before: Sequence[Entry]) -> Entry:
    wrong = sorted(set(table) - _KEYS)
    spider, cron = table.get("spider"), table.get("cron")
    if wrong or not isinstance(spider, str) or not isinstance(cron, str):
        what = f"unknown key {wrong[0]!r}" if wrong else 'an entry needs spider = "..." and cron = "..."'
        raise UsageError(f"{FILE}: {what}")
    try:
        return Entry(
            id=str(table.get("id") or new_id(spider, before)),
            spider=spider,
            cron=cron,
            tz=str(table.get("tz", "")),
            arguments={str(name): str(value) for name, value in dict(table.get("arguments", {})).items()},
            words=tuple(str(word) for word in table.get("words", ())),
            overlap=str(table.get("overlap", "skip")),
            jitter_s=float(table.get("jitter", 0)),
            catch_up=bool(table.get("catch_up", True)),
        )
    except (TypeError, ValueError):
        raise UsageError(f"{FILE}: the entry of {spider} has a value of the wrong kind") from None


def new_id(spider: str, entries: Sequence[Entry]) -> str:
    """The spider's name, with a number if it is taken."""
    taken = {entry.id for entry in entries}
    return next(
        each for each in (spider, *(f"{spider}-{number}" for number in range(2, len(taken) + 3))) if each not in taken
    )


def write(project: Path, entries: Sequence[Entry]) -> None:
    """Replace the file, whole."""
    text = _HEAD + "".join(f"\n[[run]]\n{''.join(_lines(entry))}" for entry in entries)
    _replace(project / FILE, text)


def _lines(entry: Entry) -> Iterator[str]:
    yield f"id = {_text(entry.id)}\nspider = {_text(entry.spider)}\ncron = {_text(entry.cron)}\n"
    if entry.tz:
        yield f"tz = {_text(entry.tz)}\n"
    if entry.arguments:
        pairs = ", ".join(f"{_text(name)} = {_text(value)}" for name, value in entry.arguments.items())
        yield f"arguments = {{ {pairs} }}\n"
    if entry.words:
        yield f"words = [{', '.join(map(_text, entry.words))}]\n"
    if entry.overlap != "skip":
        yield f"overlap = {_text(entry.overlap)}\n"
    if entry.jitter_s:
        yield f"jitter = {entry.jitter_s:g}\n"
    if not entry.catch_up:
        yield "catch_up = false\n"


def _text(value: str) -> str:
    """A basic string of TOML, which is a JSON string except for DEL and lone surrogates."""
    return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def seen(project: Path) -> Iterator[dict[str, datetime]]:
    """Entry to the moment up to which its starts have been handled; changes to the dict are stored.

    One process at a time: two that look at the same minute must not both start a spider.
    """
    path = project / STATE
    path.parent.mkdir(exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        moments = _moments(path)
        before = dict(moments)
        yield moments
        if moments != before:
            _replace(path, json.dumps({name: moment.timestamp() for name, moment in moments.items()}))
    finally:
        os.close(lock)


@quick_dataclass
class Made:
    """A run that was started for an entry: its number, and when that was noted, seconds since 1970."""

    run: int
    at: float


def note_run(project: Path, entry: str, made: Made | None) -> None:
    """Record which run was started for an entry, replacing the one before; None for no run.

    Raises:
        OSError: The folder `data` cannot be written.
    """
    path = project / MADE
    path.parent.mkdir(exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = {name: each for name, each in runs_made(project).items() if name != entry}
        known |= {entry: made} if made is not None else {}
        _replace(path, json.dumps({name: {"run": each.run, "at": each.at} for name, each in known.items()}))
    finally:
        os.close(lock)


def runs_made(project: Path) -> dict[str, Made]:
    """Entry to the last run that was started for it; nothing if that is not known."""
    try:
        found = json.loads((project / MADE).read_text())
        return {str(name): Made(int(each["run"]), float(each["at"])) for name, each in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _moments(path: Path) -> dict[str, datetime]:
    """What is stored; nothing if the file is damaged: then starts count from now on."""
    try:
        found = json.loads(path.read_text())
        return {str(name): datetime.fromtimestamp(float(moment), UTC) for name, moment in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        return {}


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)

"""An export from start to finish: what is wanted, from a store, into a target, completely or not at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from crawler.errors import NotWritten, UsageError
from crawler.output.export import places
from crawler.output.export.crawl_standing import CrawlStanding, standing
from crawler.output.export.formats import Format, Look, compression_of, format_of, require
from crawler.output.export.sqlite_file import refuse_foreign
from crawler.output.export.what import ExportChoice, ExportTable, merged, portions, tables_of, told_of_which
from crawler.quick_dataclass import quick_dataclass
from crawler.redaction import redact
from crawler.selection import Portion
from crawler.stores.base import Store


@quick_dataclass
class Target:
    """Where an export goes.

    Attributes:
        place: A path, an address, or "-" for standard output.
        format_name: The format, where the suffix does not say it.
        force: Replace what is there, whatever is written.
    """

    place: str
    format_name: str | None = None
    look: Look = field(default_factory=Look)
    force: bool = False


@quick_dataclass
class Exported:
    """The outcome of an export.

    Attributes:
        count: Rows.
        incomplete: Why these are not all items of the crawl; "" when they are.
        doubtful: Why an earlier crawl may have brought better ones; "" for no reason.
        failed: Requests that failed in a crawl that is whole all the same.
    """

    count: int
    incomplete: str = ""
    doubtful: str = ""
    failed: int = 0


def check(target: Target) -> None:
    """Raise UsageError when a target cannot be written, before any work is done for it."""
    if _is_database(target.place):
        require(redact(target.place), "postgres", ("psycopg",))
        from crawler.output.export import postgres

        postgres.place_of(target.place)
        if target.format_name or target.look != Look():
            raise UsageError("--format, --safe-csv and --bom go with files")
    else:
        _format(target)


def _is_database(place: str) -> bool:
    return place.startswith(("postgresql://", "postgres://"))


def _format(target: Target) -> Format:
    form = format_of(target.place, target.format_name)
    form.check()
    if _is_remote(target.place):
        require(redact(target.place), "remote", ("fsspec",))
    else:
        places.check_place(_path(target.place), in_place=form.in_place)
    if form.in_place and (target.place == "-" or _is_remote(target.place)):
        raise UsageError(
            f"{redact(target.place)}: a file of the format {form.name} is changed where it is, on this machine"
        )
    if target.look.safe and form.name != "csv":
        raise UsageError("--safe-csv goes with CSV")
    if target.look.bom and form.name != "csv":
        raise UsageError("--bom goes with CSV")
    return form


def export(source: Store, wanted: ExportChoice, target: Target) -> Exported:
    """Write what is wanted.

    Raises:
        UsageError: Something that was asked for is not there, or the format cannot hold it.
        NotWritten: It would have replaced something good with less.
        OSError: The target cannot be written; it is as it was.
    """
    check(target)
    if _is_database(target.place):
        from crawler.output.export import postgres

        found = standing(source, wanted.selection)
        return _told(postgres.load(source, wanted, target.place, (found, target.force)), found)
    form = _format(target)
    tables = tables_of(source, wanted, typed=form.typed)
    found = standing(source, wanted.selection)
    if not target.force and _holds_something(target.place):
        why = found.incomplete
        if not why and found.how and not any(each.size for each in _stream(source, wanted, tables)):
            why = f"there is no item to write ({found.how})"
        if why or found.doubtful:
            raise NotWritten(redact(target.place), why or found.doubtful)
    with _opened(target, form) as place:
        count = write(form, place, tables, _stream(source, wanted, tables), target.look)
    return _told(count, found)


def _told(count: int, found: CrawlStanding) -> Exported:
    return Exported(count, found.incomplete, found.doubtful, found.failed)


def write(
    form: Format, place: BinaryIO | Path, tables: Sequence[ExportTable], stream: Iterator[Portion], look: Look
) -> int:
    """Write portions in a format. Returns the number of rows."""
    one = not form.many and len(tables) > 1
    writer = form.start(place, tables if form.many else merged(tables), look)
    count = 0
    try:
        with _no_search_for_cycles():
            for portion in stream:
                writer.write(told_of_which(portion) if one else portion)
                count += portion.size
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return count


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Turn off the search for reference cycles: rows hold none, and the search takes a tenth of an export."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _stream(source: Store, wanted: ExportChoice, tables: Sequence[ExportTable]) -> Iterator[Portion]:
    for table in tables:
        yield from portions(source, wanted, table)


def _opened(target: Target, form: Format) -> AbstractContextManager[BinaryIO | Path]:
    if target.place == "-":
        return places.standard_output(form)
    if _is_remote(target.place):
        from crawler.output.export import remote

        return remote.opened(target.place, form, compression_of(target.place))
    path = _path(target.place)
    if form.name == "sqlite":
        refuse_foreign(path)
    return places.local(path, form, compression_of(target.place))


def _holds_something(place: str) -> bool:
    if _is_remote(place):
        from crawler.output.export import remote

        return remote.holds_something(place)
    return place != "-" and places.holds_something(_path(place))


def _is_remote(place: str) -> bool:
    return "://" in place and not place.startswith("file://")


def _path(place: str) -> Path:
    """The path of a target on this machine; UsageError for a ``file://`` that names another one."""
    if not place.startswith("file://"):
        return Path(place)
    parts = urlsplit(place)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{place}: a file of this machine is written as file:///path")
    return Path(unquote(parts.path))

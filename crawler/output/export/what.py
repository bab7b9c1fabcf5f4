"""What an export holds: which tables and fields, as streams of portions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crawler.errors import UsageError
from crawler.output.export.text_formats import portions_of
from crawler.quick_dataclass import quick_dataclass
from crawler.records import Change
from crawler.selection import Column, Portion, Selection
from crawler.stores.base import Store
from crawler.urls import redact

ORIGIN = ("_run", "_url", "_time")
BY_NAME = (*ORIGIN, "_crawl", "_spider", "_account")  #: columns of ours that may be asked for by name


@quick_dataclass
class ExportChoice:
    """What is to be exported.

    Attributes:
        table: One kind of item; otherwise all that have any.
        fields: These fields only, in this order; all otherwise. Columns of ours may be among them.
        origin: Include `ORIGIN`, the address without secrets.
        changes: Not the items, but the changes of the records, see `Change`.
    """

    selection: Selection
    table: str | None = None
    fields: tuple[str, ...] = ()
    origin: bool = False
    changes: bool = False


@quick_dataclass
class ExportTable:
    """A table of an export, before its rows are read (`formats.TableHead`).

    Attributes:
        columns: Of all its fields, ours included.
        ours: Which of ours are asked for.
    """

    table: str
    columns: tuple[Column, ...]
    ours: tuple[str, ...] = ()


_OUR_COLUMNS = {
    "_run": Column("_run", "integer"),
    "_url": Column("_url", "text"),
    "_time": Column("_time", "real"),
    "_crawl": Column("_crawl", "integer"),
    "_spider": Column("_spider", "text"),
    "_id": Column("_id", "text"),
    "_account": Column("_account", "text"),
}


def tables_of(source: Store, wanted: ExportChoice, *, typed: bool, extra: Sequence[str] = ()) -> list[ExportTable]:
    """The tables of an export and their columns.

    Args:
        typed: The kinds of all columns are needed.
        extra: More columns of ours.
    Raises:
        UsageError: There is no such table or field, or the condition cannot be evaluated.
    """
    if wanted.changes:
        return [ExportTable("changes", tuple(_CHANGE_COLUMNS))]
    known = list(source.results.tables())
    if wanted.table is not None and wanted.table not in known:
        raise UsageError(f"no table {wanted.table!r}; there are: {', '.join(known) or 'none'}")
    names = [wanted.table] if wanted.table is not None else known
    found = []
    for name in names:
        if source.exports.has_rows(name, wanted.selection) or wanted.table is not None:
            columns = source.exports.columns(name, wanted.selection, typed=typed)
            whose = source.exports.has_accounts(name, wanted.selection.spider) and not wanted.fields
            found.append(_table(name, columns, wanted, (*extra, "_account") if whose else extra))
    if wanted.fields:
        there = {column.name for table in found for column in table.columns}
        missing = [name for name in wanted.fields if name not in there and found]
        if missing:
            every = {c.name: None for table in found for c in source.exports.columns(table.table, wanted.selection)}
            raise UsageError(f"no field {missing[0]!r}; there are: {', '.join([*every, *BY_NAME])}")
    return found


def _table(name: str, columns: Sequence[Column], wanted: ExportChoice, extra: Sequence[str]) -> ExportTable:
    if not wanted.fields:
        ours = (*extra, *(ORIGIN if wanted.origin else ()))
        return ExportTable(name, (*(_OUR_COLUMNS[each] for each in ours), *columns), ours)
    of_name = {**_OUR_COLUMNS, **{column.name: column for column in columns}}
    asked = [*extra, *(ORIGIN if wanted.origin else ()), *wanted.fields]
    chosen = tuple(of_name[each] for each in dict.fromkeys(asked) if each in of_name)
    return ExportTable(name, chosen, tuple(column.name for column in chosen if column is _OUR_COLUMNS.get(column.name)))


def portions(source: Store, wanted: ExportChoice, table: ExportTable) -> Iterator[Portion]:
    """The rows of one table of an export."""
    if wanted.changes:
        yield from _changes(source, wanted)
        return
    fields = [column for column in table.columns if column.name not in table.ours]
    order = tuple(column.name for column in table.columns)
    for portion in source.exports.portions(table.table, wanted.selection, fields, origin=table.ours):
        if "_url" in table.ours:  # an export is passed on; the store keeps what must be requested again
            place = portion.names.index("_url")
            portion.values[place] = [redact(str(each)) for each in portion.values[place]]
        yield portion if portion.names == order else _in_order(portion, order)


def _in_order(portion: Portion, order: tuple[str, ...]) -> Portion:
    places = [portion.names.index(name) for name in order]
    return Portion(
        portion.table,
        order,
        [portion.values[place] for place in places],
        tuple(portion.kinds[place] for place in places),
        portion.size,
    )


def merged(tables: Sequence[ExportTable]) -> list[ExportTable]:
    """For formats that have all rows in one table: with more than one, each row names its table."""
    if len(tables) <= 1:
        return list(tables)
    columns: dict[str, Column] = {"_table": Column("_table", "text")}
    for table in tables:
        for column in table.columns:
            before = columns.setdefault(column.name, column)
            if (before.kind, before.zoned) != (column.kind, column.zoned):
                columns[column.name] = replace(before, kind="", zoned=None)
    return [ExportTable("items", tuple(columns.values()))]


def told_of_which(portion: Portion) -> Portion:
    """A portion with the name of its table in front."""
    return Portion(
        "items",
        ("_table", *portion.names),
        [[portion.table] * portion.size, *portion.values],
        ("text", *portion.kinds),
        portion.size,
    )


# --- changes ------------------------------------------------------------------------------------------------------

_CHANGE_COLUMNS = [
    Column("table", "text"),
    Column("key", "json"),
    Column("kind", "text"),
    Column("crawl", "integer"),
    Column("at", "real"),
    Column("url", "text"),
    Column("fields", "json"),
    Column("item", "json"),
]


def _changes(source: Store, wanted: ExportChoice) -> Iterator[Portion]:
    chosen = wanted.selection
    crawls: tuple[int, int] | None = None
    if chosen.crawl is not None:
        crawls = chosen.crawl, chosen.crawl
    elif chosen.after is not None:
        crawls = chosen.after + 1, 2**62
    elif chosen.since is None:
        newest = source.runs.last(chosen.spider, limit=1)[0].frontier
        crawls = newest, newest
    found = source.records.changes(chosen.spider, crawls=crawls, since=chosen.since, table=wanted.table)
    yield from portions_of((_change(each) for each in found), "changes")


def _change(change: Change) -> Mapping[str, Any]:
    told = change.as_dict()
    return {**told, "url": redact(str(told["url"]))}

"""Result tables: reading rows, typed as they went in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crawler.stores.driver import Driver, quoted
from crawler.stores.sql.item_rows import fields_of
from crawler.stores.sql.item_tables import HIDDEN, OURS, ItemTables, Table

_PORTION = 500
_MET = """SELECT k.stored_in, count(*) FROM crawl_frontiers f JOIN crawl_record_scopes c ON c.spider = f.spider
AND c.args = f.args JOIN crawl_record_pages p ON p.scope = c.id JOIN crawl_requests r ON r.frontier = f.id
AND r.fingerprint = p.fingerprint JOIN crawl_sightings s ON s.page = p.id JOIN crawl_records e ON e.id = s.record
JOIN crawl_record_kinds k ON k.id = e.kind WHERE f.id = ? AND r.state = 2 AND s.dropped = 0"""

_Decoded = list[tuple[str, str, str]]  #: name to give the field, column, kind


class ResultRows:
    """Reading results. Each portion is its own short query: a slow reader holds up neither the log nor the writer."""

    def __init__(self, driver: Driver, tables: ItemTables) -> None:
        self._db, self._tables = driver, tables

    def stored_by(self, run: int) -> tuple[int, dict[str, int]]:
        """What a run has stored that is still there: pages, and items by table; see `ResultStore.stored_by`."""
        accepted = "SELECT request FROM crawl_pages WHERE run = ? AND verdict = 'accept'"
        pages = self._db.read(f"SELECT count(*) FROM crawl_requests WHERE state = 2 AND id IN ({accepted})", (run,))[0][
            0
        ]
        met = self.records_met(self._frontier_of(run), f" AND r.id IN ({accepted})", (run,))
        items = {}
        for name, stored_as in self._tables.names():
            rows = f"SELECT count(*) FROM {quoted(stored_as)} WHERE _run = ? AND _record IS NULL"
            items[name] = self._db.read(rows, (run,))[0][0] + met.get(stored_as, 0)
        return pages, {name: count for name, count in items.items() if count}

    def _frontier_of(self, run: int) -> int:
        row = self._db.one("SELECT frontier FROM crawl_runs WHERE id = ?", (run,))
        return int(row[0]) if row else 0

    def records_met(self, frontier: int, also: str = "", parameters: Sequence[Any] = ()) -> dict[str, int]:
        """Table (as it is stored) to the number of records that pages of a crawl listed; each page counts by itself."""
        return dict(self._db.read(f"{_MET}{also} GROUP BY 1", (frontier, *parameters)))

    def tables(self) -> dict[str, int]:
        """Kind of item to the number of rows in its table."""
        return {
            name: self._db.read(f"SELECT count(*) FROM {quoted(stored_as)}")[0][0]
            for name, stored_as in self._tables.names()
        }

    def stored_as(self, table: str) -> str | None:
        """The name in the database of a kind of item; None where there is none."""
        known = self._tables.load(table)
        return known.stored_as if known is not None else None

    def rows(self, table: str, *, run: int | None = None) -> Iterator[dict[str, Any]]:
        """Items as they were yielded, after our own columns, in the order in which pages were found; then records.

        What a running crawl adds meanwhile may or may not be included. A field that an item lacked reads as None. A
        field that is named like a column of ours (`_run`) keeps the name that it has in the table (`_run_2`).

        Args:
            run: Only what this run has stored; for records, those that it was the last to change.
        """
        known = self._tables.load(table)
        if known is not None:
            condition, bound = ("", ()) if run is None else (" AND _run = ?", (run,))
            yield from self.items(known, condition, bound)
            yield from self._records(known, condition, bound)

    def latest(self, table: str, *, spider: str | None = None) -> Iterator[dict[str, Any]]:
        """The current results: existing records, and the newest crawl's items without a key.

        Args:
            spider: Only this spider's; those of all spiders when left out, each with its own newest crawl.
        """
        known = self._tables.load(table)
        if known is None:
            return
        whose, bound = ("GROUP BY spider", ()) if spider is None else ("WHERE spider = ?", (spider,))
        newest = f"SELECT frontier FROM crawl_runs WHERE id IN (SELECT max(id) FROM crawl_runs {whose})"
        yield from self.items(known, f" AND _run IN (SELECT id FROM crawl_runs WHERE frontier IN ({newest}))", bound)
        condition, bound = ("", ()) if spider is None else (" AND _spider = ?", (spider,))
        yield from self._records(known, f" AND _gone IS NULL{condition}", bound)

    def of_requests(self, ids: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and row of each item without a key that these requests (a JSON list) have brought."""
        condition = f" AND _request IN ({self._db.dialect.numbers()})"
        for name, _ in self._tables.names():
            known = self._tables.load(name)
            for row in self.items(known, condition, (ids,)) if known is not None else ():
                yield name, row

    def items(self, known: Table, condition: str, bound: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """Those without a key, by request and position; not by row number: those change when the file is compacted."""
        decoded, columns = _columns_of(known)
        sql = (
            f"SELECT {columns} FROM {quoted(known.stored_as)} WHERE (_request, _position) > (?, ?) AND _record IS NULL"
            f"{condition} ORDER BY _request, _position LIMIT {_PORTION}"
        )
        last: tuple[int, ...] = (0, -1)
        while portion := self._db.read(sql, (*last, *bound)):
            last = portion[-1][3:5]
            for row in portion:
                yield _item(row[:-1], decoded)

    def _records(self, known: Table, condition: str, bound: Sequence[Any]) -> Iterator[dict[str, Any]]:
        """Those with a key, in the order in which they were first found: changes do not move them."""
        decoded, columns = _columns_of(known)
        sql = (
            f"SELECT {columns} FROM {quoted(known.stored_as)} WHERE _record > ?{condition} ORDER BY _record"
            f" LIMIT {_PORTION}"
        )
        last = 0
        while portion := self._db.read(sql, (last, *bound)):
            last = portion[-1][-1]
            for row in portion:
                yield _item(row[:-1], decoded)


def _columns_of(known: Table) -> tuple[_Decoded, str]:
    decoded = [
        (field if field.lower() not in OURS else column, column, kind)
        for field, (column, kind) in known.columns.items()
    ]
    return decoded, ", ".join(map(quoted, [*OURS, *HIDDEN, *(column for _, column, _ in decoded), "_record"]))


def _item(row: tuple[Any, ...], decoded: _Decoded) -> dict[str, Any]:
    ours = len(OURS)
    return dict(zip(OURS, row[:ours], strict=True)) | fields_of(row[ours:], decoded)

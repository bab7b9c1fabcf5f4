"""What earlier crawls have learned about pages: given with a crawl's requests, and carried on for unchanged pages.

A visit is found by the fingerprint of its request in an earlier frontier of the same spider with the same arguments.
It counts only where that page was accepted and is certain: a page from a session that may have been logged out says
nothing. What a page gave is counted before it is relied on: if rows were deleted, the page is requested again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import Leased, Outcome, PageVisit
from crawler.stores.base import Cipher, RunRow
from crawler.stores.driver import Driver, Transaction, batch_size, quoted
from crawler.stores.sealed import place_of_request, place_of_visit
from crawler.stores.sql.body_rows import BodyRows
from crawler.stores.sql.item_tables import OURS, ItemTables

_PORTION = 128
_MOST_EARLIER = 2  #: frontiers that are searched; older ones are removed, see `run_rows`
_RECALLED = """SELECT r.frontier, r.fingerprint, r.id, r.callback, r.extras, v.checked_at, v.etag, v.modified,
v.caching, v.vary, v.code, v.session, v.items, v.records, v.links,
v.others, EXISTS (SELECT 1 FROM crawl_bodies WHERE request = r.id)
FROM crawl_requests r {join} crawl_visits v ON v.request = r.id
WHERE r.state = 2 AND r.proven = 1 AND r.frontier IN """


_COLUMNS = (
    "request", "checked_at", "etag", "modified", "caching", "vary", "code", "session", "items", "records", "links",
    "others",
)  # fmt: skip
_TYPES = (
    "integer", "real", "text", "text", "text", "text", "text", "text", "text", "text", "blob", "blob",
)  # fmt: skip


class VisitRows:
    """Visits: recalled, written, carried on."""

    def __init__(self, driver: Driver, cipher: Cipher, tables: ItemTables, bodies: BodyRows) -> None:
        self._db, self._cipher, self._tables, self._bodies = driver, cipher, tables, bodies
        self._numbers = driver.dialect.numbers()
        self._head, self._tail = driver.dialect.replace("crawl_visits", _COLUMNS, ("request",))
        self._pairs = driver.dialect.rows({"old": "integer", "new": "integer"})

    def earlier(self, frontier: int) -> tuple[int, ...]:
        """The frontiers before this one, of the same spider and arguments, that have visits; newest last."""
        rows = self._db.read(
            "SELECT e.id FROM crawl_frontiers f JOIN crawl_frontiers e ON e.spider = f.spider AND e.args = f.args"
            " AND e.id < f.id AND e.pruned = 0 WHERE f.id = ? ORDER BY e.id DESC LIMIT ?",
            (frontier, _MOST_EARLIER),
        )
        return tuple(sorted(row[0] for row in rows if self._knows_visits(row[0])))

    def _knows_visits(self, frontier: int) -> bool:
        return (
            self._db.one(
                f"SELECT 1 FROM crawl_requests r {self._db.dialect.ordered_join} crawl_visits v ON v.request = r.id"
                " WHERE r.frontier = ? LIMIT 1",
                (frontier,),
            )
            is not None
        )

    def recall(self, earlier: Sequence[int], leased: Sequence[Leased]) -> list[Leased]:
        """*leased*, each with the last visit of its page in one of the frontiers *earlier*, where there is one.

        A request that is fetched a second time in one crawl, because its session was lost, gets none.
        """
        wanted = {each.fingerprint: each for each in leased if each.fingerprint and not each.again}
        visits: dict[bytes, PageVisit] = {}
        marks = list(wanted)
        recalled, in_buckets = _RECALLED.format(join=self._db.dialect.ordered_join), self._db.dialect.in_buckets
        for start in range(0, len(marks), _PORTION):
            portion = marks[start : start + _PORTION]
            size = batch_size(len(portion), self._db.dialect)
            portion += portion[-1:] * (size - len(portion))
            rows = self._db.read(
                f"{recalled}({self._numbers}) AND r.fingerprint IN ({','.join('?' * size)}){in_buckets}"
                " ORDER BY r.frontier",
                (json.dumps(list(earlier)), *portion, *self._db.dialect.lanes(wanted[mark].lane for mark in portion)),
            )
            for frontier, mark, request, callback, sealed, *others in rows:
                same = callback == wanted[mark].callback
                if same and self._asks_alike(frontier, mark, sealed, wanted[mark].extras):
                    visit = self._visit(request, others)
                    if visit is not None:
                        visits[mark] = visit
        self._drop_incomplete(visits)
        self._drop_vanished(visits, earlier)
        return [
            replace(each, visit=visits[each.fingerprint]) if each.fingerprint in visits and not each.again else each
            for each in leased
        ]

    def _asks_alike(self, frontier: int, mark: bytes, sealed: bytes | None, extras: str) -> bool:
        """Whether a request of an earlier crawl had the same headers, arguments and so on."""
        if not sealed:
            return not extras or _lasting(extras) == {}
        try:
            before = self._cipher.open(sealed, place_of_request(frontier, mark))
        except SessionError:
            return False
        return before == extras or _lasting(before) == _lasting(extras)

    def _visit(self, request: int, row: Sequence[Any]) -> PageVisit | None:
        """A visit from its row; None where a part of it cannot be read with the keys at hand."""
        checked_at, etag, modified, caching, vary, code, session, items, records, links, sealed, has_body = row
        others = ""
        if sealed:
            try:
                others = self._cipher.open(sealed, place_of_visit(request))
            except SessionError:
                return None
        return PageVisit(
            checked_at=checked_at,
            etag=etag or "",
            modified=modified or "",
            caching=caching or "",
            vary=vary or "",
            code=code,
            session=session,
            links=links or b"",
            others=others,
            items=json.loads(items) if items else {},
            records=json.loads(records) if records else {},
            request=request,
            has_body=bool(has_body),
        )

    def _drop_incomplete(self, visits: dict[bytes, PageVisit]) -> None:
        """Forget visits some of whose items no longer exist."""
        tables: dict[str, dict[int, int]] = {}
        for visit in visits.values():
            for table in visit.items:
                tables.setdefault(table, {})[visit.request] = 0
        for table, counts in tables.items():
            counts.update(self._items_of(table, list(counts)))
        for mark, visit in list(visits.items()):
            if any(tables[table][visit.request] < count for table, count in visit.items.items()):
                del visits[mark]

    def _drop_vanished(self, visits: dict[bytes, PageVisit], earlier: Sequence[int]) -> None:
        """Forget visits of pages that a complete crawl has since missed: what they listed is gone until read anew.

        Otherwise a page that comes back unchanged would bring nothing back.
        """
        marks = [mark for mark, visit in visits.items() if visit.records]
        for start in range(0, len(marks), _PORTION):
            portion = marks[start : start + _PORTION]
            known = ",".join("?" * len(portion))
            rows = self._db.read(
                f"SELECT p.fingerprint FROM crawl_record_pages p WHERE p.fingerprint IN ({known}) AND p.scope IN"
                " (SELECT c.id FROM crawl_frontiers f JOIN crawl_record_scopes c ON c.spider = f.spider"
                " AND c.args = f.args WHERE f.id = ?) AND EXISTS (SELECT 1 FROM crawl_sightings s WHERE s.page = p.id)",
                (*portion, earlier[-1]),
            )
            for mark in {*portion} - {bytes(row[0]) for row in rows}:
                del visits[mark]

    def _items_of(self, table: str, requests: Sequence[int]) -> dict[int, int]:
        """How many items of a table exist, by their request."""
        known = self._tables.load(table)
        if known is None:
            return {}
        return dict(
            self._db.read(
                f"SELECT _request, count(*) FROM {quoted(known.stored_as)}"
                f" WHERE _record IS NULL AND _request IN ({self._numbers}) GROUP BY 1",
                (json.dumps(list(requests)),),
            )
        )

    # --- writing --------------------------------------------------------------------------------------------------
    def write(self, raw: Transaction, outcomes: Iterable[Outcome]) -> None:
        """Inside a transaction: store what the next crawl may know; the row of an unchanged page moves here."""
        rows: dict[int, tuple[Any, ...]] = {}
        for one in outcomes:
            visit, request = one.visit, one.request.id
            if visit is None:
                continue
            rows[request] = (
                request,
                visit.checked_at,
                visit.etag or None,
                visit.modified or None,
                visit.caching or None,
                visit.vary or None,
                visit.code,
                visit.session,
                _counts(tuple(visit.items.items())) if visit.items else None,
                _counts(tuple(visit.records.items())) if visit.records else None,
                visit.links or None,
                self._cipher.seal(visit.others, place_of_visit(request)) if visit.others else None,
            )
        ready, dialect = list(rows.values()), self._db.dialect
        while ready:
            size = batch_size(len(ready), dialect)
            portion, ready = ready[:size], ready[size:]
            portion += [portion[-1]] * (size - len(portion))  # the same row once more replaces itself
            written, given = dialect.many(_TYPES, [value for row in portion for value in row])
            raw.execute(self._head + written + self._tail, given)

    def carry(self, raw: Transaction, run: RunRow, now: float, outcomes: Iterable[Outcome]) -> int:
        """Inside a transaction: make what unchanged pages gave before count for this crawl, too.

        Records need nothing: what a page lists counts in every crawl that has seen the page.

        Returns:
            How many items without a key that is.
        """
        pairs: dict[str, list[tuple[int, int]]] = {}
        moved: list[tuple[int, int]] = []
        for one in outcomes:
            if one.unchanged is None:
                continue
            pair = one.unchanged.request, one.request.id
            moved.append(pair)
            for table in one.unchanged.items:
                pairs.setdefault(table, []).append(pair)
        if not moved:
            return 0
        raw.executemany("DELETE FROM crawl_visits WHERE request = ?", [(old,) for old, _ in moved])
        self._bodies.carry(raw, now, moved)
        return sum(self._carry_items(raw, run, now, table, some) for table, some in pairs.items())

    def _carry_items(
        self, raw: Transaction, run: RunRow, now: float, table: str, pairs: Sequence[tuple[int, int]]
    ) -> int:
        known = self._tables.load(table)
        if known is None:
            return 0
        rest = ["_types", "_more", *(column for column, _ in known.columns.values())]
        head, tail = self._db.dialect.replace(known.stored_as, [*OURS, *rest], ("_request", "_position"))
        return raw.execute(
            f"{head}SELECT ?, t._url, ?, j.new, t._position, ?, ?,"
            f" {', '.join(map(quoted, rest))} FROM {self._pairs} j JOIN {quoted(known.stored_as)} t"
            f" ON t._request = j.old AND t._record IS NULL WHERE true{tail}",
            (run.id, now, run.frontier, run.spider, json.dumps(pairs)),
        ).rowcount


@lru_cache(maxsize=256)
def _counts(tables: tuple[tuple[str, int], ...]) -> str:
    """Tables and the number of items in each; nearly all pages of a crawl give the same."""
    return json.dumps(dict(tables))


def _lasting(extras: str) -> dict[str, Any]:
    """The extras of a request that affect the page, or what is made of it: not how old it may be."""
    found: dict[str, Any] = json.loads(extras) if extras else {}
    found.pop("max_age", None)
    return found

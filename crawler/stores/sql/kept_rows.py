"""Kept pages with what is stored for them: for parsing them again, and for storing what is then found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import Found, KeptPage, Leased, Outcome, Verdict
from crawler.stores.base import Cipher, RunRow
from crawler.stores.driver import Driver
from crawler.stores.rows import FETCHED_AGAIN, unescape
from crawler.stores.sealed import place_of_request
from crawler.stores.sql.found_rows import count
from crawler.stores.sql.item_tables import OURS
from crawler.stores.sql.page_commit import PageCommit, address
from crawler.stores.sql.result_rows import ResultRows
from crawler.stores.sql.taking_back import TakingBack
from crawler.stores.told_pages import Kept, KeptCrawl, KnownPage, StoredItem

_PORTION = 200
_KEPT = """SELECT r.id, r.url, s.name, coalesce(r.session_name, l.session), r.callback, r.priority, r.depth, r.extras,
r.fingerprint, b.at FROM crawl_requests r JOIN crawl_bodies b ON b.request = r.id JOIN crawl_lanes l ON l.id = r.lane
JOIN crawl_slots s ON s.id = l.slot WHERE r.frontier = ? AND r.state = 2 AND r.id > ? ORDER BY r.id LIMIT ?"""


class KeptRows:
    """Reading kept pages again."""

    def __init__(
        self, driver: Driver, cipher: Cipher, results: ResultRows, commits: PageCommit, taking_back: TakingBack
    ) -> None:
        self._db, self._cipher, self._results, self._commits = driver, cipher, results, commits
        self._taking_back, self._to = taking_back, commits.written
        self._numbers, self._texts = driver.dialect.numbers(), driver.dialect.texts()

    def body(self, request: int) -> bytes | None:
        """The kept body of a request's page, or None."""
        page = self.page(request)
        return page.body if page is not None else None

    def page(self, request: int) -> KeptPage | None:
        """The kept page of a request, or None."""
        return next((page for _, page in self._to.bodies.pages("b.request = ?", (request,))), None)

    def all(self, frontier: int) -> Iterator[Kept]:
        """The kept pages of a frontier that are done, in the order in which their requests were found."""
        links = self._links_of(frontier)
        last = 0
        while rows := self._db.read(_KEPT, (frontier, last, _PORTION)):
            last = rows[-1][0]
            ids = json.dumps([row[0] for row in rows])
            pages = dict(self._to.bodies.pages(f"b.request IN ({self._numbers})", (ids,)))
            found = [self._kept_one(frontier, row, pages[row[0]]) for row in rows]
            self._fill(frontier, {each.request.id: each for each in found}, ids)
            for each in found:
                each.links = links.get(each.request.id, set())
                yield each

    def _links_of(self, frontier: int) -> dict[int, set[bytes]]:
        found: dict[int, set[bytes]] = {}
        for parent, mark in self._db.read(
            "SELECT parent, fingerprint FROM crawl_requests WHERE frontier = ? AND parent > 0", (frontier,)
        ):
            found.setdefault(parent, set()).add(mark)
        return found

    def _kept_one(self, frontier: int, row: Sequence[Any], page: KeptPage) -> Kept:
        number, url, slot, session, callback, priority, depth, sealed, mark, at = row
        readable, extras = True, ""
        if sealed:
            try:
                extras = self._cipher.open(sealed, place_of_request(frontier, mark))
            except SessionError:
                readable = False
        request = Leased(
            id=number,
            url=url,
            slot=slot,
            session=session,
            callback=callback,
            priority=priority,
            depth=depth,
            extras=extras,
            attempt=0,
            send_at=0.0,
            token=0,
            fingerprint=mark,
        )
        return Kept(request, page if readable else None, at=at)

    def _fill(self, frontier: int, kept: dict[int, Kept], ids: str) -> None:
        """Fill in what is stored for these pages."""
        for name, row in self._results.of_requests(ids):
            fields = {field: value for field, value in row.items() if field not in OURS}
            kept[row["_request"]].items.append(StoredItem(name, fields))
        for request, kind, record, key, shape in self._db.read(
            "SELECT r.id, k.name, e.id, e.key, h.fields FROM crawl_frontiers f JOIN crawl_record_scopes c"
            " ON c.spider = f.spider AND c.args = f.args JOIN crawl_requests r ON r.frontier = f.id"
            " JOIN crawl_record_pages p ON p.scope = c.id AND p.fingerprint = r.fingerprint"
            " JOIN crawl_sightings s ON s.page = p.id AND s.dropped = 0 JOIN crawl_records e ON e.id = s.record"
            " JOIN crawl_record_kinds k ON k.id = e.kind JOIN crawl_shapes h ON h.id = s.shape"
            f" WHERE f.id = ? AND r.id IN ({self._numbers})",
            (frontier, ids),
        ):
            values = self._to.records.fields(unescape(kind), record)
            names = [unescape(name) for name in json.loads(shape)]
            kept[request].items.append(
                StoredItem(unescape(kind), {name: values.get(name) for name in names}, unescape(key))
            )
        for request, number in self._db.read(
            f"SELECT request, count(*) FROM crawl_rejected WHERE request IN ({self._numbers}) GROUP BY 1",
            (ids,),
        ):
            kept[request].rejected = number

    def known(self, urls: Sequence[str]) -> list[KnownPage]:
        """All requests for one of these URLs, newest first. Looks at every request that is stored."""
        rows = self._db.read(
            "SELECT r.id, f.spider, f.id, u.state, coalesce(r.session_name, u.session),"
            " CASE WHEN r.state >= 2 THEN r.sent_at ELSE 0 END,"
            " coalesce(r.error, nullif(r.rule, ?), ''), coalesce(v.etag, ''), coalesce(v.modified, ''), c.size"
            " FROM crawl_requests r JOIN crawl_urls u ON u.id = r.id JOIN crawl_frontiers f ON f.id = r.frontier"
            " LEFT JOIN crawl_visits v ON v.request = r.id LEFT JOIN crawl_bodies b ON b.request = r.id"
            " LEFT JOIN crawl_contents c ON c.id = b.content"
            f" WHERE r.url IN ({self._texts}) ORDER BY r.id DESC",
            (FETCHED_AGAIN, json.dumps(list(urls))),
        )
        return [KnownPage(*row) for row in rows]

    def by_crawl(self, spider: str | None = None) -> list[KeptCrawl]:
        """How much is kept, crawl by crawl, oldest first."""
        rows = self._db.read(
            "SELECT f.spider, f.id, count(*), sum(length(c.body)) FROM crawl_bodies b"
            " JOIN crawl_requests r ON r.id = b.request JOIN crawl_frontiers f ON f.id = r.frontier"
            f" JOIN crawl_contents c ON c.id = b.content{' WHERE f.spider = ?' if spider is not None else ''}"
            " GROUP BY f.spider, f.id ORDER BY f.id",
            (spider,) if spider is not None else (),
        )
        return [KeptCrawl(name, crawl, pages, int(size)) for name, crawl, pages, size in rows]

    def size(self) -> int:
        """Bytes of all that is kept, as it is stored."""
        return int(self._db.read("SELECT coalesce(sum(length(body)), 0) FROM crawl_contents")[0][0])

    def prune(self, crawls: Sequence[int], *, before: float) -> tuple[int, int]:
        """Remove what these crawls have kept; see `stores.base_results.KeptStore`."""
        pages = size_bytes = 0
        while True:
            removed, freed = self._to.bodies.remove_some(crawls, before, _PORTION)
            pages, size_bytes = pages + removed, size_bytes + freed
            if removed < _PORTION:
                return pages, size_bytes

    def take(self, run: RunRow, pages: Sequence[tuple[Found, KeptPage]]) -> int:
        """Put pages fetched elsewhere into a crawl, as done and kept. Returns how many were new to it."""
        now, frontier = self._db.now(), run.frontier
        with self._db.write() as raw:
            self._to.found.add(raw, frontier, [found for found, _ in pages])
            taken: list[Outcome] = []
            for found, page in pages:
                row = raw.execute(
                    "UPDATE crawl_requests SET state = 2, sent_at = ?"
                    " WHERE frontier = ? AND fingerprint = ? AND state = 0 RETURNING id",
                    (now, frontier, found.fingerprint),
                ).fetchall()
                for (number,) in row:
                    leased = Leased(
                        number,
                        found.url,
                        found.slot,
                        found.session,
                        found.callback,
                        found.priority,
                        found.depth,
                        found.extras,
                        attempt=0,
                        send_at=now,
                        token=0,
                    )
                    size = len(page.body)
                    taken.append(Outcome(leased, Verdict.ACCEPT, status=page.status, size_bytes=size, page=page))
            self._to.bodies.write(raw, now, [(one.request.id, one.page) for one in taken if one.page is not None])
            self._commits.log_pages(raw, run.id, now, taken)
            count(raw, frontier, done=len(taken), pages=len(taken))
        return len(taken)

    def rewrite(self, run: RunRow, outcomes: Sequence[Outcome]) -> None:
        """Replace what is stored for kept pages with what was found in them, whole pages in one transaction."""
        if not outcomes:
            return
        now, frontier = self._db.now(), run.frontier
        with self._db.write() as raw:
            ids = json.dumps([one.request.id for one in outcomes])
            changes = {"items": -self._taking_back.remove(raw, f"id IN ({self._numbers})", (ids,))}
            items = [
                (address(run, now, one, position), item)
                for one in outcomes
                for position, item in enumerate(one.items)
                if not item.key
            ]
            changes["items"] += self._to.items.write(raw, items) if items else 0
            changes["items"] += self._to.records.write(raw, run, now, outcomes)
            self._to.rejected.write(raw, run, now, outcomes)
            found = {each.fingerprint: each for one in outcomes for each in one.found}
            if found:
                changes["waiting_or_leased"], changes["skipped"] = self._to.found.add(raw, frontier, found.values())
            count(raw, frontier, **changes)

"""Kept pages with what is stored of them: for reading them again, and for putting in what is found then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import Found, Leased, Outcome, Page, Verdict
from crawler.stores.base import RunRow
from crawler.stores.rows import FETCHED_AGAIN, unescape
from crawler.stores.sealed import place_of_request
from crawler.stores.sqlite_commit import CommitPart, address
from crawler.stores.sqlite_items import OURS
from crawler.stores.told_pages import Kept, KnownPage, StoredItem

_PORTION = 200
_KEPT = """SELECT r.id, r.url, s.name, coalesce(r.session_name, l.session), r.callback, r.priority, r.depth, r.extras,
r.fingerprint, b.at FROM crawl_requests r JOIN crawl_bodies b ON b.request = r.id JOIN crawl_lanes l ON l.id = r.lane
JOIN crawl_slots s ON s.id = l.slot WHERE r.frontier = ? AND r.state = 2 AND r.id > ? ORDER BY r.id LIMIT ?"""


class KeptPart(CommitPart):
    """Reading kept pages again."""

    def kept(self, frontier: int) -> Iterator[Kept]:
        """The kept pages of a frontier that are done, in the order in which their requests were found."""
        links = self._links_of(frontier)
        last = 0
        while rows := self._connection.read(_KEPT, (frontier, last, _PORTION)):
            last = rows[-1][0]
            ids = json.dumps([row[0] for row in rows])
            pages = dict(self._pages("b.request IN (SELECT value FROM json_each(?))", (ids,)))
            found = [self._kept_one(frontier, row, pages[row[0]]) for row in rows]
            self._fill(frontier, {each.request.id: each for each in found}, ids)
            for each in found:
                each.links = links.get(each.request.id, set())
                yield each

    def _links_of(self, frontier: int) -> dict[int, set[bytes]]:
        found: dict[int, set[bytes]] = {}
        for parent, mark in self._connection.read(
            "SELECT parent, fingerprint FROM crawl_requests WHERE frontier = ? AND parent > 0", (frontier,)
        ):
            found.setdefault(parent, set()).add(mark)
        return found

    def _kept_one(self, frontier: int, row: Sequence[Any], page: Page) -> Kept:
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
        """Put in what is stored of these pages."""
        raw = self._connection.raw
        for (name,) in self._connection.read("SELECT name FROM crawl_tables ORDER BY rowid"):
            known = self._load_table(raw, unescape(name))
            condition = " AND _request IN (SELECT value FROM json_each(?))"
            for row in self._items(known, condition, (ids,)) if known is not None else ():
                fields = {field: value for field, value in row.items() if field not in OURS}
                kept[row["_request"]].items.append(StoredItem(unescape(name), fields))
        for request, kind, record, key, shape in self._connection.read(
            "SELECT r.id, k.name, e.id, e.key, h.fields FROM crawl_frontiers f JOIN crawl_record_scopes c"
            " ON c.spider = f.spider AND c.args = f.args JOIN crawl_requests r ON r.frontier = f.id"
            " JOIN crawl_record_pages p ON p.scope = c.id AND p.fingerprint = r.fingerprint"
            " JOIN crawl_sightings s ON s.page = p.id AND s.dropped = 0 JOIN crawl_records e ON e.id = s.record"
            " JOIN crawl_record_kinds k ON k.id = e.kind JOIN crawl_shapes h ON h.id = s.shape"
            " WHERE f.id = ? AND r.id IN (SELECT value FROM json_each(?))",
            (frontier, ids),
        ):
            values = self._record_fields(raw, unescape(kind), record)
            names = [unescape(name) for name in json.loads(shape)]
            kept[request].items.append(
                StoredItem(unescape(kind), {name: values.get(name) for name in names}, unescape(key))
            )
        for request, count in self._connection.read(
            "SELECT request, count(*) FROM crawl_rejected WHERE request IN (SELECT value FROM json_each(?)) GROUP BY 1",
            (ids,),
        ):
            kept[request].rejected = count

    def known_pages(self, urls: Sequence[str]) -> list[KnownPage]:
        """All requests for one of these URLs, newest first. Looks at every request that is stored."""
        rows = self._connection.read(
            "SELECT r.id, f.spider, f.id, u.state, coalesce(r.session_name, u.session),"
            " CASE WHEN r.state >= 2 THEN r.sent_at ELSE 0 END,"
            " coalesce(r.error, nullif(r.rule, ?), ''), coalesce(v.etag, ''), coalesce(v.modified, ''), c.size"
            " FROM crawl_requests r JOIN crawl_urls u ON u.id = r.id JOIN crawl_frontiers f ON f.id = r.frontier"
            " LEFT JOIN crawl_visits v ON v.request = r.id LEFT JOIN crawl_bodies b ON b.request = r.id"
            " LEFT JOIN crawl_contents c ON c.id = b.content"
            " WHERE r.url IN (SELECT value FROM json_each(?)) ORDER BY r.id DESC",
            (FETCHED_AGAIN, json.dumps(list(urls))),
        )
        return [KnownPage(*row) for row in rows]

    def known_among(self, frontier: int, marks: Sequence[bytes]) -> set[bytes]:
        """Those of these fingerprints that the frontier has."""
        found: set[bytes] = set()
        for start in range(0, len(marks), _PORTION):
            portion = marks[start : start + _PORTION]
            holes = ",".join("?" * len(portion))
            found.update(
                row[0]
                for row in self._connection.read(
                    f"SELECT fingerprint FROM crawl_requests WHERE frontier = ? AND fingerprint IN ({holes})",
                    (frontier, *portion),
                )
            )
        return found

    def urls_of(self, frontier: int, marks: Sequence[bytes]) -> list[str]:
        """The URLs of requests of a frontier, by their fingerprints."""
        holes = ",".join("?" * min(len(marks), _PORTION))
        return [
            row[0]
            for row in self._connection.read(
                f"SELECT url FROM crawl_requests WHERE frontier = ? AND fingerprint IN ({holes}) ORDER BY id",
                (frontier, *marks[:_PORTION]),
            )
        ]

    def take_pages(self, run: RunRow, pages: Sequence[tuple[Found, Page]]) -> int:
        """Put pages that somebody else has fetched into a crawl, as done and kept. Returns how many were new to it."""
        now, frontier = self._clock(), run.frontier
        with self._connection.write() as raw:
            self._add_found(raw, frontier, [found for found, _ in pages])
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
            self._write_pages(raw, now, [(one.request.id, one.page) for one in taken if one.page is not None])
            self._log_pages(raw, run.id, now, taken)
            self._count(raw, frontier, done=len(taken), pages=len(taken))
        return len(taken)

    def rewrite(self, run: RunRow, outcomes: Sequence[Outcome]) -> None:
        """Put what was found in kept pages in the place of what is stored of them, whole pages in one transaction."""
        if not outcomes:
            return
        now, frontier = self._clock(), run.frontier
        with self._connection.write() as raw:
            ids = json.dumps([one.request.id for one in outcomes])
            changes = {"items": -self._remove_items(raw, "id IN (SELECT value FROM json_each(?))", (ids,))}
            items = [
                (address(run, now, one, position), item)
                for one in outcomes
                for position, item in enumerate(one.items)
                if not item.key
            ]
            changes["items"] += self._write_items(raw, items) if items else 0
            changes["items"] += self._write_records(raw, run, now, outcomes)
            self._write_rejected(raw, run, now, outcomes)
            found = {each.fingerprint: each for one in outcomes for each in one.found}
            if found:
                changes["waiting_or_leased"], changes["skipped"] = self._add_found(raw, frontier, found.values())
            self._count(raw, frontier, **changes)

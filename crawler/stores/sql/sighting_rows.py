"""Pages that list records, and their sightings; see `table_texts` for what the tables mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crawler.outcome import Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.records import is_partial
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Transaction
from crawler.stores.rows import escape
from crawler.stores.sql.item_rows import Address


class Said(NamedTuple):
    """The context in which something is said about records, in an open transaction.

    Attributes:
        request: The request whose page says it; 0 at the end of a crawl.
    """

    raw: Transaction
    run: RunRow
    now: float
    request: int
    url: str

    def address(self, record: int) -> Address:
        """Its position distinguishes a record from items without a key and other records, whichever page wrote it."""
        return self.run.id, self.url, self.now, self.request, -record, self.run.frontier, self.run.spider


Sighting = tuple[bytes | None, int, bool]  #: hash, shape, whether it was dropped


@quick_dataclass(frozen=False)
class ListingPage:
    """A page that lists records, or did so before.

    Attributes:
        sightings: By record, including what is written meanwhile.
    """

    id: int
    outcome: Outcome
    partial: bool
    sightings: dict[int, Sighting]

    def said(self, record: int) -> bytes | None:
        """What it said about a record when it was last read, as a hash."""
        found = self.sightings.get(record)
        return found[0] if found is not None else None


class SightingRows:
    """Which pages list which records."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        self._numbers = driver.dialect.numbers()
        self._scopes: dict[tuple[str, str], int] = {}
        self._shapes: dict[tuple[str, ...], int] = {}
        for cache in (self._scopes, self._shapes):
            driver.on_rollback.append(cache.clear)

    def listing_pages(self, raw: Transaction, scope: int, ended: Sequence[Outcome]) -> dict[int, ListingPage]:
        """Request to page, for those that were read and list records, or did so before."""
        read = {one.request.id: one for one in ended if one.verdict is Verdict.ACCEPT}
        if not read:
            return {}
        found = raw.execute(
            "SELECT r.id, r.fingerprint, r.depth, r.parent, p.id, p.parent, p.depth, p.partial, p.nameless, o.id"
            " FROM crawl_requests r LEFT JOIN crawl_requests q ON q.id = r.parent"
            " LEFT JOIN crawl_record_pages p ON p.scope = :scope AND p.fingerprint = r.fingerprint"
            " LEFT JOIN crawl_record_pages o ON o.scope = :scope AND o.fingerprint = q.fingerprint"
            f" WHERE r.id IN ({self._db.dialect.numbers(':read')})",
            {"scope": scope, "read": json.dumps(list(read))},
        ).fetchall()
        pages: dict[int, ListingPage] = {}
        for request, fingerprint, depth, parent, number, had_parent, had_depth, was_partial, usual, above in found:
            one = read[request]
            nameless = sum(not each.key for each in one.rejected)
            partial = is_partial(one.warnings) or (number is not None and nameless > usual)
            if one.unchanged is not None:
                nameless, partial = usual or 0, bool(was_partial)
            if number is None and not any(item.key for item in one.items):
                continue
            above = above or self._page_of(raw, scope, parent)
            if number is None:
                number = self._make_page(raw, scope, fingerprint, above, depth)
                usual = nameless + 1  # written below
            if (had_parent, had_depth, bool(was_partial)) != (above, depth, partial) or nameless < usual:
                raw.execute(
                    "UPDATE crawl_record_pages SET parent = ?, depth = ?, partial = ?, nameless = ? WHERE id = ?",
                    (above, depth, int(partial), min(usual, nameless), number),
                )
            pages[request] = ListingPage(number, one, partial, {})
        by_number = {page.id: page for page in pages.values()}
        for number, record, mark, shape, dropped in raw.execute(
            f"SELECT page, record, hash, shape, dropped FROM crawl_sightings WHERE page IN ({self._numbers})",
            (json.dumps(list(by_number)),),
        ).fetchall():
            by_number[number].sightings[record] = (mark, shape, bool(dropped))
        return pages

    def _page_of(self, raw: Transaction, scope: int, request: int) -> int:
        """The page that *request* of this crawl is for, created with those above it if missing; 0 for none."""
        path: list[tuple[bytes, int]] = []
        above = 0
        while request:
            row = raw.execute(
                "SELECT r.fingerprint, r.depth, r.parent, p.id FROM crawl_requests r LEFT JOIN crawl_record_pages p"
                " ON p.scope = ? AND p.fingerprint = r.fingerprint WHERE r.id = ?",
                (scope, request),
            ).fetchone()
            if row is None:
                break
            fingerprint, depth, request, number = row
            if number is not None:
                above = number
                break
            path.append((fingerprint, depth))
        for fingerprint, depth in reversed(path):
            above = self._make_page(raw, scope, fingerprint, above, depth)
        return above

    def _make_page(self, raw: Transaction, scope: int, fingerprint: bytes, above: int, depth: int) -> int:
        number = raw.execute(
            "INSERT INTO crawl_record_pages (scope, fingerprint, parent, depth) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (scope, fingerprint) DO UPDATE SET parent = excluded.parent RETURNING id",
            (scope, fingerprint, above, depth),
        ).fetchone()[0]
        return int(number)

    def sight(self, said: Said, page: ListingPage, record: int, sighting: Sighting) -> None:
        """Note that the page lists the record; nothing is written where it did so before, with the same words."""
        if page.sightings.get(record) == sighting:
            return
        said.raw.execute(
            "INSERT INTO crawl_sightings (page, record, hash, shape, request) VALUES (?, ?, ?, ?, ?) ON CONFLICT"
            " (page, record) DO UPDATE SET hash = excluded.hash, shape = excluded.shape, dropped = 0",
            (page.id, record, *sighting[:2], said.request),
        )
        page.sightings[record] = sighting

    def fields_given(self, raw: Transaction, record: int, *, but: int = 0) -> set[str]:
        """The fields, escaped, given by the pages that list a record now."""
        rows = raw.execute(
            "SELECT fields FROM crawl_shapes WHERE id IN (SELECT shape FROM crawl_sightings WHERE record = ?"
            " AND dropped = 0 AND page <> ?)",
            (record, but),
        ).fetchall()
        return {name for (text,) in rows for name in json.loads(text)}

    def scope(self, raw: Transaction, spider: str, args: str, *, make: bool) -> int | None:
        """The number of a spider with its arguments; None where no record of it is known."""
        number = self._scopes.get((spider, args))
        if number is None:
            if make:
                raw.execute(
                    "INSERT INTO crawl_record_scopes (spider, args) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (spider, args),
                )
            row = raw.execute(
                "SELECT id FROM crawl_record_scopes WHERE spider = ? AND args = ?", (spider, args)
            ).fetchone()
            if row is None:
                return None
            number = self._scopes[spider, args] = int(row[0])
        return number

    def shape(self, raw: Transaction, fields: Iterable[str]) -> int:
        names = tuple(sorted(map(escape, fields)))
        number = self._shapes.get(names)
        if number is None:
            text = json.dumps(names)
            raw.execute("INSERT INTO crawl_shapes (fields) VALUES (?) ON CONFLICT DO NOTHING", (text,))
            number = int(raw.execute("SELECT id FROM crawl_shapes WHERE fields = ?", (text,)).fetchone()[0])
            if len(self._shapes) > 500:
                self._shapes.clear()
            self._shapes[names] = number
        return number

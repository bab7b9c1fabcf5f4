"""The end of a complete crawl: which records are gone. One transaction, which may be repeated and then does nothing.

The engine decides whether the run ended well enough; whether no request is open, and none failed except those whose
page is not there, is checked here, in the same transaction. What a page that is no longer there proves is decided by
`crawler.records.conclusive`.
"""

from __future__ import annotations

import json

from crawler.outcome import State
from crawler.records import Asked, Unmet, conclusive, is_missing
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Transaction, quoted
from crawler.stores.sql.record_rows import RecordRows
from crawler.stores.sql.sighting_rows import Said, SightingRows

_LED_ELSEWHERE = "duplicate: "  # rule of a request whose redirect led to a page that is crawled anyway


class GoneRecords:
    """Records that a complete crawl did not meet."""

    def __init__(self, driver: Driver, records: RecordRows, sightings: SightingRows) -> None:
        self._db, self._records, self._sightings = driver, records, sightings
        self._numbers = driver.dialect.numbers()

    def settle(self, run: RunRow) -> Unmet | None:
        """Mark what is gone, where the crawl of *run* is complete; see `RecordStore.settle`."""
        if self._db.one("SELECT 1 FROM crawl_record_scopes WHERE spider = ?", (run.spider,)) is None:
            return None
        with self._db.write() as raw:
            scope = self._sightings.scope(raw, run.spider, run.args, make=False)
            if scope is None or not self._is_complete(raw, run.frontier):
                return None
            return self._settle(raw, run, scope)

    def _is_complete(self, raw: Transaction, frontier: int) -> bool:
        (open_requests,) = raw.execute(
            "SELECT waiting_or_leased + parked FROM crawl_frontiers WHERE id = ?", (frontier,)
        ).fetchone()
        failed = raw.execute(
            "SELECT coalesce(error, '') FROM crawl_requests WHERE frontier = ? AND state = 3 AND state >= 3",
            (frontier,),
        )
        return not open_requests and all(is_missing(error) for (error,) in failed.fetchall())

    def _settle(self, raw: Transaction, run: RunRow, scope: int) -> Unmet:
        proves = conclusive(*self._not_read(raw, run.frontier, scope))
        seen = raw.execute(
            "SELECT s.page, s.record, s.shape FROM crawl_sightings s JOIN crawl_record_pages p ON p.id = s.page"
            " LEFT JOIN crawl_requests r ON r.frontier = ? AND r.fingerprint = p.fingerprint"
            " WHERE p.scope = ? AND (s.dropped = 1 OR coalesce(r.state, -1) <> 2)",
            (run.frontier, scope),
        ).fetchall()
        over = [(page, record, shape) for page, record, shape in seen if proves(page)]
        if over:
            pairs = json.dumps([pair[:2] for pair in over])
            raw.execute(
                "DELETE FROM crawl_sightings WHERE (page, record) IN"
                f" (SELECT j.page, j.record FROM {self._db.dialect.rows({'page': 'integer', 'record': 'integer'})} j)",
                (pairs,),
            )
            self._mark_gone(raw, run, sorted({record for _, record, _ in over}))
            for _, record, shape in over:
                self._records.clear_fields(Said(raw, run, self._db.now(), 0, ""), record, shape)
        raw.execute(
            "DELETE FROM crawl_record_pages WHERE scope = :scope AND NOT EXISTS (SELECT 1 FROM crawl_requests r"
            " WHERE r.frontier = :frontier AND r.fingerprint = crawl_record_pages.fingerprint)"
            " AND NOT EXISTS (SELECT 1 FROM crawl_sightings s WHERE s.page = crawl_record_pages.id)"
            " AND id NOT IN (SELECT parent FROM crawl_record_pages WHERE scope = :scope)",
            {"scope": scope, "frontier": run.frontier},
        )
        return self._unmet(raw, run, scope, sorted({record for page, record, _ in seen if not proves(page)}))

    def _unmet(self, raw: Transaction, run: RunRow, scope: int, records: list[int]) -> Unmet:
        """Those of *records*, which pages list that were not read, that no page which was read lists."""
        count, record = raw.execute(
            f"SELECT count(*), min(id) FROM crawl_records WHERE gone IS NULL AND id IN ({self._numbers})"
            " AND NOT EXISTS (SELECT 1 FROM crawl_sightings s JOIN crawl_record_pages p ON p.id = s.page"
            " JOIN crawl_requests r ON r.frontier = ? AND r.fingerprint = p.fingerprint"
            " WHERE s.record = crawl_records.id AND s.dropped = 0 AND p.scope = ? AND r.state = 2)",
            (json.dumps(records), run.frontier, scope),
        ).fetchone()
        if not count:
            return Unmet()
        kind, key = raw.execute(
            "SELECT k.name, r.key FROM crawl_records r JOIN crawl_record_kinds k ON k.id = r.kind WHERE r.id = ?",
            (record,),
        ).fetchone()
        return Unmet(int(count), f"{kind} {key}")

    def _not_read(self, raw: Transaction, frontier: int, scope: int) -> tuple[dict[int, Asked], list[int]]:
        """The pages that were not read in this crawl, and those that were read only in part."""
        rows = raw.execute(
            "SELECT p.id, p.parent, p.depth, p.partial, r.state, r.error, r.rule FROM crawl_record_pages p"
            " LEFT JOIN crawl_requests r ON r.frontier = ? AND r.fingerprint = p.fingerprint"
            " WHERE p.scope = ? AND (p.partial = 1 OR coalesce(r.state, -1) <> 2)",
            (frontier, scope),
        ).fetchall()
        pages = {
            number: Asked(
                parent=parent,
                is_start=depth == 0,
                is_known=state is not None,
                is_missing=(state == State.FAILED and is_missing(error or ""))
                or (state == State.SKIPPED and (rule or "").startswith(_LED_ELSEWHERE)),
            )
            for number, parent, depth, _, state, error, rule in rows
            if state != State.DONE
        }
        return pages, [row[0] for row in rows if row[4] == State.DONE]

    def _mark_gone(self, raw: Transaction, run: RunRow, records: list[int]) -> None:
        """Mark those of *records* that no page lists any more as gone."""
        gone = [
            row[0]
            for row in raw.execute(
                f"SELECT id FROM crawl_records WHERE gone IS NULL AND id IN ({self._numbers})"
                " AND NOT EXISTS (SELECT 1 FROM crawl_sightings s WHERE s.record = crawl_records.id)",
                (json.dumps(records),),
            ).fetchall()
        ]
        if not gone:
            return
        chosen = json.dumps(gone)
        raw.execute(f"UPDATE crawl_records SET gone = ? WHERE id IN ({self._numbers})", (run.frontier, chosen))
        for (stored_in,) in raw.execute(
            "SELECT DISTINCT stored_in FROM crawl_record_kinds WHERE spider = ?", (run.spider,)
        ).fetchall():
            raw.execute(
                f"UPDATE {quoted(stored_in)} SET _gone = ? WHERE _record IN ({self._numbers})",
                (run.frontier, chosen),
            )
        raw.execute(
            "INSERT INTO crawl_changes (crawl, run, record, at, kind)"
            f" SELECT ?, ?, id, ?, 'gone' FROM crawl_records WHERE id IN ({self._numbers}) ORDER BY id",
            (run.frontier, run.id, self._db.now(), chosen),
        )

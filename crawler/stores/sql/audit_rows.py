"""The audit: every request ever found is done, failed with a reason, skipped with a rule, parked or waiting, and the
sums of frontier, page log and results match.

Everything is counted anew from the rows; counters that commits keep for speed are not trusted.
"""

from __future__ import annotations

from collections.abc import Iterator

from crawler.outcome import State
from crawler.stores.driver import Driver, quoted
from crawler.stores.sql.frontier_rows import FrontierRows
from crawler.stores.sql.report_rows import ReportRows
from crawler.stores.sql.result_rows import ResultRows
from crawler.stores.told import Audit, Counts


class AuditRows:
    """Recounting."""

    def __init__(self, driver: Driver, frontier: FrontierRows, results: ResultRows, reports: ReportRows) -> None:
        self._db, self._frontier, self._results, self._reports = driver, frontier, results, reports

    def audit(self, frontier: int) -> Audit:
        """Recount everything about a frontier; takes seconds per million requests.

        Raises:
            StoreError: The database cannot be read.
        """
        counts = self._frontier.counts(frontier)
        problems = [
            *self._db.damage(),
            *self._counter_problems(frontier, counts),
            *self._reason_problems(frontier),
            *self._page_problems(frontier, counts),
            *self._item_problems(frontier, counts),
            *self._record_problems(),
        ]
        return Audit(counts, self._reports.failed_by(frontier), self._frontier.skipped_by(frontier), tuple(problems))

    def _counter_problems(self, frontier: int, counts: Counts) -> Iterator[str]:
        pruned = self._db.one("SELECT pruned FROM crawl_frontiers WHERE id = ?", (frontier,))
        if pruned is None:
            yield f"there is no frontier {frontier}"
            return
        if pruned[0]:
            return  # its rows were removed on purpose; the counters remain
        rows = self._db.read(
            "SELECT state, count(*) FROM crawl_requests WHERE frontier = ? GROUP BY state", (frontier,)
        )
        found = {State(state): int(count) for state, count in rows}
        for state in State:
            said = getattr(counts, state.name.lower())
            if said != found.get(state, 0):
                yield f"{found.get(state, 0)} requests are {state.name.lower()}, the counter says {said}"
        stuck = self._db.read(
            "SELECT count(*) FROM crawl_requests WHERE frontier = ? AND state = 1 AND lease_until <= ?",
            (frontier, self._db.now()),
        )[0][0]
        if stuck:
            yield f"{stuck} requests are leased although their lease ran out"

    def _reason_problems(self, frontier: int) -> Iterator[str]:
        failed, skipped = self._db.read(
            "SELECT count(CASE WHEN state = 3 AND coalesce(error, '') = '' THEN 1 END),"
            " count(CASE WHEN state = 4 AND coalesce(rule, '') = '' THEN 1 END)"
            " FROM crawl_requests WHERE frontier = ? AND state >= 3",
            (frontier,),
        )[0]
        if failed:
            yield f"{failed} requests failed without a reason"
        if skipped:
            yield f"{skipped} requests were skipped without a rule"

    def _page_problems(self, frontier: int, counts: Counts) -> Iterator[str]:
        accepted = (
            "SELECT request FROM crawl_pages WHERE verdict = 'accept' AND run IN"
            " (SELECT id FROM crawl_runs WHERE frontier = ?)"
        )
        lines = self._db.read(f"SELECT count(*) FROM ({accepted}) a", (frontier,))[0][0]
        if lines != counts.pages:
            yield f"the page log holds {lines} accepted pages, the counter says {counts.pages}"
        unlogged = self._db.read(
            f"SELECT count(*) FROM crawl_requests WHERE frontier = ? AND state = 2 AND id NOT IN ({accepted})",
            (frontier, frontier),
        )[0][0]
        if unlogged:
            yield f"{unlogged} requests are done, but the page log does not know them"

    def _item_problems(self, frontier: int, counts: Counts) -> Iterator[str]:
        pruned = self._db.read("SELECT coalesce(max(pruned), 0) FROM crawl_frontiers WHERE id = ?", (frontier,))
        total = 0
        for name, stored_as in self._db.read("SELECT name, stored_as FROM crawl_tables"):
            items = (
                f"{quoted(stored_as)} WHERE _record IS NULL AND _run IN (SELECT id FROM crawl_runs WHERE frontier = ?)"
            )
            total += self._db.read(f"SELECT count(*) FROM {items}", (frontier,))[0][0]
            doubled = self._db.read(
                f"SELECT count(*) FROM (SELECT 1 FROM {items} GROUP BY _request, _position HAVING count(*) > 1) d",
                (frontier,),
            )[0][0]
            if doubled:
                yield f"{doubled} items of {name!r} are stored twice"
            if pruned[0][0]:
                continue
            orphans = self._db.read(
                f"SELECT count(*) FROM {items} AND _request NOT IN"
                " (SELECT id FROM crawl_requests WHERE frontier = ? AND state IN (2, 3, 4))",
                (frontier, frontier),
            )[0][0]
            if orphans:
                yield f"{orphans} items of {name!r} belong to requests that are not done"
        if pruned[0][0]:
            return  # which pages were read, and so what they listed, is no longer known
        total += sum(self._results.records_met(frontier).values())
        if total != counts.items:
            yield f"{total} items are stored, the counter says {counts.items}"

    def _record_problems(self) -> Iterator[str]:
        """Each record has one row in its table, each row its record, and none is both listed and gone."""
        for name, stored_in in self._db.read("SELECT DISTINCT name, stored_in FROM crawl_record_kinds"):
            ids = "SELECT r.id FROM crawl_records r JOIN crawl_record_kinds k ON k.id = r.kind WHERE k.stored_in = ?"
            rows = f"SELECT _record FROM {quoted(stored_in)} WHERE _record IS NOT NULL"
            for one, other, said in (
                (ids, f"{rows} AND ? <> ''", "have no row"),
                (f"{rows} AND ? <> ''", ids, "are rows without a record"),
            ):
                lacking = self._db.read(f"SELECT count(*) FROM ({one} EXCEPT {other}) e", (stored_in, stored_in))[0][0]
                if lacking:
                    yield f"{lacking} records of {name!r} {said}"
            differ = self._db.read(
                f"SELECT count(*) FROM crawl_records r JOIN {quoted(stored_in)} t ON t._record = r.id"
                " WHERE coalesce(t._gone, 0) <> coalesce(r.gone, 0)"
            )[0][0]
            if differ:
                yield f"{differ} records of {name!r} are gone in one table and there in the other"
        both = self._db.read(
            "SELECT count(DISTINCT r.id) FROM crawl_records r JOIN crawl_sightings s ON s.record = r.id"
            " WHERE r.gone IS NOT NULL AND s.dropped = 0"
        )[0][0]
        if both:
            yield f"{both} records are gone, and pages list them"

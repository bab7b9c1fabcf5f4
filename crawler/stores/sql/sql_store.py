"""A store made of the parts in this folder: each is given the parts that it needs, and knows no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crawler.outcome import Outcome
from crawler.stores.base import Cipher, Committed, RunRow
from crawler.stores.driver import Driver, Membership, Outer, Part, Tables
from crawler.stores.sql.answer_rows import AnswerRows
from crawler.stores.sql.audit_rows import AuditRows
from crawler.stores.sql.body_rows import BodyRows
from crawler.stores.sql.caring import Care, RecordHistory
from crawler.stores.sql.change_rows import ChangeRows
from crawler.stores.sql.file_rows import FileRows
from crawler.stores.sql.found_rows import FoundRows, Owners
from crawler.stores.sql.frontier_rows import FrontierRows
from crawler.stores.sql.given_fields import GivenFields
from crawler.stores.sql.gone_records import GoneRecords
from crawler.stores.sql.item_rows import ItemRows
from crawler.stores.sql.item_tables import ItemTables
from crawler.stores.sql.kept_rows import KeptRows
from crawler.stores.sql.lease_rows import LeaseRows
from crawler.stores.sql.login_rows import LoginRows
from crawler.stores.sql.page_commit import PageCommit, PageParts
from crawler.stores.sql.quota_rows import QuotaRows
from crawler.stores.sql.record_rows import RecordRows
from crawler.stores.sql.rejected_rows import RejectedRows
from crawler.stores.sql.reopening import Reopening
from crawler.stores.sql.report_rows import ReportRows
from crawler.stores.sql.resealing import Resealing
from crawler.stores.sql.result_portions import ResultPortions
from crawler.stores.sql.result_rows import ResultRows
from crawler.stores.sql.run_rows import RunRows
from crawler.stores.sql.sample_rows import SampleRows
from crawler.stores.sql.session_rows import SessionRows
from crawler.stores.sql.sighting_rows import SightingRows
from crawler.stores.sql.slot_rows import SlotRows
from crawler.stores.sql.store_copying import CopyParts
from crawler.stores.sql.taking_back import TakingBack
from crawler.stores.sql.value_rows import ValueRows
from crawler.stores.sql.visit_rows import VisitRows
from crawler.stores.sql.worker_rows import WorkerRows


def _as_it_is(part: Part, /) -> Part:
    return part


@dataclass(slots=True, eq=False, repr=False)
class StoreParts:
    """The parts of a store by the names of `stores.base.Store`, each as callers from outside use it."""

    runs: RunRows
    frontier: FrontierRows
    members: WorkerRows
    leases: LeaseRows
    slots: SlotRows
    visits: VisitRows
    sessions: SessionRows
    logins: LoginRows
    quotas: QuotaRows
    values: ValueRows
    files: FileRows
    results: ResultRows
    exports: ResultPortions
    records: RecordHistory
    rejected: RejectedRows
    samples: SampleRows
    kept: KeptRows
    reports: ReportRows
    log: AnswerRows
    care: Care


class SQLStore(StoreParts):
    """`stores.base.Store` on a `Driver`. For one thread at a time."""

    def __init__(
        self,
        driver: Driver,
        cipher: Cipher,
        members: Membership,
        tables: Tables,
        *,
        path: str,
        outer: Outer = _as_it_is,
    ) -> None:
        """Build the parts from the bottom up.

        Args:
            path: What the store is called.
            outer: Wraps a part for callers from outside.
        """
        self.path, self._db, self._members = path, driver, members
        known = ItemTables(driver, tables)
        owners, found = Owners(driver), FoundRows(driver, cipher)
        given = GivenFields(driver)
        items, sightings = ItemRows(driver, known, given), SightingRows(driver)
        records = RecordRows(driver, known, items, sightings)
        taking_back = TakingBack(driver, known, items, records)
        bodies, files, slots, values = BodyRows(driver), FileRows(driver), SlotRows(driver), ValueRows(driver)
        rejected, samples, sessions = RejectedRows(driver), SampleRows(driver, cipher), SessionRows(driver, cipher)
        visits = VisitRows(driver, cipher, known, bodies)
        frontier = FrontierRows(driver, found, Reopening(driver, taking_back, files))
        results, reports = ResultRows(driver, known), ReportRows(driver)
        written = PageParts(found, items, records, visits, rejected, files, sessions, slots, samples, bodies)
        commits = PageCommit(driver, owners, written)
        audit = AuditRows(driver, frontier, results, reports)

        portions = ResultPortions(driver, known, given)
        changes = ChangeRows(driver, known, portions.fields_given)
        super().__init__(
            runs=outer(RunRows(driver, members)),
            frontier=outer(frontier),
            members=outer(WorkerRows(driver)),
            leases=outer(LeaseRows(driver, cipher, owners)),
            slots=outer(slots),
            visits=outer(visits),
            sessions=outer(sessions),
            logins=outer(LoginRows(driver, cipher, members, sessions, values)),
            quotas=outer(QuotaRows(driver)),
            values=outer(values),
            files=outer(files),
            results=outer(results),
            exports=outer(portions),
            records=outer(RecordHistory(GoneRecords(driver, records, sightings), changes)),
            rejected=outer(rejected),
            samples=outer(samples),
            kept=outer(KeptRows(driver, cipher, results, commits, taking_back)),
            reports=outer(reports),
            log=outer(AnswerRows(driver)),
            care=outer(Care(driver, audit, Resealing(driver, cipher))),
        )
        self._commits = outer(commits)
        self.copied = CopyParts(driver, known, items, records)

    @property
    def restarts(self) -> int:
        """How often the database was found to have begun anew; see `stores.base.Store`."""
        return self._db.restarted.times

    def now(self) -> float:
        """The store's clock, seconds since 1970."""
        return self._db.now()

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        """Write whole pages in one transaction; see `stores.base.Store.commit`."""
        return self._commits.commit(run, owner, outcomes)

    def hurry(self) -> None:
        """From now on wait at most a second for other processes: this one was told to end at once."""
        self._db.hurry()

    def close(self) -> None:
        """Release spiders, logins and the database. May be called twice."""
        self._members.close()
        self._db.close()

"""The commit: a group of whole pages in one transaction.

Row states, items, found requests, the page log, changed sessions and pauses are written together or not at all. Leases
are proved by one statement that moves all rows whose owner and token are still ours; only when it moved fewer rows than
there are pages is it undone, and the lost ones are looked for one by one.

In the same transaction the epoch of a page is compared with that of its session: another process may have found the
session lost and logged in anew while this one had the page under way, or was paused with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from crawler.outcome import Found, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import Committed, RunRow
from crawler.stores.driver import PAGES, Driver, Transaction, batch_size
from crawler.stores.policy.committing import ENDING, NEXT, counted, needs_its_epoch, outdated, over, rule_of
from crawler.stores.rows import harmless
from crawler.stores.sql.body_rows import BodyRows
from crawler.stores.sql.file_rows import FileRows
from crawler.stores.sql.found_rows import FoundRows, Owners, count
from crawler.stores.sql.item_rows import Address, ItemRows
from crawler.stores.sql.record_rows import RecordRows
from crawler.stores.sql.rejected_rows import RejectedRows
from crawler.stores.sql.sample_rows import SampleRows
from crawler.stores.sql.session_rows import SessionRows
from crawler.stores.sql.slot_rows import SlotRows
from crawler.stores.sql.visit_rows import VisitRows

_PORTION = 128
_LINES = 64  # most lines in one statement: there is a prepared statement for each number

_MOVE = """UPDATE crawl_requests SET state = v.column3, attempt = attempt + v.column4, not_before = v.column5,
sent_at = v.column6, epoch = v.column7, proven = v.column8, session_name = v.column9, error = v.column10,
rule = v.column11, owner = 0 FROM ("""
_MOVE_END = ") v WHERE crawl_requests.id = v.column1 AND token = v.column2 AND state <= 1 AND owner = ?"
_MOVED = (
    "integer", "integer", "integer", "integer", "real", "real", "integer", "integer", "text", "text", "text",
)  # fmt: skip
_LOG = """INSERT INTO crawl_pages
(run, request, url, final_url, verdict, status, bytes, ms, session, attempt, error, warnings, at) """
_LOGGED = (
    "integer", "integer", "text", "text", "text", "integer", "integer", "real", "text", "integer", "text", "text",
    "real",
)  # fmt: skip


@quick_dataclass
class PageParts:
    """All that a page may bring, each where it is written."""

    found: FoundRows
    items: ItemRows
    records: RecordRows
    visits: VisitRows
    rejected: RejectedRows
    files: FileRows
    sessions: SessionRows
    slots: SlotRows
    samples: SampleRows
    bodies: BodyRows


class PageCommit:
    """Pages, whole."""

    def __init__(self, driver: Driver, owners: Owners, written: PageParts) -> None:
        self._db, self._owners, self.written = driver, owners, written
        self._numbers = driver.dialect.numbers()
        self._in_lanes = driver.dialect.in_lanes
        self._held = (
            f"SELECT id, token FROM crawl_requests WHERE owner = ? AND state <= 1 AND id IN ({self._numbers})"
            f" ORDER BY id{driver.dialect.for_change}"  # others claim alongside us
        )

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        """Write whole pages in one transaction; see `stores.base.Store.commit`."""
        if not outcomes:
            return Committed()
        frontier = run.frontier
        fresh: dict[bytes, Found] = {}
        added = 0
        with self._db.write(_bytes_of(outcomes), beside=PAGES) as raw:
            kept, lost, outdated = self._move(raw, owner, outcomes)
            ending = [one for one in kept if one.verdict in ENDING]
            changes = counted(kept)
            fresh = self.written.found.memory.unknown(frontier, (found for one in ending for found in one.found))
            if fresh:
                added, skipped = self.written.found.add(raw, frontier, fresh.values())
                changes["waiting_or_leased"] += added
                changes["skipped"] += skipped
            now = self._db.now()
            changes["items"] = self._write_results(raw, run, now, ending)
            self.written.files.write(raw, run, now, [one for one in kept if one.file is not None])
            self.log_pages(raw, run.id, now, kept)
            self.written.sessions.write(raw, run.id, [one.session for one in kept if one.session is not None])
            self._write_pauses(raw, kept)
            self.written.samples.write(raw, run, now, [one for one in ending if one.sample is not None])
            self.written.bodies.write(raw, now, [(one.request.id, one.page) for one in ending if one.page is not None])
            count(raw, frontier, **changes)
        self.written.found.memory.learn(frontier, fresh)
        self.written.sessions.written()
        return Committed(lost=lost, outdated=outdated, added=added, items=changes["items"])

    def _write_results(self, raw: Transaction, run: RunRow, now: float, ending: Sequence[Outcome]) -> int:
        """Write what these pages gave. Returns how many items, records that they list included."""
        items = [
            (address(run, now, one, position), item)
            for one in ending
            for position, item in enumerate(one.items)
            if not item.key
        ]
        written = self.written.items.write(raw, items) if items else 0
        written += self.written.visits.carry(raw, run, now, ending) + self.written.records.write(raw, run, now, ending)
        self.written.visits.write(raw, ending)
        self.written.rejected.write(raw, run, now, ending)
        return written

    def _move(
        self, raw: Transaction, owner: str, given: Sequence[Outcome]
    ) -> tuple[Sequence[Outcome], frozenset[int], frozenset[int]]:
        """Give each row its next state: the first step of the transaction.

        A row that waits again because its lease ran out is still ours as long as it has not been claimed.

        Returns:
            The pages that were moved, the ids that are no longer ours (nothing was done to those), and the ids of pages
            that wait again since their login is over.
        """
        outcomes, outdated = self._of_epochs_that_last(raw, given)
        if self._move_all(raw, self._owners.number(raw, owner), outcomes) == len(outcomes):
            return outcomes, frozenset(), outdated
        self._db.again(raw)
        outcomes, outdated = self._of_epochs_that_last(raw, given)
        number = self._owners.number(raw, owner)
        held = set(raw.execute(self._held, (number, json.dumps([one.request.id for one in outcomes]))).fetchall())
        ours = {one.request.id: one for one in outcomes if (one.request.id, one.request.token) in held}
        kept = list(ours.values())
        self._move_all(raw, number, kept)
        return kept, frozenset(one.request.id for one in outcomes) - ours.keys(), outdated & ours.keys()

    def _of_epochs_that_last(
        self, raw: Transaction, outcomes: Sequence[Outcome]
    ) -> tuple[Sequence[Outcome], frozenset[int]]:
        """The pages, and the ids of those that wait again: unproven, and their session has logged in since."""
        asked = {one.session_key for one in outcomes if needs_its_epoch(one)}
        if not asked:
            return outcomes, frozenset()
        keys = ",".join("?" * len(asked))  # at most one per page; a list as JSON takes five times as long
        stored = raw.execute(f"SELECT key, epoch FROM crawl_sessions WHERE version > 0 AND key IN ({keys})", (*asked,))
        epochs = dict(stored.fetchall())
        late = over(outcomes, epochs)
        if not late:
            return outcomes, late
        return [outdated(one) if one.request.id in late else one for one in outcomes], late

    def _move_all(self, raw: Transaction, owner: int, outcomes: Sequence[Outcome]) -> int:
        moved = 0
        for start in range(0, len(outcomes), _PORTION):
            portion = outcomes[start : start + _PORTION]
            size = batch_size(len(portion), self._db.dialect)
            bound: list[Any] = []
            for one in portion:
                state, attempts = NEXT[one.verdict]
                request = one.request
                bound += (
                    request.id,
                    request.token,
                    int(state),
                    attempts * one.tries,
                    one.not_before if one.verdict in (Verdict.RETRY, Verdict.RELEASE) else 0,
                    one.sent_at,
                    one.epoch,
                    1 if one.proven else 0,
                    one.session_name if one.session_name and one.session_name != request.session else None,
                    harmless(one.error) if one.error else None,
                    rule_of(one),
                )
            bound += bound[-len(_MOVED) :] * (size - len(portion))  # a repeated row is moved, and counted, once
            rows, given = self._db.dialect.many(_MOVED, bound)
            lanes = self._db.dialect.lanes(one.request.lane for one in portion)
            moved += raw.execute(f"{_MOVE}{rows}{_MOVE_END}{self._in_lanes}", (*given, owner, *lanes)).rowcount
        return moved

    def log_pages(self, raw: Transaction, run: int, now: float, outcomes: Sequence[Outcome]) -> None:
        """Write a line to the page log for each answer, and for each try without one."""
        bound: list[Any] = []
        count = 0
        for one in outcomes:
            verdict, request = one.verdict, one.request
            if verdict is Verdict.RELEASE or (not one.status and verdict in (Verdict.SKIP, Verdict.PARK)):
                continue  # never sent
            count += 1
            bound += (
                run,
                request.id,
                request.url,
                harmless(one.final_url) if one.final_url and one.final_url != request.url else None,
                verdict.value,
                one.status,
                one.size_bytes,
                one.elapsed_ms,
                one.session_name or request.session,
                request.attempt,
                harmless(one.error) if one.error else None,
                json.dumps(one.warnings) if one.warnings else None,
                one.sent_at or now,
            )
        width = len(_LOGGED)
        for start in range(0, count, _LINES):  # exactly this many: a line to fill up would be a wrong line
            rows, given = self._db.dialect.many(_LOGGED, bound[start * width : (start + _LINES) * width])
            raw.execute(_LOG + rows, given)

    def _write_pauses(self, raw: Transaction, outcomes: Sequence[Outcome]) -> None:
        pauses: dict[str, float] = {}
        for one in outcomes:
            if one.pause_slot_until is not None:
                slot = one.request.slot
                pauses[slot] = max(pauses.get(slot, 0.0), one.pause_slot_until)
        if pauses:
            self.written.slots.pause_all(raw, pauses)


def address(run: RunRow, now: float, outcome: Outcome, position: int) -> Address:
    request = outcome.request
    return run.id, outcome.final_url or request.url, now, request.id, position, run.frontier, run.spider


def _bytes_of(outcomes: Sequence[Outcome]) -> int:
    """About how much a commit writes, for the message of a full disk: changed pages of the file, and bodies."""
    rows = sum(1 + len(one.items) + len(one.found) for one in outcomes)
    return 4096 * rows + sum(len(one.page.body) for one in outcomes if one.page is not None)

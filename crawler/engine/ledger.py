"""The ledger: outcomes on their way into the store, and the counts that follow from them.

Used by the scheduler's thread only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from crawler.engine.file_desk import FileDesk
from crawler.engine.session_saves import SessionSaves
from crawler.engine.stats import Stats
from crawler.errors import StoreFull
from crawler.frontier.admission import Admission
from crawler.outcome import Found, Outcome, Verdict
from crawler.sessions.pool import SessionPool
from crawler.sessions.secrets import hide
from crawler.stores.base import Committed, RunRow, Store

log = logging.getLogger("crawler.engine")

_FULL_WAIT_S = (0.5, 1.0, 2.0, 5.0, 10.0)  #: waits for room on the disk before giving up
_ENDED = frozenset({Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP, Verdict.PARK})

T = TypeVar("T")


class Written(NamedTuple):
    """What a commit has changed.

    Attributes:
        paused: Slots that asked for a pause.
        slots: Those that may have more requests in waiting than before.
        overtaken: Sessions and epochs of pages that were not taken, since somebody else has logged in.
    """

    paused: list[str]
    slots: set[str]
    overtaken: list[tuple[str, int]]


class Ledger:
    """Writes outcomes in groups, each group in one transaction, and keeps count.

    Args:
        patience_s: Longest wait for room on a full disk.
        stopping: Set when the run ends: nothing is waited for any more.
        files: Puts files in their places before their rows are written.

    Attributes:
        waiting: Requests of the frontier that are not ended, as far as this process knows.
        failed: Requests of the frontier that failed.
    """

    def __init__(
        self,
        store: Store,
        run: RunRow,
        owner: str,
        *,
        pool: SessionPool,
        admission: Admission,
        stats: Stats,
        saves: SessionSaves,
        patience_s: float,
        stopping: threading.Event,
        files: FileDesk,
        clock: Callable[[], float],
    ) -> None:
        self._files = files
        self._store, self._run, self._owner = store, run, owner
        self._pool, self._admission, self._stats, self._saves = pool, admission, stats, saves
        self._patience_s, self._stopping, self._clock = patience_s, stopping, clock
        self._batch: list[Outcome] = []
        self.waiting = self.failed = 0

    def __len__(self) -> int:
        return len(self._batch)

    def begin(self) -> None:
        """Take over the counts of the frontier."""
        counts = self._store.counts(self._run.frontier)
        self.waiting, self.failed = counts.waiting + counts.leased, counts.failed

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Outcomes for the next commit. What went wrong is told and stored without secrets from here on."""
        for outcome in outcomes:
            if outcome.error:
                outcome.error = hide(outcome.error)
            if outcome.warnings:
                outcome.warnings = tuple(map(hide, outcome.warnings))
        self._batch.extend(outcomes)

    def commit(self) -> Written | None:
        """Write what has come back, whole pages in one transaction.

        Returns:
            None when there was nothing to write.
        Raises:
            StoreError: It could not be written; nothing of the group was.
        """
        if not self._batch:
            return None
        batch, self._batch = self._batch, []
        self._saves.attach(batch)
        filed = [outcome for outcome in batch if outcome.file is not None]
        if filed:
            self._files.publish(filed)
        committed = self.patiently(lambda: self._store.commit(self._run, self._owner, batch))
        self._sessions_stored(batch, committed)
        overtaken = []
        for outcome in batch:
            if outcome.request.id in committed.outdated:
                outcome.verdict, outcome.items, outcome.rejected, outcome.found = Verdict.LOGIN, [], (), ()
                outcome.file = None
                self._stats.summary.rechecked += 1
                overtaken.append((outcome.session_name, outcome.epoch))
        if filed:
            self._files.committed(filed, {outcome.request.id for outcome in filed} - committed.lost)
        self._admission.remember(
            row for outcome in batch if outcome.request.id not in committed.lost for row in outcome.found
        )
        now = self._clock()
        self._stats.committed(batch, committed.lost, now)
        self.waiting += committed.added
        for outcome in batch:
            self.waiting -= outcome.verdict in _ENDED
            self.failed += outcome.verdict is Verdict.FAIL
        self._stats.progress(now, waiting=max(self.waiting, 0), failed=self.failed)
        return Written(
            [outcome.request.slot for outcome in batch if outcome.pause_slot_until is not None],
            {outcome.request.slot for outcome in batch}
            | {row.slot for outcome in batch for row in outcome.found if not row.skipped},
            overtaken,
        )

    def add(self, found: Sequence[Found]) -> None:
        """Store found requests of a page that is not done yet."""
        self.waiting += self.patiently(lambda: self._store.add(self._run.frontier, found, run=self._run.id))
        self._admission.remember(found)

    def keep_sessions(self) -> None:
        """Store what changed after the last page: the last probe may have brought a new cookie, or renewed a token."""
        for keeper in self._pool.keepers():
            taken = self._saves.changed(keeper.session.name, "the end of the run")
            if taken is not None:
                self._store.save_session(replace(taken, base=keeper.standing.base), run=self._run.id)

    def patiently(self, write: Callable[[], T]) -> T:
        """Call *write*; while the disk is full, wait and try the same again, for a limited time.

        A file that stays locked is not waited for again: the store has done that, as long.
        """
        waited_s = 0.0
        for wait_s in _FULL_WAIT_S:
            try:
                return write()
            except StoreFull as error:
                waited_s += wait_s
                if self._stopping.is_set() or waited_s > self._patience_s:
                    raise
                log.warning("%s; trying again in %.1f s", error, wait_s)
                self._stopping.wait(wait_s)
        return write()

    def _sessions_stored(self, batch: Sequence[Outcome], committed: Committed) -> None:
        """What was written with a page is what the next changes of the session are told from."""
        for outcome in batch:
            if outcome.session is None:
                continue
            if outcome.request.id in committed.lost:
                self._saves.unsaved(outcome.session_name)  # it goes with the next page
                continue
            keeper = self._pool.keeper(outcome.session_name)
            keeper.standing.base = outcome.session.secret
            keeper.record.version = self._store.session_version(outcome.session.key)

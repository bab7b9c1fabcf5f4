"""The committer: outcomes on their way into the store, and the counts that follow from them.

Used by the scheduler's thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from crawler.clock import unix_now
from crawler.engine.store_thread import FullDisk, Member
from crawler.frontier.admission import Admission
from crawler.outcome import Found, Outcome, Verdict
from crawler.pagework.file_desk import FileDesk
from crawler.runs.stats import Stats
from crawler.sessions.saves import SessionSaves
from crawler.sessions.secrets import hide
from crawler.stores.base import Committed

_ENDED = frozenset({Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP, Verdict.PARK})


class Written(NamedTuple):
    """What a commit has changed.

    Attributes:
        paused: Slots that asked for a pause.
        slots: Those that may have more requests in waiting than before.
        overtaken: Sessions and epochs of pages that were not taken, since another process has logged in.
        answers_ms: How long each answer took, of those of these pages that were answered.
    """

    paused: list[str]
    slots: set[str]
    overtaken: list[tuple[str, int]]
    answers_ms: Sequence[float]


class Committer:
    """Writes outcomes in groups, each group in one transaction, and keeps count.

    Args:
        saves: The sessions, and which of their changes are stored.
        patiently: Retries writes while the disk is full.
        files: Puts files in their places before their rows are written.

    Attributes:
        waiting: Requests of the frontier that are not finished, as far as this process knows.
        failed: Requests of the frontier that failed.
    """

    def __init__(
        self,
        member: Member,
        admission: Admission,
        stats: Stats,
        saves: SessionSaves,
        patiently: FullDisk,
        files: FileDesk,
    ) -> None:
        self._files = files
        self._store, self._run, self._owner = member.store, member.run, member.owner
        self._pool, self._admission, self._stats, self._saves = saves.pool, admission, stats, saves
        self.patiently = patiently
        self._batch: list[Outcome] = []
        self.waiting = self.failed = 0

    def __len__(self) -> int:
        return len(self._batch)

    def begin(self) -> None:
        """Take over the counts of the frontier."""
        counts = self._store.frontier.counts(self._run.frontier)
        self.waiting, self.failed = counts.waiting + counts.leased, counts.failed

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes for the next commit. From here on, errors are reported and stored without secrets."""
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
        overtaken = [(each.session_name, each.epoch) for each in batch if each.request.id in committed.outdated]
        self._stats.summary.rechecked += len(overtaken)
        not_taken = committed.lost | committed.outdated
        if filed:
            self._files.committed(filed, {outcome.request.id for outcome in filed} - not_taken)
        self._admission.remember(row for each in batch if each.request.id not in not_taken for row in each.found)
        now = unix_now()
        self._stats.committed(batch, not_taken, now)
        self.waiting += committed.added
        for outcome in batch:
            if outcome.request.id not in committed.outdated:
                self.waiting -= outcome.verdict in _ENDED
                self.failed += outcome.verdict is Verdict.FAIL
        self._stats.progress(now, waiting=max(self.waiting, 0), failed=self.failed)
        return Written(
            [outcome.request.slot for outcome in batch if outcome.pause_slot_until is not None],
            {outcome.request.slot for outcome in batch}
            | {row.slot for outcome in batch for row in outcome.found if not row.skipped},
            overtaken,
            [outcome.elapsed_ms for outcome in batch if outcome.status],
        )

    def forget(self) -> None:
        """The database has begun anew, or is another one: stored links may be lost."""
        self._admission.forget()
        self.begin()

    def add(self, found: Sequence[Found]) -> None:
        """Store found requests of a page that is not done yet."""
        self.waiting += self.patiently(lambda: self._store.frontier.add(self._run.frontier, found))
        self._admission.remember(found)

    def keep_sessions(self) -> None:
        """Store what changed after the last page: the last probe may have brought a new cookie, or renewed a token."""
        for manager in self._pool.managers():
            taken = self._saves.changed(manager.session.name, "the end of the run")
            if taken is not None:
                changed = replace(taken, base=manager.standing.base)
                self.patiently(partial(self._store.sessions.save, changed, run=self._run.id))

    def _sessions_stored(self, batch: Sequence[Outcome], committed: Committed) -> None:
        """What was written with a page is the base from which the session's next changes are worked out."""
        for outcome in batch:
            if outcome.session is None:
                continue
            if outcome.request.id in committed.lost:
                self._saves.unsaved(outcome.session_name)  # it goes with the next page
                continue
            manager, version = (
                self._pool.manager(outcome.session_name),
                self._store.sessions.version(outcome.session.key),
            )
            others = manager.record.version and version > manager.record.version + 1
            manager.standing.base, manager.record.version = outcome.session.secret, version
            row = self._store.sessions.load(outcome.session.key) if others else None
            if row is not None:
                self._saves.take_news(outcome.session_name, row)
        self._saves.news({outcome.session_name for outcome in batch}, self._store.sessions, unix_now())

"""The commit: a group of whole pages in one transaction.

Row states, items, found requests, the page log, changed sessions and pauses are written together or not at all. A lease
is proved by one statement that moves all rows whose owner and token are still ours; only when it moved fewer rows than
there are pages is it undone and the lost ones are looked for one by one.

In the same transaction the epoch of a page is compared with that of its session: another process may have found the
session lost and logged in anew while this one had the page under way, or was paused with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from crawler.outcome import Found, Outcome, State, Verdict
from crawler.stores.base import Committed, RunRow
from crawler.stores.connection import batch_size, values
from crawler.stores.rows import FETCHED_AGAIN, harmless
from crawler.stores.sqlite_files import FilesPart
from crawler.stores.sqlite_items import Address
from crawler.stores.sqlite_lease import LeasePart
from crawler.stores.sqlite_logins import LoginsPart
from crawler.stores.sqlite_rejected import RejectedPart
from crawler.stores.sqlite_samples import SamplesPart
from crawler.stores.sqlite_take_back import TakeBackPart
from crawler.stores.sqlite_visits import VisitsPart

#: Verdict to the row's next state, and whether the tries count as attempts.
_NEXT: dict[Verdict, tuple[State, int]] = {
    Verdict.ACCEPT: (State.DONE, 1),
    Verdict.RETRY: (State.WAITING, 1),
    Verdict.LOGIN: (State.WAITING, 0),
    Verdict.SKIP: (State.SKIPPED, 0),
    Verdict.FAIL: (State.FAILED, 1),
    Verdict.PARK: (State.PARKED, 0),
    Verdict.RELEASE: (State.WAITING, 0),
}
#: Verdicts that end a request: only their items and links are stored (an errback may have yielded some).
_ENDING = frozenset({Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP})
_COUNTER = {
    State.WAITING: "waiting_or_leased",
    State.DONE: "done",
    State.FAILED: "failed",
    State.SKIPPED: "skipped",
    State.PARKED: "parked",
}
_PORTION = 128
_LINES = 64  # most lines in one statement: there is a prepared one for each number of them

_MOVE = """UPDATE crawl_requests SET state = v.column3, attempt = attempt + v.column4, not_before = v.column5,
sent_at = v.column6, epoch = v.column7, proven = v.column8, session_name = v.column9, error = v.column10,
rule = v.column11, owner = 0 FROM (VALUES """
_MOVE_END = ") v WHERE crawl_requests.id = v.column1 AND token = v.column2 AND state <= 1 AND owner = ?"
_MOVE_WIDTH = 11
_LOG = """INSERT INTO crawl_pages
(run, request, url, final_url, verdict, status, bytes, ms, session, attempt, error, warnings, at) VALUES """
_LOG_WIDTH = 13


def _rule(outcome: Outcome) -> str | None:
    """Why it is skipped; else that it is being fetched again stays known, whatever becomes of this try."""
    if outcome.verdict is Verdict.SKIP:
        return harmless(outcome.error or "unnamed rule")
    return FETCHED_AGAIN if outcome.request.again else None


class CommitPart(SamplesPart, FilesPart, RejectedPart, TakeBackPart, VisitsPart, LeasePart, LoginsPart):
    """Pages, whole."""

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        """Write whole pages in one transaction; see `Store.commit`."""
        if not outcomes:
            return Committed()
        frontier = run.frontier
        fresh: dict[bytes, Found] = {}
        with self._connection.write(_bytes_of(outcomes)) as raw:
            kept, lost, outdated = self._move(raw, owner, outcomes)
            ending = [one for one in kept if one.verdict in _ENDING]
            changes = Counter[str]()
            for outcome in kept:
                changes[_COUNTER[_NEXT[outcome.verdict][0]]] += 1
            changes["waiting_or_leased"] -= len(kept)
            changes["pages"] = sum(one.verdict is Verdict.ACCEPT for one in kept)

            fresh = self._memory.unknown(frontier, (found for one in ending for found in one.found))
            added = skipped = 0
            if fresh:
                added, skipped = self._add_found(raw, frontier, fresh.values())
            changes["waiting_or_leased"] += added
            changes["skipped"] += skipped

            now = self._clock()
            items = [
                (address(run, now, one, position), item)
                for one in ending
                for position, item in enumerate(one.items)
                if not item.key
            ]
            if items:
                changes["items"] = self._write_items(raw, items)
            changes["items"] += self._carry(raw, run, now, ending) + self._write_records(raw, run, now, ending)
            self._write_visits(raw, ending)
            self._write_rejected(raw, run, now, ending)
            self._write_files(raw, run, now, [one for one in kept if one.file is not None])
            self._log_pages(raw, run.id, now, kept)
            self._write_sessions(raw, run.id, [one.session for one in kept if one.session is not None])
            self._write_pauses(raw, kept)
            self._write_samples(raw, run, now, [one for one in ending if one.sample is not None])
            self._write_pages(raw, now, [(one.request.id, one.page) for one in ending if one.page is not None])
            self._count(raw, frontier, **changes)
        self._memory.learn(frontier, fresh)
        self._sessions_written()
        return Committed(lost=lost, outdated=outdated, added=added, items=changes["items"])

    def _move(
        self, raw: sqlite3.Connection, owner: str, given: Sequence[Outcome]
    ) -> tuple[Sequence[Outcome], frozenset[int], frozenset[int]]:
        """Give each row its next state: the first thing of the transaction.

        A row that waits again because its lease ran out is still ours as long as nobody has claimed it.

        Returns:
            The pages that were moved, the ids that are no longer ours (nothing was done to those), and the ids of pages
            that wait again since their login is over.
        """
        outcomes, outdated = self._of_epochs_that_last(raw, given)
        if self._move_all(raw, self._owner(raw, owner), outcomes) == len(outcomes):
            return outcomes, frozenset(), outdated
        raw.execute("ROLLBACK")
        self._connection.forget()
        raw.execute("BEGIN IMMEDIATE")
        outcomes, outdated = self._of_epochs_that_last(raw, given)
        number = self._owner(raw, owner)
        held = set(
            raw.execute(
                "SELECT id, token FROM crawl_requests WHERE owner = ? AND state <= 1"
                " AND id IN (SELECT value FROM json_each(?))",
                (number, json.dumps([one.request.id for one in outcomes])),
            ).fetchall()
        )
        ours = {one.request.id: one for one in outcomes if (one.request.id, one.request.token) in held}
        kept = list(ours.values())
        self._move_all(raw, number, kept)
        return kept, frozenset(one.request.id for one in outcomes) - ours.keys(), outdated & ours.keys()

    def _of_epochs_that_last(
        self, raw: sqlite3.Connection, outcomes: Sequence[Outcome]
    ) -> tuple[Sequence[Outcome], frozenset[int]]:
        """The pages, and the ids of those that wait again: unproven, and their session has logged in since."""
        asked = {one.session_key for one in outcomes if one.session_key and _needs_its_epoch(one)}
        if not asked:
            return outcomes, frozenset()
        epochs = dict(
            raw.execute(
                "SELECT key, epoch FROM crawl_sessions WHERE version > 0 AND key IN (SELECT value FROM json_each(?))",
                (json.dumps(list(asked)),),
            ).fetchall()
        )
        over = frozenset(
            one.request.id
            for one in outcomes
            if _needs_its_epoch(one) and epochs.get(one.session_key, one.epoch) > one.epoch
        )
        if not over:
            return outcomes, over
        return [outdated(one) if one.request.id in over else one for one in outcomes], over

    def _move_all(self, raw: sqlite3.Connection, owner: int, outcomes: Sequence[Outcome]) -> int:
        moved = 0
        for start in range(0, len(outcomes), _PORTION):
            portion = outcomes[start : start + _PORTION]
            size = batch_size(len(portion))
            bound: list[Any] = []
            for one in portion:
                state, attempts = _NEXT[one.verdict]
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
                    _rule(one),
                )
            bound += bound[-_MOVE_WIDTH:] * (size - len(portion))  # a repeated row is moved, and counted, once
            bound.append(owner)
            moved += raw.execute(_MOVE + values(_MOVE_WIDTH, size) + _MOVE_END, bound).rowcount
        return moved

    def _log_pages(self, raw: sqlite3.Connection, run: int, now: float, outcomes: Sequence[Outcome]) -> None:
        """One line in the page log for each answer, or each try that brought none."""
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
        for start in range(0, count, _LINES):  # exactly so many: a line to fill up would be a wrong line
            size = min(_LINES, count - start)
            raw.execute(_LOG + values(_LOG_WIDTH, size), bound[start * _LOG_WIDTH : (start + size) * _LOG_WIDTH])

    def _write_pauses(self, raw: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
        pauses: dict[str, float] = {}
        for one in outcomes:
            if one.pause_slot_until is not None:
                slot = one.request.slot
                pauses[slot] = max(pauses.get(slot, 0.0), one.pause_slot_until)
        if pauses:
            self._pause(raw, pauses)


def _needs_its_epoch(one: Outcome) -> bool:
    """Whether the page counts only when its login lasts: it ends a request, and it does not prove itself."""
    if not one.session_key or one.verdict not in _ENDING:
        return False
    return not one.proven if one.verdict is Verdict.ACCEPT else bool(one.status)


def outdated(one: Outcome) -> Outcome:
    """*one* as what it is when its login is over: to be fetched again, with nothing of it kept."""
    return replace(
        one,
        verdict=Verdict.LOGIN,
        items=[],
        rejected=(),
        found=(),
        page=None,
        unchanged=None,
        visit=None,
        file=None,
    )


def address(run: RunRow, now: float, outcome: Outcome, position: int) -> Address:
    request = outcome.request
    return run.id, outcome.final_url or request.url, now, request.id, position, run.frontier, run.spider


def _bytes_of(outcomes: Sequence[Outcome]) -> int:
    """About how much a commit writes, for the message of a full disk: changed pages of the file, and bodies."""
    rows = sum(1 + len(one.items) + len(one.found) for one in outcomes)
    return 4096 * rows + sum(len(one.page.body) for one in outcomes if one.page is not None)

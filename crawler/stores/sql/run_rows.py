"""Runs: which frontier a run works on, which process holds the spider, and what is removed from old frontiers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from crawler.errors import AlreadyRunning, StoreError, UsageError
from crawler.stores.base import RunRow
from crawler.stores.driver import Driver, Membership, Transaction

FRONTIERS_KEPT = 3
_OF_ARGUMENTS_KEPT = 2  #: for each set of arguments: one at work, and one that knows the pages
_WITH_OTHERS_KEPT = 50  #: frontiers of a spider, whatever their arguments
_PRUNE_PORTION = 2_000
_PRUNE_S = 0.5  # longest time that the end of a run spends on removing rows
_PORTION = 1_000
_STEP_S = 1.0  # clocks of processes on one machine differ by less
_COLUMNS = (
    "id, spider, frontier, resumed, started_at, args, ended_at, ending, exit_code, summary, process, max_pages,"
    " pages_before"
)
_PAGE_COLUMNS = (
    "run", "request", "url", "final_url", "verdict", "status", "bytes", "ms", "session", "attempt", "error", "warnings",
    "at",
)  # fmt: skip


class _New(NamedTuple):
    """A run that is about to be begun."""

    spider: str
    args: str
    process: str
    max_pages: int
    summary: str  #: as far as it is known at the beginning


class RunRows:
    """Executions of spiders."""

    def __init__(self, driver: Driver, members: Membership) -> None:
        self._db, self._members = driver, members

    def open(self, spider: str, *, args: str, fresh: bool, process: str, max_pages: int = 0, again: str = "") -> RunRow:
        """Begin a run: on the unfinished frontier of the last run with the same *args*, or on a new one.

        A frontier is unfinished if it has requests that wait, are leased or parked, or if its last run died before its
        end was recorded; `reopen` makes a finished one unfinished again.

        Raises:
            AlreadyRunning: A living process runs this spider with this store.
        """
        alone = self._members.take(spider, self._holder(process))
        try:
            run = self._begin(
                _New(spider, args, process, max_pages, json.dumps({"again": again} if again else {})), fresh, alone
            )
        except BaseException:
            self._members.release(spider)
            raise
        self.prune(spider)
        return run

    def _holder(self, process: str) -> str:
        return f"{process} since {datetime.fromtimestamp(self._db.now()).astimezone():%Y-%m-%d %H:%M}"

    def hold(self, spider: str, *, process: str) -> None:
        """Prevent any crawl of *spider* from beginning until the store is closed. Raises AlreadyRunning."""
        self._members.take(spider, process)

    def _begin(self, new: _New, fresh: bool, alone: bool) -> RunRow:
        spider, args = new.spider, new.args
        with self._db.write() as raw:
            now = self._db.now()
            self._follow_clock(raw, now)
            raw.execute(
                "UPDATE crawl_runs SET ending = 'crashed', ended_at = ? WHERE spider = ? AND ending = ''", (now, spider)
            )
            frontier = None if fresh else self._unfinished(raw, spider, args)
            resumed = frontier is not None
            if frontier is None:
                (frontier,) = raw.execute(
                    "INSERT INTO crawl_frontiers (spider, args, created_at) VALUES (?, ?, ?) RETURNING id",
                    (spider, args, now),
                ).fetchone()
            elif alone:  # no living process could still commit these
                raw.execute(
                    "UPDATE crawl_requests SET state = 0, owner = 0 WHERE frontier = ? AND state = 1", (frontier,)
                )
            (run,) = raw.execute(
                "INSERT INTO crawl_runs"
                " (spider, frontier, resumed, started_at, args, process, max_pages, summary, pages_before)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT pages FROM crawl_frontiers WHERE id = ?)) RETURNING id",
                (spider, frontier, int(resumed), now, args, new.process, new.max_pages, new.summary, frontier),
            ).fetchone()
        return self.get(run)

    def _follow_clock(self, raw: Transaction, now: float) -> None:
        """If the clock was put back since the last run wrote something, shift all waiting moments by as much."""
        greatest = self._db.dialect.greatest
        (latest,) = raw.execute(
            f"SELECT {greatest}(coalesce((SELECT at FROM crawl_pages ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT"
            f" {greatest}(started_at, coalesce(ended_at, 0)) FROM crawl_runs ORDER BY id DESC LIMIT 1), 0))"
        ).fetchone()
        behind_s = latest - now
        if behind_s < _STEP_S:
            return
        bound = {"now": now, "behind": behind_s}
        for column in ("next_at", "paused_until"):
            raw.execute(f"UPDATE crawl_slots SET {column} = {column} - :behind WHERE {column} > :now", bound)
        raw.execute(
            f"UPDATE crawl_requests SET not_before = {greatest}(not_before - :behind, 1)"
            " WHERE state = 0 AND not_before > :now",
            bound,
        )

    def _unfinished(self, raw: Transaction, spider: str, args: str) -> int | None:
        """The last frontier, if something is left to do, or if its last run died before it could say so."""
        row = raw.execute(
            "SELECT id, waiting_or_leased + parked, (SELECT ending FROM crawl_runs WHERE frontier = f.id"
            " ORDER BY id DESC LIMIT 1) FROM crawl_frontiers f WHERE spider = ? AND args = ? ORDER BY id DESC LIMIT 1",
            (spider, args),
        ).fetchone()
        return int(row[0]) if row is not None and (row[1] or row[2] == "crashed") else None

    def join(self, run: int) -> RunRow:
        """Take part in a run that another process of ours has opened."""
        found = self.get(run)
        if found.ending:
            raise StoreError(self._db.place, f"run {run} has ended ({found.ending})")
        self._members.join(found.spider)
        return found

    def take_over(self, run: int, *, process: str) -> bool:
        """Take over the spider of a run that has no end, if its own process is dead. False: it is not."""
        found = self.get(run)
        if found.ending or self._members.holder(found.spider) is not None:
            return False
        try:
            self._members.take(found.spider, self._holder(process))
        except AlreadyRunning:
            return False
        if self.get(run).ending:  # by another one, just now
            self._members.release(found.spider)
            return False
        return True

    def leave(self, run: int) -> None:
        """Take no part any more; others may continue the run."""
        self._members.release(self.get(run).spider)

    def end(self, run: int, *, ending: str, exit_code: int, summary: str) -> bool:
        """Record how a run ended and release its spider. False when another process had already recorded an end."""
        with self._db.write() as raw:
            recorded: int = raw.execute(
                "UPDATE crawl_runs SET ended_at = ?, ending = ?, exit_code = ?, summary = ?"
                " WHERE id = ? AND ending = ''",
                (self._db.now(), ending, exit_code, summary, run),
            ).rowcount
        spider = self.get(run).spider
        deadline = time.monotonic() + _PRUNE_S
        while self.prune(spider) and time.monotonic() < deadline:
            pass
        self._members.release(spider)
        return recorded > 0

    def set_summary(self, run: int, summary: str) -> None:
        """Replace the summary of a run that has ended."""
        with self._db.write() as raw:
            raw.execute("UPDATE crawl_runs SET summary = ? WHERE id = ? AND ending != ''", (summary, run))

    def get(self, run: int) -> RunRow:
        """One run.

        Raises:
            UsageError: There is no run of that number.
        """
        row = self._db.one(f"SELECT {_COLUMNS} FROM crawl_runs WHERE id = ?", (run,))
        if row is None:
            raise UsageError(f"there is no run {run} in {self._db.place}; see `crawl runs`")
        return _run(row)

    def last(self, spider: str | None = None, *, limit: int = 20) -> list[RunRow]:
        """Newest first."""
        where, bound = ("", (limit,)) if spider is None else ("WHERE spider = ?", (spider, limit))
        rows = self._db.read(f"SELECT {_COLUMNS} FROM crawl_runs {where} ORDER BY id DESC LIMIT ?", bound)
        return [_run(row) for row in rows]

    def running(self, spider: str) -> str | None:
        """What runs *spider* on this store now ("process 4711 since ..."), or None."""
        return self._members.holder(spider)

    def prune(self, spider: str, *, most: int = _PRUNE_PORTION) -> int:
        """Remove requests of frontiers of *spider* older than the last `FRONTIERS_KEPT`; page log and items stay.

        A spider that is run with different arguments in turn keeps the last two frontiers of each. A request whose page
        is kept stays, since the page could not be read without it.

        Args:
            most: Rows to remove in this call, so that others do not wait long; call again until it returns 0.
        """
        row = self._db.one(
            "SELECT id FROM (SELECT id, pruned, row_number() OVER (ORDER BY id DESC) AS age,"
            " row_number() OVER (PARTITION BY args ORDER BY id DESC) AS age_of_its_own FROM crawl_frontiers"
            " WHERE spider = ?) f WHERE pruned = 0 AND age > ? AND (age_of_its_own > ? OR age > ?) ORDER BY id LIMIT 1",
            (spider, FRONTIERS_KEPT, _OF_ARGUMENTS_KEPT, _WITH_OTHERS_KEPT),
        )
        if row is None:
            return 0
        with self._db.write() as raw:
            ids = (
                "SELECT id FROM crawl_requests r WHERE frontier = ?"
                " AND NOT EXISTS (SELECT 1 FROM crawl_bodies b WHERE b.request = r.id) LIMIT ?"
            )
            raw.execute(f"DELETE FROM crawl_visits WHERE request IN ({ids})", (row[0], most))
            removed = raw.execute(f"DELETE FROM crawl_requests WHERE id IN ({ids})", (row[0], most)).rowcount
            if removed < most:
                raw.execute("UPDATE crawl_frontiers SET pruned = 1 WHERE id = ?", (row[0],))
        return removed

    def pages(self, frontier: int) -> Iterator[dict[str, Any]]:
        """The page log of a frontier, oldest first; read in portions, each its own short query."""
        columns = ", ".join(_PAGE_COLUMNS)
        last = 0
        while portion := self._db.read(
            f"SELECT id, {columns} FROM crawl_pages WHERE id > ? AND run IN (SELECT id FROM crawl_runs"
            f" WHERE frontier = ?) ORDER BY id LIMIT {_PORTION}",
            (last, frontier),
        ):
            last = portion[-1][0]
            for row in portion:
                yield dict(zip(_PAGE_COLUMNS, row[1:], strict=True))


def _run(row: tuple[Any, ...]) -> RunRow:
    id_, spider, frontier, resumed, *others = row
    return RunRow(id_, spider, frontier, bool(resumed), *others)

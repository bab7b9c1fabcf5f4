"""The page log, read for charts: when each host answered, how, and how fast."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from crawler.stores.driver import Driver
from crawler.stores.told import LogLine, Trouble

_PORTION = 5_000
_NEWEST = 5_000  #: lines of the page log in which errors are looked for
_CLOCK_S = 3_600.0  #: by which a clock may have been put back during a run


class AnswerRows:
    """Answers of runs. Nothing is written, and no index is needed: rows are in the order of their times."""

    def __init__(self, driver: Driver) -> None:
        self._db, self._numbers = driver, driver.dialect.numbers()

    def answers(self, run: int) -> Iterator[LogLine]:
        """The page log of a run, oldest first; read in portions, each its own short query."""
        last = self._before(run)
        while portion := self._db.read(
            "SELECT id, at, url, verdict, status, ms FROM crawl_pages WHERE id > ? AND run = ? ORDER BY id LIMIT ?",
            (last, run, _PORTION),
        ):
            last = portion[-1][0]
            for _, at, url, verdict, status, ms in portion:
                yield LogLine(at, url, verdict, status, ms)

    def until(self, run: int) -> float | None:
        """When the last answer of a run was stored; None while it has none."""
        row = self._db.one("SELECT max(at) FROM crawl_pages WHERE id > ? AND run = ?", (self._before(run), run))
        return None if row is None or row[0] is None else float(row[0])

    def last_troubles(self, run: int, *, limit: int) -> list[Trouble]:
        """The last answers of a run that failed or are tried again, newest first; searched only among the last ones."""
        rows = self._db.read(
            "SELECT at, url, verdict, error FROM (SELECT * FROM crawl_pages ORDER BY id DESC LIMIT ?) p"
            " WHERE run = ? AND verdict IN ('fail', 'retry') LIMIT ?",
            (_NEWEST, run, limit),
        )
        return [Trouble(at, url, verdict, error or "") for at, url, verdict, error in rows]

    def statuses(self, runs: Sequence[int]) -> dict[int, dict[int, int]]:
        """Run to status (0: no answer) to how many answers had it."""
        found: dict[int, dict[int, int]] = {run: {} for run in runs}
        if runs:
            for run, status, count in self._db.read(
                "SELECT run, status, count(*) FROM crawl_pages"
                f" WHERE id > ? AND run IN ({self._numbers}) GROUP BY run, status",
                (self._before(min(runs)), json.dumps(list(runs))),
            ):
                found[run][status] = count
        return found

    def _before(self, run: int) -> int:
        """A row of the page log after which all rows of *run* are: found by their times, in about twenty steps."""
        began = self._db.one("SELECT started_at FROM crawl_runs WHERE id = ?", (run,))
        newest = self._db.one("SELECT max(id) FROM crawl_pages")
        if began is None or newest is None or newest[0] is None:
            return 0
        low, high = 0, int(newest[0])
        while low < high:
            middle = (low + high) // 2
            row = self._db.one("SELECT at FROM crawl_pages WHERE id > ? ORDER BY id LIMIT 1", (middle,))
            if row is not None and row[0] < began[0] - _CLOCK_S:
                low = middle + 1
            else:
                high = middle
        return low

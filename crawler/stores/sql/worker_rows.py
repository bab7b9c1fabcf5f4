"""The processes that work on a run: each has a row that runs out unless the process reports that it is alive.

On a process's own machine its death is known at once. A number is taken by one statement, and never twice in a run.
"""

from __future__ import annotations

import json

from crawler.stores.driver import PAGES, Driver
from crawler.stores.incarnations import is_dead, this_process
from crawler.stores.told_runs import DEAD, MemberRow

LIFE_S = 30.0  #: a process silent for this long no longer works
_COLUMNS = "run, number, owner, process, joined_at, until, left_at, agrees, counted"


class WorkerRows:
    """Members of runs."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        self._incarnation = ""

    def join(self, run: int, *, owner: str, process: str, first: bool = False) -> int:
        """Work on a run from now on; see `stores.base.MemberStore`."""
        number = "0" if first else "(SELECT coalesce(max(number), 0) + 1 FROM crawl_workers WHERE run = ?)"
        self._incarnation = json.dumps(this_process())
        with self._db.write() as raw:
            now = self._db.now()
            (taken,) = raw.execute(
                "INSERT INTO crawl_workers (number, run, owner, process, incarnation, joined_at, until)"
                f" VALUES ({number}, ?, ?, ?, ?, ?, ?) RETURNING number",
                (*(() if first else (run,)), run, owner, process, self._incarnation, now, now + LIFE_S),
            ).fetchone()
        return int(taken)

    def stay(self, run: int, number: int, *, agrees: str, counted: str) -> float:
        """Report that we are alive; see `stores.base.MemberStore`."""
        with self._db.write(beside=PAGES) as raw:
            raw.execute(
                "UPDATE crawl_workers SET until = ?, left_at = 0, agrees = ?, counted = ? WHERE run = ? AND number = ?",
                (self._db.now() + LIFE_S, agrees, counted, run, number),
            )
        return LIFE_S

    def leave(self, run: int, number: int, *, counted: str) -> None:
        """Stop working on it."""
        with self._db.write(beside=PAGES) as raw:
            raw.execute(
                "UPDATE crawl_workers SET left_at = ?, counted = ? WHERE run = ? AND number = ?",
                (self._db.now(), counted, run, number),
            )

    def of(self, run: int) -> list[MemberRow]:
        """All members so far, in the order of their numbers."""
        rows = self._db.read(f"SELECT {_COLUMNS} FROM crawl_workers WHERE run = ? ORDER BY number", (run,))
        return [MemberRow(*row) for row in rows]

    def sweep(self, run: int) -> list[int]:
        """Mark dead processes, and let what they had leased wait again; see `stores.base.MemberStore`.

        Owner and token of these requests stay, as when a lease runs out: should the process be alive after all and
        commit before another has claimed them, its work counts.
        """
        if not self._dead(run):  # nearly always: others are not kept from writing
            return []
        with self._db.write() as raw:
            dead = self._dead(run)
            for number, owner in dead:
                raw.execute(
                    "UPDATE crawl_requests SET state = 0 WHERE state = 1"
                    " AND frontier = (SELECT frontier FROM crawl_runs WHERE id = ?)"
                    " AND owner = (SELECT id FROM crawl_owners WHERE name = ?)",
                    (run, owner),
                )
                raw.execute(
                    "UPDATE crawl_workers SET left_at = ?, agrees = ? WHERE run = ? AND number = ?",
                    (self._db.now(), DEAD, run, number),
                )
        return [number for number, _ in dead]

    def _dead(self, run: int) -> list[tuple[int, str]]:
        now = self._db.now()
        rows = self._db.read(
            "SELECT number, owner, until, incarnation FROM crawl_workers WHERE run = ? AND left_at = 0", (run,)
        )
        lapsed = any(until <= now for _, _, until, _ in rows)
        waited = lapsed and self._db.read(self._db.dialect.age)[0][0] >= LIFE_S
        return [
            (number, owner)
            for number, owner, until, incarnation in rows
            if is_dead(incarnation) or (waited and until <= now)
        ]

    def living(self, frontier: int) -> list[MemberRow]:
        """Those that work on a frontier now, in the order of their runs and numbers."""
        rows = self._db.read(
            f"SELECT {_COLUMNS}, incarnation FROM crawl_workers WHERE left_at = 0 AND until > ?"
            " AND run IN (SELECT id FROM crawl_runs WHERE frontier = ?) ORDER BY run, number",
            (self._db.now(), frontier),
        )
        return [MemberRow(*row) for *row, incarnation in rows if not is_dead(incarnation)]

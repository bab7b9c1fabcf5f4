"""Which processes live, without a lock held by a connection: rows that run out by the database's clock.

A process that works on a spider, runs it or logs a session in has a row for that, which it extends whenever it writes
something. A dead one's row runs out; on its own machine its death is known at once, by its number and the moment when
it began. So a killed crawl can be continued at once where it was, and within `LIFE_S` elsewhere.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from crawler.errors import AlreadyRunning
from crawler.stores.driver import Transaction
from crawler.stores.incarnations import is_dead, this_process
from crawler.stores.postgres.postgres_driver import PostgresDriver

LIFE_S = 90.0  #: a member not heard from for this long is dead; leases are renewed several times in it
_SPEAK_S = 10.0  #: how often it reports that it is alive, at most
_SPIDER, _WORK, _LOGIN = "spider", "work", "login"


class RowMembers:
    """The processes that work on spiders and log in, by rows of `crawl_members`; see `stores.driver.Membership`."""

    def __init__(self, driver: PostgresDriver) -> None:
        self._db = driver
        self._id = uuid.uuid4().hex
        self._process = json.dumps(this_process())
        self._held: set[tuple[str, str]] = set()
        self._speak_at = 0.0
        driver.on_begin.append(self._speak)

    def take(self, spider: str, holder: str) -> bool:
        if (_SPIDER, spider) in self._held:
            raise AlreadyRunning(spider, "this process, which has not ended its run")
        with self._db.write() as raw:
            self._bury(raw, spider)
            runs = raw.execute(
                "SELECT holder FROM crawl_members WHERE kind = ? AND name = ?", (_SPIDER, spider)
            ).fetchone()
            if runs is not None:
                raise AlreadyRunning(spider, str(runs[0]))
            works = raw.execute("SELECT 1 FROM crawl_members WHERE kind = ? AND name = ?", (_WORK, spider)).fetchone()
            self._put(raw, _SPIDER, spider, holder)
            self._put(raw, _WORK, spider, holder)
        self._held |= {(_SPIDER, spider), (_WORK, spider)}
        return works is None

    def join(self, spider: str) -> None:
        if (_WORK, spider) not in self._held:
            with self._db.write() as raw:
                self._put(raw, _WORK, spider, "")
            self._held.add((_WORK, spider))

    def holder(self, spider: str) -> str | None:
        rows = self._db.read(
            "SELECT holder, process FROM crawl_members WHERE kind = ? AND name = ? AND until > ?",
            (_SPIDER, spider, self._lapsed()),
        )
        return next((str(holder) for holder, process in rows if not is_dead(process)), None)

    def release(self, spider: str) -> None:
        self._let_go([(_SPIDER, spider), (_WORK, spider)])

    def takes_login(self, key: str) -> bool:
        if (_LOGIN, key) in self._held:
            return False
        rows = self._db.read(
            "SELECT id, process FROM crawl_members WHERE kind = ? AND name = ? AND until > ?",
            (_LOGIN, key, self._lapsed()),
        )
        if any(not is_dead(process) for _, process in rows):
            return False
        self._db.read("DELETE FROM crawl_members WHERE kind = ? AND name = ? RETURNING id", (_LOGIN, key))
        self._db.read(f"{_PUT} RETURNING id", self._row(_LOGIN, key, ""))
        self._held.add((_LOGIN, key))
        return True

    def ends_login(self, key: str) -> None:
        self._let_go([(_LOGIN, key)])

    def close(self) -> None:
        if self._held and self._db.line.is_open:
            self._let_go(sorted(self._held))
        self._held.clear()

    def _let_go(self, what: list[tuple[str, str]]) -> None:
        for kind, name in what:
            if (kind, name) in self._held:
                self._db.read(
                    "DELETE FROM crawl_members WHERE id = ? AND kind = ? AND name = ? RETURNING id",
                    (self._id, kind, name),
                )
                self._held.discard((kind, name))

    def _put(self, raw: Transaction, kind: str, name: str, holder: str) -> None:
        raw.execute(_PUT, self._row(kind, name, holder))

    def _row(self, kind: str, name: str, holder: str) -> tuple[Any, ...]:
        return self._id, kind, name, holder, self._process, self._db.now() + LIFE_S

    def _bury(self, raw: Transaction, spider: str) -> None:
        """Forget the dead among the processes that worked on a spider."""
        raw.execute("DELETE FROM crawl_members WHERE until <= ?", (self._lapsed(),))
        for number, process in raw.execute(
            "SELECT id, process FROM crawl_members WHERE name = ?", (spider,)
        ).fetchall():
            if is_dead(process):
                raw.execute("DELETE FROM crawl_members WHERE id = ?", (number,))

    def _lapsed(self) -> float:
        """Rows ending before this moment belong to dead ones; none do until the database has been up for as long."""
        (age_s,) = self._db.read(self._db.dialect.age)[0]
        return self._db.now() if age_s >= LIFE_S else 0.0

    def _speak(self, raw: Transaction) -> None:
        """At the beginning of a transaction: report that we are alive."""
        if self._held and time.monotonic() >= self._speak_at:
            self._speak_at = time.monotonic() + _SPEAK_S
            raw.execute("UPDATE crawl_members SET until = ? WHERE id = ?", (self._db.now() + LIFE_S, self._id))


_PUT = (
    "INSERT INTO crawl_members (id, kind, name, holder, process, until) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id, kind, name) DO UPDATE SET holder = excluded.holder, until = excluded.until"
)


def at_work(raw: Transaction, now: float) -> bool:
    """Whether a process works on a spider, as far as can be known."""
    rows = raw.execute("SELECT process FROM crawl_members WHERE until > ?", (now,)).fetchall()
    return any(not is_dead(process) for (process,) in rows)

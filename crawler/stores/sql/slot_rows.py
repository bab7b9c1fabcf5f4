"""Host slots: from when something may be sent to a host."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from crawler.stores.driver import Driver, Transaction


def moment(seconds: float) -> float:
    """Rounded up to milliseconds: SQLite writes numbers into JSON with 15 digits, which must bring no time forward."""
    return math.ceil(seconds * 1000) / 1000


class SlotRows:
    """Sending times and pauses."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        greatest, pauses = driver.dialect.greatest, driver.dialect.rows({"name": "text", "until": "real"})
        self._paused = (
            f"INSERT INTO crawl_slots (name, paused_until) SELECT j.name, j.until FROM {pauses} j WHERE true"
            " ON CONFLICT (name) DO UPDATE SET paused_until ="
            f" {greatest}(crawl_slots.paused_until, excluded.paused_until)"
        )
        self._free_at = f"SELECT {greatest}(next_at, paused_until) FROM crawl_slots WHERE name = ?"

    def pause(self, slot: str, until: float) -> None:
        """Let nothing of *slot* be leased for sending before *until*; a pause is only ever made longer."""
        with self._db.write() as raw:
            self.pause_all(raw, {slot: until})

    def reserve(self, slot: str, *, delay_s: float) -> float:
        """Take the next sending time of a slot for a request that is not in the frontier (a login step, a redirect)."""
        with self._db.write() as raw:
            now = self._db.now()
            raw.execute("INSERT INTO crawl_slots (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (slot,))
            found = raw.execute(self._free_at, (slot,)).fetchone()
            at = max(now, float(found[0]))
            raw.execute("UPDATE crawl_slots SET next_at = ? WHERE name = ?", (moment(at + delay_s), slot))
        return at

    def give_back(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Reserved sending times that nobody uses; see `SlotStore.give_back`."""
        if not turns:
            return
        with self._db.write() as raw:
            raw.executemany(
                "UPDATE crawl_slots SET next_at = ? WHERE name = ? AND next_at > ? AND next_at <= ?",
                [(moment(max(free, now)), slot, moment(free), moment(last)) for slot, (free, last) in turns.items()],
            )

    def pause_all(self, raw: Transaction, pauses: Mapping[str, float]) -> None:
        """Inside a transaction."""
        raw.execute(self._paused, (json.dumps(sorted((slot, moment(until)) for slot, until in pauses.items())),))

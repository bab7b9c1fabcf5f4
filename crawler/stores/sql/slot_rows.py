"""Host slots: when requests may be sent to a host."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from crawler.pacing import HostWord
from crawler.stores.driver import Driver, Transaction
from crawler.stores.rows import harmless


def moment(seconds: float) -> float:
    """Rounded up to milliseconds: SQLite writes numbers into JSON with 15 digits, which must not make it earlier."""
    return math.ceil(seconds * 1000) / 1000


class SlotRows:
    """Sending times and pauses."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver
        self._greatest = driver.dialect.greatest
        greatest, pauses = driver.dialect.greatest, driver.dialect.rows({"name": "text", "until": "real", "at": "real"})
        self._paused = (
            "INSERT INTO crawl_slots (name, paused_until, learned_at)"
            f" SELECT j.name, j.until, j.at FROM {pauses} j WHERE true ON CONFLICT (name) DO UPDATE SET paused_until ="
            f" {greatest}(crawl_slots.paused_until, excluded.paused_until), learned_at = excluded.learned_at"
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
            at = max(now, float(found[0]), self._db.restarted.settled_at)
            raw.execute("UPDATE crawl_slots SET next_at = ? WHERE name = ?", (moment(at + delay_s), slot))
        return at

    def give_back(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Give back reserved sending times that are not used; see `SlotStore.give_back`."""
        if not turns:
            return
        with self._db.write() as raw:
            raw.executemany(
                "UPDATE crawl_slots SET next_at = ? WHERE name = ? AND next_at > ? AND next_at <= ?",
                [(moment(max(free, now)), slot, moment(free), moment(last)) for slot, (free, last) in turns.items()],
            )

    def pause_all(self, raw: Transaction, pauses: Mapping[str, float]) -> None:
        """Inside a transaction."""
        now = self._db.now()
        raw.execute(self._paused, (json.dumps(sorted((slot, moment(until), now) for slot, until in pauses.items())),))

    def tell(self, words: Mapping[str, HostWord], *, run: int, free_after: Mapping[str, float]) -> float:
        """Store what answers have taught about hosts; see `SlotStore.tell`."""
        with self._db.write() as raw:
            now = self._db.now()
            raw.executemany(
                f"UPDATE crawl_slots SET paused_until = {self._greatest}(paused_until, ?), crawl_delay_s ="
                f" {self._greatest}(crawl_delay_s, ?), slowed_s = ?, openings = ?, given_up = ?, given_up_in = ?,"
                " learned_at = ? WHERE name = ?",
                [
                    (
                        moment(word.paused_until),
                        word.crawl_delay_s,
                        word.slowed_s,
                        word.openings,
                        harmless(word.given_up),
                        run if word.given_up else 0,
                        now,
                        slot,
                    )
                    for slot, word in sorted(words.items())
                ],
            )
            raw.executemany(
                "UPDATE crawl_slots SET next_at = ? WHERE name = ? AND next_at > ?",
                [(moment(now + after_s), slot, now + after_s) for slot, after_s in sorted(free_after.items())],
            )
        return now

    def told(self, since: float, *, run: int) -> dict[str, HostWord]:
        """What was written after that moment; see `SlotStore.told`."""
        rows = self._db.read(
            "SELECT name, learned_at, paused_until, crawl_delay_s, slowed_s, openings, given_up, given_up_in"
            " FROM crawl_slots WHERE learned_at > ? AND learned_at > 0",
            (since,),
        )
        return {
            name: HostWord(at, until, crawl_delay_s, slowed_s, openings, given_up if in_run == run else "")
            for name, at, until, crawl_delay_s, slowed_s, openings, given_up, in_run in rows
        }

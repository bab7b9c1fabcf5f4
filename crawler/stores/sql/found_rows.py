"""Requests that were found, on their way into the frontier.

Known requests are dropped by the unique index over fingerprints. In front of it is a bounded memory of fingerprints
known to be committed: pages repeat the same links over and over, and looking in a set costs a tenth of a microsecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from crawler.outcome import Found, State
from crawler.stores.base import Cipher
from crawler.stores.buckets import bucket_of
from crawler.stores.driver import Driver, Transaction, batch_size
from crawler.stores.rows import harmless
from crawler.stores.sealed import place_of_request

_GENERATION = 32_768  # fingerprints in each of the two generations of the memory, about 3 MB each
_MOST_LANES = 20_000

_INSERT = """INSERT INTO crawl_requests (frontier, fingerprint, url, lane, callback, priority, depth, state,
lease_until, sent_at, rule, extras, parent) """
_INSERT_END = " ON CONFLICT DO NOTHING"
_INSERTED = (
    "integer", "blob", "text", "integer", "text", "integer", "integer", "integer", "real", "real", "text", "blob",
    "integer",
)  # fmt: skip


def count(raw: Transaction, frontier: int, **changes: int) -> None:
    """Inside a transaction: move the counters of a frontier by *changes*."""
    moved = {name: change for name, change in changes.items() if change}
    if moved:
        sets = ", ".join(f"{name} = {name} + ?" for name in moved)
        raw.execute(f"UPDATE crawl_frontiers SET {sets} WHERE id = ?", (*moved.values(), frontier))


class Memory:
    """The fingerprints of one frontier that are known to be stored: a set that forgets the older half when full."""

    def __init__(self, driver: Driver) -> None:
        self._db, self._restarts = driver, driver.restarted.times
        self.frontier = 0
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def unknown(self, frontier: int, found: Iterable[Found]) -> dict[bytes, Found]:
        """Those of *found* that may be new, the first for each fingerprint."""
        restarts = self._db.restarted.times
        if frontier != self.frontier or restarts != self._restarts:  # another database may have lost what was stored
            self.frontier, self._restarts = frontier, restarts
            self._young, self._old = set(), set()
        young, old = self._young, self._old
        fresh: dict[bytes, Found] = {}
        for one in found:
            fingerprint = one.fingerprint
            if fingerprint not in young and fingerprint not in old and fingerprint not in fresh:
                fresh[fingerprint] = one
        return fresh

    def learn(self, frontier: int, fingerprints: Iterable[bytes]) -> None:
        """To be called after their transaction was committed."""
        if frontier == self.frontier:
            self._young.update(fingerprints)
            if len(self._young) > _GENERATION:
                self._old, self._young = self._young, set()


class Owners:
    """Numbers for the owners that claim requests."""

    def __init__(self, driver: Driver) -> None:
        self._numbers: dict[str, int] = {}
        driver.on_rollback.append(self._numbers.clear)

    def number(self, raw: Transaction, owner: str) -> int:
        """Inside a transaction: the number of an owner."""
        number = self._numbers.get(owner)
        if number is None:
            raw.execute("INSERT INTO crawl_owners (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (owner,))
            number = int(raw.execute("SELECT id FROM crawl_owners WHERE name = ?", (owner,)).fetchone()[0])
            self._numbers[owner] = number
        return number


class FoundRows:
    """Rows for requests that were found."""

    def __init__(self, driver: Driver, cipher: Cipher) -> None:
        self._db, self._cipher = driver, cipher
        self.memory = Memory(driver)
        self._lanes: dict[tuple[str, str], int] = {}
        driver.on_rollback.append(self._lanes.clear)
        self._buckets = driver.dialect.buckets
        pairs = driver.dialect.rows({"slot": "text", "session": "text", "bucket": "integer"})
        self._slots_made = (
            f"INSERT INTO crawl_slots (name) SELECT DISTINCT j.slot FROM {pairs} j WHERE true"
            " ON CONFLICT (name) DO NOTHING"
        )
        self._lanes_made = (
            f"INSERT INTO crawl_lanes (id, slot, session) SELECT {driver.dialect.lane_number}, s.id, j.session"
            f" FROM {pairs} j JOIN crawl_slots s ON s.name = j.slot WHERE true ON CONFLICT (slot, session) DO NOTHING"
        )
        lane = f"{driver.dialect.json_row}(s.name, l.session, l.id)"
        self._lanes_there = (
            f"SELECT {driver.dialect.json_list(lane)} FROM {pairs} j JOIN crawl_slots s ON s.name = j.slot"
            " JOIN crawl_lanes l ON l.slot = s.id AND l.session = j.session"
        )

    def add(self, raw: Transaction, frontier: int, found: Iterable[Found]) -> tuple[int, int]:
        """Inside a transaction. Returns how many were new: waiting, and skipped by a rule."""
        chosen = list(found)
        lanes = self._lanes
        missing = {(one.slot, one.session) for one in chosen if (one.slot, one.session) not in lanes}
        if missing:
            if len(lanes) > _MOST_LANES:
                lanes.clear()
                missing = {(one.slot, one.session) for one in chosen}  # those that were known are forgotten, too
            self._make_lanes(raw, missing)
        now = self._db.now()
        seal, dialect = self._cipher.seal, self._db.dialect
        admitted: list[Found] = [one for one in chosen if not one.skipped]
        refused: list[Found] = [one for one in chosen if one.skipped] if len(admitted) < len(chosen) else []
        counts = []
        for state, group in ((State.WAITING, admitted), (State.SKIPPED, refused)):
            number, new = int(state), 0
            for start in range(0, len(group), dialect.most_rows):
                portion = group[start : start + dialect.most_rows]
                size = batch_size(len(portion), dialect)
                bound: list[object] = []
                for one in portion:
                    url = one.url
                    bound += (
                        frontier,
                        one.fingerprint,
                        url if url.isascii() and url.isprintable() else harmless(url),
                        lanes[one.slot, one.session],
                        one.callback,
                        one.priority,
                        one.depth,
                        number,
                        now,
                        now,
                        harmless(one.skipped) if number else None,
                        seal(one.extras, place_of_request(frontier, one.fingerprint)) if one.extras else None,
                        one.parent,
                    )
                bound += bound[-len(_INSERTED) :] * (size - len(portion))  # repeats are dropped as known
                rows, given = dialect.many(_INSERTED, bound)
                new += raw.execute(_INSERT + rows + _INSERT_END, given).rowcount
            counts.append(new)
        return counts[0], counts[1]

    def _make_lanes(self, raw: Transaction, missing: set[tuple[str, str]]) -> None:
        """Inside a transaction: make numbers for slots and sessions not met yet."""
        several = self._buckets > 1
        bound = (json.dumps([[*pair, bucket_of(pair[0]) if several else 0] for pair in sorted(missing)]),)
        raw.execute(self._slots_made, bound)
        raw.execute(self._lanes_made, bound)
        for slot, session, lane in json.loads(raw.execute(self._lanes_there, bound).fetchone()[0]):
            self._lanes[slot, session] = lane

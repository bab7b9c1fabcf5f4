"""Adding requests to the frontier, and the small questions about it.

Known requests are dropped by the unique index over fingerprints. In front of it stands a bounded memory of fingerprints
that are committed for sure: pages repeat the same links over and over, and asking a set costs a tenth of a microsecond.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from crawler.outcome import Found, State
from crawler.stores.connection import batch_size, values
from crawler.stores.part import Part
from crawler.stores.rows import FETCHED_AGAIN, harmless
from crawler.stores.sealed import place_of_request
from crawler.stores.told import Counts

_GENERATION = 32_768  # fingerprints in each of the two generations of the memory, about 3 MB each
_MOST_LANES = 20_000
_ADD_PORTION = 5_000

_INSERT = """INSERT INTO crawl_requests (frontier, fingerprint, url, lane, callback, priority, depth, state,
lease_until, sent_at, rule, extras, parent) VALUES """
_INSERT_END = " ON CONFLICT (frontier, fingerprint) DO NOTHING"
_INSERT_WIDTH = 13


def moment(seconds: float) -> float:
    """Rounded up to milliseconds: SQLite writes numbers into JSON with 15 digits, which must bring no time forward."""
    return math.ceil(seconds * 1000) / 1000


class Memory:
    """The fingerprints of one frontier that are known to be stored: a set that forgets the older half when full."""

    def __init__(self) -> None:
        self.frontier = 0
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def unknown(self, frontier: int, found: Iterable[Found]) -> dict[bytes, Found]:
        """Those of *found* that may be new, the first of each fingerprint."""
        if frontier != self.frontier:
            self.frontier, self._young, self._old = frontier, set(), set()
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


class FrontierPart(Part):
    """Requests: in, counted, paused, reopened."""

    def _setup(self) -> None:
        super()._setup()
        self._memory = Memory()
        self._lanes: dict[tuple[str, str], int] = {}
        self._owners: dict[str, int] = {}
        self._connection.on_rollback.append(self._lanes.clear)
        self._connection.on_rollback.append(self._owners.clear)

    def add(self, frontier: int, found: Sequence[Found], *, run: int) -> int:
        """Put requests into the frontier; known ones are ignored.

        Large numbers go in portions, each its own transaction: a reader or another writer never waits long.

        Returns:
            How many were new and are waiting.
        Raises:
            StoreError: The portions before the failed one are stored; adding all again adds the rest.
        """
        added = 0
        for start in range(0, len(found), _ADD_PORTION):
            fresh = self._memory.unknown(frontier, found[start : start + _ADD_PORTION])
            if fresh:
                with self._connection.write(expected_bytes=300 * len(fresh)) as raw:
                    waiting, skipped = self._add_found(raw, frontier, fresh.values())
                    self._count(raw, frontier, waiting_or_leased=waiting, skipped=skipped)
                self._memory.learn(frontier, fresh)
                added += waiting
        return added

    def _add_found(self, raw: sqlite3.Connection, frontier: int, found: Iterable[Found]) -> tuple[int, int]:
        """Inside a transaction. Returns how many were new: waiting, and skipped by a rule."""
        chosen = list(found)
        lanes = self._lanes
        missing = {(one.slot, one.session) for one in chosen if (one.slot, one.session) not in lanes}
        if missing:
            self._make_lanes(raw, missing)
            lanes = self._lanes
        now = self._clock()
        seal = self._cipher.seal
        admitted: list[Found] = [one for one in chosen if not one.skipped]
        refused: list[Found] = [one for one in chosen if one.skipped] if len(admitted) < len(chosen) else []
        counts = []
        for state, group in ((State.WAITING, admitted), (State.SKIPPED, refused)):
            number, new = int(state), 0
            for start in range(0, len(group), 128):
                portion = group[start : start + 128]
                size = batch_size(len(portion))
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
                bound += bound[-_INSERT_WIDTH:] * (size - len(portion))  # repeats are dropped as known
                new += raw.execute(_INSERT + values(_INSERT_WIDTH, size) + _INSERT_END, bound).rowcount
            counts.append(new)
        return counts[0], counts[1]

    def _make_lanes(self, raw: sqlite3.Connection, missing: set[tuple[str, str]]) -> None:
        """Inside a transaction: numbers for slots and sessions that we have not met yet."""
        if len(self._lanes) > _MOST_LANES:
            self._lanes.clear()
        pairs = json.dumps(sorted(missing))
        raw.execute(
            "INSERT INTO crawl_slots (name) SELECT DISTINCT json_extract(value, '$[0]') FROM json_each(?) WHERE true"
            " ON CONFLICT (name) DO NOTHING",
            (pairs,),
        )
        raw.execute(
            "INSERT INTO crawl_lanes (slot, session) SELECT s.id, json_extract(j.value, '$[1]') FROM json_each(?) j"
            " JOIN crawl_slots s ON s.name = json_extract(j.value, '$[0]') WHERE true"
            " ON CONFLICT (slot, session) DO NOTHING",
            (pairs,),
        )
        row = raw.execute(
            "SELECT json_group_array(json_array(s.name, l.session, l.id)) FROM json_each(?) j"
            " JOIN crawl_slots s ON s.name = json_extract(j.value, '$[0]')"
            " JOIN crawl_lanes l ON l.slot = s.id AND l.session = json_extract(j.value, '$[1]')",
            (pairs,),
        ).fetchone()
        for slot, session, lane in json.loads(row[0]):
            self._lanes[slot, session] = lane

    def _owner(self, raw: sqlite3.Connection, owner: str) -> int:
        """Inside a transaction: the number of an owner."""
        number = self._owners.get(owner)
        if number is None:
            raw.execute("INSERT INTO crawl_owners (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (owner,))
            number = int(raw.execute("SELECT id FROM crawl_owners WHERE name = ?", (owner,)).fetchone()[0])
            self._owners[owner] = number
        return number

    def _count(self, raw: sqlite3.Connection, frontier: int, **changes: int) -> None:
        """Inside a transaction: move the counters of a frontier by *changes*."""
        moved = {name: change for name, change in changes.items() if change}
        if moved:
            sets = ", ".join(f"{name} = {name} + ?" for name in moved)
            raw.execute(f"UPDATE crawl_frontiers SET {sets} WHERE id = ?", (*moved.values(), frontier))

    def counts(self, frontier: int) -> Counts:
        """Read from counters; only the leased rows, which are few, are counted."""
        row = self._connection.one(
            "SELECT waiting_or_leased, (SELECT count(*) FROM crawl_requests WHERE frontier = f.id AND state = 1),"
            " done, failed, skipped, parked, pages, items FROM crawl_frontiers f WHERE id = ?",
            (frontier,),
        )
        if row is None:
            return Counts()
        either, leased, *others = row
        return Counts(either - leased, leased, *others)

    def skipped_by(self, frontier: int) -> dict[str, int]:
        """Rule to number of requests that it refused, most first."""
        rows = self._connection.read(
            "SELECT coalesce(rule, ''), count(*) FROM crawl_requests WHERE frontier = ? AND state = 4"
            " AND state >= 3 GROUP BY 1 ORDER BY 2 DESC",
            (frontier,),
        )
        return {str(rule): int(count) for rule, count in rows}

    def waiting_by(self, frontier: int) -> dict[str, int]:
        """Slot to number of waiting requests, most first; counted in the indexes of waiting rows."""
        rows = self._connection.read(
            "SELECT s.name, sum(w.number) FROM (SELECT lane, count(*) AS number FROM crawl_requests"
            " WHERE frontier = :frontier AND state = 0 AND not_before = 0 GROUP BY lane UNION ALL"
            " SELECT lane, count(*) FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before > 0"
            " GROUP BY lane) w JOIN crawl_lanes l ON l.id = w.lane JOIN crawl_slots s ON s.id = l.slot"
            " GROUP BY s.id ORDER BY 2 DESC, 1",
            {"frontier": frontier},
        )
        return {str(slot): int(number) for slot, number in rows}

    def pause_slot(self, slot: str, until: float) -> None:
        """Let nothing of *slot* be leased for sending before *until*; a pause is only ever made longer."""
        with self._connection.write() as raw:
            self._pause(raw, {slot: until})

    def reserve(self, slot: str, *, delay_s: float) -> float:
        """Take the next sending time of a slot for a request that is not in the frontier (a login step, a redirect)."""
        with self._connection.write() as raw:
            now = self._clock()
            raw.execute("INSERT INTO crawl_slots (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (slot,))
            found = raw.execute("SELECT max(next_at, paused_until) FROM crawl_slots WHERE name = ?", (slot,)).fetchone()
            at = max(now, float(found[0]))
            raw.execute("UPDATE crawl_slots SET next_at = ? WHERE name = ?", (moment(at + delay_s), slot))
        return at

    def give_back_turns(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Reserved sending times that nobody uses; see `Store.give_back_turns`."""
        if not turns:
            return
        with self._connection.write() as raw:
            raw.executemany(
                "UPDATE crawl_slots SET next_at = ? WHERE name = ? AND next_at > ? AND next_at <= ?",
                [(moment(max(free, now)), slot, moment(free), moment(last)) for slot, (free, last) in turns.items()],
            )

    def _pause(self, raw: sqlite3.Connection, pauses: dict[str, float]) -> None:
        raw.execute(
            "INSERT INTO crawl_slots (name, paused_until) SELECT key, value FROM json_each(?) WHERE true"
            " ON CONFLICT (name) DO UPDATE SET paused_until = max(paused_until, excluded.paused_until)",
            (json.dumps({slot: moment(until) for slot, until in pauses.items()}),),
        )

    def reopen(
        self,
        frontier: int,
        *,
        states: Sequence[int],
        session: str | None = None,
        errors: Sequence[str] | None = None,
    ) -> int:
        """Put failed, skipped or parked requests back to waiting with no attempts on their account.

        What their last try had stored is removed in the same transaction.
        """
        wanted = sorted({int(state) for state in states} & {State.DONE, State.FAILED, State.SKIPPED, State.PARKED})
        condition = "frontier = ? AND state = ?"
        extra: tuple[object, ...] = ()
        if session is not None:
            condition += " AND lane IN (SELECT id FROM crawl_lanes WHERE session = ?)"
            extra = (session,)
        if errors is not None:
            condition += " AND coalesce(error, '') IN (SELECT value FROM json_each(?))"
            extra += (json.dumps(list(errors)),)
        reopened = 0
        with self._connection.write() as raw:
            for state in wanted:
                sure = condition + (" AND state >= 3" if state >= 3 else "")  # lets the partial index be used
                reopened += self._reopen(raw, frontier, State(state), sure, (frontier, state, *extra))
        return reopened

    def failed_errors(self, frontier: int) -> list[str]:
        """All errors of failed requests, each once, most frequent first."""
        rows = self._connection.read(
            "SELECT coalesce(error, '') FROM crawl_requests WHERE frontier = ? AND state = 3 AND state >= 3"
            " GROUP BY 1 ORDER BY count(*) DESC",
            (frontier,),
        )
        return [str(error) for (error,) in rows]

    def park(self, frontier: int, *, session: str) -> int:
        """Put the waiting requests of a session aside until a person has seen to it; `reopen` brings them back."""
        with self._connection.write() as raw:
            number = 0
            for moment in ("= 0", "> 0"):  # ready, delayed: an index serves each
                number += raw.execute(
                    f"UPDATE crawl_requests SET state = 5, not_before = 0 WHERE frontier = ? AND state = 0"
                    f" AND not_before {moment} AND lane IN (SELECT id FROM crawl_lanes WHERE session = ?)",
                    (frontier, session),
                ).rowcount
            self._count(raw, frontier, parked=number, waiting_or_leased=-number)
        return number

    def _reopen(
        self, raw: sqlite3.Connection, frontier: int, state: State, condition: str, parameters: Sequence[object]
    ) -> int:
        removed = self._remove_items(raw, condition, parameters)
        self._remove_files(raw, condition, parameters)
        number = raw.execute(
            "UPDATE crawl_requests SET state = 0, attempt = 0, not_before = 0, owner = 0, error = NULL,"
            f" rule = CASE WHEN state = 2 OR rule = ? THEN ? END WHERE {condition}",
            (FETCHED_AGAIN, FETCHED_AGAIN, *parameters),
        ).rowcount
        self._count(raw, frontier, **{state.name.lower(): -number, "waiting_or_leased": number, "items": -removed})
        return number

    def prove_pages(self, frontier: int, *, ids: Sequence[int], epoch: int) -> None:
        """Done pages of *epoch* did prove themselves after all: `quarantine` leaves them as they are."""
        with self._connection.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET proven = 1 WHERE frontier = ? AND state = 2 AND proven = 0 AND epoch = ?"
                " AND id IN (SELECT value FROM json_each(?))",
                (frontier, epoch, json.dumps(list(ids))),
            )

    def prove_frontier(self, frontier: int) -> None:
        """All done pages turned out to be certain, at the end of a crawl."""
        with self._connection.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET proven = 1 WHERE frontier = ? AND state = 2 AND proven = 0", (frontier,)
            )

    def quarantine(self, frontier: int, *, session: str, epoch: int, since: float) -> int:
        """Reopen done pages of *session* sent at or after *since* in *epoch* that did not prove themselves.

        Their items are removed in the same transaction and come back when the page is fetched again.
        """
        condition = (
            "frontier = ? AND state = 2 AND proven = 0 AND sent_at >= ? AND epoch = ?"
            " AND coalesce(session_name, (SELECT session FROM crawl_lanes WHERE id = lane)) = ?"
        )
        with self._connection.write() as raw:
            return self._reopen(raw, frontier, State.DONE, condition, (frontier, since, epoch, session))

    def _remove_items(self, raw: sqlite3.Connection, condition: str, parameters: Sequence[object]) -> int:
        raise NotImplementedError  # ItemsPart does it

    def _remove_files(self, raw: sqlite3.Connection, condition: str, parameters: Sequence[object]) -> None:
        raise NotImplementedError  # FilesPart does it

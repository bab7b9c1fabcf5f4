"""Leasing: which requests go out next, and from when.

One transaction does all of it, so that two processes never break a delay together: find the lanes that have something
ready and may send within the horizon, share the places fairly between their slots, reserve the times, mark the rows. A
lane is found by jumping from one to the next in the index of ready rows. A call looks at as many as it has places for,
and at more only where these may not send; the next call continues where it stopped.

Rows that wait for a moment (`not_before`) and expired leases have indexes of their own and are moved to the ready ones
when their time has come, so that they are never in the way of others.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import Leased
from crawler.pacing import ASKED_EACH_S
from crawler.stores.base import Cipher, LeaseTerms
from crawler.stores.driver import LEASES, Dialect, Driver, Transaction
from crawler.stores.policy.sharing import WaitingSlot, share
from crawler.stores.rows import FETCHED_AGAIN
from crawler.stores.sealed import place_of_request
from crawler.stores.sql.found_rows import Owners
from crawler.stores.sql.lease_memory import LeaseMemory
from crawler.stores.sql.lost_keys import LostKeys
from crawler.stores.sql.slot_rows import moment
from crawler.url_users import without_user

_LANES_AT_ONCE, _FEWEST_LANES = 256, 32
_MOST_ROUNDS = 16
_ALL_LANES = 2**62
_LEARNED_LASTS_S = (
    600.0  #: how long a host that said we are too fast is asked less often, unless something longer is learned
)

_BEST = "crawl_requests WHERE {} AND lane = {} {}ORDER BY {} LIMIT :most"
_READY = "frontier = :frontier AND state = 0 AND not_before = 0"
_WALK = f"""
WITH RECURSIVE walk (lane, number) AS (
    SELECT (SELECT lane FROM crawl_requests WHERE {_READY} AND lane > :after ORDER BY lane LIMIT 1), 1
    UNION ALL
    SELECT (SELECT lane FROM crawl_requests WHERE {_READY} AND lane > walk.lane ORDER BY lane LIMIT 1), walk.number + 1
    FROM walk WHERE walk.lane IS NOT NULL AND walk.number < :most
)"""


class _Statements:
    """The queries, in one database's SQL."""

    def __init__(self, dialect: Dialect) -> None:
        free_at = f"{dialect.greatest}(s.next_at, s.paused_until)"
        slowed = f"{dialect.greatest}(s.slowed_s, CASE WHEN s.openings > 0 THEN {ASKED_EACH_S} ELSE 0 END)"
        learned = (
            f"{dialect.greatest}(s.crawl_delay_s * :crawl_delays,"
            f" CASE WHEN s.learned_at > :fresh THEN {slowed} * :throttle ELSE 0 END)"
        )
        slot = f"{dialect.json_row}(walk.lane, s.id, s.name, l.session, {free_at}, {learned})"
        row = (
            f"{dialect.json_row}(r.id, r.url, r.lane, r.callback, r.priority, r.depth, r.attempt, r.token,"
            f" {dialect.hex('r.fingerprint')}, r.rule, {dialect.hex('r.extras')})"
        )
        moments = """
    (SELECT min(lease_until) FROM crawl_requests WHERE frontier = :frontier AND state = 1 AND lease_until >= :since),
    (SELECT min(not_before) FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before > 0)"""
        joined = "walk LEFT JOIN crawl_lanes l ON l.id = walk.lane LEFT JOIN crawl_slots s ON s.id = l.slot"
        ready = f"{_WALK} SELECT count(walk.lane), max(walk.lane), {dialect.json_list(slot, f'{free_at} <= :horizon')}"
        self.look, self.look_at_lanes = f"{ready},{moments} FROM {joined}", f"{ready} FROM {joined}"
        best = _BEST.format(_READY, ":lane", dialect.behind(":rank", ":number"), dialect.best_first)
        one = f"SELECT * FROM {best}{dialect.for_claim}"
        self.pick_one = f"SELECT {dialect.json_list(row)} FROM ({one}) r"
        columns = ("lane", "rank", "number") if dialect.keeps_versions else ("lane",)
        lanes = dialect.rows(dict.fromkeys(columns, "integer"), ":lanes")
        best = _BEST.format(_READY, "j.lane", dialect.behind("j.rank", "j.number"), dialect.best_first)
        each = dialect.joined_each("crawl_requests", best)
        self.pick_many = f"SELECT {dialect.json_list(row)} FROM {lanes} j {each}"
        self.free = f"SELECT id, {free_at}, {learned} FROM crawl_slots s WHERE id IN ({dialect.numbers(':slots')})"
        self.lock = (
            f"SELECT id, {dialect.greatest}(next_at, paused_until) FROM crawl_slots WHERE id IN ({dialect.numbers()})"
            f" ORDER BY id{dialect.for_claim}"
        )
        self.claim = (
            "UPDATE crawl_requests SET state = 1, token = token + 1, owner = ?, lease_until = ?"
            f" WHERE id IN ({dialect.numbers()}){dialect.in_lanes}"
        )
        self.due = f"{_WALK} SELECT (SELECT min({free_at}) FROM {joined}),{moments}"
        self.renew = (
            f"UPDATE crawl_requests SET lease_until = {dialect.greatest}(lease_until, ?)"
            " WHERE frontier = ? AND state = 1 AND owner = ?"
        )
        self.reserve = (
            f"UPDATE crawl_slots SET next_at = j.at FROM {dialect.rows({'slot': 'integer', 'at': 'real'})} j"
            " WHERE crawl_slots.id = j.slot"
        )


class LeaseRows:
    """Handing out requests."""

    def __init__(self, driver: Driver, cipher: Cipher, owners: Owners) -> None:
        self._db, self._cipher, self._owners = driver, cipher, owners
        self._lost = LostKeys(driver, cipher)
        self.without_key = self._lost.without_key
        self._statements, self._numbers = _Statements(driver.dialect), driver.dialect.numbers()
        self._cursor: dict[int, int] = {}
        self.chance = random.Random()
        self.memory = LeaseMemory()
        driver.on_rollback.append(self.memory.forget)

    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        """Claim waiting requests until the lease runs out; see `LeaseStore.lease`."""
        if terms.limit < 1:
            return []
        with self._db.write(beside=LEASES) as raw:
            now = self._db.now()
            if now < self._db.restarted.settled_at:
                return []
            slots, sessions, chosen = self._choose(raw, frontier, now, terms)
            if not chosen and self.memory.is_used():
                self.memory.forget()
                slots, sessions, chosen = self._choose(raw, frontier, now, terms)
            if not chosen:
                return []
            self.memory.claim((row[2], row[4], row[0]) for _, _, row in chosen)
            number = self._owners.number(raw, owner)
            raw.execute(
                self._statements.claim,
                (
                    number,
                    now + terms.lease_s,
                    json.dumps([row[0] for _, _, row in chosen]),
                    *self._db.dialect.lanes(row[2] for _, _, row in chosen),
                ),
            )
            self._reserve(raw, slots)
            leased, unreadable = self._leased(frontier, chosen, slots, sessions, terms, now)
            if unreadable:
                self._lost.put_aside(raw, frontier, unreadable)
        return leased

    def _limited(self, raw: Transaction, terms: LeaseTerms) -> LeaseTerms:
        """As many as the run's `max_pages` leaves for all its processes, which wait for one another here."""
        raw.execute("UPDATE crawl_runs SET max_pages = max_pages WHERE id = ?", (terms.limited_run,))
        most = raw.execute("SELECT max_pages FROM crawl_runs WHERE id = ?", (terms.limited_run,)).fetchone()[0]
        left = most - sum(self.begun(terms.limited_run)) + terms.uncounted
        return replace(terms, limit=min(terms.limit, left))

    def begun(self, run: int) -> tuple[int, int]:
        """Pages of a run that are done, and requests being worked on; see `LeaseStore.begun`."""
        row = self._db.one(
            "SELECT f.pages - r.pages_before, (SELECT count(*) FROM crawl_requests WHERE frontier = f.id AND state = 1"
            " AND lease_until > ?) FROM crawl_runs r JOIN crawl_frontiers f ON f.id = r.frontier WHERE r.id = ?",
            (self._db.now(), run),
        )
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)

    def _choose(
        self, raw: Transaction, frontier: int, now: float, terms: LeaseTerms
    ) -> tuple[list[WaitingSlot], dict[int, str], list[tuple[float, int, list[Any]]]]:
        """The slots in which something is claimed, the sessions of their lanes, and the rows, each with its moment."""
        slots, sessions = self._look(raw, frontier, now, terms)
        if slots:
            self._claim(raw, slots, terms.limit)
        if not slots:
            return slots, sessions, []
        if terms.limited_run:
            terms = self._limited(raw, terms)
            if terms.limit < 1:
                return slots, sessions, []
        self._pick(raw, frontier, slots, terms.limit, terms.per_slot)
        return slots, sessions, share(slots, now, terms, chance=self.chance, moment=moment)

    def _look(
        self, raw: Transaction, frontier: int, now: float, terms: LeaseTerms
    ) -> tuple[list[WaitingSlot], dict[int, str]]:
        """The slots that have something ready and may send within the horizon, and the session of each lane."""
        slots: dict[int, WaitingSlot] = {}
        sessions: dict[int, str] = {}
        excluded, full = terms.exclude_sessions, terms.exclude_slots
        start = after = self._cursor.get(frontier, 0)
        wrapped = start == 0
        most = min(max(terms.limit, _FEWEST_LANES), _LANES_AT_ONCE)
        for _ in range(_MOST_ROUNDS):
            more, last, found = self._window(raw, frontier, (after, most), now, terms)
            most = _LANES_AT_ONCE
            for lane, slot, name, session, available_at, learned_s in found:
                if session not in excluded and name not in full and lane not in sessions:
                    sessions[lane] = session
                    slots.setdefault(slot, WaitingSlot(slot, name, available_at, [], [], learned_s)).lanes.append(lane)
            if len(slots) >= terms.limit:
                break
            if not more:  # the end of the index
                if wrapped:
                    break
                wrapped, after = True, 0
                continue
            after = last
            if wrapped and start and after >= start:
                break
        self._cursor[frontier] = last if more else 0
        return list(slots.values()), sessions

    def _window(
        self, raw: Transaction, frontier: int, which: tuple[int, int], now: float, terms: LeaseTerms
    ) -> tuple[bool, int, list[list[Any]]]:
        """The next lanes that have something ready: whether there are more, the last, and those that may send soon.

        Args:
            which: The lane after which they begin, and how many there are.
        """
        (after, most), horizon = which, now + terms.horizon_s
        bound: dict[str, Any] = {
            "frontier": frontier,
            "after": after,
            "most": most,
            "horizon": horizon,
            "fresh": now - _LEARNED_LASTS_S,
            "crawl_delays": int(terms.crawl_delays),
            "throttle": int(terms.throttle),
            "since": 0.0,
        }
        if not self._db.dialect.keeps_versions:
            count, last, found = self._found(raw, bound, now, self._statements.look)
            return count == most, last, found
        known = self.memory.seen(frontier, after)
        if known is None:
            asks, began = self.memory.may_ask(), time.monotonic()
            look = self._statements.look if asks else self._statements.look_at_lanes
            bound |= {"horizon": _ALL_LANES, "since": self.memory.since()}
            count, last, found = self._found(raw, bound, now, look)
            if asks:
                self.memory.asked(began, now)
            more = count == most
            self.memory.learn(frontier, after, found, (more, last), began=began)
        else:
            more, last = known.more, known.last
            bound["slots"] = json.dumps(sorted({slot for _, slot, *_ in known.lanes}))
            rows = raw.execute(self._statements.free, bound).fetchall()
            states = {slot: state for slot, *state in rows}
            found = [[*lane[:4], *states[lane[1]]] for lane in known.lanes]
        return more, last, [each for each in found if each[4] <= horizon]

    def _found(
        self, raw: Transaction, bound: dict[str, Any], now: float, look: str
    ) -> tuple[int, int, list[list[Any]]]:
        count, last, found, *moments = raw.execute(look, bound).fetchone()
        if any(moment is not None and moment <= now for moment in moments):
            self._wake(raw, bound["frontier"], now)
            count, last, found, *_ = raw.execute(look, bound).fetchone()
        return count, last or 0, json.loads(found)

    def _wake(self, raw: Transaction, frontier: int, now: float) -> None:
        """Make ready what has waited long enough and what a dead process held. Owner and token of the latter stay:
        should the process be alive after all and commit before another has claimed the row, its work counts."""
        raw.execute(
            "UPDATE crawl_requests SET state = 0 WHERE frontier = ? AND state = 1 AND lease_until <= ?", (frontier, now)
        )
        raw.execute(
            "UPDATE crawl_requests SET not_before = 0 WHERE frontier = ? AND state = 0 AND not_before > 0"
            " AND not_before <= ?",
            (frontier, now),
        )

    def _claim(self, raw: Transaction, slots: list[WaitingSlot], limit: int) -> None:
        """Keep only slots in which requests are to be claimed and no other process is claiming any."""
        if len(slots) > limit:  # places for some of them only: which ones is left to chance, so that none starves
            slots[:] = self.chance.sample(slots, limit)
        if self._db.dialect.for_claim:  # others claim alongside us: what was read about a slot may be outdated
            bound = (json.dumps([slot.id for slot in slots]),)
            free_at = dict(raw.execute(self._statements.lock, bound).fetchall())
            slots[:] = [slot for slot in slots if slot.id in free_at]
            for slot in slots:
                slot.available_at = free_at[slot.id]

    def _pick(self, raw: Transaction, frontier: int, slots: list[WaitingSlot], limit: int, per_slot: int) -> None:
        """Fill `rows` of each slot with its best candidates, best first."""
        by_lane = {lane: slot for slot in slots for lane in slot.lanes}
        most = limit if not per_slot else min(limit, per_slot)
        if len(by_lane) == 1:
            (lane,) = by_lane
            rank, behind = self.memory.front(lane)
            bound: dict[str, Any] = {"frontier": frontier, "lane": lane, "most": most, "rank": rank, "number": behind}
            slots[0].rows = json.loads(raw.execute(self._statements.pick_one, bound).fetchone()[0])
            slots[0].more = len(slots[0].rows) == most
            return
        first = min(most, math.ceil(limit / len(slots)))
        lanes = list(by_lane)
        while lanes:
            bound = {"frontier": frontier, "lanes": json.dumps(self._fronts(lanes)), "most": first}
            taken: dict[int, list[list[Any]]] = {lane: [] for lane in lanes}
            for row in json.loads(raw.execute(self._statements.pick_many, bound).fetchone()[0]):
                taken[row[2]].append(row)
            for lane, rows in taken.items():
                slot = by_lane[lane]
                slot.rows = [row for row in slot.rows if row[2] != lane] + rows
            have = sum(min(len(slot.rows), most) for slot in slots)
            lanes = [lane for lane, rows in taken.items() if len(rows) == first]  # these may have more
            if have >= limit or first >= most:
                break
            first = most
        for slot in slots:
            slot.rows.sort(key=lambda row: (-row[4], row[0]))
            slot.more = not set(lanes).isdisjoint(slot.lanes)

    def _fronts(self, lanes: Sequence[int]) -> list[tuple[int, ...]]:
        if not self._db.dialect.keeps_versions:
            return [(lane,) for lane in lanes]
        return [(lane, *self.memory.front(lane)) for lane in lanes]

    def _reserve(self, raw: Transaction, slots: Sequence[WaitingSlot]) -> None:
        moved = [(slot.id, slot.available_at) for slot in slots if slot.moved]
        if moved:
            raw.execute(self._statements.reserve, (json.dumps(moved),))

    def _leased(
        self,
        frontier: int,
        chosen: Sequence[tuple[float, int, list[Any]]],
        slots: Sequence[WaitingSlot],
        sessions: Mapping[int, str],
        terms: LeaseTerms,
        now: float,
    ) -> tuple[list[Leased], list[tuple[int, bool]]]:
        """What the engine gets, and the ids of rows whose extras cannot be read, with whether the key is missing."""
        names = {slot.id: slot.name for slot in slots}
        unopen = self._cipher.open
        leased: list[Leased] = []
        unreadable: list[tuple[int, bool]] = []
        for send_at, slot, row in chosen:
            id_, url, lane, callback, priority, depth, attempt, token, fingerprint, rule, sealed = row
            extras, known_as = "", bytes.fromhex(fingerprint)
            if sealed:
                bound, place = bytes.fromhex(sealed), place_of_request(frontier, known_as)
                try:
                    extras = unopen(bound, place)
                except SessionError:
                    unreadable.append((id_, self._lost.lacks_key(bound, place)))
                    continue
            leased.append(
                Leased(
                    id=id_,
                    url=without_user(url),  # an older version stored it
                    slot=names[slot],
                    session=sessions[lane],
                    callback=callback,
                    priority=priority,
                    depth=depth,
                    extras=extras,
                    attempt=attempt,
                    send_at=send_at,
                    token=token + 1,
                    fingerprint=known_as,
                    until=now + terms.lease_s,
                    again=rule == FETCHED_AGAIN,
                    lane=lane,
                    late_s=terms.late_s,
                )
            )
        return leased, unreadable

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        """Extend all leases of *owner* to *lease_s* seconds from now; none is cut short. Returns how many it holds."""
        with self._db.write() as raw:
            return raw.execute(
                self._statements.renew,
                (self._db.now() + lease_s, frontier, self._owners.number(raw, owner)),
            ).rowcount

    def release(self, frontier: int, *, owner: str, ids: Sequence[int]) -> None:
        """Give unsent requests back as they were; those that we no longer hold are left alone."""
        if not ids:
            return
        self.memory.forget()
        with self._db.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET state = 0, owner = 0 WHERE frontier = ? AND state = 1 AND owner = ?"
                f" AND id IN ({self._numbers})",
                (frontier, self._owners.number(raw, owner), json.dumps(list(ids))),
            )

    def next_due(self, frontier: int) -> float | None:
        """When the next waiting (or expired leased) request may be sent; None when nothing waits or is leased."""
        bound = {"frontier": frontier, "after": 0, "most": _ALL_LANES, "since": 0.0}
        row = self._db.one(self._statements.due, bound)
        moments = [at for at in row or () if at is not None]
        return max(min(moments), self._db.restarted.settled_at) if moments else None

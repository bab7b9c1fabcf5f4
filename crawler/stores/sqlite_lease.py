"""Leasing: which requests go out next, and from when.

One transaction does all of it, so that two processes never break a delay together: look which lanes have something
ready and may send within the horizon, share the places fairly between their slots, reserve the times, mark the rows. A
lane is found by jumping from one to the next in the index of ready rows; with more lanes than `_LANES_AT_ONCE` each
call goes on where the last one stopped.

Rows that wait for a moment (`not_before`) and leases that ran out lie in indexes of their own and are moved to the
ready ones when their time has come, so that they never stand in the way of others.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawler.errors import SessionError
from crawler.outcome import Leased
from crawler.stores.base import LeaseTerms, SlotRule
from crawler.stores.rows import FETCHED_AGAIN
from crawler.stores.sealed import place_of_request
from crawler.stores.sqlite_frontier import FrontierPart, moment

_LANES_AT_ONCE = 256
_MOST_ROUNDS = 16

_READY = "frontier = :frontier AND state = 0 AND not_before = 0"
_WALK = f"""
WITH RECURSIVE walk (lane) AS (
    SELECT (SELECT lane FROM crawl_requests WHERE {_READY} AND lane > :after ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT lane FROM crawl_requests WHERE {_READY} AND lane > walk.lane ORDER BY lane LIMIT 1)
    FROM walk WHERE walk.lane IS NOT NULL LIMIT :most
)"""
_LOOK = f"""{_WALK}
SELECT count(walk.lane), max(walk.lane),
    json_group_array(json_array(walk.lane, s.id, s.name, l.session, max(s.next_at, s.paused_until)))
        FILTER (WHERE max(s.next_at, s.paused_until) <= :horizon),
    (SELECT min(lease_until) FROM crawl_requests WHERE frontier = :frontier AND state = 1),
    (SELECT min(not_before) FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before > 0)
FROM walk LEFT JOIN crawl_lanes l ON l.id = walk.lane LEFT JOIN crawl_slots s ON s.id = l.slot
"""
_ROW = (
    "json_array(r.id, r.url, r.lane, r.callback, r.priority, r.depth, r.attempt, r.token, hex(r.fingerprint), r.rule,"
    " hex(r.extras))"
)
_PICK_ONE = f"""
SELECT json_group_array({_ROW}) FROM (
    SELECT * FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before = 0 AND lane = :lane
    ORDER BY priority DESC, id LIMIT :most
) r"""
_PICK_MANY = f"""
SELECT json_group_array({_ROW}) FROM json_each(:lanes) j CROSS JOIN crawl_requests r ON r.id IN (
    SELECT id FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before = 0 AND lane = j.value
    ORDER BY priority DESC, id LIMIT :most
)"""
_DUE = f"""{_WALK}
SELECT (SELECT min(max(s.next_at, s.paused_until)) FROM walk JOIN crawl_lanes l ON l.id = walk.lane
        JOIN crawl_slots s ON s.id = l.slot),
    (SELECT min(lease_until) FROM crawl_requests WHERE frontier = :frontier AND state = 1),
    (SELECT min(not_before) FROM crawl_requests WHERE frontier = :frontier AND state = 0 AND not_before > 0)
"""


@dataclass(slots=True)
class _Slot:
    """A slot that may send now or soon, and what of it was chosen."""

    id: int
    name: str
    available_at: float
    lanes: list[int]
    rows: list[list[Any]]
    moved: bool = False  #: available_at was moved and is to be stored


class LeasePart(FrontierPart):
    """Requests: out."""

    def _setup(self) -> None:
        super()._setup()
        self._cursor: dict[int, int] = {}
        self._random = random.Random()

    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        """Claim waiting requests until the lease runs out; see `Store.lease`."""
        if terms.limit < 1:
            return []
        with self._connection.write() as raw:
            now = self._clock()
            slots, sessions = self._look(raw, frontier, now, terms)
            if not slots:
                return []
            self._pick(raw, frontier, slots, terms.limit, terms.per_slot)
            chosen = self._share(slots, now, terms)
            if not chosen:
                return []
            number = self._owner(raw, owner)
            raw.execute(
                "UPDATE crawl_requests SET state = 1, token = token + 1, owner = ?, lease_until = ?"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (number, now + terms.lease_s, json.dumps([row[0] for _, _, row in chosen])),
            )
            self._reserve(raw, slots)
            leased, unreadable = self._leased(frontier, chosen, slots, sessions, now + terms.lease_s)
            if unreadable:
                self._give_up(raw, frontier, unreadable)
        return leased

    def _look(
        self, raw: sqlite3.Connection, frontier: int, now: float, terms: LeaseTerms
    ) -> tuple[list[_Slot], dict[int, str]]:
        """The slots that have something ready and may send within the horizon, and the session of each lane."""
        slots: dict[int, _Slot] = {}
        sessions: dict[int, str] = {}
        excluded, full = terms.exclude_sessions, terms.exclude_slots
        start = after = self._cursor.get(frontier, 0)
        wrapped = start == 0
        for _ in range(_MOST_ROUNDS):
            bound = {"frontier": frontier, "after": after, "most": _LANES_AT_ONCE + 1, "horizon": now + terms.horizon_s}
            seen, last, found, lease_until, not_before = raw.execute(_LOOK, bound).fetchone()
            if (lease_until is not None and lease_until <= now) or (not_before is not None and not_before <= now):
                self._wake(raw, frontier, now)
                seen, last, found, *_ = raw.execute(_LOOK, bound).fetchone()
            for lane, slot, name, session, available_at in json.loads(found):
                if session not in excluded and name not in full and lane not in sessions:
                    sessions[lane] = session
                    slots.setdefault(slot, _Slot(slot, name, available_at, [], [])).lanes.append(lane)
            if seen <= _LANES_AT_ONCE:  # the end of the index
                if wrapped:
                    last = 0
                    break
                wrapped, after = True, 0
                continue
            after = last
            if len(slots) >= terms.limit or (wrapped and start and after >= start):
                break
        self._cursor[frontier] = last if last is not None and seen > _LANES_AT_ONCE else 0
        return list(slots.values()), sessions

    def _wake(self, raw: sqlite3.Connection, frontier: int, now: float) -> None:
        """Make ready what has waited long enough and what a dead process held. Owner and token of the latter stay:
        should the process live after all and commit before anybody else has claimed the row, its work counts."""
        raw.execute(
            "UPDATE crawl_requests SET state = 0 WHERE frontier = ? AND state = 1 AND lease_until <= ?", (frontier, now)
        )
        raw.execute(
            "UPDATE crawl_requests SET not_before = 0 WHERE frontier = ? AND state = 0 AND not_before > 0"
            " AND not_before <= ?",
            (frontier, now),
        )

    def _pick(self, raw: sqlite3.Connection, frontier: int, slots: list[_Slot], limit: int, per_slot: int) -> None:
        """Fill `rows` of each slot with its best candidates, best first."""
        if len(slots) > limit:  # places for some of them only: which ones is left to chance, so that none starves
            slots[:] = self._random.sample(slots, limit)
        by_lane = {lane: slot for slot in slots for lane in slot.lanes}
        most = limit if not per_slot else min(limit, per_slot)
        if len(by_lane) == 1:
            bound: dict[str, Any] = {"frontier": frontier, "lane": next(iter(by_lane)), "most": most}
            slots[0].rows = json.loads(raw.execute(_PICK_ONE, bound).fetchone()[0])
            return
        first = min(most, math.ceil(limit / len(slots)))
        lanes = list(by_lane)
        while lanes:
            bound = {"frontier": frontier, "lanes": json.dumps(lanes), "most": first}
            taken: dict[int, list[list[Any]]] = {lane: [] for lane in lanes}
            for row in json.loads(raw.execute(_PICK_MANY, bound).fetchone()[0]):
                taken[row[2]].append(row)
            for lane, rows in taken.items():
                slot = by_lane[lane]
                slot.rows = [row for row in slot.rows if row[2] != lane] + rows
            have = sum(min(len(slot.rows), most) for slot in slots)
            if have >= limit or first >= most:
                break
            lanes = [lane for lane, rows in taken.items() if len(rows) == first]  # these may have more
            first = most
        for slot in slots:
            slot.rows.sort(key=lambda row: (-row[4], row[0]))

    def _share(self, slots: list[_Slot], now: float, terms: LeaseTerms) -> list[tuple[float, int, list[Any]]]:
        """Places for the candidates, one of each slot in turn: (send at, slot, row), earliest and highest first."""
        chosen: list[tuple[float, int, list[Any]]] = []
        queues: list[tuple[_Slot, SlotRule, list[list[Any]]]] = []
        if len(slots) > 1:
            self._random.shuffle(slots)  # else the same ones would always be first where places are few
        for slot in slots:
            rows = slot.rows[: terms.per_slot] if terms.per_slot else slot.rows
            queues.append((slot, terms.rules.get(slot.name, terms.default_rule), rows))
        place = 0
        while queues and len(chosen) < terms.limit:
            going_on = []
            for slot, rule, rows in queues:
                if len(chosen) >= terms.limit:
                    break
                send_at = max(now, slot.available_at)
                if place >= len(rows) or send_at > now + terms.horizon_s:
                    continue
                chosen.append((send_at, slot.id, rows[place]))
                if rule.delay_s > 0:
                    slot.available_at = moment(send_at + rule.delay_s * (1 + rule.jitter * self._random.random()))
                    slot.moved = True
                going_on.append((slot, rule, rows))
            queues, place = going_on, place + 1
        chosen.sort(key=lambda one: (one[0], -one[2][4], one[2][0]))
        return chosen

    def _reserve(self, raw: sqlite3.Connection, slots: Sequence[_Slot]) -> None:
        moved = [(slot.id, slot.available_at) for slot in slots if slot.moved]
        if moved:
            raw.execute(
                "UPDATE crawl_slots SET next_at = json_extract(j.value, '$[1]') FROM json_each(?) j"
                " WHERE crawl_slots.id = json_extract(j.value, '$[0]')",
                (json.dumps(moved),),
            )

    def _leased(
        self,
        frontier: int,
        chosen: Sequence[tuple[float, int, list[Any]]],
        slots: Sequence[_Slot],
        sessions: Mapping[int, str],
        until: float,
    ) -> tuple[list[Leased], list[int]]:
        """What the engine gets; and the ids of rows whose extras cannot be read with the keys at hand."""
        names = {slot.id: slot.name for slot in slots}
        unopen = self._cipher.open
        leased: list[Leased] = []
        unreadable: list[int] = []
        for send_at, slot, (
            id_,
            url,
            lane,
            callback,
            priority,
            depth,
            attempt,
            token,
            fingerprint,
            rule,
            sealed,
        ) in chosen:
            extras, known_as = "", bytes.fromhex(fingerprint)
            if sealed:
                try:
                    extras = unopen(bytes.fromhex(sealed), place_of_request(frontier, known_as))
                except SessionError:
                    unreadable.append(id_)
                    continue
            leased.append(
                Leased(
                    id=id_,
                    url=url,
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
                    until=until,
                    again=rule == FETCHED_AGAIN,
                )
            )
        return leased, unreadable

    def _give_up(self, raw: sqlite3.Connection, frontier: int, ids: list[int]) -> None:
        """Requests whose body or headers were encrypted with a lost key can never be sent: failed, with the reason."""
        raw.execute(
            "UPDATE crawl_requests SET state = 3, owner = 0, error = ? WHERE id IN (SELECT value FROM json_each(?))",
            ("its stored headers or body cannot be read with the keys at hand", json.dumps(ids)),
        )
        self._count(raw, frontier, waiting_or_leased=-len(ids), failed=len(ids))

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        """Prolong all leases of *owner* to *lease_s* seconds from now; none is cut short. Returns how many it holds."""
        with self._connection.write() as raw:
            return raw.execute(
                "UPDATE crawl_requests SET lease_until = max(lease_until, ?)"
                " WHERE frontier = ? AND state = 1 AND owner = ?",
                (self._clock() + lease_s, frontier, self._owner(raw, owner)),
            ).rowcount

    def release(self, frontier: int, *, owner: str, ids: Sequence[int]) -> None:
        """Give unsent requests back as they were; those that we no longer hold are left alone."""
        if not ids:
            return
        with self._connection.write() as raw:
            raw.execute(
                "UPDATE crawl_requests SET state = 0, owner = 0 WHERE frontier = ? AND state = 1 AND owner = ?"
                " AND id IN (SELECT value FROM json_each(?))",
                (frontier, self._owner(raw, owner), json.dumps(list(ids))),
            )

    def next_due(self, frontier: int) -> float | None:
        """When the next waiting (or expired leased) request may be sent; None when nothing waits or is leased."""
        bound = {"frontier": frontier, "after": 0, "most": -1}
        row = self._connection.one(_DUE, bound)
        moments = [at for at in row or () if at is not None]
        return min(moments) if moments else None

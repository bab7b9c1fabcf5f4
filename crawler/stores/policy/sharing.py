"""Which of many waiting requests go first: pure. Places are shared fairly between the slots that may send."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from crawler.pacing import slack_s
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told_runs import LeaseTerms, SlotRule


@quick_dataclass(frozen=False)
class WaitingSlot:
    """A slot that may send now or soon, and its candidates.

    Attributes:
        rows: Candidates, best first: number, URL, lane, callback, priority and what else the store has about them.
        learned_s: Least seconds between two requests, as some process has learned; 0 for none.
        moved: *available_at* was moved and is to be stored.
        more: There may be candidates besides *rows*.
    """

    id: int
    name: str
    available_at: float
    lanes: list[int]
    rows: list[list[Any]]
    learned_s: float = 0.0
    moved: bool = False
    more: bool = False


def share(
    slots: list[WaitingSlot], now: float, terms: LeaseTerms, *, chance: Random, moment: Callable[[float], float]
) -> list[tuple[float, int, list[Any]]]:
    """Places for the candidates, one of each slot in turn: (send at, slot, row), earliest and highest first.

    Args:
        moment: Rounds a sending time as the store keeps it.
    """
    chosen: list[tuple[float, int, list[Any]]] = []
    queues: list[tuple[WaitingSlot, SlotRule, list[list[Any]]]] = []
    if len(slots) > 1:
        chance.shuffle(slots)  # otherwise the same ones would always be first where places are few
    for slot in slots:
        rows = slot.rows[: terms.per_slot] if terms.per_slot else slot.rows
        if terms.portion is not None:
            more = slot.more or len(rows) < len(slot.rows)
            rows = rows[: terms.portion(slot.name, len(rows), more)]
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
            delay_s = rule.delay_s
            if slot.learned_s:
                delay_s = max(delay_s, slot.learned_s + slack_s(slot.learned_s, terms.late_s))
            if delay_s > 0:
                slot.available_at = moment(send_at + delay_s * (1 + rule.jitter * chance.random()))
                slot.moved = True
            going_on.append((slot, rule, rows))
        queues, place = going_on, place + 1
    chosen.sort(key=lambda one: (one[0], -one[2][4], one[2][0]))
    return chosen

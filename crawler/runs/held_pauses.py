"""Pauses of hosts that outlive the run in which they began: why, for the next run, which waits as well.

The moment is in the row of the host, and holds for every run. Why it was asked for is kept here by its side.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from crawler.errors import StoreError
from crawler.events import SlotPaused, Warned
from crawler.frontier.host_slot import Learned
from crawler.stores.base import RunRow, Store

_ASKED: Final = "it asked for it (Retry-After)"
_UNKNOWN: Final = "it asked for it, or gave no good answers"
_LEAST_S = 2.0  #: shorter ones are over before anybody wonders
_BEFORE_S = 2 * 86_400.0  #: pauses that began earlier than that are over


def keep_why(store: Store, slot: str, learned: Learned) -> None:
    """Keep why a host is left alone, where an answer says so."""
    left_s = (learned.pause_until or 0.0) - store.now()
    if left_s < _LEAST_S:
        return
    why = next((each.why for each in learned.news if isinstance(each, SlotPaused)), _ASKED)
    with suppress(StoreError):  # it is only told; whatever must be stored says that the store is away
        store.values.set(_name(slot), why, ttl_s=left_s)


def held_pauses(store: Store, run: RunRow) -> Iterator[Warned]:
    """What to say at the beginning of a run about hosts that it has to leave alone, and why."""
    now = store.now()
    words = store.slots.told(now - _BEFORE_S, run=run.id)
    until = {slot: word.paused_until for slot, word in words.items() if word.paused_until >= now + _LEAST_S}
    for slot in store.frontier.waiting_by(run.frontier) if until else ():
        if slot in until:
            why = None
            with suppress(ValueError):
                why = store.values.get(_name(slot))
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(until[slot]))
            told = why if isinstance(why, str) else _UNKNOWN
            yield Warned(now, slot, f"nothing is sent to it before {at}, since an earlier run: {told}")


def _name(slot: str) -> str:
    return f"pause:{slot}"

"""Turns of requests that are in no frontier: steps of a login, probes, redirects, robots.txt."""

from __future__ import annotations

import threading

from crawler.clock import unix_now
from crawler.engine.gates import Gates
from crawler.engine.host_slots import HostSlots
from crawler.engine.store_thread import Member, StoreCalls
from crawler.frontier.leases import NextLook
from crawler.frontier.politeness import slack_s
from crawler.stores.base import Store


class Reservations:
    """Waits for such a turn: the delay of a host, or of a session with its own, holds for all. Safe from any thread."""

    def __init__(
        self,
        member: Member,
        calls: StoreCalls,
        slots: HostSlots,
        gates: Gates,
        look: NextLook,
        stopping: threading.Event,
    ) -> None:
        self._member, self._calls, self._slots, self._gates = member, calls, slots, gates
        self._look, self._stopping = look, stopping

    def wait(self, slot: str) -> None:
        """Return when a request may be sent to the host, or when the run stops."""
        delay_s = self._slots.delays.delay_s(slot)
        if delay_s:
            at = self._calls(
                lambda store: (
                    self._turn_that_waits(store, slot) or store.reserve(slot, delay_s=delay_s + slack_s(delay_s))
                )
            )
            self._stopping.wait(max(at - unix_now(), 0.0))

    def _turn_that_waits(self, store: Store, slot: str) -> float:
        """The next moment that is reserved for a request which has to wait for a login or a proof anyway; 0.0 for none.

        Moments are reserved for seconds ahead: behind them all a login would take that long for each of its steps. The
        request goes back, and is given another moment later. On the scheduler's thread.
        """
        now, held, waiting = unix_now(), self._gates.waiting(slot), self._slots.drain(slot)
        fits = [each for each in held + waiting if now <= (self._slots[slot].latest(each.send_at) or 0.0)]
        first = min(fits, key=lambda each: each.send_at, default=None)
        self._slots.put([each for each in waiting if each is not first])
        if first is None:
            return 0.0
        self._gates.take(first)
        store.release(self._member.run.frontier, owner=self._member.owner, ids=[first.id])
        self._look.soon()
        return max(first.send_at, now)

"""Sending: from a request that the scheduler hands out to the worker that fetches it, and what it waits for between.

A page needs three things before it is sent: a line to its host (`engine.lines`), a ticket (a kill sends no more pages
again than there are tickets), and, so that threads do not fight for the interpreter, its turn (`crawler.turns`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from crawler.engine.errands import Errands
from crawler.engine.lines import Lines, Place
from crawler.engine.worker import Task, Tickets, Workers
from crawler.outcome import Leased, Outcome, Verdict
from crawler.sessions.login.keeper import Keeper
from crawler.turns import Turn

Fetch = Callable[[Leased, Keeper, float | None, Callable[[bool], None]], Outcome]
"""``fetch(leased, keeper, latest, answered)``; calls *answered* when the answer is in: is the host well?"""


class Sending:
    """The workers of a scheduler and what they wait for.

    Args:
        count: Worker threads, 1 or more.
        fetch: Fetches and parses a page; called on a worker's thread; never raises.
        deliver: Takes each result, on the worker's thread.
        connections: How many requests of a slot may be under way at once. Asked from any thread.
        stopped: Whether nothing may be sent any more. Asked from any thread.
        turn: The turn of the process.
    """

    def __init__(
        self,
        count: int,
        *,
        fetch: Fetch,
        deliver: Callable[[Any], None],
        connections: Callable[[str], int],
        stopped: Callable[[], bool],
        turn: Turn,
    ) -> None:
        self._fetch, self._deliver, self._stopped, self._turn = fetch, deliver, stopped, turn
        self._workers = Workers(count, deliver, turn)
        self._tickets = Tickets(count, turn)
        self._ticketed: set[int] = set()  # requests that hold one
        self.lines = Lines(connections)
        self._errands = Errands(deliver, self._workers.give)
        self.start = self._workers.start

    def stop(self, held: int) -> None:
        """Let the workers end; *held* pages are with them, and those that wait for a ticket go home without sending."""
        self._workers.stop()
        self._errands.stop()
        self._tickets.give_back(held + 1)

    def join(self, seconds: float) -> bool:
        """Wait for all threads to end; False when one is still busy."""
        ends = time.monotonic() + seconds
        idle = self._workers.join(seconds)
        return self._errands.join(max(ends - time.monotonic(), 0.0)) and idle

    def goes_on(self, slot: str) -> bool:
        """Whether there is more to send without the scheduler: for a free worker, or to the host of *slot*."""
        return self._workers.have_more() or self.lines.has_waiting(slot)

    def committed(self, ids: Iterable[int]) -> None:
        """These requests are committed, or were not sent."""
        held = self._ticketed.intersection(ids)  # who went home without a line had no ticket
        self._ticketed -= held
        self._tickets.give_back(len(held))

    def run(self, task: Task) -> None:
        """Run *task*, which may wait for long, on a thread that no page needs."""
        self._errands.give(task)

    def hand_out(self, leased: Leased, keeper: Keeper, latest: float | None, *, scout: bool = False) -> None:
        """Send a request as soon as there is a worker, and a line to its host.

        Args:
            latest: For a host with a delay: the moment after which the turn of the request is over.
            scout: Nobody knows whether the host gives answers: no worker and no ticket is to wait for it.
        """
        slot = leased.slot

        def home() -> Outcome:
            return Outcome(leased, Verdict.RELEASE, session_name=keeper.session.name)

        def begin() -> Outcome | None:
            place = self.lines.take(slot, resume)
            if place is Place.YOURS:
                return send()
            return home() if place is Place.NONE else None

        def resume(goes: bool) -> None:
            self._workers.give(send if goes else home)

        def send() -> Outcome:
            has_line = True

            def answered(well: bool) -> None:
                nonlocal has_line
                if has_line:
                    has_line = False
                    self.lines.free(slot, trouble=not well)

            try:
                if not scout:
                    self._tickets.take()
                    self._ticketed.add(leased.id)
                if self._stopped():
                    return home()
                self._turn.enter()
                return self._fetch(leased, keeper, latest, answered)
            finally:
                answered(True)
                if scout:
                    self._turn.leave()

        (self._errands if scout else self._workers).give(begin)

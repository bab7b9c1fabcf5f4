"""Sending: from a request that the scheduler hands out to its outcome, and who does which part of it.

What may be sent is for `engine.host_slots` to say. Here the flow of a page (`sessions.flow`) is driven: what computes
runs on a worker, transfers are carried by the I/O thread, and what only knows blocking calls has a thread of its own
for as long as it waits.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from crawler.engine.host_slot import Ready
from crawler.engine.host_slots import HostSlots
from crawler.engine.worker import TOO_TIGHT, Blocking, Workers
from crawler.errors import ConnectFailed, UsageError
from crawler.fetching.carried import NOT_SENT, CarriedAdapter
from crawler.fetching.io_thread import IOThread
from crawler.outcome import Leased, Outcome, Verdict
from crawler.sessions.auth.schemes import keeps_to_a_thread
from crawler.sessions.flow import Enter, Flow, Send, Step, Wait, run
from crawler.sessions.login.keeper import Keeper

Pages = Callable[[Leased, Keeper, float | None, Callable[[bool], None]], Flow[Outcome]]
"""``pages(leased, keeper, latest, answered)``: the steps of a page; *answered* is called when the answer is in, with
whether the host is well."""

_ROOM_BYTES = 64 << 20  #: address space that pages, parsers and the store need beside the stacks of the threads
_BLOCKING = 96  #: threads for what only knows blocking calls


class Sending:
    """The threads of a scheduler, and what its requests wait for.

    Args:
        count: Pages that may be under way and not committed, 1 or more; and the most threads that compute.
        pages: Makes the steps of a page. They raise nothing.
        deliver: Takes each result, on the thread where it came about.
        slots: Says what may be sent when an answer is in.
        stopped: Whether nothing may be sent any more. Asked from any thread.
    """

    def __init__(
        self,
        count: int,
        *,
        pages: Pages,
        deliver: Callable[[Any], None],
        slots: HostSlots,
        stopped: Callable[[], bool],
    ) -> None:
        self._pages, self._deliver, self._slots, self._stopped = pages, deliver, slots, stopped
        self._io = IOThread()
        self._workers, self._blocking = Workers(count, self._io.later), Blocking(max(count, _BLOCKING))
        self._parsing = 0  # answers that are with the workers; a lost update does no harm

    def start(self) -> None:
        """Start a thread of each kind, with room left for what they do.

        Raises:
            UsageError: The system does not allow them.
        """
        try:
            with mmap.mmap(-1, _ROOM_BYTES):  # taken while threads take theirs, and given back for pages
                self._io.start()
                self._workers.start()
                self._blocking.start()
        except (OSError, MemoryError, RuntimeError):
            raise UsageError(f"no worker can be started: {TOO_TIGHT}") from None

    def stop(self) -> None:
        """Let the threads end after what they have begun."""
        self._workers.stop()
        self._blocking.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the threads to end; False when one is still busy. Then `close`."""
        ends = time.monotonic() + seconds
        idle = self._workers.join(seconds)
        return self._blocking.join(max(ends - time.monotonic(), 0.0)) and idle

    def close(self) -> None:
        """End the transfers that are still under way; who waits for them learns nothing more."""
        self._io.close(ConnectFailed("", "the crawl is over"))

    def goes_on(self, slot: str) -> bool:
        """Whether more is about to come without the scheduler: from a worker, or from the host of *slot*."""
        return self._parsing > 0 or self._slots.has_ready(slot)

    def run(self, task: Callable[[], Any]) -> None:
        """Let a thread run *task*, which may wait for long, and deliver what it returns."""
        self._blocking.give(lambda: self._deliver(task()))

    def send(self, requests: Iterable[Ready]) -> None:
        """Send what may be sent now. Safe from any thread."""
        for each in requests:
            self._workers.give(_Page(self, each).begin)

    # --- for _Page --------------------------------------------------------------------------------------------------
    def _answered(self, request: Ready, *, trouble: bool) -> None:
        """Its connection is free: the next one leaves."""
        self.send(self._slots.answered(request, trouble=trouble))


class _Page:
    """One request on its way: drives its flow from thread to thread."""

    def __init__(self, sending: Sending, request: Ready) -> None:
        self._sending, self._request = sending, request
        self._latest = request.latest
        self._is_answered = False
        self._flow: Flow[Outcome]

    def _go_home(self) -> None:
        """Not sent."""
        self._answered(True)
        name = self._request.keeper.session.name
        self._sending._deliver(Outcome(self._request.leased, Verdict.RELEASE, session_name=name))

    def begin(self) -> None:
        """On a worker: the first step."""
        if self._sending._stopped():
            self._go_home()
            return
        self._flow = self._sending._pages(self._request.leased, self._request.keeper, self._latest, self._answered)
        if keeps_to_a_thread(self._request.keeper.session.auth):
            self._sending._blocking.give(lambda: self._advance(lambda: _to_its_end(self._flow)))
        else:
            self._advance(lambda: next(self._flow))

    def _answered(self, well: bool) -> None:
        """The answer is in, or there will be none."""
        if not self._is_answered:
            self._is_answered = True
            self._sending._answered(self._request, trouble=not well)

    def _advance(self, go_on: Callable[[], Step]) -> None:
        """On a worker: go on to the next step that has to wait, or to the end."""
        try:
            step = go_on()
        except StopIteration as ended:
            self._answered(True)
            self._sending._deliver(ended.value)
        else:
            self._take(step)

    def _take(self, step: Step) -> None:
        sending = self._sending
        if isinstance(step, Send) and isinstance(step.adapter, CarriedAdapter):
            try:
                latest, self._latest = self._latest, None  # for its first sending
                step.adapter.begin(sending._io, step.request, self._came, latest=latest, **step.options)
            except BaseException as error:  # noqa: BLE001 - the flow decides what becomes of it
                self._advance(partial(self._flow.throw, error))
        elif isinstance(step, Wait):
            sending._io.later(step.seconds, partial(sending._workers.give, self._go_on))
        elif isinstance(step, Enter):
            if step.serial.enter(partial(sending._workers.give, self._go_on)):
                self._go_on()
        else:
            sending._blocking.give(partial(self._wait_for, step))

    def _go_on(self) -> None:
        self._advance(partial(self._flow.send, None))

    def _came(self, status: int, finish: Callable[[], Any]) -> None:
        """On the I/O thread: an answer is in."""
        if status == NOT_SENT:
            self._flow.close()
            self._go_home()
            return
        if 200 <= status < 300:  # of others the flow knows what they mean, and whether more is to be sent
            self._answered(True)
        self._sending._parsing += 1
        self._sending._workers.give(partial(self._read, finish))

    def _read(self, finish: Callable[[], Any]) -> None:
        self._sending._parsing -= 1
        try:
            got = finish()
        except BaseException as error:  # noqa: BLE001 - as above
            self._advance(partial(self._flow.throw, error))
        else:
            self._advance(partial(self._flow.send, got))

    def _wait_for(self, step: Step) -> None:
        """On a thread that may wait: what only knows blocking calls."""
        try:
            got = step.run()
        except BaseException as error:  # noqa: BLE001 - as above
            go_on = partial(self._flow.throw, error)
        else:
            go_on = partial(self._flow.send, got)
        self._sending._workers.give(partial(self._advance, go_on))


def _to_its_end(flow: Flow[Outcome]) -> Step:
    """The whole flow on the calling thread; ends as a flow does."""
    raise StopIteration(run(flow))

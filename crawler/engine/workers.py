"""The threads of a process, and a page's path across them: from a request that may be sent to its outcome.

A few threads compute; they own nothing between two tasks. Two keep an interpreter busy; more of them would only take
its lock from each other. One that waits in a callback (for a file, or an answer that it requested itself) is replaced
meanwhile. Code that can only block has a thread of its own for as long as it waits.

`engine.host_slots` decides what may be sent. Here the flow of a page (`sessions.flow`) is driven: computation runs on a
worker, transfers are carried by the I/O thread.
"""

from __future__ import annotations

import logging
import mmap
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from crawler.clock import unix_now
from crawler.engine.host_slots import HostSlots
from crawler.engine.stopping import RunLimits
from crawler.engine.store_thread import Inbox
from crawler.errors import ConnectFailed, UsageError
from crawler.fetching.carried import NOT_SENT, CarriedAdapter
from crawler.fetching.io_thread import IOThread
from crawler.fetching.threads import TOO_TIGHT, Blocking, Computing
from crawler.frontier.host_slot import Learned, Ready
from crawler.outcome import Leased, Outcome, Verdict
from crawler.sessions.auth.schemes import keeps_to_a_thread
from crawler.sessions.flow import Enter, Flow, Send, Step, Wait, run
from crawler.sessions.login.manager import LoginManager

_log = logging.getLogger("crawler.engine")

Pages = Callable[[Leased, LoginManager, float | None, Callable[[Outcome], Learned]], Flow[Outcome]]
"""``pages(leased, manager, latest, answered)``: the steps of a page; *answered* is called when the answer is in, and
returns what is known about its host from then on."""

_ROOM_BYTES = 64 << 20  #: address space that pages, parsers and the store need besides the threads' stacks
_BLOCKING = 96  #: threads for code that can only block


class Workers:
    """The threads of a scheduler, and what its requests wait for.

    Args:
        count: Pages that may be under way and not committed, 1 or more; and the most threads that compute.
        pages: Makes the steps of a page. They raise nothing.
        inbox: Takes each page, and the call that a task leads to.
        slots: Says what may be sent when an answer is in.
        limits: Says whether nothing may be sent any more.
        ends: Until when a request is ours: asked when it begins, and checked at the moment of sending, since the
            process may be stopped in between.
    """

    def __init__(
        self,
        count: int,
        pages: Pages,
        inbox: Inbox,
        slots: HostSlots,
        limits: RunLimits,
        ends: Callable[[Leased], float] = lambda leased: leased.until,
    ) -> None:
        self._pages, self._inbox, self._slots, self._limits, self._ends = pages, inbox, slots, limits, ends
        self._io = IOThread()
        self._computing, self._blocking = Computing(count, self._io.later), Blocking(max(count, _BLOCKING))
        self._read_soon: set[_PageUnderWay] = set()  # whose answer is with the workers; an unlocked count would drift

    def start(self) -> None:
        """Start a thread of each kind, with room left for what they do.

        Raises:
            UsageError: The system does not allow them.
        """
        try:
            with mmap.mmap(-1, _ROOM_BYTES):  # held while threads take theirs, then released for pages
                self._io.start()
                self._computing.start()
                self._blocking.start()
        except (OSError, MemoryError, RuntimeError):
            raise UsageError(f"no worker can be started: {TOO_TIGHT}") from None

    def stop(self) -> None:
        """Let the threads end once they have finished what they began."""
        self._computing.stop()
        self._blocking.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the threads to end; False when one is still busy. Then `close`."""
        ends = time.monotonic() + seconds
        idle = self._computing.join(seconds)
        return self._blocking.join(max(ends - time.monotonic(), 0.0)) and idle

    def close(self) -> None:
        """End the transfers that are still under way; what waits for them gets no result."""
        self._io.close(ConnectFailed("", "the crawl is over"))

    def goes_on(self, slot: str) -> bool:
        """Whether more is about to come without the scheduler: from a worker, or from the host of *slot*."""
        return bool(self._read_soon) or self._slots.has_ready(slot)

    def run(self, task: Callable[[], Callable[[], None]]) -> None:
        """Let a thread run *task*, which may wait for a long time, and post what it returns."""
        self._blocking.give(lambda: self._inbox.post(task()))

    def send(self, requests: Iterable[Ready]) -> None:
        """Send what may be sent now. Safe from any thread."""
        for each in requests:
            self._computing.give(_PageUnderWay(self, each).begin)

    # --- for _PageUnderWay --------------------------------------------------------------------------------------------
    def _deliver(self, outcome: Outcome) -> None:
        self._inbox.bring(outcome, self.goes_on)

    def _answered(self, request: Ready) -> None:
        """Its connection is free: send the next one."""
        self.send(self._slots.answered(request))


class _PageUnderWay:
    """One request on its way: drives its flow from thread to thread."""

    def __init__(self, workers: Workers, request: Ready) -> None:
        self._workers, self._request = workers, request
        self._latest: float | None = None
        self._is_answered = False
        self._flow: Flow[Outcome]

    def _go_home(self) -> None:
        """Return it unsent."""
        self._answered()
        name = self._request.manager.session.name
        self._workers._deliver(Outcome(self._request.leased, Verdict.RELEASE, session_name=name))

    def begin(self) -> None:
        """On a worker: the first step."""
        limits, host = self._workers._limits, self._workers._slots.known.get(self._request.leased.slot)
        if limits.reason or limits.over or (host is not None and host.unheeded):  # the host asked for less meanwhile
            self._go_home()
            return
        latest = self._latest = self._request.latest
        self._flow = self._workers._pages(self._request.leased, self._request.manager, latest, self._learn)
        if keeps_to_a_thread(self._request.manager.session.auth):
            self._workers._blocking.give(lambda: self._advance(lambda: _to_its_end(self._flow)))
        else:
            self._advance(lambda: next(self._flow))

    def _answered(self) -> None:
        """The answer is in, or there will be none."""
        if not self._is_answered:
            self._is_answered = True
            self._workers._answered(self._request)

    def _learn(self, outcome: Outcome) -> Learned:
        """Learn what the answer says about its host; only then is its connection free."""
        learned = self._workers._slots.learn(outcome, unix_now())
        self._answered()
        return learned

    def _advance(self, go_on: Callable[[], Step]) -> None:
        """On a worker: go on to the next step that has to wait, or to the end."""
        try:
            step = go_on()
        except StopIteration as ended:
            self._answered()
            self._workers._deliver(ended.value)
        else:
            self._take(step)

    def _take(self, step: Step) -> None:
        workers = self._workers
        if isinstance(step, Send) and isinstance(step.adapter, CarriedAdapter):
            try:
                step.adapter.begin(workers._io, step.request, self._came, latest=self._moment(), **step.options)
            except BaseException as error:  # noqa: BLE001 - the flow decides what becomes of it
                self._advance(partial(self._flow.throw, error))
        elif isinstance(step, Wait):
            workers._io.later(step.seconds, partial(workers._computing.give, self._go_on))
        elif isinstance(step, Enter):
            if step.serial.enter(partial(workers._computing.give, self._go_on)):
                self._go_on()
        else:
            workers._blocking.give(partial(self._wait_for, step))

    def _moment(self) -> float:
        """Seconds since 1970, after which nothing is sent: the host's turn is over, or the lease may be another's."""
        ends, latest = self._workers._ends(self._request.leased), self._latest
        self._latest = None  # a turn holds for the first sending; a lease for all, even after redirects and pauses
        return ends if latest is None else min(latest, ends)

    def _not_sent(self) -> None:
        self._flow.close()
        self._go_home()

    def _go_on(self) -> None:
        self._advance(partial(self._flow.send, None))

    def _came(self, status: int, finish: Callable[[], Any]) -> None:
        """On the I/O thread: an answer is in."""
        if status == NOT_SENT:
            self._not_sent()
            return
        if 200 <= status < 300:  # for others the flow knows what they mean, and whether more is to be sent
            self._answered()
        self._workers._read_soon.add(self)
        # answers that ask for less are learned before other requests are sent
        self._workers._computing.give(partial(self._read, finish), first=not 200 <= status < 300)

    def _read(self, finish: Callable[[], Any]) -> None:
        self._workers._read_soon.discard(self)
        try:
            got = finish()
        except BaseException as error:  # noqa: BLE001 - as above
            self._advance(partial(self._flow.throw, error))
        else:
            self._advance(partial(self._flow.send, got))

    def _wait_for(self, step: Step) -> None:
        """On a thread that may wait: code that can only block."""
        if isinstance(step, Send) and unix_now() > self._moment():
            self._workers._computing.give(self._not_sent)
            return
        try:
            got = step.run()
        except BaseException as error:  # noqa: BLE001 - as above
            go_on = partial(self._flow.throw, error)
        else:
            go_on = partial(self._flow.send, got)
        self._workers._computing.give(partial(self._advance, go_on))


def _to_its_end(flow: Flow[Outcome]) -> Step:
    """Run the whole flow on the calling thread; ends as a flow does."""
    raise StopIteration(run(flow))

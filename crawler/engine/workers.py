"""The threads of a process, and the way of a page over them: from a request that may be sent to its outcome.

A few threads compute; they own nothing between two tasks. Two keep an interpreter busy; more of them would only take
its lock from each other. One that waits in a callback (for a file, or an answer that it asked for itself) is replaced
meanwhile. What only knows blocking calls has a thread of its own for as long as it waits.

What may be sent is for `engine.host_slots` to say. Here the flow of a page (`sessions.flow`) is driven: what computes
runs on a worker, transfers are carried by the I/O thread.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import queue
import threading
import time
from abc import ABC, abstractmethod
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
from crawler.frontier.host_slot import Learned, Ready
from crawler.outcome import Leased, Outcome, Verdict
from crawler.sessions.auth.schemes import keeps_to_a_thread
from crawler.sessions.flow import Enter, Flow, Send, Step, Wait, run
from crawler.sessions.login.manager import LoginManager

_log = logging.getLogger("crawler.engine")

Task = Callable[[], None]  #: must not raise

FEW = 2  #: threads that compute
TOO_TIGHT = "this process may not have enough memory or threads; see `ulimit -v` and `ulimit -u`, or lower `workers`"
_HELD_UP_S = 0.05  #: no task was taken for so long although some wait: the threads wait for something


class _Threads(ABC):
    """Threads that run tasks in the order in which they were given.

    Args:
        name: Of the threads, before their number.
        most: Threads, 1 or more.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = False
        self._lock = threading.Lock()  # guards _threads, _most, _stopped and what the classes below add

    def start(self) -> None:
        """Start a first thread. Raises RuntimeError or MemoryError where the system allows none."""
        with self._lock:
            self._start_one()

    def stop(self) -> None:
        """Let each thread end after the tasks given so far."""
        with self._lock:
            self._stopped = True
            count = len(self._threads)
        for _ in range(count):
            self._tasks.put(None)

    def join(self, seconds: float) -> bool:
        """Wait for the threads. False when one was still busy after so many seconds."""
        ends = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(ends - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _add_one(self) -> None:
        """Under the lock: another thread, where the system allows one; else those that are there have to do."""
        try:
            self._start_one()
        except (RuntimeError, MemoryError):
            self._most = max(len(self._threads), 1)
            _log.warning("%d threads %s could be started, and no more: %s", self._most, self._name, TOO_TIGHT)

    def _start_one(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    @abstractmethod
    def _work(self) -> None:
        """Run tasks until one is None; the body of each thread."""


class Computing(_Threads):
    """Threads that compute. `give` is safe from any thread.

    Args:
        most: Threads, 1 or more, when callbacks wait.
        later: Calls something after some seconds, on a thread of its own: ``later(seconds, call)``.
    """

    def __init__(self, most: int, later: Callable[[float, Callable[[], None]], None]) -> None:
        super().__init__("crawl-worker", most)
        self._later = later
        self._taken = self._taken_then = 0  # how often a task was taken; a lost update does no harm
        self._looking = False

    def give(self, task: Task) -> None:
        """Run *task* soon."""
        self._tasks.put(task)
        if not self._looking or len(self._threads) < min(FEW, self._most):
            self._watch_over_them()

    def _watch_over_them(self) -> None:
        with self._lock:
            if self._stopped:
                return
            while len(self._threads) < min(FEW, self._most):
                self._add_one()
            if self._looking or len(self._threads) >= self._most:
                return
            self._looking, self._taken_then = True, self._taken
        self._later(_HELD_UP_S, self._look)

    def _look(self) -> None:
        """Start another thread where none has taken a task since the last look, and tasks wait."""
        with self._lock:
            again = not self._tasks.empty() and not self._stopped
            if again and self._taken == self._taken_then:
                self._add_one()
                again = len(self._threads) < self._most
            self._taken_then, self._looking = self._taken, again
        if again:
            self._later(_HELD_UP_S, self._look)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._taken += 1
            task()


class Blocking(_Threads):
    """Threads for tasks that may wait for long: logins, robots.txt, transports that only know blocking calls.

    Args:
        most: Threads at once; further tasks wait.
    """

    def __init__(self, most: int) -> None:
        super().__init__("crawl-blocking", most)
        self._open = 0  # tasks that are not done

    def stop(self) -> None:
        """Let each thread end after its task; tasks that nobody has begun are dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        super().stop()

    def give(self, task: Task) -> None:
        """Run *task* soon, on a thread that waits for it or on a new one. Safe from any thread."""
        with self._lock:
            self._open += 1
            if self._open > len(self._threads) < self._most and not self._stopped:
                self._add_one()
        self._tasks.put(task)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            with self._lock:
                self._open -= 1


Pages = Callable[[Leased, LoginManager, float | None, Callable[[Outcome], Learned]], Flow[Outcome]]
"""``pages(leased, manager, latest, answered)``: the steps of a page; *answered* is called when the answer is in, and
says what is known of its host from then on."""

_ROOM_BYTES = 64 << 20  #: address space that pages, parsers and the store need beside the stacks of the threads
_BLOCKING = 96  #: threads for what only knows blocking calls


class Workers:
    """The threads of a scheduler, and what its requests wait for.

    Args:
        count: Pages that may be under way and not committed, 1 or more; and the most threads that compute.
        pages: Makes the steps of a page. They raise nothing.
        inbox: Takes each page, and the call that a task leads to.
        slots: Says what may be sent when an answer is in.
        limits: Says whether nothing may be sent any more.
        ends: Until when a request is ours: asked when it begins, and kept to in the moment in which it is sent, since
            the process may be stopped in between.
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
        self._read_soon: set[_PageUnderWay] = set()  # whose answer is with the workers; a count would drift, unlocked

    def start(self) -> None:
        """Start a thread of each kind, with room left for what they do.

        Raises:
            UsageError: The system does not allow them.
        """
        try:
            with mmap.mmap(-1, _ROOM_BYTES):  # taken while threads take theirs, and given back for pages
                self._io.start()
                self._computing.start()
                self._blocking.start()
        except (OSError, MemoryError, RuntimeError):
            raise UsageError(f"no worker can be started: {TOO_TIGHT}") from None

    def stop(self) -> None:
        """Let the threads end after what they have begun."""
        self._computing.stop()
        self._blocking.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the threads to end; False when one is still busy. Then `close`."""
        ends = time.monotonic() + seconds
        idle = self._computing.join(seconds)
        return self._blocking.join(max(ends - time.monotonic(), 0.0)) and idle

    def close(self) -> None:
        """End the transfers that are still under way; who waits for them learns nothing more."""
        self._io.close(ConnectFailed("", "the crawl is over"))

    def goes_on(self, slot: str) -> bool:
        """Whether more is about to come without the scheduler: from a worker, or from the host of *slot*."""
        return bool(self._read_soon) or self._slots.has_ready(slot)

    def run(self, task: Callable[[], Callable[[], None]]) -> None:
        """Let a thread run *task*, which may wait for long, and post what it returns."""
        self._blocking.give(lambda: self._inbox.post(task()))

    def send(self, requests: Iterable[Ready]) -> None:
        """Send what may be sent now. Safe from any thread."""
        for each in requests:
            self._computing.give(_PageUnderWay(self, each).begin)

    # --- for _PageUnderWay --------------------------------------------------------------------------------------------
    def _deliver(self, outcome: Outcome) -> None:
        self._inbox.bring(outcome, self.goes_on)

    def _answered(self, request: Ready) -> None:
        """Its connection is free: the next one leaves."""
        self.send(self._slots.answered(request))


class _PageUnderWay:
    """One request on its way: drives its flow from thread to thread."""

    def __init__(self, workers: Workers, request: Ready) -> None:
        self._workers, self._request = workers, request
        self._latest: float | None = None
        self._is_answered = False
        self._flow: Flow[Outcome]

    def _go_home(self) -> None:
        """Not sent."""
        self._answered()
        name = self._request.manager.session.name
        self._workers._deliver(Outcome(self._request.leased, Verdict.RELEASE, session_name=name))

    def begin(self) -> None:
        """On a worker: the first step."""
        if self._workers._limits.reason or self._workers._limits.over:
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
        """What the answer says of its host; only then its connection is free."""
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
        """Seconds since 1970: after it nothing is sent. The turn of the host is over, or the lease may be another's."""
        ends, latest = self._workers._ends(self._request.leased), self._latest
        self._latest = None  # a turn is for the first sending; a lease for each, those after redirects and pauses too
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
        if 200 <= status < 300:  # of others the flow knows what they mean, and whether more is to be sent
            self._answered()
        self._workers._read_soon.add(self)
        self._workers._computing.give(partial(self._read, finish))

    def _read(self, finish: Callable[[], Any]) -> None:
        self._workers._read_soon.discard(self)
        try:
            got = finish()
        except BaseException as error:  # noqa: BLE001 - as above
            self._advance(partial(self._flow.throw, error))
        else:
            self._advance(partial(self._flow.send, got))

    def _wait_for(self, step: Step) -> None:
        """On a thread that may wait: what only knows blocking calls."""
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
    """The whole flow on the calling thread; ends as a flow does."""
    raise StopIteration(run(flow))

"""The one thread that carries the transfers of crawled pages: it waits for all their sockets at once.

A transfer is libcurl's (`fetching.libcurl_transfer`): this thread tells it which of its sockets are ready and when
its time has come, and tells its caller when it is over. It runs no user code and parses nothing. Requests from other
threads reach it through a queue and a pipe that wakes it.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable

from crawler.fetching import forks
from crawler.fetching.descriptors import connections_allowed

log = logging.getLogger("crawler.fetching")

Watch = Callable[[int, int], None]  #: (descriptor, epoll's mask; 0 for no more)


class Watcher(Protocol):
    """Told what libcurl waits for, where the I/O thread does the waiting."""

    def socket(self, descriptor: int, mask: int) -> None:
        """Wait for *descriptor*, with epoll's mask; 0: no more."""

    def timer(self, seconds: float | None) -> None:
        """Act after so many seconds; None: no more."""


@runtime_checkable
class Transfer(Protocol):
    """What is carried. All methods are called on the I/O thread."""

    def begin(self, watch: Watch) -> None:
        """Start; *watch* may be called from now on until the transfer is over, to say what is waited for."""

    def ready(self, descriptor: int, mask: int) -> None:
        """One of its sockets can be read or written."""

    def due(self, now: float) -> None:
        """Its time has come."""

    def next_due(self) -> float | None:
        """When `due` is to be called, of ``time.monotonic()``; None when the transfer is over."""

    def fail(self, error: BaseException) -> None:
        """End it with *error*, whatever it was doing."""


class IOThread:
    """Carries transfers until it is closed. `carry` and `later` are safe from any thread."""

    def __init__(self, most: int = 0) -> None:
        """Make it; the thread starts when there is something to do.

        Args:
            most: Most transfers under way at once; others wait, in their order. 0: as many as descriptors allow.
        """
        self._most = most or connections_allowed()
        self._lock = threading.Lock()  # guards _thread and _ended while the thread is started or ended
        self._ended: BaseException | None = None
        self._open()
        forks.register(self)

    def _open(self) -> None:
        self._poll = select.epoll()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll.register(self._wake_reader, select.EPOLLIN)
        self._asked: deque[Callable[[], None]] = deque()  # what other threads want done
        self._by_socket: dict[int, Transfer] = {}
        self._timers: list[tuple[float, int, Transfer | Callable[[], None]]] = []
        self._under_way: dict[Transfer, float] = {}  # and when it is looked at next
        self._held: deque[Transfer] = deque()  # begun when others are over
        self._numbers = itertools.count()
        self._asleep = False  # only a hint: those who ask then write into the pipe
        self._thread: threading.Thread | None = None

    # --- what other threads may call ----------------------------------------------------------------------------
    def carry(self, transfer: Transfer) -> None:
        """Begin *transfer* soon; it reports its own end."""
        self._ask(lambda: self._begin(transfer))

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call *call* on this thread after so many seconds, or when it is closed; it must not wait."""
        due = time.monotonic() + seconds
        self._ask(lambda: heapq.heappush(self._timers, (due, next(self._numbers), call)))

    def close(self, error: BaseException, patience_s: float = 2.0) -> None:
        """End what is under way, and what is asked later, with *error*. Harmless when called again."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended, thread = error, self._thread
        if thread is threading.current_thread():
            return  # asked from a step of a transfer: it ends after this one, and lets go with the process
        if thread is not None:
            self._wake()
            thread.join(patience_s)
            if thread.is_alive():
                return  # it holds the descriptors; the process is about to end
        self._thread = None
        self._do_what_is_asked()
        self._let_go()

    def after_fork(self) -> None:
        """In a forked child: the thread does not exist, and what it watched belongs to the parent."""
        self._lock = threading.Lock()
        if self._ended is None:
            self._let_go()
            self._open()

    # --- the thread -----------------------------------------------------------------------------------------------
    def _ask(self, call: Callable[[], None]) -> None:
        self._asked.append(call)
        if self._thread is None:
            self.start()
        elif self._asleep:
            self._wake()

    def start(self) -> None:
        """Start the thread now; otherwise the first thing to do starts it."""
        with self._lock:
            if self._ended is None:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="crawl-io", daemon=True)
                    self._thread.start()
                return
        self._do_what_is_asked()

    def _wake(self) -> None:
        self._asleep = False
        with contextlib.suppress(OSError):  # full: it will wake; closed: there is nothing to wake
            os.write(self._wake_writer, b"x")

    def _run(self) -> None:
        while self._ended is None:
            for descriptor, mask in self._sleep():
                if descriptor == self._wake_reader:
                    with contextlib.suppress(BlockingIOError):
                        os.read(descriptor, 65_536)
                elif (transfer := self._by_socket.get(descriptor)) is not None:
                    self._step(transfer, transfer.ready, descriptor, mask)
            self._do_what_is_asked()
            self._look_at_timers()
            while self._held and len(self._under_way) < self._most:
                self._begin(self._held.popleft())
        self._end(self._ended)

    def _do_what_is_asked(self) -> None:
        while self._asked:
            try:
                call = self._asked.popleft()
            except IndexError:  # after the end two threads may be here
                return
            call()

    def _sleep(self) -> list[tuple[int, int]]:
        self._asleep = True
        if self._asked:
            wait_s = 0.0
        elif self._timers:
            wait_s = max(self._timers[0][0] - time.monotonic(), 0.0)
        else:
            wait_s = -1.0
        ready = self._poll.poll(wait_s)
        self._asleep = False
        return ready

    def _look_at_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, _, what = heapq.heappop(self._timers)
            if callable(what):
                self._call(what)
            elif self._under_way.get(what) == due:  # any other entry for it is outdated
                self._under_way[what] = math.inf
                wanted = what.next_due()
                if wanted is not None and wanted <= now:
                    self._step(what, what.due, now)
                else:
                    self._schedule(what)

    def _begin(self, transfer: Transfer) -> None:
        if self._ended is not None:
            transfer.fail(self._ended)
            return
        if len(self._under_way) >= self._most:
            self._held.append(transfer)
            return
        self._under_way[transfer] = math.inf
        self._step(transfer, transfer.begin, partial(self._watch, transfer))

    def _step(self, transfer: Transfer, call: Callable[..., None], *arguments: Any) -> None:
        """One step of a transfer, and what follows from it."""
        try:
            call(*arguments)
        except BaseException as error:  # noqa: BLE001 - one broken transfer must not end the others
            transfer.fail(error)
        self._schedule(transfer)

    def _schedule(self, transfer: Transfer) -> None:
        wanted = transfer.next_due()
        if wanted is None:
            self._under_way.pop(transfer, None)
        elif wanted < self._under_way[transfer]:  # else there is an earlier entry, which asks again
            self._under_way[transfer] = wanted
            heapq.heappush(self._timers, (wanted, next(self._numbers), transfer))

    def _watch(self, transfer: Transfer, descriptor: int, mask: int) -> None:
        known = descriptor in self._by_socket
        try:
            if not mask:
                self._by_socket.pop(descriptor, None)
                self._poll.unregister(descriptor)
            elif known:
                self._by_socket[descriptor] = transfer
                self._poll.modify(descriptor, mask)
            else:
                self._by_socket[descriptor] = transfer
                self._poll.register(descriptor, mask)
        except FileExistsError:
            self._poll.modify(descriptor, mask)
        except FileNotFoundError:  # closed and opened again under the same number
            if mask:
                self._poll.register(descriptor, mask)
        except OSError:
            if mask:
                raise

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("a call on the I/O thread failed")

    def _end(self, error: BaseException) -> None:
        for transfer in [*self._under_way, *self._held]:
            transfer.fail(error)
        self._under_way.clear()
        self._held.clear()
        for _, _, what in sorted(self._timers):
            if callable(what):
                self._call(what)
        self._timers.clear()

    def _let_go(self) -> None:
        for descriptor in (self._wake_reader, self._wake_writer):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._poll.close()

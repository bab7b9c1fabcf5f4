"""A flow: what a request needs from its first sending to its last answer, without doing any of it.

A flow is a generator. It yields steps (send this, wait so long, call that) and is sent what came of each; what it
returns is the answer. Whoever drives it does the I/O: `run` on the calling thread, for a login step, a shell or a test;
the engine for crawled pages, whose transfers one thread carries all together. So redirects, cookies, tries and auth are
written once and know nothing of threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import requests
from requests.adapters import BaseAdapter

from crawler.quick_dataclass import quick_dataclass

T = TypeVar("T")


@quick_dataclass
class Send:
    """Send *request* through *adapter*; the answer comes back, or what `adapter.send` raised."""

    adapter: BaseAdapter
    request: requests.PreparedRequest
    options: dict[str, Any]

    def run(self) -> requests.Response:
        return self.adapter.send(self.request, **self.options)


@quick_dataclass
class Wait:
    """Go on after some seconds, or earlier when everything ends: *sleep* waits on the calling thread."""

    seconds: float
    sleep: Callable[[float], None]

    def run(self) -> None:
        self.sleep(self.seconds)


@quick_dataclass
class Call:
    """Call something that may wait for other threads; what it returns or raises comes back."""

    function: Callable[[], Any]

    def run(self) -> Any:
        return self.function()


class Serial:
    """One flow at a time, in the order in which they came. Safe from any thread; leave it on whichever thread ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._taken = False
        self._waiting: deque[Callable[[], None]] = deque()

    def enter(self, go: Callable[[], None]) -> bool:
        """True: it is yours. False: *go* is called, on the thread of whoever leaves, when it is."""
        with self._lock:
            if self._taken:
                self._waiting.append(go)
                return False
            self._taken = True
            return True

    def leave(self) -> None:
        """Let the next one in."""
        with self._lock:
            go = self._waiting.popleft() if self._waiting else None
            self._taken = go is not None
        if go is not None:
            go()


@quick_dataclass
class Enter:
    """Wait until *serial* is ours; the flow has to leave it."""

    serial: Serial

    def run(self) -> None:
        mine = threading.Event()
        if not self.serial.enter(mine.set):
            mine.wait()


Step = Send | Wait | Call | Enter
Flow = Generator[Step, Any, T]


def run(flow: Flow[T]) -> T:
    """Drive *flow* on the calling thread to its end. Raises what it raises."""
    try:
        step = next(flow)
        while True:
            try:
                got = step.run()
            except BaseException as error:  # noqa: BLE001 - the flow decides what becomes of it
                step = flow.throw(error)
            else:
                step = flow.send(got)
    except StopIteration as ended:
        answer: T = ended.value
        return answer

"""The I/O thread carries many transfers at once, each until it says that it is over; one broken one harms no other."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from pytest_httpserver import HTTPServer

from crawler.errors import ConnectFailed, TimedOut
from crawler.fetching.carried import NOT_SENT
from crawler.fetching.io_thread import IOThread, Watch
from crawler.fetching.libcurl_adapter import CurlAdapter
from tests.fetching.rawserver import Connection, RawServer, socks

CLOSED = ConnectFailed("http://a/", "closed")


class Scripted:
    """A transfer of the test: reads a pipe, wants to be looked at now and then, and ends when it has read a byte."""

    def __init__(self, *, every_s: float = 60.0, breaks: bool = False, looks: int = 10**6) -> None:
        self.reader, self.writer = os.pipe()
        self.over, self.begun = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.looked: list[float] = []
        self._every_s, self._breaks, self._looks = every_s, breaks, looks
        self._next: float | None = time.monotonic() + every_s

    def begin(self, watch: Watch) -> None:
        self._watch = watch
        watch(self.reader, 1)
        self.begun.set()

    def ready(self, descriptor: int, mask: int) -> None:
        if self._breaks:
            raise ValueError("broken")
        os.read(descriptor, 1)
        self._end()

    def due(self, now: float) -> None:
        self.looked.append(now)
        self._next = now + self._every_s
        if len(self.looked) >= self._looks:
            self._end()

    def next_due(self) -> float | None:
        return self._next

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._end()

    def _end(self) -> None:
        if self._next is not None:
            self._next = None
            if self.begun.is_set():
                self._watch(self.reader, 0)
            self.over.set()

    def send(self) -> None:
        os.write(self.writer, b"x")


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    made: list[Scripted] = []

    def make(**options: float) -> Scripted:
        made.append(Scripted(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        os.close(each.reader)
        os.close(each.writer)


@pytest.fixture
def io() -> Iterator[IOThread]:
    made = IOThread()
    yield made
    made.close(CLOSED)


def test_a_transfer_goes_on_when_its_socket_is_ready(io: IOThread, scripted: Callable[..., Scripted]) -> None:
    one, other = scripted(), scripted()
    io.carry(one)
    io.carry(other)
    assert one.begun.wait(5)

    one.send()

    assert one.over.wait(5)
    assert one.error is None
    assert not other.over.is_set()


def test_a_transfer_is_looked_at_when_it_wants_to_be(io: IOThread, scripted: Callable[..., Scripted]) -> None:
    often = scripted(every_s=0.01, looks=5)

    io.carry(often)

    assert often.over.wait(5)
    assert len(often.looked) == 5
    assert min(b - a for a, b in zip(often.looked, often.looked[1:], strict=False)) >= 0.01


def test_a_transfer_that_breaks_fails_alone(io: IOThread, scripted: Callable[..., Scripted]) -> None:
    broken, good = scripted(breaks=True), scripted()
    io.carry(broken)
    io.carry(good)
    assert good.begun.wait(5)

    broken.send()
    good.send()

    assert broken.over.wait(5)
    assert good.over.wait(5)
    assert isinstance(broken.error, ValueError)
    assert good.error is None


def test_more_than_the_most_wait_until_others_are_over(scripted: Callable[..., Scripted]) -> None:
    io = IOThread(most=2)
    three = [scripted() for _ in range(3)]
    for each in three:
        io.carry(each)
    assert three[1].begun.wait(5)
    assert not three[2].begun.wait(0.05)

    three[0].send()

    assert three[2].begun.wait(5)
    io.close(CLOSED)


def test_a_call_is_made_later_and_not_before(io: IOThread) -> None:
    called = threading.Event()
    asked = time.monotonic()
    at: list[float] = []

    io.later(0.05, lambda: (at.append(time.monotonic()), called.set()))  # type: ignore[func-returns-value]

    assert called.wait(5)
    assert at[0] - asked >= 0.05


def test_a_call_that_raises_ends_nothing(io: IOThread, scripted: Callable[..., Scripted]) -> None:
    one = scripted()
    io.later(0.0, lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    io.carry(one)
    assert one.begun.wait(5)

    one.send()

    assert one.over.wait(5)


def test_closing_fails_what_is_under_way_what_waits_and_what_comes_later(scripted: Callable[..., Scripted]) -> None:
    io = IOThread(most=1)
    under_way, waiting, late = scripted(), scripted(), scripted()
    io.carry(under_way)
    io.carry(waiting)
    assert under_way.begun.wait(5)

    io.close(CLOSED)
    io.carry(late)
    io.close(CLOSED)

    assert [each.error for each in (under_way, waiting, late)] == [CLOSED] * 3


def test_calls_for_later_are_made_at_the_end_so_that_nobody_waits_for_ever() -> None:
    io, called = IOThread(), threading.Event()
    io.later(3600, called.set)

    io.close(CLOSED)

    assert called.is_set()


def test_closing_gives_all_descriptors_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        io, called = IOThread(), threading.Event()
        io.later(0, called.set)
        assert called.wait(5)
        io.close(CLOSED)

    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize(("late_s", "status"), [(-0.01, NOT_SENT), (60.0, 200)])
def test_a_request_whose_moment_has_passed_is_not_sent(httpserver: HTTPServer, late_s: float, status: int) -> None:
    httpserver.expect_request("/p").respond_with_data("hi")
    io, adapter = IOThread(), CurlAdapter()
    came: queue.SimpleQueue[tuple[int, Callable[[], requests.Response]]] = queue.SimpleQueue()
    request = requests.Request("GET", httpserver.url_for("/p")).prepare()

    adapter.begin(io, request, lambda *both: came.put(both), latest=time.time() + late_s)
    got, finish = came.get(timeout=5)

    assert got == status
    assert len(httpserver.log) == (status == 200)
    if got == NOT_SENT:
        with pytest.raises(TimedOut, match="moment"):
            finish()
    adapter.close()
    io.close(CLOSED)


@pytest.mark.parametrize(("late_s", "status"), [(0.2, NOT_SENT), (60.0, 200)])
def test_a_request_whose_moment_passes_while_connecting_is_not_sent(
    httpserver: HTTPServer, serve: Callable[..., RawServer], late_s: float, status: int
) -> None:
    httpserver.expect_request("/p").respond_with_data("hi")

    def slow(connection: Connection) -> None:
        time.sleep(0.5)
        socks(connection)

    proxy = f"socks5h://127.0.0.1:{serve(slow).port}"
    io, adapter = IOThread(), CurlAdapter()
    came: queue.SimpleQueue[tuple[int, Callable[[], requests.Response]]] = queue.SimpleQueue()
    request = requests.Request("GET", httpserver.url_for("/p")).prepare()

    adapter.begin(
        io, request, lambda *both: came.put(both), latest=time.time() + late_s, proxies={"http": proxy, "https": proxy}
    )
    got, _ = came.get(timeout=5)

    assert got == status
    assert len(httpserver.log) == (status == 200)
    adapter.close()
    io.close(CLOSED)

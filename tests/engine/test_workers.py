"""Few threads compute; one that waits is replaced. What only knows blocking calls has threads of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from crawler.fetching.threads import FEW, Blocking, Computing


class Later:
    """Calls for later, made when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def make(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


def names_of(prefix: str) -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(prefix)}


def test_one_thread_computes_however_many_tasks_there_are() -> None:
    later, done = Later(), threading.Semaphore(0)
    workers = Computing(16, later)

    for _ in range(200):
        workers.give(lambda: done.release())
    assert all(done.acquire(timeout=5) for _ in range(200))
    later.make()

    assert len(workers._threads) == 1
    workers.stop()
    assert workers.join(5)


def test_what_is_to_be_first_is_run_before_what_waits() -> None:
    free, done, ran = threading.Event(), threading.Event(), list[str]()
    workers = Computing(1, Later())
    workers.give(lambda: free.wait(10))  # type: ignore[arg-type, return-value]
    workers.give(lambda: ran.append("waits"))
    workers.give(lambda: ran.append("first"), first=True)
    workers.give(done.set)

    free.set()

    assert done.wait(5)
    assert ran == ["first", "waits"]
    workers.stop()
    assert workers.join(5)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.6, 1.0])
def test_another_one_helps_where_tasks_wait_and_the_process_computes_for_less_than_half_of_the_time(
    share: float,
) -> None:
    later, free = Later(), threading.Semaphore(0)
    began = time.monotonic()
    workers = Computing(16, later, computed=lambda: share * (time.monotonic() - began))
    for _ in range(50):
        workers.give(lambda: free.acquire(timeout=10))  # type: ignore[arg-type, return-value]

    for _ in range(20):  # some task is taken between any two looks, and others wait
        before, deadline = workers._taken, time.monotonic() + 5
        free.release()
        while workers._taken == before and time.monotonic() < deadline:
            time.sleep(0.001)
        later.make()

    assert len(workers._threads) == (FEW if share < 0.5 else 1)
    free.release(100)
    workers.stop()
    assert workers.join(5)


def test_a_thread_is_added_while_tasks_wait_and_none_is_taken() -> None:
    later, free, done = Later(), threading.Event(), threading.Event()
    workers = Computing(16, later)
    for _ in range(FEW):
        workers.give(lambda: free.wait(10))  # type: ignore[arg-type, return-value]
    workers.give(done.set)

    deadline = time.monotonic() + 5
    while not done.is_set() and time.monotonic() < deadline:
        later.make()
        done.wait(0.01)

    assert done.is_set()
    assert len(workers._threads) <= FEW + 2
    free.set()
    workers.stop()
    assert workers.join(5)


def test_never_more_threads_than_the_setting_says() -> None:
    later, free = Later(), threading.Event()
    workers = Computing(3, later)
    for _ in range(20):
        workers.give(lambda: free.wait(10))  # type: ignore[arg-type, return-value]
    for _ in range(20):
        later.make()

    assert len(workers._threads) == 3
    free.set()
    workers.stop()
    assert workers.join(5)


def test_one_worker_is_one_thread() -> None:
    workers, done = Computing(1, Later()), threading.Event()
    workers.give(done.set)

    assert done.wait(5)
    assert len(workers._threads) == 1
    workers.stop()
    assert workers.join(5)


def test_tasks_that_block_each_have_a_thread_up_to_the_most() -> None:
    blocking, free, begun = Blocking(4), threading.Event(), threading.Semaphore(0)

    def task() -> None:
        begun.release()
        free.wait(10)

    for _ in range(6):
        blocking.give(task)

    assert all(begun.acquire(timeout=5) for _ in range(4))
    assert not begun.acquire(timeout=0.05)
    free.set()
    assert all(begun.acquire(timeout=5) for _ in range(2))
    blocking.stop()
    assert blocking.join(5)


def test_a_thread_that_is_free_again_is_used_again() -> None:
    blocking = Blocking(4)
    for _ in range(10):
        done = threading.Event()
        blocking.give(done.set)
        assert done.wait(5)
        deadline = time.monotonic() + 5
        while blocking._open and time.monotonic() < deadline:
            time.sleep(0.001)

    assert len(blocking._threads) == 1
    blocking.stop()
    assert blocking.join(5)


def test_a_busy_thread_is_reported_when_it_is_waited_for() -> None:
    blocking, free, begun = Blocking(1), threading.Event(), threading.Event()
    blocking.give(lambda: (begun.set(), free.wait(10)))  # type: ignore[arg-type, return-value, func-returns-value]
    assert begun.wait(5)
    blocking.stop()

    assert not blocking.join(0.02)
    free.set()
    assert blocking.join(5)


def test_tasks_that_were_not_started_are_dropped_at_the_end() -> None:
    blocking, free, begun, late = Blocking(1), threading.Event(), threading.Event(), threading.Event()
    blocking.give(lambda: (begun.set(), free.wait(10)))  # type: ignore[arg-type, return-value, func-returns-value]
    assert begun.wait(5)
    blocking.give(late.set)

    blocking.stop()
    free.set()

    assert blocking.join(5)
    assert not late.is_set()

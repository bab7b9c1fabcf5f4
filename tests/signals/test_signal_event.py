"""A waiting thread is told to leave by a signal at any moment: a worker, a run whose disk is full."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from crawler.signal_event import SignalEvent

#: Every 200 microseconds a signal comes into short waits: `threading.Event` takes a lock that the thread may hold.
_MANY = """
import signal, time
from crawler.signal_event import SignalEvent
told = [SignalEvent()]
signal.signal(signal.SIGALRM, lambda *given: told[0].set())
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
ends, times = time.monotonic() + 3, 0
while time.monotonic() < ends:
    told[0].wait(0.0001)
    times += told[0].is_set()
    told[0] = SignalEvent()
signal.setitimer(signal.ITIMER_REAL, 0)
assert times > 100, times
"""


def test_a_signal_that_comes_at_any_moment_of_the_wait_is_heard() -> None:
    subprocess.run([sys.executable, "-c", _MANY], check=True, timeout=30)


def test_a_thread_that_was_told_no_longer_waits() -> None:
    told = SignalEvent()
    began = time.monotonic()
    told.wait(0.05)
    assert not told.is_set()
    assert time.monotonic() - began >= 0.05

    told.set()
    told.wait(60)
    told.wait(60)

    assert told.is_set()
    assert time.monotonic() - began < 30


def test_all_threads_that_wait_go_on() -> None:
    told = SignalEvent()
    heard: list[bool] = []
    waiting = [threading.Thread(target=lambda: heard.append(told.wait(60))) for _ in range(5)]
    for each in waiting:
        each.start()

    told.set()
    for each in waiting:
        each.join(30)

    assert heard == [True] * 5

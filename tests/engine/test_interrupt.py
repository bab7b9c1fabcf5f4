"""Signals that come together: the second one must not break off what the first one has begun."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from crawler.engine.stopping import Interrupts


class Stop(threading.Event):
    """An event with a lock of Python's own, which a signal meets while it is taken."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile, self.locked = meanwhile, False

    def set(self) -> None:
        self.locked = True
        self._meanwhile()
        self.locked = False
        super().set()


class Scheduler:
    """Notes why it is to stop."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def stop(self, reason: str, *, grace_s: float) -> None:
        self.reasons.append(reason)


class Members:
    """Counts the signals that are passed on to further processes."""

    signals = 0

    def signal(self) -> None:
        self.signals += 1


def test_a_second_signal_amid_the_answer_to_the_first_ends_the_run_after_it() -> None:
    scheduler, again = Scheduler(), list[Callable[[int], None]]()
    stopping = Stop(lambda: again[0](signal.SIGTERM))
    made = Interrupts(stopping, scheduler, None, grace_s=1.0)
    again.append(made.interrupt)
    went_on = False

    with made.breakable():
        made.interrupt(signal.SIGINT)
        went_on = True

    assert not went_on
    assert not stopping.locked
    assert stopping.is_set()
    assert scheduler.reasons == ["interrupted"]
    assert made.leaving


def test_a_second_signal_later_ends_the_run_at_once() -> None:
    scheduler, members = Scheduler(), Members()
    made = Interrupts(threading.Event(), scheduler, members, grace_s=1.0)
    made.interrupt(signal.SIGINT)
    went_on = False

    with made.breakable():
        made.interrupt(signal.SIGTERM)
        went_on = True

    assert not went_on
    assert scheduler.reasons == ["interrupted"]
    assert (made.by, members.signals) == (signal.SIGINT, 2)
    made.interrupt(signal.SIGTERM)  # a third one finds nothing more to do
    assert members.signals == 2


def test_a_terminal_that_is_closed_and_says_so_twice_is_one_signal() -> None:
    scheduler = Scheduler()
    made = Interrupts(threading.Event(), scheduler, None, grace_s=1.0)

    made.interrupt(signal.SIGHUP)
    made.interrupt(signal.SIGHUP)

    assert (made.by, made.leaving, scheduler.reasons) == (signal.SIGHUP, False, ["interrupted"])


def test_a_second_signal_while_nothing_may_be_broken_off_is_noted_and_raises_nothing() -> None:
    members = Members()
    made = Interrupts(threading.Event(), Scheduler(), members, grace_s=1.0)
    with made.breakable():
        made.interrupt(signal.SIGTERM)

    made.interrupt(signal.SIGTERM)

    assert (made.leaving, members.signals) == (True, 2)


def test_what_another_signal_handler_raises_is_not_swallowed() -> None:
    made = Interrupts(threading.Event(), Scheduler(), None, grace_s=1.0)

    with pytest.raises(KeyboardInterrupt), made.breakable():
        raise KeyboardInterrupt

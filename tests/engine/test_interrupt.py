"""Signals that come together: the second one must not break off what the first one has begun."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.engine.crawl import Crawl, StopNow


class Stop:
    """An event with a lock of Python's own, which a signal meets while it is taken."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile, self.locked, self.is_set = meanwhile, False, False

    def set(self) -> None:
        self.locked = True
        self._meanwhile()
        self.locked, self.is_set = False, True


def crawl(meanwhile: Callable[[Crawl], None]) -> tuple[Any, list[str]]:
    """A crawl of which only the answer to signals is there, and the reasons for which it stopped."""
    stopped: list[str] = []
    made: Any = Crawl.__new__(Crawl)
    made._interrupted_by, made._answering, made._leaving, made._members = 0, False, False, None
    made._stop = Stop(lambda: meanwhile(made))
    made._scheduler = SimpleNamespace(stop=lambda reason, grace_s: stopped.append(reason))
    made.settings = SimpleNamespace(grace=1.0)
    return made, stopped


def test_a_second_signal_amid_the_answer_to_the_first_ends_the_run_after_it() -> None:
    made, stopped = crawl(lambda each: each.interrupt(signal.SIGTERM))

    with pytest.raises(StopNow):
        made.interrupt(signal.SIGINT)

    assert not made._stop.locked
    assert made._stop.is_set
    assert stopped == ["interrupted"]


def test_a_second_signal_later_ends_the_run_at_once() -> None:
    made, stopped = crawl(lambda each: None)
    made.interrupt(signal.SIGINT)

    with pytest.raises(StopNow):
        made.interrupt(signal.SIGTERM)

    assert stopped == ["interrupted"]
    made.interrupt(signal.SIGTERM)  # a third one finds nothing more to do

"""Workers take turns in computing, and nobody depends on it."""

from __future__ import annotations

import threading
import time

import pytest

from crawler.turns import Turn, lend, take_back


def _in_threads(*works: object) -> None:
    threads = [threading.Thread(target=work) for work in works]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_one_computes_while_another_waits_for_its_answer() -> None:
    turn, told, waits, done = Turn(), [], threading.Event(), threading.Event()

    def first() -> None:
        turn.enter()
        lent = lend()
        waits.set()
        assert done.wait(10)
        take_back(lent)
        told.append("first")
        turn.leave()

    def second() -> None:
        assert waits.wait(10)
        turn.enter()
        told.append("second")
        turn.leave()
        done.set()

    _in_threads(first, second)

    assert told == ["second", "first"]


def test_a_holder_that_waits_for_something_else_holds_nobody_up() -> None:
    turn, entered, over = Turn(), threading.Event(), threading.Event()

    def busy() -> None:
        turn.enter()
        entered.set()
        assert over.wait(10)
        turn.leave()

    def other() -> None:
        assert entered.wait(10)
        started = time.monotonic()
        turn.enter()
        assert time.monotonic() - started < 5
        assert lend() is None  # it has no turn to lend, and gives none back that is not its own
        turn.leave()
        over.set()

    _in_threads(busy, other)


def test_threads_that_take_no_turns_have_none_to_lend() -> None:
    assert lend() is None
    take_back(None)


def test_who_has_the_turn_keeps_it_when_it_asks_again() -> None:
    turn = Turn()

    def twice() -> None:
        started = time.monotonic()
        turn.enter()
        turn.enter()
        assert time.monotonic() - started < 0.01  # it did not wait for itself
        turn.leave()
        assert lend() is None

    _in_threads(twice)


def test_a_turn_is_free_again_after_it_was_left_twice() -> None:
    turn = Turn()
    turn.enter()
    turn.leave()
    turn.leave()

    free: list[bool] = []

    def other() -> None:
        turn.enter()
        free.append(lend() is turn)

    _in_threads(other)

    assert free == [True]


def test_in_a_long_queue_that_moves_nobody_goes_on_without_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.turns._PATIENCE_S", 0.2)
    turn, computing, most = Turn(), 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal computing, most
        turn.enter()
        with lock:
            computing += 1
            most = max(most, computing)
        time.sleep(0.02)  # computes; all together for longer than anybody's patience
        with lock:
            computing -= 1
        turn.leave()

    _in_threads(*[work] * 30)

    assert most == 1

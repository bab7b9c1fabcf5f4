"""A flow says what is to be done and does nothing; whoever drives it does."""

from __future__ import annotations

import threading

import pytest

from crawler.sessions.flow import Call, Enter, Flow, Serial, Wait, run


def test_what_a_step_brings_goes_back_into_the_flow() -> None:
    def flow() -> Flow[str]:
        first = yield Call(lambda: "a")
        second = yield Call(lambda: first + "b")
        return second + "c"

    assert run(flow()) == "abc"


def test_what_a_step_raises_is_raised_in_the_flow_where_it_waits() -> None:
    def fails() -> None:
        raise ValueError("no")

    def flow() -> Flow[str]:
        try:
            yield Call(fails)
        except ValueError as error:
            return f"caught {error}"
        return "not raised"

    assert run(flow()) == "caught no"


def test_what_a_flow_does_not_catch_comes_out_of_run() -> None:
    def fails() -> None:
        raise ValueError("no")

    def flow() -> Flow[None]:
        yield Call(fails)

    with pytest.raises(ValueError, match="no"):
        run(flow())


def test_a_wait_is_slept_by_the_sleep_that_it_names() -> None:
    slept: list[float] = []

    def flow() -> Flow[None]:
        yield Wait(0.25, slept.append)

    run(flow())

    assert slept == [0.25]


def test_a_serial_admits_one_flow_and_then_the_others_in_the_order_of_arrival() -> None:
    serial, came = Serial(), []

    assert serial.enter(lambda: None)
    assert not serial.enter(lambda: came.append("second"))
    assert not serial.enter(lambda: came.append("third"))
    assert came == []

    serial.leave()
    assert came == ["second"]
    serial.leave()
    assert came == ["second", "third"]
    serial.leave()
    assert serial.enter(lambda: None)


def test_flows_of_many_threads_pass_a_serial_one_at_a_time() -> None:
    serial, inside, most = Serial(), [0], [0]

    def flow() -> Flow[None]:
        yield Enter(serial)
        try:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            yield Call(threading.Event().is_set)
            inside[0] -= 1
        finally:
            serial.leave()

    threads = [threading.Thread(target=lambda: [run(flow()) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert most == [1]
    assert inside == [0]

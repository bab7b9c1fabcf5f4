"""Lines to a host: never more requests under way than it may have, nobody forgotten, nothing sent in trouble."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crawler.engine.lines import Lines, Place


def told() -> tuple[list[bool], Any]:
    heard: list[bool] = []
    return heard, heard.append


def test_as_many_requests_are_under_way_as_the_host_may_have_and_the_next_waits() -> None:
    lines = Lines(lambda slot: 2)
    heard, resume = told()

    assert [lines.take("a", resume) for _ in range(4)] == [Place.YOURS, Place.YOURS, Place.LATER, Place.LATER]
    assert lines.take("b", resume) is Place.YOURS
    assert (lines.waiting, heard) == (2, [])


def test_an_answer_lets_the_one_go_that_has_waited_longest() -> None:
    lines = Lines(lambda slot: 1)
    went: list[str] = []
    lines.take("a", lambda goes: went.append("first"))
    lines.take("a", lambda goes: went.append("second"))
    lines.take("a", lambda goes: went.append("third"))

    lines.free("a")
    assert went == ["second"]
    lines.free("a")
    assert went == ["second", "third"]
    lines.free("a")
    assert lines.take("a", lambda goes: None) is Place.YOURS


def test_a_limit_that_has_grown_lets_several_go_and_one_that_shrank_lets_none() -> None:
    allowed = {"a": 2}
    lines = Lines(allowed.__getitem__)
    heard, resume = told()
    for _ in range(6):
        lines.take("a", resume)

    allowed["a"] = 1
    lines.free("a")
    assert heard == []
    assert lines.within_limits()
    allowed["a"] = 3
    lines.free("a")
    assert heard == [True, True, True]
    assert lines.waiting == 1


def test_a_limit_that_shrinks_is_exceeded_until_answers_are_in() -> None:
    allowed = {"a": 3}
    lines = Lines(allowed.__getitem__)
    for _ in range(3):
        lines.take("a", lambda goes: None)

    allowed["a"] = 2

    assert not lines.within_limits()
    lines.free("a")
    assert lines.within_limits()


def test_after_an_answer_that_tells_of_trouble_those_who_wait_go_home_until_the_scheduler_has_learned_of_it() -> None:
    lines = Lines(lambda slot: 1)
    heard, resume = told()
    for _ in range(3):
        lines.take("a", resume)

    lines.free("a", trouble=True)

    assert heard == [False, False]
    assert lines.take("a", resume) is Place.NONE
    assert lines.take("b", resume) is Place.YOURS
    lines.learned("a")
    assert lines.take("a", resume) is Place.YOURS


def test_two_troubles_are_over_when_both_are_learned() -> None:
    lines = Lines(lambda slot: 2)
    for _ in range(2):
        lines.take("a", lambda goes: None)
    lines.free("a", trouble=True)

    lines.free("a", trouble=True)
    lines.learned("a")

    assert lines.take("a", lambda goes: None) is Place.NONE
    lines.learned("a")
    assert lines.take("a", lambda goes: None) is Place.YOURS


@given(st.lists(st.sampled_from(["take", "free", "trouble", "learn", "grow", "shrink"]), max_size=200))
def test_whatever_happens_the_limit_holds_and_everyone_is_told_once(steps: list[str]) -> None:
    allowed, under_way, troubles = {"a": 2}, 0, 0
    lines = Lines(allowed.__getitem__)
    answers: Counter[int] = Counter()
    asked = 0
    waiting: set[int] = set()

    def resumed(number: int, goes: bool) -> None:
        nonlocal under_way
        answers[number] += 1
        waiting.discard(number)
        under_way += goes

    for step in steps:
        before = under_way
        if step == "take":
            asked += 1
            number = asked
            place = lines.take("a", lambda goes, number=number: resumed(number, goes))  # type: ignore[misc]
            if place is Place.YOURS:
                under_way += 1
                assert not troubles
            elif place is Place.LATER:
                waiting.add(number)
        elif step in ("free", "trouble") and under_way:
            under_way -= 1
            troubles += step == "trouble"
            lines.free("a", trouble=step == "trouble")
        elif step == "learn" and troubles:
            troubles -= 1
            lines.learned("a")
        elif step in ("grow", "shrink"):
            allowed["a"] = max(1, allowed["a"] + (1 if step == "grow" else -1))
        assert under_way <= max(allowed["a"], before)
        assert lines.waiting == len(waiting)
        assert not waiting or under_way, "somebody waits and nobody will call"
    assert all(count == 1 for count in answers.values())


def test_threads_that_take_and_free_at_once_keep_to_the_limit() -> None:
    lines = Lines(lambda slot: 3)
    at_once, most, done = 0, 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal at_once, most, done
        for _ in range(300):
            mine = threading.Event()
            if lines.take("a", lambda goes, mine=mine: mine.set()) is Place.LATER:  # type: ignore[misc]
                assert mine.wait(20)
            with lock:
                at_once += 1
                most = max(most, at_once)
            with lock:
                at_once -= 1
                done += 1
            lines.free("a")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert (done, lines.waiting) == (2_400, 0)
    assert 1 <= most <= 3


def test_a_host_does_not_stay_shut_after_a_trouble_that_nobody_told() -> None:
    lines = Lines(lambda slot: 1)

    lines.learned("a")

    assert lines.take("a", lambda goes: None) is Place.YOURS

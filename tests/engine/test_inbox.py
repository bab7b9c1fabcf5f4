"""The inbox: calls are made in order, and a page wakes the scheduler only when there is a reason."""

from __future__ import annotations

from crawler.engine.store_thread import Inbox
from tests.engine.parts import answer


def woken(inbox: Inbox) -> bool:
    """Whether there is a message; takes them."""
    heard: list[bool] = []
    inbox.post(lambda: heard.append(True))
    before = inbox._calls.qsize()
    inbox.take(0.0)
    return before > 1


def test_calls_are_made_in_the_order_in_which_they_came_also_those_that_a_call_posts() -> None:
    inbox, made = Inbox(2), list[str]()
    inbox.post(lambda: (made.append("first"), inbox.post(lambda: made.append("third")))[0])
    inbox.post(lambda: made.append("second"))

    inbox.take(0.0)

    assert made == ["first", "second", "third"]


def test_taking_from_an_empty_inbox_ends_when_its_time_is_over() -> None:
    Inbox(2).take(0.001)


def test_a_page_wakes_nobody_while_more_is_about_to_come() -> None:
    inbox, asked = Inbox(3), list[str]()

    def goes_on(slot: str) -> bool:
        asked.append(slot)
        return True

    inbox.bring(answer(1), goes_on)
    assert not woken(inbox)
    inbox.bring(answer(2, slot="b.test"), goes_on)
    assert not woken(inbox)
    assert asked == ["a.test", "b.test"]
    inbox.bring(answer(3), goes_on)  # three are enough
    assert woken(inbox)
    assert inbox


def test_the_last_page_of_several_wakes_the_scheduler() -> None:
    inbox = Inbox(100)

    inbox.bring(answer(1), lambda slot: False)

    assert woken(inbox)


def test_when_all_have_to_come_back_the_last_one_wakes_the_scheduler_and_none_before() -> None:
    inbox = Inbox(100)
    inbox.expected = 3

    inbox.bring(answer(1), lambda slot: False)
    inbox.bring(answer(2), lambda slot: False)
    assert not woken(inbox)
    inbox.bring(answer(3), lambda slot: False)

    assert woken(inbox)


def test_a_page_is_in_before_it_is_asked_whether_more_comes() -> None:
    """Else two that come together could each rely on the other, and nobody would wake the scheduler."""
    inbox, there = Inbox(100), list[bool]()

    inbox.bring(answer(1), lambda slot: not there.append(bool(inbox)))

    assert there == [True]


def test_after_a_while_without_pages_the_next_one_wakes_at_once() -> None:
    inbox = Inbox(100)
    inbox.bring(answer(1), lambda slot: True)
    assert [each.request.id for each in inbox.outcomes(50.0, lambda: True)] == [1]

    inbox.doze(50.1)
    assert not inbox.dozing
    inbox.doze(51.0)
    assert inbox.dozing
    inbox.bring(answer(2), lambda slot: True)
    assert woken(inbox)


def test_no_more_pages_are_taken_than_wanted() -> None:
    inbox, taken = Inbox(1), list[int]()
    for number in range(5):
        inbox.bring(answer(number), lambda slot: True)

    for each in inbox.outcomes(0.0, lambda: len(taken) < 3):
        taken.append(each.request.id)

    assert taken == [0, 1, 2]
    assert inbox
    assert [each.request.id for each in inbox.outcomes(0.0, lambda: True)] == [3, 4]
    assert not inbox

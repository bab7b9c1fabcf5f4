"""`sessions.login.rotation`: what tells a cookie that rotates from one that is only set again."""

from __future__ import annotations

import pytest

from crawler.sessions.login.rotation import Rotation


def after(answers: int, *, sets_cookies: bool = True) -> Rotation:
    rotation = Rotation()
    for page in range(1_000, 1_000 + answers):
        rotation.answered(page, sets_cookies=sets_cookies)
    return rotation


def test_refused_pages_that_come_when_they_are_sent_alone_settle_it() -> None:
    rotation = after(2)

    rotation.refused([1, 2, 3])
    on_trial, told = rotation.in_turn, rotation.is_news()
    for page in (1, 2, 3):
        rotation.answered(page, sets_cookies=True)

    assert (on_trial, told) == (True, False)
    assert rotation.in_turn
    assert [rotation.is_news(), rotation.is_news()] == [True, False]


def test_refused_pages_that_are_refused_alone_too_end_the_trial() -> None:
    rotation = after(2)

    rotation.refused([1, 2])
    rotation.refused([1, 2])
    rotation.failed(1)
    rotation.failed(2)

    assert not rotation.in_turn
    assert not rotation.is_news()


def test_a_page_that_fails_among_many_that_come_does_not_hide_the_rotation() -> None:
    rotation = after(2)

    rotation.refused([1, 2, 3, 4])
    rotation.failed(1)
    for page in (2, 3, 4):
        rotation.answered(page, sets_cookies=True)

    assert rotation.is_news()


def test_without_new_cookies_nothing_is_tried() -> None:
    rotation = after(3, sets_cookies=False)

    rotation.refused([1, 2, 3])

    assert not rotation.in_turn


@pytest.mark.parametrize(
    ("lives", "sets_cookies", "in_turn"),
    [
        ((4, 3, 5), True, True),
        ((4, 3), True, False),  # not yet
        ((4, 3, 40), True, False),
        ((4, 3, 5), False, False),
    ],
)
def test_sessions_that_end_soon_settle_it_where_answers_set_cookies(
    lives: tuple[int, ...], sets_cookies: bool, in_turn: bool
) -> None:
    rotation = after(5, sets_cookies=sets_cookies)

    for life in lives:
        rotation.lost(life)

    assert rotation.in_turn is in_turn
    assert rotation.is_news() is in_turn

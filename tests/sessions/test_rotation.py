"""`sessions.login.rotation`: what tells a cookie that rotates from one that is only set again."""

from __future__ import annotations

import pytest

from crawler.sessions.login.rotation import Rotation


def after(answers: int, *, changes_cookies: bool = True) -> Rotation:
    rotation = Rotation()
    for page in range(1_000, 1_000 + answers):
        rotation.answered(page, changes_cookies=changes_cookies)
    return rotation


def test_refused_pages_that_come_when_they_are_sent_alone_settle_it() -> None:
    rotation = after(2)

    rotation.refused([1, 2, 3])
    on_trial, told = rotation.in_turn, rotation.is_news()
    for page in (1, 2, 3):
        rotation.answered(page, changes_cookies=True)

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
        rotation.answered(page, changes_cookies=True)

    assert rotation.is_news()


def test_without_new_cookies_nothing_is_tried() -> None:
    rotation = after(3, changes_cookies=False)

    rotation.refused([1, 2, 3])

    assert not rotation.in_turn


@pytest.mark.parametrize(
    ("lives", "changes_cookies", "in_turn"),
    [
        ((4, 3, 5), True, True),
        ((4, 3), True, False),  # not yet
        ((4, 3, 40), True, False),
        ((4, 3, 5), False, False),
    ],
)
def test_after_sessions_that_ended_soon_where_answers_set_cookies_the_next_one_goes_one_at_a_time_on_probation(
    lives: tuple[int, ...], changes_cookies: bool, in_turn: bool
) -> None:
    rotation = after(5, changes_cookies=changes_cookies)

    for life in lives:
        rotation.lost(life)

    assert rotation.in_turn is in_turn
    assert not rotation.is_news()


def on_probation() -> Rotation:
    rotation = after(5)
    for life in (4, 3, 5):
        rotation.lost(life)
    return rotation


def test_a_session_on_probation_that_outlives_them_settles_it() -> None:
    rotation = on_probation()

    news = [rotation.answered(page, changes_cookies=True) for page in range(12)]

    assert news.index(True) == 10
    assert rotation.in_turn
    assert rotation.is_news()


def test_a_session_on_probation_that_ends_as_soon_shows_another_cause_for_good() -> None:
    rotation = on_probation()

    for life in (6, 4, 3, 5):
        rotation.lost(life)

    assert not rotation.in_turn
    assert not rotation.is_news()

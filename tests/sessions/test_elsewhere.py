"""Somebody else uses the account at the same time: what pages say of it, how long logins wait, what is told."""

from __future__ import annotations

import pytest

from crawler.sessions.login.elsewhere import LONGEST_PAUSE_S, Elsewhere, with_word_of_another
from tests.sessions.sign_pages import page

SAID = 'a login form, and the page says: "You logged in from another device"'


def ended(account: Elsewhere, times: int, *, lived_s: float, reason: str) -> list[float]:
    """So many sessions ended after so many seconds; how long each login after them waits."""
    waits, now = [], 1_000.0
    for epoch in range(1, times + 1):
        account.heard(reason)
        waits.append(account.pause_s(epoch, now - lived_s, now))
        now += 1_000.0
    return waits


@pytest.mark.parametrize(
    ("says", "quoted"),
    [
        ("<p>You have been logged out. You logged in from another device.</p>", "You logged in from another device"),
        ("<b>Your session was ended because someone signed in on a different browser!</b>", "on a different browser"),
        ("<p>This account is already in use on another computer</p>", "in use on another computer"),
        ("<p>Sie haben sich auf einem anderen Gerät angemeldet.</p>", "auf einem anderen Gerät angemeldet"),
        ("<p>Concurrent logins are not allowed.</p>", "Concurrent logins"),
        ('{"error": "logged in elsewhere"}', "logged in elsewhere"),
    ],
)
def test_a_page_that_speaks_of_another_login_is_quoted(says: str, quoted: str) -> None:
    told = with_word_of_another("a login form", page(says))

    assert told.startswith('a login form, and the page says: "')
    assert quoted in told


@pytest.mark.parametrize(
    "says",
    [
        "<p>Your session has expired. Please log in.</p>",
        "<a>Sign in with another account</a>",
        "<a>Use a passkey from another device</a>",
        "<p>New user? Register</p>",
    ],
)
def test_an_ordinary_login_page_says_nothing_of_another_login(says: str) -> None:
    assert with_word_of_another("a login form", page(says)) == "a login form"


def test_logins_wait_longer_each_time_where_the_site_says_so() -> None:
    account = Elsewhere()

    waits = ended(account, 12, lived_s=1.0, reason=SAID)

    assert waits[:4] == [0.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_PAUSE_S
    assert "logged in from another device" in account.news("default", explained=True)
    assert account.news("default", explained=True) == ""  # once


def test_a_login_that_waits_is_due_when_its_pause_is_over() -> None:
    account = Elsewhere()
    ended(account, 2, lived_s=1.0, reason=SAID)

    assert account.pause_s(2, 1_999.0, 2_001.5) == 0.5
    assert account.pause_s(2, 1_999.0, 2_003.0) == 0.0


def test_a_session_that_lived_is_no_sign_of_somebody_else() -> None:
    account = Elsewhere()

    assert ended(account, 8, lived_s=600.0, reason=SAID) == [0.0] * 8
    assert account.news("default", explained=False) == ""


@pytest.mark.parametrize(("explained", "times", "is_told"), [(False, 5, True), (False, 4, False), (True, 9, False)])
def test_without_a_word_of_the_site_nothing_waits_and_it_is_told_as_a_guess(
    explained: bool, times: int, is_told: bool
) -> None:
    account = Elsewhere()

    assert not any(ended(account, times, lived_s=1.0, reason="a login form"))
    assert ("may be in use elsewhere" in account.news("default", explained=explained)) is is_told

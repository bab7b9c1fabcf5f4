"""The forecast: when a login is expected to end, and why."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.auth.tokens import jwt_end, token_end
from crawler.sessions.login.forecast import forecast, quantile

HOUR = 3600.0
LOGIN = 1_000_000.0


def test_short_past_lives_go_before_long_cookies() -> None:
    found = forecast(
        [LOGIN + 1000 * HOUR, None], [2 * HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], logged_in_at=LOGIN, now=LOGIN
    )

    assert found.expected_end == LOGIN + 2 * HOUR
    assert found.health == "good"
    assert "past logins" in found.why


@pytest.mark.parametrize(
    ("age_h", "expected_h", "health"),
    [(0, 1, "good"), (0.95, 1, "ending"), (1.5, 2, "good"), (2.5, 4, "good"), (3.9, 4, "ending"), (5, 9, "good")],
)
def test_a_login_that_outlives_the_short_lives_is_measured_by_the_longer_ones(
    age_h: float, expected_h: float, health: str
) -> None:
    lives = [1 * HOUR, 1 * HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]
    found = forecast([LOGIN + 9 * HOUR], lives, logged_in_at=LOGIN, now=LOGIN + age_h * HOUR)

    assert (found.expected_end, found.health) == (LOGIN + expected_h * HOUR, health)


def test_without_experience_the_first_cookie_that_ends_counts() -> None:
    found = forecast([LOGIN + 9 * HOUR, LOGIN + 2 * HOUR, None], [], logged_in_at=LOGIN, now=LOGIN + HOUR)

    assert found.expected_end == LOGIN + 2 * HOUR


def test_a_cookie_that_ends_sooner_than_any_login_ever_did_is_not_the_one_that_matters() -> None:
    found = forecast(
        [LOGIN + 60, LOGIN + 50 * HOUR], [2 * HOUR, 3 * HOUR], logged_in_at=LOGIN, now=LOGIN + 3 * HOUR + 1
    )

    assert found.expected_end == LOGIN + 50 * HOUR
    assert "outlived" in found.why


def test_when_all_cookies_have_ended_it_is_over() -> None:
    assert forecast([LOGIN + 1, LOGIN + 2], [9 * HOUR], logged_in_at=LOGIN, now=LOGIN + 3).health == "over"
    assert forecast([LOGIN + 1, None], [9 * HOUR], logged_in_at=LOGIN, now=LOGIN + 3).health == "good"


@pytest.mark.parametrize(
    ("expiries", "lives", "logged_in_at"),
    [([], [], LOGIN), ([None], [], LOGIN), ([LOGIN + 9], [5.0], None), ([None], [0.0, -1.0], LOGIN)],
    ids=["nothing", "browser-session", "no-login", "failed-logins"],
)
def test_an_unknown_end_is_reported_as_unknown(
    expiries: list[float | None], lives: list[float], logged_in_at: float | None
) -> None:
    found = forecast(expiries, lives, logged_in_at=logged_in_at, now=LOGIN)

    assert (found.expected_end, found.health) == (None, "unknown")
    assert found.why


def test_a_run_that_would_outlive_its_login_is_known_beforehand() -> None:
    found = forecast([], [2 * HOUR], logged_in_at=LOGIN, now=LOGIN + HOUR)

    assert found.outlived_by(HOUR, now=LOGIN + HOUR)
    assert not found.outlived_by(HOUR - 1, now=LOGIN + HOUR)
    assert not forecast([], [], logged_in_at=LOGIN, now=LOGIN).outlived_by(1e9, now=LOGIN)


times = st.floats(0, 4e9)


@given(
    expiries=st.lists(st.none() | times, max_size=6),
    lives=st.lists(st.floats(-10, 1e8), max_size=10),
    logged_in_at=st.none() | times,
    now=times,
)
def test_whatever_comes_in_the_end_is_a_finite_moment_that_fits_its_health(
    expiries: list[float | None], lives: list[float], logged_in_at: float | None, now: float
) -> None:
    found = forecast(expiries, lives, logged_in_at=logged_in_at, now=now)

    if found.expected_end is None:
        assert found.health == "unknown"
    else:
        assert math.isfinite(found.expected_end)
        assert (found.health == "over") == (found.expected_end <= now)


@given(values=st.lists(st.floats(0, 1e9), min_size=1), share=st.floats(0, 1))
def test_a_quantile_lies_among_the_values(values: list[float], share: float) -> None:
    values.sort()

    assert values[0] <= quantile(values, share) <= values[-1] or math.isclose(quantile(values, share), values[-1])


def jwt(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (jwt({"exp": 1_800_000_000}), 1_800_000_000.0),
        (jwt({"exp": 1.5, "sub": "anna"}), 1.5),
        (jwt({"sub": "anna"}), None),
        (jwt({"exp": "tomorrow"}), None),
        (jwt({"exp": True}), None),
        (jwt({"exp": 10**400}), None),
        (jwt([1]), None),
        ("opaque-token", None),
        ("a.b.c", None),
        ("..", None),
        ("a." + "\u00e9" + ".c", None),
    ],
    ids=["whole", "fraction", "no end", "text", "truth", "huge", "list", "opaque", "no base64", "empty", "no ascii"],
)
def test_a_json_web_token_says_when_it_ends_and_other_tokens_say_nothing(token: str, end: float | None) -> None:
    assert jwt_end(token) == end


@given(st.text(max_size=200))
def test_no_token_breaks_it(text: str) -> None:
    assert jwt_end(text) is None or isinstance(jwt_end(text), float)


@pytest.mark.parametrize("place", ["auth", "bound auth", "header"])
def test_the_end_of_a_token_is_found_where_a_login_step_puts_it(place: str) -> None:
    bearer = {"kind": "bearer", "token": jwt({"exp": 5.0})}
    auth = {"auth": bearer, "bound auth": {"kind": "bound", "auth": bearer}, "header": None}[place]
    headers = {"authorization": f"Bearer {bearer['token']}"} if place == "header" else {"Accept": "*/*"}

    assert token_end(auth, headers) == 5.0


def test_the_end_of_a_token_counts_like_that_of_a_cookie() -> None:
    found = forecast([], [], logged_in_at=LOGIN, now=LOGIN + HOUR, token_end=LOGIN + 2 * HOUR)
    assert (found.expected_end, found.why, found.health) == (LOGIN + 2 * HOUR, "its token ends", "good")
    assert found.outlived_by(HOUR, now=LOGIN + HOUR)

    over = forecast([], [], logged_in_at=LOGIN, now=LOGIN + 3 * HOUR, token_end=LOGIN + 2 * HOUR)
    assert (over.why, over.health) == ("its token has ended", "over")

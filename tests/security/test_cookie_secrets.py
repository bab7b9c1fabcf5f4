"""Cookie values are secrets: hidden wherever they occur, as long as they last, and nothing else is."""

from __future__ import annotations

import time

import pytest

from crawler.sessions.cookie_secrets import CookieSecrets, lets_in


@pytest.fixture
def secrets() -> CookieSecrets:
    return CookieSecrets()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sid", "9f8e7d"),
        ("PHPSESSID", "abcdefghijklmnop"),
        ("csrftoken", "QwErTyUiOp"),
        ("x", "4f6a-9921-zz"),
        ("session", '"quoted-1f"'),
        ("auth", "1234567890"),
        ("x", "MTIzNDU2Nzg5MDEyMzQ1Ng=="),
    ],
)
def test_a_value_that_may_grant_access_is_a_secret(name: str, value: str) -> None:
    assert lets_in(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lang", "de"),
        ("lang", "en-US"),
        ("sid", "ok"),
        ("theme", "lightmode"),
        ("consent", "accepted"),
        ("session", "valid"),
        ("currency", "EUR"),
        ("n", "12345678"),
        ("next", "http://127.0.0.1:8000/home?x=1"),
        ("back", "/orders/2026"),
        ("host", "shop2.example.com:8443"),
        ("empty", ""),
    ],
)
def test_a_value_that_means_something_to_people_is_not_a_secret(name: str, value: str) -> None:
    assert not lets_in(name, value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("odd 'ck-5e55ion' here", "odd '***' here"),
        ("ck-5e55ion", "***"),
        ("xck-5e55ion and ck-5e55ions", "xck-5e55ion and ck-5e55ions"),
        ("a/long+va1ue== in it", "*** in it"),
        ("?q=a%2Flong%2Bva1ue%3D%3D&b", "?q=***&b"),
        ("amida/long+va1ue==st", "amid***st"),
        ("nothing", "nothing"),
    ],
)
def test_they_are_hidden_wherever_they_occur(secrets: CookieSecrets, text: str, shown: str) -> None:
    secrets.remember(1, "a.example", "sid", "ck-5e55ion")
    secrets.remember(1, "a.example", "x", "a/long+va1ue==")

    assert secrets.hidden(text) == shown


def test_the_longest_of_two_that_begin_alike_is_hidden(secrets: CookieSecrets) -> None:
    secrets.remember(1, "a.example", "a", "token-12345678")
    secrets.remember(1, "a.example", "b", "token-12345678-more")

    assert secrets.hidden("x token-12345678-more") == "x ***"


def test_a_cookie_that_changes_with_each_answer_leaves_its_last_values_only(secrets: CookieSecrets) -> None:
    for number in range(1_000):
        secrets.remember(1, "a.example", "sid", f"value{number:05}")
    secrets.remember(2, "a.example", "sid", "value00998")

    assert secrets.hidden("value00999 value00998 value00997 value00500") == "*** *** *** value00500"
    for number in range(3):
        secrets.remember(1, "a.example", "sid", f"other{number:05}")
    assert secrets.hidden("value00999 value00998") == "value00999 ***"  # the other jar still has it
    assert sum(map(len, secrets._by_start.values())) == 4


def test_many_cookies_cost_a_text_no_more_than_few(secrets: CookieSecrets) -> None:
    text = "a line of a log that is somewhat long, with an address in it: http://a.example/b?c=d " * 100

    def seconds() -> float:
        started = time.thread_time()
        for _ in range(5):
            secrets.hidden(text)
        return time.thread_time() - started

    secrets.remember(0, "a.example", "sid", "zz-0-value")
    few = min(seconds() for _ in range(3))
    for number in range(20_000):
        secrets.remember(number, "a.example", "sid", f"{number:06x}-value")

    assert min(seconds() for _ in range(3)) < 3 * few + 0.02

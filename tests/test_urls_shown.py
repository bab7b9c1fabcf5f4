"""What of a URL, or of any text, may be shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import urls

SECRET = "hunter2-T0pSecret"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://bob:{}@a.example/x", id="userinfo"),
        pytest.param("GET https://{}:x@a.example/ failed", id="user-name"),
        pytest.param("https://bob:{}@more@a.example/", id="userinfo-with-at"),
        pytest.param("https://a.example/x?token={}&a=1", id="query"),
        pytest.param("https://a.example/x?a=1&user%5Bpassword%5D={}", id="escaped-name"),
        pytest.param("https://a.example/?user[password]={}", id="name-in-brackets"),
        pytest.param("https://a.example/?accessToken={}", id="camel-case"),
        pytest.param("https://a.example/?X-Amz-Signature={}", id="signed-url"),
        pytest.param("https://a.example/?api_key={}#x", id="api-key"),
        pytest.param("https://a.example/?password=a%26{}", id="escaped-ampersand-in-value"),
        pytest.param("https://a.example/?password=a,{}", id="comma-in-value"),
        pytest.param("https://a.example/?password=a;{}", id="semicolon-in-value"),
        pytest.param("https://a.example/x;jsessionid={}", id="session-in-path"),
        pytest.param("https://a.example/(S({}))/x", id="ASP.NET-folder"),
        pytest.param("https://a.example/(X(1)F({})S(q1))/x.aspx failed", id="ASP.NET-folders"),
        pytest.param("https://a.example/x;phpsessid={}/y", id="PHP-behind-a-semicolon"),
        pytest.param("https://a.example/PHPSESSID={}/y", id="PHP-in-a-folder"),
        pytest.param("https://a.example/PHPSESSID/{}/y", id="PHP-in-two-folders"),
        pytest.param("https://a.example/i.cfm/CFID/81/CFTOKEN/{}", id="ColdFusion-in-the-path"),
        pytest.param("https://a.example/p.php?osCsid={}", id="shop"),
        pytest.param("https://a.example/in?next=https%3A%2F%2Fb.example%2F%3Fsid%3D{}%26x%3D1", id="url-in-url"),
        pytest.param("r=https%253A%252F%252Fb%253Ftoken%253D{}%2526x", id="url-in-url-in-url"),
        pytest.param("POST body: user=bob&pass={}", id="form"),
        pytest.param("Authorization: Basic {}==", id="authorization"),
        pytest.param("authorization: Custom a b {}", id="authorization-of-own-kind"),
        pytest.param("Proxy-Authorization: Basic {}", id="proxy-authorization"),
        pytest.param("Cookie: a=1; b={}; c=3", id="cookie"),
        pytest.param("Set-Cookie: sid={}; Path=/; HttpOnly", id="set-cookie"),
        pytest.param("header: Set-Cookie: x={}; y=", id="set-cookie-after-a-word"),
        pytest.param("{'Cookie': 'a=\"q\"; b={}'}", id="repr-of-headers"),
        pytest.param('{"password": "a\\"b {}", "n": 3}', id="json"),
        pytest.param('"{\\"password\\": \\"{}\\"}"', id="json-in-json"),
        pytest.param("{'api_key': b'{}'}", id="repr-of-bytes"),
        pytest.param("[('password', '{}')]", id="list-of-pairs"),
        pytest.param("password: correct {} horse", id="words-after-a-colon"),
        pytest.param("password = {}", id="ini-file"),
        pytest.param("sent Bearer {} to a.example", id="bearer-in-a-sentence"),
        pytest.param("client_secret={}", id="client-secret"),
        pytest.param("otp={}", id="otp"),
    ],
)
def test_X9_a_secret_is_never_shown(text: str) -> None:
    shown = urls.redact(text.replace("{}", SECRET))

    assert SECRET not in shown
    assert "T0pSecret" not in shown
    assert urls.redact(shown) == shown


def test_X9_a_signed_token_is_hidden_wherever_it_occurs() -> None:
    assert urls.redact("saw eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM there") == "saw *** there"


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/x?page=2&author=bob&keyword=x",
        "503 from https://a.example/orders",
        "status code: 503, next try in 4 s",
        "KeyError: 'title' (spiders/orders.py, line 12)",
        "monkey=1 turkey=2 compass",
        "https://a.example/user@host",
        "",
    ],
    ids=repr,
)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert urls.redact(text) == text


def test_the_rest_of_a_url_stays_readable() -> None:
    shown = urls.redact("https://u:p@a.example/in?page=2&token=abc&sort=up")
    assert shown == "https://a.example/in?page=2&token=***&sort=up"


@pytest.mark.parametrize(
    "piece", ["a.", "token=", "%25", "'", "=:", "eyJ", "://", "Basic ", "x \t", 'token="\\', "a@"], ids=repr
)
def test_hiding_takes_time_in_proportion(piece: str) -> None:
    started = time.thread_time()
    urls.redact("password" + piece * (200_000 // len(piece)))
    assert time.thread_time() - started < 1


def test_X12_control_characters_are_shown_and_one_text_stays_on_one_line() -> None:
    shown = urls.printable("a\x1b]0;title\x07\r\nERROR forged\u2028\u202egnp\x9b\ud800 é日本")

    assert shown == "a\\x1b]0;title\\x07\\x0d\\x0aERROR forged\\u2028\\u202egnp\\x9b\\ud800 é日本"
    assert len(shown.splitlines()) == 1
    shown.encode()


@given(st.text())
def test_X12_whatever_is_printed_is_one_line_that_can_be_encoded(text: str) -> None:
    shown = urls.printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()

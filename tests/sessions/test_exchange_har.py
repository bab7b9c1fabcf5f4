"""Sessions out of the recordings of browsers (HAR)."""

import json
from typing import Any

import pytest

from crawler.errors import UsageError
from crawler.sessions.formats.exchange import read
from tests.sessions.exchanged import NOW, jar, loaded

__all__ = ["jar"]  # a fixture


def entry(url: str, sent: str = "", received: tuple[str, ...] = (), **request: Any) -> dict[str, Any]:
    headers = [{"name": "User-Agent", "value": "Mozilla/5.0 (X11)"}]
    if sent:
        headers.append({"name": "Cookie", "value": sent})
    return {
        "startedDateTime": "2027-01-15T08:00:00.000Z",  # NOW
        "request": {"url": url, "headers": headers, **request},
        "response": {"headers": [{"name": "set-cookie", "value": line} for line in received]},
    }


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def test_a_har_gives_what_the_site_had_at_the_end() -> None:
    found = read(
        har(
            entry("https://shop.example/", "before=1"),
            entry(
                "https://shop.example/login",
                "before=1",
                ("sid=old; Path=/; Max-Age=60", "gone=1\nlang=de; Domain=shop.example"),
            ),
            entry("https://ads.example/", "track=1", ("track=2",)),
            entry("https://www.shop.example/", "lang=de", ("gone=; Max-Age=0",)),
            entry(
                "https://shop.example/x", "before=2; sid=old; gone=1; lang=de; script=3", ("gone=; Path=/; Max-Age=0",)
            ),
        ),
        now=NOW,
    )
    jar = loaded(found.cookies)

    assert jar.header("https://shop.example/") == "before=2; sid=old; lang=de; script=3"
    assert jar.header("https://www.shop.example/") == "lang=de"
    assert jar.header("https://ads.example/") == ""
    assert found.user_agent == "Mozilla/5.0 (X11)"
    assert {cookie.name: cookie.expires for cookie in jar.cookies()}["sid"] == NOW + 60


def test_the_cookie_list_of_a_har_says_more_than_its_header() -> None:
    cookies = [
        {"name": "wide", "value": "1", "domain": ".shop.example", "path": "/", "httpOnly": True, "secure": True}
        | {"expires": "2030-01-01T00:00:00.000Z"},
        {"name": "plain", "value": "2"},
    ]
    jar = loaded(read(har(entry("https://www.shop.example/", "wide=1; plain=2", cookies=cookies)), now=NOW).cookies)

    assert jar.header("https://www.shop.example/") == "wide=1; plain=2"
    assert jar.header("https://shop.example/") == "wide=1"
    assert jar.cookies()[0].expires == 1_893_456_000.0


def test_a_har_gives_the_last_token_that_the_site_was_sent_and_no_other_site_s() -> None:
    def sent(url: str, token: str) -> dict[str, Any]:
        made = entry(url)
        made["request"]["headers"].append({"name": "authorization", "value": f"Bearer {token}"})
        return made

    first, last = sent("https://shop.example/a", "old"), sent("https://api.shop.example/b", "new")
    found = read(har(first, last, entry("https://shop.example/c"), sent("https://ads.example/", "theirs")), now=NOW)

    assert (found.cookies, found.headers) == ([], {"Authorization": "Bearer new"})
    assert found.shows_somebody


def test_a_har_is_read_for_the_site_that_is_asked_for() -> None:
    text = har(entry("https://ads.example/", "track=1"), entry("https://shop.example/", "sid=1"))

    assert [c["name"] for c in read(text, now=NOW, url="https://www.shop.example/").cookies] == ["sid"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (har(entry("https://shop.example/")), "no cookies of shop.example: export it with sensitive data"),
        (har(), "no site"),
        ('{"log": {}}', "not a HAR file"),
        ('{"log": {"entries": [7]}}', "not a HAR file"),
    ],
    ids=["sanitized", "empty", "no-entries", "odd-entries"],
)
def test_a_har_without_cookies_says_what_to_do(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(text, now=NOW)

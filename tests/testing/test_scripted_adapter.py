"""The adapter that answers from a script."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from crawler.testing import ScriptedAdapter, reply


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_answers_come_in_the_order_of_the_script(session) -> None:
    adapter = ScriptedAdapter(reply(status=503), requests.ConnectionError("gone"), reply("hello"))
    session.mount("http://", adapter)

    first = session.get("http://shop.example/")
    with pytest.raises(requests.ConnectionError, match="gone"):
        session.get("http://shop.example/")
    third = session.get("http://shop.example/", timeout=7)

    assert (first.status_code, first.reason) == (503, "Service Unavailable")
    assert (third.text, third.headers["Content-Type"]) == ("hello", "text/html; charset=utf-8")
    assert third.url == "http://shop.example/"
    assert adapter.left == 0
    assert adapter.timeouts[-1] == 7


def test_a_request_that_the_script_did_not_expect_fails_the_test(session) -> None:
    session.mount("http://", ScriptedAdapter())

    with pytest.raises(AssertionError, match=r"no answer left for GET http://shop.example/x"):
        session.get("http://shop.example/x")


def test_cookies_reach_the_session_and_go_back_with_the_next_request(session) -> None:
    adapter = ScriptedAdapter(reply(cookies={"a": "1", "b": "2"}), reply())
    session.mount("http://", adapter)
    answer = session.get("http://shop.example/")
    session.get("http://shop.example/")

    assert answer.cookies.get_dict() == {"a": "1", "b": "2"}
    assert sorted(adapter.requests[1].headers["Cookie"].split("; ")) == ["a=1", "b=2"]


def test_redirects_are_followed_by_the_session_with_the_cookies_they_set(session) -> None:
    adapter = ScriptedAdapter().on("/a", reply(status=302, headers={"Location": "/b"}, cookies={"hop": "1"}))
    adapter.on("/b", reply(b"there"))
    session.mount("http://", adapter)

    answer = session.get("http://shop.example/a")

    assert (answer.content, len(answer.history)) == (b"there", 1)
    assert adapter.requests[1].headers["Cookie"] == "hop=1"


def test_rules_for_an_address_come_before_the_script_and_repeat_their_last_answer(session) -> None:
    adapter = ScriptedAdapter(reply("script"))
    adapter.on("/login", reply("form"), reply("form again"))
    adapter.on("https://shop.example/login", reply("posted", 201), method="POST")
    session.mount("https://", adapter)

    texts = [session.get("https://shop.example/login").text for _ in range(3)]
    posted = session.post("https://shop.example/login", data={"a": "b"})
    other = session.get("https://shop.example/else")

    assert texts == ["form", "form again", "form again"]
    assert (posted.text, posted.status_code) == ("posted", 201)
    assert other.text == "script"
    assert adapter.requests[3].body == "a=b"


def test_a_function_answers_by_what_was_asked(session) -> None:
    session.mount("http://", ScriptedAdapter().on("/x?y=1", lambda request: reply(request.method or "")))

    assert session.put("http://shop.example/x?y=1").text == "PUT"


def test_a_streamed_answer_is_read_when_it_is_wanted(session) -> None:
    session.mount("http://", ScriptedAdapter(reply(b"0123456789")))

    answer = session.get("http://shop.example/", stream=True)

    assert list(answer.iter_content(4)) == [b"0123", b"4567", b"89"]


def test_one_reply_serves_many_threads(session) -> None:
    adapter = ScriptedAdapter().on("/", reply("hello"))
    session.mount("http://", adapter)

    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda _: session.get("http://shop.example/").text, range(80)))

    assert texts == ["hello"] * 80
    assert len(adapter.requests) == 80


def test_closing_the_session_closes_the_adapter() -> None:
    adapter = ScriptedAdapter()
    with requests.Session() as session:
        session.mount("http://", adapter)
        assert not adapter.is_closed

    assert adapter.is_closed


def test_a_rule_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="/login"):
        ScriptedAdapter().on("/login")

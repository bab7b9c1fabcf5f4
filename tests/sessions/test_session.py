"""Session: what of requests still works as its users know it, and what is stricter."""

from __future__ import annotations

import http.cookiejar
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from requests.cookies import cookiejar_from_dict, create_cookie

from crawler import Identity, Request, Response
from crawler.errors import FetchError, InvalidURL, RedirectError, TimedOut
from crawler.sessions.cookies.jar import Jar
from crawler.testing.adapter import ScriptedAdapter, reply
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net, net, quick_net

__all__ = ["net", "quick_net"]  # fixtures


def echo(call: WireRequest) -> Answer:
    return Answer.json(
        {"method": call.method, "target": call.target, "body": call.body.decode(), "headers": call.headers}
    )


def test_it_is_a_session_of_requests_and_answers_with_responses_of_ours(net: Net) -> None:
    own = net.host({"/": Answer(body=b"<h1>Hi</h1>")})
    session = net.session(own.url)

    answer = session.get(f"{own.url}/")

    assert isinstance(session, requests.Session)
    assert isinstance(answer, Response)
    assert answer.css("h1::text").get() == "Hi"


CALLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("GET", {"params": {"b": "2", "a": ["x", "y"]}}, {"target": "/x?b=2&a=x&a=y"}),
    ("POST", {"data": {"a": "1"}}, {"body": "a=1"}),
    ("POST", {"json": {"a": 1}}, {"body": '{"a": 1}'}),
    ("PUT", {"data": b"raw"}, {"body": "raw"}),
    ("PATCH", {"data": "text"}, {"body": "text"}),
    ("DELETE", {}, {"method": "DELETE"}),
    ("OPTIONS", {}, {"method": "OPTIONS"}),
]


@pytest.mark.parametrize(
    ("method", "options", "seen"), CALLS, ids=[f"{method}-{options}" for method, options, _ in CALLS]
)
def test_calls_of_requests_send_what_they_always_sent(
    net: Net, method: str, options: dict[str, Any], seen: dict[str, Any]
) -> None:
    own = net.host({"*": echo})

    answer = net.session(own.url).request(method, f"{own.url}/x", **options)

    found = answer.json()
    assert found["method"] == method
    assert {name: found[name] for name in seen} == seen


def test_files_are_sent_as_requests_does_when_a_login_step_asks_for_it(net: Net) -> None:
    own = net.host({"*": echo})

    found = net.session(own.url).post(f"{own.url}/x", files={"f": ("a.txt", b"content")}).json()

    assert found["headers"]["content-type"].startswith("multipart/form-data")
    assert "content" in found["body"]


def test_a_header_of_none_leaves_the_sessions_header_out(net: Net) -> None:
    own = net.host()
    session = net.session(own.url)
    session.headers["X-A"] = "1"

    session.get(f"{own.url}/", headers={"X-A": None, "Accept-Language": "de"})

    assert own.header("x-a") == []
    assert own.header("accept-language") == ["de"]


def test_hooks_and_auth_of_a_call_are_used(net: Net) -> None:
    seen: list[str] = []
    own = net.host()

    net.session(own.url).get(
        f"{own.url}/", auth=("a", "b"), hooks={"response": lambda answer, **options: seen.append(answer.url)}
    )

    assert own.header("authorization") == ["Basic YTpi"]
    assert seen == [f"{own.url}/"]


def test_an_adapter_mounted_by_its_user_is_used_and_closed_with_the_session(net: Net) -> None:
    adapter = ScriptedAdapter(reply("from a script", cookies={"sid": "1"}), reply("again"))
    session = net.session("http://shop.test/")
    session.mount("http://shop.test/", adapter)

    assert session.get("http://shop.test/").text == "from a script"
    session.get("http://shop.test/")
    session.close()

    assert adapter.requests[1].headers["Cookie"] == "sid=1"
    assert adapter.is_closed


def test_the_adapter_of_requests_works_with_our_jar_and_redirects(net: Net) -> None:
    own = net.host({"/go": Answer(302, headers=[("Location", "/end"), ("Set-Cookie", "sid=1")])})
    session = net.session(own.url)
    session.mount("http://", HTTPAdapter())

    answer = session.get(f"{own.url}/go")
    session.close()

    assert isinstance(answer, Response)
    assert own.header("cookie", "/end") == ["sid=1"]
    assert [each.status_code for each in answer.history] == [302]


@pytest.mark.parametrize(
    "given",
    [{"sid": "1"}, cookiejar_from_dict({"sid": "1"}), http.cookiejar.CookieJar()],
    ids=["a dict", "a jar of requests", "a jar of http.cookiejar"],
)
def test_cookies_may_be_replaced_as_in_requests_and_go_by_our_rules_from_then_on(net: Net, given: Any) -> None:
    home, other = net.host({}), net.host({}, address="127.0.0.2")
    if isinstance(given, http.cookiejar.CookieJar) and not len(given):
        given.set_cookie(create_cookie("sid", "1"))
    session = net.session(home.url)
    session.cookies.set("before", "0")

    session.cookies = given
    session.get(home.url + "/")
    session.get(other.url + "/")

    assert (home.header("cookie"), other.header("cookie")) == (["sid=1"], [])
    assert isinstance(session.cookies, Jar)


@pytest.mark.parametrize("given", [None, "sid=1", [("sid", "1")]], ids=["nothing", "text", "a list"])
def test_what_is_not_a_jar_cannot_take_its_place(net: Net, given: Any) -> None:
    session = net.session("http://shop.test/")

    with pytest.raises(TypeError, match="a jar or a mapping"):
        session.cookies = given


def test_closing_a_session_leaves_the_shared_transport_open(net: Net) -> None:
    own = net.host()
    adapter = net.adapter()
    first, second = net.session(own.url, adapter=adapter), net.session(own.url, adapter=adapter)

    first.close()

    assert second.get(f"{own.url}/").ok


@pytest.mark.parametrize("url", ["", "x", "http://", "http://[::bad/", "http://a b/", "http://x:99999/", "/relative"])
def test_an_invalid_url_is_one_of_our_errors(net: Net, url: str) -> None:
    with pytest.raises((InvalidURL, FetchError)):
        net.session("http://shop.test/").get(url)


def test_one_deadline_counts_for_a_request_with_all_its_redirects(net: Net) -> None:
    waiting = threading.Event()

    def slow(call: WireRequest) -> Answer:
        waiting.wait(0.2)
        return Answer.redirect(f"/{int(call.path[1:] or 0) + 1}")

    own = net.host({"*": slow})
    session = net.session(own.url, deadline_s=0.5)

    with pytest.raises((TimedOut, RedirectError)):
        session.get(f"{own.url}/0")

    assert len(own.calls) <= 4


def test_a_serial_session_has_one_request_under_way(net: Net) -> None:
    most, now = 0, 0
    lock = threading.Lock()

    def count(call: WireRequest) -> Answer:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1
        return Answer()

    own = net.host({"*": count})
    session = net.session(own.url, identity=Identity("default", serial=True))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: session.get(f"{own.url}/{number}"), range(40)))

    assert most == 1
    assert len(own.calls) == 40


def test_every_request_without_a_turn_asks_for_one_and_redirects_too(net: Net) -> None:
    asked: list[str] = []
    own = net.host({"/go": Answer.redirect("/end")})
    session = net.session(own.url)
    session.sending.pace = asked.append

    session.get(f"{own.url}/go")
    session.send(session.prepare_link(Request(f"{own.url}/go")))

    assert [url.rpartition("/")[2] for url in asked] == ["go", "end", "end"]


def test_the_step_that_was_running_is_known_after_an_error(net: Net) -> None:
    session = net.session("http://shop.test/")

    with session.step("fine"):
        pass
    assert session.stopped_at == ""
    with pytest.raises(KeyError), session.step("outer"), session.step("inner"):
        raise KeyError
    assert session.stopped_at == "outer / inner"


def test_threads_share_a_session_and_none_sees_the_answer_of_another(net: Net) -> None:
    own = net.host({"*": echo})
    session = net.session(own.url)

    def fetch(number: int) -> bool:
        return bool(session.get(f"{own.url}/{number}", headers={"X-N": str(number)}).json()["target"] == f"/{number}")

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(fetch, range(200)))

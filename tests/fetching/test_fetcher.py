"""One request through its session: what was sent, how often, and the result."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from crawler import Identity, Request
from crawler.errors import ConnectFailed, FetchError, GuardRefused, RedirectError, StatusError
from crawler.fetching.fetcher import Checks, Fetcher
from crawler.fetching.limits import Limits
from crawler.fetching.retry import Backoff, RetryPolicy
from crawler.sessions.accounts import Account
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.testing.adapter import ScriptedAdapter, reply

NOW = 1_800_000_000.0
SITE = "http://shop.test"


def fetcher(retries: int = 3) -> Fetcher:
    policy = RetryPolicy(retries, frozenset({429, 503}), Backoff(0.001, 1.0), threading.Event())
    return Fetcher(policy, clock=lambda: NOW)


def session(adapter: ScriptedAdapter) -> Session:
    made = Session(
        Identity("default"),
        account=Account("default", environ={}),
        origins=Origins([SITE]),
        transport=adapter,
        limits=Limits(),
    )
    made.epoch = 7
    return made


def test_an_answer_never_seems_to_have_come_before_it_did_however_busy_the_machine_is() -> None:
    def slow_clock() -> float:
        now = time.time()
        time.sleep(0.03)  # the thread has to wait for its turn just then
        return now

    policy = RetryPolicy(0, frozenset(), Backoff(0.001, 1.0), threading.Event())

    fetched = Fetcher(policy, clock=slow_clock).fetch(session(ScriptedAdapter(reply("hello"))), Request(f"{SITE}/page"))

    assert fetched.sent_at + fetched.elapsed_ms / 1000 >= time.time() - 0.02


def test_an_answer_comes_with_its_request_session_epoch_and_time() -> None:
    request = Request(f"{SITE}/page", meta={"a": 1})

    fetched = fetcher().fetch(session(ScriptedAdapter(reply("hello"))), request)

    assert fetched.response is not None
    assert (fetched.response.text, fetched.response.asked, fetched.response.meta) == ("hello", request, {"a": 1})
    assert (fetched.response.session_name, fetched.epoch, fetched.tries, fetched.sent_at) == ("default", 7, 1, NOW)
    assert fetched.error is None


def test_a_503_is_tried_again_with_the_cookie_it_set() -> None:
    adapter = ScriptedAdapter(reply(status=503, cookies={"sid": "1"}), reply("hi"))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"))

    assert fetched.response is not None
    assert (fetched.response.text, fetched.tries) == ("hi", 2)
    assert [request.headers.get("Cookie") for request in adapter.requests] == [None, "sid=1"]


def test_an_error_status_keeps_the_answer_for_the_errback() -> None:
    fetched = fetcher().fetch(session(ScriptedAdapter(reply("gone", 404))), Request(f"{SITE}/p?token=abcdef"))

    assert isinstance(fetched.error, StatusError)
    assert (fetched.error.status, fetched.tries) == (404, 1)
    assert fetched.response is not None
    assert fetched.response.text == "gone"
    assert "abcdef" not in str(fetched.error)


def test_statuses_that_a_callback_wants_to_see_are_answers() -> None:
    adapter = ScriptedAdapter(reply("gone", 404))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"), Checks(allowed_statuses=frozenset({404})))

    assert fetched.error is None
    assert fetched.response is not None
    assert fetched.response.status == 404


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on_and_not_waited_for(status: int) -> None:
    adapter = ScriptedAdapter(reply(status=status, headers={"Retry-After": "7"}))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"))

    assert isinstance(fetched.error, StatusError)
    assert fetched.error.retry_after_s == 7.0
    assert len(adapter.requests) == 1


def test_a_logged_out_page_is_seen_before_its_status_is_judged_and_not_tried_again_here() -> None:
    adapter = ScriptedAdapter(reply("login", 503))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"), Checks(logged_out=lambda page: "a login form"))

    assert (fetched.logged_out, fetched.error) == ("a login form", None)
    assert len(adapter.requests) == 1


def test_broken_connections_are_tried_again_and_counted() -> None:
    adapter = ScriptedAdapter(ConnectFailed(SITE, "a"), ConnectFailed(SITE, "b"), reply("here"))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"))

    assert (fetched.tries, fetched.error) == (3, None)


def test_a_worker_that_must_not_wait_tries_once() -> None:
    adapter = ScriptedAdapter(ConnectFailed(SITE, "a"))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"), patient=False)

    assert isinstance(fetched.error, ConnectFailed)
    assert fetched.tries == len(adapter.requests) == 1


def test_T6_a_post_that_broke_off_is_not_sent_again() -> None:
    adapter = ScriptedAdapter(ConnectFailed(SITE, "a"))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p", data={"a": "1"}))

    assert isinstance(fetched.error, ConnectFailed)
    assert len(adapter.requests) == 1


FOREIGN: list[Exception] = [
    ValueError("Invalid IPv6 URL"),
    requests.ConnectionError("gone"),
    requests.exceptions.InvalidSchema("no"),
    OSError("broken pipe"),
    UnicodeError("label too long"),
]


@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_U2_whatever_an_adapter_raises_is_an_error_of_the_page(error: Exception) -> None:
    fetched = fetcher().fetch(session(ScriptedAdapter(error)), Request(f"{SITE}/p"))

    assert isinstance(fetched.error, FetchError)
    assert type(error).__name__ in str(fetched.error)
    assert fetched.response is None


def test_a_bug_in_an_adapter_is_not_the_pages_fault() -> None:
    with pytest.raises(KeyError):
        fetcher().fetch(session(ScriptedAdapter(KeyError("bug"))), Request(f"{SITE}/p"))


def test_a_redirect_that_the_guard_refuses_is_not_followed() -> None:
    adapter = ScriptedAdapter(reply(status=302, headers={"Location": "/logout?token=abcdef"}))

    checks = Checks(hop_guard=lambda url, text, rel: "logout" if "logout" in url else None)
    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"), checks)

    assert isinstance(fetched.error, GuardRefused)
    assert "logout" in fetched.error.why
    assert "abcdef" not in str(fetched.error)
    assert len(adapter.requests) == 1


def test_a_redirect_loop_is_final() -> None:
    adapter = ScriptedAdapter().on(f"{SITE}/p", reply(status=302, headers={"Location": "/p"}))

    fetched = fetcher().fetch(session(adapter), Request(f"{SITE}/p"))

    assert isinstance(fetched.error, RedirectError)
    assert len(adapter.requests) == 2


def test_the_epoch_is_that_of_the_last_sending() -> None:
    made: Any = None

    def fails(request: requests.PreparedRequest) -> Any:
        made.epoch += 1
        raise ConnectFailed(SITE, "a")

    made = session(ScriptedAdapter(fails, reply("x")))

    assert fetcher().fetch(made, Request(f"{SITE}/p")).epoch == 8

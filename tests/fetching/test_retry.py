"""When another try is worthwhile, and how long to wait: the one place for retries (T6, T9, T10 among the rows)."""

from __future__ import annotations

import math
import threading
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import (
    BadAnswer,
    ConnectFailed,
    FetchError,
    Incomplete,
    RedirectError,
    Refused,
    StatusError,
    TimedOut,
    TLSFailed,
    TooLarge,
    UnknownHost,
)
from crawler.fetching.retry import IDEMPOTENT, Backoff, RetryPolicy, next_wait_s, retry_after_s
from crawler.judge import describe
from crawler.sessions.flow import Flow, Wait

NOW = 1_800_000_000.0
URL = "http://shop.test/page"
PASSING: list[FetchError] = [
    ConnectFailed(URL, "reset"),
    TimedOut(URL, "silent"),
    Incomplete(URL, "cut"),
    StatusError(URL, 503),
    StatusError(URL, 429, 5.0),
]
FINAL: list[FetchError] = [
    Refused(URL, "scheme"),
    BadAnswer(URL, "no HTTP"),
    TooLarge(URL, "too large"),
    RedirectError(URL, "loop"),
    TLSFailed(URL, "expired"),
    StatusError(URL, 404),
    StatusError(URL, 403),
    FetchError(URL, "anything else"),
]


def policy(retries: int = 4, stop: threading.Event | None = None, **options: Any) -> RetryPolicy:
    backoff = Backoff(options.pop("backoff_s", 0.01), options.pop("max_backoff_s", 60.0), **options)
    return RetryPolicy(retries, frozenset({429, 500, 502, 503, 504}), backoff, stop or threading.Event())


seconds = st.floats(0.01, 10_000)


@given(attempt=st.integers(1, 10_000), base_s=seconds, cap_s=seconds, asked_s=seconds, chance=st.floats(0, 1))
def test_a_wait_obeys_the_server_first_and_the_cap_second(
    attempt: int, base_s: float, cap_s: float, asked_s: float, chance: float
) -> None:
    wait_s = next_wait_s(attempt, base_s=base_s, cap_s=cap_s, asked_s=asked_s, chance=chance)

    assert asked_s <= wait_s <= max(asked_s, cap_s)


def test_waits_double_until_the_cap_and_are_spread_by_chance() -> None:
    full = [next_wait_s(attempt, base_s=1.0, cap_s=10.0) for attempt in range(1, 7)]
    least = [next_wait_s(attempt, base_s=1.0, cap_s=10.0, chance=0.0) for attempt in range(1, 7)]

    assert full == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert least == [wait / 2 for wait in full]


ASKED: list[tuple[str | None, float | None]] = [
    ("120", 120.0),
    (" 7 ", 7.0),
    ("1.5", 1.5),
    ("0", 0.0),
    ("-5", 0.0),
    (formatdate(NOW + 90, usegmt=True), 90.0),
    (formatdate(NOW - 90, usegmt=True), 0.0),
    ("99999999999", 21_600.0),
    ("1e400", 21_600.0),
    ("inf", 21_600.0),
    ("nan", None),
    ("soon", None),
    ("", None),
    ("Wed, 99 Foo 20266 77:88:99 GMT", None),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), ASKED, ids=[str(value) for value, _ in ASKED])
def test_T10_retry_after_is_read_capped_and_never_believed_when_it_is_nonsense(
    value: str | None, expected: float | None
) -> None:
    assert retry_after_s(value, now=NOW, cap_s=21_600.0) == expected


@given(st.text(max_size=60))
def test_T10_no_text_of_a_server_breaks_it(text: str) -> None:
    found = retry_after_s(text, now=NOW, cap_s=100.0)

    assert found is None or (0.0 <= found <= 100.0 and not math.isnan(found))


@pytest.mark.parametrize("error", PASSING, ids=describe)
def test_what_may_pass_is_tried_again_until_the_tries_are_used_up(error: FetchError) -> None:
    assert all(policy(4).worth_retrying(error, attempt) for attempt in range(1, 5))
    assert not policy(4).worth_retrying(error, 5)
    assert not policy(0).worth_retrying(error, 1)


@pytest.mark.parametrize("error", FINAL, ids=describe)
def test_what_will_not_pass_is_never_tried_again(error: FetchError) -> None:
    assert not policy().worth_retrying(error, 1)


def test_T9_an_unknown_name_is_asked_for_twice_at_most() -> None:
    error = UnknownHost(URL, "no such host")

    assert [policy().worth_retrying(error, attempt) for attempt in (1, 2, 3)] == [True, False, False]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_T6_what_may_change_things_is_sent_again_only_when_the_server_says_that_it_did_nothing(method: str) -> None:
    again = {describe(error): policy().worth_retrying(error, 1, method) for error in [*PASSING, StatusError(URL, 500)]}

    assert {name for name, wanted in again.items() if wanted} == {describe(PASSING[3]), describe(PASSING[4])}
    assert all(policy().worth_retrying(PASSING[0], 1, each) for each in IDEMPOTENT)


class Sender:
    """Fails with the given errors, one a call, then returns "answer"."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_short_waits_happen_here_and_the_tries_are_counted() -> None:
    send = Sender(ConnectFailed(URL, "a"), Incomplete(URL, "b"))

    assert policy().call(send, attempt=0, method="GET", patient=True) == ("answer", 3)
    assert send.calls == 3


def test_a_wait_that_is_long_goes_back_to_the_frontier() -> None:
    send = Sender(*[ConnectFailed(URL, "a")] * 9)

    with pytest.raises(ConnectFailed) as caught:
        policy(backoff_s=30.0).call(send, attempt=0, method="GET", patient=True)

    assert send.calls == 1
    assert caught.value.__dict__["tries"] == 1


def test_what_a_server_asks_for_is_never_waited_for_by_a_worker() -> None:
    send = Sender(StatusError(URL, 429, 0.001))

    with pytest.raises(StatusError):
        policy().call(send, attempt=0, method="GET", patient=True)

    assert send.calls == 1


@pytest.mark.parametrize("reason", ["impatient", "earlier-tries", "stopped"])
def test_no_second_try_is_made_here_when_it_must_not_be(reason: str) -> None:
    stop = threading.Event()
    if reason == "stopped":
        stop.set()
    send = Sender(ConnectFailed(URL, "a"))

    with pytest.raises(ConnectFailed):
        policy(4, stop).call(
            send, attempt=4 if reason == "earlier-tries" else 0, method="GET", patient=reason != "impatient"
        )

    assert send.calls == 1


def test_an_error_that_is_not_ours_passes_through_at_once() -> None:
    send = Sender(KeyError("bug"))

    with pytest.raises(KeyError):
        policy().call(send, attempt=0, method="GET", patient=True)

    assert send.calls == 1


def test_the_tries_of_all_turns_together_stay_within_the_setting() -> None:
    """What FAULTS calls "retries multiply": 1 + 4 sendings, however they are spread over turns."""
    sent, attempt = 0, 0
    for _ in range(10):
        send = Sender(*[ConnectFailed(URL, "a")] * 10)
        with pytest.raises(ConnectFailed) as caught:
            policy(4).call(send, attempt=attempt, method="GET", patient=True)
        sent += send.calls
        attempt += caught.value.__dict__["tries"]
        if not policy(4).worth_retrying(caught.value, attempt):
            break

    assert sent == attempt == 5


def test_a_flow_goes_on_after_a_wait_on_another_thread() -> None:
    """What tenacity counts is kept for each thread: the first version lost pages that had to be tried again."""
    tries: list[int] = []

    def send() -> Flow[str]:
        yield from ()
        tries.append(1)
        if len(tries) < 3:
            raise ConnectFailed("http://a/", "refused")
        return "answer"

    flow = policy(retries=5).flow(send, attempt=0, method="GET", patient=True)
    steps: list[object] = [next(flow)]
    ended: list[object] = []

    def go_on() -> None:
        try:
            steps.append(flow.send(None))
        except StopIteration as stopped:
            ended.append(stopped.value)

    for _ in range(2):
        thread = threading.Thread(target=go_on)
        thread.start()
        thread.join(5)

    assert [type(step) for step in steps] == [Wait, Wait]
    assert ended == [("answer", 3)]

"""What an account may still send: from what the spider says, and from what answers say."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import requests

from crawler import Identity
from crawler.errors import QuotaSpent, SettingsError
from crawler.fetching.limits import Limits
from crawler.sessions.accounts import Account
from crawler.sessions.flow import Call
from crawler.sessions.origins import Origins
from crawler.sessions.quota import Allowance, BareAsking, Granted, Quota
from crawler.sessions.quota_headers import left_and_reset
from crawler.sessions.session import Session
from crawler.stores.sql.quota_rows import still_counting
from tests.sessions.managers import IN, SITE, door

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Bank:
    """A store with so many requests."""

    def __init__(self, clock: Clock, left: int, **granted: Any) -> None:
        self.clock, self.left, self.granted = clock, left, granted
        self.back: list[tuple[float, int]] = []

    def __call__(self, wanted: int, back: list[tuple[float, int]]) -> Granted:
        self.back += back
        count = min(wanted, self.left)
        self.left -= count
        return Granted(count, self.clock.now, 0.0 if count else self.clock.now + 50, **self.granted)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("text", "requests", "per_s"),
    [
        ("100/hour", 100, 3_600),
        ("5_000 per day", 5_000, 86_400),
        ("10/30 seconds", 10, 30),
        ("60/min", 60, 60),
        ("7 an hour", 7, 3_600),
        ("1/s", 1, 1),
        ("2 / 5 H", 2, 18_000),
    ],
)
def test_a_quota_is_written_as_people_write_it(text: str, requests: int, per_s: float) -> None:
    assert Quota.parse(text) == Quota(requests, per_s)


@pytest.mark.parametrize(
    "text", ["", "100", "0/hour", "100/fortnight", "-5/hour", "100/0 seconds", "many/day", "1/hours/day"]
)
def test_an_invalid_quota_says_how_to_write_it(text: str) -> None:
    with pytest.raises(SettingsError, match="100/hour"):
        Quota.parse(text)


@pytest.mark.parametrize(
    ("headers", "left", "in_s"),
    [
        ({"X-RateLimit-Remaining": "41", "X-RateLimit-Reset": "1800000090"}, 41, 90),  # GitHub
        ({"X-RateLimit-Remaining": "41", "X-RateLimit-Reset": "1800000090000"}, 41, 90),  # in milliseconds
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "1800000900"}, 0, 900),  # Twitter
        ({"X-Ratelimit-Remaining": "5.0", "X-Ratelimit-Reset": "30"}, 5, 30),  # Reddit
        ({"RateLimit-Remaining": "9", "RateLimit-Reset": "12"}, 9, 12),
        ({"RateLimit": '"default";r=50;t=30'}, 50, 30),
        ({"X-RateLimit-Remaining": "1, 10", "X-RateLimit-Reset": "60"}, 1, 60),  # two policies: the first
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1700000000"}, 1, 0),  # long ago
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "900000000"}, 1, 86_400),  # nobody waits for ever
    ],
)
def test_what_is_left_is_read_from_the_headers_that_sites_send(headers: dict[str, str], left: int, in_s: float) -> None:
    from requests.structures import CaseInsensitiveDict

    assert left_and_reset(CaseInsensitiveDict(headers), NOW) == (left, NOW + in_s)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Remaining": "7"},
        {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset": "60"},
        {"RateLimit": "r=1"},
        {"X-RateLimit-Remaining": "9" * 40, "X-RateLimit-Reset": "60"},
    ],
)
def test_headers_that_do_not_say_both_say_nothing(headers: dict[str, str]) -> None:
    assert left_and_reset(headers, NOW) is None


def test_a_declared_quota_is_taken_from_the_store_in_small_portions_and_never_exceeded(clock: Clock) -> None:
    bank = Bank(clock, left=100)
    allowance = Allowance("anna", Quota(100, 3_600), bank, clock=clock)

    sent = 0
    while allowance.may_send(handed_out=0):
        assert allowance.take()
        allowance.answered({})
        sent += 1
        assert sent + bank.left <= 100

    assert sent == 100
    assert allowance.spent_until() == NOW + 50
    with pytest.raises(QuotaSpent, match="100 an hour is spent") as raised:
        allowance.before_sending("https://shop.example/")
    assert raised.value.wait_s == 50


def test_what_is_handed_out_and_not_sent_yet_counts(clock: Clock) -> None:
    allowance = Allowance("anna", Quota(5, 3_600), Bank(clock, left=5), clock=clock)

    assert [allowance.may_send(handed_out) for handed_out in (0, 4, 5)] == [True, True, False]


def test_what_was_not_sent_in_time_goes_back(clock: Clock) -> None:
    bank = Bank(clock, left=100)
    allowance = Allowance("anna", Quota(100, 3_600), bank, clock=clock)
    assert allowance.may_send(0)
    assert allowance.take()
    clock.now += 61

    assert allowance.may_send(0)

    assert bank.back == [(NOW, 9)]
    assert allowance.unused() == [(NOW + 61, 10)]


def test_the_site_says_how_much_is_left_and_requests_under_way_count_against_it(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert all(allowance.take() for _ in range(4))

    allowance.answered({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "60"})  # three others are under way

    assert [allowance.take() for _ in range(3)] == [True, True, False]
    assert allowance.spent_until() == 0.0, "answers are waited for first"


def test_an_account_without_requests_rests_until_the_window_ends_and_goes_on_then(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert allowance.take()

    allowance.answered({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"})

    assert not allowance.may_send(0)
    assert allowance.spent_until() == NOW + 60
    clock.now += 60.1
    assert allowance.may_send(0)
    assert allowance.take()


def test_a_later_answer_of_an_earlier_request_does_not_raise_what_is_left(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert allowance.take()
    assert allowance.take()

    allowance.answered({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "60"})
    allowance.answered({"X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "60"})

    assert allowance.take()
    assert not allowance.take()


@pytest.mark.parametrize("quota", [None, Quota(1, 60)], ids=["by the site", "by the spider"])
def test_a_request_that_missed_its_turn_is_not_under_way_and_costs_nothing(clock: Clock, quota: Quota | None) -> None:
    session = Session(
        Identity("anna"),
        account=Account("anna", environ={}),
        origins=Origins([SITE]),
        transport=door(IN),
        limits=Limits(),
    )
    session.sending.allowance = allowance = Allowance("anna", quota, Bank(clock, 1), clock=clock)
    if quota is None:
        assert allowance.take()
        allowance.answered({"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "60"})
    flow = session.flow(session.prepare_request(requests.Request("GET", f"{SITE}/in")))
    step = next(flow)
    while isinstance(step, Call):
        step = flow.send(step.run())

    flow.close()

    clock.now += 61.0 if quota is None else 0.0
    assert session.get(f"{SITE}/in").status_code == 200


def test_a_request_without_an_answer_may_have_been_counted_by_the_site(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert allowance.take()
    allowance.answered({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "60"})
    assert allowance.take()

    allowance.answered(None)

    assert not allowance.take()


@pytest.mark.parametrize(
    ("status", "headers", "asked_s", "others", "rests_s"),
    [
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90"}, None, False, 90),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90"}, None, False, 90),  # GitHub
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90"}, 120, False, 120),
        (429, {}, 120, True, 120),
        (429, {}, 120, False, None),  # nobody else can go on: the host has asked
        (429, {}, None, True, None),
        (403, {}, 120, True, None),
        (503, {}, 120, True, None),
        (403, {"X-RateLimit-Remaining": "17", "X-RateLimit-Reset": "90"}, None, True, None),
    ],
)
def test_a_refusal_is_about_the_account_where_the_answer_says_so(
    clock: Clock, status: int, headers: dict[str, str], asked_s: float | None, others: bool, rests_s: float | None
) -> None:
    allowance = Allowance("anna", others=others, clock=clock)

    assert allowance.asks_for_rest(status, headers, asked_s) == rests_s

    news = allowance.news()
    assert (news.until if news else None) == (None if rests_s is None else NOW + rests_s)


def test_a_second_account_that_is_asked_for_patience_meanwhile_says_that_it_is_the_host(clock: Clock) -> None:
    bare = BareAsking()
    anna, otto = (Allowance(name, others=True, bare=bare, clock=clock) for name in ("anna", "otto"))

    assert anna.asks_for_rest(429, {}, 60) == 60
    assert anna.asks_for_rest(429, {}, 60) == 60, "another request of hers was under way"
    assert otto.asks_for_rest(429, {}, 60) is None


def test_an_account_that_is_refused_again_and_again_is_not_excused_for_ever(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}

    answers = []
    for _ in range(7):
        answers.append(allowance.asks_for_rest(403, headers, None))
        clock.now += 2

    assert answers == [1.0] * 5 + [None] * 2
    allowance.brought()
    assert allowance.asks_for_rest(403, headers, None) == 1.0


def test_an_account_that_rested_when_the_last_run_ended_rests_on(clock: Clock) -> None:
    allowance = Allowance("anna", None, Bank(clock, 0, rests_until=NOW + 300, why="limit of today"), clock=clock)

    assert not allowance.may_send(0)
    assert allowance.spent_until() == NOW + 300


def test_what_is_given_back_counts_no_more() -> None:
    granted = [[10.0, 5], [20.0, 5], [30.0, 5]]

    assert still_counting(granted, [(20.0, 2), (30.0, 5)], since=10.0) == [[20.0, 3]]


def test_the_error_can_be_raised_with_a_text_and_pickled() -> None:
    error = QuotaSpent("limit of today is reached", wait_s=60)

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert (str(again), again.wait_s) == ("limit of today is reached", 60)


def test_after_the_window_one_request_asks_how_much_there_is_before_others_follow(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert allowance.take()
    allowance.answered({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"})
    clock.now += 60.1

    assert [allowance.take(), allowance.take()] == [True, False]
    allowance.answered({"X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "60"})

    assert [allowance.take() for _ in range(3)] == [True, True, False]


def test_a_site_that_says_no_more_what_is_left_is_asked_freely_again(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)
    assert allowance.take()
    allowance.answered({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"})
    clock.now += 60.1
    assert allowance.take()

    allowance.answered({})

    assert all(allowance.take() for _ in range(5))


def test_the_word_of_a_spider_is_not_taken_for_ever_without_a_page_between(clock: Clock) -> None:
    allowance = Allowance("anna", clock=clock)

    taken = []
    for _ in range(7):
        taken.append(allowance.rest(0, "the page says so"))
        assert not allowance.take() or not taken[-1], "it rests for a second at least"
        clock.now += 1.1

    assert taken == [True] * 5 + [False] * 2
    allowance.brought()
    assert allowance.rest(60, "the page says so")

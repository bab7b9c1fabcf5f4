"""When an account may be logged in: the rules alone, without a store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from crawler.stores.policy.login_policy import (
    MOST_ATTEMPTS,
    MOST_REFUSALS,
    Decision,
    Ending,
    LoginBook,
    Trying,
    account_of,
    are_refused,
    begun,
    ended,
    learned_limit,
    may_begin,
    refused_until,
)
from crawler.stores.policy.stored_logins import packed, unpacked

NOW = 1_800_000_000.0
DAY_S = 86_400.0
ANN = Trying("orders", "v1", "ann:secret")


def logged(book: LoginBook, ending: Ending, *, at: float, trying: Trying = ANN, asked_s: float = 0.0) -> LoginBook:
    book = begun(book, trying, token=1, now=at)
    return ended(book, ending, token=1, now=at, asked_s=asked_s)


def after(*endings: Ending, trying: Trying = ANN, every_s: float = 1.0) -> LoginBook:
    """A book in which these logins ended, the last one just now."""
    book = LoginBook()
    for number, ending in enumerate(endings):
        book = logged(book, ending, at=NOW - every_s * (len(endings) - 1 - number), trying=trying)
    return book


def wait_s(book: LoginBook, trying: Trying = ANN, *, now: float = NOW) -> float:
    return max(may_begin(book, trying, now).until - now, 0.0)


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["ok", "unsent", "busy", "absent"])
def test_logins_that_succeed_or_send_nothing_do_not_count_for_the_budget(ending: Ending) -> None:
    book = after(*[ending] * 40, every_s=0.1)

    assert may_begin(book, replace(ANN, budget=1), NOW + 400).kind != "spent"


@pytest.mark.parametrize("ending", ["", "refused", "failed", "code", "broken", "human"])
def test_logins_that_may_have_counted_against_the_account_do(ending: Ending) -> None:
    book = after(ending, ending, every_s=1200.0)

    decision = may_begin(
        book, Trying("orders", "v1", "" if ending in ("refused", "code") else "ann:secret", budget=2), NOW + 900
    )

    assert decision.until == NOW - 1200 + 3600
    assert "2 logins of the last hour did not succeed, 2 allowed (login_budget)" in decision.why


def test_a_budget_that_is_spent_names_the_usual_causes_and_what_the_attempts_lacked() -> None:
    lost, human = after("lost", "lost"), after("human", "human")
    few = replace(ANN, budget=2)

    assert "serial=True" in may_begin(lost, few, NOW).why
    assert "very short" in may_begin(lost, few, NOW).why
    assert (may_begin(lost, few, NOW).kind, may_begin(human, few, NOW).kind) == ("spent", "human")
    assert "serial" not in may_begin(human, few, NOW).why


def test_failures_are_waited_for_longer_and_longer_until_a_login_succeeds() -> None:
    waits = [wait_s(after(*["failed"] * number, every_s=DAY_S)) for number in range(1, 7)]  # type: ignore[list-item]

    assert waits == [0, 600, 3600, 6 * 3600, DAY_S, DAY_S]
    assert wait_s(after("failed", "failed", "ok")) == 0


@pytest.mark.parametrize("ending", ["unsent", "human", ""])
def test_what_says_nothing_about_the_credentials_does_not_end_a_row_of_failures(ending: Ending) -> None:
    assert wait_s(after("failed", "failed", ending)) == pytest.approx(599)


# --- refused credentials ----------------------------------------------------------------------------------------------


def test_two_wrong_passwords_in_turn_are_both_remembered() -> None:
    other = replace(ANN, credentials="ann:other")
    book = logged(after("refused"), "refused", at=NOW, trying=other)

    assert [may_begin(book, each, NOW + 60).kind for each in (ANN, other, replace(ANN, credentials="new"))] == [
        "refused",
        "refused",
        "",
    ]


def test_the_list_of_refused_credentials_and_of_attempts_is_bounded() -> None:
    book = LoginBook()
    for number in range(200):
        book = logged(book, "refused", at=NOW, trying=replace(ANN, credentials=f"ann:{number}"))

    assert len(book.refusals) == MOST_REFUSALS
    assert len(book.attempts) == MOST_ATTEMPTS
    assert may_begin(book, replace(ANN, credentials="ann:199"), NOW).kind == "refused"


def test_a_login_with_other_credentials_that_succeeds_does_not_forget_the_refused_ones() -> None:
    book = logged(after("refused"), "ok", at=NOW, trying=replace(ANN, credentials="ann:right"))

    assert may_begin(book, ANN, NOW + 60).kind == "refused"


def test_only_a_refusal_keeps_credentials_from_being_sent_by_a_probe_and_neither_failures_nor_a_site_in_trouble() -> (
    None
):
    for ending in ("failed", "busy", "broken", "human", "lost"):
        book = after(*[ending] * 8)
        assert may_begin(book, ANN, NOW).until > NOW, ending
        assert are_refused(book, ANN, NOW) == Decision(), ending

    assert are_refused(after("refused"), ANN, NOW).until == NOW + DAY_S
    assert are_refused(after("refused", "ok"), ANN, NOW) == Decision()


def test_it_is_known_until_when_refused_credentials_are_not_tried_without_knowing_them() -> None:
    again = logged(after("refused"), "refused", at=NOW + DAY_S)
    other = logged(after("refused"), "ok", at=NOW + 60, trying=replace(ANN, credentials="ann:right"))

    assert refused_until(after("failed", "refused"), NOW + 60) == NOW + DAY_S
    assert refused_until(again, NOW + DAY_S) == NOW + 4 * DAY_S
    assert refused_until(after("refused"), NOW + DAY_S) == 0.0
    assert refused_until(after("refused", "ok"), NOW) == 0.0
    assert refused_until(other, NOW + 120) == 0.0
    assert refused_until(LoginBook(), NOW) == 0.0


def test_another_spider_does_not_try_what_was_refused_and_one_that_was_changed_does() -> None:
    book = after("refused")

    assert may_begin(book, replace(ANN, spider="bills", steps="x"), NOW).kind == "refused"
    assert may_begin(book, replace(ANN, steps="v2"), NOW).kind == ""
    again = logged(book, "refused", at=NOW, trying=replace(ANN, steps="v2"))
    assert [may_begin(again, replace(ANN, steps=each), NOW + 60).kind for each in ("v1", "v2", "v3")] == [
        "refused",
        "refused",
        "",
    ]


# --- changes, and a person who insists --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trying",
    [
        replace(ANN, force=True),
        replace(ANN, steps="v2"),
        replace(ANN, credentials="ann:new"),
    ],
    ids=["force", "spider changed", "account changed"],
)
def test_whoever_insists_or_has_changed_something_goes_on_at_once(trying: Trying) -> None:
    book = after("failed", "refused", "failed", "failed", "failed", "failed", "failed")

    assert may_begin(book, ANN, NOW).until > NOW
    assert may_begin(book, trying, NOW) == Decision()


def test_a_changed_spider_does_not_hurry_a_site_that_asks_for_patience() -> None:
    book = logged(LoginBook(), "busy", at=NOW, asked_s=100)

    assert wait_s(book, replace(ANN, steps="v2")) == 101
    assert wait_s(book, replace(ANN, force=True)) == 0


# --- what passes by itself --------------------------------------------------------------------------------------------


def test_a_retry_after_that_was_rounded_down_is_given_more_time_each_time() -> None:
    book, waits, now = LoginBook(), [], NOW
    for _ in range(4):
        book = logged(book, "busy", at=now, asked_s=5)
        waits.append(wait_s(book, now=now))
        now += waits[-1]

    assert waits == [6, 7, 9, 13]


@pytest.mark.parametrize(
    ("ending", "first", "last"), [("busy", 2, 300), ("broken", 2, 900), ("absent", 1, 60)], ids=str
)
def test_without_retry_after_the_pauses_grow_up_to_a_bound(ending: Ending, first: float, last: float) -> None:
    waits = [wait_s(after(*[ending] * number, every_s=3601.0)) for number in range(1, 12)]

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (first, last)
    assert may_begin(after(ending), ANN, NOW).kind == "passing"


def test_the_pauses_begin_anew_when_the_trouble_was_over() -> None:
    assert wait_s(after("busy", "busy", "busy", "ok", "busy", every_s=100.0)) == 2


def limited(limit: int, window_s: float, *, logins: int, every_s: float = 0.5) -> tuple[list[float], int]:
    """What a site sees that bears *limit* logins in a fixed window: the moments of logins, and how many it refused."""
    book, now, moments, refused, start, posts = LoginBook(), NOW, [], 0, NOW, 0
    while len(moments) < logins:
        now += max(wait_s(book, now=now), every_s)
        if now - start > window_s:
            start, posts = now, 0
        posts += 1
        if posts > limit:
            refused += 1
            book = logged(book, "busy", at=now)
        else:
            moments.append(now)
            book = logged(book, "ok", at=now)
    return moments, refused


@pytest.mark.parametrize("limit", [1, 3, 5])
@pytest.mark.parametrize("window_s", [10, 30, 60])
def test_a_limit_of_logins_is_learned_from_the_answers(limit: int, window_s: float) -> None:
    moments, refused = limited(limit, window_s, logins=30)

    assert refused <= 6, "the first window teaches it"
    assert moments[-1] - moments[0] < 3 * window_s * 30 / limit


def test_trouble_long_after_the_last_login_is_not_a_login_limit() -> None:
    book = logged(logged(logged(LoginBook(), "ok", at=NOW - 3000), "busy", at=NOW - 100), "ok", at=NOW - 98)

    assert learned_limit(book) is None
    assert wait_s(book) == 0


# --- as it is kept ----------------------------------------------------------------------------------------------------


def test_a_book_comes_back_from_the_store_and_its_credentials_are_apart() -> None:
    book = logged(after("ok", "refused", "broken"), "failed", at=NOW, trying=replace(ANN, credentials=""))

    tables, marks = packed(book)

    assert "secret" not in json.dumps(tables)
    assert unpacked(json.loads(json.dumps(tables)), marks) == book


def test_without_the_key_the_attempts_still_count_and_nothing_is_taken_for_refused() -> None:
    tables, _ = packed(after("refused", "failed", "failed"))

    book = unpacked(tables, [])

    assert not book.refusals
    assert may_begin(book, replace(ANN, budget=3), NOW).kind == "spent"


@pytest.mark.parametrize(
    "tables",
    [None, [], {"attempts": 1}, {"attempts": [1, {"began": "x", "ended": 1}, {}]}, {"refusals": [{"at": 1}]}],
    ids=repr,
)
def test_what_cannot_be_read_is_left_out(tables: object) -> None:
    assert unpacked(tables, ["", "a"]) == LoginBook()


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    book = after("failed", "failed")

    assert wait_s(book, now=NOW - 10 * DAY_S) <= 600
    assert wait_s(logged(LoginBook(), "busy", at=NOW, asked_s=5), now=NOW - DAY_S) <= 6


def test_sessions_of_several_kinds_belong_to_one_account() -> None:
    assert account_of("shop.example|account+auth+headers|ann|account+x|") == "shop.example|account|ann|account+x|"
    assert account_of("shop.example|account|ann") == "shop.example|account|ann"
    assert account_of("shop.example|session|default") == "shop.example|session|default"


def test_a_code_that_is_asked_for_again_in_two_logins_in_a_row_is_a_refusal() -> None:
    assert may_begin(after("code"), ANN, NOW + 1).until <= NOW + 1  # it may have come too late
    twice = after("code", "code", every_s=DAY_S)
    assert may_begin(twice, ANN, NOW + 1).kind == "refused"
    assert may_begin(twice, replace(ANN, credentials="ann:another"), NOW + 1).kind != "refused"


@pytest.mark.parametrize("between", ["ok", "failed", "busy"])
def test_codes_that_are_asked_for_again_with_another_end_between_them_are_no_refusal(between: Ending) -> None:
    assert may_begin(after("code", between, "code", every_s=DAY_S), ANN, NOW + 1).kind != "refused"

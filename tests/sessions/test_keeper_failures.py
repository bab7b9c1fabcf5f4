"""Logins that fail: who gives up, who waits, who asks a person, and what is kept."""

from __future__ import annotations

import re

import pytest

from crawler import NeedsHuman, Response
from crawler.errors import LoginBudgetSpent, LoginFailed, WrongPassword
from crawler.sessions.login.keeper import TRANSIENT_ATTEMPTS
from crawler.sessions.login.states import LoginState
from crawler.sessions.session import Session
from crawler.testing.adapter import reply
from tests.sessions.keepers import IN, OUT, REFUSED, SITE, Door, Memory, door, keeper


def test_a_check_of_the_spider_that_fails_is_named_and_not_taken_for_the_login_step() -> None:
    class Careless(Door):
        name = "careless"

        def is_logged_out(self, response: Response) -> bool:
            return bool({}["nothing"])

    prepared = keeper(door(IN), Memory(), Careless()).prepare()

    assert isinstance(prepared.error, LoginFailed)
    assert f"careless.is_logged_out failed on {SITE}/in: KeyError: 'nothing'" in prepared.error.why
    assert "login step" not in prepared.error.why


def test_L11_a_wrong_password_is_sent_once() -> None:
    desk = Memory()
    made = keeper(door(OUT, post=REFUSED), desk)

    first, second = made.prepare(), made.prepare()

    assert isinstance(first.error, WrongPassword)
    assert second.error is not None
    assert not second.ready
    assert made.spider.logins == 1  # type: ignore[attr-defined]
    assert desk.ended == ["refused"]
    assert "secret" not in str(first.error)


def test_L12_trouble_that_may_pass_is_tried_few_times_with_waits() -> None:
    desk = Memory()
    made = keeper(door(OUT, post=reply("busy", 503)), desk)

    found = [made.prepare() for _ in range(TRANSIENT_ATTEMPTS)]

    assert [each.ready for each in found] == [False] * TRANSIENT_ATTEMPTS
    assert all(each.wait_s > 0 and each.error is None for each in found[:-1])
    assert isinstance(found[-1].error, LoginFailed)
    assert made.spider.logins == TRANSIENT_ATTEMPTS  # type: ignore[attr-defined]
    made.prepare()
    assert made.spider.logins == TRANSIENT_ATTEMPTS  # type: ignore[attr-defined]


def test_a_broken_connection_in_the_login_step_says_where_it_stopped() -> None:
    class Stepping(Door):
        def login(self, session: Session) -> None:
            with session.step("password form"):
                raise KeyError("no such field")

    made = keeper(door(IN), Memory(), Stepping())

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginFailed)
    said = r"stopped at step 'password form' \(test_keeper_failures\.py, line \d+\): KeyError: 'no such field'"
    assert re.search(said, str(prepared.error)), "the name of the file: the path to it may name a person"


def test_L19_a_login_that_needs_a_person_is_parked_until_one_came() -> None:
    class Asking(Door):
        def login(self, session: Session) -> None:
            raise NeedsHuman("the code from the mail")

    desk = Memory()
    made = keeper(door(IN), desk, Asking())

    prepared = made.prepare()

    assert isinstance(prepared.error, NeedsHuman)
    assert made.record.state is LoginState.PARKED
    assert desk.ended == ["human"]
    made.session.cookies.receive(f"{SITE}/", ["sid=by-hand; Path=/"])
    made.adopt_manually(url="import")
    assert made.record.state is LoginState.READY
    assert desk.row is not None
    assert "by-hand" in desk.row.secret


def test_cookies_by_hand_that_do_not_log_in_are_not_kept() -> None:
    desk = Memory()
    made = keeper(door(OUT), desk)

    with pytest.raises(LoginFailed, match="still shows"):
        made.adopt_manually(url="import")

    assert desk.row is None


def test_a_budget_that_is_spent_refuses_before_anything_is_sent() -> None:
    adapter = door(IN)
    made = keeper(adapter, Memory(budget="6 logins in an hour"))

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginBudgetSpent)
    assert adapter.requests == []


def test_L4_a_failed_login_leaves_the_cookies_as_they_were() -> None:
    made = keeper(door(OUT, post=reply("ok", cookies={"sid": "half-in"})), Memory())
    made.session.cookies.receive(f"{SITE}/", ["kept=1; Path=/"])

    made.prepare()

    assert made.session.cookies.header(f"{SITE}/") == "kept=1"

"""Logins that fail: who gives up, who waits, who asks a person, and what is kept."""

from __future__ import annotations

import re

import pytest

from crawler import NeedsHuman, Response
from crawler.errors import LoginBudgetSpent, LoginFailed, SessionError, SiteUnreachable, WrongPassword
from crawler.sessions.login.manager import MOST_FRUITLESS
from crawler.sessions.login.sight import brought_by
from crawler.sessions.login.standing import Preparation
from crawler.sessions.login.states import LoginState
from crawler.sessions.session import Session
from crawler.testing.adapter import ScriptedAdapter, reply
from tests.sessions.managers import IN, OUT, REFUSED, SITE, Door, Memory, door, manager, settle


def test_a_check_of_the_spider_that_fails_is_named_and_not_taken_for_the_login_step() -> None:
    class Careless(Door):
        name = "careless"

        def is_logged_out(self, response: Response) -> bool:
            return bool({}["nothing"])

    prepared = manager(door(IN), Memory(), Careless()).prepare()

    assert isinstance(prepared.error, LoginFailed)
    assert f"careless.is_logged_out failed on {SITE}/in: KeyError: 'nothing'" in prepared.error.why
    assert "login step" not in prepared.error.why


def test_L11_a_wrong_password_is_sent_once() -> None:
    desk = Memory()
    made = manager(door(OUT, post=REFUSED), desk)

    first, second = made.prepare(), made.prepare()

    assert isinstance(first.error, WrongPassword)
    assert second.error is not None
    assert not second.ready
    assert made.spider.logins == 1  # type: ignore[attr-defined]
    assert desk.ended == ["refused"]
    assert "secret" not in str(first.error)


def test_L8_a_session_that_is_ended_before_its_first_page_is_logged_in_once_more_after_a_login_that_was_good() -> None:
    desk = Memory()
    made = manager(door(IN, OUT, OUT, IN), desk)  # what shows nothing of the loss: a page with a form, as for any guest
    assert made.prepare().ready
    made.expire(1, "a page showed us logged out")

    first, second = made.prepare(), made.prepare()

    assert (first.ready, first.error) == (False, None)
    assert first.wait_s > 0
    assert (second.ready, second.how) == (True, "login")
    assert made.spider.logins == 3  # type: ignore[attr-defined]


def test_L11_a_login_that_brings_nothing_is_made_twice_at_most_and_once_where_none_has_been_good() -> None:
    before = manager(door(IN, OUT), Memory())
    assert before.prepare().ready
    before.expire(1, "a page showed us logged out")
    never = manager(door(OUT), Memory())

    for each in (before, never):
        for _ in range(4):
            found = each.prepare()
        assert isinstance(found.error, SessionError)

    assert before.spider.logins == 3  # type: ignore[attr-defined]
    assert never.spider.logins == 1  # type: ignore[attr-defined]


def test_L12_trouble_that_may_pass_is_tried_few_times_with_waits() -> None:
    desk = Memory()
    made = manager(door(OUT, post=reply("busy", 503)), desk)

    first, waiting = made.prepare(), made.prepare()

    assert (first.ready, first.error) == (waiting.ready, waiting.error) == (False, None)
    assert (waiting.wait_s, str(waiting.trouble)) == (
        pytest.approx(2, abs=0.5),
        f"session 'default': the site is in trouble: 503 from {SITE}/login",
    )
    assert made.spider.logins == 1, "it is asked again when the pause is over"  # type: ignore[attr-defined]

    last = settle(made, desk)

    assert isinstance(last.error, LoginFailed)
    assert "waited for" in last.error.why
    assert desk.ahead_s < 900
    assert 5 <= made.spider.logins <= 8  # type: ignore[attr-defined]
    made.prepare()
    assert made.spider.logins <= 8  # type: ignore[attr-defined]


def test_a_browser_that_could_not_open_the_login_page_tries_again_later() -> None:
    class ByBrowser(Door):
        def login(self, session: Session) -> None:
            if self.logins < 2:
                self.logins += 1
                raise SiteUnreachable(session.name, "the browser login stopped: net::ERR_CONNECTION_REFUSED")
            super().login(session)

    desk, spider = Memory(), ByBrowser()

    found = settle(manager(door(IN), desk, spider), desk)

    assert (found.how, desk.ended) == ("login", ["absent", "absent", "ok"])


def test_a_broken_connection_in_the_login_step_says_where_it_stopped() -> None:
    class Stepping(Door):
        def login(self, session: Session) -> None:
            with session.step("password form"):
                raise KeyError("no such field")

    made = manager(door(IN), Memory(), Stepping())

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginFailed)
    said = r"stopped at step 'password form' \(test_login_manager_failures\.py, line \d+\): KeyError: 'no such field'"
    assert re.search(said, str(prepared.error)), "the name of the file: the path to it may name a person"


def test_L19_a_login_that_needs_a_person_is_parked_until_one_came() -> None:
    class Asking(Door):
        def login(self, session: Session) -> None:
            raise NeedsHuman("the code from the mail")

    desk = Memory()
    made = manager(door(IN), desk, Asking())

    prepared = made.prepare()

    assert isinstance(prepared.error, NeedsHuman)
    assert made.record.state is LoginState.PARKED
    assert desk.ended == ["unsent"]
    made.session.cookies.receive(f"{SITE}/", ["sid=by-hand; Path=/"])
    made.adopt_manually(url="import")
    assert made.record.state is LoginState.READY
    assert desk.row is not None
    assert "by-hand" in desk.row.secret


def test_cookies_by_hand_that_do_not_log_in_are_not_kept() -> None:
    desk = Memory()
    made = manager(door(OUT), desk)

    with pytest.raises(LoginFailed, match="still shows"):
        made.adopt_manually(url="import")

    assert desk.row is None


def test_a_budget_that_is_spent_refuses_before_anything_is_sent() -> None:
    adapter = door(IN)
    made = manager(adapter, Memory(budget="6 logins in an hour"))

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginBudgetSpent)
    assert adapter.requests == []


def test_L4_a_failed_login_leaves_the_cookies_as_they_were() -> None:
    made = manager(door(OUT, post=reply("ok", cookies={"sid": "half-in"})), Memory())
    made.session.cookies.receive(f"{SITE}/", ["kept=1; Path=/"])

    made.prepare()

    assert made.session.cookies.header(f"{SITE}/") == "kept=1"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["to nobody", "to another process"])
def test_good_logins_that_bring_no_page_are_given_up_unless_they_bring_one_elsewhere(elsewhere: bool) -> None:
    """Of twelve workers one may never see a page of sessions that last for ten: the others have fetched them."""
    desk = Memory()
    made, told = manager(door(*[IN, OUT] * 20), desk), list[Preparation]()
    for _ in range(MOST_FRUITLESS + 1):
        told.append(made.prepare())
        made.expire(made.record.epoch, "a form")
        desk.brought = made.record.epoch if elsewhere else 0

    assert [each.how for each in told[:MOST_FRUITLESS]] == ["login"] * MOST_FRUITLESS
    assert told[-1].ready == elsewhere
    if not elsewhere:
        assert "the last 8 logins were good" in str(told[-1].error)


@pytest.mark.parametrize("status", [200, 403, 404])
def test_the_cookies_of_a_good_login_are_known_whatever_the_page_is_that_it_leads_to(status: int) -> None:
    led = reply("", 302, {"Location": "/home"}, cookies={"sid": "1"})
    session = manager(door(IN), Memory()).session
    adapter = ScriptedAdapter(led, reply("<p>hello</p>", status))
    session.mount("http://", adapter)

    with session.watching_login():
        session.post(f"{SITE}/login", {"u": "ann"}, headers={"Referer": f"{SITE}/login"})

    assert session.last_answer is not None
    assert session.last_answer.status_code == status
    assert brought_by(session) == {"sid"}

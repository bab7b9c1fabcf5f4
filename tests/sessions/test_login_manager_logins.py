"""The manager of a session logs in: when, with what, and for how long it waits for the site."""

from __future__ import annotations

import base64
import json

import pytest

from crawler.errors import LoginFailed
from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import BearerAuth
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.states import LoginState
from crawler.sessions.session import Session
from crawler.testing.adapter import reply
from tests.sessions.managers import IN, OUT, SITE, Door, Memory, Row, door, logged_in, manager, seconds


def test_the_first_login_is_proved_and_kept_with_its_cookies() -> None:
    desk = Memory()
    made = manager(door(IN), desk)

    prepared = made.prepare()

    assert (prepared.ready, prepared.how) == (True, "login")
    assert (made.record.state, made.session.epoch) == (LoginState.READY, 1)
    assert desk.ended == ["ok"]
    assert desk.row is not None
    assert "sid" in desk.row.secret
    assert made.prepare().how == "ready"
    assert made.spider.logins == 1  # type: ignore[attr-defined]


def test_a_login_begins_without_the_cookies_of_the_sign_on_where_the_last_one_found_its_form() -> None:
    made = manager(door(IN), Memory())
    made.session.login_urls = frozenset({"http://sign-on.test/authorize", "not a url"})
    made.session.cookies.set("known", "1", domain="sign-on.test")
    made.session.cookies.set("consent", "1", domain="other.test")

    assert made.prepare().how == "login"
    assert sorted(made.session.cookies.keys()) == ["consent", "sid"]


def asked(wait: str) -> tuple[LoginManager, Memory]:
    """A manager whose login is answered with a Retry-After."""
    site = door(OUT, post=reply("busy", status=503, headers={"Retry-After": wait}))
    return manager(site, desk := Memory(), retry_after_s=seconds), desk


def test_T10_a_login_waits_for_as_long_as_the_site_asks() -> None:
    made, desk = asked("120")
    made.prepare()

    waits = [made.prepare().wait_s]
    desk.ahead_s += waits[0]
    made.prepare()  # it asks for as long again: it has rounded down, or counts anew
    waits.append(made.prepare().wait_s)

    assert waits == pytest.approx([121.0, 122.0], abs=0.5)
    assert desk.ended == ["busy", "busy"]


def test_T10_a_site_that_asks_for_longer_than_a_run_waits_is_not_asked_again() -> None:
    made, desk = asked("7200")

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginFailed)
    assert "asks to be left alone for 7,200 s" in prepared.error.why
    assert desk.ended == ["busy"]


def test_a_login_that_takes_long_keeps_its_claim() -> None:
    class Slow(Door):
        name = "slow"

        def login(self, session: Session) -> None:
            for waited_s in (10.0, 25.0, 100.0, 5.0):
                moment[0] += waited_s
                session.post(f"{SITE}/login")

    moment = [1_000.0]
    made = manager(door(IN), desk := Memory(), Slow(), clock=lambda: moment[0])

    assert made.prepare().how == "login"
    assert desk.renewed == 2, "after 35 and after 135 seconds"


@pytest.mark.parametrize(("left_s", "how"), [(50.0, "login"), (500.0, "restored")])
def test_a_run_that_would_outlive_its_token_logs_in_first(left_s: float, how: str) -> None:
    now = 1_000_000.0
    claims = base64.urlsafe_b64encode(json.dumps({"exp": now + left_s}).encode()).decode().rstrip("=")
    before = manager(door(IN), Memory())
    before.session.auth, before.record.logged_in_at = BearerAuth(f"e30.{claims}.sig"), now - 10
    taken = snapshot.take(before.session, before.record, url="login")
    stored = Memory(Row(1, 1, taken.secret, True, now - 10, now - 10))
    made = manager(door(IN), stored, clock=lambda: now, expected_run_s=100.0)

    assert made.prepare().how == how


class Tokens(Door):
    """Its login step leaves a token, a header and a hook, and the site refuses a login that comes with any of them."""

    name = "tokens"

    def login(self, session: Session) -> None:
        self.logins += 1
        session.post(f"{SITE}/login").raise_for_status()
        session.auth = BearerAuth(f"t{self.logins}")
        session.headers["X-Csrf"] = f"c{self.logins}"
        session.hooks["response"].append(lambda answer, **_: None)


def test_a_login_is_made_without_the_token_header_and_hook_that_the_last_one_left() -> None:
    adapter = door(IN, OUT, IN)
    made = manager(adapter, Memory(), Tokens())
    assert made.prepare().how == "login"
    made.expire(1, "status 401")

    assert made.prepare().how == "login"

    first, second = [each for each in adapter.requests if each.method == "POST"]
    assert first.headers == second.headers
    assert first.url == second.url == f"{SITE}/login"
    last = adapter.requests[-1]
    assert (last.headers["Authorization"], last.headers["X-Csrf"]) == ("Bearer t2", "c2")
    assert len(made.session.hooks["response"]) == 1, "the hook of the first login is not called any more"


def test_a_forced_login_happens_although_the_session_is_good() -> None:
    desk = logged_in()
    made = manager(door(IN), desk)
    made.prepare()

    assert made.prepare(force=True).how == "login"
    assert made.session.epoch == 2

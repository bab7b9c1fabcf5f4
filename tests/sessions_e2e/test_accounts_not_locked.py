"""No crawl locks an account: whole runs against a portal that counts what is posted to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from requests.adapters import HTTPAdapter

from crawler import NeedsHuman, Response, Session
from crawler.errors import LoginBudgetSpent
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net, net, quick_net
from tests.sessions_e2e.one_account import _account

from .portal import FORM, HOME, Home, Portal, again

__all__ = ["_account", "net", "quick_net"]  # fixtures

JSON = "application/json"
NEW_PASSWORD = (
    b"<h1>Your password has expired</h1><form method=post><input type=password name=old><input type=password name=new1>"
    b"<input type=password name=new2><button>Change</button></form>"
)


def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "s3cret-but-wrong")


class TwoSteps(Home):
    """Goes on to the second form, whatever the first one was answered with."""

    name = "two-steps"

    def goes_on(self, session: Session, answer: Response) -> None:
        with session.step("code"):
            session.submit(answer.form("form[action='/code']"), {"otp": "123456"})


class AsksAPerson(Home):
    name = "asks-a-person"

    def goes_on(self, session: Session, answer: Response) -> None:
        raise NeedsHuman("the code from the mail")


class TakesAToken(Home):
    name = "takes-a-token"

    def goes_on(self, session: Session, answer: Response) -> None:
        session.headers["X-Token"] = answer.json()["token"]


class LooksFurther(Home):
    name = "looks-further"

    def goes_on(self, session: Session, answer: Response) -> None:
        session.get(self.arguments["site"] + "/home")
        raise AssertionError("no name of the user")


@pytest.mark.parametrize("spider", [Home, TwoSteps, AsksAPerson, TakesAToken, LooksFurther], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(again(), id="the form without a word"),
        pytest.param(again("Wrong password."), id="the form with a word"),
        pytest.param(lambda: Answer.redirect("/login?error=1"), id="sent back to the form"),
    ],
)
def test_a_wrong_password_is_one_attempt_whatever_the_next_line_of_the_step_makes_of_it(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spider: type[Home], refusal: Any
) -> None:
    wrong(monkeypatch)
    portal = Portal(refusal=refusal)
    own = quick_net.host({"*": portal})

    runs = [crawl(spider, own.url, tmp_path) for _ in range(2)]

    assert len(portal.posts) == 1
    assert [run.exit_code for run in runs] == [3, 3]
    assert "the site" in runs[0].messages[0]
    assert "refused these credentials on" in runs[1].messages[0]
    assert "s3cret-but-wrong" not in "".join(runs[0].messages + runs[1].messages)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (lambda: Answer(400, b'{"detail": "Unable to log in."}', content_type=JSON), "answered 400 to the password"),
        (lambda: Answer(422, b'{"errors": {"user": ["no"]}}', content_type=JSON), "answered 422 to the password"),
        (lambda: Answer(401, b'{"error": "x"}', content_type=JSON), "status 401"),
        (lambda: Answer(body=b"<h1>Your account has been locked.</h1>"), "account has been locked"),
        (again("Wrong password.", b"<div class=g-recaptcha></div>"), "shows a captcha"),
        (lambda: Answer(403, b"<p>Wrong user name or password</p>" + FORM), "saying 'wrong user name or password'"),
    ],
    ids=["json 400", "json 422", "json 401", "locked", "captcha", "403 with the form"],
)
def test_a_refusal_is_known_in_the_forms_that_sites_give_it(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Any, said: str
) -> None:
    wrong(monkeypatch)
    portal = Portal(refusal=refusal)
    own = quick_net.host({"*": portal})

    first, second = (crawl(TwoSteps, own.url, tmp_path) for _ in range(2))

    assert len(portal.posts) == 1
    assert said in first.messages[0].lower() or said in first.messages[0]
    assert "refused these credentials on" in second.messages[0]


def test_a_form_whose_password_comes_on_its_second_page_is_not_taken_for_refused(
    quick_net: Net, tmp_path: Path
) -> None:
    """A portal that asks for the name first: the page with the password field is no refusal of anything."""

    class NameFirst(Home):
        name = "name-first"

        def login(self, session: Session) -> None:
            name = session.get(self.arguments["site"] + "/login")
            session.submit(name.form(), {"user": session.account.username})
            raise RuntimeError("the second page has changed")

    names = (
        b"<title>Portal</title><form method=post action=/name><input name=user type=email><button>Go</button></form>"
    )
    own = quick_net.host({"/login": Answer(body=names), "/name": Answer(body=FORM), "*": Answer.redirect("/login")})

    run = crawl(NameFirst, own.url, tmp_path)

    assert "RuntimeError: the second page has changed" in run.messages[0]
    assert "refused" not in run.messages[0]


def test_a_password_that_has_expired_is_named_and_waits_for_a_person(quick_net: Net, tmp_path: Path) -> None:
    portal = Portal(password="another", refusal=lambda: Answer(body=NEW_PASSWORD))
    own = quick_net.host({"*": portal})

    run = crawl(TwoSteps, own.url, tmp_path)

    assert (run.ending, run.exit_code) == ("needs human", 7)
    assert "wants a new password to be chosen" in run.messages[0]


@pytest.mark.parametrize("button", ["<input type=submit value=Login>", "<button>Go</button>"], ids=["says so", "Go"])
@pytest.mark.parametrize("words", ["", "Access Denied! Login failed."], ids=["without a word", "with a word"])
def test_a_login_form_that_calls_its_password_new_is_no_wish_for_a_new_one(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, button: str, words: str
) -> None:
    """Many do, so that browsers fill nothing in: each night sent the refused password again."""
    wrong(monkeypatch)
    form = (
        "<title>Login to Watch</title><form method=post action=/home><input name=user>"
        f"<input type=password name=password autocomplete=new-password>{button}</form><p>{words}</p>"
    ).encode()
    posts = []

    def site(call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404, b"")
        if call.method == "POST":
            posts.append(call.form())
        return Answer(body=form)

    class Watch(Home):
        name = "watch"

        def login(self, session: Session) -> None:
            account = session.account
            page = session.get(self.arguments["site"] + "/home")
            session.submit(page.form(), {"user": account.username, "password": account.password})

    own = quick_net.host({"*": site})

    runs = [crawl(Watch, own.url, tmp_path) for _ in range(2)]

    assert len(posts) == 1
    assert [run.exit_code for run in runs] == [3, 3]
    assert "the site" in runs[0].messages[0]
    assert "new password" not in "".join(runs[0].messages)
    assert "refused these credentials on" in runs[1].messages[0]


def test_a_one_time_code_that_was_wrong_is_named(quick_net: Net, tmp_path: Path) -> None:
    class WrongCode(TwoSteps):
        name = "wrong-code"

        def goes_on(self, session: Session, answer: Response) -> None:
            session.submit(answer.form(), {"otp": "000000"})

    own = quick_net.host({"*": Portal(with_code=True)})

    run = crawl(WrongCode, own.url, tmp_path)

    assert run.exit_code == 3
    assert "asks for a one-time code" in run.messages[0]
    assert "it was wrong or too late" in run.messages[0]


@pytest.mark.parametrize(
    "welcome", [HOME, b"<h1>Welcome, Ann</h1>"], ids=["with a way to log out", "without a way to log out"]
)
def test_a_good_login_whose_start_page_is_not_for_this_account_is_one_login_and_the_cause_is_named(
    quick_net: Net, tmp_path: Path, welcome: bytes
) -> None:
    class Managers(Home):
        name = "managers"
        page = "/managers"

    portal = Portal()
    own = quick_net.host({"/welcome": Answer(body=welcome), "*": portal})

    run = crawl(Managers, own.url, tmp_path)

    assert (run.ending, run.exit_code) == ("login failed", 3)
    assert len(portal.posts) <= (1 if welcome is HOME else 2)
    if welcome is HOME:
        assert f"the login is good ({own.url}/welcome shows it)" in run.messages[0]
        assert "may lack permission" in run.messages[0]
        assert "probe_url" in run.messages[0]


def test_two_wrong_passwords_in_turn_are_tried_once_each(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = Portal()
    own = quick_net.host({"*": portal})

    for password in ("first-wrong", "second-wrong", "first-wrong", "second-wrong"):
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password)
        assert crawl(Home, own.url, tmp_path).exit_code == 3

    assert len(portal.posts) == 2
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55-of-ann")
    assert crawl(Home, own.url, tmp_path).exit_code == 0


def test_a_login_page_that_only_sends_the_browser_on_is_followed(quick_net: Net, tmp_path: Path) -> None:
    wait = b'<meta http-equiv="refresh" content="0; url=/finish?ticket=T1"><p>You are being logged in</p>'
    portal = Portal(password="another", refusal=lambda: Answer(body=wait))
    own = quick_net.host({"/finish": lambda call: portal._let_in(), "/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.ending, run.logins, run.items) == ("finished", 1, {"items": 1})


def test_a_login_that_is_sent_on_to_another_site_is_named_and_not_followed(quick_net: Net, tmp_path: Path) -> None:
    away = quick_net.host({}, address="127.0.0.2")
    wait = f'<meta http-equiv="refresh" content="0; url={away.url}/finish"><p>You are being logged in</p>'.encode()
    own = quick_net.host({"*": Portal(password="another", refusal=lambda: Answer(body=wait))})

    run = crawl(Home, own.url, tmp_path)

    assert run.exit_code == 3
    assert f"sends the browser on to {away.url}/finish" in run.messages[0]
    assert away.calls == []


def test_sessions_that_are_gone_before_they_have_brought_a_page_end_after_few_logins(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.sessions.login.patience.AGAIN_S", 0.01)
    portal = Portal()
    portal.pages_each = 1  # the probe is all that a session brings
    own = quick_net.host({"/welcome": Answer(body=b"<p>Welcome</p>"), "*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.ending, run.exit_code) == ("login failed", 3)
    assert len(portal.posts) <= 10
    assert "serial=True" in run.messages[0]


def test_the_errors_of_a_login_step_may_be_raised_with_a_text_alone(quick_net: Net, tmp_path: Path) -> None:
    class Says(Home):
        name = "says"

        def login(self, session: Session) -> None:
            raise LoginBudgetSpent("the site says: come back tomorrow")

    own = quick_net.host({"*": Portal()})

    run = crawl(Says, own.url, tmp_path)

    assert run.exit_code == 3
    assert "session 'default': the site says: come back tomorrow" in run.messages[0]


def test_a_page_with_a_code_form_is_still_answered(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": Portal(with_code=True)})

    assert crawl(TwoSteps, own.url, tmp_path).ending == "finished"


class ByToken(Home):
    name = "by-token"

    def login(self, session: Session) -> None:
        fields = {"user": session.account.username, "password": session.account.password}
        token = session.post(self.arguments["site"] + "/token", data=fields).json()["access"]
        session.headers["Authorization"] = f"Bearer {token}"


def test_a_form_and_a_token_of_one_account_do_not_evict_each_other(quick_net: Net, tmp_path: Path) -> None:
    portal = Portal()
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    runs = [crawl(spider, own.url, tmp_path, fresh=True) for spider in (Home, ByToken, Home, ByToken, Home)]

    assert [run.ending for run in runs] == ["finished"] * 5
    assert [run.logins for run in runs] == [1, 1, 0, 0, 0]
    assert len(portal.posts) == 2


def test_a_password_that_one_kind_of_login_was_refused_is_not_tried_by_the_other(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(monkeypatch)
    portal = Portal()
    own = quick_net.host({"*": portal})

    first, second = crawl(Home, own.url, tmp_path), crawl(ByToken, own.url, tmp_path)

    assert len(portal.posts) == 1, "there is one account, whatever is made of its password"
    assert "refused these credentials on" in second.messages[0]
    assert first.exit_code == second.exit_code == 3


class Signing(HTTPAdapter):
    """Passes on, and notes that it did."""

    seen: ClassVar[list[str]] = []

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        Signing.seen.append(request.url)
        return super().send(request, **options)


@pytest.mark.parametrize("fitted", ["adapter", "hook", "auth"])
def test_a_stored_session_of_another_spider_is_not_used_without_what_the_login_fits_it_with(
    quick_net: Net, tmp_path: Path, fitted: str
) -> None:
    calls: list[str] = []

    def auth(request: Any) -> Any:
        calls.append(request.url)
        return request

    class Fitted(Home):
        name = "fitted"

        def goes_on(self, session: Session, answer: Response) -> None:
            if fitted == "adapter":
                session.mount("http://", Signing())
            elif fitted == "hook":
                session.hooks["response"].append(lambda answer, **more: calls.append(answer.url))
            else:
                session.auth = auth

    Signing.seen.clear()
    portal = Portal()
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})
    assert crawl(Home, own.url, tmp_path).logins == 1

    run = crawl(Fitted, own.url, tmp_path)

    assert (run.ending, run.logins) == ("finished", 1)
    assert f"{own.url}/home" in calls + Signing.seen, "its pages went the way that its login has set up"
    assert (crawl(Home, own.url, tmp_path, fresh=True).logins) == 0, "the other spider's session is as it was"

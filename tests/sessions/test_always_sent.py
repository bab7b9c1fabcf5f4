"""Credentials that go with every request: when nothing of their session is sent, and how they are told apart."""

from __future__ import annotations

from typing import Any

import pytest
from requests.auth import AuthBase, HTTPBasicAuth

from crawler import BearerAuth, DigestAuth, OAuth2
from crawler.errors import WrongPassword
from crawler.fetching.limits import Limits
from crawler.sessions.accounts import Account
from crawler.sessions.auth.schemes import OriginBound
from crawler.sessions.login.always_sent import mark_of, sends_credentials
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.states import LoginRecord, LoginState, Signal
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity
from crawler.testing.adapter import ScriptedAdapter, reply
from tests.sessions.managers import IN, SITE, Door, Memory, door

NO = reply("no", status=401)


class Gate(Door):
    """Sets what goes with every request, and sends nothing."""

    def __init__(self, auth: Any = None) -> None:
        super().__init__()
        self.auth = auth

    def login(self, session: Session) -> None:
        self.logins += 1
        session.auth = self.auth or (session.account.username, session.account.password)


def made_session(adapter: ScriptedAdapter, password: str = "old", identity: Identity | None = None) -> Session:
    environ = {"CRAWL_DEFAULT_USERNAME": "ann", "CRAWL_DEFAULT_PASSWORD": password}
    return Session(
        identity or Identity("default"),
        account=Account("default", environ=environ),
        origins=Origins([SITE]),
        transport=adapter,
        limits=Limits(),
    )


def managed(adapter: ScriptedAdapter, desk: Memory, password: str = "old", spider: Door | None = None) -> LoginManager:
    session = made_session(adapter, password)
    return LoginManager(session, spider or Gate(), desk, probe_url=f"{SITE}/in", clock=desk.now)


def ready(desk: Memory, spider: Door | None = None) -> LoginManager:
    made = managed(door(IN), desk, spider=spider)
    assert made.prepare().how == "login"
    return made


def refused_in_a_run(desk: Memory, spider: Door | None = None) -> ScriptedAdapter:
    """A run whose credentials the site refuses from some page on; returns what it sent after that page."""
    made = ready(desk, spider)
    made.session.adapters.clear()
    adapter = door(NO)
    made.session.mount("http://", adapter)
    assert made.expire(1, "status 401")
    assert made.prepare().error is not None
    return adapter


# --- what is sent -----------------------------------------------------------------------------------------------------
def test_one_probe_decides_and_a_login_step_that_only_sets_the_same_again_asks_no_second_time() -> None:
    desk = Memory()

    adapter = refused_in_a_run(desk)

    assert [request.path_url for request in adapter.requests] == ["/in"]
    assert desk.ended == ["ok", "refused"]


def test_the_probe_is_asked_again_where_a_cookie_may_have_been_refused() -> None:
    desk = Memory()
    made = ready(desk)
    made.session.adapters.clear()
    adapter = door(NO, IN)
    made.session.mount("http://", adapter)
    made.session.cookies.receive(f"{SITE}/", ["sid=old; Path=/"])
    made.expire(1, "status 401")

    assert made.prepare().how == "login", "the credentials were good, the cookie was not"


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param(None, id="basic"),
        pytest.param(DigestAuth("ann", "old"), id="digest"),
        pytest.param(BearerAuth("t-1"), id="a fixed token"),
        pytest.param(OriginBound(BearerAuth("t-1"), [SITE]), id="a fixed token for one origin"),
        pytest.param(("bob", "another"), id="basic, not of the account"),
    ],
)
def test_later_runs_send_neither_a_probe_nor_a_login_with_what_was_refused(auth: Any) -> None:
    desk = Memory()
    refused_in_a_run(desk, Gate(auth))

    for _ in range(3):
        adapter = door(IN)
        later = managed(adapter, desk, spider=Gate(auth)).prepare()
        assert later.error is not None
        assert "the site refused these credentials" in str(later.error)
        assert adapter.requests == []


def test_a_key_that_the_login_step_puts_into_a_header_is_not_sent_again_either() -> None:
    class Keyed(Gate):
        def login(self, session: Session) -> None:
            session.headers["X-Api-Key"] = str.__str__(session.account.password)

    desk = Memory()
    assert len(refused_in_a_run(desk, Keyed()).requests) == 1
    adapter = ScriptedAdapter()  # answers nothing

    assert "the site refused these credentials" in str(managed(adapter, desk, spider=Keyed()).prepare().error)
    assert adapter.requests == []


def test_a_process_whose_session_is_doubted_asks_nothing_once_another_one_was_refused() -> None:
    desk = Memory()
    ours, adapter = ready(desk), door(IN)
    ours.session.adapters.clear()
    ours.session.mount("http://", adapter)
    theirs = managed(door(IN, NO), desk)
    assert theirs.prepare().how == "restored"
    theirs.expire(1, "status 401")
    assert theirs.prepare().error is not None

    ours.expire(1, "status 401")

    assert ours.prepare().error is not None
    assert adapter.requests == []


def test_the_changed_password_is_sent_at_once() -> None:
    desk = Memory()
    refused_in_a_run(desk)

    assert managed(door(IN), desk, password="new").prepare().how == "restored"


def test_a_changed_token_is_sent_at_once_and_the_stored_one_is_not() -> None:
    desk = Memory()
    refused_in_a_run(desk, Gate(BearerAuth("t-1")))
    adapter = door(IN)

    assert managed(adapter, desk, spider=Gate(BearerAuth("t-2"))).prepare().how == "login"
    assert [request.headers["Authorization"] for request in adapter.requests] == ["Bearer t-2"]


def test_it_is_tried_once_more_when_the_day_is_over() -> None:
    desk = Memory()
    refused_in_a_run(desk)
    desk.ahead_s += 86_401
    adapter = door(NO)

    assert managed(adapter, desk).prepare().error is not None
    assert len(adapter.requests) == 1


def test_a_person_who_insists_has_it_sent() -> None:
    desk = Memory()
    refused_in_a_run(desk)
    adapter = door(IN)

    assert managed(adapter, desk).prepare(force=True).how == "login"
    assert managed(door(IN), desk).prepare().how == "restored", "and a good answer lifts the refusal"


def test_a_session_of_cookies_is_proved_although_the_form_has_refused_the_password() -> None:
    class Form(Door):
        def login(self, session: Session) -> None:
            session.post(f"{SITE}/login", data={"p": str.__str__(session.account.password)})

    desk = Memory()
    first = managed(door(IN), desk, spider=Form())
    assert first.prepare().how == "login"
    forced = managed(door(NO, post=NO), desk, spider=Form())
    assert forced.prepare(force=True).error is not None
    assert desk.ended == ["ok", "refused"]

    assert managed(door(IN), desk, spider=Form()).prepare().how == "restored"


def test_a_step_that_sends_the_password_by_other_means_is_refused_for_the_account_and_not_for_what_goes_along() -> None:
    class ByItself(Door):
        def login(self, session: Session) -> None:
            session.auth = ("stage", "open")
            raise WrongPassword("said by another program")

    desk = Memory()

    assert managed(door(IN), desk, spider=ByItself()).prepare().error is not None

    assert desk.ends[-1].credentials == made_session(door(IN)).account.mark()


# --- how they are told apart ------------------------------------------------------------------------------------------
class Foreign(AuthBase):
    def __call__(self, request: Any) -> Any:
        return request


@pytest.mark.parametrize(
    ("auth", "sent", "marked"),
    [
        pytest.param(None, False, False, id="none"),
        pytest.param(("a", "b"), True, True, id="basic"),
        pytest.param(HTTPBasicAuth("a", "b"), True, True, id="basic of requests"),
        pytest.param(
            OAuth2("https://shop.test/token", client_id="c", client_secret="s"), False, False, id="renewed by itself"
        ),
        pytest.param(Foreign(), True, False, id="of a foreign class"),
        pytest.param(BearerAuth.from_storage(SITE, "token"), False, False, id="of a browser's storage"),
    ],
)
def test_what_goes_with_every_request_and_does_not_change_by_itself(auth: Any, sent: bool, marked: bool) -> None:
    session = made_session(door(IN))
    session.auth = auth

    assert (sends_credentials(session), bool(mark_of(session))) == (sent, marked)


def test_the_mark_is_that_of_the_account_where_its_password_is_sent_and_changes_with_what_is_sent() -> None:
    identity = Identity("default", headers={"X-Key": "k1", "X-Page": "1"}, secret_headers=("x-key",))
    session, keyed = made_session(door(IN)), made_session(door(IN), identity=identity)
    session.auth = (session.account.username, session.account.password)
    assert mark_of(session) == session.account.mark()

    before = mark_of(keyed)
    keyed.headers["X-Page"] = "2"
    assert mark_of(keyed) == before
    keyed.headers["X-Key"] = "k2"
    assert mark_of(keyed) not in ("", before)
    assert "k2" not in mark_of(keyed)

    before = mark_of(keyed)
    keyed.params["api_key"] = "k3"
    assert mark_of(keyed) not in ("", before), "an argument of each address"


def test_neither_cookies_nor_tokens_against_forgery_are_credentials() -> None:
    session = made_session(door(IN))
    session.headers.update({"Cookie": "sid=1", "X-CSRF-Token": "t", "X-XSRF-TOKEN": "t"})

    assert not sends_credentials(session)


# --- from the answer to the scheduler ---------------------------------------------------------------------------------
def test_nothing_more_may_be_sent_from_the_refused_answer_on_until_the_scheduler_has_heard_of_it() -> None:
    record = LoginRecord()
    record.signal(Signal.PROBE_OK, epoch=1)
    assert record.may_send

    record.page_refused(7)
    record.page_refused(8)
    record.page_is_back(7)
    assert not record.may_send

    record.logged_out(1)
    record.page_is_back(8)
    assert not record.may_send, "by then it is in doubt"
    assert record.state is LoginState.EXPIRED

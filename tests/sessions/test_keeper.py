"""The keeper of a session against a store in memory: who logs in, who takes over, who gives up."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests

from crawler import NeedsHuman, Response
from crawler.errors import ConnectFailed, LoginBudgetSpent, LoginFailed, WrongPassword
from crawler.fetching.limits import Limits
from crawler.outcome import SessionSnapshot
from crawler.sessions import snapshot
from crawler.sessions.accounts import Account
from crawler.sessions.auth.schemes import BearerAuth, OriginBound
from crawler.sessions.login.keeper import TRANSIENT_ATTEMPTS, Keeper
from crawler.sessions.login.states import LoginRecord, LoginState
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity, Spider
from crawler.testing.adapter import ScriptedAdapter, reply

SITE = "http://shop.test"
IN = reply("<a href=/logout>log out</a><p>hello</p>")
OUT = reply("<title>Sign in</title><form method=post action=/login><input name=u><input type=password name=p></form>")
REFUSED = reply(
    "<title>Sign in</title><p class=error>Wrong user name or password.</p>"
    "<form method=post action=/login><input name=u><input type=password name=p></form>"
)


@dataclass
class Row:
    epoch: int
    version: int
    secret: str
    readable: bool = True
    proved_at: float | None = None
    logged_in_at: float | None = None


@dataclass
class Claimed:
    granted: bool
    row: Row | None
    wait_s: float = 0.0
    refused: str = ""
    wrong_credentials: bool = False


@dataclass
class Memory:
    """A store that several keepers share."""

    row: Row | None = None
    ended: list[str] = field(default_factory=list)
    claims: int = 0
    busy: bool = False
    budget: str = ""
    failed: str = ""
    renewed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, key: str) -> Row | None:
        return self.row

    def save(self, taken: SessionSnapshot) -> None:
        self._put(taken)

    def claim(self, key: str, epoch: int, **options: Any) -> Claimed:
        with self.lock:
            self.claims += 1
            if self.row is not None and self.row.epoch > epoch:
                return Claimed(False, self.row)
            if self.budget:
                return Claimed(False, self.row, refused=self.budget)
            if self.busy:
                return Claimed(False, self.row, wait_s=0.5)
            self.busy = True
            return Claimed(True, self.row)

    def end_login(self, key: str, outcome: str, taken: SessionSnapshot | None, **options: Any) -> None:
        with self.lock:
            self.busy = False
            self.ended.append(outcome)
        if taken is not None:
            self._put(taken)

    def _put(self, taken: SessionSnapshot) -> None:
        version = self.row.version + 1 if self.row is not None else 1
        self.row = Row(taken.epoch, version, taken.secret, True, taken.proved_at, taken.logged_in_at)

    def expired(self, key: str, epoch: int) -> None:
        pass

    def renew(self, key: str) -> None:
        self.renewed += 1

    def last_failure(self, key: str) -> str:
        return self.failed

    def lives(self, key: str) -> list[float]:
        return []


class Door(Spider):
    """Logs in by one POST; counts how often it was asked to."""

    name = "door"
    start_urls = (f"{SITE}/in",)
    login_url = f"{SITE}/login"

    def __init__(self) -> None:
        super().__init__()
        self.logins = 0

    def login(self, session: Session) -> None:
        self.logins += 1
        session.post(f"{SITE}/login", data={"u": "alice", "p": "secret"})

    def parse(self, response: Response) -> Any:
        return []


def keeper(adapter: ScriptedAdapter, desk: Memory, spider: Door | None = None) -> Keeper:
    session = Session(
        Identity("default"),
        account=Account("default", environ={}),
        origins=Origins([SITE]),
        transport=adapter,
        limits=Limits(),
    )
    return Keeper(session, spider or Door(), desk, probe_url=f"{SITE}/in")


def door(*probes: Any, post: Any = None) -> ScriptedAdapter:
    """A site whose page behind the login gives these answers, the last one again and again."""
    posted = post or reply("ok", cookies={"sid": "1"})
    return ScriptedAdapter().on(f"{SITE}/in", *probes).on(f"{SITE}/login", posted, method="POST")


def logged_in(sid: str = "1", epoch: int = 1) -> Memory:
    """A store with a session that was logged in."""
    made = keeper(door(IN), Memory())
    made.session.cookies.receive(f"{SITE}/", [f"sid={sid}; Path=/"])
    taken = snapshot.take(made.session, made.record, url="login")
    return Memory(Row(epoch, 1, taken.secret, True, 1.0, 1.0))


def test_the_first_login_is_proved_and_kept_with_its_cookies() -> None:
    desk = Memory()
    made = keeper(door(IN), desk)

    prepared = made.prepare()

    assert (prepared.ready, prepared.how) == (True, "login")
    assert (made.record.state, made.session.epoch) == (LoginState.READY, 1)
    assert desk.ended == ["ok"]
    assert desk.row is not None
    assert "sid" in desk.row.secret
    assert made.prepare().how == "ready"
    assert made.spider.logins == 1  # type: ignore[attr-defined]


def test_L16_a_stored_session_that_is_good_costs_one_probe_and_no_login() -> None:
    adapter = door(IN)
    made = keeper(adapter, logged_in())

    assert made.prepare().how == "restored"
    assert [request.headers["Cookie"] for request in adapter.requests] == ["sid=1"]
    assert made.session.epoch == 1


def test_a_login_begins_without_the_cookies_of_the_sign_on_where_the_last_one_found_its_form() -> None:
    made = keeper(door(IN), Memory())
    made.session.login_urls = {"http://sign-on.test/authorize", "not a url"}
    made.session.cookies.set("known", "1", domain="sign-on.test")
    made.session.cookies.set("consent", "1", domain="other.test")

    assert made.prepare().how == "login"
    assert sorted(made.session.cookies.keys()) == ["consent", "sid"]


def asked(seconds: str) -> Keeper:
    """A keeper whose login is answered with a Retry-After."""
    made = keeper(door(OUT, post=reply("busy", status=503, headers={"Retry-After": seconds})), Memory())
    made._retry_after_s = lambda header: None if header is None else float(header)
    return made


def test_T10_a_login_waits_for_as_long_as_the_site_asks() -> None:
    made = asked("120")

    assert [made.prepare().wait_s for _ in range(2)] == [120.0, 120.0]
    assert made.desk.ended == ["trouble", "trouble"]  # type: ignore[attr-defined]


def test_T10_a_site_that_asks_for_longer_than_a_run_waits_is_not_asked_again() -> None:
    made = asked("7200")

    prepared = made.prepare()

    assert isinstance(prepared.error, LoginFailed)
    assert "asks to be left alone for 7,200 s" in prepared.error.why
    assert made.desk.ended == ["failed"]  # type: ignore[attr-defined]


def test_T10_a_probe_waits_for_as_long_as_the_site_asks() -> None:
    busy = reply("busy", status=429, headers={"Retry-After": "60"})
    made = keeper(door(busy, IN), logged_in())
    made._retry_after_s = lambda header: None if header is None else float(header)

    assert made.prepare().wait_s == 60.0
    assert made.prepare().how == "restored"


def test_a_login_that_takes_long_keeps_its_claim() -> None:
    class Slow(Door):
        name = "slow"

        def login(self, session: Session) -> None:
            for waited_s in (10.0, 25.0, 100.0, 5.0):
                moment[0] += waited_s
                session.post(f"{SITE}/login")

    moment = [1_000.0]
    made = keeper(door(IN), desk := Memory(), Slow())
    made._clock = lambda: moment[0]

    assert made.prepare().how == "login"
    assert desk.renewed == 2, "after 35 and after 135 seconds"


@pytest.mark.parametrize(("left_s", "how"), [(50.0, "login"), (500.0, "restored")])
def test_a_run_that_would_outlive_its_token_logs_in_first(left_s: float, how: str) -> None:
    now = 1_000_000.0
    claims = base64.urlsafe_b64encode(json.dumps({"exp": now + left_s}).encode()).decode().rstrip("=")
    before = keeper(door(IN), Memory())
    before.session.auth, before.record.logged_in_at = BearerAuth(f"e30.{claims}.sig"), now - 10
    taken = snapshot.take(before.session, before.record, url="login")
    made = keeper(door(IN), Memory(Row(1, 1, taken.secret, True, now - 10, now - 10)))
    made._clock, made._expected_run_s = lambda: now, 100.0

    assert made.prepare().how == how


def test_a_check_of_the_spider_that_fails_is_named_and_not_taken_for_the_login_step() -> None:
    class Careless(Door):
        name = "careless"

        def is_logged_out(self, response: Response) -> bool:
            return bool({}["nothing"])

    prepared = keeper(door(IN), Memory(), Careless()).prepare()

    assert isinstance(prepared.error, LoginFailed)
    assert f"careless.is_logged_out failed on {SITE}/in: KeyError: 'nothing'" in prepared.error.why
    assert "login step" not in prepared.error.why


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
    made = keeper(adapter, Memory(), Tokens())
    assert made.prepare().how == "login"
    made.expire(1, "status 401")

    assert made.prepare().how == "login"

    first, second = [each for each in adapter.requests if each.method == "POST"]
    assert first.headers == second.headers
    assert first.url == second.url == f"{SITE}/login"
    last = adapter.requests[-1]
    assert (last.headers["Authorization"], last.headers["X-Csrf"]) == ("Bearer t2", "c2")
    assert len(made.session.hooks["response"]) == 1, "the hook of the first login is not called any more"


def test_a_key_that_was_changed_in_the_spider_goes_before_the_stored_one_and_what_the_login_set_stays() -> None:
    def made(key: str, agent: str) -> Session:
        return Session(
            Identity("default", headers={"X-Api-Key": key}, params={"v": key}, user_agent=agent),
            account=Account("default", environ={}),
            origins=Origins([SITE]),
            transport=door(IN),
            limits=Limits(),
        )

    before, after = made("old", "first/1"), made("new", "second/2")
    before.headers["X-Csrf"] = "of the login"
    before.params["lang"] = "en"

    assert snapshot.put_back(after, snapshot.take(before, LoginRecord(), url="login").secret)

    assert (after.headers["X-Api-Key"], after.headers["X-Csrf"]) == ("new", "of the login")
    assert after.params == {"v": "new", "lang": "en"}
    assert after.headers["User-Agent"] == "first/1", "servers may bind a session to it"


@pytest.mark.parametrize("bound", [False, True], ids=["plain", "bound to origins"])
def test_a_token_of_another_process_takes_the_place_of_ours(bound: bool) -> None:
    def auth(token: str) -> Any:
        return OriginBound(BearerAuth(token), [SITE]) if bound else BearerAuth(token)

    ours, theirs = keeper(door(IN), Memory()).session, keeper(door(IN), Memory()).session
    ours.auth, theirs.auth = auth("old"), auth("new")

    snapshot.put_back(ours, snapshot.take(theirs, LoginRecord(), url="login").secret)

    assert ours.prepare_request(requests.Request("GET", f"{SITE}/in")).headers["Authorization"] == "Bearer new"


def test_L16_a_stored_session_that_is_dead_costs_one_login() -> None:
    desk = logged_in()
    made = keeper(door(OUT, IN), desk)

    assert made.prepare().how == "login"
    assert made.session.epoch == 2
    assert desk.ended == ["ok"]


@pytest.mark.parametrize("damage", ["unreadable", "no-json", "empty"])
def test_a_stored_session_that_cannot_be_read_is_none(damage: str) -> None:
    desk = logged_in()
    assert desk.row is not None
    changes: dict[str, Any] = {"unreadable": {"readable": False}, "no-json": {"secret": "{"}, "empty": {"secret": ""}}[
        damage
    ]
    desk.row = replace(desk.row, **changes)

    assert keeper(door(IN), desk).prepare().how == "login"


def test_L8_many_keepers_of_one_account_log_in_once_together() -> None:
    desk, spider = Memory(), Door()
    keepers = [keeper(door(IN), desk, spider) for _ in range(16)]

    def until_ready(made: Keeper) -> str:
        for _ in range(200):
            prepared = made.prepare()
            if prepared.ready:
                return prepared.how
            threading.Event().wait(0.01)
        return "never"

    with ThreadPoolExecutor(16) as threads:
        ways = list(threads.map(until_ready, keepers))

    assert spider.logins == 1
    assert ways.count("login") == 1
    assert set(ways) <= {"login", "adopted", "restored"}
    assert {made.session.epoch for made in keepers} == {1}


def test_L8_an_answer_of_an_older_epoch_is_no_news() -> None:
    made = keeper(door(IN), Memory())
    made.prepare()

    assert not made.expire(0, "an old page")
    assert made.expire(1, "a new page")
    assert not made.expire(1, "another worker saw it, too")
    assert made.record.state is LoginState.EXPIRED


def test_a_page_that_only_looked_logged_out_costs_a_probe_and_no_login() -> None:
    made = keeper(door(IN), Memory())
    made.prepare()
    made.expire(1, "a page with a password field")

    assert made.prepare().how == "still good"
    assert made.spider.logins == 1  # type: ignore[attr-defined]
    assert made.session.epoch == 1


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
    assert "password form" in str(prepared.error)
    assert "KeyError" in str(prepared.error)


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


def test_while_another_process_logs_in_we_wait_and_then_take_its_cookies() -> None:
    desk = Memory(busy=True)
    made = keeper(door(IN), desk)

    waiting = made.prepare()
    desk.row, desk.busy = logged_in("theirs", epoch=4).row, False
    ready = made.prepare()

    assert (waiting.ready, waiting.error) == (False, None)
    assert waiting.wait_s > 0
    assert ready.ready
    assert made.session.epoch == 4
    assert made.session.cookies.header(f"{SITE}/") == "sid=theirs"
    assert made.spider.logins == 0  # type: ignore[attr-defined]


def test_L4_a_failed_login_leaves_the_cookies_as_they_were() -> None:
    made = keeper(door(OUT, post=reply("ok", cookies={"sid": "half-in"})), Memory())
    made.session.cookies.receive(f"{SITE}/", ["kept=1; Path=/"])

    made.prepare()

    assert made.session.cookies.header(f"{SITE}/") == "kept=1"


def test_a_probe_without_an_answer_proves_nothing_and_costs_no_login() -> None:
    made = keeper(door(ConnectFailed(SITE, "gone"), IN), logged_in())

    first, second = made.prepare(), made.prepare()

    assert (first.ready, first.error) == (False, None)
    assert second.how == "restored"
    assert made.spider.logins == 0  # type: ignore[attr-defined]


def test_a_forced_login_happens_although_the_session_is_good() -> None:
    desk = logged_in()
    made = keeper(door(IN), desk)
    made.prepare()

    assert made.prepare(force=True).how == "login"
    assert made.session.epoch == 2


def test_a_session_without_a_login_is_ready_with_what_was_stored() -> None:
    class Guest(Door):
        login = Spider.login

    adapter = door(IN)
    made = keeper(adapter, logged_in(), Guest())

    assert made.prepare().how == "ready"
    assert made.session.cookies.header(f"{SITE}/") == "sid=1"
    assert adapter.requests == []

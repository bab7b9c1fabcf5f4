"""OAuth2: a password or client secret that is refused is sent once, whatever wanted the token; what is sent is told."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

ORDERS = 12
SPIDER = """
import os

from crawler import Identity, OAuth2, Spider

WORD, SITE = os.environ["CRAWL_DEFAULT_PASSWORD"], "{url}"


class {title}(Spider):
    name = "{name}"
    start_urls = [SITE + "/orders"]
    custom_settings = {{"user_agent": "shop-robot/7"}}
    {more}

    def parse(self, response):
        for number in range(response.json()["orders"]):
            yield response.follow(f"/orders/{{number}}", self.order)

    def order(self, response):
        yield response.json()
"""
OF_USER = 'grant="password", client_id="app", client_secret="s3cret"'
OF_CLIENT = 'client_id="ann"'
STEP = "def login(self, session):\n        session.auth = OAuth2.of(session, SITE + '/token', {})"
IDENTITY = 'sessions = [Identity("default", auth=OAuth2(SITE + "/token", {}))]'
KINDS = {
    "step-password": STEP.format(OF_USER),
    "step-client": STEP.format(OF_CLIENT),
    "identity-password": IDENTITY.format(OF_USER + ', username="ann", password=WORD'),
    "identity-client": IDENTITY.format('client_id="ann", client_secret=WORD'),
    "both": IDENTITY.format(OF_USER + ', username="ann", password=WORD') + "\n    " + STEP.format(OF_USER),
}


class Bank:
    """Orders for a token, and tokens for a password or a secret. Counts what came to the token address.

    Attributes:
        revokes_at: Orders after which all tokens are revoked and the password is another one.
    """

    def __init__(self) -> None:
        self.word, self.revokes_at, self.refreshes = "old", 0, True
        self.changes_word = True
        self.granted: list[str] = []
        self.wrong: list[str] = []  # the grants of what was refused, that of a dead refresh token beside
        self.dead: list[str] = []
        self.agents: list[str] = []
        self._tokens: set[str] = set()
        self._orders, self._number = 0, count(1)
        self._lock = threading.Lock()  # guards all of these

    def revoke(self, word: str = "new") -> None:
        with self._lock:
            self._revoke(word)

    def _revoke(self, word: str) -> None:
        self._tokens.clear()
        self.word = word

    def __call__(self, call: WireRequest) -> Answer:
        with self._lock:
            if call.path == "/robots.txt":
                return Answer(404)
            if call.path == "/token":
                self.agents.append(call.headers.get("user-agent", ""))
                return self._token(call)
            if call.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
                return _json({"error": "invalid_token"}, 401)
            self._orders += 1
            if self._orders == self.revokes_at:
                self._revoke("new" if self.changes_word else self.word)
            return _json({"orders": ORDERS if call.path == "/orders" else 0, "id": call.path})

    def _token(self, call: WireRequest) -> Answer:
        form = dict(parse_qsl(call.body.decode()))
        grant = form["grant_type"]
        if grant == "refresh_token" and form["refresh_token"] not in self._tokens:
            self.dead.append(form["refresh_token"])
            return _json({"error": "invalid_grant", "error_description": "refresh token is not valid"}, 400)
        is_client = grant == "client_credentials"
        pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
        good = pair == f"ann:{self.word}" if is_client else grant != "password" or form["password"] == self.word
        if not good:
            self.wrong.append(grant)
            error = "invalid_client" if is_client else "invalid_grant"
            return _json({"error": error, "error_description": "bad user name or password"}, 400)
        self.granted.append(grant)
        number = next(self._number)
        self._tokens |= {f"access-{number}", f"refresh-{number}"}
        found = {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": 3600}
        return _json(found | ({} if is_client or not self.refreshes else {"refresh_token": f"refresh-{number}"}))


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), "application/json")


@pytest.fixture
def bank(quick_net: Net, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bank]:
    """Puts up the bank, and spiders for it."""

    def make(kind: str = "step-password", **names: str) -> Bank:
        made = Bank()
        url = quick_net.host({"*": made}).url
        (project / "spiders").mkdir()
        for name, of_kind in {"orders": kind, **names}.items():
            source = SPIDER.format(url=url, name=name, title=name.title(), more=KINDS[of_kind])
            (project / "spiders" / f"{name}.py").write_text(source, encoding="utf-8")
        right(monkeypatch, "old")
        return made

    return make


def right(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", word)
    monkeypatch.setenv("CRAWL_DEFAULT_CLIENT_SECRET", word)


@pytest.mark.parametrize("kind", KINDS)
def test_L11_a_secret_of_stored_tokens_that_was_changed_is_sent_once_in_all_runs_until_it_is_put_right(
    bank: Callable[..., Bank], command: Crawl, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = bank(kind)
    assert command("run", "orders", "--quiet").code == 0
    made.revoke()

    codes, wrong = [], []
    for words in ["run orders --fresh --quiet", "run orders --fresh --quiet", "login orders"]:
        codes.append(command(*words.split()).code)
        wrong.append(len(made.wrong))

    assert (codes, wrong) == ([3, 3, 3], [1, 1, 1])
    assert command("login", "orders", "--force").code == 3, "a person insists"
    assert len(made.wrong) == 2
    assert len(made.dead) <= 4, "a refresh token that was refused is sent by each process once at most"

    right(monkeypatch, "new")
    assert command("run", "orders", "--quiet").code == 0
    assert len(made.wrong) == 2, "what was put right is sent, and the old one is not"


@pytest.mark.parametrize("kind", KINDS)
def test_L11_a_secret_that_is_changed_in_the_middle_of_a_run_is_sent_once(
    bank: Callable[..., Bank], command: Crawl, kind: str
) -> None:
    made = bank(kind)
    made.revokes_at = 5

    codes = [command("run", "orders", "--quiet").code for _ in range(2)]

    assert (codes, made.wrong) == ([3, 3], made.wrong[:1])
    assert "parked" in command("status", "orders").out


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_that_was_wrong_from_the_beginning_is_sent_once(
    bank: Callable[..., Bank], command: Crawl, kind: str
) -> None:
    made = bank(kind)
    made.revoke()

    runs = [command("run", "orders") for _ in range(2)]

    assert ([run.code for run in runs], len(made.wrong)) == ([3, 3], 1)
    assert "bad user name or password" in runs[0].err, "what the service says of it"
    assert "the site refused these credentials on" in runs[1].err
    if kind.startswith("step"):
        assert "belongs where this one came from, CRAWL_DEFAULT_" in runs[0].err


def test_two_spiders_of_one_account_send_a_refused_password_once(bank: Callable[..., Bank], command: Crawl) -> None:
    made = bank(more="step-password")
    assert [command("run", name, "--quiet").code for name in ("orders", "more")] == [0, 0]
    made.revoke()

    assert [command("run", name, "--fresh", "--quiet").code for name in ("orders", "more")] == [3, 3]
    assert made.wrong == ["password"]


@pytest.mark.parametrize("kind", ["step-password", "identity-password", "both"])
def test_a_renewal_by_the_password_is_a_login_and_counted_and_told(
    bank: Callable[..., Bank], command: Crawl, kind: str
) -> None:
    made = bank(kind)
    made.revokes_at, made.changes_word = 5, False

    run = command("run", "orders")

    assert run.code == 0, run.err
    assert made.granted == ["password", "password"]
    assert "logins     2" in run.out
    assert run.err.count(": logged in (") == 2, run.err


def test_a_renewal_by_a_refresh_token_is_no_login_and_stands_in_the_log(
    bank: Callable[..., Bank], command: Crawl, caplog: pytest.LogCaptureFixture
) -> None:
    made = bank()
    assert command("run", "orders", "--quiet").code == 0
    with made._lock:
        made._tokens = {each for each in made._tokens if each.startswith("refresh")}

    with caplog.at_level(logging.INFO, "crawler.sessions"):
        run = command("run", "orders", "--fresh")

    assert made.granted == ["password", "refresh_token"]
    assert "logins     0 (1 restored without one)" in run.out
    assert "a new token, by its refresh token" in run.err + caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_token_address_is_asked_by_the_user_agent_of_the_session(
    bank: Callable[..., Bank], command: Crawl, kind: str
) -> None:
    made = bank(kind)

    assert command("run", "orders", "--quiet").code == 0
    assert set(made.agents) == {"shop-robot/7"}


@pytest.mark.parametrize("kind", ["step-password", "step-client", "identity-password"])
def test_two_processes_of_a_run_send_a_secret_that_was_changed_once(
    bank: Callable[..., Bank], command: Crawl, kind: str
) -> None:
    made = bank(kind)
    made.revokes_at = 5

    assert command("run", "orders", "--quiet", "-s", "processes=2").code == 3
    assert len(made.wrong) == 1

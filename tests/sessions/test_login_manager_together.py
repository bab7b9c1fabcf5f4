"""Several managers of one account: who logs in, and who takes over what another one brought."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import BearerAuth, OriginBound
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.states import LoginRecord, LoginState
from tests.sessions.managers import IN, SITE, Door, Memory, door, logged_in, manager


@pytest.mark.parametrize("bound", [False, True], ids=["plain", "bound to origins"])
def test_a_token_of_another_process_takes_the_place_of_ours(bound: bool) -> None:
    def auth(token: str) -> Any:
        return OriginBound(BearerAuth(token), [SITE]) if bound else BearerAuth(token)

    ours, theirs = manager(door(IN), Memory()).session, manager(door(IN), Memory()).session
    ours.auth, theirs.auth = auth("old"), auth("new")

    snapshot.put_back(ours, snapshot.take(theirs, LoginRecord(), url="login").secret)

    assert ours.prepare_request(requests.Request("GET", f"{SITE}/in")).headers["Authorization"] == "Bearer new"


def test_L8_many_login_managers_of_one_account_log_in_once_together() -> None:
    desk, spider = Memory(), Door()
    managers = [manager(door(IN), desk, spider) for _ in range(16)]

    def until_ready(made: LoginManager) -> str:
        for _ in range(200):
            prepared = made.prepare()
            if prepared.ready:
                return prepared.how
            threading.Event().wait(0.01)
        return "never"

    with ThreadPoolExecutor(16) as threads:
        ways = list(threads.map(until_ready, managers))

    assert spider.logins == 1
    assert ways.count("login") == 1
    assert set(ways) <= {"login", "adopted", "restored"}
    assert {made.session.epoch for made in managers} == {1}


def test_L8_an_answer_of_an_older_epoch_is_no_news() -> None:
    made = manager(door(IN), Memory())
    made.prepare()

    assert not made.expire(0, "an old page")
    assert made.expire(1, "a new page")
    assert not made.expire(1, "another worker saw it, too")
    assert made.record.state is LoginState.EXPIRED


def test_while_another_process_logs_in_we_wait_and_then_take_its_cookies() -> None:
    desk = Memory(busy=True)
    made = manager(door(IN), desk)

    waiting = made.prepare()
    desk.row, desk.busy = logged_in("theirs", epoch=4).row, False
    ready = made.prepare()

    assert (waiting.ready, waiting.error) == (False, None)
    assert waiting.wait_s > 0
    assert ready.ready
    assert made.session.epoch == 4
    assert made.session.cookies.header(f"{SITE}/") == "sid=theirs"
    assert made.spider.logins == 0  # type: ignore[attr-defined]

"""The manager of a session takes up a stored one: what it costs to prove it, and what goes before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crawler.errors import ConnectFailed
from crawler.fetching.limits import Limits
from crawler.sessions import snapshot
from crawler.sessions.accounts import Account
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity, Spider
from crawler.testing.adapter import reply
from tests.sessions.managers import IN, OUT, SITE, Door, Memory, door, logged_in, manager, seconds


def test_L16_a_stored_session_that_is_good_costs_one_probe_and_no_login() -> None:
    adapter = door(IN)
    made = manager(adapter, logged_in())

    assert made.prepare().how == "restored"
    assert [request.headers["Cookie"] for request in adapter.requests] == ["sid=1"]
    assert made.session.epoch == 1


def test_T10_a_probe_waits_for_as_long_as_the_site_asks() -> None:
    busy = reply("busy", status=429, headers={"Retry-After": "60"})
    made = manager(door(busy, IN), logged_in(), retry_after_s=seconds)

    assert made.prepare().wait_s == 61.0, "it may have been rounded down"
    assert made.prepare().how == "restored"


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


def test_L16_a_stored_session_that_is_dead_costs_one_login() -> None:
    desk = logged_in()
    made = manager(door(OUT, IN), desk)

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

    assert manager(door(IN), desk).prepare().how == "login"


def test_a_page_that_only_looked_logged_out_costs_a_probe_and_no_login() -> None:
    made = manager(door(IN), Memory())
    made.prepare()
    made.expire(1, "a page with a password field")

    assert made.prepare().how == "still good"
    assert made.spider.logins == 1  # type: ignore[attr-defined]
    assert made.session.epoch == 1


def test_a_probe_without_an_answer_proves_nothing_and_costs_no_login() -> None:
    made = manager(door(ConnectFailed(SITE, "gone"), IN), logged_in())

    first, second = made.prepare(), made.prepare()

    assert (first.ready, first.error) == (False, None)
    assert second.how == "restored"
    assert made.spider.logins == 0  # type: ignore[attr-defined]


def test_a_stored_login_of_a_spider_without_a_step_is_proved_before_it_is_used() -> None:
    class Guest(Door):
        login = Spider.login

    adapter = door(IN)
    made = manager(adapter, logged_in(), Guest())

    assert made.prepare().how == "restored"
    assert made.session.cookies.header(f"{SITE}/") == "sid=1"
    assert len(adapter.requests) == 1
    assert made.wants_login, "its pages are watched from now on"

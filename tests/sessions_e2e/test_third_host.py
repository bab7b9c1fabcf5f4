"""A login through three private hosts: each message names what is enough, and what it names works as it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, Session, Spider
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Host


class Portal:
    """An application, the page of its sign-on on another host, and a third host to which the form of that page goes."""

    def __init__(self) -> None:
        self.shop = Host({"/home": self._home, "/acs": self._acs}, "127.0.0.1", None)
        self.check = Host({"/check": self._check}, "127.0.0.3", None)
        form = f"<form method=post action={self.check.url}/check><input name=u><input type=password name=p></form>"
        self.sign_on = Host({"/login": Answer(body=form.encode())}, "127.0.0.2", None)
        self.passwords = 0

    def close(self) -> None:
        for host in (self.shop, self.check, self.sign_on):
            host.close()

    def _home(self, call: WireRequest) -> Answer:
        if "sid=ok" not in call.headers.get("cookie", ""):
            return Answer(302, headers=[("Location", f"{self.sign_on.url}/login")])
        return Answer(body=b"<p class=x>members</p><a href=/logout>Log out</a>")

    def _check(self, call: WireRequest) -> Answer:
        self.passwords += b"p=s3cret-Pw" in call.body
        return Answer(302, headers=[("Location", f"{self.shop.url}/acs")])

    def _acs(self, call: WireRequest) -> Answer:
        return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", "sid=ok; Path=/")])


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "s3cret-Pw")
    made = Portal()
    yield made
    made.close()


def run(portal: Portal, folder: Path, allow: list[str] | None = None, **attributes: Any) -> Summary:
    class Home(Spider):
        name = "home"
        start_urls = (f"{portal.shop.url}/home",)

        def login(self, session: Session) -> None:
            page = session.get(f"{portal.shop.url}/home")
            fields = {"u": session.account.username, "p": session.account.password}
            session.submit(page.form(), fields, **({"allow": allow} if allow is not None else {}))

        def parse(self, response: Any) -> Iterator[Any]:
            yield {"x": response.css(".x::text").get()}

    return crawl(type("Home", (Home,), attributes), portal.shop.url, folder)


def said(summary: Summary, pattern: str) -> Any:
    """What a message of a run says in code, as Python reads it."""
    found = re.search(pattern, " ".join(summary.messages))
    assert found is not None, summary.messages
    return ast.literal_eval(found[1])


def test_the_first_message_names_both_hosts_and_what_it_says_is_enough(portal: Portal, tmp_path: Path) -> None:
    refused = run(portal, tmp_path / "1")
    named, origins = said(refused, r"allow=(\[.*?\])"), said(refused, r"origins=(\(.*?\))")

    allowed = run(portal, tmp_path / "2", allow=named)
    identified = run(portal, tmp_path / "3", sessions=[Identity("default", origins=origins)])

    assert (refused.exit_code, refused.logins) == (3, 0)
    assert [allowed.ending, identified.ending] == ["finished", "finished"], allowed.messages + identified.messages
    assert stored(tmp_path / "2", "x") == [{"x": "members"}]
    assert portal.passwords == 2


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(lambda portal: {"login_url": f"{portal.sign_on.url}/login"}, id="login_url"),
        pytest.param(lambda portal: {"custom_settings": {"allow_private": True}}, id="allow_private"),
    ],
)
def test_where_the_page_is_known_the_message_names_the_third_host_and_that_is_enough(
    more: Any, portal: Portal, tmp_path: Path
) -> None:
    refused = run(portal, tmp_path / "1", **more(portal))

    allowed = run(portal, tmp_path / "2", allow=said(refused, r"allow=(\[.*?\])"), **more(portal))

    assert (refused.exit_code, portal.passwords) == (3, 1)
    assert allowed.ending == "finished", allowed.messages


def test_naming_one_of_them_or_a_stranger_sends_nothing(portal: Portal, tmp_path: Path) -> None:
    for number, allow in enumerate(([portal.check.url], ["127.0.0.4"], [portal.sign_on.url])):
        assert run(portal, tmp_path / str(number), allow=allow).exit_code == 3
    assert portal.passwords == 0

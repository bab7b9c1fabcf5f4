"""A password refused by a login page that scripts make, like that of Apache Superset: no form, no message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Host, Net, quick_net

__all__ = ["quick_net"]  # a fixture

SHELL = b"""<title>Dashboards</title><div id=app data-bootstrap='{"flash": []}'></div>
    <input type=hidden id=csrf value=1f2e><script src=/app.js></script>"""


class Boards(Spider):
    name = "boards"
    custom_settings = {"robots": False}
    sent_to = "/login"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/api/boards"]

    def login(self, session: Session) -> None:
        site = self.arguments["site"]
        token = session.get(f"{site}/login").css("#csrf::attr(value)").get()
        fields = {"name": "clerk", "password": session.account.password, "csrf": token}
        session.post(site + self.sent_to, data=fields)

    def parse(self, response: Response) -> Any:
        yield response.json()


class Elsewhere(Boards):
    name = "elsewhere"
    sent_to = "/session"


REFUSALS = {
    "sent-back": Answer(302, headers=[("Location", "/login/?next=/"), ("Set-Cookie", "flash=wrong; Path=/")]),
    "shown-again": Answer(body=SHELL),
}


def site(net: Net, refused: Answer, let_in: Answer | None = None) -> Host:
    def answer(call: WireRequest) -> Answer:
        if call.method == "POST":
            return let_in if let_in is not None and b"the-right-one" in call.body else refused
        if call.path.startswith("/login"):
            return Answer(body=SHELL)
        inside = "sid=1" in call.headers.get("cookie", "")
        return Answer(200 if inside else 401, b'{"id": 1}', headers=[("Content-Type", "application/json")])

    return net.host({"*": answer})


def passwords(host: Host) -> int:
    return sum(call.method == "POST" for call in host.calls)


@pytest.mark.parametrize("how", REFUSALS)
def test_it_is_sent_once_however_often_the_crawl_is_run(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-wrong-one")
    own = site(quick_net, REFUSALS[how])

    first = crawl(Boards, own.url, tmp_path)
    second = crawl(Boards, own.url, tmp_path)

    assert (first.ending, second.ending, passwords(own)) == ("login failed", "login failed", 1)
    assert any("led back to its login page" in note for note in first.messages), first.messages
    assert any("CRAWL_DEFAULT_PASSWORD" in note for note in first.messages)


def test_the_address_that_it_is_sent_to_may_be_another_one(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-wrong-one")
    own = site(quick_net, REFUSALS["sent-back"])

    for _ in range(2):
        crawl(Elsewhere, own.url, tmp_path)

    assert passwords(own) == 1


def test_the_right_one_is_sent_at_once_afterwards(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in = Answer(302, headers=[("Location", "/login/?next=/"), ("Set-Cookie", "sid=1; Path=/")])
    own = site(quick_net, REFUSALS["sent-back"], let_in)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-wrong-one")
    crawl(Boards, own.url, tmp_path)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-right-one")

    summary = crawl(Boards, own.url, tmp_path)

    assert (summary.ending, summary.items, passwords(own)) == ("finished", {"items": 1}, 2)


def test_a_further_page_of_the_login_is_not_a_refusal(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-right-one")
    own = site(quick_net, Answer(302, headers=[("Location", "/login/code")]))

    summary = crawl(Boards, own.url, tmp_path)

    assert not any("led back" in note for note in summary.messages)
    assert any("still shows that we are logged out" in note for note in summary.messages)

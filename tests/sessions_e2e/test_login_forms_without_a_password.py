"""Portals that ask for the name first, at the address of any page, with status 200: that is no page of the crawl."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

PAGES = 12
SPIDER = """
from crawler import Spider


class Bank(Spider):
    name = "bank"
    start_urls = ["URL/statements?p=0"]
    key = "id"
    custom_settings = {"per_host": 2, "processes": 1}

    def login(self, session):
        page = session.get("URL/statements?p=0")
        page = session.submit(page.form(), {"user": session.account.username})
        session.submit(page.form(), {"pin": session.account.password})

    def parse(self, response):
        for row in response.css("li.st"):
            yield {"id": row.css("::text").get()}
        yield from response.follow_all(css="a.more")
"""
NAME = b"<h1>Bank</h1><form method=post action=ACTION><label>Name <input name=user></label><button>Go</button></form>"
PIN = b"<h1>Bank</h1><form method=post action=/signin/pin><label>PIN <input name=pin></label><button>Go</button></form>"


class Bank:
    """Statements on pages that lead one to the next. A session ends after a number of pages.

    Args:
        action: Of the first form; "" for its own page.
        also: What stands on each page of a member whose number is at least *first*, besides.
        out: The same for the first page.
    """

    def __init__(self, *, action: str = "/signin", also: bytes = b"", first: int = 0, out: bytes = b"") -> None:
        self.name, self.also, self.first = NAME.replace(b"ACTION", f'"{action}"'.encode()), also, first
        self.out = out
        self.lives, self.left, self.logins = 1_000, 0, 0

    def __call__(self, call: WireRequest) -> Answer:
        sent = parse_qs(call.body.decode()) if call.method == "POST" else {}
        if call.path == "/robots.txt":
            return Answer(404)
        if "user" in sent:
            return Answer(body=PIN)
        if "pin" in sent:
            if sent["pin"] != ["4711"]:
                return Answer(body=b"<p>wrong PIN</p>" + PIN)
            self.logins, self.left = self.logins + 1, self.lives
            return Answer(302, b"", headers=[("Location", "/home"), ("Set-Cookie", f"sid={self.logins}; Path=/")])
        if self.left <= 0 or f"sid={self.logins}" not in call.headers.get("cookie", ""):
            return Answer(body=self.name)
        self.left -= 1
        number = int(call.query().get("p", 0))
        more = f"<a class=more href=/statements?p={number + 1}>more</a>" if number + 1 < PAGES else ""
        markup = f"<h1>Statements</h1><li class=st>{number}</li>{more}".encode()
        return Answer(body=markup + (self.also if number >= self.first else b"") + (b"" if number else self.out))


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "4711")


def put_up(bank: Bank, net: Net, project: Path) -> None:
    url = net.host({"*": bank}).url
    (project / "spiders").mkdir()
    (project / "spiders" / "bank.py").write_text(SPIDER.replace("URL", url), encoding="utf-8")


@pytest.mark.parametrize("action", ["/signin", ""])
def test_a_session_that_ends_in_a_run_or_between_two_is_renewed_and_nothing_is_missing(
    quick_net: Net, project: Path, command: Crawl, action: str
) -> None:
    bank = Bank(action=action)
    put_up(bank, quick_net, project)
    bank.lives = 7

    first = command("run", "bank")
    bank.left = 0
    second = command("run", "bank", "--fresh")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert f"items {PAGES}" in " ".join(first.out.split())
    assert "gone" not in second.out
    assert 3 <= bank.logins <= 8


SWITCH = NAME.replace(b"<h1>Bank</h1>", b"Another user?").replace(b"ACTION", b"/signin")


@pytest.mark.parametrize(
    ("first", "out"),
    [(0, b""), (1, b""), (1, b"<a href=/logout>Log out</a>")],
    ids=["also the first page", "not the first page", "not the first page, which offers to log out"],
)
def test_a_form_that_members_see_too_says_nothing(
    quick_net: Net, project: Path, command: Crawl, first: int, out: bytes
) -> None:
    bank = Bank(also=SWITCH, first=first, out=out)
    put_up(bank, quick_net, project)

    run = command("run", "bank")
    again = command("run", "bank", "--fresh")

    assert (run.code, again.code) == (0, 0), run.err + again.err
    assert f"items {PAGES}" in " ".join(run.out.split())
    assert bank.logins <= 1 + (first > 0 and not out), "it is learned once"


def test_a_form_with_the_same_field_for_another_purpose_does_not_hide_the_login_page(
    quick_net: Net, project: Path, command: Crawl
) -> None:
    bank = Bank(also=NAME.replace(b"ACTION", b'""').replace(b"Bank", b"Change my name"))
    put_up(bank, quick_net, project)
    bank.lives = 7

    run = command("run", "bank")

    assert run.code == 0, run.err
    assert f"items {PAGES}" in " ".join(run.out.split())

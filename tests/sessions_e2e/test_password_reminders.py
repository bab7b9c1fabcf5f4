"""A page between the login and what was wanted: "your password will expire", with a form for a new one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host

FORM = b"<title>Log in</title><form method=post><input name=user><input name=word type=password><button>Log in</button>"
REMINDER = (
    b"<title>Your password will expire soon</title><form method=post action=/change><input type=password name=old>"
    b"<input type=password name=new><input type=password name=again><button>Change</button></form>"
    b"<a href=/home>Remind me later</a>"
)


class Office:
    """Reminds of a new password after each login.

    Attributes:
        insists: It shows nothing else until one is chosen.
        logins: Good ones.
    """

    def __init__(self) -> None:
        self.insists, self.logins = False, 0
        self.host = Host({"/login": self.login, "*": self.page}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if b"word=right" not in call.body:
            return Answer(body=FORM)
        self.logins += 1
        return Answer(302, headers=[("Location", "/reminder"), ("Set-Cookie", "sid=one; Path=/")])

    def page(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        if "sid=one" not in call.headers.get("cookie", ""):
            return Answer.redirect("/login")
        if self.insists or call.path == "/reminder":
            return Answer(body=REMINDER) if call.path == "/reminder" else Answer.redirect("/reminder")
        return Answer(body=b"<title>Bills</title><a href=/logout>Log out</a><p class=bill>17</p>")


class Bills(Spider):
    """Its step fills in the form for a code, which is not there on a device that is known."""

    name = "bills"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/bills"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        page = session.submit(page.form(), {"user": session.account.username, "word": session.account.password})
        session.submit(page.form(name="code"), {"code": "123456"})

    def parse(self, response: Any) -> Any:
        yield {"bill": response.css(".bill::text").get()}


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    credentials(monkeypatch, default=Account("ann", "right"))
    made = Office()
    yield made
    made.host.close()


def test_a_reminder_of_a_new_password_is_no_refusal_where_the_probe_is_good(office: Office, tmp_path: Path) -> None:
    summary = crawl(Bills, office.host.url, tmp_path)

    assert (summary.exit_code, summary.logins, office.logins) == (0, 1, 1)
    assert stored(tmp_path, "bill") == [{"bill": "17"}]


def test_where_nothing_else_is_shown_a_person_has_to_choose_one(office: Office, tmp_path: Path) -> None:
    office.insists = True

    summary = crawl(Bills, office.host.url, tmp_path)

    assert (summary.exit_code, office.logins) == (7, 1)
    assert "the site wants a new password to be chosen" in " ".join(summary.messages)

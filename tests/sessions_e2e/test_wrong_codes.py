"""A wrong secret of one-time codes: sites lock an account after three wrong codes, and a run comes every night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider
from crawler.sessions import accounts
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials
from tests.hosts import Host

FORM = b"<title>Log in</title><form method=post><input name=user><input name=word type=password><button>Log in</button>"
CODE = (
    b"<title>Code</title><form method=post action=/code><input name=code autocomplete=one-time-code><button>Go</button>"
)


class Bank:
    """Asks for a password, then for a code, and takes none."""

    def __init__(self) -> None:
        self.codes: list[bytes] = []
        self.host = Host({"/login": self.login, "/code": self.code, "*": self.page}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        return Answer(body=CODE if b"word=right" in call.body else FORM)

    def code(self, call: WireRequest) -> Answer:
        self.codes.append(call.body)
        return Answer(body=b"<p>That code is not right.</p>" + CODE)

    def page(self, call: WireRequest) -> Answer:
        return Answer(404) if call.path == "/robots.txt" else Answer.redirect("/login")


class Statements(Spider):
    name = "statements"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/statements"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        page = session.submit(page.form(), {"user": session.account.username, "word": session.account.password})
        session.submit(page.form(), {"code": session.account.otp()})

    def parse(self, response: Any) -> Any:
        yield {"url": response.url}


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    credentials(monkeypatch, default=Account("ann", "right"))
    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", "JBSWY3DPEHPK3PXP")
    made = Bank()
    yield made
    made.host.close()


def test_after_two_wrong_codes_no_run_sends_another_one_until_the_secret_is_changed(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = []
    for _ in range(4):
        accounts._last_codes.clear()  # the next one would have to wait for its turn on the clock
        nights.append(crawl(Statements, bank.host.url, tmp_path))

    assert len(bank.codes) == 2
    assert {night.exit_code for night in nights} == {3}
    assert "the last page asks for a one-time code" in " ".join(nights[0].messages)
    assert "the site refused these credentials" in " ".join(nights[-1].messages)

    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", "GEZDGNBVGY3TQOJQ")
    accounts._last_codes.clear()
    crawl(Statements, bank.host.url, tmp_path)
    assert len(bank.codes) == 3

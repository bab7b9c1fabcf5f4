"""A login that needs a person parks its session only; ``crawl login`` asks at the terminal, and the rest goes on."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler import NeedsHuman, Session
from crawler.engine import application
from crawler.events import Event, SessionParked, Summary
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, credentials, stored
from tests.forked import ended

from .conftest import MakeSite, write_spider
from .terminal import at_a_terminal

WITH_CODE = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders/?page=1"]
    sessions = ["alice", "bob"]

    def login(self, session):
        with session.step("password form"):
            page = session.get("{url}/login")
            credentials = {{"username": session.account.username, "password": session.account.password}}
            page = session.submit(page.form(), credentials)
        with session.step("code"):
            session.submit(page.form(), {{"code": session.ask("code from the mail")}})

    def parse(self, response):
        for order in response.css("tr.order td.id ::text").getall():
            yield {{"order": order, "session": response.session_name}}
        yield from response.follow_all(css="a.next")
"""


@pytest.fixture
def mail_shop(project: Path, make_practice_site: Any, monkeypatch: pytest.MonkeyPatch) -> PracticeSite:
    """A site that mails a code at each login, a spider with two accounts, and their passwords."""
    site: PracticeSite = make_practice_site(books=20, one_time_code="mail")
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(WITH_CODE.format(url=site.url), encoding="utf-8")
    return site


def answer_code(site: PracticeSite, account: str, project: Path) -> None:
    """The person: runs the command that the summary names, reads the mail and types the code."""
    with at_a_terminal("login", "orders", "--session", account, folder=project) as terminal:
        terminal.read_until(f"code from the mail for session {account}: ")
        code = site.mail_code(account)
        assert code is not None
        terminal.type(code)
        assert terminal.ended() == 0, terminal.shown
        assert f"session '{account}': logged in" in terminal.shown


def test_a_person_types_the_code_at_the_terminal_and_the_next_run_goes_on_without_a_login(
    mail_shop: PracticeSite, project: Path, command: Crawl
) -> None:
    parked = command("run", "orders")
    assert parked.code == 7
    assert "code from the mail" in parked.err + parked.out
    assert "crawl login orders --session bob" in parked.err + parked.out

    answer_code(mail_shop, "alice", project)
    half = command("run", "orders", "--json")
    answer_code(mail_shop, "bob", project)
    whole = command("run", "orders", "--json")

    assert (half.code, whole.code) == (7, 0)
    assert '"logins":0' in whole.out.replace(" ", "")
    assert mail_shop.record.logins == {"alice": 1, "bob": 1}
    exported = command("export", "orders", "-o", "-").out
    assert [exported.count(account) for account in ("ALICE-", "BOB-")] == [23, 27]


def test_an_empty_answer_is_nobodys_and_leaves_the_session_parked(
    mail_shop: PracticeSite, project: Path, command: Crawl
) -> None:
    with at_a_terminal("login", "orders", "--session", "bob", folder=project) as terminal:
        terminal.read_until("code from the mail for session bob: ")
        terminal.type("")
        assert terminal.ended() == 7

    assert "session 'bob': code from the mail" in terminal.shown
    assert mail_shop.record.logins == {}


def test_what_waits_for_a_person_goes_on_in_the_same_run_when_somebody_logs_in_meanwhile(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class WithCode(Members):
        name = "withcode"
        sessions = ("alice", "bob")

        def login(self, session: Session) -> None:
            if session.name == "bob":
                raise NeedsHuman("code from the mail")
            super().login(session)

    class Human(WithCode):
        """The same spider with a person beside it."""

        name = "withcode"

        def login(self, session: Session) -> None:
            assert session.name == "bob"
            Members.login(self, session)

    monkeypatch.setattr("crawler.sessions.login.unusable.LOOK_EVERY_S", 0.2)
    site = make_site_process(books=60, latency_s=0.1)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    parked = threading.Event()
    done: list[Summary] = []

    def watch(event: Event) -> None:
        if isinstance(event, SessionParked):
            parked.set()

    run = threading.Thread(
        target=lambda: done.append(crawl(WithCode, site.url, tmp_path, workers=2, observers=[watch], throttle=False))
    )
    run.start()
    assert parked.wait(20)
    settings = {"store": str(tmp_path / "crawl.db")}
    with application.visitor(Human, arguments={"site": site.url}, settings=settings) as visit:
        assert visit.login("bob") == "login"
    run.join(60)

    assert [(each.ending, each.exit_code, each.parked, each.messages) for each in done] == [("finished", 0, 0, [])]
    assert site.record.logins == {"alice": 1, "bob": 1}
    assert len(stored(tmp_path, "id")) == 120


def parks(session: Session) -> None:
    raise NeedsHuman("a captcha")


def breaks(session: Session) -> None:
    raise RuntimeError("no such form")


@pytest.mark.parametrize(("ends", "code"), [(parks, 7), (breaks, 3)], ids=["human", "broken"])
def test_other_sessions_go_on_and_what_waits_is_counted(
    ends: Callable[[Session], None], code: int, make_practice_site: MakeSite, monkeypatch: Any, tmp_path: Path
) -> None:
    class Half(Members):
        name = "half"
        sessions = ("alice", "bob")
        stuck = True

        def login(self, session: Session) -> None:
            if session.name == "bob" and Half.stuck:
                ends(session)
            super().login(session)

    site = make_practice_site(books=30)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    first = crawl(Half, site.url, tmp_path)
    Half.stuck = False
    second = crawl(Half, site.url, tmp_path)

    assert (first.exit_code, first.items, first.parked) == (code, {"items": 30}, 1)
    assert first.next_command == "crawl login half --session bob"
    assert (second.exit_code, second.items, second.parked) == (0, {"items": 30}, 0)


def test_requests_of_a_session_that_this_run_does_not_have_are_left_for_one_that_has_it(
    make_practice_site: MakeSite, monkeypatch: Any, tmp_path: Path
) -> None:
    class Two(Members):
        name = "two"
        sessions = ("alice", "bob")

    site = make_practice_site(books=40)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    crawl(Two, site.url, tmp_path, max_pages=4, workers=1)

    alone = crawl(Two, site.url, tmp_path, sessions="alice")
    rest = crawl(Two, site.url, tmp_path)

    assert alone.parked > 0
    assert alone.messages == ["requests of session 'bob' are left for a run that has it; this one has: alice"]
    assert (rest.ending, rest.parked) == ("finished", 0)
    assert len(stored(tmp_path, "id")) == 80


def test_without_a_terminal_nobody_is_asked(mail_shop: PracticeSite, project: Path) -> None:
    write_spider(project, mail_shop, name="plain")

    done = ended(
        [sys.executable, "-m", "crawler.cli", "login", "orders", "--session", "bob"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )

    assert (done.returncode, done.stdout) == (7, "")
    assert "code from the mail" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_status_says_who_waits_for_whom(shop: PracticeSite, command: Crawl) -> None:
    command("run", "orders", "--limit-pages", "1")

    lines = command("status", "orders").out.splitlines()

    host = shop.url.removeprefix("http://")
    assert [line.split() for line in lines if line.startswith("waiting")] == [["waiting", "1", "x", host]]

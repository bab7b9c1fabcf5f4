"""Wrong passwords and budgets: an account is never locked by a crawl, however often cron starts it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crawler import Session
from crawler.sessions.login import patience
from crawler.stores.policy import login_policy
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import Members, crawl, credentials

from .conftest import MakeSite, write_spider

DAY_S = 86_400.0


def age(folder: Path, seconds: float) -> None:
    """As if everything about logins had happened so many seconds earlier."""
    with closing(sqlite3.connect(folder / "crawl.db")) as database, database:
        database.execute(
            "UPDATE crawl_logins SET started_at = started_at - :s, ended_at = ended_at - :s", {"s": seconds}
        )
        for name, value in database.execute("SELECT name, value FROM crawl_values WHERE name LIKE 'refused:%'"):
            book = json.loads(value)
            for each in book["attempts"] + book["refusals"]:
                each.update({moment: each[moment] - seconds for moment in ("began", "ended", "at") if moment in each})
            database.execute("UPDATE crawl_values SET value = ? WHERE name = ?", (json.dumps(book), name))


def test_L11_a_wrong_password_is_one_attempt_however_many_runs_and_spiders_follow(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(lock_after=2)
    right = site.accounts[0].password
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")

    first = crawl(Members, site.url, tmp_path)
    again = crawl(Members, site.url, tmp_path)
    other = crawl(type("Other", (Members,), {"name": "other"}), site.url, tmp_path)

    assert [each.exit_code for each in (first, again, other)] == [3, 3, 3]
    assert "the site refused the user name or password" in first.messages[0]
    assert "the site refused these credentials on" in again.messages[0]
    assert "the right one belongs where this one came from, CRAWL_DEFAULT_PASSWORD" in again.messages[0]
    assert site.record.login_posts == {"alice": 1}

    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", right)
    mended = crawl(Members, site.url, tmp_path)
    assert (mended.ending, mended.logins, mended.items) == ("finished", 1, {"items": 20})
    assert site.record.login_posts == {"alice": 2}


def test_a_refused_password_that_nobody_changes_is_tried_less_and_less_often(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site()
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")
    attempts = []

    for night in range(16):
        before = site.record.login_posts["alice"]
        assert crawl(Members, site.url, tmp_path).exit_code == 3
        if site.record.login_posts["alice"] > before:
            attempts.append(night)
        age(tmp_path, DAY_S + 60)

    assert attempts == [0, 1, 4, 11]


def test_a_person_who_insists_may_try_the_refused_password_once_more(
    shop: PracticeSite, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")
    assert command("run", "orders", "--quiet").code == 3

    told = command("login", "orders")
    forced = command("login", "orders", "--force")

    assert (told.code, forced.code) == (3, 3)
    assert "the site refused these credentials on" in told.err
    assert "--force" in told.err
    assert "the site refused the user name or password" in forced.err
    assert shop.record.login_posts == {"alice": 2}
    assert "the-old-one" not in told.err + forced.err


class Halting(Members):
    """Sends the password, and stops at a page that it does not understand."""

    name = "halting"

    def login(self, session: Session) -> None:
        super().login(session)
        with session.step("the news"):
            raise RuntimeError("no news today")


def test_a_spider_that_was_changed_is_tried_at_once_and_only_once(
    shop: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")
    file = project / "spiders" / "orders.py"

    for version in range(3):
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# version {version}\n", encoding="utf-8")
        for _ in range(2):
            assert command("run", "orders", "--quiet").code == 3

    assert shop.record.login_posts == {"alice": 3}


def test_L8_logins_of_an_hour_that_came_to_nothing_are_counted_over_runs_and_spiders(
    member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site()
    spiders = [type("Spider", (Halting,), {"name": f"halting{number % 2}"}) for number in range(4)]

    runs = [crawl(spider, site.url, tmp_path, login_budget=2, fresh=True) for spider in spiders]

    assert [run.exit_code for run in runs] == [3] * 4
    assert (
        "2 logins of the last hour did not succeed, 2 allowed (login_budget); possible again at"
        in (runs[-1].messages[0])
    )
    assert "before: the login step stopped at step 'the news'" in runs[-1].messages[0]
    assert site.record.login_posts == {"alice": 2}

    age(tmp_path, 3600.0)
    assert crawl(Members, site.url, tmp_path, login_budget=2).exit_code == 0


def test_short_sessions_are_not_a_reason_to_stop(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site(books=40, expires_after_requests=8)

    summary = crawl(Members, site.url, tmp_path, login_budget=1, workers=2)

    assert (summary.ending, summary.items) == ("finished", {"items": 40})
    assert site.record.logins["alice"] > 5


def test_failed_logins_are_spaced_more_and_more_over_runs(member_site: MakeSite, tmp_path: Path) -> None:
    site = member_site()
    said = [crawl(Halting, site.url, tmp_path, login_budget=100).messages[0] for _ in range(3)]

    assert ["the last" in each for each in said] == [False, False, True]
    assert "at step 'the news'" in said[0]
    assert "the last 2 logins failed; possible again at" in said[2]
    assert "before: the login step stopped at step 'the news'" in said[2], "the cause is told to who did not see it"
    assert "--force" in said[2], "what blocks says how to go on"
    age(tmp_path, 601.0)
    assert "at step 'the news'" in crawl(Halting, site.url, tmp_path, login_budget=100).messages[0]
    age(tmp_path, 601.0)
    assert "the last 3 logins failed" in crawl(Halting, site.url, tmp_path, login_budget=100).messages[0]
    assert site.record.login_posts == {"alice": 3}


def test_a_login_step_that_stops_before_it_sends_anything_is_never_held_up(
    member_site: MakeSite, tmp_path: Path
) -> None:
    class Broken(Members):
        name = "broken"

        def login(self, session: Session) -> None:
            with session.step("the form"):
                session.get(f"{self.arguments['site']}/login").form("form#not-there")

    site = member_site()
    said = [crawl(Broken, site.url, tmp_path, login_budget=1).messages[0] for _ in range(4)]

    assert all("the login step stopped at step 'the form'" in each for each in said)
    assert not any("possible again" in each for each in said), "each run has tried anew"
    assert site.record.login_posts == {}


def test_a_login_page_in_trouble_for_a_moment_is_waited_for(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(login_policy._PASSING_S, "busy", (0.02, 0.04))

    class Troubled(Members):
        name = "troubled"
        asked = 0

        def login(self, session: Session) -> None:
            Troubled.asked += 1
            if Troubled.asked < 3:
                session.get(f"{self.arguments['site']}/status/503")
                raise RuntimeError("the login page has no form")
            super().login(session)

    site = member_site()

    summary = crawl(Troubled, site.url, tmp_path)

    assert (summary.ending, summary.logins, Troubled.asked) == ("finished", 1, 3)
    site.expire_now()
    assert crawl(Members, site.url, tmp_path).ending == "finished", "passing trouble keeps nobody away"


def test_a_site_that_stays_in_trouble_is_named_to_every_later_run_and_spider(
    member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(login_policy._PASSING_S, "busy", (30.0,))
    monkeypatch.setattr(patience, "PATIENCE_S", 5.0)
    site = member_site(rate_503=1.0, fault_paths=("/login",))
    other = type("Other", (Members,), {"name": "other"})

    said = [crawl(spider, site.url, tmp_path, login_budget=1).messages[0] for spider in (Members, Members, other)]

    trouble = f"the site is in trouble: 503 from {site.url}/login"
    assert all(trouble in each for each in said)
    assert ["the site asks for patience; possible again at" in each for each in said] == [False, True, True]
    assert site.record.login_posts == {}, "nobody was asked for a password, so none was sent"

    site.change(rate_503=0.0)
    age(tmp_path, 100.0)
    assert crawl(Members, site.url, tmp_path, login_budget=1).ending == "finished"


def test_two_accounts_have_a_budget_each(
    make_practice_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Two(Members):
        name = "two"
        sessions = ("alice", "bob")

        def login(self, session: Session) -> None:
            super().login(session)
            if session.name == "bob":
                raise RuntimeError("no news today")

    site = make_practice_site(books=20)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    assert crawl(Two, site.url, tmp_path, login_budget=1, fresh=True).exit_code == 3
    site.expire_now()
    last = crawl(Two, site.url, tmp_path, login_budget=1, fresh=True)

    assert (last.exit_code, last.items) == (3, {"items": 20})
    assert site.record.logins == {"alice": 2, "bob": 1}
    assert ["'bob'" in message for message in last.messages] == [True]


def test_refused_credentials_are_not_stored_in_any_form_that_could_be_guessed(
    shop: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crawler.sessions.accounts import Account

    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")
    write_spider(project, shop)
    command("run", "orders", "--quiet")
    mark = Account("default").mark()

    raw = b"".join(path.read_bytes() for path in (project / "data").iterdir())

    assert len(mark) == 32
    assert mark.encode() not in raw
    assert b"the-old-one" not in raw

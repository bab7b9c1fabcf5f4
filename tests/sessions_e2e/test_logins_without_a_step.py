"""`crawl login` where no step is needed, where something is missing, and where a person only presses Enter."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import NeedsHuman
from crawler.sessions.accounts import Account
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl

from .conftest import MakeSite

PLAIN = """
from crawler import Spider


class Plain(Spider):
    name = "plain"
    start_urls = ["{url}/orders/?page=1"]
    login_url = "{url}/login"
{more}
    def parse(self, response):
        yield {{"url": response.url}}
"""
WITH_CODE = """
    def login(self, session):
        page = session.get("{url}/login")
        session.account.password
        session.account.otp()
"""
WITH_FORM = """
    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"username": session.account.username, "password": session.account.password}})
"""


@pytest.fixture
def site(member_site: MakeSite) -> PracticeSite:
    return member_site()


def write(project: Path, site: PracticeSite, more: str = "") -> None:
    (project / "spiders").mkdir(exist_ok=True)
    text = PLAIN.format(url=site.url, more=more.format(url=site.url))
    (project / "spiders" / "plain.py").write_text(text, encoding="utf-8")


def test_a_login_with_a_browser_needs_no_login_method(
    site: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "crawler.sessions.browser.browser_login", lambda url, window, **how: asked.append(url) or nobody()
    )
    write(project, site)

    done = command("login", "plain", "--browser")
    without = command("login", "plain")

    assert asked == [f"{site.url}/login"]
    assert "has no login step" not in done.err
    assert without.code == 2
    assert "`crawl login plain --browser`" in without.err


def nobody() -> Any:
    from crawler.errors import LoginFailed

    raise LoginFailed("default", "nobody logged in in time")


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ({"playwright": None, "playwright.sync_api": None}, "crawl-sessions[browser]"),
        ({}, "there is no screen for a browser window"),
    ],
    ids=["the extra", "a screen"],
)
def test_what_this_machine_lacks_for_a_browser_is_a_matter_of_exit_code_2(
    site: PracticeSite,
    project: Path,
    command: Crawl,
    monkeypatch: pytest.MonkeyPatch,
    lacks: dict[str, None],
    said: str,
) -> None:
    for name, module in lacks.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if not lacks:
        pytest.importorskip("playwright")
    write(project, site)

    done = command("login", "plain", "--browser")

    assert done.code == 2
    assert said in done.err


def test_a_wrong_name_of_a_browser_is_a_matter_of_exit_code_2_and_counts_nowhere(
    site: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("playwright")
    monkeypatch.setenv("CRAWL_BROWSER", "/nonesuch/browser")
    write(project, site, "\n    def login_browser(self, page, session):\n        pass\n")

    codes = {command("login", "plain", "--browser", "--headless", "-s", "login_budget=1").code for _ in range(3)}

    assert codes == {2}


def test_a_missing_extra_ends_a_run_with_code_2_and_counts_nowhere(
    site: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyotp", None)
    monkeypatch.setenv("CRAWL_DEFAULT_OTP_SECRET", "GEZDGNBVGY3TQOJQ")
    write(project, site, WITH_CODE)

    runs = [command("run", "plain", "-s", "login_budget=1") for _ in range(2)]

    assert [run.code for run in runs] == [2, 2]
    assert all("crawl-sessions[auth]" in run.out + run.err for run in runs)
    assert site.record.login_posts == {}


def test_a_user_who_only_presses_enter_is_told_what_to_do() -> None:
    account = Account("buyer", environ={}, ask=lambda prompt, secret: "")

    with pytest.raises(NeedsHuman, match="code from the mail: nothing was typed; run the same command again"):
        account.ask("code from the mail")


def test_a_login_by_hand_at_a_site_that_is_away_says_so_at_once(
    site: PracticeSite, project: Path, command: Crawl
) -> None:
    write(project, site, WITH_FORM)
    site.close()

    done = command("login", "plain")

    assert done.code == 1
    assert "onnect" in done.err
    assert site.url in done.err


def test_where_all_sessions_wait_for_a_person_the_next_command_logs_all_of_them_in(
    site: PracticeSite, project: Path, command: Crawl
) -> None:
    write(project, site, '    sessions = ["buyer", "auditor"]\n')

    done = command("run", "plain", "--json")

    assert done.code == 7
    assert json.loads(done.out)["next_command"] == "crawl login plain --browser"

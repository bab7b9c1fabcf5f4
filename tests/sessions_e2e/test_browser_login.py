"""Log in once in a real browser, crawl over plain HTTP; needs an installed Chromium, skipped with a reason elsewhere.

``TEST_PICTURES=FOLDER`` keeps the screenshots, to be looked at.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.sessions.browser_program import find_browser
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import credentials


def why_not() -> str:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "the extra 'browser' (Playwright) is not installed"
    return "" if find_browser()[0] else "no Chromium, Chrome or Edge is installed"


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders/?page=1"]
    login_url = "{url}/login"
    probe_url = "{url}/account/"
{sessions}
    def login_browser(self, page, session):
        page.fill("input[name=username]", session.account.username)
        page.fill("input[name=password]", session.account.password)
        page.click("button[value=sign-in]")
{more}
    def parse(self, response):
        for order in response.css("tr.order td.id ::text").getall():
            yield {{"order": order, "session": response.session_name}}
        yield from response.follow_all(css="a.next")
"""


@pytest.fixture
def shop(project: Path, make_practice_site: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeSite]:
    """A site that ends a session whose User-Agent changes, and a spider that only a browser can log in."""
    site: PracticeSite = make_practice_site(books=10, bind_user_agent=True)
    credentials(monkeypatch, default=site.accounts[0])
    write(project, site)
    yield site
    folder = os.environ.get("TEST_PICTURES")
    if folder:
        for picture in project.rglob("*.png"):
            shutil.copy(picture, Path(folder) / f"{project.parent.name}-{picture.name}")


def write(project: Path, site: PracticeSite, *, sessions: str = "", more: str = "") -> None:
    (project / "spiders").mkdir(exist_ok=True)
    source = SPIDER.format(url=site.url, sessions=sessions, more=more)
    (project / "spiders" / "orders.py").write_text(source, encoding="utf-8")


def test_L13_a_browser_logs_in_once_and_the_crawl_goes_on_without_it(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    login = command("login", "orders", "--browser", "--headless", "--picture", "after.png")
    assert login.code == 0, login.err
    assert "session 'default': logged in with a browser" in login.out
    assert (project / "after.png").read_bytes().startswith(b"\x89PNG")
    assert (project / "after.png").stat().st_mode & 0o777 == 0o600
    shop.reset_record()

    done = command("run", "orders", "--json")

    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["logins"], told["restored"], told["items"]) == (0, 1, {"items": 23})
    agents = {entry.headers["user-agent"] for entry in shop.log if not entry.url.endswith("/robots.txt")}
    assert len(agents) == 1
    assert "Chrome/" in agents.pop()
    assert shop.record.refused["user-agent"] == 0
    assert not any("sec-ch-ua" in entry.headers for entry in shop.log), "these requests are no browser's"


def test_where_no_browser_is_a_run_asks_for_a_person_and_names_the_command(
    shop: PracticeSite, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_BROWSER", "nonesuch")

    parked = command("run", "orders", "--quiet")

    assert parked.code == 7
    assert "continue with: crawl login orders --session default --browser" in parked.err
    assert shop.record.login_posts == {}


def test_a_run_drives_the_browser_itself_when_it_needs_a_login_and_only_then(
    shop: PracticeSite, command: Crawl
) -> None:
    first = command("run", "orders", "--json")
    again = command("run", "orders", "--fresh", "--json")
    shop.expire_now()
    later = command("run", "orders", "--fresh", "--json")

    told = [json.loads(each.out) for each in (first, again, later)]
    assert [each["logins"] for each in told] == [1, 0, 1]
    assert [each["items"] for each in told] == [{"items": 23}] * 3
    assert shop.record.logins == {"alice": 2}


def test_a_spider_with_both_ways_renews_a_session_by_itself(shop: PracticeSite, project: Path, command: Crawl) -> None:
    more = (
        "\n    def login(self, session):\n"
        "        page = session.get(self.login_url)\n"
        "        account = session.account\n"
        '        session.submit(page.form(), {"username": account.username, "password": account.password})\n'
    )
    write(project, shop, more=more)
    command("login", "orders", "--browser", "--headless")
    shop.expire_now()

    done = command("run", "orders", "--json")

    assert (done.code, json.loads(done.out)["logins"]) == (0, 1)


def test_accounts_are_logged_in_one_after_the_other_with_a_browser_of_their_own(
    shop: PracticeSite, project: Path, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, alice=shop.accounts[0], bob=shop.accounts[1])
    write(project, shop, sessions='    sessions = ["alice", "bob"]\n')

    assert command("login", "orders", "--browser", "--headless").code == 0
    done = command("run", "orders", "--json")

    assert json.loads(done.out)["items"] == {"items": 23 + 27}
    assert shop.record.logins == {"alice": 1, "bob": 1}


def test_a_wrong_password_in_the_browser_is_found_by_the_probe(
    shop: PracticeSite, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.sessions.browser._SETTLE_S", 0.5)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")

    done = command("login", "orders", "--browser", "--headless", "-s", "log_level=DEBUG")

    again = command("login", "orders", "--browser", "--headless")
    forced = command("login", "orders", "--browser", "--headless", "--force")

    assert (done.code, again.code, forced.code) == (3, 3, 3)
    assert "the site refused the user name or password" in done.err
    assert "the site refused these credentials on" in again.err, "no clock may lock the account by way of a browser"
    assert "the-old-one" not in done.out + done.err + again.err
    assert shop.record.login_posts == {"alice": 2}
    assert command("sessions", "list", "--json").out == ""

    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", shop.accounts[0].password)
    assert command("login", "orders", "--browser", "--headless").code == 0


def test_logins_of_a_program_in_a_browser_that_come_to_nothing_count_for_the_budget(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write(project, shop, more="        raise RuntimeError('no news today')\n")

    first = command("login", "orders", "--browser", "--headless", "-s", "login_budget=1")
    second = command("login", "orders", "--browser", "--headless", "-s", "login_budget=1")

    assert "no news today" in first.err
    assert second.code == 3
    assert "1 login of the last hour did not succeed, 1 allowed" in second.err
    assert "--browser --force`" in second.err
    assert shop.record.login_posts == {"alice": 1}

"""Crawls whose pages are rendered, through the front door."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.engine.shop import credentials, stored
from tests.rendering.needs_browser import needs_browser
from tests.rendering.script_shop import ScriptShop, open_shop

pytestmark = needs_browser

ORDERS = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders?page=1"]
    render = True

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"user": "ann", "password": "secret"}})

    def parse(self, response):
        for order in response.css("li.order::text").getall():
            yield {{"name": order, "data": len(response.requests)}}
        yield from response.follow_all(css="a")
"""
MEMBERS = """
from tests.engine.shop import Members as Plain


class Members(Plain):
    render = True
"""


@pytest.fixture
def shop(project: Path) -> Iterator[ScriptShop]:
    with open_shop() as made:
        write(project, "orders", ORDERS.format(url=made.url))
        yield made


def write(project: Path, name: str, source: str) -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / f"{name}.py").write_text(source, encoding="utf-8")


def browsers() -> list[str]:
    """Processes of browsers that render pages for this test run, by their command lines."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "MAP * ~NOTFOUND" in line]


def test_a_page_of_scripts_is_rendered_in_its_session_by_the_rules_of_the_crawl(
    shop: ScriptShop, project: Path, crawl: Crawl
) -> None:
    shop.expire_after = 2

    done = crawl("run", "orders", "--json")

    assert done.code == 0, done.err
    told: dict[str, Any] = json.loads(done.out)
    assert sorted(row["name"] for row in stored(project / "data", "name")) == sorted(shop.truth)
    assert (told["logins"], told["failed"]) == (2, 0), "a login that is lost while a page is rendered: one more"
    assert shop.logins == 2
    for path in ("/signout", "/hidden/data", "/beacon", "/picture.png", "/live"):
        assert not [each for each in shop.asked if each.endswith(path)], path
    assert not shop.asked["POST /api/logout"], "the logout guard holds for what scripts ask for"
    assert any("seen=" in each for each in shop.cookies), "what scripts write is sent with the next request"
    assert any("api=p1" in each for each in shop.cookies), "and so is what the API has set"
    assert all("crawl-sessions" in each["user-agent"] for each in shop.headers)


def test_the_practice_shop_rendered_is_the_shop_as_it_is(
    project: Path, crawl: Crawl, make_practice_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: PracticeSite = make_practice_site(books=12)
    credentials(monkeypatch, default=site.accounts[0])
    write(project, "members", MEMBERS)

    done = crawl("run", "members", "-a", f"site={site.url}", "--json")

    assert done.code == 0, done.err
    assert json.loads(done.out)["logins"] == 1
    rows = stored(project / "data", "id", "price")
    truth = site.truth.member_items(site.accounts[0].username)
    assert sorted((row["id"], row["price"]) for row in rows) == sorted((each["id"], each["price"]) for each in truth)
    assert not site.record.logouts
    assert not site.record.deleted
    assert not browsers()

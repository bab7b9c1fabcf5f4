"""Crawls whose pages are rendered, through the front door."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.engine import application
from crawler.loading import find_spider
from crawler.process_tree import command_of, descendants
from crawler.rendering import renderer
from tests.cli.conftest import Crawl
from tests.engine.shop import stored
from tests.long_form import LONG_FORM
from tests.rendering.needs_browser import needs_browser
from tests.rendering.script_shop import ScriptShop, open_shop

pytestmark = [needs_browser, pytest.mark.slow]

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


@pytest.fixture
def shop(project: Path) -> Iterator[ScriptShop]:
    with open_shop() as made:
        write(project, "orders", ORDERS.format(url=made.url))
        yield made


def write(project: Path, name: str, source: str) -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / f"{name}.py").write_text(source, encoding="utf-8")


def test_a_page_of_scripts_is_rendered_in_its_session_by_the_rules_of_the_crawl(
    shop: ScriptShop, project: Path, crawl: Crawl
) -> None:
    shop.expire_after = 2

    done = crawl("run", "orders", "--json", "-s", "per_host=2")

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
    assert not [pid for pid in descendants(os.getpid()) if "--user-data-dir" in command_of(pid)]
    assert all("crawl-sessions" in each["user-agent"] for each in shop.headers)
    assert shop.most <= 2, "connections of pages and of what they ask for are counted together"
    with application.visitor(find_spider("orders")) as next_time:
        assert next_time.login() == "restored"
        assert int(next_time.session().storage[shop.url]["visits"]) >= 3, "what scripts keep is stored with the page"


HANGS = """
import os
import signal

import spiders.orders
from crawler import Render
from crawler.process_tree import command_of, descendants


class Hanging(spiders.orders.Orders):
    name = "hanging"
    render = Render("li.order")

    def parse(self, response):
        if response.url.endswith("page=1"):
            found = [pid for pid in descendants(os.getpid()) if "{named}" in command_of(pid)]
            os.kill(next(pid for pid in found if "--type=" not in command_of(pid)), signal.SIGSTOP)
        yield from super().parse(response)
"""


@LONG_FORM
@pytest.mark.parametrize("named", ["run-driver", "--user-data-dir"])
def test_a_browser_that_hangs_and_a_driver_are_replaced_and_named_and_no_page_is_lost(
    named: str, shop: ScriptShop, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer, "_WATCHED_EVERY_S", 0.1)
    monkeypatch.setattr(renderer, "_PATIENCE_S", 4.0)
    write(project, "hanging", HANGS.format(named=named))

    done = crawl("run", "hanging", "--json", "-s", "backoff=0.01")

    told: dict[str, Any] = json.loads(done.out)
    assert (done.code, told["failed"], told["logins"]) == (0, 0, 1), done.err
    assert sorted(row["name"] for row in stored(project / "data", "name")) == sorted(shop.truth)
    assert told["retried"] >= 1
    assert "the browser has not answered for 8 s: another one is started (1 so far)" in done.err
    # Once, or twice where the machine is so busy that the next one is taken for hanging, too
    assert re.search(r"\b[12] x the browser has not answered for N s and was replaced", crawl("status", "hanging").out)
    family = [pid for pid in descendants(os.getpid()) if "run-driver" in command_of(pid) or "chrom" in command_of(pid)]
    assert not family


def test_without_a_browser_nothing_is_sent_and_the_exit_code_is_2(
    shop: ScriptShop, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_BROWSER", "/nowhere/chromium")

    done = crawl("run", "orders")

    assert done.code == 2
    assert "apt install chromium" in done.err
    assert not shop.asked


def test_a_rendered_page_is_printed_and_the_plain_request_is_proposed_beside_it(shop: ScriptShop, crawl: Crawl) -> None:
    done = crawl("fetch", "--render", "--wait-for", "li", "--spider", "orders", f"{shop.url}/orders?page=1")

    assert done.code == 0, done.err
    assert "<li" in done.out
    assert f"yield Request('{shop.url}/api/orders?page=1', self.parse_data)" in done.err
    assert "5 texts, in response.json()['orders']" in done.err
    assert "tried without a browser: the same" in done.err

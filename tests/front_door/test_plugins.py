"""Steps on items, requests, responses and events: in a spider, in a class of the project, and installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crawler
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host
from tests.installed import install_entry_points

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from pathlib import Path

from crawler import DropItem, IgnoreRequest, Spider
from crawler.events import PageDone


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/start"]
    heard = []

    def on_item(self, item, response):
        if not item["price"]:
            raise DropItem("no price")
        return {{**item, "page": response.url[-1]}}

    def on_request(self, request):
        if request.url.endswith("never"):
            raise IgnoreRequest("sold out")
        request.headers = {{"X-Signed": request.url[-1]}}
        return request

    def on_response(self, response):
        if response.css("i.empty"):
            raise IgnoreRequest("an empty page")
        return response

    def on_event(self, event):
        if isinstance(event, PageDone):
            self.heard.append(event.url[-1])

    def closed(self, summary):
        Path("heard.txt").write_text("".join(sorted(self.heard)))

    def parse(self, response):
        yield {{"price": response.css("b::text").get()}}
        yield from response.follow_all(css="a")
"""
PAGES = {
    "start": '<b>1</b><a href="/2">x</a><a href="/3">x</a><a href="/4">x</a><a href="/never">x</a>',
    "2": "<b>7</b>",
}
PAGES |= {"3": "<p>nothing</p>", "4": '<i class="empty"></i>', "robots.txt": ""}

STEPS = """
from crawler import Plugin


class Currency(Plugin):
    def on_item(self, item, response):
        item["price"] += " " + getattr(self.spider, "currency", "EUR")
        return item
"""


@pytest.fixture
def host(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    def page(call: WireRequest) -> Answer:
        return Answer(body=f"<html>{PAGES[call.path[1:]]}</html>".encode())

    host = Host({"*": page}, "127.0.0.1", None)
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=host.url))
    (project / "own_steps.py").write_text(STEPS)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.delitem(sys.modules, "own_steps", raising=False)
    yield host
    host.close()


def install(folder: Path) -> None:
    install_entry_points(folder, {"crawler.plugins": {"currency": "own_steps:Currency"}})


def test_steps_of_a_spider_and_of_an_installed_plugin_are_called_and_what_they_leave_out_is_named(
    host: Host, project: Path, crawl: Crawl
) -> None:
    install(project)

    done = crawl("run", "shop", "--json", "-s", "plugins=currency", "-a", "currency=USD")
    summary = json.loads(done.out)
    told = crawl("run", "shop", "--fresh", "-s", "plugins=currency").out
    rows = list(crawler.results("shop", store="data/crawl.db").rows())

    assert done.code == 0
    assert summary["dropped"] == {"no price": 1}
    assert summary["skipped_by"] == {"on_request: sold out": 1, "on_response: an empty page": 1}
    assert sorted(host.header("X-Signed")) == sorted(["t", "2", "3", "4"] * 2)
    assert "dropped   1 x no price" in crawl("status", "shop").out
    assert "dropped" in told
    assert "1 x no price" in told
    assert sorted((row["price"], row["page"]) for row in rows) == [("1 EUR", "t"), ("7 EUR", "2")]
    assert (project / "heard.txt").read_text() == "23t"


def test_an_installed_plugin_that_nobody_has_named_sees_no_page(host: Host, project: Path, crawl: Crawl) -> None:
    install(project)

    done = crawl("run", "shop", "--json")

    assert done.code == 0
    assert "own_steps" not in sys.modules, "its code is not even loaded"
    assert {row["price"] for row in crawler.results("shop", store="data/crawl.db").rows()} == {"1", "7"}


def test_a_class_of_the_project_is_a_plugin_by_its_module_and_name(host: Host, crawl: Crawl) -> None:
    crawl("run", "shop", "--json", "-s", "plugins=own_steps:Currency", "-a", "currency=USD")

    assert {row["price"] for row in crawler.results("shop", store="data/crawl.db").rows()} == {"1 USD", "7 USD"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("curency", "no plugin 'curency' is installed; there are: currency"),
        ("own_steps:Curency", "plugin own_steps:Curency: module own_steps has no Curency"),
        ("no_such:Thing", "plugin no_such:Thing cannot be loaded: ModuleNotFoundError"),
        ("json:dumps", "plugin json:dumps cannot be made: TypeError"),
        ("builtins:str", "plugin builtins:str is a str; write a class that inherits from crawler.Plugin"),
    ],
)
def test_a_plugin_that_is_not_there_is_refused_before_anything_is_sent(
    host: Host, project: Path, crawl: Crawl, name: str, said: str
) -> None:
    install(project)

    refused = crawl("run", "shop", "-s", f"plugins={name}")

    assert refused.code == 2
    assert said in refused.err
    assert not host.calls


def test_kept_pages_are_read_again_with_the_steps_of_today(host: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "-s", "keep_pages=true", "-s", "plugins=own_steps:Currency")

    same = crawl("parse", "shop", "-s", "plugins=own_steps:Currency")
    other = crawl("parse", "shop")

    assert "price:" not in same.out
    assert 'price: "7 EUR" -> "7"' in other.out


def test_a_crawl_whose_items_are_all_dropped_says_so_in_its_first_line(host: Host, project: Path, crawl: Crawl) -> None:
    spider = project / "spiders" / "shop.py"
    spider.write_text(spider.read_text().replace('if not item["price"]', "if True"))

    ended = crawl("run", "shop")

    assert ended.code == 9
    assert "no item: 3 items left out by `on_item`, most of them for: no price" in ended.out

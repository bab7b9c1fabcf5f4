"""Somebody is told of changed records, where it was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net
from tests.looking.conftest import Crawl

SPIDER = """
from crawler import Spider

class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/list?token=tok-5d1e7a90c4b2"]
    keys = {{"items": "sku"}}
    custom_settings = {{"retries": 0}}

    def parse(self, response):
        for row in response.css("p"):
            yield {{"sku": row.attrib["id"], "price": row.css("::text").get()}}
        yield from response.follow_all(css="a")
"""


class Shop:
    """A list of prices, and a webhook."""

    def __init__(self, net: Net) -> None:
        self.prices = {f"A{number}": "1" for number in range(9)}
        self.more = ""
        self.heard: list[dict[str, Any]] = []
        self.url = net.host({"/robots.txt": Answer(404), "/list": self.page, "/hook": self.hook}).url

    def page(self, call: WireRequest) -> Answer:
        rows = "".join(f"<p id={sku}>{price}</p>" for sku, price in self.prices.items())
        return Answer(body=f"<html>{rows}{self.more}</html>".encode())

    def hook(self, call: WireRequest) -> Answer:
        self.heard.append(json.loads(call.body))
        return Answer(body=b"ok")


@pytest.fixture
def shop(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    net = Net()
    made = Shop(net)
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=made.url))
    monkeypatch.setenv("CRAWL_NOTIFY", f"{made.url}/hook")
    yield made
    net.close()


def test_changes_are_reported_with_counts_and_examples_once_and_only_where_asked(shop: Shop, crawl: Crawl) -> None:
    asked = ("run", "shop", "-s", "notify_on=changes")
    assert crawl("run", "shop").code == 0
    assert shop.heard == []  # not by default
    assert crawl(*asked).code == 0
    assert shop.heard == []  # nothing has changed
    shop.prices.update({f"A{number}": "2" for number in range(1, 8)})
    del shop.prices["A0"]

    assert crawl(*asked).code == 0

    (told,) = shop.heard
    assert (told["event"], told["title"]) == ("changes", "shop: items: 7 changed, 1 gone")
    assert told["changes"] == {"items": {"new": 0, "changed": 7, "gone": 1, "back": 0}}
    assert "changed items A1 price: 1 -> 2" in told["text"]
    assert told["text"].splitlines()[-2:] == ["and 3 more", "next: crawl changes shop"]
    assert len(told["examples"]) == 5
    assert "tok-5d1e7a90c4b2" not in json.dumps(told)


def test_a_run_that_goes_on_with_a_crawl_tells_only_what_it_found_itself(shop: Shop, crawl: Crawl) -> None:
    shop.more = "<a href=/gone>on</a>"
    assert crawl("run", "shop", "-s", "notify_on=changes", "--limit-pages", "1").code == 5
    assert shop.heard == []  # a limit says nothing of how the site is
    shop.more = ""

    assert crawl("run", "shop", "-s", "notify_on=changes").code in (0, 1)

    assert shop.heard == []


def test_changes_are_reported_along_with_a_failure(shop: Shop, crawl: Crawl) -> None:
    shop.more = "<a href=/gone>on</a>"

    assert crawl("run", "shop", "-s", "notify_on=failure,changes").code == 1

    titles = {each["event"]: each["title"] for each in shop.heard}  # services are told side by side
    assert titles == {"failure": "shop: failures", "changes": "shop: items: 9 new"}


def test_an_event_that_nobody_knows_is_an_error_before_anything_is_sent(shop: Shop, crawl: Crawl) -> None:
    ended = crawl("run", "shop", "-s", "notify_on=change")

    assert ended.code == 2
    assert "notify_on: change: not one of failure, recovery, parked, success, changes" in ended.err

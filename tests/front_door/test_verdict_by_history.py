"""What a crawl is compared with, through the command: thresholds, acceptance, resumed and killed runs, processes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, Result, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Spider
from dataclasses import dataclass


@dataclass
class Review:
    stars: int


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/1"]
    custom_settings = {{{settings}}}

    def parse(self, response):
        for row in response.css("p.row"):
            yield {{"name": row.css("b::text").get(), "price": row.css("i::text").get()}}
        yield from (Review(5) for _ in response.css("p.review"))
        yield from response.follow_all(css="a")
"""


class Shop:
    """Pages of four rows each, in a chain; what they hold can be changed."""

    def __init__(self) -> None:
        self.pages, self.rows, self.prices, self.reviews, self.missing = 4, 4, 1.0, 0, 0
        self.host = Host({"*": self.page}, "127.0.0.1", None)

    def page(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404, b"no")
        if "missing" in call.path:
            return Answer(404, b"no")
        number = int(call.path[1:])
        rows = "".join(f"<p class=row><b>{row}</b>{self._price(row)}</p>" for row in range(self.rows))
        rows += "<p class=review>good</p>" * self.reviews
        links = f"<a href=/{number + 1}>next</a>" if number < self.pages else ""
        links += "".join(f"<a href=/missing-{each}>m</a>" for each in range(self.missing))
        return Answer(body=f"<html>{rows}{links}</html>".encode())

    def _price(self, row: int) -> str:
        return "<i>9.99</i>" if row < self.prices * self.rows else "<i> </i>"


@pytest.fixture
def shop(project: Path) -> Iterator[Shop]:
    shop = Shop()
    write(project, shop)
    yield shop
    shop.host.close()


def write(project: Path, shop: Shop, settings: str = "") -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=shop.host.url, settings=settings))


def ended(result: Result) -> tuple[int, str]:
    """The exit code, and the reason for programs."""
    return result.code, json.loads(result.out)["reason"]


@pytest.mark.parametrize(
    ("settings", "words", "expected"),
    [
        ("", [], (0, "")),
        ("'min_items': 17", [], (9, "too-few-items")),
        ("", ["--min-items", "17"], (9, "too-few-items")),
        ("'min_items': 17", ["--min-items", "16"], (0, "")),
        ("'fields': {'price': 0.9}", [], (11, "field-below")),
        ("'fields': {'price': 0.5}", [], (0, "")),
        ("", ["--field", "price=0.9", "--field", "name=1"], (11, "field-below")),
        ("", ["-s", 'fields={"price": 0.9}'], (11, "field-below")),
        ("'fields': {'price': 0.9}", ["--field", "price=0.1"], (0, "")),
    ],
)
def test_a_first_run_is_held_against_what_the_spider_or_the_command_asks_for(
    shop: Shop, project: Path, crawl: Crawl, settings: str, words: list[str], expected: tuple[int, str]
) -> None:
    write(project, shop, settings)
    shop.prices = 0.5

    assert ended(crawl("run", "shop", "--json", *words)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (1, "some-failed")),
        (["--max-error-rate", "0.1"], (1, "some-failed")),
        (["--max-error-rate", "0.2"], (0, "")),
        (["-s", "max_error_rate=0.2"], (0, "")),
    ],
    ids=["none", "fewer", "enough", "as a setting"],
)
def test_a_set_share_of_requests_may_fail(
    shop: Shop, crawl: Crawl, words: list[str], expected: tuple[int, str]
) -> None:
    shop.missing = 1  # of five requests

    result = crawl("run", "shop", "--json", *words)

    assert ended(result) == expected
    assert "1 request failed" in json.loads(result.out)["why"] + "".join(json.loads(result.out)["notes"])


def test_a_kind_of_item_that_no_longer_comes_is_reported(shop: Shop, crawl: Crawl) -> None:
    shop.reviews = 1
    crawl("run", "shop")
    shop.reviews = 0

    result = crawl("run", "shop", "--json")

    assert ended(result) == (11, "kind-gone")
    assert "0 items of kind 'Review'; the last complete crawl had 4" in json.loads(result.out)["why"]


@pytest.mark.parametrize("how", ["afterwards", "with the run"])
def test_what_is_accepted_is_what_later_runs_are_compared_with(shop: Shop, crawl: Crawl, how: str) -> None:
    for _ in range(2):
        crawl("run", "shop")
    shop.rows = 1
    if how == "afterwards":
        told = crawl("run", "shop", "--quiet")
        assert told.code == 11
        assert crawl("runs", "accept", "3").code == 0
    else:
        assert ended(crawl("run", "shop", "--accept", "--json")) == (0, "")

    assert ended(crawl("run", "shop", "--json")) == (0, "")
    shop.rows = 4
    assert ended(crawl("run", "shop", "--json")) == (0, "")
    shop.rows, shop.pages = 1, 1
    assert ended(crawl("run", "shop", "--json")) == (11, "fewer-items")
    assert "accepted" in crawl("runs", "show", "3").out


def test_a_night_without_items_can_be_accepted_and_the_next_one_is_right_too(shop: Shop, crawl: Crawl) -> None:
    crawl("run", "shop")
    shop.rows = 0

    assert ended(crawl("run", "shop", "--json")) == (9, "no-items")
    assert crawl("runs", "accept", "2").code == 0
    assert ended(crawl("run", "shop", "--json")) == (0, "")


def test_it_is_reported_each_night_until_it_is_accepted_or_over(shop: Shop, crawl: Crawl) -> None:
    crawl("run", "shop")
    shop.rows = 2
    for _ in range(3):
        assert ended(crawl("run", "shop", "--json")) == (11, "fewer-items")
    shop.rows = 3
    assert ended(crawl("run", "shop", "--json")) == (0, "")


def test_runs_with_other_arguments_are_other_crawls(shop: Shop, crawl: Crawl) -> None:
    crawl("run", "shop", "-a", "part=all")
    shop.pages = 1

    assert ended(crawl("run", "shop", "-a", "part=one", "--json")) == (0, "")
    assert ended(crawl("run", "shop", "-a", "part=all", "--json")) == (11, "fewer-items")


def test_a_crawl_in_several_runs_is_compared_as_one(shop: Shop, crawl: Crawl) -> None:
    crawl("run", "shop")
    for expected in (5, 5):
        assert crawl("run", "shop", "--limit-pages", "1").code == expected
    assert ended(crawl("run", "shop", "--json")) == (0, "")

    assert ended(crawl("run", "shop", "--json")) == (0, "")  # and those after it are compared with the whole of it
    shop.pages = 2
    result = crawl("run", "shop", "--json")
    assert ended(result) == (11, "fewer-items")
    assert "8 items from 2 pages; the last 3 complete crawls had usually 16 from 4" in json.loads(result.out)["why"]


def test_the_items_of_a_killed_run_count_and_no_field_is_called_empty(shop: Shop, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop")
    crawl("run", "shop", "--limit-pages", "3")
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as database, database:  # as kill -9 leaves it
        database.execute(
            "UPDATE crawl_runs SET ending = '', ended_at = NULL, exit_code = NULL, summary = '{}' WHERE id = 2"
        )

    assert ended(crawl("run", "shop", "--json")) == (0, "")
    assert crawl("runs", "show", "3", "--json").code == 0


def test_the_fields_of_items_from_all_processes_are_counted(shop: Shop, crawl: Crawl) -> None:
    shop.pages = 150
    summary = json.loads(crawl("run", "shop", "--processes", "2", "--json").out)

    assert summary["seen"] == {"items": 600}
    assert summary["filled"] == {"items": {"name": 600, "price": 600}}
    assert summary["crawl"]["items"] == {"items": 600}


def test_runs_show_tells_all_of_a_run_and_what_goes_on_with_it(shop: Shop, crawl: Crawl) -> None:
    shop.missing = 2
    words = ["-a", "part=a b", "-s", "delay=0.001"]
    crawl("run", "shop", *words, "--store", "other.db")

    shown = crawl("runs", "show", "1", "--store", "other.db")

    assert shown.code == 0
    for text in (
        "run 1, failures, exit 1",
        "part=a b",
        "2 requests failed: 404 from http",
        "4 pages, 16 items\n",
        "items: name 100 %, price 100 %",
        "2 x StatusError: 404, such as http",
        "crawl retry shop -a 'part=a b' -s delay=0.001 --store other.db",
    ):
        assert text in shown.out, shown.out
    told = json.loads(crawl("runs", "show", "1", "--store", "other.db", "--json").out)
    assert (told["exit_code"], told["reason"], told["arguments"]) == (1, "some-failed", {"part": "a b"})
    assert crawl("runs", "show", "9", "--store", "other.db").code == 2
    assert crawl("runs", "list", "1", "--store", "other.db").code == 2


def test_a_file_is_not_replaced_by_less_than_before_until_that_is_accepted(
    shop: Shop, project: Path, crawl: Crawl
) -> None:
    crawl("run", "shop")
    crawl("export", "shop", "-o", "out.jsonl")
    shop.rows = 1
    crawl("run", "shop")

    refused = crawl("export", "shop", "-o", "out.jsonl")

    assert refused.code == 10
    assert "`crawl runs accept 2` accepts this as right" in refused.err
    assert len((project / "out.jsonl").read_text().splitlines()) == 16
    crawl("runs", "accept", "2")
    assert crawl("export", "shop", "-o", "out.jsonl").code == 0
    assert len((project / "out.jsonl").read_text().splitlines()) == 4


def test_one_host_of_several_that_never_answers_has_a_reason_of_its_own(
    shop: Shop, project: Path, crawl: Crawl
) -> None:
    file = project / "spiders" / "shop.py"
    file.write_text(file.read_text().replace('/1"]', '/1", "http://127.0.0.77:9/a", "http://127.0.0.77:9/b"]'))

    result = crawl("run", "shop", "--json", "-s", "retries=0", "-s", "backoff=0.01", "-s", "robots=false")

    assert ended(result) == (1, "host-never-answered")
    assert "127.0.0.77:9 never answered, 2 requests failed because of it" in json.loads(result.out)["why"]

"""`crawl changes` and `crawl items rejected`, on crawls of a shop that changes; and the same from Python."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider, Summary, results, run
from crawler.errors import UsageError
from crawler.testing.practice import PracticeSite

from .conftest import Crawl

SPIDER = """
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel

from crawler import Spider


class Order(BaseModel):
    number: str
    total: Decimal
    book: int

    __key__ = "number"


@dataclass
class Book:
    id: int
    title: str
    stock: int


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/catalogue/?page=1"]
    keys = {{Book: "id"}}

    def parse(self, response):
        for link in response.css("a.book"):
            yield response.follow(link, self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response):
        number = int(response.css("p.id::text").get())
        title, stock = (response.css(f"{{each}}::text").get() for each in ("h1", ".stock"))
        yield response.item(Book, id=number, title=title, stock=stock)
        if number == 2:
            yield response.item(Order, number="A-2", total="not a price", book=2)
            yield response.item(Order, number="A-3")
            yield (each for each in [1])
            yield object()
        yield response.item(Order, number=f"A-{{number}}", total="12.50", book=number)

    def closed(self, summary):
        kinds = [each.kind for each in summary.changed("Book")]
        with open("told", "w") as file:
            file.write(f"{{summary.ending}} {{summary.changes['Book']}} {{kinds}}")
"""

TWICE = """
from crawler import Spider


class Twice(Spider):
    name = "twice"
    key = "id"
    start_urls = ["{url}/book/1"]

    def parse(self, response):
        for each in (1, 2, 1):
            yield {{"id": each}}
"""


@pytest.fixture
def shop(project: Path) -> Iterator[PracticeSite]:
    (project / "spiders").mkdir()
    with PracticeSite(books=4, per_page=2, log_limit=0) as site:
        (project / "spiders" / "shop.py").write_text(SPIDER.format(url=site.url))
        yield site


@pytest.fixture
def two_nights(shop: PracticeSite, crawl: Crawl) -> PracticeSite:
    """A crawl, and another one after the shop has changed."""
    assert crawl("run", "shop", "--fresh").code == 0
    shop.edit({1: {"title": "=HYPERLINK(1)", "stock": 99}, 3: None})
    assert crawl("run", "shop", "--fresh").code == 0
    return shop


@pytest.mark.usefixtures("two_nights")
def test_the_table_tells_each_change_with_old_and_new_values_and_the_last_line_counts(crawl: Crawl) -> None:
    told = crawl("changes", "shop")

    assert told.code == 0
    lines = [line.split() for line in told.out.splitlines()]
    assert lines[0] == ["kind", "table", "key", "what"]
    assert sorted(line[:3] for line in lines[1:] if line[0] in ("gone", "changed", "new")) == [
        ["changed", "Book", "1"],
        ["gone", "Book", "3"],
        ["gone", "Order", "A-3"],
    ]
    assert "title:" in told.out
    assert "-> =HYPERLINK(1)" in told.out
    assert told.err == "crawl: shop: Book: 1 changed, 1 gone; Order: 1 gone\n"


@pytest.mark.usefixtures("two_nights")
def test_json_has_one_line_per_change_and_csv_one_row_per_field(crawl: Crawl) -> None:
    found = [json.loads(line) for line in crawl("changes", "shop", "--json", "--table", "Book").out.splitlines()]
    rows = list(csv.DictReader(io.StringIO(crawl("changes", "shop", "--csv", "--table", "Book").out)))

    assert [(each["kind"], each["key"]) for each in found] == [("changed", {"id": "1"}), ("gone", {"id": "3"})]
    assert found[0]["fields"]["stock"]["new"] == "99"
    assert found[0]["item"]["title"] == "=HYPERLINK(1)"
    assert [(row["kind"], row["key"], row["field"]) for row in rows] == [
        ("changed", "1", "title"),
        ("changed", "1", "stock"),
        ("gone", "3", ""),
    ]
    assert rows[0]["new"] == "'=HYPERLINK(1)", "a spreadsheet shows it and does not obey"


@pytest.mark.usefixtures("two_nights")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--exit-code",), 12),
        (("--exit-code", "--since", "2"), 0),
        (("--exit-code", "--since", "1"), 12),
        (("--exit-code", "--table", "Nothing"), 0),
        ((), 0),
        (("--since", "77"), 2),
        (("--since", "last week"), 2),
        (("--json", "--csv"), 2),
    ],
    ids=str,
)
def test_the_exit_code_says_on_request_whether_something_has_changed(
    crawl: Crawl, words: tuple[str, ...], code: int
) -> None:
    assert crawl("changes", "shop", *words).code == code


@pytest.mark.usefixtures("two_nights")
def test_since_takes_the_number_of_a_crawl_a_date_a_moment_and_a_time_ago(crawl: Crawl) -> None:
    def kinds(since: str) -> list[str]:
        out = crawl("changes", "shop", "--since", since, "--json", "--table", "Book").out
        return [json.loads(line)["kind"] for line in out.splitlines()]

    tomorrow = (datetime.now() + timedelta(days=1)).date().isoformat()
    assert kinds("1") == ["changed", "gone"]
    assert kinds("1h") == ["new", "new", "new"], "what came and went within the hour is nothing"
    assert kinds("2020-01-01T03:00") == ["new", "new", "new"]
    assert kinds(tomorrow) == []


@pytest.mark.usefixtures("two_nights")
def test_an_invalid_item_is_listed_with_reason_page_and_session_and_the_rest_of_the_page_stays(
    crawl: Crawl, two_nights: PracticeSite
) -> None:
    told = crawl("items", "rejected", "shop", "--json")

    found = [json.loads(line) for line in told.out.splitlines()]
    assert [(each["kind"], each["reason"]) for each in found] == [
        ("Order", "total: it should be a number"),
        ("Order", "total: it is missing; book: it is missing"),
        ("generator", "a generator is no item; write `yield from`"),
        ("object", "an object is no item; yield Requests, dicts, dataclasses or other items"),
    ]
    assert {(each["url"], each["session"]) for each in found} == {(f"{two_nights.url}/book/2", "default")}
    assert found[0]["item"] == {"number": "A-2", "total": "not a price", "book": 2}
    assert " at 0x" not in told.out
    assert "4 items kept aside in the last crawl of shop" in crawl("items", "rejected", "shop").err
    assert sorted(row["number"] for row in results("shop").rows("Order")) == ["A-1", "A-2", "A-4"]


def test_the_summary_says_what_has_changed_and_how_much_was_kept_aside(shop: PracticeSite, crawl: Crawl) -> None:
    said = [line.split(maxsplit=1) for line in crawl("run", "shop").out.splitlines()]

    assert ["changes", "Book: 4 new; Order: 4 new"] in said
    assert ["kept", "aside  4 items; `crawl items rejected shop` lists them"] in said
    shop.edit({4: None, 1: {"stock": 98}})
    stopped = crawl("run", "shop", "-s", "max_pages=3").out
    assert "not complete: it marks nothing as gone" in stopped


def test_the_summary_says_why_there_are_more_items_than_new_records(project: Path, crawl: Crawl) -> None:
    (project / "spiders").mkdir()
    with PracticeSite(books=4, per_page=2, log_limit=0) as site:
        (project / "spiders" / "twice.py").write_text(TWICE.format(url=site.url))
        first = crawl("run", "twice").out
        again = crawl("run", "twice", "--fresh").out

    assert "items: 2 new (of 3 items; the others have the key of a record that was there before)" in first
    assert "the others" not in again


def test_changes_say_that_the_last_crawl_fetched_nothing(shop: PracticeSite, crawl: Crawl) -> None:
    crawl("run", "shop")
    assert crawl("run", "shop", "--fresh", "-a", "allowed_domains=elsewhere.test").code == 8

    told = crawl("changes", "shop").err

    assert "was not complete (not one page was fetched): it marks nothing as gone" in told


@pytest.mark.usefixtures("two_nights")
def test_the_spider_is_told_what_has_changed(project: Path) -> None:
    told = (project / "told").read_text()

    assert told == "finished {'new': 0, 'changed': 1, 'gone': 1, 'back': 0} ['changed', 'gone']"


@pytest.mark.usefixtures("two_nights")
def test_the_query_that_a_person_guesses_first_is_right(project: Path) -> None:
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as raw:
        there = raw.execute("SELECT id, stock FROM latest_Book ORDER BY id").fetchall()
        orders = raw.execute("SELECT number, total FROM latest_Order WHERE _spider = 'shop' ORDER BY 1").fetchall()
        gone = raw.execute("SELECT id, _gone FROM Book WHERE _gone IS NOT NULL").fetchall()
    assert [number for number, _ in there] == [1, 2, 4]
    assert there[0][1] == "99"
    assert orders == [("A-1", "12.50"), ("A-2", "12.50"), ("A-4", "12.50")]
    assert gone == [(3, 2)]


@pytest.mark.usefixtures("two_nights")
def test_rows_come_as_they_were_yielded_and_name_their_table_if_there_are_several(project: Path) -> None:
    found = results("shop")

    assert found.tables() == {"Book": 3, "Order": 3}
    assert {"number": "A-1", "total": Decimal("12.50"), "book": 1} in found.rows("Order")
    assert {row["_table"] for row in found.rows()} == {"Book", "Order"}
    assert {row["_crawl"] for row in found.rows("Order", origin=True)} == {1}, "not one was written again"
    with pytest.raises(UsageError, match="there are: Book, Order"):
        list(found.rows("Nothing"))
    with pytest.raises(UsageError, match="never run"):
        results("other").changes()


def test_a_frame_needs_pandas_and_says_so(two_nights: PracticeSite) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")

    frame = results("shop").frame("Order")

    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["total"]) == [Decimal("12.50")] * 3


def test_the_summary_of_a_run_gives_rows_and_changes(practice_site: PracticeSite, project: Path) -> None:
    class Pages(Spider):
        name = "pages"
        start_urls = [f"{practice_site.url}/catalogue/?page=1"]
        keys = {"items": ("url", "@account")}
        told: list[Any] = []

        def parse(self, response: Any) -> Any:
            yield {"url": response.url}

        def closed(self, reason: str) -> None:
            self.told.append(reason)

    summary = run(Pages, settings={"store": str(project / "crawl.db")})

    assert isinstance(summary, Summary)
    assert Pages.told == ["finished"]
    assert list(summary.rows()) == [{"url": Pages.start_urls[0]}]
    assert [(each.kind, each.key["@account"]) for each in summary.changed()] == [("new", "default")]
    assert "results" not in summary.as_dict()
    assert list(results(Pages, store=str(project / "crawl.db")).rows("items")) == [{"url": Pages.start_urls[0]}]
    with pytest.raises(UsageError, match="without its store"):
        Summary("pages").rows()


PLAIN = """
from crawler import Spider


class Books(Spider):
    name = "books"
    start_urls = ["{url}/catalogue/?page=1"]
    {key}

    def parse(self, response):
        for link in response.css("a.book::attr(href)").getall():
            yield {{"page": link}}
"""

KEYS = ['key = "page"', 'keys = {"items": "page"}', 'key = ("page",)', 'keys = {"items": ("page",)}']


@pytest.mark.parametrize("key", KEYS)
def test_the_key_of_dicts_may_be_written_as_that_of_a_class(
    key: str, make_practice_site: Any, project: Path, crawl: Crawl
) -> None:
    site: PracticeSite = make_practice_site(books=5)
    (project / "spiders").mkdir()
    (project / "spiders" / "books.py").write_text(PLAIN.format(url=site.url, key=key))
    assert crawl("run", "books").code == 0

    told = crawl("changes", "books")

    assert "5 new" in told.err


def test_changes_of_items_without_a_key_say_what_to_write(make_practice_site: Any, project: Path, crawl: Crawl) -> None:
    site: PracticeSite = make_practice_site(books=5)
    (project / "spiders").mkdir()
    (project / "spiders" / "books.py").write_text(PLAIN.format(url=site.url, key=""))
    assert crawl("run", "books").code == 0

    told = crawl("changes", "books")

    assert "no item has a key" in told.err
    assert "set `keys` in the spider" in told.err

"""Messages say what is wrong and what there is instead, in our own words: not in those of a database or a library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.cli.reference import command_lines
from crawler.stores.project import open_project_store
from crawler.stores.sql.conditions import refusal
from crawler.testing.wire import Answer
from tests.hosts import Host

from .conftest import Crawl

SPIDERS = """
from pydantic import BaseModel, Field

from crawler import Spider


class Priced(BaseModel):
    name: str
    price: int = Field(ge=1)
    __key__ = "name"


class Tea(Spider):
    name = "tea"
    key = "sort"
    start_urls = ["{url}/tea"]

    def parse(self, response):
        yield {{"sort": response.css("h1::text").get(), "grams": 100}}


class Coffee(Spider):
    name = "coffee"
    key = "bean"
    start_urls = ["{url}/coffee"]

    def parse(self, response):
        yield {{"bean": response.css("h1::text").get(), "roast": "dark"}}


class Odd(Spider):
    name = "odd"
    start_urls = ["{url}/odd"]

    def parse(self, response):
        for name, price in ((response.css("h1::text"), 3), ("a", 0), ("b", "much"), ("c", 2)):
            try:
                yield Priced(name=name, price=price)
            except ValueError:
                yield self.draft(response, name, price)
        yield response.css("p")
        yield {{"names": response.css("p")}}

    def draft(self, response, name, price):
        return response.item(Priced, name=name, price=price)
"""


@pytest.fixture
def shop(project: Path) -> Iterator[Host]:
    page = Answer(body=b"<h1>green</h1><p>x</p>", headers=[("Set-Cookie", "seen=1")])
    host = Host({"*": page, "/robots.txt": Answer(404)}, "127.0.0.1", None)
    (project / "spiders").mkdir()
    (project / "spiders" / "drinks.py").write_text(SPIDERS.format(url=host.url))
    yield host
    host.close()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("gram < 10", "there is no column gram, did you mean grams?"),
        ("sort = 'green", "a quote is not closed, or a character is unknown: 'green"),
        ("sort =", "it ends too early"),
        ("1) OR (1", "something is wrong at )"),
        ("half(grams) = 1", "there is no function half"),
    ],
)
def test_an_invalid_condition_is_reported_with_the_columns_of_the_spider(
    shop: Host, crawl: Crawl, where: str, said: str
) -> None:
    crawl("run", "tea", "-q")
    crawl("run", "coffee", "-q")

    done = crawl("export", "tea", "-o", "-", "--where", where)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert f"{said}; its columns are: sort, grams, _run, _url, _time, _crawl, _spider;" in done.err
    assert crawl("export", "tea", "-o", "-", "--format", "jsonl", "--where", "grams > 10").code == 0
    assert crawl("export", "tea", "-o", "-", "--table", "items", "--where", where).code == 2


@pytest.mark.parametrize(
    ("objection", "said"),
    [
        ('column "gram" does not exist', "there is no column gram, did you mean grams?"),
        ("column t.grm does not exist", "there is no column t.grm"),
        ('syntax error at or near ")"', "something is wrong at )"),
        ('unterminated quoted string at or near "\'green"', "a quote is not closed, or a character is unknown: 'green"),
        ("operator does not exist: text < integer", "two kinds of values are compared (text < integer)"),
        ("function half(integer) does not exist", "there is no function half"),
        ("argument of CASE/WHEN must be type boolean, not type text", "not something true or false"),
        ("the moon is full", "the moon is full"),
    ],
)
def test_a_servers_message_about_a_condition_is_put_plainly(objection: str, said: str) -> None:
    assert said in refusal("gram", "items", objection, ["sort", "grams"])


def test_changes_have_only_the_fields_of_their_spider(shop: Host, crawl: Crawl) -> None:
    crawl("run", "coffee", "-q")
    crawl("run", "tea", "-q")

    (exported,) = crawl("export", "tea", "--changes", "-o", "-", "--format", "jsonl").out.splitlines()
    (changed,) = crawl("changes", "tea", "--json").out.splitlines()

    assert json.loads(exported)["item"] == json.loads(changed)["item"] == {"sort": "green", "grams": 100}


def test_what_a_model_refuses_is_reported_in_plain_words_and_selectors_by_their_public_name(
    shop: Host, crawl: Crawl
) -> None:
    crawl("run", "odd", "-q")

    found = [json.loads(line) for line in crawl("items", "rejected", "odd", "--json").out.splitlines()]

    assert [(each["kind"], each["reason"]) for each in found] == [
        ("Priced", "name: it should be a text, not a SelectorList: add .get() or .getall()"),
        ("Priced", "price: it should be at least 1"),
        ("Priced", "price: it should be a whole number"),
        ("SelectorList", "a SelectorList is no item; yield Requests, dicts, dataclasses or other items"),
        ("items", "field 'names' holds a SelectorList: add .get() or .getall()"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs", "-n", "few"], "Invalid value for '--limit' / '-n': it should be a whole number;"),
        (["runs", "-n", "0"], "Invalid value for '--limit' / '-n': it should be at least 1;"),
        (["run", "tea", "--max-time", "long"], "Invalid value for '--max-time': it should be a number;"),
        (["run", "tea", "--if-running", "x"], "Invalid value for '--if-running': 'x' is not one of 'fail', 'wait',"),
    ],
)
def test_an_invalid_value_of_an_option_is_reported_without_the_words_of_a_library(
    shop: Host, crawl: Crawl, words: list[str], said: str
) -> None:
    done = crawl(*words)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"crawl: {said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["changes", "nobody"], "nobody has never run on data/crawl.db; there are runs of: tea"),
        (["items", "rejected", "nobody"], "there are runs of: tea"),
        (
            ["sessions", "diff", "7", "8"],
            "no session has a change 7; `crawl sessions history SESSION` lists their numbers",
        ),
        (["workers", "start"], "workers for which spider? Write `crawl workers start NAME`"),
        (["-C", "nowhere", "list"], "-C nowhere: there is no such folder; `crawl init FOLDER` makes a project"),
        (["-C", "empty", "run", "tea"], "there is no folder spiders/ here, as a project has; `crawl -C FOLDER ...`"),
    ],
)
def test_a_missing_name_is_reported_with_the_existing_ones(
    shop: Host, project: Path, crawl: Crawl, words: list[str], said: str
) -> None:
    crawl("run", "tea", "-q")
    (project / "empty").mkdir()

    done = crawl(*words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


def test_a_probe_without_the_store_of_the_workers_says_so(shop: Host, crawl: Crawl) -> None:
    alone = crawl("worker", "tea", "--check")
    nobody = crawl("worker", "tea", "--check", "--name", "w", "--store", "postgresql://me:pa55@db.example/crawl")

    assert (alone.code, alone.out) == (2, "")
    assert "data/crawl.db is a file, which has none" in alone.err
    assert "--store postgresql://" in alone.err
    assert nobody.code == 1
    assert nobody.out == "no worker 'w' of tea on postgresql://me:***@db.example/crawl runs on this machine\n"


def test_a_model_whose_key_is_written_as_that_of_a_dataclass_is_told_what_to_write(shop: Host, crawl: Crawl) -> None:
    file = Path("spiders") / "drinks.py"
    file.write_text(file.read_text().replace("__key__ =", "key ="))

    done = crawl("run", "tea")

    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "write __key__ instead of key" in done.err
    assert "pydantic.dev" not in done.err


def test_how_long_a_session_rests_is_listed(shop: Host, crawl: Crawl) -> None:
    from crawler.settings import load

    crawl("run", "tea", "-q")
    store = open_project_store(load())
    try:
        (row,) = store.sessions.all()
        store.quotas.rest(row.key, store.now() + 7_230, "limit of today")
    finally:
        store.close()

    assert ", rests for 2 h 0 min, until 20" in crawl("sessions", "list").out


def test_the_usage_lines_of_the_reference_have_all_their_brackets() -> None:
    usage = [line for line in command_lines() if line.startswith("crawl ")]

    assert "crawl record [OPTIONS] NAME [URL]..." in usage
    assert "crawl sessions push [OPTIONS] HOST[:FOLDER] NAME" in usage
    assert "crawl sessions pull [OPTIONS] HOST[:FOLDER] NAME" in usage
    assert [line for line in usage if line.count("[") != line.count("]")] == []

"""`crawl export` and `crawl run -o`, typed: what is written, where to, and what the exit code says."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.output.export.places import _zstd
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net

from .conftest import Crawl

SPIDER = """
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal

from crawler import Spider


@dataclass
class Product:
    sku: str
    price: float
    __key__ = "sku"


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/1"]

    def parse(self, response):
        for line in response.css("p").getall():
            sku, price = line[3:-4].split()
            yield Product(sku, float(price))
        if response.url.endswith("/1"):
            yield {{
                "day": date(2026, 11, 29), "at": datetime(2026, 11, 29, 3, tzinfo=timezone.utc), "sum": Decimal("1.10"),
                "raw": b"\\x00\\xff", "tags": ["a", {{"b": 1}}], "ok": True, "text": "=1+1 100%", "nan": float("nan"),
                "big": 2**70,
            }}
            yield {{"day": None, "text": "Käse", "big": 3}}
        yield from response.follow_all(css="a")
"""
PAGES = {"/1": "<p>a 1.5</p><p>b 2</p><a href=/2>n</a>", "/2": "<p>c 30</p>"}


@pytest.fixture
def shop(project: Path) -> Iterator[Host]:
    """A shop of two pages, which a test may change, and a project that crawls it."""
    net = Net()
    pages = dict(PAGES)

    def page(call: WireRequest) -> Answer:
        return Answer(body=pages[call.path].encode())

    own = net.host({"/robots.txt": Answer(404), "*": page})
    own.pages = pages  # type: ignore[attr-defined]
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=own.url))
    yield own
    net.close()


def lines(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def rows(file: str, sql: str) -> list[tuple[Any, ...]]:
    raw = sqlite3.connect(file)
    try:
        return raw.execute(sql).fetchall()
    finally:
        raw.close()


def test_values_are_the_same_in_each_format(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")
    for name in ("a.jsonl", "a.json", "a.csv", "a.db", "b.jsonl.gz", "b.csv.zst"):
        assert crawl("export", "shop", "-o", name, "--table", "items", "-q").code == 0, name

    whole = {
        "day": "2026-11-29",
        "at": "2026-11-29T03:00:00+00:00",
        "sum": "1.10",
        "raw": "AP8=",
        "tags": ["a", {"b": 1}],
        "ok": True,
        "text": "=1+1 100%",
        "nan": "nan",
        "big": 2**70,
    }
    found = lines((project / "a.jsonl").read_text())
    assert found == [whole, dict.fromkeys(whole) | {"text": "Käse", "big": 3}]
    assert json.loads((project / "a.json").read_text()) == found
    assert lines(gzip.decompress((project / "b.jsonl.gz").read_bytes())) == found
    table = list(csv.DictReader(io.StringIO((project / "a.csv").read_text(), newline="")))
    assert table[0] == {**whole, "tags": '["a", {"b": 1}]', "ok": "true", "big": str(2**70)}
    assert _zstd().decompress((project / "b.csv.zst").read_bytes()) == (project / "a.csv").read_bytes()
    assert rows("a.db", "SELECT day, sum, raw, json_extract(tags, '$[1].b'), ok, text, nan, big FROM items") == [
        ("2026-11-29", "1.10", b"\x00\xff", 1, 1, "=1+1 100%", None, str(2**70)),
        (None, None, None, None, None, "Käse", None, 3),
    ]


def test_a_plain_sqlite_file_has_one_table_per_kind_and_none_of_the_crawls_own(shop: Host, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet", "-O", "out.db")

    assert rows("out.db", "SELECT name FROM sqlite_master ORDER BY name") == [("Product",), ("items",)]
    assert rows("out.db", "SELECT * FROM Product ORDER BY sku") == [("a", 1.5), ("b", 2.0), ("c", 30.0)]


def test_a_capital_o_replaces_a_good_file_as_it_does_for_a_run(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet", "--limit-pages", "1")
    (project / "out.jsonl").write_text("good\n")

    refused = crawl("export", "shop", "-o", "out.jsonl")
    left = (project / "out.jsonl").read_text()
    written = crawl("export", "shop", "-O", "out.jsonl")

    assert (refused.code, left) == (10, "good\n")
    assert written.code == 13, "written, of a crawl that is not done"
    assert len(lines((project / "out.jsonl").read_text())) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([], "crawl: say where to write: -o TARGET, or -O TARGET", id="nowhere"),
        pytest.param(["-o", "a.csv", "-O", "b.csv"], "crawl: say once where to write: -o TARGET, or -O", id="twice"),
    ],
)
def test_an_export_has_one_target(shop: Host, project: Path, crawl: Crawl, words: list[str], said: str) -> None:
    crawl("run", "shop", "--quiet")

    done = crawl("export", "shop", *words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.startswith(said)
    assert not list(project.glob("*.csv"))


def test_a_database_that_no_export_has_made_is_never_replaced(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")
    other = sqlite3.connect("mine.db")
    other.execute("CREATE TABLE t (a)")
    other.close()

    for name in ("mine.db", "data/crawl.db"):
        before = (project / name).read_bytes()
        done = crawl("export", "shop", "-o", name, "--force")
        assert done.code == 2
        assert "name another file" in done.err
        assert (project / name).read_bytes() == before


def test_fields_condition_and_table_choose(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")

    done = crawl("export", "shop", "-o", "a.csv", "--table", "Product", "--columns", "price,sku,_spider", "--where",
                 "price < 10 or sku = 'x'")  # fmt: skip

    assert done.code == 0
    assert (project / "a.csv").read_text() == "price,sku,_spider\n1.5,a,shop\n2.0,b,shop\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "prize"], "no field 'prize'; there are: sku, price"),
        (["--where", "prize < 1"], "there is no column prize, did you mean price?"),
        (["--where", "1) OR (1"], "something is wrong at )"),
        (["--where", "1; DROP TABLE items"], "something is wrong at ;"),
        (["--since", "last week"], "give the number of a crawl, a day"),
        (["--since", "77"], "no crawl 77"),
        (["--crawl", "77"], "no crawl 77"),
        (["--crawl", "1", "--run", "1"], "give one of"),
    ],
)
def test_an_invalid_query_is_reported(words: list[str], said: str, shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")

    done = crawl("export", "shop", "-o", "a.csv", "--table", "Product", *words)

    assert done.code == 2
    assert said in done.err
    assert not (project / "a.csv").exists()


def test_a_crawl_a_date_and_the_changes_since(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")
    shop.pages["/2"] = "<p>c 31</p><p>d 4</p>"  # type: ignore[attr-defined]
    crawl("run", "shop", "--quiet")

    def skus(*words: str) -> list[str]:
        done = crawl("export", "shop", "-o", "-", "--table", "Product", *words)
        assert done.code == 0
        return sorted(row["sku"] for row in lines(done.out))

    assert skus() == ["a", "b", "c", "d"]
    assert skus("--since", "1") == ["c", "d"]
    assert skus("--crawl", "1") == ["a", "b"]
    assert skus("--since", "2026-01-01") == ["a", "b", "c", "d"]
    assert skus("--since", "2999-01-01") == []
    assert skus("--since", "yesterday") == skus("--since", "1d") == ["a", "b", "c", "d"]
    of_it = crawl("export", "shop", "-o", "-", "--table", "Product", "--crawl", "2")
    assert sorted(row["sku"] for row in lines(of_it.out)) == ["c", "d"]
    assert "of the items with a key (Product) these are the records that this crawl or run was the last to" in of_it.err
    assert "with a key" not in crawl("export", "shop", "-o", "-", "--table", "Product").err
    done = crawl("export", "shop", "-o", "-", "--changes")
    assert [(row["kind"], row["key"], row["fields"]) for row in lines(done.out)] == [
        ("changed", {"sku": "c"}, {"price": {"old": 30.0, "new": 31.0}}),
        ("new", {"sku": "d"}, {}),
    ]


def test_csv_for_excel_begins_with_its_mark_and_holds_no_formula(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "shop", "--quiet")

    crawl("export", "shop", "-o", "a.csv", "--table", "items", "--columns", "text", "--safe-csv", "--bom")

    assert (project / "a.csv").read_bytes() == '\ufeff"text"\r\n"\'=1+1 100%"\r\n"Käse"\r\n'.encode()


def test_an_incomplete_crawl_is_exported_with_a_sentence_and_a_code_of_its_own(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    assert crawl("run", "shop", "--quiet", "--limit-pages", "1").code == 5

    done = crawl("export", "shop", "-o", "a.jsonl", "--table", "Product")

    assert done.code == 13
    assert "the crawl is not done (run 1 of shop ended with 'limit', 1 request is still open)" in done.err
    assert len(lines((project / "a.jsonl").read_text())) == 2
    assert crawl("export", "shop", "-o", "-", "--crawl", "1").code == 13
    assert crawl("export", "shop", "-o", "-", "--run", "1").code == 0, "a run is asked for as it is"


def test_a_run_writes_all_its_targets_and_keeps_a_good_file(shop: Host, project: Path, crawl: Crawl) -> None:
    done = crawl("run", "shop", "-o", "a.jsonl", "-o", "b.csv", "-O", "c.json")
    assert done.code == 0
    assert [(project / name).exists() for name in ("a.jsonl", "b.csv", "c.json")] == [True] * 3
    good = (project / "a.jsonl").read_bytes()

    stopped = crawl("run", "shop", "--quiet", "--limit-pages", "1", "-o", "a.jsonl", "-O", "c.json")

    assert stopped.code == 5, "the run's own code"
    assert "a.jsonl is left as it was" in stopped.err
    assert (project / "a.jsonl").read_bytes() == good
    assert "c.json does not hold all of it" in stopped.err
    assert crawl("run", "shop", "--quiet", "-o", "a.jsonl").code == 0
    assert len(lines((project / "a.jsonl").read_text())) == 5


def test_records_of_accounts_say_whose_they_are(shop: Host, project: Path, crawl: Crawl) -> None:
    spider = project / "spiders" / "shop.py"
    spider.write_text(
        spider.read_text().replace('name = "shop"', 'name = "shop"\n    sessions = ["ann", "bob"]').replace(
            '__key__ = "sku"', '__key__ = ("sku", "@account")'
        )
    )  # fmt: skip

    assert crawl("run", "shop", "--quiet", "-o", "a.db").code == 0
    crawl("export", "shop", "-o", "a.csv", "--table", "Product", "-q")
    crawl("export", "shop", "-o", "b.csv", "--table", "Product", "--columns", "sku,_account", "-q")

    expected = [(who, sku) for who in ("ann", "bob") for sku in "abc"]
    assert rows("a.db", "SELECT _account, sku FROM Product ORDER BY 1, 2") == expected
    assert rows("a.db", "SELECT name FROM pragma_table_info('items') WHERE name = '_account'") == []
    table = list(csv.DictReader((project / "a.csv").read_text().splitlines()))
    assert sorted((row["_account"], row["sku"]) for row in table) == expected
    assert sorted((project / "b.csv").read_text().split()) == sorted(
        ["sku,_account", *(f"{sku},{who}" for who, sku in expected)]
    )


def test_a_file_url_means_that_file(shop: Host, project: Path, crawl: Crawl) -> None:
    folder = project / "with space"
    folder.mkdir()

    assert crawl("run", "shop", "--quiet", "-o", f"file://{project}/with%20space/a.jsonl").code == 0
    good = (folder / "a.jsonl").read_bytes()
    assert len(lines(good)) == 5
    assert crawl("export", "shop", "-o", f"{folder.as_uri()}/b.csv.gz", "--table", "Product", "-q").code == 0
    assert gzip.decompress((folder / "b.csv.gz").read_bytes()).startswith(b"sku,price")

    done = crawl("export", "shop", "-o", f"{folder.as_uri()}/a.jsonl", "--table", "Product", "--where", "0")
    assert done.code == 10
    assert (folder / "a.jsonl").read_bytes() == good
    assert crawl("export", "shop", "-o", "file://elsewhere/a.jsonl").code == 2
    assert crawl("export", "shop", "-o", f"file://{project}/nowhere/a.jsonl").code != 0
    assert [each.name for each in project.iterdir() if "file" in each.name] == []


def test_a_retry_writes_the_whole_crawl(shop: Host, project: Path, crawl: Crawl) -> None:
    good = shop.pages.pop("/2")  # type: ignore[attr-defined]
    shop.routes["/2"] = Answer(503)
    assert crawl("run", "shop", "--quiet", "-s", "retries=0", "-o", "a.jsonl").code == 1
    assert len(lines((project / "a.jsonl").read_text())) == 4
    del shop.routes["/2"]
    shop.pages["/2"] = good  # type: ignore[attr-defined]

    assert crawl("retry", "shop", "--quiet", "-o", "a.jsonl", "-O", "b.csv").code == 0

    assert len(lines((project / "a.jsonl").read_text())) == 5
    assert (project / "b.csv").exists()
    assert crawl("retry", "shop", "-o", "a.xyz").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "a.xyz"], "the suffix names no format"),
        (["-o", "a.csv", "-O", "a.csv"], "named twice"),
        (["-o", "a.db.gz"], "cannot be compressed"),
    ],
)
def test_an_impossible_target_is_reported_before_a_page_is_fetched(
    words: list[str], said: str, shop: Host, crawl: Crawl
) -> None:
    done = crawl("run", "shop", *words)

    assert done.code == 2
    assert said in done.err
    assert not [call for call in shop.calls if call.path == "/1"]


def test_what_a_killed_export_left_beside_the_file_is_removed_by_the_next(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    crawl("run", "shop", "--quiet")
    (project / ".a.jsonl.abc.part").write_text("half")

    assert crawl("export", "shop", "-o", "a.jsonl").code == 0

    assert sorted(each.name for each in project.iterdir() if each.name.startswith((".", "a"))) == ["a.jsonl"]


TWO = """
from crawler import Spider


class Night(Spider):
    name = "night"
    start_urls = ["{url}/1"]

    def parse(self, response):
        yield {{"a": 1, "b": None, "c": "x"}}


class Other(Night):
    name = "other"

    def parse(self, response):
        yield {{"d": 1, "e": "y"}}
"""


def test_an_empty_field_is_a_column_of_every_format_whatever_other_spiders_store(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    (project / "spiders" / "two.py").write_text(TWO.format(url=shop.url))
    crawl("run", "night", "--quiet")
    crawl("run", "other", "--quiet")
    for name in ("o.csv", "o.jsonl", "o.db", "o.parquet"):
        assert crawl("export", "night", "-o", name).code == 0
    assert crawl("export", "night", "-o", "b.csv", "--columns", "b,a").code == 0

    assert (project / "o.csv").read_text() == "a,b,c\n1,,x\n"
    assert json.loads((project / "o.jsonl").read_text()) == {"a": 1, "b": None, "c": "x"}
    with closing(sqlite3.connect(project / "o.db")) as raw:
        assert raw.execute("SELECT a, b, c FROM items").fetchall() == [(1, None, "x")]
    pyarrow = pytest.importorskip("pyarrow.parquet")
    assert pyarrow.read_table(project / "o.parquet").column_names == ["a", "b", "c"]
    assert (project / "b.csv").read_text() == "b,a\n,1\n"

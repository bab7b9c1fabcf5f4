"""Items whose class raises inside of the callback: what came before stays, they are kept aside, the page fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler import results
from crawler.testing.wire import Answer
from tests.hosts import Host, Net

from .conftest import Crawl

SPIDER = """
from dataclasses import dataclass

import attrs
import pydantic

from crawler import Spider


@dataclass
class Plain:
    sku: str
    price: float

    def __post_init__(self):
        self.price = float(self.price)


@attrs.define
class Checked:
    sku: str
    price: float = attrs.field(converter=float, validator=attrs.validators.ge(0))


class Model(pydantic.BaseModel):
    sku: str
    price: float


@pydantic.dataclasses.dataclass
class Strict:
    sku: str
    price: float


KINDS = {{
    "plain": Plain, "checked": Checked, "model": Model, "strict": Strict,
    "validated": lambda **fields: Model.model_validate(fields),
}}


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/"]
    keys = {{"Checked": "sku"}}

    def parse(self, response):
        yield from response.follow_all(css="a", callback=self.parse_shelf)

    def parse_shelf(self, response):
        kind = KINDS[response.url.rpartition("/")[2]]
        yield response.follow("/more?" + response.url.rpartition("/")[2], self.parse_more)
        for line in response.css("p::text").getall():
            sku, price = line.split()
            yield kind(sku=sku, price=price)

    def parse_more(self, response):
        yield {{"more": response.url.rpartition("?")[2]}}
"""
KINDS = ("plain", "checked", "model", "strict", "validated")
BAD = {kind: "-1" if kind == "checked" else "cheap" for kind in KINDS}


@pytest.fixture
def shop(project: Path) -> Iterator[Host]:
    net = Net()
    own = net.host({"/robots.txt": Answer(404), "*": Answer(body=b"<h1>more")})
    own.routes["/"] = Answer(body="".join(f"<a href=/{kind}>x</a>" for kind in KINDS).encode())
    for kind in KINDS:
        own.routes[f"/{kind}"] = Answer(body=f"<p>a 1</p><p>b {BAD[kind]}</p><p>c 3</p>".encode())
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=own.url))
    yield own
    net.close()


def skus(table: str) -> list[str]:
    return sorted(row["sku"] for row in results("shop").rows(table))


def test_results_before_an_item_that_its_class_refuses_stay_and_a_retry_adds_the_rest_once(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    done = crawl("run", "shop")

    assert done.code == 1
    assert "5 items" in next(line for line in done.out.splitlines() if line.startswith("kept aside"))
    assert {table: skus(table) for table in ("Plain", "Checked", "Model", "Strict")} == {
        "Plain": ["a"], "Checked": ["a"], "Model": ["a", "a"], "Strict": ["a"],
    }  # fmt: skip
    assert sorted(row["more"] for row in results("shop").rows("items")) == sorted(KINDS), "links that came before, too"
    told = [json.loads(line) for line in crawl("items", "rejected", "shop", "--json").out.splitlines()]
    assert {(each["url"].rpartition("/")[2], each["kind"]): each["item"] for each in told} == {
        ("plain", "Plain"): {"sku": "b", "price": "cheap"},
        ("checked", "Checked"): {"sku": "b", "price": "-1"},
        ("model", "Model"): {"sku": "b", "price": "cheap"},
        ("strict", "Strict"): {"sku": "b", "price": "cheap"},
        ("validated", "Model"): {"price": "cheap"},
    }
    assert "ValueError: could not convert string to float: 'cheap'" in {each["reason"] for each in told}
    failures = crawl("failures", "shop").out
    assert "ItemRefused" in failures
    assert "response.item(Plain, ...)" in failures
    assert crawl("audit", "shop").code == 0

    for kind in KINDS:
        shop.routes[f"/{kind}"] = Answer(body=b"<p>a 1</p><p>b 2</p><p>c 3</p>")
    assert crawl("retry", "shop", "--quiet").code == 0

    assert {table: skus(table) for table in ("Plain", "Checked", "Model", "Strict")} == {
        "Plain": list("abc"), "Checked": list("abc"), "Model": list("aabbcc"), "Strict": list("abc"),
    }  # fmt: skip
    assert len(list(results("shop").rows("items"))) == len(KINDS)
    assert crawl("audit", "shop").code == 0


def test_another_error_of_a_callback_gives_nothing_as_before(shop: Host, project: Path, crawl: Crawl) -> None:
    spider = project / "spiders" / "shop.py"
    spider.write_text(spider.read_text().replace("sku, price = line.split()", "sku, price = line.split('/')"))

    assert crawl("run", "shop", "--quiet").code == 1

    assert results("shop").tables() == {}
    assert crawl("items", "rejected", "shop", "--json").out == ""

"""A key that names no field of an item: what is said of it, and what is proposed next."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from crawler.records import BadKey, key_of
from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """from crawler import Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/"]
    key = "{key}"

    def parse(self, response):
        for number in range(5):
            yield {{"upc": number, "title": "x"}}
"""


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("UPC", {"upc": 1, "title": "x"}, "; did you mean 'upc'?"),
        ("itemId", {"id": 1, "item_id": 2}, "; did you mean 'item_id'?"),
        ("prodct", {"product": 1, "price": 2}, "; did you mean 'product'?"),
        ("upc", {"isbn": 1, "title": "x"}, ""),
        ("upc", {"upc": None, "UPC": 1}, ""),
        ("upc", {}, ""),
    ],
)
def test_a_missing_key_field_names_the_one_that_is_meant(name: str, fields: dict[str, object], said: str) -> None:
    with pytest.raises(BadKey) as refused:
        key_of(fields, (name,), "default")

    assert str(refused.value) == f"its key field {name!r} is missing{said}"


def test_a_crawl_whose_items_are_all_kept_aside_is_not_proposed_to_be_accepted(project: Path, crawl: Crawl) -> None:
    file = project / "spiders" / "shop.py"
    file.parent.mkdir()
    with closing(Host({"/robots.txt": Answer(404)}, "127.0.0.1", None)) as host:
        file.write_text(SPIDER.format(url=host.url, key="UPC"))
        first = crawl("run", "shop")
        file.write_text(SPIDER.format(url=host.url, key="upc") + "# another size: Python compiles it anew")
        good = [crawl("run", "shop", "--fresh").code for _ in range(3)]
        file.write_text(SPIDER.format(url=host.url, key="UPC"))
        later = crawl("run", "shop", "--fresh")

    assert (first.code, good, later.code) == (9, [0, 0, 0], 11)
    assert "no item was stored: 5 items were kept aside" in first.out
    for ended in (first, later):
        assert "its key field 'UPC' is missing; did you mean 'upc'?" in ended.out
        assert "next        crawl items rejected shop" in ended.out
        assert "crawl runs accept" not in ended.out

"""Oddities of pages are reported at the end of a run, and `crawl status` counts them and names a page."""

from __future__ import annotations

import json
from pathlib import Path

from crawler.testing.wire import Answer
from tests.hosts import Net, net, quick_net

from .conftest import Crawl

__all__ = ["net", "quick_net"]

SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/a", "{url}/b", "{url}/c"]

    def parse(self, response):
        yield {{"text": response.css("p::text").get()}}
"""


def test_status_counts_warnings_and_names_a_page(quick_net: Net, project: Path, crawl: Crawl) -> None:
    odd = Answer(body="<p>Größe</p>".encode("cp1252"), content_type="text/html")
    own = quick_net.host({"/a": odd, "/b": odd, "/c": Answer(body=b"<p>plain</p>")})
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=own.url))

    run = crawl("run", "orders")
    status = crawl("status", "orders")
    told = json.loads(crawl("status", "orders", "--json").out)["warned_by"]

    assert "2 pages have a warning (charset: none is declared" in run.out
    assert "2 x charset: none is declared, and the bytes are not UTF-8: guessed windows-1252, as on " in status.out
    assert f"{own.url}/a" in status.out
    assert list(told.values()) == [{"pages": 2, "example": f"{own.url}/a"}]

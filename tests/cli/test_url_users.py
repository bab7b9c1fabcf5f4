"""A password in a URL that a person writes: refused before anything is sent or stored, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Crawl

URL = "http://ann:pw-1n-a-url@127.0.0.1:9/orders"
INSTEAD = "write `session.auth = (session.account.username, session.account.password)` in the login step"
SPIDER = """
from crawler import Request, SitemapSpider


class Orders(SitemapSpider):
    name = "orders"
    start_urls = ["http://127.0.0.1:9/"]
    {line}

    def parse(self, response):
        yield {{"url": response.url}}
"""


@pytest.mark.parametrize(
    "line",
    [
        f"start_urls = ['{URL}']",
        f"sitemap_urls = ['{URL}']",
        f"login_url = '{URL}'",
        f"probe_url = '{URL}'",
    ],
    ids=lambda line: line.partition(" ")[0],
)
def test_a_spider_that_names_such_a_url_ends_with_2_before_anything(line: str, project: Path, crawl: Crawl) -> None:
    _write(project, line)

    result = crawl("run", "orders")

    assert result.code == 2
    assert INSTEAD in result.err
    assert "pw-1n-a-url" not in result.out + result.err
    assert "write it in full" not in result.err
    assert not list(project.rglob("crawl.db*"))


def test_a_start_that_yields_one_ends_with_2_and_nothing_of_it_is_stored(project: Path, crawl: Crawl) -> None:
    _write(project, f"def start(self): yield Request('{URL}')")

    result = crawl("run", "orders")

    assert (result.code, INSTEAD in result.err) == (2, True)
    assert "pw-1n-a-url" not in result.out + result.err
    assert all(b"pw-1n-a-url" not in path.read_bytes() for path in project.rglob("crawl.db*"))


@pytest.mark.parametrize(
    "words",
    [
        ("run", "orders", "-a", f"site={URL}"),
        ("run", "orders", "-a", f"sites=http://a.test/,{URL}"),
        ("schedule", "add", "orders", "0 3 * * *", "-a", f"site={URL}"),
        ("fetch", URL),
        ("new", "shop", URL),
        ("shell", URL),
    ],
    ids=lambda words: "-".join(words[:2:1]).split(":")[0],
)
def test_one_that_is_typed_is_refused(words: tuple[str, ...], project: Path, crawl: Crawl) -> None:
    _write(project, "")

    result = crawl(*words)

    assert result.code == 2
    assert ("session.account" if "-a" in words else INSTEAD) in result.err
    assert "pw-1n-a-url" not in result.out + result.err
    kept = [path for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert all(b"pw-1n-a-url" not in path.read_bytes() for path in kept)


def test_an_argument_with_another_at_is_taken(project: Path, crawl: Crawl) -> None:
    _write(project, "")

    assert "-a " not in crawl("schedule", "add", "orders", "0 3 * * *", "-a", "to=ann@shop.test").err


def _write(project: Path, line: str) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(line=line))

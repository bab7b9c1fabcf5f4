"""`crawl export` never replaces a good file by nothing, nor by the items of a crawl that is not done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net

from .conftest import Crawl

SPIDER = """
from crawler import Spider


class Rows(Spider):
    name = "rows"
    start_urls = ["{url}/1"]

    def parse(self, response):
        yield from ({{"row": row}} for row in response.css("p.row::text").getall())
        yield from response.follow_all(css="a")
"""
GOOD = '{"row": "yesterday"}\n' * 3


@pytest.fixture
def shop(project: Path) -> Iterator[Host]:
    """Two pages with a row each, and a project with the spider "rows"."""

    def page(call: WireRequest) -> Answer:
        link = b"<a href=/2>next</a>" if call.path == "/1" else b""
        return Answer(body=b"<p class=row>" + call.path[1:].encode() + b"</p>" + link)

    net = Net()
    own = net.host({"/robots.txt": Answer(404), "*": page})
    (project / "spiders").mkdir()
    (project / "spiders" / "rows.py").write_text(SPIDER.format(url=own.url))
    yield own
    net.close()


@pytest.fixture
def good(project: Path) -> Path:
    file = project / "rows.jsonl"
    file.write_text(GOOD)
    return file


def nothing(call: WireRequest) -> Answer:
    return Answer(body=b"<p>the shop is closed</p>")


NOT_GOOD = {
    "no items": (["run", "rows", "--quiet"], nothing),
    "every page missing": (["run", "rows", "--quiet"], Answer(404)),
    "stopped by a limit": (["run", "rows", "--quiet", "--limit-pages", "1"], None),
    "nothing before the limit": (["run", "rows", "--quiet", "--max-time", "0.001"], None),
    "robots.txt forbids it": (["run", "rows", "--quiet"], "robots"),
}


@pytest.mark.parametrize("case", NOT_GOOD)
def test_a_good_file_is_left_as_it_was_after_a_crawl_that_did_not_end_well(
    case: str, shop: Host, good: Path, crawl: Crawl
) -> None:
    words, route = NOT_GOOD[case]
    if route == "robots":
        shop.routes["/robots.txt"] = Answer(body=b"User-agent: *\nDisallow: /", content_type="text/plain")
    elif route is not None:
        shop.routes["*"] = route
    assert crawl(*words).code != 0

    done = crawl("export", "rows", "-o", good.name)

    assert done.code == 10
    assert "rows.jsonl is left as it was" in done.err
    assert "--force" in done.err
    assert good.read_text() == GOOD


def test_force_writes_it_anyway(shop: Host, good: Path, crawl: Crawl) -> None:
    shop.routes["*"] = nothing
    crawl("run", "rows", "--quiet")

    assert crawl("export", "rows", "-o", good.name, "--force").code == 0
    assert good.read_text() == ""


def test_a_good_crawl_replaces_the_file_and_a_run_that_is_named_does_too(shop: Host, good: Path, crawl: Crawl) -> None:
    crawl("run", "rows", "--quiet", "--limit-pages", "1")
    assert crawl("export", "rows", "-o", good.name, "--run", "1").code == 0
    assert len(good.read_text().splitlines()) == 1

    crawl("run", "rows", "--quiet")

    assert crawl("export", "rows", "-o", good.name).code == 0
    assert sorted(json.loads(line)["row"] for line in good.read_text().splitlines()) == ["1", "2"]


def test_a_new_file_is_written_whatever_the_crawl_returned(shop: Host, project: Path, crawl: Crawl) -> None:
    shop.routes["*"] = nothing
    crawl("run", "rows", "--quiet")

    assert crawl("export", "rows", "-o", "new.json").code == 0
    assert crawl("export", "rows", "-o", "new.json").code == 0, "an empty list is no loss"
    assert (project / "new.json").read_text() == "[]\n"


def test_a_crawl_with_some_failed_pages_may_replace_the_file(shop: Host, good: Path, crawl: Crawl) -> None:
    shop.routes["/2"] = Answer(404)
    assert crawl("run", "rows", "--quiet").code == 1

    assert crawl("export", "rows", "-o", good.name).code == 0
    assert len(good.read_text().splitlines()) == 1


def test_quiet_prints_nothing_about_a_file_that_was_written(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("run", "rows", "--quiet")
    assert crawl("export", "rows", "-o", "a.jsonl").err

    done = crawl("export", "rows", "-o", "rows.jsonl", "--quiet")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert len((project / "rows.jsonl").read_text().splitlines()) == 2


def test_quiet_reports_a_file_that_was_not_written(shop: Host, good: Path, crawl: Crawl) -> None:
    shop.routes["*"] = nothing
    crawl("run", "rows", "--quiet")

    done = crawl("export", "rows", "-o", good.name, "-q")

    assert done.code == 10
    assert "--force" in done.err
    assert good.read_text() == GOOD

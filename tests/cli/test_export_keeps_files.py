"""`crawl export` never replaces a good file by nothing, nor by the items of a crawl that is not done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net, Route

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


def rows(file: Path) -> int:
    return len(file.read_text().splitlines())


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


def test_a_crawl_with_one_dead_link_may_replace_the_file_however_small_it_is(
    shop: Host, good: Path, crawl: Crawl
) -> None:
    shop.routes["/2"] = Answer(404)
    assert crawl("run", "rows", "--quiet").code == 1

    done = crawl("export", "rows", "-o", good.name)

    assert (done.code, rows(good)) == (0, 1)
    assert "1 item of rows to rows.jsonl; 1 request failed" in done.err


LIST = """
import os

from crawler import Identity, Spider


class Many(Spider):
    name = "many"
    start_urls = [f"{url}/{{number}}" for number in range(20)]
{more}
    def parse(self, response):
        if response.url.endswith("/broken") or os.environ.get("REDESIGNED") and int(response.url.split("/")[-1]) >= 5:
            raise KeyError("price")
        yield {{"row": response.url.split("/")[-1]}}
"""


def many(shop: Host, project: Path, more: str = "") -> None:
    """A spider of twenty pages with a row each, and the file of a good night."""
    (project / "spiders" / "many.py").write_text(LIST.format(url=shop.url, more=f"    {more}\n"))


FAILING = {
    "15 of 20 refused": {str(number): Answer(401) for number in range(5, 20)},
    "15 of 20 missing": {str(number): Answer(404) for number in range(5, 20)},
    "15 of 20 that the callback does not understand": {},
    "8 of 20 missing": {str(number): Answer(410) for number in range(12, 20)},
    "1 of 20 forbidden": {"7": Answer(403)},
    "all refused": {str(number): Answer(401) for number in range(20)},
}


@pytest.mark.parametrize("case", FAILING)
@pytest.mark.parametrize("more", ["", 'keys = {"items": ("row",)}'], ids=["items", "records"])
def test_a_good_file_is_not_replaced_after_a_run_in_which_requests_failed(
    case: str, more: str, shop: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(shop, project, more)
    file = project / "many.jsonl"
    assert crawl("run", "many", "--quiet", "-o", file.name).code == 0
    good = file.read_text()
    assert rows(file) == 20
    shop.routes |= {f"/{name}": answer for name, answer in FAILING[case].items()}
    if not FAILING[case]:
        monkeypatch.setenv("REDESIGNED", "yes")
    failed = len(FAILING[case]) or 15

    with_run = crawl("run", "many", "--quiet", "--full", "-o", file.name)
    done = crawl("export", "many", "-o", file.name)

    assert with_run.code == 1
    assert "many.jsonl is left as it was" in with_run.err
    assert done.code == 10
    assert f"{failed} of 20 requests failed" in done.err
    assert "`crawl retry many" in done.err
    assert "--force" in done.err
    assert file.read_text() == good


def test_a_retry_that_brings_the_rest_replaces_the_file(shop: Host, project: Path, crawl: Crawl) -> None:
    many(shop, project)
    file = project / "many.jsonl"
    file.write_text(GOOD)
    shop.routes["/7"] = Answer(403)
    assert crawl("run", "many", "--quiet", "-o", file.name).code == 1
    del shop.routes["/7"]

    assert crawl("retry", "many", "--quiet", "-o", file.name).code == 0
    assert rows(file) == 20


def test_what_is_written_of_a_crawl_with_failed_requests_is_called_a_part(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    many(shop, project)
    shop.routes |= {f"/{number}": Answer(403) for number in range(5, 20)}
    crawl("run", "many", "--quiet")

    new, forced = crawl("export", "many", "-o", "new.jsonl"), crawl("export", "many", "-O", "new.jsonl")

    for done in (new, forced):
        assert done.code == 13
        assert "does not hold all of it: 15 of 20 requests failed" in done.err
    assert rows(project / "new.jsonl") == 5


def test_what_was_accepted_with_its_failed_requests_replaces_the_file(shop: Host, project: Path, crawl: Crawl) -> None:
    many(shop, project)
    file = project / "many.jsonl"
    file.write_text(GOOD)
    shop.routes |= {f"/{number}": Answer(404) for number in range(12, 20)}
    crawl("run", "many", "--quiet")
    assert "`crawl runs accept 1`" in crawl("export", "many", "-o", file.name).err

    crawl("runs", "accept", "1")
    done = crawl("export", "many", "-o", file.name)

    assert (done.code, rows(file)) == (0, 12)
    assert "12 items of many to many.jsonl; 8 requests failed" in done.err


@pytest.mark.parametrize(
    ("routes", "words", "code"),
    [
        pytest.param({"/7": Answer(404), "/8": Answer(410)}, [], 1, id="one dead link in ten"),
        pytest.param({"/7": Answer(403), "/8": Answer(500)}, ["--max-error-rate", "0.2"], 0, id="as many as may fail"),
    ],
)
def test_a_crawl_with_a_few_dead_links_or_as_many_failures_as_may_be_replaces_the_file_and_says_so(
    routes: dict[str, Answer], words: list[str], code: int, shop: Host, project: Path, crawl: Crawl
) -> None:
    many(shop, project)
    file = project / "many.jsonl"
    file.write_text(GOOD)
    shop.routes |= routes
    assert crawl("run", "many", "--quiet", "-s", "retries=0", *words).code == code

    done = crawl("export", "many", "-o", file.name)

    assert (done.code, rows(file)) == (0, 18)
    assert "18 items of many to many.jsonl; 2 requests failed" in done.err


@pytest.mark.parametrize(
    ("answer", "settings", "ending"),
    [
        pytest.param(nothing, [], "no items", id="no items"),
        pytest.param(None, ["-s", "min_items=30"], "no items", id="fewer than min_items"),
    ],
)
def test_records_of_earlier_nights_do_not_replace_a_file_as_if_tonight_had_brought_them(
    answer: Route | None, settings: list[str], ending: str, shop: Host, project: Path, crawl: Crawl
) -> None:
    (project / "spiders" / "rows.py").write_text(
        SPIDER.format(url=shop.url).replace("    start_urls", '    keys = {"items": ("row",)}\n    start_urls')
    )
    assert crawl("run", "rows", "--quiet", "-o", "rows.jsonl").code == 0
    good = (project / "rows.jsonl").read_text()
    if answer is not None:
        shop.routes["*"] = answer
    crawl("run", "rows", "--quiet", "--full", *settings)

    done = crawl("export", "rows", "-o", "rows.jsonl")

    assert done.code == 10
    assert f"the crawl did not end well (run 2 of rows ended with {ending!r}" in done.err
    assert (project / "rows.jsonl").read_text() == good


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

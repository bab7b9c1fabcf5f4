"""The page about the architecture: every file of the engine, few words with one meaning, and the way of one request."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

import crawler
from crawler import Response, Spider

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"


def part_of(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]


def files_named(tables: str) -> list[str]:
    rows = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| `")]
    return sorted(name for row in rows for name in re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize(("room", "table"), [("engine", 0), ("pagework", 1)])
def test_every_file_of_the_engine_and_of_the_work_on_pages_is_named_once_with_its_job(room: str, table: int) -> None:
    files = {path.stem for path in (ROOT / "crawler" / room).glob("*.py")} - {"__init__"}
    tables = part_of("The engine, file by file").split("| file | job |")[1:]

    assert files_named(tables[table]) == sorted(files)


MOST_WORDS = 25
MOST_STOPS = 14


def test_the_words_are_few_in_order_and_each_has_one_meaning() -> None:
    words = [line.split("|")[1].strip() for line in part_of("The words").splitlines() if line.startswith("| ")][2:]

    assert 0 < len(words) <= MOST_WORDS
    assert words == sorted(set(words))


class OnePage(Spider):
    name = "one-page"

    def parse(self, response: Response) -> Any:
        yield {"title": response.css("title::text").get()}


def test_one_request_goes_the_way_that_the_page_says(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/").respond_with_data("<title>Hi</title>", content_type="text/html")
    httpserver.expect_request("/robots.txt").respond_with_data("")
    stops = re.findall(r"^\d+\. `(crawler/[\w/]+\.py)`: `([\w.]+)`$", part_of("The way of one request"), re.M)
    assert 0 < len(stops) <= MOST_STOPS
    wanted = {(str(ROOT / file), function) for file, function in stops}
    met: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and "/crawler/" in frame.f_code.co_filename:
            here = frame.f_code.co_filename, frame.f_code.co_qualname
            if here in wanted:
                met.append(here)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        summary = crawler.run(
            type("OnePage", (OnePage,), {"start_urls": [httpserver.url_for("/")]}),
            settings={"store": str(tmp_path / "crawl.db"), "max_time": 20},
        )
    finally:
        sys.setprofile(None)
        threading.setprofile(None)

    assert (summary.pages, summary.items) == (1, {"items": 1})
    calls = iter((str(Path(file).relative_to(ROOT)), function) for file, function in met)
    assert [stop for stop in stops if stop in calls] == stops  # in this order, whatever is called more than once

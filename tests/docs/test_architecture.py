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
from werkzeug import Response as HTTPResponse

import crawler
from crawler import Response, Session, Spider

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
MOST_STOPS_OF_A_SESSION = 9


def test_the_terms_are_few_and_in_order_and_each_has_one_meaning() -> None:
    words = [line.split("|")[1].strip() for line in part_of("The words").splitlines() if line.startswith("| ")][2:]

    assert 0 < len(words) <= MOST_WORDS
    assert words == sorted(set(words))


class OnePage(Spider):
    name = "one-page"

    def parse(self, response: Response) -> Any:
        yield {"title": response.css("title::text").get()}


class Members(OnePage):
    name = "members"

    def login(self, session: Session) -> None:
        session.post(self.start_urls[0] + "login", data={"user": "me"})


Stop = tuple[str, str]


def stops_of(title: str) -> list[Stop]:
    return re.findall(r"^\d+\. `(crawler/[\w/]+\.py)`: `([\w.]+)`$", part_of(title), re.M)


def calls_of(spider: type[Spider], url: str, folder: Path, stops: list[Stop]) -> list[Stop]:
    """Which of *stops* are entered while *spider* crawls one page, in their order."""
    wanted, met = {(str(ROOT / file), function) for file, function in stops}, list[Stop]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and "/crawler/" in frame.f_code.co_filename:
            here = frame.f_code.co_filename, frame.f_code.co_qualname
            if here in wanted:
                met.append((str(Path(here[0]).relative_to(ROOT)), here[1]))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        summary = crawler.run(
            type(spider.__name__, (spider,), {"start_urls": [url]}),
            settings={"store": str(folder / "crawl.db"), "max_time": 20},
        )
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert (summary.pages, summary.items) == (1, {"items": 1}), summary
    return met


def test_one_request_takes_the_path_that_the_page_describes(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request("/").respond_with_data("<title>Hi</title>", content_type="text/html")
    httpserver.expect_request("/robots.txt").respond_with_data("")
    stops = stops_of("The way of one request")
    assert 0 < len(stops) <= MOST_STOPS

    calls = iter(calls_of(OnePage, httpserver.url_for("/"), tmp_path, stops))

    assert [stop for stop in stops if stop in calls] == stops  # in this order, whatever is called more than once


def test_one_session_takes_the_path_that_the_page_describes_until_its_cookies_are_stored(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    def page(request: Any) -> Any:
        inside = request.cookies.get("sid") == "1"
        shown = "<title>Hi</title>" if inside else "<form action=/login><input type=password name=p></form>"
        return HTTPResponse(shown, content_type="text/html")

    httpserver.expect_request("/").respond_with_handler(page)
    httpserver.expect_request("/login").respond_with_data("hello", headers={"Set-Cookie": "sid=1; Max-Age=999"})
    httpserver.expect_request("/robots.txt").respond_with_data("")
    stops = stops_of("The way of one session")
    assert 0 < len(stops) <= MOST_STOPS_OF_A_SESSION

    calls = calls_of(Members, httpserver.url_for("/"), tmp_path, stops[1:])  # whether a task is wanted is asked often

    assert calls[: len(stops) - 1] == stops[1:]  # then the cookies are stored; a last probe covers the pages

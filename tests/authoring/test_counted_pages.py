"""`crawl new` of lists whose answers count their pages or rows and do not name the next page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.authoring.counted_pages import find_counted
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

Counts = Callable[[int, int], Mapping[str, Any]]
TOTAL, SIZE = 90, 20
PAGES = 5


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


def api(argument: str, counts: Counts, *, first: int = 1) -> Host:
    """Rows by the page, or from an offset; *counts* makes what is said of them from the number and the first row."""

    def answer(call: WireRequest) -> Answer:
        if call.path != "/api":
            return Answer(404)
        number = int(call.query().get(argument, first))
        begins = number if "off" in argument or "start" in argument else (number - first) * SIZE
        begins -= first if "start" in argument else 0
        rows = [{"id": each, "name": f"row {each}"} for each in range(begins, min(begins + SIZE, TOTAL))]
        return Answer.json({"items": rows, **counts(number, begins)})

    return Host({"/api": answer, "*": Answer(404)}, "127.0.0.1", None)


@pytest.mark.parametrize(
    ("argument", "first", "query", "counts"),
    [
        pytest.param("page", 1, "", lambda n, _: {"page": n, "page_count": PAGES, "page_size": SIZE}, id="page_count"),
        pytest.param("offset", 0, "?limit=20", lambda _, at: {"total": TOTAL, "offset": at}, id="offset"),
        pytest.param("page", 1, "", lambda n, _: {"meta": {"current_page": n, "last_page": PAGES}}, id="last_page"),
        pytest.param(
            "page",
            0,
            "",
            lambda n, _: {"page": {"size": SIZE, "totalElements": TOTAL, "totalPages": PAGES, "number": n}},
            id="from-0",
        ),
        pytest.param(
            "page[number]",
            1,
            "?page[number]=1",
            lambda n, _: {"meta": {"page": n, "per_page": SIZE, "total": str(TOTAL)}},
            id="by-size-and-shown",
        ),
        pytest.param("startIndex", 1, "", lambda _, at: {"totalResults": TOTAL, "startIndex": at + 1}, id="from-row-1"),
        pytest.param("p", 1, "?p=1", lambda *_: {"total": TOTAL}, id="page-in-the-address"),
        pytest.param("offset", 0, "?offset=0", lambda *_: {"count": TOTAL}, id="offset-in-the-address"),
        pytest.param("page", 1, "", lambda n, _: {"page": n, "pages": PAGES, "next": None}, id="beside-a-null"),
    ],
)
def test_all_rows_of_numbered_pages_without_a_next_link_are_read(
    project: Path, crawl: Crawl, argument: str, first: int, query: str, counts: Counts
) -> None:
    with closing(api(argument, counts, first=first)) as host:
        made = crawl("new", "rows", f"{host.url}/api{query}")
        run = crawl("run", "rows", "--json")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert json.loads(run.out)["items"] == {"items": TOTAL}, (project / "spiders" / "rows.py").read_text()
    assert json.loads(run.out)["pages"] == PAGES
    assert "the answer counts " in made.out
    assert ("is a guess" in made.out) == (argument not in query)
    assert ("the next page was tried, and has 20 other objects" in made.out) == (argument not in query)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        pytest.param({"total": TOTAL}, "90 rows", id="rows"),
        pytest.param({"meta": {"total_pages": PAGES, "total_count": TOTAL}}, "5 pages, 90 rows", id="pages"),
    ],
)
def test_pages_of_which_nothing_says_how_they_are_asked_for_are_told(
    project: Path, crawl: Crawl, counts: dict[str, Any], said: str
) -> None:
    with closing(api("seite", lambda *_: counts)) as host:
        made = crawl("new", "rows", f"{host.url}/api")
        run = crawl("run", "rows", "--json")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert f"the answer counts {said}, and how the next page is asked for was not seen" in made.out
    assert f"# TODO: the answer counts {said}" in (project / "spiders" / "rows.py").read_text()


def test_a_guess_that_brings_the_same_rows_again_does_not_stay_in_the_spider(project: Path, crawl: Crawl) -> None:
    with closing(api("seite", lambda *_: {"page": 1, "page_count": PAGES})) as host:
        made = crawl("new", "rows", f"{host.url}/api")
        asked = len(host.seen("/api"))
        run = crawl("run", "rows", "--json")

    assert (made.code, run.code, asked) == (0, 0, 2), made.err + run.err
    assert "the next page was tried, and has the same rows" in made.out
    written = (project / "spiders" / "rows.py").read_text()
    assert "# TODO: how the next page is asked for was not seen, and a guess was wrong:" in written
    assert "w3lib" not in written
    assert json.loads(run.out)["items"] == {"items": SIZE}


@pytest.mark.parametrize(
    ("second", "said"),
    [
        pytest.param(Answer(404), "answers 404", id="missing"),
        pytest.param(Answer.json({"rows": []}), "is not read like the first one: KeyError", id="another-form"),
    ],
)
def test_a_guess_that_fails_when_it_is_tried_is_told(project: Path, crawl: Crawl, second: Answer, said: str) -> None:
    rows = [{"id": each, "name": f"row {each}"} for each in range(SIZE)]
    first = Answer.json({"items": rows, "page": 1, "page_count": PAGES})
    routes = {"/api": lambda call: second if call.query_text else first, "*": Answer(404)}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        made = crawl("new", "rows", f"{host.url}/api")

    assert made.code == 0, made.err
    assert f"the next page was tried, and {said}" in made.out


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"total": 3}, id="all"),
        pytest.param({"number": 12, "title": "a book"}, id="no-count"),
        pytest.param({"count": 3, "page": 1}, id="all-on-page-1"),
        pytest.param({"total": "3.50", "pages": True}, id="no-numbers"),
    ],
)
def test_nothing_is_said_where_this_is_all_there_is(data: dict[str, Any]) -> None:
    assert find_counted(data, {}, 'data["rows"]', 3) is None


def test_the_number_and_the_pages_of_a_book_are_no_place_in_a_list() -> None:
    found = find_counted({"number": 3, "pages": 300}, {}, 'data["chapters"]', 3)

    assert found is None or found.following is None


def test_the_argument_of_a_body_is_that_which_was_sent() -> None:
    found = find_counted({"pageNo": 1, "totalPages": 4}, {"p": 1, "q": "x"}, 'data["rows"]', 3, by_address=False)

    assert found is not None
    assert found.following is not None
    assert (found.following.argument, found.is_guess) == ("p", False)
    assert found.following.condition == 'data["pageNo"] < data["totalPages"]'


# --- what the head of an answer says ----------------------------------------------------------------------------------


def bare_list(argument: str, heads: Callable[[int, int], Mapping[str, str]]) -> Host:
    """Rows as a list alone, as GitHub, GitLab, WordPress and json-server give them; *heads* makes the headers."""

    def answer(call: WireRequest) -> Answer:
        if call.path != "/api/rows":
            return Answer(404)
        number = int(call.query().get(argument, 1))
        begins = (number - 1) * SIZE
        rows = [{"id": each, "name": f"row {each}"} for each in range(begins, min(begins + SIZE, TOTAL))]
        return Answer(200, json.dumps(rows).encode(), "application/json", headers=[*heads(number, PAGES).items()])

    return Host({"/api/rows": answer, "*": Answer(404)}, "127.0.0.1", None)


def links(number: int, pages: int) -> dict[str, str]:
    """A Link header with addresses without a host."""
    others = {"next": number + 1, "prev": number - 1, "first": 1, "last": pages}
    said = [f'</api/rows?page={page}>; rel="{rel}"' for rel, page in others.items() if 1 <= page <= pages]
    return {"Link": ", ".join(said)}


@pytest.mark.parametrize(
    ("query", "heads", "told"),
    [
        pytest.param("", links, "by the Link header", id="link"),
        pytest.param("?page=5", links, "by the Link header", id="link-of-the-last-page"),
        pytest.param("?page=1", lambda *_: {"X-Total-Count": str(TOTAL)}, "counts 90 rows", id="json-server"),
        pytest.param(
            "?page=1", lambda *_: {"X-WP-Total": str(TOTAL), "X-WP-TotalPages": str(PAGES)}, "5 pages", id="wordpress"
        ),
        pytest.param(
            "",
            lambda number, pages: {"X-Page": str(number), "X-Total-Pages": str(pages), "X-RateLimit-Limit": "60"},
            "is a guess",
            id="gitlab",
        ),
    ],
)
def test_a_list_whose_head_says_what_comes_next_is_read_to_its_end(
    project: Path, crawl: Crawl, query: str, heads: Callable[[int, int], Mapping[str, str]], told: str
) -> None:
    with closing(bare_list("page", heads)) as host:
        made = crawl("new", "rows", f"{host.url}/api/rows{query}")
        written = project / "spiders" / "rows.py"
        written.write_text(written.read_text().replace("?page=5", ""))
        run = crawl("run", "rows", "--json")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert told in made.out
    assert json.loads(run.out)["items"] == {"items": TOTAL}, written.read_text()


def test_rows_that_a_header_counts_and_nothing_asks_for_are_told(project: Path, crawl: Crawl) -> None:
    with closing(bare_list("seite", lambda *_: {"X-Total-Count": str(TOTAL)})) as host:
        made = crawl("new", "rows", f"{host.url}/api/rows")

    assert made.code == 0, made.err
    assert "the answer counts 90 rows, and how the next page is asked for was not seen" in made.out

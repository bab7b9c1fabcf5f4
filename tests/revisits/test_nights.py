"""Every kind of second night has the rows that a full one has, and asks for no more than it must."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, Spider
from tests.revisits.members import Members, members
from tests.revisits.site import Shop, Site, night, page, rows, value


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def a_page_changed(site: Site) -> None:
    site.pages["/p/3"] = page(3, 7)


def a_page_vanished(site: Site) -> None:
    del site.pages["/p/3"]
    site.pages["/"] = site.pages["/"].replace("<a href=/p/3>page</a>", "")


def a_page_is_new(site: Site) -> None:
    site.pages["/p/9"] = page(9)
    site.pages["/"] += "<a href=/p/9>page</a>"


def an_unchanged_page_alone_names_a_page_now(site: Site) -> None:
    """The first night the list was the first to name it."""
    site.pages["/"] = site.pages["/"].replace("<a href=/p/2>page</a>", "")


def a_page_gives_nothing_any_more(site: Site) -> None:
    site.pages["/p/3"] = "<p>sold</p>"


def a_page_gives_an_item_for_the_first_time(site: Site) -> None:
    site.pages["/empty"] = "<h1>77</h1><p class=price>1</p>"


def the_validators_are_new_and_the_page_is_not(site: Site) -> None:
    site.validators = "modified"


def the_site_gives_no_validators_any_more(site: Site) -> None:
    site.validators = "none"


NIGHTS: dict[str, tuple[Callable[[Site], None], dict[int, int]]] = {
    "a page changed": (a_page_changed, {304: 7, 200: 1}),
    "a page vanished": (a_page_vanished, {304: 6, 200: 1}),
    "a page is new": (a_page_is_new, {304: 7, 200: 2}),
    "another page names it": (an_unchanged_page_alone_names_a_page_now, {304: 7, 200: 1}),
    "a page gives nothing any more": (a_page_gives_nothing_any_more, {304: 7, 200: 1}),
    "a page gives its first item": (a_page_gives_an_item_for_the_first_time, {304: 7, 200: 1}),
    "other validators": (the_validators_are_new_and_the_page_is_not, {200: 8}),
    "no validators": (the_site_gives_no_validators_any_more, {200: 8}),
}


@pytest.mark.parametrize("kind", NIGHTS)
def test_a_second_night_has_the_rows_of_a_full_one(kind: str, site: Site, tmp_path: Path) -> None:
    change, asked = NIGHTS[kind]
    site.pages["/empty"] = "<p>nothing</p>"
    site.pages["/"] += "<a href=/empty>page</a>"
    site.pages["/p/1"] += "<a href=/p/2>next</a>"
    night(Shop, site, tmp_path)
    site.statuses()

    change(site)
    second = night(Shop, site, tmp_path)

    assert site.statuses() == asked
    third = night(Shop, site, tmp_path, full=True)
    assert site.statuses() == {200: sum(asked.values())}
    assert rows(tmp_path, second.run) == rows(tmp_path, third.run)
    assert (second.pages, second.items) == (third.pages, third.items)
    assert (second.unchanged, third.unchanged) == (asked.get(304, 0), 0)


def test_ten_nights_do_not_forget_what_is_unchanged(site: Site, tmp_path: Path) -> None:
    for number in range(10):
        site.pages["/p/0"] = page(0, number)
        summary = night(Shop, site, tmp_path)

        assert site.statuses() == ({200: 7} if number == 0 else {304: 6, 200: 1})
        assert rows(tmp_path, summary.run) == [(0, number), *((each, 5) for each in range(1, 6))]
    assert value(tmp_path, "SELECT count(*) FROM crawl_visits") == 9  # 6 that moved on, /p/0 of each kept frontier


def test_a_crawl_that_was_stopped_and_goes_on_carries_each_page_once(site: Site, tmp_path: Path) -> None:
    first = night(Shop, site, tmp_path)
    site.statuses()

    stopped = night(Shop, site, tmp_path, max_pages=3, workers=1)
    resumed = night(Shop, site, tmp_path)

    assert (stopped.ending, resumed.resumed) == ("limit", True)
    assert site.statuses() == {304: 7}
    both = sorted(rows(tmp_path, stopped.run) + rows(tmp_path, resumed.run))
    assert both == rows(tmp_path, first.run)


def test_pages_of_a_crawl_that_was_left_behind_are_found_in_the_one_before(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)
    night(Shop, site, tmp_path, max_pages=3, workers=1)
    site.statuses()

    again = crawler.run(Shop, arguments={"site": site.url}, settings={"store": str(tmp_path / "crawl.db")}, fresh=True)

    assert site.statuses() == {304: 7}
    assert again.items == {"items": 6}


class Regions(Shop):
    """Run with another argument each time."""

    name = "regions"


def test_runs_with_other_arguments_in_turn_keep_what_each_knows(site: Site, tmp_path: Path) -> None:

    for turn in range(3):
        for region in ("eu", "us", "asia", "africa", "oceania"):
            arguments = {"site": site.url, "region": region}
            crawler.run(Regions, arguments=arguments, settings={"store": str(tmp_path / "crawl.db")})
        assert site.statuses() == ({200: 35} if turn == 0 else {304: 35})


def test_rows_that_somebody_deleted_are_asked_for_again(site: Site, tmp_path: Path) -> None:

    night(Shop, site, tmp_path)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as raw, raw:
        raw.execute("DELETE FROM items WHERE number = 3")
    site.statuses()

    second = night(Shop, site, tmp_path)

    assert site.statuses() == {304: 6, 200: 1}
    assert len(rows(tmp_path, second.run)) == 6


class Choosy(Shop):
    """Yields something that is no item on one page."""

    name = "choosy"

    def parse(self, response: Response) -> Iterator[Any]:
        yield from super().parse(response)
        if response.url.endswith("/p/3"):
            yield {"odd": object()}


def test_a_page_with_something_that_was_no_item_is_read_again_and_says_so_again(site: Site, tmp_path: Path) -> None:
    first = night(Choosy, site, tmp_path)
    site.statuses()

    second = night(Choosy, site, tmp_path)

    assert site.statuses() == {304: 6, 200: 1}
    assert second.messages == first.messages != []


def test_a_link_that_the_guard_refused_by_its_text_stays_refused(site: Site, tmp_path: Path) -> None:

    members(site)
    site.pages["/p/1"] += "<a href=/odd>Log out</a>"
    first = night(Members, site, tmp_path)
    second = night(Members, site, tmp_path)

    assert first.skipped_by.keys() == second.skipped_by.keys()
    assert any(rule.startswith("guard") for rule in second.skipped_by)
    assert ("/odd", 404) not in site.asked


def test_a_link_that_the_guard_refused_is_followed_when_a_setting_allows_it_although_its_page_is_unchanged(
    site: Site, tmp_path: Path
) -> None:
    members(site)
    site.pages["/p/1"] += "<a href=/odd>Log out</a>"
    night(Members, site, tmp_path)
    site.asked.clear()

    night(Members, site, tmp_path, guard_allow=("/odd$",))

    assert site.asked["/p/1", 304] == site.asked["/odd", 404] == 1


class Forms(Spider):
    """Requests of every kind for one page."""

    name = "forms"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]
        self.max_age: float | None = float(arguments["max_age"]) if "max_age" in arguments else None

    def parse(self, response: Response) -> Iterator[Any]:
        kind = self.arguments.get("kind", "")
        given: dict[str, Any] = {
            "post": {"method": "POST", "data": {"a": "1"}},
            "no-store": {"headers": {"Cache-Control": "no-store"}},
            "own condition": {"headers": {"If-None-Match": '"mine"'}},
            "range": {"headers": {"Range": "bytes=0-"}},
            "again": {"dont_filter": True},
            "head": {"method": "HEAD"},
        }.get(kind, {})
        yield response.follow("/p/1", self.parse_page, **given)

    def parse_page(self, response: Response) -> Iterator[Any]:
        yield {"size": len(response.body)}


@pytest.mark.parametrize("kind", ["post", "no-store", "own condition", "range", "again", "head"])
def test_a_request_that_is_not_a_plain_question_is_never_made_conditional(
    kind: str, site: Site, tmp_path: Path
) -> None:

    for _ in range(2):
        arguments = {"site": site.url, "kind": kind}
        crawler.run(Forms, arguments=arguments, settings={"store": str(tmp_path / "crawl.db"), "min_items": 0})

    assert [call.headers.get("if-none-match") for call in site.host.seen("/p/1")] == (
        ['"mine"', '"mine"'] if kind == "own condition" else [None, None]
    )


class Tokens(Shop):
    """Its requests carry a token that a night may change."""

    name = "tokens"
    token = "one"

    def start(self) -> Iterator[Request]:
        yield Request(self.start_urls[0], headers={"X-Token": Tokens.token})

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"size": len(response.body)}


def test_a_request_with_other_headers_is_another_question(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(Tokens, site, tmp_path)
    night(Tokens, site, tmp_path)
    monkeypatch.setattr(Tokens, "token", "two")
    night(Tokens, site, tmp_path)

    conditional = ["if-none-match" in call.headers for call in site.host.seen("/")]
    assert conditional == [False, True, False]
    assert b"X-Token" not in (tmp_path / "crawl.db").read_bytes()


@pytest.mark.parametrize(
    ("vary", "second"),
    [
        ("Accept-Language", {200: 1}),
        ("*", {200: 1}),
        ("User-Agent, accept-language", {200: 1}),
        ("Cookie", {304: 1}),
        ("Accept-Encoding", {304: 1}),
        (" ,", {304: 1}),
    ],
)
def test_a_page_that_depends_on_a_header_is_asked_for_anew_when_that_changes(
    vary: str, second: dict[int, int], site: Site, tmp_path: Path
) -> None:
    site.headers["/p/1"] = [("Vary", vary)]
    night(Shop, site, tmp_path, headers={"Accept-Language": "de"})
    site.asked.clear()

    night(Shop, site, tmp_path, headers={"Accept-Language": "fr"})

    assert {status: count for (path, status), count in site.asked.items() if path == "/p/1"} == second

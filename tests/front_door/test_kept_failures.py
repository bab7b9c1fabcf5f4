"""The page of a failure is kept with the last good one of its callback: what its selectors miss is told, offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.front_door.nights import NightlySite, empty_prices, no_books, redesign
from tests.front_door.test_twelve_nights import next_night, site

__all__ = ["_clean", "crawl", "next_night", "project", "site"]


def kept(crawl: Crawl, callback: str) -> str:
    """The number of the newest page that is kept of a callback."""
    rows = [line.split() for line in crawl("failures", "books").out.splitlines()]
    return next(row[0] for row in rows if len(row) > 2 and row[2] == callback)


def test_the_selector_that_a_redesign_broke_is_named_without_a_request(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    crawl("run", "books")
    next_night()
    site.edit = no_books
    crawl("run", "books")
    site.down()  # nothing can be asked any more

    shown = crawl("failures", "show", kept(crawl, "parse"))

    assert shown.code == 0
    assert "css a.book (on the good page: 5)" in shown.out
    assert "a.next" not in shown.out
    told = json.loads(crawl("failures", "show", kept(crawl, "parse"), "--json").out)
    assert told["lost"] == [{"selector": "css a.book", "found": 5}]
    assert 'class="card"' in crawl("failures", "show", kept(crawl, "parse"), "--body").out


def test_a_callback_that_raises_is_compared_with_its_last_good_page(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    file = project / "spiders" / "books.py"
    file.write_text(file.read_text().replace('"p.price::text").get()', '"p.price::text").get().strip()'))
    crawl("run", "books")
    next_night()
    site.edit = empty_prices

    assert crawl("run", "books").code == 1

    shown = crawl("failures", "show", kept(crawl, "parse_book")).out
    assert "AttributeError: 'NoneType' object has no attribute 'strip'" in shown
    assert "css p.price::text (on the good page: 1)" in shown
    assert "h1.title" not in shown


def test_a_page_that_lacks_one_field_of_many_is_kept_and_the_good_one_stays(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    crawl("run", "books")
    site.edit = empty_prices
    for _ in range(2):
        next_night()
        crawl("run", "books")

    assert "price is empty and was filled" in crawl("failures", "books").out
    shown = crawl("failures", "show", kept(crawl, "parse_book")).out
    assert "css p.price::text (on the good page: 1)" in shown
    assert "h1.title" not in shown


def test_a_callback_is_given_what_it_was_given_in_the_run_without_its_secrets(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    file = project / "spiders" / "books.py"
    source = file.read_text().replace("def parse_book(self, response)", "def parse_book(self, response, shelf, **more)")
    words = 'cb_kwargs={"shelf": 3, "token": "t" * 20}, meta={"n": 1}, callback=self.parse_book)'
    file.write_text(source.replace("callback=self.parse_book)", words))
    crawl("run", "books")
    next_night()
    site.edit = empty_prices
    crawl("run", "books")
    number = kept(crawl, "parse_book")

    assert "css p.price::text (on the good page: 1)" in crawl("failures", "show", number).out
    crawl("record", "books", "--failure", number)
    case = json.loads(next((project / "tests" / "pages" / "books").glob("*.page.json")).read_text())
    assert (case["cb_kwargs"], case["meta"]) == ({"shelf": 3, "token": "***"}, {"n": 1})
    assert "price empty in more than half" in crawl("check", "books").out


def test_a_page_that_was_too_large_to_be_kept_whole_says_so(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl("run", "books")
    next_night()
    site.edit = redesign
    monkeypatch.setattr("crawler.pagework.samples.masked.__defaults__", (100,))
    crawl("run", "books")
    number = kept(crawl, "parse_book")

    assert "the first 100 of" in crawl("failures", "show", number).out
    assert "only the first 100 of" in crawl("record", "books", "--failure", number).err


def test_no_cookie_and_no_password_is_in_what_is_kept(site: NightlySite, project: Path, crawl: Crawl) -> None:
    _, password = site.account
    site.edit = lambda call, answer: setattr(answer, "body", answer.body + f"<i>{password}</i>".encode())
    crawl("run", "books", "-s", "keep_pages=false")
    import sqlite3
    import zlib
    from contextlib import closing

    with closing(sqlite3.connect(project / "data" / "crawl.db")) as database:
        rows = database.execute("SELECT head, body FROM crawl_samples").fetchall()

    assert rows
    for head, body in rows:
        assert "set-cookie" not in head.lower()
        assert password.encode() not in zlib.decompress(body)


def test_an_unknown_number_says_where_numbers_are_listed(site: NightlySite, crawl: Crawl) -> None:
    crawl("run", "books")

    assert "`crawl failures NAME` lists" in crawl("failures", "show", "99").err
    assert crawl("failures", "books", "1").code == 2


def test_a_page_of_an_earlier_crawl_is_no_failure_of_the_last_one(
    site: NightlySite, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    good = site.edit
    crawl("run", "books")
    next_night()
    site.edit = no_books
    crawl("run", "books")
    number = kept(crawl, "parse")
    next_night()
    site.edit = good
    crawl("run", "books")

    done = crawl("failures", "books")

    assert (done.code, done.out) == (0, "")
    assert "nothing failed in the last crawl of books" in done.err
    assert crawl("failures", "show", number).code == 0

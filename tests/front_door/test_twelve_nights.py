"""A crawl that is left alone: twelve nights of a site, each reported correctly in the morning, by default."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, Result, _clean, crawl, project
from tests.crash.test_store_faults import fill, small_disk
from tests.front_door.nights import (
    BOOKS,
    NightlySite,
    empty_prices,
    half_of_the_books,
    no_books,
    redesign,
    refuse_logins,
)
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Spider


class Books(Spider):
    name = "books"
    start_urls = ["{url}/members/?page=1"]

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"username": session.account.username, "password": session.account.password}})

    def parse(self, response):
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next, a.last")

    def parse_book(self, response):
        yield {{
            "title": response.css("h1.title::text").get(),
            "price": response.css("p.price::text").get(),
            "upc": response.css("p.upc::text").get(),
        }}
"""
# not what is tested, but how long a test waits for room on a disk
PATIENCE = "[tool.crawl]\nbusy_timeout = 0.2\n"
DAY_S = 86_400.0


@pytest.fixture
def site(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NightlySite]:
    site = NightlySite()
    (project / "spiders").mkdir()
    (project / "spiders" / "books.py").write_text(SPIDER.format(url=site.url))
    (project / "pyproject.toml").write_text(PATIENCE)
    name, password = site.account
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", name)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password)
    service = Host({"*": Answer(body=b"ok")}, "127.0.0.1", None)
    monkeypatch.setenv("CRAWL_NOTIFY", f"{service.url}/hook")
    site.told = service.calls
    monkeypatch.setattr("crawler.sessions.login.patience.PATIENCE_WITH_STRANGERS_S", 0.1)  # a minute, for a dead host
    yield site
    service.close()
    with contextlib.suppress(OSError):
        site.down()


@pytest.fixture
def next_night(monkeypatch: pytest.MonkeyPatch, site: NightlySite) -> Callable[[], None]:
    """A day passes: for this process's clock, and for the sessions of the site."""
    import crawler.clock

    def pass_by() -> None:
        monkeypatch.setattr(crawler.clock, "_BEGAN", crawler.clock._BEGAN + DAY_S)
        site.forget_sessions()

    return pass_by


def told(result: Result) -> str:
    """The mail that cron sends: what a quiet run prints."""
    return result.out + result.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_twelve_nights_are_reported_correctly_and_each_recovers(
    site: NightlySite, project: Path, crawl: Crawl, next_night: Callable[[], None]
) -> None:
    def night(edit: object = None) -> Result:
        next_night()
        site.edit = edit  # type: ignore[assignment]
        return crawl("run", "books", "--quiet")

    def good() -> None:
        assert (ended := night()).code == 0, told(ended)
        assert told(ended) == ""

    with small_disk(project / "data", "4m"):
        good()
        good()

        ended = night(refuse_logins)
        assert ended.code == 3, told(ended)
        assert "login failed" in told(ended)
        assert "crawl login books" in told(ended)
        good()  # the same crawl goes on, and the next one is compared with the whole of it

        ended = night(half_of_the_books)
        assert ended.code == 11, told(ended)
        assert f"10 items from 12 pages; the last 3 complete crawls had usually {BOOKS} from 24" in told(ended)
        assert "`crawl runs accept 5` accepts this as right" in told(ended)
        good()

        ended = night(empty_prices)
        assert ended.code == 11, told(ended)
        assert f"'price' is filled in 0 of {BOOKS} items (0 %); before it was in 100 %" in told(ended)
        assert "next: crawl runs show 7" in told(ended)
        assert "'title'" not in told(ended)

        ended = night(no_books)
        assert ended.code == 9, told(ended)
        assert f"no item came from 4 pages: see parse; the last 4 complete crawls had {BOOKS}" in told(ended)

        next_night()
        site.edit = None
        fill(project / "data" / "filler")
        ended = crawl("run", "books", "--quiet")
        assert ended.code == 6, told(ended)
        assert "data/crawl.db: no room on the disk" in told(ended)
        (project / "data" / "filler").unlink()

        site.down()
        ended = night()
        assert ended.code == 1, told(ended)
        assert "127.0.0.1" in told(ended)
        site.up()
        good()

        ended = night(redesign)
        assert ended.code == 11, told(ended)
        for name in ("title", "price", "upc"):
            assert f"'{name}' is filled in 0 of {BOOKS} items" in told(ended)
        good()

    messages = [json.loads(call.body) for call in site.told]
    assert [(each["event"], each["exit_code"]) for each in messages] == [
        *[("failure", 3), ("recovery", 0)],
        *[("failure", 11), ("recovery", 0)],
        *[("failure", 11), ("failure", 9), ("failure", 6), ("failure", 1), ("recovery", 0)],
        *[("failure", 11), ("recovery", 0)],
    ]
    for each, words in zip(
        [each for each in messages if each["event"] == "failure"],
        ["login failed", "10 items from", "'price' is filled", "no item came", "no room", "127.0.0.1", "'title' is"],
        strict=True,
    ):
        assert words in each["text"]

"""Kept pages: read again without a request, compared with what is stored, shown; equal ones are kept once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.errors import AlreadyRunning, UsageError
from crawler.replay.kept_pages import Reading, parse_kept
from tests.revisits.site import Site, night, page, rows, value

SPIDER = """
from crawler import Spider

class Kept(Spider):
    name = "kept"
    KEYS
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]
    def parse(self, response):
        if response.css("h1"):
            yield {"number": int(response.css("h1::text").get()), "price": response.css("PRICE::text").get()}
        yield from response.follow_all(css="LINKS")
"""


def spider(folder: Path, price: str = "p.price", links: str = "a", keys: str = "") -> type[crawler.Spider]:
    from crawler.loading import find_spider

    (folder / "spiders").mkdir(exist_ok=True)
    text = SPIDER.replace("PRICE", price).replace("LINKS", links).replace("KEYS", keys or "pass")
    (folder / "spiders" / "kept.py").write_text(text)
    return find_spider("kept", folder / "spiders")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def read(kind: type[crawler.Spider], site: Site, folder: Path, **options: Any) -> Reading:
    return parse_kept(kind, arguments={"site": site.url}, settings={"store": str(folder / "crawl.db")}, **options)


KEYED = 'keys = {"items": ("number",)}'


@pytest.mark.parametrize("keys", ["", KEYED], ids=["items", "records"])
def test_the_same_spider_finds_the_same_in_kept_pages_without_a_request(keys: str, site: Site, tmp_path: Path) -> None:
    night(spider(tmp_path, keys=keys), site, tmp_path, keep_pages=True)
    site.asked.clear()

    reading = read(spider(tmp_path, keys=keys), site, tmp_path)

    assert site.asked == {}
    assert (reading.pages, reading.differ, reading.failed) == (7, 0, 0), reading.differences
    assert reading.items == {"items": (6, 6)}


@pytest.mark.parametrize("keys", ["", KEYED], ids=["items", "records"])
def test_another_selector_shows_each_value_that_differs_and_write_puts_it_in(
    keys: str, site: Site, tmp_path: Path
) -> None:
    first = night(spider(tmp_path, keys=keys), site, tmp_path, keep_pages=True)
    changed = spider(tmp_path, price="a", keys=keys)
    site.asked.clear()

    reading = read(changed, site, tmp_path)

    assert (reading.differ, len(reading.differences)) == (6, 6)
    assert [dict(change.fields) for each in reading.differences for change in each.changed] == [
        {"price": ("5", "home")}
    ] * 6
    assert value(tmp_path, "SELECT count(*) FROM items WHERE price = '5'") == 6
    assert read(changed, site, tmp_path, write=True).written
    assert value(tmp_path, "SELECT count(*) FROM items") == 6
    assert value(tmp_path, "SELECT count(*) FROM items WHERE price = 'home'") == 6
    assert read(changed, site, tmp_path).differ == 0
    assert site.asked == {}
    assert len(rows(tmp_path, first.run)) == 6
    second = night(changed, site, tmp_path, keep_pages=True)
    assert (second.ending, second.items) == ("finished", {"items": 6})


def test_links_that_are_new_or_lost_are_reported_and_new_ones_wait_for_the_next_run(site: Site, tmp_path: Path) -> None:
    site.pages["/p/1"] += "<b><a class=more href=/more>more</a></b>"
    site.pages["/more"] = page(9)
    night(spider(tmp_path, links=":not(b) > a"), site, tmp_path, keep_pages=True)
    site.asked.clear()

    reading = read(spider(tmp_path, links="a"), site, tmp_path, write=True)

    assert [each.new_links for each in reading.differences] == [[f"{site.url}/more"]]
    assert site.asked == {}
    night(spider(tmp_path, links="a"), site, tmp_path, keep_pages=True)
    assert site.asked["/more", 200] == 1
    lost = read(spider(tmp_path, links="a.none"), site, tmp_path)
    assert sum(len(each.lost_links) for each in lost.differences) == 7


def test_a_callback_that_fails_on_a_kept_page_leaves_what_is_stored(site: Site, tmp_path: Path) -> None:
    night(spider(tmp_path), site, tmp_path, keep_pages=True)

    reading = read(spider(tmp_path, price="p["), site, tmp_path, write=True)

    assert (reading.failed, reading.differ) == (6, 6)
    assert all(each.error for each in reading.differences)
    assert value(tmp_path, "SELECT count(*) FROM items WHERE price = '5'") == 6


def test_unchanged_pages_of_a_second_night_are_kept_for_it_too_and_once(site: Site, tmp_path: Path) -> None:
    kind = spider(tmp_path)
    night(kind, site, tmp_path, keep_pages=True)
    contents = value(tmp_path, "SELECT count(*) FROM crawl_contents")
    site.pages["/p/3"] = page(3, 8)
    night(kind, site, tmp_path, keep_pages=True)

    newest = read(kind, site, tmp_path)
    oldest = read(kind, site, tmp_path, crawl=1)

    assert (newest.pages, newest.differ, oldest.pages, oldest.differ) == (7, 0, 7, 0)
    assert value(tmp_path, "SELECT count(*) FROM crawl_contents") == contents + 2  # a body and a head


def test_equal_bodies_are_one(site: Site, tmp_path: Path) -> None:
    for path in ("/a", "/b", "/c"):
        site.pages[path] = "<p>the same</p>"
        site.pages["/"] += f"<a href={path}>x</a>"
    night(spider(tmp_path), site, tmp_path, keep_pages=True)

    assert value(tmp_path, "SELECT count(*) FROM crawl_bodies") == 10
    assert value(tmp_path, "SELECT count(DISTINCT content) FROM crawl_bodies") == 8


def test_pages_that_are_kept_outlive_their_frontier(site: Site, tmp_path: Path) -> None:
    kind = spider(tmp_path)
    for _ in range(6):
        night(kind, site, tmp_path, keep_pages=True)

    assert read(kind, site, tmp_path, crawl=1).pages == 7


def test_kept_pages_of_older_crawls_are_removed_on_demand_and_items_stay(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = spider(tmp_path)
    for number in range(4):
        site.pages["/p/3"] = page(3, number)
        night(kind, site, tmp_path, keep_pages=True)
    monkeypatch.chdir(tmp_path)

    def typed(*words: str) -> str:
        return command(monkeypatch, capfd, *words, "--store", str(tmp_path / "crawl.db"))[1]

    listed = [json.loads(line) for line in typed("pages", "list", "--json").splitlines()]
    assert [(each["spider"], each["crawl"], each["pages"]) for each in listed] == [("kept", n, 7) for n in (1, 2, 3, 4)]
    contents = value(tmp_path, "SELECT count(*) FROM crawl_contents")
    items = value(tmp_path, "SELECT count(*) FROM items")
    assert "would remove up to 14 pages of 2 crawls" in typed("pages", "prune", "--keep", "2", "--dry-run")
    assert typed("pages", "prune", "--keep", "2", "--days", "1").startswith("removed 0 pages")
    said = typed("pages", "prune", "kept", "--keep", "2")

    assert said.startswith("removed 14 pages of 2 crawls")
    assert value(tmp_path, "SELECT count(*) FROM crawl_contents") == contents - 4, "two versions of a page, with heads"
    assert value(tmp_path, "SELECT count(*) FROM items") == items
    assert (read(kind, site, tmp_path).differ, read(kind, site, tmp_path, crawl=3).differ) == (0, 0)
    with pytest.raises(UsageError, match="kept no pages"):
        read(kind, site, tmp_path, crawl=1)
    assert "kept pages" in typed("status", "kept").splitlines()[-1]
    site.asked.clear()
    assert night(kind, site, tmp_path, keep_pages=True).ending == "finished"
    assert read(kind, site, tmp_path).pages == 7


def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    from crawler.cli import main

    monkeypatch.setattr("sys.argv", ["crawl", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capfd.readouterr().out


def test_what_is_kept_of_an_answer_holds_no_cookie(site: Site, tmp_path: Path) -> None:
    from crawler.stores.contents import unpack

    site.headers["/p/1"] = [("Set-Cookie", "sid=very-secret-value"), ("X-Api-Token", "very-secret-value"), ("X-A", "b")]
    night(spider(tmp_path), site, tmp_path, keep_pages=True)

    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "crawl.db")) as raw:
        heads = [unpack(*row) for row in raw.execute("SELECT coding, body FROM crawl_contents")]
    assert any(b"X-A" in head for head in heads)
    assert not any(b"very-secret" in head for head in heads)


def test_only_the_last_crawl_is_written_and_only_what_is_there(site: Site, tmp_path: Path) -> None:
    kind = spider(tmp_path)
    night(kind, site, tmp_path)
    with pytest.raises(UsageError, match="kept no pages"):
        read(kind, site, tmp_path)
    night(kind, site, tmp_path, keep_pages=True, full=True)
    night(kind, site, tmp_path, keep_pages=True)
    with pytest.raises(UsageError, match="not the last one"):
        read(kind, site, tmp_path, crawl=2, write=True)
    with pytest.raises(UsageError, match="no crawl 77"):
        read(kind, site, tmp_path, crawl=77)


def test_a_crawl_that_is_under_way_is_not_written_to(site: Site, tmp_path: Path) -> None:
    kind = spider(tmp_path)
    night(kind, site, tmp_path, keep_pages=True)
    refused: list[BaseException] = []

    def observer(event: Any) -> None:
        if type(event).__name__ == "PageDone" and not refused:
            with pytest.raises(AlreadyRunning) as caught:
                read(kind, site, tmp_path, write=True)
            refused.append(caught.value)

    crawler.run(
        kind,
        arguments={"site": site.url},
        settings={"store": str(tmp_path / "crawl.db")},
        observers=[observer],
    )
    assert refused


def test_the_commands_tell_it_and_show_a_page(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    night(spider(tmp_path), site, tmp_path, keep_pages=True)
    site.asked.clear()
    spider(tmp_path, price="a")
    store = ["--store", str(tmp_path / "crawl.db")]

    def typed(*words: str) -> tuple[int, str]:
        return command(monkeypatch, capfd, *words, *store)

    code, said = typed("parse", "kept", "-a", f"site={site.url}")
    assert (code, "7 kept pages read in" in said, '~ items: price: "5" -> "home"' in said) == (0, True, True)
    code, said = typed("parse", "kept", "-a", f"site={site.url}", "--json")
    assert json.loads(said)["differ"] == 6
    code, said = typed("page", f"{site.url}/p/1")
    assert (code, "kept, crawl 1" in said, f"ETag {site.etag('/p/1')}" in said) == (0, True, True)
    code, said = typed("page", f"{site.url}/p/1", "--stored")
    assert (code, said) == (0, page(1))
    code, said = typed("page", f"{site.url}/p/1", "--stored", "--headers")
    assert said.splitlines()[:2] == ["200", f"url: {site.url}/p/1"]
    assert typed("page", f"{site.url}/nowhere")[0] == 2
    assert site.asked == {}

"""Which 304 is believed, and what is not asked at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import LinkExtractor, Response, Rule, Spider, results
from crawler.spider import CrawlSpider
from crawler.testing.wire import Answer, WireRequest
from tests.revisits.site import Shop, Site, night, page, rows


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def of_page(site: Site, path: str) -> dict[int, int]:
    return {status: count for (asked, status), count in site.asked.items() if asked == path}


def lies(site: Site, path: str, answer: Answer) -> None:
    """Answer conditional requests for *path* with this one."""
    before = site.host.routes["*"]

    def lying(call: WireRequest) -> Answer:
        if call.path == path and ("if-none-match" in call.headers or "if-modified-since" in call.headers):
            return site._counted(call, answer)
        return before(call)  # type: ignore[operator]

    site.host.routes["*"] = lying


def test_a_304_that_names_another_version_is_not_believed(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)
    site.asked.clear()
    site.pages["/p/1"] = page(1, 9)
    lies(site, "/p/1", Answer(304, headers=[("ETag", '"another"')]))

    second = night(Shop, site, tmp_path)

    assert of_page(site, "/p/1") == {304: 1, 200: 1}
    assert (1, 9) in rows(tmp_path, second.run)


@pytest.mark.parametrize("tag", ["weak twin", "none"])
def test_a_304_with_the_weak_twin_or_without_a_tag_is_believed(tag: str, site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)
    site.asked.clear()
    lies(site, "/p/1", Answer(304, headers=[("ETag", f"W/{site.etag('/p/1')}")] if tag == "weak twin" else []))

    second = night(Shop, site, tmp_path)

    assert (of_page(site, "/p/1"), second.unchanged) == ({304: 1}, 7)


def test_a_304_to_which_a_redirect_led_is_not_believed(site: Site, tmp_path: Path) -> None:
    """The address that answered has never been asked for this version."""
    night(Shop, site, tmp_path)
    site.pages["/other"] = page(1, 9)
    before = site.host.routes["*"]

    def moved(call: WireRequest) -> Answer:
        if call.path == "/p/1":
            return Answer(302, headers=[("Location", "/other")])
        if call.path == "/other" and "if-none-match" in call.headers:
            return Answer(304)
        return before(call)  # type: ignore[operator]

    site.host.routes["*"] = moved
    second = night(Shop, site, tmp_path)

    assert (1, 9) in rows(tmp_path, second.run)


def test_a_page_to_which_a_redirect_leads_is_asked_for_as_a_whole(site: Site, tmp_path: Path) -> None:
    site.pages["/"] += "<a href=/moved>moved</a>"
    site.pages["/target"] = page(8)
    before = site.host.routes["*"]
    site.host.routes["*"] = lambda call: (
        Answer(302, headers=[("Location", "/target")]) if call.path == "/moved" else before(call)  # type: ignore[operator]
    )
    first = night(Shop, site, tmp_path)
    second = night(Shop, site, tmp_path)

    assert of_page(site, "/target") == {200: 2}
    assert rows(tmp_path, second.run) == rows(tmp_path, first.run)
    assert "if-none-match" not in site.host.seen("/moved")[-1].headers


def test_a_304_after_a_503_is_still_the_answer_to_the_question(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)
    site.asked.clear()
    before = site.host.routes["*"]
    broken = iter([True])

    def shaky(call: WireRequest) -> Answer:
        if call.path == "/p/1" and next(broken, False):
            return Answer(503)
        return before(call)  # type: ignore[operator]

    site.host.routes["*"] = shaky
    second = night(Shop, site, tmp_path)

    assert (of_page(site, "/p/1"), second.unchanged, second.ending) == ({304: 1}, 7, "finished")


@pytest.mark.parametrize(
    "validator",
    [("ETag", "no quotes"), ("ETag", '"' + "x" * 2_000 + '"'), ("ETag", ""), ("Last-Modified", "")],
    ids=["no quotes", "too long", "empty", "empty date"],
)
def test_an_invalid_validator_is_not_sent_back(validator: tuple[str, str], site: Site, tmp_path: Path) -> None:
    site.validators = "none"
    site.headers["/p/1"] = [validator]
    night(Shop, site, tmp_path)
    night(Shop, site, tmp_path)

    assert {"if-none-match", "if-modified-since"}.isdisjoint(site.host.seen("/p/1")[-1].headers)


# --- not asked at all ---------------------------------------------------------------------------------------------


class Aged(Shop):
    """Its products need not be asked for within an hour."""

    name = "aged"
    max_age: float | None = 3_600

    def parse(self, response: Response) -> Iterator[Any]:
        yield from response.follow_all(css="a", callback=self.parse_page, max_age=self.max_age)

    def parse_page(self, response: Response) -> Iterator[Any]:
        yield {"price": int(response.css("p.price::text").get())}
        yield from response.follow_all(css="a.more", callback=self.parse_page, max_age=self.max_age)


def test_a_page_that_is_young_enough_is_not_asked_for_and_gives_what_it_gave(site: Site, tmp_path: Path) -> None:
    site.validators = "none"
    site.pages["/p/1"] += "<a class=more href=/p/7>more</a>"
    site.pages["/p/7"] = page(7)
    first = night(Aged, site, tmp_path)
    site.asked.clear()

    second = night(Aged, site, tmp_path)

    assert site.statuses() == {200: 1}
    assert (second.pages, second.unchanged, second.not_asked, second.ending) == (8, 7, 7, "finished")
    assert rows(tmp_path, second.run) == rows(tmp_path, first.run)


def test_a_different_max_age_is_not_a_different_request_and_0_always_asks(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(Aged, site, tmp_path)
    site.asked.clear()
    for max_age, asked in ((0, {200: 1, 304: 6}), (7_200, {200: 1}), (None, {200: 1, 304: 6})):
        monkeypatch.setattr(Aged, "max_age", max_age)
        site.pages["/"] += " "  # it is read again, and its links have the new age
        night(Aged, site, tmp_path)
        assert site.statuses() == asked


def test_what_is_not_asked_for_keeps_its_age(site: Site, tmp_path: Path) -> None:
    """Or a page that is young once would be young for ever."""
    import sqlite3
    from contextlib import closing

    night(Aged, site, tmp_path)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as raw, raw:
        raw.execute("UPDATE crawl_visits SET checked_at = checked_at - 3000")
    night(Aged, site, tmp_path)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as raw, raw:
        raw.execute("UPDATE crawl_visits SET checked_at = checked_at - 3000")
    site.asked.clear()

    night(Aged, site, tmp_path)

    assert site.statuses() == {304: 7}


def test_pages_that_are_not_asked_for_do_not_wait_for_a_delay(site: Site, tmp_path: Path) -> None:
    for path in site.pages:
        site.headers[path] = [("Cache-Control", "max-age=3600")]
    night(Shop, site, tmp_path, http_cache="rfc")
    began = time.monotonic()

    second = night(Shop, site, tmp_path, http_cache="rfc", delay=30)

    assert (second.not_asked, time.monotonic() - began < 20) == (7, True)


class Ruled(CrawlSpider):
    name = "ruled"
    rules = [Rule(LinkExtractor(allow=r"/p/"), callback="parse_page", max_age=3_600)]

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def parse_page(self, response: Response) -> Iterator[Any]:
        yield {"price": int(response.css("p.price::text").get())}


def test_a_rule_may_say_how_old_its_pages_may_be(site: Site, tmp_path: Path) -> None:
    night(Ruled, site, tmp_path)
    site.asked.clear()

    second = night(Ruled, site, tmp_path)

    assert (site.statuses(), second.not_asked) == ({304: 1}, 6)


@pytest.mark.parametrize("seconds", [-1, float("nan"), "3600", True])
def test_a_max_age_that_is_not_a_duration_is_refused(seconds: Any) -> None:
    from crawler import Request
    from crawler.errors import SpiderError

    with pytest.raises(SpiderError, match="max_age"):
        Request("http://shop.test/", max_age=seconds)


@pytest.mark.parametrize(
    ("said", "second"),
    [
        ([("Cache-Control", "max-age=3600")], {}),
        ([("Cache-Control", "max-age=3600, no-cache")], {304: 1}),
        ([("Cache-Control", "no-store")], {200: 1}),
        ([("Cache-Control", "max-age=3600"), ("Age", "3600")], {304: 1}),
        ([("Cache-Control", "s-maxage=3600")], {304: 1}),
        ([("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")], {}),
        ([("Expires", "0")], {304: 1}),
        ([("Cache-Control", "max-age=0"), ("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")], {304: 1}),
        ([], {304: 1}),
    ],
    ids=str,
)
def test_by_rfc_a_page_is_not_asked_for_while_its_server_says_that_it_is_fresh(
    said: list[tuple[str, str]], second: dict[int, int], site: Site, tmp_path: Path
) -> None:
    site.headers["/p/1"] = said
    first = night(Shop, site, tmp_path, http_cache="rfc")
    site.asked.clear()

    again = night(Shop, site, tmp_path, http_cache="rfc")

    assert of_page(site, "/p/1") == second
    assert rows(tmp_path, again.run) == rows(tmp_path, first.run)


def test_what_the_server_says_of_freshness_counts_by_rfc_only(site: Site, tmp_path: Path) -> None:
    site.headers["/p/1"] = [("Cache-Control", "max-age=3600")]
    night(Shop, site, tmp_path)
    night(Shop, site, tmp_path)

    assert of_page(site, "/p/1") == {200: 1, 304: 1}


def test_switched_off_nothing_is_kept_and_nothing_asked_about(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path)
    site.asked.clear()

    for _ in range(2):
        night(Shop, site, tmp_path, http_cache="off")

    assert site.statuses() == {200: 14}
    night(Shop, site, tmp_path)
    assert site.statuses() == {200: 7}


# --- other code -----------------------------------------------------------------------------------------------------

SPIDER = """
from crawler import Spider

class Changing(Spider):
    name = "changing"
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]
    def parse(self, response):
        if response.css("h1"):
            yield {"number": int(response.css("h1::text").get()), "what": response.css("WHAT::text").get()}
        yield from response.follow_all(css="a")
"""


def changing(folder: Path, what: str) -> type[Spider]:
    from crawler.loading import find_spider

    (folder / "spiders").mkdir(exist_ok=True)
    (folder / "spiders" / "changing.py").write_text(SPIDER.replace("WHAT", what))
    return find_spider("changing", folder / "spiders")


@pytest.mark.parametrize("keep_pages", [False, True])
def test_a_spider_with_other_code_reads_all_pages_again_from_the_site_or_from_what_is_kept(
    keep_pages: bool, site: Site, tmp_path: Path
) -> None:
    night(changing(tmp_path, "p.price"), site, tmp_path, keep_pages=keep_pages)
    site.asked.clear()

    other = night(changing(tmp_path, "a"), site, tmp_path, keep_pages=keep_pages)

    assert site.statuses() == ({304: 7} if keep_pages else {200: 7})
    assert rows(tmp_path, other.run) == [(number, "home") for number in range(6)]
    third = night(changing(tmp_path, "a"), site, tmp_path, keep_pages=keep_pages)
    assert (site.statuses(), third.unchanged) == ({304: 7}, 7)
    assert rows(tmp_path, third.run) == rows(tmp_path, other.run)


@pytest.mark.parametrize("headers", [[], [("Cache-Control", "max-age=86400")]], ids=["asked", "fresh"])
def test_a_page_that_vanished_and_comes_back_as_it_was_brings_its_record_back(
    headers: list[tuple[str, str]], site: Site, tmp_path: Path
) -> None:
    class Keyed(Shop):
        keys = {"items": ("number",)}

    def changes() -> list[tuple[str, Any]]:
        found = results("shop", store=str(tmp_path / "crawl.db")).changes()
        return [(each.kind, int(each.key["number"])) for each in found]

    site.headers["/p/3"] = headers
    night(Keyed, site, tmp_path)
    links = site.pages["/"]
    site.pages["/"] = links.replace("<a href=/p/3>page</a>", "")
    night(Keyed, site, tmp_path)
    assert changes() == [("gone", 3)]

    site.pages["/"] = links
    night(Keyed, site, tmp_path)
    assert changes() == [("back", 3)]
    assert night(Keyed, site, tmp_path).unchanged >= 6, "and from then on it is unchanged like the others"
    assert changes() == []

"""Links that a script sends by POST, PUT or DELETE (rails-ujs, Turbo, Yii, Unpoly), as Redmine has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler import CrawlSpider, LinkExtractor, Response, Rule, Session
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Host, Net
from tests.urls_and_traps.test_redirects import Follower

FORM = b"<form method=post action=/login><input name=user><input name=password type=password></form>"
PAGES = {
    "/": b"""<a href=/projects/1 data-method=delete>Delete</a><a rel=nofollow data-method=post href=/projects/1/close>
        Close</a> <a href=/later data-turbo-method=POST>Watch</a><a href=/wiki>Wiki</a><a href=/logout>out</a>""",
    "/wiki": b"""<a href=/projects/1>The first</a><a href=/mine data-method=get>Mine</a>
        <a href=/like up-method=put>+</a>""",
    "/projects/1": b"""<a data-method=post href=/projects/1/close>Close</a><a href=/later>Later</a>
        <a href=/both>Show</a><a href=/both data-method=delete>x</a>
        <a href=/as-well data-method=patch>x</a><a href=/as-well>Show</a>""",
    "/both": b"<p>Both</p>",
    "/as-well": b"<p>As well</p>",
    "/later": b"<p>Later</p>",
    "/mine": b"<p>Mine</p>",
}
ALL = ["/", "/as-well", "/both", "/later", "/mine", "/projects/1", "/wiki"]


class Members(Follower):
    name = "members"
    custom_settings = {"robots": False}

    def login(self, session: Session) -> None:
        page = session.get(self.arguments["site"] + "/login")
        session.submit(page.form(), {"user": "ann", "password": "x"})


class OneByOne(Members):
    def parse(self, response: Response) -> Any:
        yield {"id": 1, "url": response.url}
        for link in response.css("a"):
            yield response.follow(link)


class OneKindAfterTheOther(Members):
    def parse(self, response: Response) -> Any:
        yield {"id": 1, "url": response.url}
        yield from response.follow_all(response.css("a[data-method]"))
        yield from response.follow_all(xpath="//a")


class ByRules(CrawlSpider, Members):
    rules = [Rule(LinkExtractor(), "page", follow=True)]

    def parse(self, response: Response) -> Any:
        yield from self.page(response)
        yield from super().parse(response)

    def page(self, response: Response) -> Any:
        yield {"id": 1, "url": response.url}


@pytest.fixture
def site(quick_net: Net) -> Host:
    def answer(call: WireRequest) -> Answer:
        if call.path == "/login":
            cookies = [("Set-Cookie", "sid=1; Path=/"), ("Location", "/")]
            return Answer(302, headers=cookies) if call.method == "POST" else Answer(body=FORM)
        if "sid=1" not in call.headers.get("cookie", ""):
            return Answer(302, headers=[("Location", "/login")])
        if call.path not in PAGES:
            return Answer(404, b"no such page")
        if call.headers.get("if-none-match") == '"1"':
            return Answer(304, headers=[("ETag", '"1"')])
        return Answer(body=PAGES[call.path], headers=[("ETag", '"1"')])

    return quick_net.host({"*": answer})


def asked(site: Host) -> set[str]:
    return {call.path for call in site.calls} - {"/login"}


@pytest.mark.parametrize("spider", [Members, OneByOne, OneKindAfterTheOther, ByRules])
def test_a_link_that_a_script_sends_by_another_method_is_left_alone_and_named(
    site: Host, tmp_path: Path, spider: type[Members]
) -> None:
    summary = crawl(spider, site.url, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0)
    assert asked(site) == set(ALL)
    assert summary.skipped_by["guard: sent by a script (link)"] >= 2


@pytest.mark.parametrize("spider", [Members, OneByOne, OneKindAfterTheOther, ByRules])
def test_the_page_at_its_address_is_fetched_for_the_sake_of_a_plain_link_found_later(
    site: Host, tmp_path: Path, spider: type[Members]
) -> None:
    crawl(spider, site.url, tmp_path)

    assert sorted(row["url"].removeprefix(site.url) for row in stored(tmp_path, "url")) == ALL


@pytest.mark.parametrize("spider", [Members, OneByOne, OneKindAfterTheOther, ByRules])
def test_both_hold_when_the_pages_are_unchanged_in_the_next_night(
    site: Host, tmp_path: Path, spider: type[Members]
) -> None:
    first = crawl(spider, site.url, tmp_path)
    site.calls.clear()

    second = crawl(spider, site.url, tmp_path)

    assert (second.ending, second.failed, second.unchanged) == ("finished", 0, len(ALL))
    assert asked(site) == set(ALL)
    assert second.skipped_by == first.skipped_by


def test_without_the_guard_it_is_asked_for_like_any_other(site: Host, tmp_path: Path) -> None:
    summary = crawl(Members, site.url, tmp_path, logout_guard=False)

    assert {"/projects/1/close", "/like"} <= asked(site)
    assert summary.skipped_by == {}

"""Links of a help desk that change tickets by GET: a logged-in run leaves them alone, counts them and names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net

from .conftest import Crawl

SPIDER = """
from crawler import CrawlSpider, LinkExtractor, Rule


class Desk(CrawlSpider):
    name = "desk"
    start_urls = ["{url}/"]
    rules = [Rule(LinkExtractor(), callback="page", follow=True)]
    custom_settings = {{"robots": False}}

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"user": "ann", "password": "x"}})

    def page(self, response):
        yield {{"url": response.url}}
"""
FORM = b"<form method=post action=/login><input name=user><input name=password type=password></form>"
FORGED = (
    b"<title>Possible cross-site request forgery</title><h1>RT</h1><p>RT has detected a possible cross-site request</p>"
)
TICKET = b"""<title>Ticket</title><a href="/logout">Log out</a>
    <a href="/t?Action=Take&id=1">Take</a> <a href="/t?Action=Untake&id=2">Untake</a>
    <a href="/t?id=1&Action=SetTold">Mark as sent</a> <a href="/t?Action=Steal&id=3">Steal</a>
    <a href="/t?id=4&Status=resolved&SubmitTicket=1">Quick resolve</a>
    <a href="/t?id=5&Status=rejected">Reject</a> <a href="/toggle/bookmark?id=5">Bookmark</a>
    <a href="/Create.html?Queue=1&RefersTo-new=5">Create</a> <a href="/posts/17/like">+1</a>
    <a href="/t?id=9&Action=Merge-Everything">Merge</a>
    <a href="/t?id=6">Reject</a> <a href="/t?Status=resolved&submit=Filter">Resolved</a>
    <a href="/archive/2024">Archive</a> <a href="/follow-up">Follow-up</a> <a href="/t?id=1&Action=History">History</a>
    <a href="/category/toggle-switches">Toggle switches</a>"""
READ = {
    "/",
    "/t?id=6",
    "/t?Status=resolved&submit=Filter",
    "/archive/2024",
    "/follow-up",
    "/t?id=1&Action=History",
    "/category/toggle-switches",
    "/t?id=9&Action=Merge-Everything",  # no word says so: the site does
}


def answer(call: WireRequest) -> Answer:
    if call.path == "/login":
        cookies = [("Set-Cookie", "sid=1; Path=/"), ("Location", "/")]
        return Answer(302, headers=cookies) if call.method == "POST" else Answer(body=FORM)
    if "sid=1" not in call.headers.get("cookie", ""):
        return Answer(302, headers=[("Location", "/login")])
    return Answer(body=FORGED if "Merge" in call.query_text else TICKET)


@pytest.fixture
def desk(project: Path) -> Iterator[Host]:
    net = Net()
    own = net.host({"*": answer})
    (project / "spiders").mkdir()
    (project / "spiders" / "desk.py").write_text(SPIDER.format(url=own.url))
    yield own
    net.close()


def asked(desk: Host) -> set[str]:
    return {call.target for call in desk.calls} - {"/login"}


def test_no_link_that_changes_a_ticket_is_requested_and_all_pages_are(desk: Host, crawl: Crawl) -> None:
    ended = crawl("run", "desk", "--quiet").code

    assert (ended, asked(desk)) == (0, READ)


def test_status_counts_them_by_rule_with_an_example(desk: Host, crawl: Crawl) -> None:
    crawl("run", "desk", "--quiet")

    shown = crawl("status", "desk").out

    assert f"5 x guard: changes something (query), such as {desk.url}/t?" in shown
    assert f"3 x guard: changes something (path), such as {desk.url}/" in shown
    assert f"1 x guard: changes something (link text), such as {desk.url}/t?id=5&Status=rejected" in shown


def test_what_a_setting_allows_is_requested_and_status_names_the_setting(desk: Host, crawl: Crawl) -> None:
    named = "`-s guard_allow=PATH` has the next crawl fetch URLs with PATH in them"
    crawl("run", "desk", "--quiet")
    before = crawl("status", "desk").out

    crawl("run", "desk", "--quiet", "--fresh", "-s", "guard_allow=/toggle/,Status=rejected$")

    assert named in before
    assert asked(desk) == READ | {"/toggle/bookmark?id=5", "/t?id=5&Status=rejected"}
    assert "2 x guard: changes something (path)" in crawl("status", "desk").out


def test_a_refused_address_is_told_with_the_setting_that_allows_it(desk: Host, crawl: Crawl) -> None:
    refused = crawl("fetch", f"{desk.url}/toggle/bookmark?id=5", "--spider", "desk")
    allowed = crawl("fetch", f"{desk.url}/toggle/bookmark?id=5", "--spider", "desk", "-s", "guard_allow=/toggle/")

    assert "changes something (path); --force fetches it anyway, and so does `-s guard_allow=PATH`" in refused.err
    assert (refused.code, allowed.code) == (2, 0)
    assert "/toggle/bookmark?id=5" in asked(desk)


def test_a_pattern_that_is_none_is_said_before_anything_is_sent(desk: Host, crawl: Crawl) -> None:
    ended = crawl("run", "desk", "--quiet", "-s", "guard_allow=/toggle/(")

    assert (ended.code, desk.calls) == (2, [])
    assert "setting guard_allow: '/toggle/(' is no regular expression: missing )" in ended.err


def test_a_page_that_takes_the_request_for_a_forged_one_is_named(desk: Host, crawl: Crawl) -> None:
    crawl("run", "desk", "--quiet")

    shown = crawl("status", "desk").out

    assert "1 x it took the request for a forged one" in shown
    assert f"as on {desk.url}/t?id=9&Action=Merge-Everything" in shown


def test_without_the_guard_they_are_requested(desk: Host, crawl: Crawl) -> None:
    crawl("run", "desk", "--quiet", "-s", "logout_guard=false")

    assert {"/t?Action=Take&id=1", "/toggle/bookmark?id=5"} <= asked(desk)

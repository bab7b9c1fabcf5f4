"""`crawl status` names what failed, was left out and was tried again, with the URL of one such page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net

from .conftest import Crawl

SPIDER = """
from crawler import Spider


class Rows(Spider):
    name = "rows"
    start_urls = ["{url}/"]
    custom_settings = {{"backoff": 2.0}}

    def parse(self, response):
        yield {{"url": response.url}}
        yield from response.follow_all(css="a")
"""
LINKS = (
    b"<a href=/missing>1</a><a href=/private/x>2</a><a href=http://other.test/y?token=secret-word>3</a>"
    b"<a href=/busy>4</a><a href=/calendar?date=2199-01-01>5</a>"
)


@pytest.fixture
def address(project: Path) -> Iterator[str]:
    """A site with a page for each kind of trouble, crawled once by the spider "rows"."""
    busy: list[str] = []

    def page(call: WireRequest) -> Answer:
        if call.path == "/busy":
            busy.append(call.path)
            return Answer(502) if len(busy) == 1 else Answer(body=b"<p>here</p>")
        return Answer(404) if call.path == "/missing" else Answer(body=LINKS)

    robots = Answer(body=b"User-agent: *\nDisallow: /private", content_type="text/plain")
    net = Net()
    own = net.host({"/robots.txt": robots, "*": page})
    (project / "spiders").mkdir()
    (project / "spiders" / "rows.py").write_text(SPIDER.format(url=own.url))
    yield own.url
    net.close()


def test_status_names_a_page_for_each_kind(address: str, crawl: Crawl) -> None:
    assert crawl("run", "rows", "--quiet").code == 1

    lines = [line.strip() for line in crawl("status", "rows").out.splitlines()]

    for end in (
        f"1 x StatusError: 404, such as {address}/missing",
        f"1 x robots, such as {address}/private/x",
        "1 x off-site, such as http://other.test/y?token=***",
        f"1 x trap: calendar more than 2 years ahead, such as {address}/calendar?date=2199-01-01",
        f"1 x StatusError: 502, such as {address}/busy",
    ):
        assert any(end in line for line in lines), (end, lines)


def test_json_has_them_too(address: str, crawl: Crawl) -> None:
    crawl("run", "rows", "--quiet")

    told = json.loads(crawl("status", "rows", "--json").out)

    assert told["examples"]["robots"] == f"{address}/private/x"
    assert sum(told["retried_by"].values()) == 1
    assert "secret-word" not in str(told)


def test_runs_and_summary_count_what_is_stored(address: str, crawl: Crawl) -> None:
    summary = json.loads(crawl("run", "rows", "--json").out)
    told = json.loads(crawl("status", "rows", "--json").out)

    assert (summary["pages"], sum(summary["items"].values())) == (told["pages"], told["items"]) == (2, 2)


def test_failures_that_differ_in_the_url_only_are_one_line(project: Path, crawl: Crawl) -> None:
    net = Net()
    own = net.host(
        {"/": Answer(body=b"".join(b"<a href=/%d>gone</a>" % number for number in range(12))), "*": Answer(404)}
    )
    (project / "spiders").mkdir()
    (project / "spiders" / "rows.py").write_text(SPIDER.format(url=own.url))
    crawl("run", "rows", "--quiet")
    net.close()

    for command in ("status", "audit"):
        lines = [line for line in crawl(command, "rows").out.splitlines() if " x StatusError" in line]
        assert len(lines) == 1, command
        assert f"12 x StatusError: 404, such as {own.url}/" in lines[0]


GUARDED = """
from crawler import Spider


class Members(Spider):
    name = "members"
    start_urls = ["{url}/home"]

    def login(self, session):
        session.get("{url}/enter")

    def parse(self, response):
        yield {{"url": response.url}}
        yield from response.follow_all(css="a")
"""


def test_status_names_a_page_that_the_guard_left_out(project: Path, crawl: Crawl) -> None:
    net = Net()
    home = Answer(
        body=b"<p>in</p><a href=/logout>Log out</a><a href=/orders/7/delete>x</a><a href=/orders/8/delete>y</a>"
    )
    own = net.host({"/robots.txt": Answer(404), "*": home})
    (project / "spiders").mkdir()
    (project / "spiders" / "members.py").write_text(GUARDED.format(url=own.url))

    crawl("run", "members", "--quiet")
    shown = crawl("status", "members").out
    net.close()

    assert f"1 x guard: logout (path), such as {own.url}/logout" in shown
    assert f"2 x guard: destructive (path), such as {own.url}/orders/" in shown
    assert [call.path for call in own.calls if "delete" in call.path or "logout" in call.path] == []


def test_a_process_that_could_not_say_that_it_ended_does_not_work_for_ever(
    address: str, project: Path, crawl: Crawl
) -> None:
    crawl("run", "rows", "--quiet")
    with closing(sqlite3.connect(project / "data" / "crawl.db")) as raw, raw:
        (run,) = raw.execute("SELECT max(id) FROM crawl_runs").fetchone()
        for number, (until, left_at) in enumerate([(1.0, 2.0), (1.0, 0.0), (4e9, 0.0)], 10):
            raw.execute(
                "INSERT INTO crawl_workers (run, number, owner, process, incarnation, joined_at, until, left_at)"
                " VALUES (?, ?, ?, 'pid 1', 'x', 1.0, ?, ?)",
                (run, number, f"owner {number}", until, left_at),
            )

    (said,) = [line for line in crawl("status", "rows").out.splitlines() if line.strip().startswith("members")]

    assert "1 not heard of any more" in said
    assert "1 work" in said

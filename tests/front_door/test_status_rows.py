"""Answers with an unusual status: a page, an empty one that is told, or a failure that names what came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import crawler
from crawler.fetching.unasked import no_page, odd_about
from crawler.testing.raw import answer
from tests.engine.shop import opened
from tests.front_door.hosts import Peer, RowHost

PAGE = b"<html><body><p>good</p></body></html>"
EMPTY = "an empty answer"


class Row(NamedTuple):
    """What a host answers; how the error begins, "" for a page; what the page says; the beginning of its warning."""

    data: bytes
    error: str = ""
    said: str | None = "good"
    warning: str = ""
    headers: dict[str, str] | None = None
    wanted: tuple[int, ...] = ()


def status(line: str, *headers: str, body: bytes = b"") -> bytes:
    return answer(body, line, *headers)


def bare(line: str, *headers: str, body: bytes = b"") -> bytes:
    """An answer without a length."""
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "", ""]).encode() + body


PART = "Content-Range: bytes 0-36/900"
ROWS = {
    "304 that nobody asked for": Row(bare("304 Not Modified", 'ETag: "a"'), "StatusError: 304 from"),
    "304 with a length": Row(bare("304 Not Modified", "Content-Length: 99"), "StatusError: 304 from"),
    "304 that the spider asked for": Row(
        bare("304 Not Modified"), said=None, headers={"If-None-Match": '"a"'}
    ),
    "304 for a date that the spider sent": Row(
        bare("304 Not Modified"), said=None, headers={"If-Modified-Since": "Sat, 28 Nov 2026 00:00:00 GMT"}
    ),
    "304 that the spider wants to see": Row(bare("304 Not Modified"), said=None, wanted=(304,)),
    "204": Row(bare("204 No Content"), said=None),
    "204 with a body": Row(bare("204 No Content", "Content-Length: 37", body=PAGE), said=None),
    "205": Row(status("205 Reset Content"), said=None),
    "205 with a body": Row(status("205 Reset Content", body=PAGE)),
    "206 that nobody asked for": Row(status("206 Partial Content", PART, body=PAGE), warning="a part of the page"),
    "206 without a range": Row(status("206 Partial Content", body=PAGE), warning="a part of the page"),
    "206 that is all of it": Row(status("206 Partial Content", "Content-Range: bytes 0-36/37", body=PAGE)),
    "206 that the spider asked for": Row(
        status("206 Partial Content", PART, body=PAGE), headers={"Range": "bytes=0-36"}
    ),
    "200 with no byte": Row(status("200 OK", "Content-Type: text/html"), said=None, warning=EMPTY),
    "200 with no type and no byte": Row(status("200 OK"), said=None, warning=EMPTY),
    "200 with spaces only": Row(status("200 OK", "Content-Type: text/html", body=b" \r\n"), said=None, warning=EMPTY),
    "202 of a challenge, with no byte": Row(status("202 Accepted"), said=None, warning=EMPTY),
    "302 without a Location": Row(status("302 Found"), "StatusError: 302 from"),
    "302 with an empty Location": Row(status("302 Found", "Location: "), "StatusError: 302 from"),
    "301 without a Location, with a page": Row(status("301 Moved", body=PAGE), warning="status 301"),
    "307 without a Location": Row(status("307 Temporary Redirect"), "StatusError: 307 from"),
    "300 with choices": Row(status("300 Multiple Choices", "Location: /elsewhere", body=PAGE), warning="status 300"),
    "300 without": Row(status("300 Multiple Choices", "Location: /elsewhere"), "StatusError: 300 from"),
    "305": Row(status("305 Use Proxy", "Location: http://127.0.0.1:9/"), "StatusError: 305 from"),
    "306 with a page": Row(status("306 Unused", body=PAGE), warning="status 306"),
    "302 that the spider wants to see": Row(status("302 Found"), said=None, wanted=(302,)),
    "999": Row(status("999 Request denied", body=PAGE), "StatusError: 999 from"),
    "600": Row(status("600 Odd", body=PAGE), "StatusError: 600 from"),
    "299": Row(status("299 Odd", body=PAGE)),
    "100, then the page": Row(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(PAGE)),
    "102 and 103, then the page": Row(
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(PAGE)
    ),
    "101": Row(bare("101 Switching Protocols", "Upgrade: h2c"), "BadAnswer: the answer switches protocols"),
    "99": Row(b"HTTP/1.1 99 Odd\r\n\r\n", "BadAnswer: the answer is not HTTP"),
}  # fmt: skip


class Statuses(crawler.Spider):
    name = "statuses"

    def start(self) -> Any:
        for name, url in json.loads(self.arguments["sites"]).items():
            row = ROWS[name]
            more = {"handle_httpstatus_list": row.wanted} if row.wanted else {}
            yield crawler.Request(f"{url}/page", headers=row.headers, meta=more)

    def parse(self, response: crawler.Response) -> Any:
        yield {"at": response.url.rpartition("/")[0], "said": response.css("p::text").get() if response.body else None}


@dataclass(slots=True)
class Ran:
    summary: Any
    hosts: dict[str, RowHost]
    errors: dict[str, str]
    said: dict[str, str | None]
    warnings: dict[str, list[str]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """All rows in one crawl, every setting as it is by default."""
    folder = tmp_path_factory.mktemp("statuses")

    def serve(data: bytes) -> Any:
        def send(peer: Peer, visit: int, target: str) -> None:
            peer.send(data)

        return send

    hosts = {name: RowHost(f"127.0.6.{number}", serve(row.data)) for number, (name, row) in enumerate(ROWS.items(), 1)}
    sites = json.dumps({name: host.url for name, host in hosts.items()})
    summary = crawler.run(Statuses, arguments={"sites": sites}, settings={"store": str(folder / "crawl.db")})
    with opened(folder) as database:
        errors = dict(database.execute("SELECT url, error FROM crawl_requests WHERE error IS NOT NULL"))
        said = dict(database.execute("SELECT at, said FROM items"))
        told = dict(database.execute("SELECT url, warnings FROM crawl_pages"))
    yield Ran(summary, hosts, errors, said, {url: json.loads(each or "[]") for url, each in told.items()})
    for host in hosts.values():
        host.close()


@pytest.mark.parametrize("name", ROWS)
def test_an_unusual_status_is_a_page_or_is_named(ran: Ran, name: str) -> None:
    host, row = ran.hosts[name], ROWS[name]
    page = f"{host.url}/page"

    assert ran.errors.get(page, "").startswith(row.error or "\0" * bool(ran.errors.get(page))), ran.errors.get(page)
    if row.error:
        assert host.url not in ran.said
        return
    assert ran.said[host.url] == row.said
    warnings = ran.warnings[page]
    assert len(warnings) == bool(row.warning), warnings
    assert not warnings or row.warning in warnings[0]


def test_the_error_of_a_304_says_that_nobody_asked(ran: Ran) -> None:
    error = ran.errors[f"{ran.hosts['304 that nobody asked for'].url}/page"]

    assert "not modified, although nobody asked whether it was" in error
    assert "a redirect that names no address" in ran.errors[f"{ran.hosts['302 without a Location'].url}/page"]


@pytest.mark.parametrize(
    ("code", "sent", "is_empty", "is_none"),
    [
        (304, {}, True, True),
        (304, {"if-none-match": '"a"'}, True, False),
        (304, {"If-Modified-Since": "x"}, True, False),
        (304, {"If-Range": "x"}, True, True),
        (302, {}, True, True),
        (302, {}, False, False),
        (200, {}, True, False),
        (206, {}, False, False),
        (404, {}, True, False),
    ],
)
def test_whether_an_answer_is_a_page(code: int, sent: dict[str, str], is_empty: bool, is_none: bool) -> None:
    assert no_page(code, sent, is_empty=is_empty) is is_none


@pytest.mark.parametrize(
    ("given", "size", "whole"),
    [
        ("bytes 0-36/37", 37, True),
        ("bytes 0-36/*", 37, False),
        ("bytes 1-36/37", 36, False),
        ("bytes 0-36/38", 37, False),
        ("", 37, False),
        ("items 0-36/37", 37, False),
        ("bytes 0-36/37", 30, True),  # decoded; the range speaks of what was sent
    ],
)
def test_a_part_that_is_the_whole_page_is_not_a_part(given: str, size: int, whole: bool) -> None:
    assert (odd_about(206, {}, {"content-range": given}, b"x" * size) == "") is whole

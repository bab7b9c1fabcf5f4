"""Where a page may send us, and what may stand in a request (rows X8, X12 to X14 over real sockets)."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request
from crawler.cli import logs
from crawler.errors import CrawlError, FetchError, InvalidURL, Refused
from crawler.fetching.addresses import AddressRule
from crawler.sessions import snapshot
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.secrets import SecretFilter
from crawler.testing.raw import READ, RawServer, answer
from crawler.testing.wire import Answer
from tests.engine.shop import crawl
from tests.exports import write_rows
from tests.hosts import Net

INSIDE = [
    "127.0.0.2",
    "2130706434",
    "0x7f.2",
    "0177.0.0.2",
    "127.2",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[64:ff9b::7f00:2]",
    "[2002:7f00:2::]",
    "evil.test",
    "169.254.169.254",
    "0",
    "[::]",
    "[::1]",
]


@pytest.mark.parametrize("place", INSIDE)
@pytest.mark.parametrize("way", ["redirect", "link"])
def test_X8_a_page_cannot_send_us_to_a_private_address(net: Net, place: str, way: str) -> None:
    inside = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"http://{place}:{inside.port}/secret")})
    adapter = net.adapter({"evil.test": "127.0.0.2"}, address_rule=AddressRule({"127.0.0.1"}))
    session = net.session(own.url, adapter=adapter)
    url = f"{own.url}/go" if way == "redirect" else f"http://{place}:{inside.port}/secret"

    with pytest.raises(FetchError):
        session.send(session.prepare_link(Request(url)))

    assert inside.calls == []


def test_X8_a_name_is_judged_by_the_address_that_is_connected_each_time(net: Net) -> None:
    inside = net.host(address="127.0.0.2")
    adapter = net.adapter(
        {"first.test": "127.0.0.1", "then.test": "127.0.0.2"}, address_rule=AddressRule({"first.test"})
    )
    own = net.host({"/go": Answer.redirect(inside.named("then.test", "/secret"))})
    session = net.session(own.url, adapter=adapter)

    with pytest.raises(Refused, match="private"):
        session.get(own.named("first.test", "/go"))

    assert len(own.calls) == 1
    assert inside.calls == []


def test_X8_only_hosts_of_start_urls_may_be_private_unless_a_setting_says_so(quick_net: Net, tmp_path: Path) -> None:
    inside = quick_net.host(address="127.0.0.2")
    own = quick_net.host({"/": Answer.redirect(f"{inside.url}/secret")})

    class Led(crawler.Spider):
        name = "led"
        custom_settings = {"robots": False}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/"]

        def parse(self, response: crawler.Response) -> Any:
            yield {"id": 1}

    summary = crawl(Led, own.url, tmp_path)
    assert (summary.failed, summary.errors) == (1, {"Refused": 1})
    assert inside.calls == []

    crawl(Led, own.url, tmp_path, fresh=True, allow_private=True)
    assert [call.path for call in inside.calls] == ["/secret"]


EVIL_TITLE = "x\x1b]0;owned\x07\x1b[2J\r\n2026-01-01 00:00:00 ERROR crawler: forged\u2028line\u202e"


def test_X12_a_title_of_a_page_is_one_harmless_line_wherever_it_is_shown(quick_net: Net, tmp_path: Path) -> None:
    page = f"<title>{EVIL_TITLE}</title><a href='/next'>x</a>".encode()
    own = quick_net.host({"/": Answer(body=page)})

    class Titled(crawler.Spider):
        name = "titled"
        custom_settings = {"robots": False}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/"]

        def parse(self, response: crawler.Response) -> Any:
            self.logger.warning("title: %s", response.css("title::text").get())
            yield {"id": 1, "title": response.css("title::text").get()}
            raise ValueError(response.css("title::text").get())

    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.setFormatter(logging.Formatter(logs.FORMAT))
    handler.addFilter(SecretFilter())
    logging.getLogger().addHandler(handler)
    try:
        summary = crawl(Titled, own.url, tmp_path)
    finally:
        logging.getLogger().removeHandler(handler)

    assert summary.failed == 1
    lines = shown.getvalue().splitlines()
    assert len(lines) == 1
    assert "forged" in lines[0]
    assert "\\x1b]0;owned" in lines[0]
    assert not set(shown.getvalue()) & set("\x1b\x07\r\u2028\u202e")


FORMULAS = ["=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-2.5", "plain"]


def test_X13_cells_from_pages_are_exact_in_json_and_harmless_in_a_safe_csv(tmp_path: Path) -> None:
    rows = [{"cell": cell, "number": -2.5} for cell in FORMULAS]
    json_lines, csv = io.BytesIO(), io.BytesIO()

    write_rows(json_lines, rows, "jsonl")
    write_rows(csv, rows, "csv", columns=["cell", "number"], safe=True)

    import csv as csv_module
    import json

    assert [json.loads(line)["cell"] for line in json_lines.getvalue().splitlines()] == FORMULAS
    read = list(csv_module.DictReader(io.StringIO(csv.getvalue().decode(), newline="")))
    for row, cell in zip(read, FORMULAS, strict=True):
        assert row["number"] == "-2.5"
        assert row["cell"] == (cell if cell in ("-2.5", "plain") else f"'{cell}")


INJECTED = "/page HTTP/1.1\r\nX-Injected: 1\r\n\r\nGET /second"


@pytest.mark.parametrize("way", ["link", "get", "follow"])
def test_X14_line_ends_in_a_url_add_no_line_to_the_request(net: Net, way: str) -> None:
    own = net.host({"/": Answer(body=b"<p>x</p>")})
    session = net.session(own.url)
    url = own.url + INJECTED

    try:
        if way == "link":
            session.send(session.prepare_link(Request(url)))
        elif way == "get":
            session.get(url)
        else:
            session.send(session.prepare_link(session.get(f"{own.url}/").follow(INJECTED)))
    except (InvalidURL, FetchError):
        pass

    assert own.header("x-injected") == []
    assert own.seen("/second") == []


@pytest.mark.parametrize("location", ["/a\nX-Injected: 1", "/a\r X: 1", "/a%0d%0aX-Injected:1", "/a\tb"])
def test_X14_line_ends_in_a_location_add_no_line_to_the_next_request(net: Net, location: str) -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode() + b"\r\n\r\n"
    with RawServer([READ, head, READ, answer(b"ok")]) as server:
        session = net.session(server.url)
        try:
            session.get(f"{server.url}/")
        except FetchError:
            pass
        requests = server.requests

    assert all(request.count(b"\r\n\r\n") == 1 for request in requests)
    assert not any(line.lower().startswith(b"x-injected") for request in requests for line in request.split(b"\r\n"))


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX-Injected: 1\r\n\r\nGET", "GE T", "CONNECT", "G\u00c9T", ""])
def test_X14_an_invalid_method_is_refused(net: Net, method: str) -> None:
    own = net.host()
    session = net.session(own.url)

    if method:
        with pytest.raises(CrawlError):
            session.request(method, f"{own.url}/")
        with pytest.raises(CrawlError):
            session.send(session.prepare_link(Request(f"{own.url}/", method=method)))
        assert own.calls == []
    else:
        assert session.request(method, f"{own.url}/").status_code == 200
        assert [call.method for call in own.calls] == ["GET"]


def test_X14_headers_and_cookies_of_a_request_cannot_end_their_line(net: Net) -> None:
    own = net.host()
    session = net.session(own.url)

    for hostile in ({"headers": {"X": "a\r\nX-Injected: 1"}}, {"cookies": {"c": "1\r\nX-Injected: 1"}}):
        with pytest.raises(CrawlError):
            session.get(f"{own.url}/", **hostile)
        with pytest.raises(CrawlError):
            session.send(session.prepare_link(Request(f"{own.url}/", **hostile)))

    assert own.calls == []


def test_X14_a_stored_cookie_with_control_characters_is_refused_when_it_is_loaded(net: Net) -> None:
    session = net.session("http://shop.test/")
    session.cookies.receive("http://shop.test/", ["good=1", "evil=2"])
    kept = snapshot.take(session, LoginRecord(), url="login").secret.replace('"value":"2"', '"value":"2\\r\\nX: 1"')
    assert "\\r\\n" in kept
    twin = net.session("http://shop.test/")

    assert snapshot.put_back(twin, kept)

    assert twin.cookies.header("http://shop.test/") == "good=1"

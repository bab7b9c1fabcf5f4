"""Rows T7 to T9, Z5 and Z7 through a whole crawl: hosts that cannot be spoken to, are slow, or send bombs of XML."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

import crawler
from crawler.testing.raw import answer
from tests.engine.shop import opened
from tests.front_door.hosts import Peer, RowHost, tls

GOOD = answer(b"<html><body><p>good</p></body></html>")


class Rows(crawler.Spider):
    name = "rows"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = arguments["pages"].split(" ")

    def parse(self, response: crawler.Response) -> Any:
        yield {"at": response.url, "said": response.css("p::text").get()}


@dataclass(slots=True)
class Ran:
    """What came of a crawl of some pages: its summary, time, and by URL the error or what the page said."""

    summary: Any
    took_s: float
    errors: dict[str, str]
    said: dict[str, str]


def ran(spider: type[crawler.Spider], folder: Path, pages: list[str], **settings: Any) -> Ran:
    began = time.monotonic()
    summary = crawler.run(
        spider, arguments={"pages": " ".join(pages)}, settings={"store": str(folder / "crawl.db"), **settings}
    )
    took_s = time.monotonic() - began
    with opened(folder) as database:
        errors = dict(database.execute("SELECT url, error FROM crawl_requests WHERE error IS NOT NULL"))
        kept = database.execute("SELECT name FROM sqlite_master WHERE name = 'items'").fetchall()
        said = dict(database.execute("SELECT at, said FROM items")) if kept else {}
    return Ran(summary, took_s, errors, said)


def good(peer: Peer, visit: int, target: str) -> None:
    peer.send(GOOD)


def closing(peer: Peer, visit: int, target: str) -> None:
    """Promises to keep the connection, and closes it."""
    peer.send(GOOD)
    peer.close()


def drip(peer: Peer, visit: int, target: str) -> None:
    """Byte by byte, for as long as anybody listens: the head, or where the target says so the body."""
    data = GOOD if target == "/head" else b"x" * 10_000
    if target == "/body":
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for index in range(len(data)):
        peer.send(data[index : index + 1])
        time.sleep(0.05)  # the server is slow, the test waits for nothing


def silent(peer: Peer, visit: int, target: str) -> None:
    peer.socket.recv(1)


@pytest.fixture
def hosts() -> Iterator[list[RowHost]]:
    running: list[RowHost] = []
    yield running
    for each in running:
        each.close()


def test_T8_a_host_without_a_trusted_tls_connection_ends_at_once_with_its_reason_though_robots_met_it_first(
    tmp_path: Path, hosts: list[RowHost]
) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    file = tmp_path / "authority.pem"
    ours.cert_pem.write_to_path(str(file))
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    old = tls(ours, "127.0.2.4")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    contexts = {
        "another host": tls(ours, "127.0.9.9"),
        "expired": tls(ours, "127.0.2.2", not_after=yesterday),
        "not signed by anyone we trust": tls(theirs, "127.0.2.3"),
        "no TLS 1.2": old,
        "good": tls(ours, "127.0.2.5"),
    }
    for number, context in enumerate(contexts.values(), 1):
        hosts.append(RowHost(f"127.0.2.{number}", good, context))
    plain = RowHost("127.0.2.6", good)
    hosts.append(plain)
    pages = {why: f"{host.url}/page" for why, host in zip(contexts, hosts, strict=False)}
    pages["does not speak TLS"] = plain.url.replace("http:", "https:") + "/page"

    done = ran(Rows, tmp_path, list(pages.values()), verify=str(file))

    assert done.said == {pages.pop("good"): "good"}
    for why, page in pages.items():
        assert done.errors[page].startswith("TLSFailed: "), (why, done.errors[page])
        assert "no trusted TLS connection" in done.errors[page]
    for why in ("another host", "expired", "not signed by anyone we trust", "does not speak TLS"):
        assert why in done.errors[pages[why]]
    assert [len(host.asked) for host in hosts] == [0, 0, 0, 0, 1, 0]
    assert done.took_s < 30


def test_T9_a_refused_connection_is_named_in_the_error_and_the_live_host_is_crawled(
    tmp_path: Path, hosts: list[RowHost]
) -> None:
    hosts.append(RowHost("127.0.2.1", good))
    with socket.create_server(("127.0.2.2", 0)) as listener:
        dead = f"http://127.0.2.2:{listener.getsockname()[1]}/page"

    done = ran(Rows, tmp_path, [f"{hosts[0].url}/page", dead])

    assert done.said == {f"{hosts[0].url}/page": "good"}
    assert "refused" in done.errors[dead].lower() or "connect" in done.errors[dead].lower(), done.errors[dead]
    assert done.summary.exit_code != 0
    assert done.took_s < 60


def test_T9_an_unknown_name_ends_at_once_in_a_link_and_in_a_redirect_and_the_live_host_is_crawled(
    tmp_path: Path, hosts: list[RowHost]
) -> None:
    moved = answer(b"", "302 Found", "Location: http://away.invalid/page")
    hosts.append(RowHost("127.0.2.1", lambda peer, visit, target: peer.send(moved if target == "/moved" else GOOD)))
    live, unknown = f"{hosts[0].url}/page", [f"http://nobody.invalid/{number}" for number in range(20)]

    done = ran(Rows, tmp_path, [*unknown, f"{hosts[0].url}/moved", live, "http://away.invalid/"])

    assert done.said == {live: "good"}
    for page in unknown:
        assert "UnknownHost: there is no host named nobody.invalid" in done.errors[page], done.errors[page]
    assert "away.invalid" in done.errors[f"{hosts[0].url}/moved"]
    assert done.summary.exit_code != 0
    assert done.took_s < 30


def test_T7_a_connection_that_was_promised_and_closed_costs_no_page(tmp_path: Path, hosts: list[RowHost]) -> None:
    hosts.append(RowHost("127.0.2.1", closing))

    done = ran(Rows, tmp_path, [f"{hosts[0].url}/{number}" for number in range(6)])

    assert (done.summary.ending, done.summary.failed, len(done.said)) == ("finished", 0, 6)
    assert len(hosts[0].asked) == 6


@pytest.mark.parametrize("where", ["head", "body", "silence"])
def test_Z5_a_slow_answer_ends_by_its_deadline_and_others_are_not_held_up(
    tmp_path: Path, hosts: list[RowHost], where: str
) -> None:
    hosts += [RowHost("127.0.2.1", silent if where == "silence" else drip), RowHost("127.0.2.2", good)]

    done = ran(Rows, tmp_path, [f"{hosts[0].url}/{where}", f"{hosts[1].url}/page"], deadline=1.0, retries=0)

    assert done.errors[f"{hosts[0].url}/{where}"].startswith("TimedOut: ")
    assert done.said == {f"{hosts[1].url}/page": "good"}
    assert done.took_s < 30


class Maps(crawler.SitemapSpider):
    name = "maps"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.sitemap_urls = [arguments["pages"]]

    def parse(self, response: crawler.Response) -> Any:
        yield {"at": response.url, "said": response.css("p::text").get()}


class Many(crawler.Spider):
    """50,000 links, and one of a thousand others again and again."""

    name = "many"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["pages"]]

    def parse(self, response: crawler.Response) -> Any:
        yield from response.follow_all(css="a")
        for number in range(5_000):
            yield response.follow(f"/again/{number % 1_000}")
        yield {"at": response.url, "said": "good"}


def test_Z11_a_great_many_links_are_each_known_once_and_the_page_is_kept(tmp_path: Path, hosts: list[RowHost]) -> None:
    page = answer(b"".join(b"<a href='/link/%d'>x</a>" % number for number in range(50_000)))
    hosts.append(RowHost("127.0.2.1", lambda peer, visit, target: peer.send(page)))

    done = ran(Many, tmp_path, [f"{hosts[0].url}/"], max_pages=1)  # or all 51,000 would be fetched

    assert (done.summary.ending, done.summary.pages, done.summary.failed) == ("limit", 1, 0)
    assert done.summary.known == 1 + 50_000 + 1_000
    assert done.summary.items == {"items": 1}
    assert len(hosts[0].asked) == 1
    assert done.took_s < 30


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 10}">' for n in range(10))
LONG = f'<!ENTITY l9 "{"x" * 100_000}">'


@pytest.mark.parametrize("entities", [LAUGHS, LONG], ids=["nested", "long"])
def test_Z7_a_sitemap_of_entities_is_refused_quickly(tmp_path: Path, hosts: list[RowHost], entities: str) -> None:
    xml = f"<?xml version='1.0'?><!DOCTYPE urlset [{entities}]><urlset><url><loc>{'&l9;' * 3_000}</loc></url></urlset>"
    data = answer(xml.encode())
    hosts.append(RowHost("127.0.2.1", lambda peer, visit, target: peer.send(data)))

    done = ran(Maps, tmp_path, [f"{hosts[0].url}/sitemap.xml"])

    assert done.said == {}
    assert done.summary.exit_code != 0 or done.summary.warnings
    assert len(hosts[0].asked) == 1
    assert done.took_s < 30

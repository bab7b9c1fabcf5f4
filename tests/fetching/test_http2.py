"""HTTP/2 to a real nginx: what a transport of libcurl does when it may speak it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http2_site import Site, needs_nginx, site
from transports import CarriedAdapter, authority, fetch

from crawler import Request, Response, Spider, run
from crawler.errors import Incomplete, TimedOut, TooLarge
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.limits import Limits

__all__ = ["authority", "site"]
pytestmark = needs_nginx


@pytest.fixture(params=[CurlAdapter, CarriedAdapter], ids=["curl", "curl-io"])
def speaks_2(request: pytest.FixtureRequest) -> Iterator[Any]:
    adapter = request.param(http="2")
    yield adapter
    adapter.close()


def test_pages_come_over_http_2_and_one_connection_is_kept(speaks_2: Any, site: Site) -> None:
    answers = [fetch(speaks_2, site.url("/page"), verify=site.ca) for _ in range(10)]

    assert {(each.status_code, each.text) for each in answers} == {(200, "<p>a page</p>")}
    log = site.log()
    assert {line[0] for line in log} == {"HTTP/2.0"}
    assert len({line[3] for line in log}) == 1


def test_a_server_that_closes_a_connection_after_some_requests_costs_none_of_them(speaks_2: Any, site: Site) -> None:
    answers = [fetch(speaks_2, site.url("/page"), verify=site.ca).status_code for _ in range(50)]

    log = site.log()
    assert answers == [200] * 50
    assert (len(log), len({line[3] for line in log})) == (50, 3)


def test_methods_bodies_redirects_and_codings_are_those_of_http_1(speaks_2: Any, site: Site) -> None:
    packed = fetch(speaks_2, site.url("/packed"), verify=site.ca, headers={"Accept-Encoding": "gzip"})
    moved = fetch(speaks_2, site.url("/moved"), verify=site.ca)
    posted = fetch(speaks_2, site.url("/echo"), "POST", data=b"a=1", verify=site.ca)
    asked = fetch(speaks_2, site.url("/page"), "HEAD", verify=site.ca)

    assert packed.text == "<p>packed</p>" * 50
    assert packed.headers["content-encoding"] == "gzip"
    assert (moved.status_code, moved.headers["Location"].rpartition("/")[2]) == (302, "page")
    assert posted.text == "POST 3"
    assert (asked.status_code, asked.text, asked.headers["Content-Length"]) == (200, "", "13")
    assert {line[0] for line in site.log()} == {"HTTP/2.0"}


def test_limits_of_size_and_time_hold(speaks_2: Any, site: Site) -> None:
    with pytest.raises(TooLarge):
        fetch(speaks_2, site.url("/large"), verify=site.ca, limits=Limits(max_size_bytes=100_000))
    with pytest.raises((TimedOut, Incomplete)):
        fetch(speaks_2, site.url("/slow"), verify=site.ca, limits=Limits(deadline_s=0.5))
    assert fetch(speaks_2, site.url("/page"), verify=site.ca).status_code == 200


def test_it_is_http_1_by_default(site: Site) -> None:
    adapter = CurlAdapter()
    site.log()

    assert fetch(adapter, site.url("/page"), verify=site.ca).status_code == 200

    adapter.close()
    assert [line[0] for line in site.log()] == ["HTTP/1.1"]


def test_a_crawl_uses_http_2_by_setting_and_no_more_connections_than_per_host(site: Site, tmp_path: Path) -> None:
    class Pages(Spider):
        name = "pages"
        start_urls = (site.url("/index.html"),)

        def parse(self, response: Response) -> Iterator[Any]:
            yield from response.follow_all(css="a", callback=self.parse_page)

        def parse_page(self, response: Response) -> Iterator[Any]:
            yield {"x": response.css("p.x::text").get()}

    settings = {"store": str(tmp_path / "crawl.db"), "verify": site.ca, "http": "2", "per_host": 4, "processes": 1}
    site.log()
    summary = run(Pages, settings=settings)

    log = [line for line in site.log() if line[2] != "/robots.txt"]
    assert (summary.exit_code, summary.items) == (0, {"items": 30})
    assert {line[0] for line in log} == {"HTTP/2.0"}
    assert len({line[3] for line in log}) <= 4 + len(log) // 20


def test_one_session_uses_http_2_and_another_http_1(site: Site, tmp_path: Path) -> None:
    from crawler import Identity

    class Two(Spider):
        name = "two"
        sessions = (Identity("new", http="2"), "old")

        def start(self) -> Iterator[Request]:
            yield Request(site.url("/p1"), session="new")
            yield Request(site.url("/p2"), session="old")

        def parse(self, response: Response) -> Iterator[Any]:
            yield {"x": response.css("p.x::text").get()}

    site.log()
    summary = run(Two, settings={"store": str(tmp_path / "crawl.db"), "verify": site.ca, "processes": 1})

    assert summary.exit_code == 0
    assert {line[2]: line[0] for line in site.log() if line[2] != "/robots.txt"} == {
        "/p1": "HTTP/2.0",
        "/p2": "HTTP/1.1",
    }

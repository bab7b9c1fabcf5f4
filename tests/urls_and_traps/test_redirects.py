"""Redirects that loop, break or lead to other schemes (rows U1 to U3 over real sockets)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request
from crawler.errors import FetchError, InvalidURL, RedirectError, Refused
from crawler.testing.raw import READ, RawServer, answer
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net, cookie_page


class Follower(crawler.Spider):
    """Follows every link, and keeps the addresses that it was shown."""

    name = "follower"
    custom_settings = {"robots": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/"]

    def parse(self, response: crawler.Response) -> Any:
        yield {"id": 1, "url": response.url}
        yield from response.follow_all(css="a")


def links(*targets: str) -> Answer:
    return Answer(body="".join(f'<a href="{target}">x</a>' for target in targets).encode())


def test_U1_a_page_that_leads_to_itself_again_is_a_loop(net: Net) -> None:
    own = net.host({"/loop": Answer.redirect("/loop")})

    with pytest.raises(RedirectError, match="loop"):
        net.session(own.url).get(f"{own.url}/loop")

    assert len(own.calls) == 2


def test_U1_two_pages_that_lead_to_each_other_are_found_after_two_rounds(net: Net) -> None:
    own = net.host({"/a": Answer.redirect("/b"), "/b": Answer.redirect("/a")})

    with pytest.raises(RedirectError, match="loop"):
        net.session(own.url).get(f"{own.url}/a")

    assert len(own.calls) == 4


@pytest.mark.parametrize("kind", ["growing-query", "long-chain", "new-cookie-each-time"])
def test_U1_a_chain_without_end_ends_at_the_limit(net: Net, kind: str) -> None:
    numbers = itertools.count(1)

    def on(call: WireRequest) -> Answer:
        number = next(numbers)
        if kind == "growing-query":
            return Answer.redirect(f"{call.target}{'&' if '?' in call.target else '?'}n={number}")
        if kind == "long-chain":
            return Answer.redirect(f"/hop/{number}")
        return cookie_page(f"seen={number}", location="/start")

    own = net.host({"*": on})

    with pytest.raises(RedirectError, match="more than 20"):
        net.session(own.url).get(f"{own.url}/start")

    assert len(own.calls) == 21


def test_U1_cookies_of_every_hop_are_kept(net: Net) -> None:
    own = net.host({"/a": cookie_page("a=1", location="/b"), "/b": cookie_page("b=2", location="/c")})

    net.session(own.url).get(f"{own.url}/a")

    assert own.header("cookie", "/b") == ["a=1"]
    assert own.header("cookie", "/c") == ["a=1; b=2"]


def test_U1_where_redirects_end_counts_as_seen(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host(
        {"/": links("/one", "/two", "/end"), "/one": Answer.redirect("/end"), "/two": Answer.redirect("/end")}
    )

    summary = crawl(Follower, own.url, tmp_path, workers=1)

    assert summary.ending == "finished"
    assert sorted(row["url"] for row in stored(tmp_path, "url")) == [f"{own.url}/", f"{own.url}/end"]
    assert any(rule.startswith("duplicate") for rule in summary.skipped_by), summary.skipped_by


def test_U1_the_end_of_redirects_is_reported_as_read(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": Answer.redirect("/end"), "/end": links()})

    summary = crawl(Follower, own.url, tmp_path)

    assert (summary.pages, summary.skipped_by) == (1, {"read already: a redirect led there": 1})


def test_U1_a_loop_in_a_crawl_is_one_failed_page_that_is_not_tried_again(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": links("/loop", "/good"), "/loop": Answer.redirect("/loop")})

    summary = crawl(Follower, own.url, tmp_path)

    assert (summary.failed, summary.errors) == (1, {"RedirectError": 1})
    assert len(own.seen("/loop")) == 2
    assert len(own.seen("/good")) == 1


BROKEN = [
    b"http://[::bad/",
    b"http://",
    b"http://a b/",
    b"http://x:99999/",
    b"\xff\xfe//",
    b"http://%00/",
    b"//",
    b"http:",
]


@pytest.mark.parametrize("location", BROKEN, ids=[repr(each) for each in BROKEN])
def test_U2_a_broken_location_is_one_failed_page_with_a_reason(net: Net, location: bytes) -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"
    with RawServer([READ, head, READ, answer(b"after")], [READ, answer(b"after")]) as server:
        session = net.session(server.url)
        try:
            text = session.get(f"{server.url}/start").text
        except FetchError as error:
            text = str(error)
        assert "redirect" in text or text == "after", "what browsers mend may be followed, at home"
        assert all(b" /" in request for request in server.requests)


@pytest.mark.parametrize("location", [b"", None], ids=["empty", "missing"])
def test_U2_a_redirect_to_nowhere_is_an_answer_that_is_seen_as_it_is(net: Net, location: bytes | None) -> None:
    line = b"" if location is None else b"Location: \r\n"
    with RawServer([READ, b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n" + line + b"\r\nok"]) as server:
        got = net.session(server.url).get(f"{server.url}/start")

        assert (got.status_code, got.text) == (302, "ok")
        assert len(server.requests) == 1


def test_U2_raw_utf_8_in_a_location_is_followed(net: Net) -> None:
    head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /b\u00fccher?q=\u20ac\r\n\r\n".encode()
    with RawServer([READ, head, READ, answer(b"books")]) as server:
        got = net.session(server.url).get(f"{server.url}/start")

        assert got.text == "books"
        assert server.requests[1].startswith(b"GET /b%C3%BCcher?q=%E2%82%AC HTTP/1.1")


def test_U2_a_broken_location_in_a_crawl_does_not_stop_a_worker(quick_net: Net, tmp_path: Path) -> None:
    bad = Answer(302, headers=[("Location", "http://[::bad/")])
    own = quick_net.host({"/": links("/bad1", "/bad2", "/bad3", "/good"), "/bad1": bad, "/bad2": bad, "/bad3": bad})

    summary = crawl(Follower, own.url, tmp_path, workers=1)

    assert (summary.failed, summary.errors) == (3, {"RedirectError": 3})
    assert len(own.seen("/good")) == len(own.seen("/bad1")) == 1


OTHER_SCHEMES = [
    "file:///etc/passwd",
    "s3://bucket/key",
    "ftp://127.0.0.1/x",
    "data:text/html,x",
    "javascript:x",
    "gopher://x/",
]


@pytest.mark.parametrize("target", OTHER_SCHEMES)
def test_U3_a_redirect_to_another_scheme_is_refused(net: Net, target: str) -> None:
    own = net.host({"/go": Answer(302, headers=[("Location", target)])})
    session = net.session(own.url)

    with pytest.raises((Refused, RedirectError), match="redirect to"):
        session.send(session.prepare_link(Request(f"{own.url}/go")))
    with pytest.raises(InvalidURL):
        Request(target)
    with pytest.raises(InvalidURL):
        session.get(target)

    assert len(own.calls) == 1


@pytest.mark.parametrize("target", OTHER_SCHEMES)
def test_U3_a_link_or_base_of_another_scheme_is_passed_over(quick_net: Net, tmp_path: Path, target: str) -> None:
    page = f'<base href="{target}"><a href="{target}">x</a><a href="/good">y</a>'
    own = quick_net.host({"/": Answer(body=page.encode())})

    summary = crawl(Follower, own.url, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0)
    assert [call.path for call in own.calls] == ["/", "/good"]


def test_U3_an_address_in_a_sitemap_of_another_scheme_is_left_out(quick_net: Net, tmp_path: Path) -> None:
    entries = "".join(f"<url><loc>{target}</loc></url>" for target in [*OTHER_SCHEMES, "/good"])
    sitemap = Answer(body=f"<urlset>{entries}</urlset>".encode(), content_type="application/xml")
    own = quick_net.host({"/sitemap.xml": sitemap})

    class Mapped(crawler.SitemapSpider):
        name = "mapped"
        custom_settings = {"robots": False}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.sitemap_urls = [f"{arguments['site']}/sitemap.xml"]

        def parse(self, response: crawler.Response) -> Any:
            yield {"id": 1}

    summary = crawl(Mapped, own.url, tmp_path)

    assert summary.ending == "finished"
    assert [call.path for call in own.calls] == ["/sitemap.xml", "/good"]


def test_U3_a_scheme_in_the_stored_queue_is_refused_at_the_last_step(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": links("/good")})
    crawl(Follower, own.url, tmp_path, max_pages=1)
    with opened(tmp_path) as database:
        changed = database.execute("UPDATE crawl_requests SET url = 'file:///etc/passwd' WHERE state = 0").rowcount
        database.commit()

    summary = crawl(Follower, own.url, tmp_path)

    assert changed == 1
    assert summary.failed == 1
    assert len(own.calls) == 1

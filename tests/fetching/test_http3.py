"""HTTP/3, where the build of libcurl has it: pages by QUIC, and what is said where it has not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rawserver import answer, once
from transports import Authority, CarriedAdapter, authority, fetch, serve

from crawler import Identity, Response, Spider, run
from crawler.errors import Incomplete, Refused, SpiderError, TLSFailed, UsageError
from crawler.fetching.addresses import AddressRule
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.libcurl_options import has_http3
from crawler.fetching.transport import check_http

__all__ = ["authority", "serve"]

with_http3 = pytest.mark.skipif(not has_http3(), reason="this build of libcurl has no HTTP/3")
SPEAK: dict[str, Any] = {"curl": CurlAdapter, "curl-io": CarriedAdapter}
PAGE = b"<p>a page</p>"


@pytest.fixture
def site(authority: Authority, tmp_path: Path) -> Iterator[Any]:
    pytest.importorskip("aioquic")
    from http3_site import Http3Site

    def answered(site: Http3Site, asked: dict[str, str]) -> Any:
        if asked[":path"] == "/short":
            return [(b"content-length", b"99")], PAGE
        if asked[":path"] == "/packed":
            return [(b"content-encoding", b"gzip")], gzip.compress(PAGE)
        return [(b"content-type", b"text/html")], PAGE

    made = Http3Site(authority, tmp_path, answered)
    yield made
    made.close()


@with_http3
@pytest.mark.parametrize("kind", SPEAK)
def test_pages_come_by_http_3_on_one_connection(site: Any, kind: str) -> None:
    adapter = SPEAK[kind](http="3")
    try:
        answers = [fetch(adapter, site.url, verify=site.ca) for _ in range(3)]
        packed = fetch(adapter, site.url.replace("/page", "/packed"), verify=site.ca)
        with pytest.raises(Incomplete):
            fetch(adapter, site.url.replace("/page", "/short"), verify=site.ca)
    finally:
        adapter.close()

    assert [(each.status_code, each.content, each.raw.version) for each in answers] == [(200, PAGE, 30)] * 3
    assert packed.content == PAGE
    assert {each["connection"] for each in site.requests[:4]} == {"1"}


@with_http3
def test_a_server_without_it_is_spoken_to_in_the_version_it_has(authority: Authority, serve: Any) -> None:
    server = serve(once(answer(b"old")), tls=authority.context("127.0.0.1"))
    adapter = CurlAdapter(http="3")

    got = fetch(adapter, server.url(), verify=authority.ca_file)

    adapter.close()
    assert (got.text, got.raw.version) == ("old", 11)


@with_http3
def test_the_rules_for_addresses_and_certificates_hold(site: Any) -> None:
    adapter = CurlAdapter(http="3", address_rule=AddressRule())
    with pytest.raises(Refused):
        fetch(adapter, site.url, verify=site.ca)
    adapter.close()
    adapter = CurlAdapter(http="3")
    with pytest.raises(TLSFailed):
        fetch(adapter, site.url)
    adapter.close()
    assert site.requests == []


@with_http3
def test_a_crawl_uses_it_by_setting(site: Any, tmp_path: Path) -> None:
    class Pages(Spider):
        name = "pages"
        start_urls = (site.url,)

        def parse(self, response: Response) -> Iterator[Any]:
            yield {"said": response.css("p::text").get()}

    settings = {"store": str(tmp_path / "crawl.db"), "verify": site.ca, "http": "auto", "robots": False}
    summary = run(Pages, settings=settings)

    assert (summary.exit_code, summary.items) == (0, {"items": 1})
    assert [each[":path"] for each in site.requests] == ["/page"]


def test_without_it_the_error_names_the_build_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.fetching.transport.has_http3", lambda: False)

    with pytest.raises(UsageError, match=r"libcurl here \(.*\) is built without HTTP/3.*http = \"auto\""):
        check_http("curl", "3")
    check_http("curl", "auto")


@pytest.mark.parametrize("http", ["2", "3"])
def test_urllib3_says_that_it_supports_only_http_1(http: str) -> None:
    with pytest.raises(UsageError, match=r"urllib3 speaks HTTP/1\.1 only"):
        check_http("urllib3", http)


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    class Wrong(Spider):
        name = "wrong"
        start_urls = ("http://127.0.0.1:9/",)
        sessions = (Identity("one", http="4"),)

    with pytest.raises(SpiderError, match=r"http of session 'one'"):
        run(Wrong, settings={"store": str(tmp_path / "crawl.db")})

"""Transports that look like a browser: what a server sees of them, and whole crawls through them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http2_site import Site, needs_nginx, site
from rawserver import Connection, RawServer, answer, once
from transports import authority, fetch, serve

from crawler import Identity, Request, Response, Spider, run
from crawler.errors import CrawlError, SpiderError, UsageError
from crawler.fetching.impersonating import BROWSERS, adapter_of
from crawler.fetching.libcurl_adapter import CurlAdapter

__all__ = ["authority", "serve", "site"]
pytestmark = [
    needs_nginx,
    pytest.mark.skipif(importlib.util.find_spec("curl_cffi") is None, reason="the extra `impersonate` is missing"),
]


def first_bytes(serve: Any, adapter: Any) -> bytes:
    """What a client says first in a TLS handshake."""
    said: list[bytes] = []

    def script(connection: Connection) -> None:
        said.append(connection.socket.recv(65536))

    server: RawServer = serve(script)
    with pytest.raises(CrawlError):
        fetch(adapter, server.url().replace("http:", "https:"))
    adapter.close()
    return said[0]


def ciphers(hello: bytes) -> list[int]:
    """The cipher suites of a ClientHello, in its order. Source: RFC 8446, section 4.1.2."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    length = int.from_bytes(hello[at : at + 2], "big")
    return [int.from_bytes(hello[k : k + 2], "big") for k in range(at + 2, at + 2 + length, 2)]


def test_each_browser_shakes_hands_in_its_own_way_and_none_as_libcurl_does(serve: Any) -> None:
    seen = {name: ciphers(first_bytes(serve, adapter_of(name)())) for name in BROWSERS}
    ours = ciphers(first_bytes(serve, CurlAdapter()))

    greased = {name for name, found in seen.items() if found[0] & 0x0F0F == 0x0A0A}  # RFC 8701: Chrome and Safari
    assert greased == {"chrome", "safari"}
    assert len({tuple(found[1:]) for found in (*seen.values(), ours)}) == 4


def test_no_browser_offers_http_2_without_tls(serve: Any) -> None:
    server: RawServer = serve(once(answer(b"a page")))
    adapter = adapter_of("chrome")()

    fetch(adapter, server.url())

    adapter.close()
    assert b"upgrade: h2c" not in server.requests[0].lower()


@pytest.mark.parametrize(("browser", "says"), [("chrome", "Chrome/"), ("firefox", "Firefox/"), ("safari", "Safari/")])
def test_user_agent_http_2_and_handshake_agree_through_a_crawl(
    site: Site, tmp_path: Path, browser: str, says: str
) -> None:
    class Pages(Spider):
        name = "pages"
        sessions = (Identity("one", transport=browser),)
        start_urls = (site.url("/index.html"),)

        def parse(self, response: Response) -> Iterator[Any]:
            yield from response.follow_all(css="a", callback=self.parse_page)

        def parse_page(self, response: Response) -> Iterator[Any]:
            yield {"x": response.css("p.x::text").get()}

    site.log()
    settings = {"store": str(tmp_path / "crawl.db"), "verify": site.ca, "processes": 1, "robots": False}
    summary = run(Pages, settings=settings)

    log = site.log()
    assert (summary.exit_code, summary.items) == (0, {"items": 30})
    assert {line[0] for line in log} == {"HTTP/2.0"}
    assert all(says in " ".join(line) for line in log)
    assert all(("Google Chrome" in " ".join(line)) == (browser == "chrome") for line in log)
    assert not any("crawl" in " ".join(line[4:]).lower() for line in log)


def test_what_somebody_asked_for_goes_before_what_the_browser_would_say(site: Site, tmp_path: Path) -> None:
    class Own(Spider):
        name = "own"
        sessions = (Identity("one", transport="chrome", user_agent="Mozilla/5.0 of ours"),)

        def start(self) -> Iterator[Request]:
            yield Request(site.url("/p1"))

        def parse(self, response: Response) -> None: ...

    site.log()
    run(Own, settings={"store": str(tmp_path / "crawl.db"), "verify": site.ca, "processes": 1, "robots": False})

    assert all('"Mozilla/5.0 of ours"' in " ".join(line) for line in site.log())


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Lacks(Spider):
        name = "lacks"
        sessions = (Identity("one", transport="chrome"),)
        start_urls = ("http://127.0.0.1:9/",)

    monkeypatch.setitem(__import__("sys").modules, "curl_cffi", None)

    with pytest.raises((UsageError, SpiderError), match="extra `impersonate`"):
        run(Lacks, settings={"store": str(tmp_path / "crawl.db")})

"""The check that a spider writes for web pages also meets JSON: a page without elements has no mark, and is parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response as Answer

from crawler import Response, Session, Spider, run
from crawler.errors import SpiderError
from crawler.events import Summary

Check = Callable[[Any, Response], Any]
LOGIN = '<form id="login" method="post" action="/login"><input name="u"><input type="password" name="p"></form>'
HOME = '<a href="/logout">Log out</a><a class="d" href="/api">data</a>'


class Site:
    """Members' pages and an API; when the API is asked for the first time it forgets everybody, if it is told to."""

    def __init__(self) -> None:
        self.kind, self.body, self.out = "application/json", b'{"rows": [1, 2]}', (401, b'{"error": "login"}')
        self.logins = 0
        self.forget_once, self.forgotten = False, 0

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/robots.txt":
            return Answer(status=404)
        if asked.path == "/login" and asked.method == "POST":
            self.logins += 1
            return Answer(status=302, headers={"Location": "/home", "Set-Cookie": f"sid={self.logins}; Path=/"})
        if asked.path == "/login":
            return Answer(LOGIN, content_type="text/html")
        if asked.path == "/api" and self.forget_once:
            self.forget_once, self.forgotten = False, self.logins
        known = int(asked.cookies.get("sid") or 0) > self.forgotten
        if asked.path == "/api" and not known:
            return Answer(self.out[1], status=self.out[0], content_type=self.kind)
        if not known:
            return Answer(status=302, headers={"Location": "/login"})
        if asked.path == "/api":
            return Answer(self.body, content_type=self.kind)
        return Answer(HOME, content_type="text/html")


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as running:
        yield running


@pytest.fixture
def site(server: HTTPServer) -> Iterator[Site]:
    made = Site()
    server.expect_request(re.compile(".*")).respond_with_handler(made)
    yield made
    server.clear()


@pytest.fixture
def crawl(server: HTTPServer, site: Site, tmp_path: Path) -> Callable[[Check], tuple[Summary, list[bytes]]]:
    """Runs a spider with that check; gives the summary and the bodies of the API's pages that it parsed."""
    url = server.url_for("").rstrip("/")

    def once(check: Check) -> tuple[Summary, list[bytes]]:
        parsed: list[bytes] = []

        class Members(Spider):
            name = "members"
            custom_settings = {"min_items": 0}  # what was parsed is kept by the test
            start_urls = (f"{url}/home",)

            def login(self, session: Session) -> None:
                session.submit(session.get(f"{url}/login").form(), {"u": "a", "p": "b"})

            def parse(self, response: Response) -> Any:
                if response.url.endswith("/api"):
                    parsed.append(response.body)
                    return None
                return response.follow_all(css="a.d")

        spider = type("Members", (Members,), {"is_logged_out": check})
        return run(spider, settings={"store": str(tmp_path / "crawl.db")}), parsed

    return once


CHECKS: dict[str, Check] = {
    "css": lambda self, response: response.css("form#login"),
    "xpath": lambda self, response: response.xpath("//form[@id='login']"),
    "text of css": lambda self, response: response.css("form#login::attr(id)").get() == "login",
    "no way out": lambda self, response: not response.css("a[href*=logout], form#login ~ a") and response.status < 300,
    "css or text": lambda self, response: response.css("form#login") or "please log in" in response.text,
    "css or status": lambda self, response: bool(response.css("form#login")) or response.status == 401,
}
KINDS = ["application/json", "application/problem+json", "application/vnd.api+json; charset=utf-8", "text/json"]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_that_looks_for_elements_says_nothing_of_json(crawl: Any, site: Site, check: Check) -> None:
    summary, parsed = crawl(check)

    assert (summary.ending, summary.logins, parsed) == ("finished", 1, [site.body])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"[]", b"", b"{broken"], ids=["list", "empty", "broken"])
def test_the_check_says_nothing_of_any_kind_of_json(crawl: Any, site: Site, kind: str, body: bytes) -> None:
    site.kind, site.body = kind, body

    summary, parsed = crawl(CHECKS["css"])

    assert (summary.ending, summary.logins, parsed) == ("finished", 1, [body])


@pytest.mark.parametrize("kind", ["application/xml", "application/pdf", "text/csv", "application/octet-stream"])
def test_what_is_neither_html_nor_json_can_be_asked_as_before(crawl: Any, site: Site, kind: str) -> None:
    site.kind, site.body = kind, b"<rows/>"

    summary, parsed = crawl(CHECKS["css"])

    assert (summary.ending, parsed) == ("finished", [b"<rows/>"])


@pytest.mark.parametrize(
    ("check", "out"),
    [
        pytest.param("css or text", (200, b'{"error": "please log in"}'), id="by its text"),
        pytest.param("css or status", (401, b"{}"), id="by its status"),
        pytest.param("css", (401, b"{}"), id="by the built-in sign for 401"),
    ],
)
def test_a_check_that_does_not_depend_on_elements_still_shows_the_loss(
    crawl: Any, site: Site, check: str, out: tuple[int, bytes]
) -> None:
    site.forget_once, site.out = True, out

    summary, parsed = crawl(CHECKS[check])

    assert (summary.ending, summary.logins, parsed) == ("finished", 2, [site.body])


def test_a_callback_that_asks_json_for_elements_is_told_what_to_write() -> None:
    response = Response()
    response.headers["Content-Type"], response.url = "application/json", "http://shop.example/api?token=abcdef"
    response._content = b"{}"  # type: ignore[attr-defined]

    for ask in (response.css, response.xpath, lambda query: list(response.follow_all(css=query))):
        with pytest.raises(SpiderError, match=r"http://shop.example/api\?token=\*\*\* is JSON .* response.json\(\)"):
            ask("a")

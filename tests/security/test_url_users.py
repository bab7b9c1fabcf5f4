"""A user name and password in a URL: sent as requests sends them where a login step says so, and kept nowhere."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, Session
from crawler.cli import logs
from crawler.errors import InvalidURL, SpiderError
from crawler.links import LinkExtractor
from crawler.outcome import State
from crawler.response import Response as Page
from crawler.sessions.secrets import SecretFilter
from crawler.sitemaps import parse_sitemap
from crawler.testing.wire import Answer, WireRequest
from crawler.url_users import LINKS_WITH_USER, gives_user
from crawler.urls import absolute, canonical, of_spider
from tests.engine.shop import crawl
from tests.hosts import Net

SECRET = "pw-1n-a-url"
BASIC = "Basic YW5uOnB3LTFuLWEtdXJs"  # of ann and the secret


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:{}@shop.test/a#top",
        "http:ann:{}@shop.test/a",
        " HTTP://ann:x@{}@shop.test/a",
        "http://{}@shop.test/",
    ],
)
@pytest.mark.parametrize("make", [of_spider, Request, lambda url: Request("http://shop.test/").replace(url=url)])
def test_a_request_for_a_url_with_a_password_says_what_to_write_instead(url: str, make: Any) -> None:
    with pytest.raises(InvalidURL) as caught:
        make(url.format(SECRET))

    assert "session.auth = (session.account.username, session.account.password)" in str(caught.value)
    assert "http://shop.test/" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value.args)


@pytest.mark.parametrize("url", ["ann:{}@shop.test/", "http://ann:{}@shop.test:99999/", "http://ann:x/{}@shop.test/"])
def test_what_is_no_url_is_shown_without_its_password(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        Request(url.format(SECRET))

    assert "shop.test" in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value.args)


@pytest.mark.parametrize("url", ["http://shop.test/@ann", "http://shop.test/?to=http://a:b@c/", "http://@shop.test/"])
def test_an_at_elsewhere_in_a_url_is_no_user(url: str) -> None:
    assert Request(url).url == absolute("", url)


def test_a_url_of_a_page_has_one_key_with_and_without_a_user() -> None:
    assert canonical(f"http://ann:{SECRET}@shop.test/a?b=1&a=2") == canonical("http://shop.test/a?b=1&a=2")


def _page(body: str) -> Page:
    made = Page()
    made.url, made.status_code = "http://shop.test/list/", 200
    made.headers["Content-Type"] = "text/html"
    made._content = body.encode()
    return made


LINK = f"http://ann:{SECRET}@shop.test/a"


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(lambda page: page.urljoin(LINK), id="urljoin"),
        pytest.param(lambda page: page.follow(LINK).url, id="follow"),
        pytest.param(lambda page: page.file(LINK).url, id="file"),
        pytest.param(lambda page: next(page.follow_all(css="a")).url, id="follow_all"),
        pytest.param(lambda page: next(page.follow_all([LINK], "parse", priority=1)).url, id="follow_all-with-more"),
        pytest.param(lambda page: LinkExtractor().extract_links(page)[0].url, id="link-extractor"),
    ],
)
def test_a_link_loses_its_user_and_the_page_says_so_once(take: Any) -> None:
    other = '<a href="mailto:ann@shop.test">m</a>'
    page = _page(f'<a href="{LINK}">a</a><a href="//ann:{SECRET}@shop.test/b">b</a>{other}')

    assert take(page) == "http://shop.test/a"
    assert take(page) == "http://shop.test/a"
    assert page.warnings == [LINKS_WITH_USER]


def test_a_page_without_such_links_says_nothing() -> None:
    page = _page('<a href="/a/@ann">a</a><a href="mailto:ann@shop.test">m</a><a href="http://shop.test/?a=b@c">b</a>')

    assert len(list(page.follow_all(css="a"))) == 2
    assert page.warnings == []


def test_a_base_a_form_and_a_sitemap_lose_theirs() -> None:
    page = _page(f'<base href="http://ann:{SECRET}@shop.test/x/"><form action="send"></form>')
    sitemap = f"<urlset><url><loc>{LINK}</loc></url></urlset>"
    read = parse_sitemap(sitemap.encode(), url="http://shop.test/sitemap.xml", max_bytes=1_000)

    assert page.base_url == "http://shop.test/x/"
    assert page.form().action == "http://shop.test/x/send"
    assert [each.loc for each in read.entries] == ["http://shop.test/a"]
    assert read.warnings == (LINKS_WITH_USER,)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("/a\nhttp://u:p@h/", True),
        ("mailto:u@h\n//u@h/", True),
        ("ht\ttp://u:p@h/", True),
        (r"https:\\u:p@h", True),
        ("mailto:u@h\nhttp://h/@u\n/x@y\nhttp://h?u@h", False),
        ("", False),
    ],
)
def test_links_that_may_give_a_user_are_told_from_others(links: str, expected: bool) -> None:
    assert gives_user(links) is expected


# --- whole crawls -----------------------------------------------------------------------------------------------------


class Careless(crawler.Spider):
    """Meets such URLs wherever a site can put them, and logs in with one."""

    name = "careless"
    custom_settings = {"robots": False, "keep_pages": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/"]

    def login(self, session: Session) -> None:
        site = self.arguments["site"].replace("://", f"://ann:{SECRET}@")
        page = session.get(f"{site}/login")
        assert SECRET not in page.url + str(page.request.url)
        answer = session.send(crawler_request(f"{site}/prepared"))
        assert SECRET not in answer.url + str(answer.request.url)

    def parse(self, response: Response) -> Iterator[Any]:
        yield from response.follow_all(css="a", callback=self.parse_page)
        yield response.follow(response.css("b::attr(title)").get(), self.parse_own)

    def parse_page(self, response: Response) -> Iterator[Any]:
        yield {"url": response.url}

    def parse_own(self, response: Response) -> Iterator[Any]:
        yield Request(response.url.replace("://", f"://ann:{SECRET}@") + "?2")


def crawler_request(url: str) -> Any:
    import requests

    return requests.Request("GET", url).prepare()


def site(call: WireRequest) -> Answer:
    own = f"http://ann:{SECRET}@{call.headers['host']}"
    pages = {
        "/": Answer(
            body=f'<a href="{own}/a">a</a><a href="{own}/hop">b</a><a href="{own}/gone">c</a><a href="/plain">d</a>'
            f'<b title="{own}/own">'.encode(),
            headers=[("ETag", '"1"'), ("Content-Type", "text/html")],
        ),
        "/hop": Answer.redirect(f"{own}/target"),
        "/gone": Answer(404),
    }
    return pages.get(call.path, Answer(body=f"<p>{call.path}".encode()))


def _everything(folder: Path) -> bytes:
    """All that the store holds, what it has packed included."""
    raw = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    with closing(sqlite3.connect(folder / "crawl.db")) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                raw += repr(row).encode()
                for value in row:
                    raw += _unpacked(value) if isinstance(value, bytes) else b""
    return raw


def _unpacked(value: bytes) -> bytes:
    from crawler.stores.contents import unpack_text

    for unpack in (lambda: unpack_text(value).encode(), lambda: zlib.decompress(value)):
        try:
            return unpack()
        except (ValueError, zlib.error):  # it was packed in another way, or not at all
            continue
    return b""


@pytest.fixture
def crawled(quick_net: Net, tmp_path: Path) -> tuple[Any, Path, str, Any]:
    own = quick_net.host({"*": site})
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.setFormatter(logging.Formatter(logs.FORMAT))
    handler.addFilter(SecretFilter())
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    events: list[Any] = []
    options = {"log_level": "DEBUG", "http_cache": "rfc", "har": str(tmp_path / "all.har")}
    try:
        summary = crawl(Careless, own.url, tmp_path, observers=[events.append], **options)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    return own, tmp_path, shown.getvalue() + "\n".join(map(repr, events)), summary


def test_a_crawl_keeps_and_shows_no_user_of_a_url(crawled: tuple[Any, Path, str, Any]) -> None:
    own, folder, text, summary = crawled

    assert {call.path for call in own.calls} >= {"/", "/a", "/target", "/gone", "/plain", "/own"}
    assert SECRET not in text + repr(summary) + json.dumps(summary.as_dict())
    assert SECRET.encode() not in _everything(folder)
    assert LINKS_WITH_USER in text


def test_only_the_login_step_has_sent_it(crawled: tuple[Any, Path, str, Any]) -> None:
    own, *_ = crawled

    sent = {call.path for call in own.calls if call.headers.get("authorization") == BASIC}
    assert sent == {"/login", "/prepared"}


def test_a_request_of_a_callback_with_a_password_fails_with_the_reason(crawled: tuple[Any, Path, str, Any]) -> None:
    _, folder, _, summary = crawled

    assert summary.failed == 2  # the page that is gone is the other one
    with closing(sqlite3.connect(folder / "crawl.db")) as database:
        errors = [error for (error,) in database.execute("SELECT error FROM crawl_requests WHERE error <> ''")]
    assert any("a user name and password must not stand in it" in error for error in errors), errors


def test_an_argument_with_such_a_url_is_refused_before_it_is_stored(quick_net: Net, tmp_path: Path) -> None:
    with pytest.raises(SpiderError, match="argument site: arguments of a spider are stored and shown") as caught:
        crawl(Careless, f"http://ann:{SECRET}@127.0.0.1:1", tmp_path)

    assert SECRET not in str(caught.value)
    assert not (tmp_path / "crawl.db").exists()


def test_a_store_of_an_older_version_is_continued_without_the_user(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": site})
    crawl(Careless, own.url, tmp_path, max_pages=1)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        url = own.url.replace("://", f"://ann:{SECRET}@") + "/plain"
        changed = database.execute(
            "UPDATE crawl_requests SET url = ?, state = ? WHERE url LIKE '%/plain'", (url, int(State.WAITING))
        )
        assert changed.rowcount == 1
        database.commit()

    crawl(Careless, own.url, tmp_path)

    assert [call.headers.get("authorization") for call in own.calls if call.path == "/plain"] == [None]
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        pages = database.execute("SELECT url FROM crawl_pages WHERE url LIKE '%/plain'").fetchall()
    assert pages == [(f"{own.url}/plain",)]

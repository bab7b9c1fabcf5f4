"""No stricter than browsers: what people can open is a page for the crawler, too, on all transports and in crawls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.errors import BadAnswer, RedirectError
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Net, cookie_page

CHUNKS = [f".App.CookiesC{number}={str(number) * 3_900}" for number in (1, 2, 3)]


def redirect(*locations: str, status: int = 302) -> Answer:
    return Answer(status, headers=[("Location", each) for each in locations])


def refusing(status: int, most: int = 8_190) -> Callable[[WireRequest], Answer]:
    """A server that refuses Cookie headers of more than *most* bytes."""
    return lambda call: Answer(status) if len(call.headers.get("cookie", "")) > most else Answer(body=b"<p>in</p>")


# --- cookies -------------------------------------------------------------------------------------------------------


def test_Z10_a_session_in_three_chunks_of_4_kb_is_sent_whole(net: Net) -> None:
    own = net.host({"/login": cookie_page(*(f"{each}; Path=/; HttpOnly" for each in CHUNKS))})
    session = net.session(own.url)
    session.get(f"{own.url}/login")

    session.get(f"{own.url}/home")

    assert own.header("cookie", "/home") == ["; ".join(CHUNKS)]


@pytest.mark.parametrize("status", [400, 413, 431])
def test_Z10_a_server_that_refuses_long_cookies_gets_fewer_at_once_and_from_then_on(net: Net, status: int) -> None:
    own = net.host({"/login": cookie_page("sid=1", *CHUNKS), "/home": refusing(status), "/more": refusing(status)})
    session = net.session(own.url)
    session.get(f"{own.url}/login")

    assert session.get(f"{own.url}/home").text == "<p>in</p>"
    assert session.get(f"{own.url}/more").text == "<p>in</p>"

    assert [len(each) > 8_190 for each in own.header("cookie")] == [True, False, False]
    assert all(each.startswith("sid=1; ") for each in own.header("cookie"))


def test_Z10_a_refusal_of_something_else_leaves_the_cookies_whole(net: Net) -> None:
    own = net.host({"/login": cookie_page(*CHUNKS), "/bad": Answer(400)})
    session = net.session(own.url)
    session.get(f"{own.url}/login")

    assert session.get(f"{own.url}/bad").status_code == 400
    session.get(f"{own.url}/home")

    assert own.header("cookie", "/home") == ["; ".join(CHUNKS)]


@pytest.mark.parametrize(("status", "posts"), [(400, 1), (413, 1), (431, 2)])
def test_Z10_a_post_is_sent_again_only_where_its_head_was_refused(net: Net, status: int, posts: int) -> None:
    own = net.host({"/login": cookie_page(*CHUNKS), "/buy": refusing(status)})
    session = net.session(own.url)
    session.get(f"{own.url}/login")

    session.post(f"{own.url}/buy", data={"a": "1"})

    assert [call.body for call in own.seen("/buy")] == [b"a=1"] * posts


# --- redirects -----------------------------------------------------------------------------------------------------

EQUAL = [("/home", "/home"), ("/home", "/home", "/home")]


@pytest.mark.parametrize("locations", EQUAL, ids=["two", "three"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_U2_equal_location_headers_count_as_one(net: Net, locations: tuple[str, ...], status: int) -> None:
    own = net.host({"/go": redirect(*locations, status=status)})

    assert net.session(own.url).get(f"{own.url}/go").url == f"{own.url}/home"

    assert [call.path for call in own.calls] == ["/go", "/home"]


def test_U2_different_locations_are_refused(net: Net) -> None:
    own = net.host({"/go": redirect("/home", "https://other.test/?token=wordofpower")})

    with pytest.raises((RedirectError, BadAnswer), match="Location headers that differ") as told:
        net.session(own.url).get(f"{own.url}/go")

    assert "wordofpower" not in str(told.value)
    assert len(own.calls) == 1


def test_U2_a_comma_in_a_location_is_a_part_of_it(net: Net) -> None:
    own = net.host({"/go": Answer.redirect("/a,%20b")})

    assert net.session(own.url).get(f"{own.url}/go").url == f"{own.url}/a,%20b"


def visits(own: dict[str, int], path: str, then: str, times: int = 1) -> Callable[[WireRequest], Answer]:
    """Redirects to *then* for the first *times* visits; no cookie changes."""

    def route(call: WireRequest) -> Answer:
        own[path] = own.get(path, 0) + 1
        return Answer.redirect(then) if own[path] <= times else Answer(body=b"<p>in</p>")

    return route


@pytest.mark.parametrize(
    "chain",
    [("/self", "/self"), ("/docs", "/terms", "/docs"), ("/a", "/b", "/c", "/a"), ("/home", "/ping?from=home", "/home")],
    ids=["itself", "terms", "three", "query"],
)
def test_U1_the_same_address_with_the_same_cookie_may_come_twice(net: Net, chain: tuple[str, ...]) -> None:
    met: dict[str, int] = {}
    routes: dict[str, Any] = {}
    for place, following in itertools.pairwise(chain):
        routes[place.partition("?")[0]] = visits(met, place, following)
    own = net.host({**routes, "/in": cookie_page("sid=1")})
    session = net.session(own.url)
    session.get(f"{own.url}/in")

    assert session.get(f"{own.url}{chain[0]}").text == "<p>in</p>"


def test_U1_as_many_redirects_are_followed_as_by_browsers(net: Net) -> None:
    own = net.host({f"/{n}": Answer.redirect(f"/{n + 1}") if n < 20 else Answer(body=b"<p>in</p>") for n in range(21)})

    assert net.session(own.url).get(f"{own.url}/0").text == "<p>in</p>"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "text/plain"])
def test_equal_content_type_headers_count_as_one(net: Net, kind: str) -> None:
    own = net.host({"/page": Answer(body=b"{}", content_type=kind, headers=[("Content-Type", kind)])})

    answer = net.session(own.url).get(f"{own.url}/page")

    assert answer.content_type == kind.partition(";")[0]
    assert answer.text == "{}"


# --- a whole crawl, with default settings --------------------------------------------------------------------------


class Pages(crawler.Spider):
    """Asks for what it is told to, and keeps what the pages say."""

    name = "pages"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/in"]

    def parse(self, response: crawler.Response) -> Any:
        for path in ("/chunks", "/lines", "/long", "/twice", "/self"):
            yield crawler.Request(response.urljoin(path), callback=self.page)

    def page(self, response: crawler.Response) -> Any:
        yield {"id": 1, "path": response.request.url.rpartition("/")[2], "said": response.css("p::text").get()}


def test_what_browsers_open_is_crawled_with_default_settings(quick_net: Net, tmp_path: Path) -> None:
    def chunks(call: WireRequest) -> Answer:
        sent = call.headers.get("cookie", "")
        return Answer(body=b"<p>in</p>" if len(sent) > 11_000 and "sid=1" in sent else b"<p>out</p>")

    page = b"<p>in</p>"
    own = quick_net.host(
        {
            "/robots.txt": Answer(404),
            "/in": cookie_page("sid=1; Secure", *CHUNKS),
            "/chunks": chunks,
            "/lines": Answer(body=page, headers=[("Set-Cookie", f"x{n}=; Max-Age=0") for n in range(150)]),
            "/long": Answer(body=page, headers=[("Content-Security-Policy", "a" * 90_000)]),
            "/twice": Answer(302, headers=[("Location", "/self"), ("Location", "/self")]),
            "/self": visits({}, "/self", "/self"),
        }
    )

    summary = crawl(Pages, own.url, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0), summary
    said = stored(tmp_path, "said")
    assert {row["said"] for row in said} == {"in"}
    assert len(said) >= 4  # where /twice ends is /self, and is kept once

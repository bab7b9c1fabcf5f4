"""APIs that answer a guest with status 200 and an empty list, as package registries and search services do."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import BearerAuth, Identity, Spider
from crawler.fetching.kept import response_of
from crawler.fetching.limits import Limits
from crawler.outcome import KeptPage
from crawler.request import Request
from crawler.sessions.accounts import Account as SessionAccount
from crawler.sessions.login.probe import holds_data
from crawler.sessions.login.standing import Standing
from crawler.sessions.login.states import Signal
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host
from tests.sessions.managers import IN, SITE, door

PAGES = 6
TO_160 = b'{"exp": 160}'


class Registry:
    """Pages of a list, one after the other, for whoever has a token that is good; empty lists for everybody else."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.ends: dict[str, float] = {}
        self.life_s: float | None = None  # of the tokens, which say so; None: they do not end, and say nothing
        self.slow_page = 0  # it comes when the token of its request has ended
        self.logins = 0
        self.host = Host({"/login": self.login, "/list": self.list}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        self.logins += 1
        ends = time.time() + (self.life_s or 1e6)
        claims = json.dumps({"exp": ends, "jti": next(self.numbers)}).encode()
        token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln" if self.life_s else f"t{ends}"
        self.ends[token] = ends
        return Answer(body=json.dumps({"token": token}).encode(), content_type="application/json")

    def list(self, call: WireRequest) -> Answer:
        number, token = int(call.query()["page"]), call.headers.get("authorization", "").removeprefix("Bearer ")
        found: dict[str, Any] = {"objects": [], "total": 0, "time": "now"}
        if self.ends.get(token, 0.0) > time.time():
            rest = [number + 1] if number < PAGES else []
            found |= {"objects": [{"number": number}], "total": PAGES, "next": rest}
            if number == self.slow_page:
                self.slow_page = 0
                time.sleep(max(0.0, self.ends[token] - time.time()))
        return Answer(body=json.dumps(found).encode(), content_type="application/json")


class Parts(Spider):
    name = "parts"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/list?page=1"]

    def login(self, session: Any) -> None:
        account = {"username": session.account.username, "password": session.account.password}
        session.auth = BearerAuth(session.post(f"{self.arguments['site']}/login", json=account).json()["token"])

    def parse(self, response: Any) -> Any:
        found = response.json()
        yield from found["objects"]
        yield from (response.follow(f"/list?page={number}") for number in found.get("next", []))


class Marked(Parts):
    name = "marked"
    logged_out_text = "no answer says so"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Registry()
    yield site
    site.host.close()


def numbers_of(folder: Path) -> list[int]:
    return sorted(row["number"] for row in stored(folder, "number"))


def test_a_stored_session_for_which_the_probe_is_empty_now_is_not_good(registry: Registry, tmp_path: Path) -> None:
    crawl(Parts, registry.host.url, tmp_path)
    registry.ends.clear()

    summary = crawl(Parts, registry.host.url, tmp_path, fresh=True)

    assert (summary.ending, summary.items, registry.logins) == ("finished", {"items": PAGES}, 2)


@pytest.mark.parametrize(
    "guest",
    [
        Answer(body=b'{"error": "unauthenticated"}', content_type="application/json"),
        Answer(body=b"please log in", content_type="text/plain"),
        Answer(body=b"<?xml version='1.0'?><error>no session</error>", content_type="application/xml"),
        Answer(204),
        Answer(body=b" \n"),
        Answer(body=b"<html>one moment</html>", headers=[("Refresh", "0; url=/login")]),
    ],
    ids=["JSON", "plain text", "XML", "204", "blank", "the header Refresh"],
)
def test_a_site_of_pages_that_answers_guests_so_costs_one_login(
    guest: Answer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials(monkeypatch, default=Account("ann", "right"))
    logins = itertools.count(1)

    def login(call: WireRequest) -> Answer:
        if call.method == "GET":
            return Answer(body=b"<form method=post><input name=u><input type=password name=p></form>")
        sid[:] = [f"sid={next(logins)}"]
        return Answer(302, headers=[("Location", "/"), ("Set-Cookie", sid[0])])

    def home(call: WireRequest) -> Answer:
        return Answer(body=b"<h1>Home</h1>") if call.headers.get("cookie") in sid else guest

    class Pages(Spider):
        name = "pages"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/"]

        def login(self, session: Any) -> None:
            page = session.get(f"{self.arguments['site']}/login")
            session.submit(page.form(), {"u": session.account.username, "p": session.account.password})

        def parse(self, response: Any) -> Any:
            yield {"title": response.css("h1::text").get()}

    sid: list[str] = []
    with closing(Host({"/login": login, "/": home}, "127.0.0.1", None)) as host:
        crawl(Pages, host.url, tmp_path)
        sid[:] = []
        summary = crawl(Pages, host.url, tmp_path, fresh=True)

    assert (summary.ending, summary.items, next(logins)) == ("finished", {"items": 1}, 3)


def test_a_list_that_has_become_empty_costs_one_login(registry: Registry, tmp_path: Path) -> None:
    crawl(Parts, registry.host.url, tmp_path)
    registry.host.routes["/list"] = Answer(body=b'{"objects": []}', content_type="application/json")

    for _ in range(2):
        crawl(Parts, registry.host.url, tmp_path, fresh=True)

    assert registry.logins == 2


def test_a_token_that_says_that_it_has_ended_is_followed_by_a_login_and_every_page(
    registry: Registry, tmp_path: Path
) -> None:
    registry.life_s, registry.slow_page = 0.5, 3

    summary = crawl(Marked, registry.host.url, tmp_path)

    assert (summary.ending, numbers_of(tmp_path)) == ("finished", [1, 2, 3, 4, 5, 6])
    assert (before := registry.logins) >= 2

    time.sleep(max(0.0, max(registry.ends.values()) - time.time()))
    crawl(Marked, registry.host.url, tmp_path, fresh=True)

    assert registry.logins > before


def test_a_clock_that_is_wrong_by_more_than_the_life_of_a_token_costs_no_login(
    registry: Registry, tmp_path: Path
) -> None:
    registry.life_s = -1000.0
    registry.ends = _AlwaysGood()

    summary = crawl(Parts, registry.host.url, tmp_path)

    assert (summary.items, registry.logins) == ({"items": PAGES}, 1)


class _AlwaysGood(dict[str, float]):
    def get(self, key: str, default: Any = None) -> Any:
        return float("inf") if key in self else default


def test_in_its_last_moments_a_token_is_asked_about_the_pages_that_it_has_brought() -> None:
    now = [100.0]
    session = Session(
        Identity("default"),
        account=SessionAccount("default", environ={}),
        origins=Origins([SITE]),
        transport=door(IN),
        limits=Limits(),
    )
    session.auth = BearerAuth(f"e30.{base64.urlsafe_b64encode(TO_160).decode()}.c2ln")
    standing = Standing(session, lambda: now[0])
    standing.record.logged_in_at = 100.0
    standing.became_ready(Signal.PROBE_OK, epoch=1)

    now[0] = standing.ends_at
    assert now[0] == 154.0
    assert standing.token_ended() is None, "a probe can still say that the pages are good"

    standing.became_ready(Signal.PROBE_OK, epoch=1)
    assert standing.token_ended() == "its token has ended", "and then a login follows"


@pytest.mark.parametrize(
    ("body", "kind", "held"),
    [
        ("[]", "application/json", False),
        ("{}", "application/json", False),
        ('{"user": null}', "application/json", False),
        ('{"objects": [], "total": 0, "time": "now"}', "application/json", False),
        ('{"data": {"rows": []}}', "application/vnd.api+json", False),
        ('[{"a": 1}]', "application/json", True),
        ('{"user": "ann"}', "application/json", True),
        ('{"ok": false}', "application/json", True),
        ('{"rows": [], "more": {"a": 1}}', "application/json", True),
        ("[" + "1," * 3000 + "1]", "application/json", True),
        ("no JSON", "application/json", None),
        ('{"a":' * 500 + "[]" + "}" * 500, "application/json", True),
        ("<p>[]</p>", "text/html", None),
    ],
)
def test_what_holds_data(body: str, kind: str, held: bool | None) -> None:
    page = KeptPage(body.encode(), [("Content-Type", kind)], "http://a.test/", 200)

    assert holds_data(response_of(page, Request("http://a.test/"), "")) in (
        (held, True) if len(body) == 4000 else (held,)
    )


class Blog:
    """Its start page is for everybody, and lists for a member what no guest sees: private posts of WordPress."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.logins = 0
        self.offers = True  # a way to log out
        self.for_guests = 0  # so many answers come from a cache that was filled by a guest
        routes = {"/login": self.login, "/api": self.api, "/": self.page, "/news": self.page}
        self.host = Host({**routes, "*": self.post}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if call.method == "GET":
            return Answer(body=b"<form method=post><input name=u><input type=password name=p></form>")
        self.logins += 1
        self.known.add(f"sid={self.logins}")
        return Answer(302, headers=[("Location", "/"), ("Set-Cookie", f"sid={self.logins}")])

    def page(self, call: WireRequest) -> Answer:
        self.for_guests -= 1
        if call.headers.get("cookie") not in self.known or self.for_guests >= 0:
            return Answer(body=b"<html><h1>Blog</h1><p>Nothing here</p></html>")
        way_out = "<a href='/logout'>Log out</a>" if self.offers else ""
        links = "".join(f"<a class=post href='/post/{number}'>p</a>" for number in range(PAGES))
        return Answer(body=f"<html><h1>Blog</h1>{way_out}{links}</html>".encode())

    def post(self, call: WireRequest) -> Answer:
        if call.headers.get("cookie") not in self.known:
            return Answer(404, b"<html><h1>Not found</h1></html>")
        return Answer(body=f"<html><h1>{call.path}</h1></html>".encode())

    def api(self, call: WireRequest) -> Answer:
        found = PAGES if call.headers.get("cookie") in self.known else 0
        return Answer(
            body=json.dumps([{"title": each} for each in range(found)]).encode(), content_type="application/json"
        )


class Posts(Spider):
    name = "posts"
    begins = "/"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}{self.begins}"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"u": session.account.username, "p": session.account.password})

    def parse(self, response: Any) -> Any:
        yield from response.follow_all(css="a.post", callback=self.parse_post)

    def parse_post(self, response: Any) -> Any:
        yield {"title": response.css("h1::text").get()}


class News(Posts):
    name = "news"
    begins = "/news"


class Rows(Posts):
    name = "rows"
    begins = "/api"

    def parse(self, response: Any) -> Any:
        yield from response.json()


@pytest.fixture
def blog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blog]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Blog()
    yield site
    site.host.close()


@pytest.mark.parametrize("first", [Posts, News], ids=["it logged in itself", "another spider logged in"])
def test_a_start_page_that_offers_to_log_out_no_more_costs_one_login(
    first: type[Spider], blog: Blog, tmp_path: Path
) -> None:
    crawl(first, blog.host.url, tmp_path)
    crawl(Posts, blog.host.url, tmp_path, fresh=True)
    assert blog.logins == 1
    blog.known.clear()

    summary = crawl(Posts, blog.host.url, tmp_path, fresh=True)

    assert (summary.ending, summary.items, blog.logins) == ("finished", {"items": PAGES}, 2)


def test_a_site_that_offers_no_way_out_any_more_costs_one_login_in_all(blog: Blog, tmp_path: Path) -> None:
    crawl(Posts, blog.host.url, tmp_path)
    blog.offers = False

    runs = [crawl(Posts, blog.host.url, tmp_path, fresh=True) for _ in range(3)]

    assert [each.items for each in runs] == [{"items": PAGES}] * 3
    assert blog.logins == 2


def test_one_answer_out_of_a_cache_for_guests_costs_no_login(blog: Blog, tmp_path: Path) -> None:
    crawl(Posts, blog.host.url, tmp_path)
    blog.for_guests = 1

    summary = crawl(Posts, blog.host.url, tmp_path, fresh=True)

    assert (summary.items, blog.logins) == ({"items": PAGES}, 1)


def test_spiders_of_one_session_that_are_proved_by_a_page_and_by_data_do_not_log_each_other_in(
    blog: Blog, tmp_path: Path
) -> None:
    runs = [crawl(spider, blog.host.url, tmp_path, fresh=True) for spider in (Posts, Rows, Posts, Rows)]

    assert [each.items for each in runs] == [{"items": PAGES}] * 4
    assert blog.logins == 1

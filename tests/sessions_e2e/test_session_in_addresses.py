"""Sites that write the session into addresses in place of a cookie: what is told, and that what is told works."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from crawler import Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Host

FORM = b"<form method=post><input name=u><input type=password name=p><button>Go</button></form>"
PAGES, LASTS = 12, 9  # pages, and requests of a session


class Cookieless:
    """Asks for the id of the session in addresses: ASP.NET in a folder, where no browser asks; PHP as an argument."""

    def __init__(self, kind: str) -> None:
        self.kind, self.left, self.logins = kind, dict[str, int](), 0
        self._numbers = itertools.count(1)
        self.host = Host({"*": self._answer}, "127.0.0.1", None)
        self.url = self.host.url

    def _new(self) -> str:
        return f"{next(self._numbers):024d}" if self.kind == "folder" else f"{next(self._numbers):032x}"

    def _at(self, path: str, key: str) -> str:
        return f"/(S({key})){path}" if self.kind == "folder" else f"{path}?sid={key}"

    def _answer(self, call: WireRequest) -> Answer:
        address = call.target
        folder = re.match(r"/\(S\((\w+)\)\)(/[^?]*)", address)
        path = folder[2] if folder else address.partition("?")[0]
        key = folder[1] if folder else parse_qs(address.partition("?")[2]).get("sid", [""])[0]
        browser = "Mozilla" in call.headers.get("user-agent", "") and self.kind == "folder"
        if browser:
            key = call.headers.get("cookie", "").partition("sid=")[2]
        if not key:
            key = self._new()
            if browser:
                return Answer(302, headers=[("Location", path), ("Set-Cookie", f"sid={key}; Path=/")])
            return Answer(302, headers=[("Location", self._at(path, key))])
        shown = path if browser else self._at(path, key)
        if path == "/login":
            return self._login(call, key, browser)
        if self.left.get(key, 0) <= 0:
            return Answer(302, headers=[("Location", "/login" if browser else self._at("/login", key))])
        self.left[key] -= 1
        links = "".join(f"<a class=p href='{n if browser else self._at(f'/p/{n}', key)}'>x</a>" for n in range(PAGES))
        return Answer(body=f"<a href='{shown}/logout'>Log out</a><b>{path[3:]}</b>{links}".encode())

    def _login(self, call: WireRequest, key: str, browser: bool) -> Answer:
        if call.method != "POST":
            return Answer(body=FORM)
        self.logins += 1
        self.left[key] = LASTS
        return Answer(302, headers=[("Location", "/p/0" if browser else self._at("/p/0", key))])


class Pages(Spider):
    name = "pages"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/p/0"]

    def login(self, session: Session) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"u": "ann", "p": "s3cret-Pw"})

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"n": int(response.css("b::text").get() or -1)}
        yield from response.follow_all(css="a.p")


class Arguments(Pages):
    def login(self, session: Session) -> None:
        session.params.clear()
        page = session.get(f"{self.arguments['site']}/login")
        page = session.submit(page.form(), {"u": "ann", "p": "s3cret-Pw"})
        session.params["sid"] = parse_qs(page.url.partition("?")[2])["sid"][0]


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Cookieless]:
    made = Cookieless(request.param)
    yield made
    made.host.close()


@pytest.mark.parametrize("site", ["folder", "argument"], indirect=True)
def test_a_session_id_in_addresses_costs_one_login_and_is_reported_with_what_helps(
    site: Cookieless, tmp_path: Path
) -> None:
    summary = crawl(Pages, site.url, tmp_path)

    said = " ".join(summary.messages)
    assert (summary.exit_code, site.logins) == (3, 1)
    assert "the site writes the session into the addresses of its pages" in said
    assert "set `user_agent`" in said
    assert "session.params" in said
    assert not re.search(r"\(S\(|0000000", said), "the id is a secret"


@pytest.mark.parametrize("site", ["folder"], indirect=True)
def test_a_site_that_does_so_for_strangers_only_is_crawled_with_the_user_agent_of_a_browser(
    site: Cookieless, tmp_path: Path
) -> None:
    summary = crawl(Pages, site.url, tmp_path, user_agent="Mozilla/5.0 (X11; Linux x86_64)")

    assert summary.ending == "finished", summary.messages
    assert sorted(row["n"] for row in stored(tmp_path, "n")) == list(range(PAGES))


@pytest.mark.parametrize("site", ["argument"], indirect=True)
def test_an_argument_that_the_login_step_puts_into_params_is_that_of_the_present_session(
    site: Cookieless, tmp_path: Path
) -> None:
    summary = crawl(Arguments, site.url, tmp_path, workers=1)

    assert summary.ending == "finished", summary.messages
    assert sorted(row["n"] for row in stored(tmp_path, "n")) == list(range(PAGES))

"""A site with a login form, and a crawl that logs in there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from crawler import Spider, run
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host

USER = '<input name="u"><input type="password" name="pw">'


KNOWN = [("u", "ann"), ("pw", "s3cret-Pw")]


MEMBERS = b"<title>Members</title><p class=x>members</p><a href=/logout>Log out</a>"


Pairs = list[tuple[str, str]]


Submit = Callable[[Any, Any, dict[str, str]], Any]


def pairs(call: WireRequest) -> Pairs:
    return parse_qsl(call.body.decode(), keep_blank_values=True)


class Site:
    """A site that lets in who sends exactly the fields that are right, and shows guests its form."""

    def __init__(self, form: str, right: Pairs, address: str = "127.0.0.1") -> None:
        self.form, self.right = form, right
        self.host = Host({"/login": self._login, "/home": self._home, "/find": self._find}, address, None)
        self.url = self.host.url

    def _login(self, call: WireRequest) -> Answer:
        if call.method == "POST" and pairs(call) == self.right:
            return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", "sid=ok; Path=/")])
        return Answer(body=f"<!doctype html><title>Login</title>{self.form}".encode())

    def _home(self, call: WireRequest) -> Answer:
        if "sid=ok" not in call.headers.get("cookie", ""):
            return Answer(302, headers=[("Location", "/login")])
        return Answer(
            body=MEMBERS + b"<form method=post action=/find><input name=q><button name=go>Find</button></form>"
        )

    def _find(self, call: WireRequest) -> Answer:
        words = ", ".join(f"{name}={value}" for name, value in pairs(call))
        return Answer(body=f"<title>Hits</title><p class=x>{words}</p><a href=/logout>Log out</a>".encode())

    def posted(self) -> list[Pairs]:
        return [pairs(call) for call in self.host.calls if call.method == "POST" and call.path == "/login"]


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "s3cret-Pw")


@pytest.fixture
def opened() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def open_site(form: str, right: Pairs | None = None, address: str = "127.0.0.1") -> Site:
        sites.append(Site(form, right if right is not None else KNOWN, address))
        return sites[-1]

    yield open_site
    for site in sites:
        site.host.close()


def usual(session: Any, page: Any, fields: dict[str, str]) -> Any:
    return session.submit(page.form(), fields)


class Members(Spider):
    """Logs in with the form of `page_url`, in the way of `submit`."""

    name = "members"
    submit: Submit = staticmethod(usual)
    page_url = ""

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/home"]

    def login(self, session: Any) -> None:
        page = session.get(self.page_url or f"{self.arguments['site']}/login")
        type(self).submit(session, page, {"u": session.account.username, "pw": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"x": response.css("p.x::text").get()}


def crawl(folder: Path, site: Site, submit: Submit = usual, settings: Any = None, **attributes: Any) -> Summary:
    spider = type("Members", (Members,), {"submit": staticmethod(submit), **attributes})
    options = {"store": str(folder / "crawl.db"), "backoff": 0.05, **(settings or {})}
    return run(spider, arguments={"site": site.url}, settings=options)


def form(inner: str) -> str:
    return f"<form method=post action=/login>{inner}</form>"

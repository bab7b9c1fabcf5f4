"""What a first hour with real applications has shown, on small servers that behave as those did."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider
from crawler.sessions.login.addresses import login_page_of
from crawler.testing import Account
from crawler.testing.wire import Answer, Call
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host

PAGES = 12
LOGIN = "/index.php?title=Special:UserLogin"


class Wiki:
    """One script is all pages, the login page among them: as MediaWiki, DokuWiki, phpBB and OpenCart have it."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.known: set[str] = set()
        self.posts = 0
        self.lose_after = 0
        self.soft = True
        pages = {f"/index.php/Page_{number}": self.page for number in range(1, PAGES + 1)}
        search = {"/index.php/Special:Search/Tea": self.search}
        self.host = Host({"/index.php": self.script, "*": self.page, **search, **pages}, "127.0.0.1", None)

    def page(self, call: Call) -> Answer:
        if not self._knows(call):
            return self._turned_away(call)
        name = call.path.rpartition("/")[2]
        if self.lose_after and name == f"Page_{self.lose_after}":
            self.lose_after = 0
            self.known.clear()
        links = "".join(f"<a class=page href='/index.php/Page_{number}'>p</a>" for number in range(1, PAGES + 1))
        links += "<a class=page href='/index.php/Special:Search/Tea'>search</a>" if name == "Start" else ""
        return Answer(body=f"<html><title>{name}</title><h1><span>{name}</span></h1>{links}</html>".encode())

    def search(self, call: Call) -> Answer:
        return Answer(302, headers=[("Location", "/index.php?title=Special:Search&search=Tea")])

    def script(self, call: Call) -> Answer:
        title = call.query().get("title", "")
        if call.method == "POST":
            self.posts += 1
            if "wpPassword=right" not in call.body.decode():
                return self._form("Incorrect username or password entered.")
            self.known.add(name := f"s{next(self.numbers)}")
            headers = [("Location", "/index.php/Start"), ("Set-Cookie", f"sid={name}; Path=/")]
            return Answer(302, headers=headers)
        if title == "Special:UserLogin":
            return self._form("")
        return self.page(call)

    def _form(self, said: str) -> Answer:
        form = "<input type=hidden name=title value='Special:UserLogin'><input name=wpName><input name=wpPassword"
        body = f"<html><title>Log in - Wiki</title><p>{said}</p><form name=userlogin method=post action='/index.php'>"
        return Answer(body=f"{body}{form} type=password><button>Log in</button></form></html>".encode())

    def _turned_away(self, call: Call) -> Answer:
        if not self.soft:
            return Answer(302, headers=[("Location", f"{LOGIN}&returnto={call.path}")])
        search = "<form action='/index.php' id=searchform><input type=search name=search></form>"
        link = f"<a href='{LOGIN}&amp;returnto=X'>log in</a>"
        text = f"<html><title>Login required - Wiki</title><h1>Login required</h1>Please {link} to view pages.{search}"
        return Answer(body=f"{text}<a href='/index.php/Page_1'>p</a></html>".encode())

    def _knows(self, call: Call) -> bool:
        cookies = dict(part.strip().split("=", 1) for part in call.headers.get("cookie", "").split(";") if "=" in part)
        return cookies.get("sid") in self.known


class Recipes(Spider):
    name = "recipes"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/index.php/Start"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}{LOGIN}")
        session.submit(page.form(), {"wpName": session.account.username, "wpPassword": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"title": response.css("title::text").get()}
        yield from response.follow_all(css="a.page")


@pytest.fixture
def wiki(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiki]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Wiki()
    yield site
    site.host.close()


@pytest.mark.parametrize("soft", [True, False], ids=["says login required", "sends to the login page"])
@pytest.mark.parametrize("lose_after", [0, 5], ids=["good to the end", "lost on the way"])
def test_the_other_pages_of_the_script_that_logs_in_are_no_login_pages(
    soft: bool, lose_after: int, wiki: Wiki, tmp_path: Path
) -> None:
    wiki.soft, wiki.lose_after = soft, lose_after

    summary = crawl(Recipes, wiki.host.url, tmp_path)

    assert (summary.ending, summary.failed, wiki.posts) == ("finished", 0, 2 if lose_after else 1)
    titles = {f"Page_{number}" for number in range(1, PAGES + 1)} | {"Start", "index.php"}
    assert {row["title"] for row in stored(tmp_path, "title")} == titles


@pytest.mark.parametrize(
    ("met", "known"),
    [
        ("http://w.test/index.php?title=Special:UserLogin&returnto=Main", "http://w.test/index.php?title=Special:UserLogin"),
        ("http://w.test/doku.php?id=start&do=login&sectok=a1", "http://w.test/doku.php?do=login"),
        ("http://w.test/index.php?route=account/login&language=en", "http://w.test/index.php?route=account/login"),
        ("http://w.test/ucp.php?mode=login&redirect=index.php&sid=77", "http://w.test/ucp.php?mode=login"),
        ("http://w.test/index.php?option=com_users&view=login&Itemid=101", "http://w.test/index.php?view=login"),
        ("http://w.test/index.php?module=Users&parent=Welcome", "http://w.test/index.php?module=Users&parent=Welcome"),
        ("http://w.test/login?next=/orders&kind=a", "http://w.test/login"),
        ("http://w.test/enter?return=/orders#top", "http://w.test/enter"),
        ("http://w.test/enter?csrf_token=1&returnUrl=%2F", "http://w.test/enter"),
        ("http://w.test/", "http://w.test/"),
    ],
)  # fmt: skip
def test_a_login_page_is_known_again_by_what_tells_it_from_other_pages(met: str, known: str) -> None:
    assert login_page_of(met) == known

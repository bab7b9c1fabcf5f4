"""A site behind a single sign-on: another host knows who we are, and may let us in again without a login step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Spider
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Host

PAGES = 12


def cookies_of(call: WireRequest) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in call.headers.get("cookie", "").split(";") if "=" in part)


class Signed:
    """A shop that sends guests to its sign-on, and the sign-on, which sends those it knows back to the first page."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.guests_at_home: set[str] = set()
        self.known: set[str] = set()
        self.password_posts = 0
        self.expire_after: set[int] = set()
        away = {f"/old{number}": self._away for number in range(100)}
        self.shop = Host({"*": self._page, "/accept": self._accept, "/old": self._away, **away}, "127.0.0.1", None)
        self.sign_on = Host({"/authorize": self._authorize, "/login": self._login}, "127.0.0.2", None)

    def close(self) -> None:
        self.shop.close()
        self.sign_on.close()

    def _away(self, call: WireRequest) -> Answer:
        return Answer(302, headers=[("Location", f"{self.sign_on.url}/authorize")])

    def _page(self, call: WireRequest) -> Answer:
        if cookies_of(call).get("sid") not in self.guests_at_home:
            return self._away(call)
        number = int(call.path.rpartition("/")[2])
        if number in self.expire_after:
            self.expire_after.discard(number)
            self.guests_at_home.clear()
        after = "<a href='/old'>old</a>" if number == PAGES else f"<a href='/page/{number + 1}'>next</a>"
        return Answer(body=f"<html><title>{number}</title>{after}</html>".encode())

    def _accept(self, call: WireRequest) -> Answer:
        self.guests_at_home.add(name := f"s{next(self.numbers)}")
        return Answer(302, headers=[("Location", "/page/1"), ("Set-Cookie", f"sid={name}; Path=/")])

    def _authorize(self, call: WireRequest) -> Answer:
        if cookies_of(call).get("who") in self.known:
            return Answer(302, headers=[("Location", f"{self.shop.url}/accept")])
        form = "<form method=post action=/login><input name=user><input type=password name=secret><button>In</button>"
        return Answer(body=f"<html><title>Who?</title>{form}</form></html>".encode())

    def _login(self, call: WireRequest) -> Answer:
        self.password_posts += 1
        self.known.add(name := f"k{next(self.numbers)}")
        return Answer(302, headers=[("Location", "/authorize"), ("Set-Cookie", f"who={name}; Path=/")])


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signed]:
    monkeypatch.setenv("CRAWL_USERNAME", "anna")
    monkeypatch.setenv("CRAWL_PASSWORD", "hunter22")
    site = Signed()
    yield site
    site.close()


class Pages(Spider):
    name = "pages"

    def __init__(self, site: str) -> None:
        super().__init__(site=site)
        shop, sign_on = site.split()
        self.start_urls, self.login_url = [f"{shop}/page/1"], f"{sign_on}/authorize"
        self.allowed_domains = ["127.0.0.1"]

    def login(self, session: Any) -> None:
        page = session.get(self.start_urls[0])
        session.submit(page.form(), {"user": session.account.username, "secret": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"asked": response.asked.url.rpartition("/")[2], "page": response.css("title::text").get()}
        yield from response.follow_all(css="a")


def visit(signed: Signed, folder: Path) -> tuple[Summary, dict[str, str]]:
    """What a crawl ends with, and the page that each of its requests brought."""
    summary = crawl(Pages, f"{signed.shop.url} {signed.sign_on.url}", folder, robots=False)
    return summary, {row["asked"]: row["page"] for row in stored(folder, "asked", "page")}


def test_a_page_lost_to_a_sign_on_that_lets_us_in_on_the_way_is_requested_again(signed: Signed, tmp_path: Path) -> None:
    signed.expire_after = {3, 7}

    summary, found = visit(signed, tmp_path)

    assert summary.ending == "finished"
    assert {asked: page for asked, page in found.items() if asked != "old"} == {
        str(number): str(number) for number in range(1, PAGES + 1)
    }
    assert (summary.logins, signed.password_posts) == (1, 1), "the sign-on knew us: nobody had to log in"


def test_a_url_that_leads_through_the_sign_on_to_another_page_each_time_is_taken_as_it_is(
    signed: Signed, tmp_path: Path
) -> None:
    summary, found = visit(signed, tmp_path)

    assert (summary.ending, summary.failed) == ("finished", 0)
    assert found["old"] == "1"
    assert len(signed.shop.seen("/old")) == 2


def test_a_site_that_leads_many_urls_through_its_sign_on_is_soon_taken_at_its_word(
    signed: Signed, tmp_path: Path
) -> None:
    class Old(Pages):
        name = "old"

        def start(self) -> Any:
            yield from (Request(f"{self.start_urls[0].rpartition('/page')[0]}/old{number}") for number in range(100))

        def parse(self, response: Any) -> Any:
            yield {"asked": response.asked.url}

    site = f"{signed.shop.url} {signed.sign_on.url}"
    summary = crawl(Old, site, tmp_path, robots=False, workers=1)

    assert (summary.ending, summary.failed, summary.known) == ("finished", 0, 101), "and the page where all of them end"
    asked = sum(len(signed.shop.seen(f"/old{number}")) for number in range(100))
    assert 100 < asked <= 150, "not each of them is asked for twice"

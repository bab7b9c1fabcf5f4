"""What one account has seen says nothing about another, and what a guest is told confirms nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Response, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.revisits.members import Members, members
from tests.revisits.site import Shop, Site, night, page, rows, value


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.mark.parametrize("sign", [True, False])
def test_a_second_night_behind_a_login_is_confirmed_page_by_page(sign: bool, site: Site, tmp_path: Path) -> None:
    """Whether pages show who is logged in or not: at the end a probe has spoken for those that do not."""
    members(site, sign=sign)
    first = night(Members, site, tmp_path)
    site.asked.clear()

    second = night(Members, site, tmp_path)

    assert (second.ending, second.unchanged, second.logins) == ("finished", 7, 0)
    assert rows(tmp_path, second.run) == rows(tmp_path, first.run)
    assert all(site.asked[f"/p/{number}", 200] == 0 for number in range(6))


def test_another_account_asks_for_pages_as_wholes(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members(site)
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "x")
    night(Members, site, tmp_path)
    site.asked.clear()
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "bob")

    second = night(Members, site, tmp_path)

    assert second.unchanged == 0
    assert 304 not in {status for _, status in site.asked}


def test_a_new_login_of_the_same_account_goes_on_asking_whether_pages_have_changed(site: Site, tmp_path: Path) -> None:
    good = members(site)
    night(Members, site, tmp_path)
    good.clear()  # the session is over by the next night

    second = night(Members, site, tmp_path)

    assert (second.ending, second.logins) == ("finished", 1)
    assert second.unchanged >= 6


def test_what_a_lost_session_was_told_is_asked_for_again(site: Site, tmp_path: Path) -> None:
    """A server that answers 304 to guests, too: when the loss is found, the pages since the last proof come whole."""
    good = members(site, sloppy=True)
    night(Members, site, tmp_path)
    answer = site.host.routes["*"]
    site.pages["/new"] = page(9)
    site.pages["/p/5"] += "<a href=/new>new</a>"  # the one page that a guest does not get
    site.asked.clear()

    once = iter([True])

    def ends(call: WireRequest) -> Answer:
        if call.path == "/p/0" and next(once, False):
            good.clear()
        return answer(call)  # type: ignore[operator]

    site.host.routes["*"] = ends
    second = night(Members, site, tmp_path, workers=1, per_host=1, probe_every=0)

    assert second.logins >= 1
    assert sorted(rows(tmp_path, second.run)) == [*((number, 5) for number in range(6)), (9, 5)]
    assert second.rechecked > 0


def test_a_page_that_a_guest_got_is_never_what_a_304_confirms(site: Site, tmp_path: Path) -> None:
    """The first night ends unproven: its last pages were fetched logged out, and nobody has noticed yet."""
    members(site)
    night(Members, site, tmp_path)
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "crawl.db")) as raw, raw:
        raw.execute("UPDATE crawl_requests SET proven = 0 WHERE url LIKE '%/p/2'")
    site.asked.clear()

    night(Members, site, tmp_path)

    assert (site.asked["/p/2", 200], site.asked["/p/2", 304], site.asked["/p/1", 304]) == (1, 0, 1)


def test_the_cookies_of_a_304_are_taken(site: Site, tmp_path: Path) -> None:
    night(Shop, site, tmp_path, workers=1)
    site.headers["/"] = [("Set-Cookie", "seen=yes; Path=/")]

    night(Shop, site, tmp_path, workers=1)

    assert "seen=yes" in site.host.seen("/p/5")[-1].headers.get("cookie", "")


class Two(Spider):
    """Each page in two sessions."""

    name = "two"
    sessions = ["one", "two"]

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/p/1"]

    def parse(self, response: Response) -> Any:
        yield {"session": response.session_name, "size": len(response.body)}


def test_each_session_has_validators_of_its_own(site: Site, tmp_path: Path) -> None:
    texts = iter(("first", "second"))
    site.host.routes["*"] = lambda call: _own(call, "" if "if-none-match" in call.headers else next(texts))

    night(Two, site, tmp_path, workers=1)
    night(Two, site, tmp_path, workers=1)

    asked = [call.headers.get("if-none-match") for call in site.host.seen("/p/1")]
    assert asked[:2] == [None, None]
    assert set(asked[2:]) == {'"first"', '"second"'}


def _own(call: WireRequest, text: str) -> Answer:
    if not text:
        return Answer(304)
    return Answer(body=text.encode(), headers=[("ETag", f'"{text}"')])


class Spread(Shop):
    """Whoever is free fetches a page."""

    name = "spread"
    sessions = ["one", "two"]

    def start(self) -> Iterator[Request]:
        yield Request(self.start_urls[0], session="spread")


def test_with_requests_for_any_session_a_page_is_conditional_where_the_same_one_fetches_it(
    site: Site, tmp_path: Path
) -> None:
    first = night(Spread, site, tmp_path)
    second = night(Spread, site, tmp_path)

    assert rows(tmp_path, second.run) == rows(tmp_path, first.run)
    asked = value(tmp_path, "SELECT count(*) FROM crawl_pages WHERE run = ? AND status IN (200, 304)", second.run)
    assert asked == 7

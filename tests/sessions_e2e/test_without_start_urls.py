"""Spiders that name no page to be proved at, what a new login keeps, and members of a run that cannot log in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, OAuth2, Request, Response, Session, SitemapSpider
from crawler.engine import application
from crawler.spider import Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, stored
from tests.hosts import Host

from .conftest import MakeSite


class Begins(Spider):
    """Only its `start` says where it begins."""

    name = "begins"

    def start(self) -> Iterator[Request]:
        yield Request(f"{self.arguments['site']}/members/?page=1")

    login, parse, parse_book = Members.login, Members.parse, Members.parse_book


class Mapped(SitemapSpider):
    """Begins with a sitemap, which everybody may see."""

    name = "mapped"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.sitemap_urls = [f"{arguments['site']}/sitemap.xml"]

    def parse(self, response: Response) -> Iterator[Any]:
        yield response.follow(response.url.replace("/book/", "/members/book/"), self.parse_book)

    login, parse_book = Members.login, Members.parse_book


SPIDERS = [pytest.param(Begins, id="start"), pytest.param(Mapped, id="sitemap")]


@pytest.mark.parametrize("spider", SPIDERS)
def test_L16_a_dead_session_is_noticed_and_costs_one_login(
    spider: type[Spider], member_site: MakeSite, tmp_path: Path
) -> None:
    site = member_site(books=20)
    first = crawl(spider, site.url, tmp_path, max_pages=6, workers=1)
    assert first.logins == 1
    site.expire_now()

    summary = crawl(spider, site.url, tmp_path)

    assert (summary.ending, summary.logins) == ("finished", 1), summary
    assert len(stored(tmp_path, "id")) == 20
    assert site.record.logins == {"alice": 2}


@pytest.mark.parametrize("spider", SPIDERS)
def test_L11_a_wrong_password_is_one_attempt(
    spider: type[Spider], member_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = member_site(books=20)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "the-old-one")

    runs = [crawl(spider, site.url, tmp_path) for _ in range(2)]

    assert [run.exit_code for run in runs] == [3, 3]
    assert site.record.login_posts == {"alice": 1}


def test_a_login_by_hand_is_the_one_that_the_run_takes_up(member_site: MakeSite, tmp_path: Path) -> None:
    class Keyed(Begins):
        """Its login is a token, which goes to the spider's own site only."""

        name = "keyed"

        def start(self) -> Iterator[Request]:
            yield Request(f"{self.arguments['site']}/api/books?page=1", self.parse_list)

        def parse_list(self, response: Response) -> Iterator[Any]:
            yield {"id": "1", "books": len(response.json()["books"])}

        def login(self, session: Session) -> None:
            options = {"grant": "password", "client_id": "client-alice", "client_secret": secret}
            session.auth = OAuth2.of(session, f"{self.arguments['site']}/oauth/token", **options)

    site = member_site(books=20)
    secret = site.accounts[0].client_secret
    settings = {"store": str(tmp_path / "crawl.db")}

    with application.visitor(Keyed, arguments={"site": site.url}, settings=settings) as visit:
        assert visit.login() == "login"
    summary = crawl(Keyed, site.url, tmp_path)
    other = crawl(type("Other", (Keyed,), {"name": "other"}), site.url, tmp_path)

    assert [(run.ending, run.logins, run.restored) for run in (summary, other)] == [("finished", 0, 1)] * 2
    assert site.record.tokens == {"password": 1}


# --- what a new login keeps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [(), ("device",)], ids=["nothing", "the-device"])
def test_L4_a_new_login_drops_all_cookies_of_its_sites_but_those_that_the_identity_keeps(
    keeps: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that asks a device for a code unless it knows it, and ends a session after a few pages."""
    seen: list[set[str]] = []
    ended: set[str] = set()

    def enter(call: WireRequest) -> Answer:
        seen.append(set(call.cookies()))
        device = [] if "device" in call.cookies() else [("Set-Cookie", "device=trusted; Path=/; Max-Age=9999999")]
        return Answer(200, b"<p>welcome</p>", headers=[("Set-Cookie", f"sid={len(seen)}; Path=/"), *device])

    def page(call: WireRequest) -> Answer:
        sid = call.cookies().get("sid", "")
        if call.path == "/2" and sid == "1":
            ended.add(sid)
        if sid != str(len(seen)) or sid in ended:
            return Answer(401, b"who?")
        return Answer(200, b"<p>hello <a href='/logout'>Log out</a></p>")

    class Device(Spider):
        name = "device"
        custom_settings = {"min_items": 0}
        sessions = (Identity("default", keeps=keeps),)

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/{number}" for number in (1, 2)]

        def login(self, session: Session) -> None:
            session.get(f"{self.arguments['site']}/enter")

        def parse(self, response: Response) -> None:
            return None

    host = Host({"/enter": enter, "/robots.txt": Answer.text("", 404), "*": page}, "127.0.0.1", None)
    try:
        summary = crawl(Device, host.url, tmp_path, workers=1)
        again = crawl(Device, host.url, tmp_path, workers=1, fresh=True)
    finally:
        host.close()

    assert (summary.ending, again.logins) == ("finished", 0), summary
    assert seen == [set(), set(keeps)]


# --- several processes ------------------------------------------------------------------------------------------------


def test_a_run_of_two_processes_that_cannot_log_in_says_so(
    make_site_process: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wide(Members):
        name = "wide"
        sessions = ("alice", "bob")

        def start(self) -> Iterator[Request]:
            for number in range(1, 301):
                for name in self.sessions:
                    yield Request(f"{self.arguments['site']}/members/book/{number}", self.parse_book, session=name)

    site = make_site_process(books=300, log_limit=0)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    monkeypatch.setenv("CRAWL_BOB_PASSWORD", "the-old-one")

    summary = crawl(Wide, site.url, tmp_path, processes=2, workers=4)

    assert (summary.ending, summary.exit_code, summary.parked) == ("login failed", 3, 300), summary
    assert summary.items == {"items": 300}
    assert site.record.login_posts == {"alice": 1, "bob": 1}
    assert summary.messages
    assert ["'bob'" in message for message in summary.messages] == [True] * len(summary.messages)

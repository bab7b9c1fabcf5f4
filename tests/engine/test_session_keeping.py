"""Sessions over whole crawls: one login per expiry, nothing from the logged-out side, people asked only when needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, NeedsHuman, Request, Response, Session
from crawler.engine import application
from crawler.events import Event, LoginEnded, SessionParked
from crawler.response import SPREAD
from crawler.testing import SiteProcess
from tests.engine.shop import Members, crawl, credentials, opened, stored

FIELDS = ("id", "title", "upc", "price")


class WideMembers(Members):
    """Begins at every list page at once, so that many workers have work from the start."""

    name = "wide"

    def start(self) -> Iterator[Request]:
        pages = int(self.arguments.get("pages", "1"))
        for identity in self.identities():
            for page in range(1, pages + 1):
                yield Request(f"{self.arguments['site']}/members/?page={page}", session=identity.name)


def truth(site: SiteProcess, username: str) -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(username)]


@pytest.mark.parametrize("style", ["redirect", "soft200"])
def test_32_threads_in_2_processes_log_in_once_per_revocation(
    style: str, make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=1200, login=style, revoke_at=tuple(range(100, 1100, 100)), log_limit=0)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    arguments = {"site": site.url, "pages": "60"}

    summary = application.run(
        WideMembers,
        arguments=arguments,
        settings={
            "store": str(tmp_path / "crawl.db"),
            "workers": 16,
            "per_host": 16,
            "processes": 2,
            "login_budget": 50,
        },
    )

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    assert site.record.logins == {alice.username: 11}
    assert summary.logins == 11
    assert max(site.record.most_simultaneous.values()) <= 16
    assert summary.processes == 2


def test_a_server_that_rotates_its_cookie_never_refuses_a_serial_session(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Serial(Members):
        name = "serial"
        sessions = (Identity("default", serial=True),)

    site = make_site_process(books=100, rotate_cookie=True)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Serial, site.url, tmp_path, workers=8)

    assert summary.ending == "finished"
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    assert site.record.logins == {alice.username: 1}
    assert [entry.status for entry in site.log if entry.status == 401] == []


def test_four_spiders_of_one_project_share_one_login_one_after_the_other_and_at_once(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=40)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    spiders = [type(f"Spider{number}", (Members,), {"name": f"spider{number}"}) for number in range(8)]

    for spider in spiders[:4]:
        crawl(spider, site.url, tmp_path)
    threads = [threading.Thread(target=crawl, args=(spider, site.url, tmp_path)) for spider in spiders[4:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert site.record.logins == {alice.username: 1}
    with opened(tmp_path) as database:
        per_run = database.execute("SELECT _run, count(*) FROM items GROUP BY _run ORDER BY _run").fetchall()
    assert [count for _, count in per_run] == [40] * 8


def test_four_spiders_that_start_at_once_without_a_stored_session_log_in_once(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=40, latency_s=0.01)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    spiders = [type(f"Spider{number}", (Members,), {"name": f"spider{number}"}) for number in range(4)]

    threads = [threading.Thread(target=crawl, args=(spider, site.url, tmp_path)) for spider in spiders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert site.record.logins == {alice.username: 1}


def test_a_login_that_needs_a_person_parks_its_session_and_the_others_go_on(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class WithCode(Members):
        name = "withcode"
        sessions = ("alice", "bob")
        code = ""

        def login(self, session: Session) -> None:
            if session.name == "bob" and not WithCode.code:
                raise NeedsHuman("code from the mail")
            super().login(session)

    site = make_site_process(books=40)
    alice, bob = site.accounts[:2]
    credentials(monkeypatch, alice=alice, bob=bob)
    events: list[Event] = []

    summary = crawl(WithCode, site.url, tmp_path, observers=[events.append])

    assert (summary.ending, summary.exit_code) == ("needs human", 7)
    assert summary.items == {"items": 40}
    assert summary.parked == 1
    assert summary.next_command == "crawl login withcode --session bob"
    assert [event.session for event in events if isinstance(event, SessionParked)] == ["bob"]

    WithCode.code = "1234"
    with application.visitor(
        WithCode, arguments={"site": site.url}, settings={"store": str(tmp_path / "crawl.db")}
    ) as visit:
        assert visit.login("bob") == "login"
    after = crawl(WithCode, site.url, tmp_path)

    assert (after.ending, after.logins, after.items) == ("finished", 0, {"items": 40})
    assert site.record.logins == {alice.username: 1, bob.username: 1}


def test_spread_requests_go_to_all_accounts_and_each_page_is_fetched_once(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Spread(Members):
        name = "spread"
        sessions = ("alice", "bob")

        def start(self) -> Iterator[Request]:
            yield Request(self.start_urls[0], session=SPREAD)

    site = make_site_process(books=100, latency_s=0.005)
    alice, bob = site.accounts[:2]
    credentials(monkeypatch, alice=alice, bob=bob)

    summary = crawl(Spread, site.url, tmp_path, workers=8)

    assert summary.ending == "finished", summary
    assert [row["id"] for row in stored(tmp_path, "id")] == [str(number) for number in range(1, 101)]
    with opened(tmp_path) as database:
        used = dict(database.execute("SELECT session, count(*) FROM crawl_pages GROUP BY session"))
    assert set(used) == {"alice", "bob"}
    assert min(used.values()) > 10


def test_pages_with_masked_fields_are_fetched_again_after_the_session_was_lost(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Masked(WideMembers):
        """The site shows pages to guests, too, with the price masked; only the account page tells the difference."""

        name = "masked"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.probe_url = f"{arguments['site']}/account/"
            self.login_url = f"{arguments['site']}/login"

    site = make_site_process(books=300, login="masked", logout_links="none", revoke_at=(90, 200), log_limit=0)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    summary = application.run(
        Masked,
        arguments={"site": site.url, "pages": "15"},
        settings={"store": str(tmp_path / "crawl.db"), "probe_every": 20, "login_budget": 20},
    )

    assert summary.ending == "finished", summary
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)
    assert summary.rechecked > 0
    with opened(tmp_path) as database:
        done = database.execute("SELECT count(*) FROM crawl_requests WHERE state = 2").fetchone()[0]
    assert (summary.pages, summary.items) == (done, {"items": 300}), "what was fetched again counts once"


def test_a_page_that_always_shows_the_login_form_fails_alone_and_costs_no_login(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Suspicious(Members):
        name = "suspicious"

        def is_logged_out(self, response: Response) -> Any:
            return "/members/book/7" in response.url or response.css("form#login")

    site = make_site_process(books=30)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Suspicious, site.url, tmp_path)

    assert (summary.ending, summary.failed, summary.items) == ("failures", 1, {"items": 29})
    assert site.record.logins == {alice.username: 1}
    assert summary.errors == {"LoggedOutPage": 1}


def test_with_the_guard_off_and_logout_links_everywhere_the_crawl_is_still_complete(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Everything(Members):
        name = "everything"
        custom_settings = {"min_items": 0}

        def parse(self, response: Response) -> Iterator[Any]:
            if "/members/book/" in response.url:
                yield from self.parse_book(response)
            yield from response.follow_all(css="a", callback=self.parse)

    site = make_site_process(books=60, logout_links="all", log_limit=0)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)

    summary = crawl(Everything, site.url, tmp_path, logout_guard=False, login_budget=60)

    assert summary.ending in ("finished", "failures"), summary
    assert stored(tmp_path, *FIELDS) == truth(site, alice.username)


def test_the_guard_leaves_logout_links_alone_and_says_so(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Everything(Members):
        name = "everything"
        custom_settings = {"min_items": 0}

        def parse(self, response: Response) -> Iterator[Any]:
            yield from response.follow_all(css="a", callback=self.parse)

    site = make_site_process(books=20)
    alice = site.accounts[0]
    credentials(monkeypatch, default=alice)
    events: list[Event] = []

    summary = crawl(Everything, site.url, tmp_path, observers=[events.append])

    assert summary.ending == "finished", summary
    assert site.record.logins == {alice.username: 1}
    assert not any("logout" in url for url in site.record.hits)
    assert any(rule.startswith("guard") for rule in summary.skipped_by), summary.skipped_by
    assert [event.outcome for event in events if isinstance(event, LoginEnded)] == ["ok"]

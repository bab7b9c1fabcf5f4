"""Many identities a site: where their names come from, and that nothing of one is ever sent by another."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, Request, Response, Session
from crawler.response import SPREAD
from crawler.testing.server import Server
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, opened, stored

from .conftest import MakeSite


class Proxy:
    """A proxy for plain http that keeps what it was asked, and answers from a site by asking it."""

    def __init__(self) -> None:
        self.asked: list[WireRequest] = []
        self._lock = threading.Lock()  # guards asked
        self._server = Server(self, threading.Event())
        self.url = f"http://127.0.0.1:{self._server.listen('127.0.0.1', 0)}"

    def connected(self, host: str) -> int:
        return 0

    def answers_left(self, answered: int) -> bool:
        return True

    def date_offset_s(self) -> float:
        return 0.0

    def answer(self, call: WireRequest) -> Answer:
        with self._lock:
            self.asked.append(call)
        connection = http.client.HTTPConnection(call.headers["host"], timeout=10)
        try:
            kept = {name: value for name, value in call.headers.items() if not name.startswith("proxy-")}
            connection.request(call.method, call.target, call.body or None, kept)
            answer = connection.getresponse()
            body = answer.read()
            headers = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() in ("set-cookie", "location", "www-authenticate")
            ]
            return Answer(answer.status, body, answer.getheader("Content-Type") or "text/html", headers)
        finally:
            connection.close()

    def close(self) -> None:
        self._server.close()


@contextmanager
def proxies(count: int) -> Iterator[list[Proxy]]:
    running = [Proxy() for _ in range(count)]
    try:
        yield running
    finally:
        for each in running:
            each.close()


# --- pinned, inherited, spread ----------------------------------------------------------------------------------------
def test_a_request_is_pinned_inherited_or_spread_and_the_name_is_in_its_fingerprint(
    make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Mixed(Members):
        name = "mixed"
        sessions = ("alice", "bob")

        def start(self) -> Iterator[Request]:
            site = self.arguments["site"]
            yield Request(f"{site}/account/", self.parse_account, session="alice")
            yield Request(f"{site}/account/", self.parse_account, session="bob")
            yield Request(f"{site}/account/", self.parse_account, session="bob")  # the same one again
            yield Request(f"{site}/members/?page=1", session=SPREAD)

        def parse_account(self, response: Response) -> Iterator[Any]:
            yield {"id": "0", "title": response.session_name, "upc": response.css("p.name::text").get()}
            yield response.follow("/orders/?page=1", self.parse_order)
            if response.session_name == "bob":
                yield response.follow("/orders/?page=2", self.parse_order, session="alice")

        def parse_order(self, response: Response) -> Iterator[Any]:
            own = response.css("span.account::text").get()
            yield {"id": "0", "title": f"orders of {response.session_name}", "upc": own}

    site = make_practice_site(books=60, latency_s=0.003)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    summary = crawl(Mixed, site.url, tmp_path, workers=4)

    assert summary.ending == "finished", summary
    rows = [(row["title"], row["upc"]) for row in stored(tmp_path, "id", "title", "upc") if row["id"] == "0"]
    assert sorted(rows) == [
        ("alice", "alice"),
        ("bob", "bob"),
        ("orders of alice", "alice"),
        ("orders of alice", "alice"),
        ("orders of bob", "bob"),
    ]
    with opened(tmp_path) as database:
        used = dict(
            database.execute("SELECT session, count(*) FROM crawl_pages WHERE url LIKE '%/members/%' GROUP BY session")
        )
    assert sum(used.values()) == 63
    assert min(used.values()) > 10, "the pool uses both"


def test_spread_work_goes_on_without_the_session_whose_login_fails(
    make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Spread(Members):
        name = "spread"
        sessions = ("alice", "bob", "carol")

        def start(self) -> Iterator[Request]:
            for page in range(1, 4):
                yield Request(f"{self.arguments['site']}/members/?page={page}", session=SPREAD)

    site = make_practice_site(books=60)
    alice, bob, carol = site.accounts
    credentials(monkeypatch, alice=alice, bob=bob, carol=carol)
    monkeypatch.setenv("CRAWL_BOB_PASSWORD", "the-old-one")

    summary = crawl(Spread, site.url, tmp_path, workers=4)

    assert (summary.ending, summary.parked, summary.failed) == ("login failed", 0, 0)
    assert [int(row["id"]) for row in stored(tmp_path, "id")] == list(range(1, 61))
    assert site.record.login_posts == {"alice": 1, "bob": 1, "carol": 1}


@pytest.mark.parametrize("pinned", [False, True], ids=["spread", "pinned"])
def test_a_session_that_takes_long_to_log_in_does_not_delay_others(
    pinned: bool, make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enough = threading.Event()
    pages: list[str] = []

    class Both(Members):
        name = "both"
        sessions = ("alice", "bob")
        in_time = False

        def start(self) -> Iterator[Request]:
            for number in range(1, 101):
                for name in self.sessions if pinned else (SPREAD,):
                    yield Request(f"{self.arguments['site']}/members/book/{number}", self.parse_book, session=name)

        def login(self, session: Session) -> None:
            if session.name == "bob":
                Both.in_time = enough.wait(20)
            super().login(session)

        def parse_book(self, response: Response) -> Iterator[Any]:
            pages.append(response.session_name)
            if len(pages) >= 60:
                enough.set()
            yield from super().parse_book(response)

        probe_url = property(lambda self: f"{self.arguments['site']}/account/")  # type: ignore[assignment]

    site = make_practice_site(books=100)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    summary = crawl(Both, site.url, tmp_path, workers=4)

    assert (summary.ending, summary.items) == ("finished", {"items": 200 if pinned else 100})
    assert Both.in_time
    assert set(pages[:60]) == {"alice"}


def test_spread_work_waits_when_no_session_is_left(
    make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Spread(Members):
        name = "spread"
        sessions = ("alice", "bob")

        def start(self) -> Iterator[Request]:
            for page in range(1, 4):
                yield Request(f"{self.arguments['site']}/members/?page={page}", session=SPREAD)

    site = make_practice_site(books=60)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    monkeypatch.setenv("CRAWL_ALICE_PASSWORD", "old")
    monkeypatch.setenv("CRAWL_BOB_PASSWORD", "old")

    stuck = crawl(Spread, site.url, tmp_path, workers=4)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
    mended = crawl(Spread, site.url, tmp_path, workers=4)

    assert (stuck.ending, stuck.parked, stuck.pages) == ("login failed", 3, 0)
    assert (mended.ending, mended.parked, mended.items) == ("finished", 0, {"items": 60})


# --- nothing is mixed -------------------------------------------------------------------------------------------------
def test_B18_interleaved_sessions_keep_headers_user_agent_proxy_auth_and_cookies_apart(
    make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with proxies(2) as (first, second):

        class Two(Members):
            name = "two"
            sessions = (
                Identity(
                    "alice",
                    headers={"X-Who": "alice"},
                    user_agent="Agent/alice",
                    proxy=first.url,
                    auth=("alice", "key-of-alice"),
                    params={"key": "alice"},
                ),
                Identity(
                    "bob",
                    headers={"X-Who": "bob"},
                    user_agent="Agent/bob",
                    proxy=second.url,
                    auth=("bob", "key-of-bob"),
                    params={"key": "bob"},
                ),
            )

        site = make_practice_site(books=40, bind_user_agent=True, latency_s=0.003)
        credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])
        crawl(Two, site.url, tmp_path, workers=4, max_pages=20)

        summary = crawl(Two, site.url, tmp_path, workers=4)

    assert (summary.ending, summary.logins, summary.restored) == ("finished", 0, 2), summary
    assert site.record.refused["user-agent"] == 0
    asked = [entry for entry in site.log if not entry.url.endswith("/robots.txt")]
    who = {"alice": set[str](), "bob": set[str]()}
    for entry in asked:
        name = entry.headers["x-who"]
        assert entry.headers["user-agent"] == f"Agent/{name}"
        assert f"key={name}" in entry.url or entry.url.endswith("/account/"), "a redirect adds nothing to its target"
        assert entry.account in ("", name)
        who[name].add(entry.headers["authorization"])
    assert [len(each) for each in who.values()] == [1, 1]
    assert who["alice"].isdisjoint(who["bob"])
    turns = [entry.headers["x-who"] for entry in asked]
    assert sum(1 for one, other in itertools.pairwise(turns) if one != other) > 5, "they must have been interleaved"
    for proxy, name in ((first, "alice"), (second, "bob")):
        through = [call for call in proxy.asked if not call.target.endswith("/robots.txt")]
        assert {call.headers["x-who"] for call in through} == {name}
        assert len(through) == turns.count(name)


def test_a_session_has_its_own_delay_and_does_not_delay_others(
    make_practice_site: MakeSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Slow(Members):
        name = "slow"
        sessions = (Identity("alice", delay=0.2), "bob")

        def start(self) -> Iterator[Request]:
            for number in range(1, 7):
                for identity in self.identities():
                    yield Request(
                        f"{self.arguments['site']}/members/book/{number}", self.parse_book, session=identity.name
                    )

    site = make_practice_site(books=6)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    summary = crawl(Slow, site.url, tmp_path, workers=4)

    assert summary.ending == "finished", summary
    pages = [entry for entry in site.log if "/members/book/" in entry.url]
    times = {name: [entry.time_s for entry in pages if entry.account == name] for name in ("alice", "bob")}
    assert max(times["bob"]) < times["alice"][2]
    first = next(entry.time_s for entry in pages if entry.account == "alice")
    login = [entry.time_s for entry in site.log if entry.account == "alice" and entry.time_s < first]
    assert login, "the probe, and where the login led"
    assert first - max(login) >= 0.1, "the login keeps the delay, too (a busy machine is late on either side)"
    with opened(tmp_path) as database:
        sent = database.execute(
            "SELECT r.sent_at FROM crawl_requests r JOIN crawl_lanes l ON l.id = r.lane WHERE l.session = 'alice'"
            " ORDER BY r.sent_at"
        ).fetchall()
        slots = {name for (name,) in database.execute("SELECT name FROM crawl_slots")}
    assert min(later[0] - earlier[0] for earlier, later in itertools.pairwise(sent)) >= 0.2 - 0.001
    host = site.url.removeprefix("http://")
    assert slots == {host, f"{host}#alice"}

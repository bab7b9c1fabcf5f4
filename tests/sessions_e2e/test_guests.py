"""Anonymous sessions in a pool: one that a site does not like any more begins anew; an account only rests."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, Request, Response, Spider
from crawler.response import SPREAD
from crawler.sessions import health
from crawler.sessions.health import FIRST_REST_S, LONGEST_REST_S, Health, Remedy
from crawler.testing import PracticeSite
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, opened, stored
from tests.hosts import Host

PAGES = 60


class Doorman:
    """A site that knows its visitors by a cookie and has enough of each after so many pages."""

    def __init__(self, *, patience: int, status: int) -> None:
        self._patience, self._status = patience, status
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards the counters
        self.pages: Counter[str] = Counter()  # served, by visitor
        self.refused: Counter[str] = Counter()

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer.text("", 404)
        visitor = call.cookies().get("visitor")
        with self._lock:
            fresh = visitor is None
            visitor = visitor or f"v{next(self._numbers)}"
            if self.pages[visitor] >= self._patience:
                self.refused[visitor] += 1
                return Answer(self._status, b"<p>Enough for today</p>")
            self.pages[visitor] += 1
        headers = [("Set-Cookie", f"visitor={visitor}; Path=/")] if fresh else []
        return Answer(200, f'<p class="id">{call.path.rpartition("/")[2]}</p>'.encode(), headers=headers)


class Guests(Spider):
    """Anybody may look; three visitors share the work."""

    name = "guests"
    sessions = ("one", "two", "three")

    def start(self) -> Iterator[Request]:
        for number in range(PAGES):
            yield Request(f"{self.arguments['site']}/page/{number}", session=SPREAD)

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"id": response.css("p.id::text").get()}


@pytest.fixture
def doorman(request: pytest.FixtureRequest) -> Iterator[tuple[Doorman, Host]]:
    rules = Doorman(**request.param)
    host = Host({"*": rules}, "127.0.0.1", None)
    yield rules, host
    host.close()


class Pinned(Guests):
    """All of it is one visitor's work: several that are answered 429 at once would look like a host in trouble."""

    name = "pinned"

    def start(self) -> Iterator[Request]:
        for number in range(PAGES):
            yield Request(f"{self.arguments['site']}/page/{number}", session="one")


@pytest.mark.parametrize(
    ("doorman", "spider"),
    [
        pytest.param({"patience": 10, "status": 403}, Guests, id="403"),
        pytest.param({"patience": 10, "status": 429}, Pinned, id="429"),
    ],
    indirect=["doorman"],
)
def test_a_refused_visitor_starts_a_new_session_and_the_page_is_tried_again(
    doorman: tuple[Doorman, Host], spider: type[Spider], tmp_path: Path
) -> None:
    rules, host = doorman

    summary = crawl(spider, host.url, tmp_path, workers=2, throttle=False, retries=8, backoff=0.01, max_backoff=0.02)

    assert (summary.ending, summary.failed) == ("finished", 0), summary
    assert [int(row["id"]) for row in stored(tmp_path, "id")] == list(range(PAGES))
    assert len(rules.pages) >= PAGES / 10
    assert max(rules.pages.values()) == 10
    assert max(rules.refused.values()) <= 3 + 2, "three are enough to begin anew; each of two workers may have one more"


@pytest.mark.parametrize("doorman", [{"patience": 10, "status": 403}], indirect=True)
def test_a_spider_with_one_guest_takes_a_403_for_what_it_is(doorman: tuple[Doorman, Host], tmp_path: Path) -> None:
    class Alone(Guests):
        name = "alone"
        sessions = ("one",)

    rules, host = doorman

    summary = crawl(Alone, host.url, tmp_path, workers=1)

    assert (summary.ending, summary.failed) == ("failures", PAGES - 10)
    assert set(rules.pages) == {"v1"}


@pytest.mark.parametrize("doorman", [{"patience": 1000, "status": 403}], indirect=True)
def test_a_guest_is_replaced_after_a_set_number_of_pages_even_if_it_is_welcome(
    doorman: tuple[Doorman, Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MOST_USES", 8)
    rules, host = doorman

    crawl(Guests, host.url, tmp_path, workers=1)

    assert len(rules.pages) >= PAGES // 8
    assert max(rules.pages.values()) <= 8


@pytest.mark.parametrize("doorman", [{"patience": 1000, "status": 403}], indirect=True)
def test_a_guest_keeps_its_cookie_over_runs(doorman: tuple[Doorman, Host], tmp_path: Path) -> None:
    class Alone(Guests):
        name = "alone"
        sessions = ("one",)

    rules, host = doorman

    crawl(Alone, host.url, tmp_path, workers=1, max_pages=5)
    crawl(Alone, host.url, tmp_path, workers=1)

    assert rules.pages == {"v1": PAGES}


def test_an_account_that_is_refused_rests_and_is_logged_in_once(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Bob gets a 403 three times; the rest of the work is alice's, and bob keeps his session."""

    class Spread(Members):
        name = "spread"
        sessions = ("alice", "bob")

        def start(self) -> Iterator[Request]:
            site = self.arguments["site"]
            for number in range(3):
                yield Request(f"{site}/status/403?{number}", session="bob", priority=5)
            yield Request(f"{site}/members/?page=1", session=SPREAD)

    site: PracticeSite = make_practice_site(books=40)
    credentials(monkeypatch, alice=site.accounts[0], bob=site.accounts[1])

    summary = crawl(Spread, site.url, tmp_path, workers=1)

    assert (summary.failed, summary.logins) == (3, 2)
    assert [int(row["id"]) for row in stored(tmp_path, "id")] == list(range(1, 41))
    with opened(tmp_path) as database:
        used = dict(
            database.execute("SELECT session, count(*) FROM crawl_pages WHERE url LIKE '%/members/%' GROUP BY session")
        )
    assert used == {"alice": 42}
    assert site.record.logins == {"alice": 1, "bob": 1}
    assert site.live_sessions("bob") == 1


# --- the rules alone --------------------------------------------------------------------------------------------------


def test_rests_of_an_account_grow_and_end_with_good_answers() -> None:
    standing, now, rests = Health(), 1_000.0, []
    for _ in range(9):
        while standing.observe(403, anonymous=False, now=now) is Remedy.NONE:
            pass
        rests.append(standing.resting_until - now)
        now = standing.resting_until

    assert rests == [min(FIRST_REST_S * 2**number, LONGEST_REST_S) for number in range(9)]
    for _ in range(20):
        assert standing.observe(200, anonymous=False, now=now) is Remedy.NONE
    assert standing.rests == 0


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_site_in_trouble_says_nothing_about_the_session(status: int) -> None:
    standing = Health()
    for _ in range(50):
        assert standing.observe(status, anonymous=True, now=0.0) is Remedy.NONE
    assert standing.score == health.FULL


def test_a_guest_never_rests_and_an_account_is_never_replaced() -> None:
    guest, account = Health(), Health()
    remedies = {
        (name, each.observe(429, anonymous=name == "guest", now=0.0))
        for name, each in (("guest", guest), ("account", account))
        for _ in range(20)
    }

    assert remedies == {
        ("guest", Remedy.NONE),
        ("guest", Remedy.RETIRE),
        ("account", Remedy.NONE),
        ("account", Remedy.REST),
    }


def test_a_login_session_and_guests_live_side_by_side(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Both(Members):
        name = "both"
        sessions = ("alice", Identity("guest", login=False))

        def start(self) -> Iterator[Request]:
            yield Request(f"{self.arguments['site']}/members/?page=1", session="alice")
            yield Request(f"{self.arguments['site']}/book/1", self.parse_book, session="guest")

    site: PracticeSite = make_practice_site(books=5)
    credentials(monkeypatch, alice=site.accounts[0])

    summary = crawl(Both, site.url, tmp_path)

    assert (summary.ending, summary.logins) == ("finished", 1)
    guest = [entry for entry in site.log if entry.url.endswith("/book/1") and "/members/" not in entry.url]
    assert [(entry.account, entry.headers.get("cookie")) for entry in guest] == [("", None)]

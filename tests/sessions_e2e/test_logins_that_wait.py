"""A login that cannot go on now is waited for: whole runs against a portal, in real time where it is short."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Response, Session
from crawler.events import Event, Warned
from crawler.sessions.login import patience
from crawler.stores.policy import login_policy
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, opened
from tests.hosts import Certificates, Net, quick_net

from .portal import HOME, Home, Portal

__all__ = ["quick_net"]


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55-of-ann")


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses a fiftieth as long."""
    for kind, pauses in list(login_policy._PASSING_S.items()):
        monkeypatch.setitem(login_policy._PASSING_S, kind, tuple(each / 50 for each in pauses))
    monkeypatch.setattr(patience, "PROBE_PAUSES_S", tuple(each / 50 for each in patience.PROBE_PAUSES_S))


class Pages(Home):
    """Reads so many pages behind the login."""

    name = "pages"
    pages = 12

    def start(self) -> Iterator[Request]:
        for number in range(self.pages):
            yield Request(f"{self.arguments['site']}/home?page={number}")


def gaps(portal: Portal) -> list[float]:
    return [later - earlier for earlier, later in zip(portal.posts, portal.posts[1:], strict=False)]


@pytest.mark.usefixtures("soon")  # so that it is not the pause without one that is waited
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_at_the_first_and_at_the_second_login(
    quick_net: Net, tmp_path: Path, status: int
) -> None:
    portal = Portal(busy=[Answer(status, b"", headers=[("Retry-After", "1")])])
    portal.pages_each = 8
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    def second_is_asked_to_wait(event: Event) -> None:
        if len(portal.posts) == 2 and not portal.busy and len(portal.lives) == 1:
            portal.busy.append(Answer(status, b"", headers=[("Retry-After", "1")]))

    run = crawl(Pages, own.url, tmp_path, workers=2, observers=[second_is_asked_to_wait])

    assert (run.ending, run.items, run.parked) == ("finished", {"items": 12}, 0)
    refused = [at for at in range(len(portal.posts) - 1) if at in (0, 2)]
    assert all(gaps(portal)[at] >= 1.9 for at in refused), "Retry-After, and a second more: it may be rounded down"
    assert run.logins == len(portal.posts) - 2


@pytest.mark.usefixtures("soon")
def test_a_limit_without_retry_after_is_waited_for_and_learned(quick_net: Net, tmp_path: Path) -> None:
    class More(Pages):
        pages = 24

    portal = Portal(limit=(2, 0.6))
    portal.pages_each = 4
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(More, own.url, tmp_path, workers=2)

    assert (run.ending, run.items, run.parked) == ("finished", {"items": 24}, 0)
    assert run.logins == len(portal.posts) - portal.refused
    assert portal.refused <= 6, "what the first pause taught is kept to: else each of four pauses is run into"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "answer",
    [
        Answer(502, b"<h1>Bad gateway</h1>"),
        Answer(504, b"<h1>Gateway timeout</h1>"),
        Answer(200, b"x" * 100, reset_after=10),
        Answer(200, b"", reset_after=0),
    ],
    ids=["502", "504", "broken off", "reset after sending"],
)
def test_a_login_whose_answer_is_of_no_use_is_made_again_after_a_pause_and_counts_as_sent(
    quick_net: Net, tmp_path: Path, answer: Answer
) -> None:
    portal = Portal(busy=[answer])
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.ending, run.logins, len(portal.posts)) == ("finished", 1, 2)
    assert endings(tmp_path) == ["broken", "ok"]


def endings(folder: Path) -> list[str]:
    with opened(folder) as database:
        return [row[0] for row in database.execute("SELECT outcome FROM crawl_logins ORDER BY id")]


def test_logins_without_an_answer_are_bounded_by_the_budget_of_the_hour(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(login_policy._PASSING_S, "broken", (0.01,))
    portal = Portal(busy=[Answer(502, b"")] * 50)
    own = quick_net.host({"*": portal})

    run = crawl(Home, own.url, tmp_path, login_budget=3)

    assert (run.ending, run.exit_code) == ("login failed", 3)
    assert len(portal.posts) == 3
    assert "502" in run.messages[0]


@pytest.mark.usefixtures("soon")
def test_a_site_that_comes_back_is_logged_in_to_and_nothing_is_parked(quick_net: Net, tmp_path: Path) -> None:
    """Its login page is elsewhere, and refuses connections for a while."""
    away, tries = f"http://127.0.0.1:{closed_port()}/login", []

    class Away(Home):
        name = "away"

        def login(self, session: Session) -> None:
            tries.append(time.monotonic())
            if len(tries) < 5:
                session.get(away)
            super().login(session)

    portal = Portal()
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Away, own.url, tmp_path)

    assert (run.ending, run.parked, len(portal.posts), len(tries)) == ("finished", 0, 1, 5)
    assert endings(tmp_path) == ["absent"] * 4 + ["ok"]


def test_a_site_that_was_never_reached_is_given_up_with_the_code_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_WITH_STRANGERS_S", 2.0)
    told: list[Event] = []

    run = crawl(Home, f"http://127.0.0.1:{closed_port()}", tmp_path, robots=False, observers=[told.append])

    assert run.exit_code == 1
    assert "login failed" not in run.ending
    first = next(event for event in told if isinstance(event, Warned))
    assert "onnect" in first.message
    assert "the login goes on in" in first.message
    assert set(endings(tmp_path)) == {"absent"}, "nothing was sent, so nothing counts"


def test_an_unknown_host_is_given_up_at_once(tmp_path: Path) -> None:
    began = time.monotonic()

    run = crawl(Home, "http://nonesuch.invalid", tmp_path, robots=False)

    assert run.exit_code == 1
    assert time.monotonic() - began < 10
    assert "no host named nonesuch.invalid" in run.messages[0]


def test_a_bad_certificate_is_named_and_given_up_at_once(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"*": Portal()}, tls=Certificates(tmp_path).context("another.test"))

    run = crawl(Home, own.url, tmp_path, robots=False)

    assert run.exit_code == 1
    assert "trust" in run.messages[0]
    assert endings(tmp_path) == ["unsent"]


@pytest.mark.parametrize(("header", "waits"), [("past", False), ("7200", True)])
def test_a_retry_after_of_the_past_is_none_and_a_huge_one_is_not_waited_for(
    quick_net: Net, tmp_path: Path, header: str, waits: bool
) -> None:
    value = "Wed, 21 Oct 2015 07:28:00 GMT" if header == "past" else header
    portal = Portal(busy=[Answer(429, b"", headers=[("Retry-After", value)])])
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Home, own.url, tmp_path)

    if waits:
        assert (run.exit_code, len(portal.posts)) == (3, 1)
        assert "asks to be left alone for" in run.messages[0]
        again = crawl(Home, own.url, tmp_path)
        assert len(portal.posts) == 1, "nor does the next run ask before that"
        assert "the site asks for patience; possible again at" in again.messages[0]
    else:
        assert (run.ending, len(portal.posts)) == ("finished", 2)
        assert gaps(portal)[0] >= 1.9


def test_max_time_ends_the_waiting(quick_net: Net, tmp_path: Path) -> None:
    portal = Portal(busy=[Answer(503, b"", headers=[("Retry-After", "600")])] * 9)
    own = quick_net.host({"*": portal})
    began = time.monotonic()

    run = crawl(Home, own.url, tmp_path, max_time=2)

    assert (run.ending, run.exit_code) == ("limit", 5)
    assert time.monotonic() - began < 8
    assert len(portal.posts) == 1


def test_what_else_there_is_goes_on_while_a_login_waits(quick_net: Net, tmp_path: Path) -> None:
    class Both(Home):
        name = "both"
        sessions = ("default", "guest")

        def start(self) -> Iterator[Request]:
            yield Request(self.arguments["site"] + "/home", session="default")
            yield Request(self.arguments["site"] + "/open", session="guest")

        def identities(self) -> Any:
            from crawler import Identity

            return [Identity("default"), Identity("guest", login=False)]

        def parse(self, response: Response) -> Iterator[Any]:
            yield {"path": response.url.rpartition("/")[2], "at": time.monotonic()}

    portal = Portal(busy=[Answer(429, b"", headers=[("Retry-After", "1")])])
    own = quick_net.host({"/welcome": Answer(body=HOME), "/open": Answer(body=b"<p>open</p>"), "*": portal})

    run = crawl(Both, own.url, tmp_path)

    with opened(tmp_path) as database:
        moments = dict(database.execute("SELECT path, at FROM items").fetchall())
    assert run.ending == "finished"
    assert moments["home"] - moments["open"] > 1, "the open page did not wait for the login"


DATES = {  # Source: RFC 9110, section 5.6.7: a recipient takes all three
    "IMF-fixdate": "%a, %d %b %Y %H:%M:%S GMT",
    "RFC 850": "%A, %d-%b-%y %H:%M:%S GMT",
    "asctime": "%a %b %d %H:%M:%S %Y",
}


@pytest.mark.parametrize(("status", "form"), [(429, "IMF-fixdate"), (503, "RFC 850"), (429, "asctime")])
def test_a_login_waits_until_the_date_that_retry_after_names(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, form: str
) -> None:
    monkeypatch.setitem(login_policy._PASSING_S, "busy", (0.01,))  # what it would wait without a word
    now = time.time()
    then = int(now) + 2
    due = time.monotonic() + then - now
    date = datetime.fromtimestamp(then, UTC).strftime(DATES[form])
    portal = Portal(busy=[Answer(status, b"", headers=[("Retry-After", date)])])
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Home, own.url, tmp_path)

    assert (run.ending, run.logins, len(portal.posts)) == ("finished", 1, 2)
    assert due <= portal.posts[1] < due + 5
    assert endings(tmp_path) == ["busy", "ok"]


class Silent(Portal):
    """Does not answer the first request of that method to its login page."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method, self.over, self._asked = method, threading.Event(), 0

    def __call__(self, call: WireRequest) -> Answer:
        if (call.method, call.path) == (self._method, "/login"):
            self._asked += 1
            if self._asked == 1:
                if call.method == "POST":
                    self.posts.append(time.monotonic())
                self.over.wait(20)
                return Answer(500, b"")
        return super().__call__(call)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(("method", "posts", "first"), [("POST", 2, "broken"), ("GET", 1, "absent")])
@pytest.mark.parametrize("limit", ["timeout", "deadline"])
def test_a_login_that_times_out_is_made_again_and_counts_as_sent_where_the_password_was(
    quick_net: Net, tmp_path: Path, method: str, posts: int, first: str, limit: str
) -> None:
    portal = Silent(method)
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Home, own.url, tmp_path, **{limit: 0.7})
    portal.over.set()

    assert (run.ending, run.logins, len(portal.posts)) == ("finished", 1, posts)
    assert endings(tmp_path) == [first, "ok"]


@pytest.mark.usefixtures("soon")
def test_a_limit_of_an_hour_without_retry_after_is_not_hammered_and_the_next_run_keeps_to_it(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 3.0)
    portal = Portal(limit=(1, 3600.0))
    portal.pages_each = 4
    own = quick_net.host({"/welcome": Answer(body=HOME), "*": portal})

    run = crawl(Pages, own.url, tmp_path, workers=2)

    assert (run.ending, run.exit_code, run.logins) == ("login failed", 3, 1)
    assert run.items["items"] + run.parked == 12, "what was not read waits for a run that may log in"
    assert 2 <= portal.refused <= 5, "each pause is longer than the one before"
    assert "429" in run.messages[0]
    asked = portal.refused
    assert gaps(portal)[-1] > 2 * gaps(portal)[1]

    monkeypatch.setattr(patience, "PATIENCE_S", 0.1)
    again = crawl(Pages, own.url, tmp_path, workers=2)

    assert portal.refused == asked, "it is too early, and the store knows"
    assert "possible again at" in again.messages[0]

"""Which session sends a request that any of them may send, while some wait for a person or may send nothing now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crawler.errors import LoginFailed, NeedsHuman, WrongPassword
from crawler.events import Summary
from crawler.frontier.gates import Gates
from crawler.identity import Identity
from crawler.outcome import Leased, Outcome
from crawler.request import SPREAD
from crawler.runs.stats import Stats
from crawler.sessions.login.ports import SESSION
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool
from tests.engine.parts import leased


class Requests:
    """Notes what becomes of requests."""

    def __init__(self) -> None:
        self.back: list[Leased] = []
        self.settled: list[Outcome] = []
        self.brought: list[str] = []

    def take_back(self, leased: list[Leased]) -> None:
        self.back += leased

    def settle(self, outcomes: list[Outcome]) -> None:
        self.settled += outcomes

    def parked(self) -> int:
        return 1

    def bring_back(self, session: str) -> int:
        self.brought.append(session)
        return 1


def request_of(session: str) -> Leased:
    return leased(1, session=session)


@pytest.fixture
def gates() -> Gates:
    return Gates()


@pytest.fixture
def pool() -> SessionPool:
    def manager(name: str) -> Any:
        record = SimpleNamespace(state=LoginState.REFUSED, epoch=0)
        return SimpleNamespace(
            session=SimpleNamespace(name=name, key=name), record=record, by_browser="", wants_login=True
        )

    return SessionPool({name: Identity(name) for name in ("alice", "bob")}, manager)


@pytest.fixture
def unusable(pool: SessionPool, gates: Gates) -> UnusableSessions:
    requests: Any = Requests()
    found = UnusableSessions(pool, gates, Stats(Summary("orders"), []), requests, "orders")
    gates.get((SESSION, "alice"))
    found.bar("alice", WrongPassword("alice", "no"), 1.0, 2.0)
    return found


def test_a_session_that_was_refused_a_moment_ago_is_waited_for_rather_than_one_that_waits_for_a_person(
    unusable: UnusableSessions,
) -> None:
    """Bob's login has ended on its thread, and nobody was told yet: his requests wait before his gate until then."""
    assert unusable.choose(request_of(SPREAD), 1.0) == "bob"


def test_a_session_whose_quota_is_spent_is_waited_for_as_well(unusable: UnusableSessions) -> None:
    assert unusable.choose(request_of(SPREAD), 1.0, without=frozenset({"bob"})) == "bob"


def test_where_all_wait_for_a_person_the_request_is_parked_and_does_not_come_back(
    unusable: UnusableSessions, pool: SessionPool
) -> None:
    unusable.bar("bob", WrongPassword("bob", "no"), 1.0, 2.0)

    name = unusable.choose(request_of(SPREAD), 1.0)
    unusable.park([request_of(SPREAD)], name)

    requests: Any = unusable._requests
    assert (len(requests.settled), requests.back) == (1, [])


def test_a_session_requested_by_name_sends(unusable: UnusableSessions) -> None:
    assert unusable.choose(request_of("alice"), 1.0) == "alice"


def test_a_request_is_put_aside_with_the_reason_of_its_session(unusable: UnusableSessions) -> None:
    unusable.park([request_of("alice")], "alice")

    requests: Any = unusable._requests
    assert [each.error for each in requests.settled] == ["WrongPassword: session 'alice': no"]


def test_one_for_any_session_is_put_aside_with_the_reasons_of_all(unusable: UnusableSessions) -> None:
    unusable.bar("bob", NeedsHuman("bob", "a code"), 1.0, 2.0)

    assert unusable.reason(SPREAD) == "WrongPassword: session 'alice': no\nNeedsHuman: session 'bob': a code"


def test_errors_met_by_others_are_reported_in_our_words_and_errors_met_here_once(unusable: UnusableSessions) -> None:
    summary = unusable._teller.summary

    unusable.met_elsewhere([LoginFailed("alice", "later"), NeedsHuman("bob", "a code")])

    assert [type(each) for each in unusable.failures.values()] == [WrongPassword, NeedsHuman]
    assert [line.partition(";")[0] for line in summary.messages] == ["session 'alice': no", "session 'bob': a code"]
    assert summary.next_command == "crawl login orders"
    assert unusable.is_told("session 'bob': a code; continue with: crawl login orders --session bob -s workers=2")
    assert not unusable.is_told("session 'bob': sends its requests in turn")
    assert not unusable.is_told("session 'eve': no; continue with: crawl login orders --session eve")


def test_what_others_put_aside_is_brought_back_where_the_session_is_good_and_given_up_when_nothing_comes_of_it(
    unusable: UnusableSessions, pool: SessionPool
) -> None:
    requests: Any = unusable._requests
    bob: Any = pool.manager("bob").record

    assert unusable.bring_back_of_others() == 0, "nobody is logged in"
    bob.state, bob.epoch = LoginState.READY, 1
    assert [unusable.bring_back_of_others() for _ in range(6)] == [2, 2, 2, 2, 2, 0]
    unusable._teller.summary.pages += 1
    assert [unusable.bring_back_of_others() for _ in range(6)] == [2, 2, 2, 2, 2, 0]
    bob.epoch = 2
    assert unusable.bring_back_of_others() == 2
    assert requests.brought == ["bob", SPREAD] * 11

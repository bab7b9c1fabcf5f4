"""Which session sends a request that any of them may send, while some wait for a person or may send nothing now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crawler.errors import WrongPassword
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

    def take_back(self, leased: list[Leased]) -> None:
        self.back += leased

    def settle(self, outcomes: list[Outcome]) -> None:
        self.settled += outcomes


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


def test_who_is_asked_for_by_name_sends(unusable: UnusableSessions) -> None:
    assert unusable.choose(request_of("alice"), 1.0) == "alice"

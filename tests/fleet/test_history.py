"""The history checker: histories in which all is well, and for each rule some that break it and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.fleet.history import Claim, Commit, History, Login, Sent, Write, broken

WAITING, LEASED, DONE = 0, 1, 2


def claimed(at: float, who: str, token: int, *, before: int = WAITING, until: float = 0.0) -> Write:
    return Write(at, who, 1, (before, token - 1), (LEASED, token), until)


def ended(at: float, who: str, token: int, *, before: int = LEASED) -> Write:
    return Write(at, who, 1, (before, token), (DONE, token), at + 60)


def freed(at: float, who: str, *, before: int = LEASED, until: float = 0.0) -> Write:
    return Write(at, who, 1, (before, 1), (WAITING, 1), until)


def sent(*arrivals: tuple[float, str]) -> Sequence[Sent]:
    return [Sent(at, who, "shop", 1) for at, who in arrivals]


FIRST = Login(9, "one", 1, "ok", True)
#: One request that was claimed, sent, stored; another member came too late for it.
WELL = History(
    writes=[claimed(10, "one", 1), ended(11, "one", 1)],
    claims=[Claim(10.1, "one", 1, 1, 20)],
    commits=[Commit(11.1, "one", 1, 1, "accept", True), Commit(30, "two", 1, 0, "accept", False)],
    sent=[Sent(10.5, "one", "shop", 1), Sent(10.8, "two", "shop", None)],
    logins=[FIRST],
    good_logins=1,
    delay_s=0.25,
)
STORED = WELL.writes
TAKEN_OVER = [claimed(10, "one", 1), freed(21, "two", until=20), claimed(21, "two", 2), ended(22, "two", 2)]


def also(**changes: Any) -> History:
    return replace(WELL, **changes)


GOOD = {
    "all is well": WELL,
    "put back and accepted again": also(
        writes=[*STORED, freed(12, "two", before=DONE), claimed(13, "two", 2), ended(14, "two", 2)]
    ),
    "sent in a lease that was prolonged": also(sent=sent((21, "one")), renewed={"one": [(15, 25)]}),
    "a login that was cut short": also(good_logins=2, logins=[FIRST, Login(20, "two", 2)]),
    "an expiry": also(good_logins=2, expired=1, logins=[FIRST, Login(20, "two", 2, "ok", True)]),
    "taken over after its lease": also(writes=TAKEN_OVER, commits=[]),
    "a lease that a crash forgot": also(
        writes=[claimed(12, "two", 2), ended(13, "two", 2)], commits=[], sent=sent((12.5, "one")), crashes=[11.0]
    ),
}

BROKEN = {
    "accepted by one, and again by one": also(writes=[*STORED, ended(12, "one", 1, before=WAITING)]),
    "one wrote DONE while two held it": also(writes=[*TAKEN_OVER[:-1], ended(22, "one", 2)], commits=[]),
    "one wrote DONE without a claim": also(writes=STORED[1:]),
    "set its token back from 1 to 0": also(writes=[*STORED, Write(12, "two", 1, (DONE, 1), (WAITING, 0))]),
    "two took it from one, 5.000 s before": also(writes=[STORED[0], freed(15, "two", until=20)], commits=[]),
    "request 1 (accept) is stored, and it is not": also(writes=STORED[:1]),
    "2 logins for 0 expiries, expected 1": also(good_logins=2),
    "1 logins for 1 expiries, expected 2": also(good_logins=1, expired=1),
    "2 logins were stored for 0 expiries": also(
        good_logins=2, logins=[FIRST, Login(20, "two", 2), Login(21, "two", 3, "ok", True)]
    ),
    "one and one sent 200.0 ms apart": also(sent=sent((10.5, "one"), (10.7, "one"))),
    "two sent request 1 without a lease": also(sent=sent((10.5, "two"))),
    "one sent request 1 without a lease": also(sent=sent((10.05, "one"))),
    "one sent request 1 0.500 s after the end of its lease": also(sent=sent((20.5, "one"))),
    "6.000 s after the end of its lease": also(sent=sent((26, "one")), renewed={"one": [(21, 31)]}),
    "one sent request 1 when two had claimed it": also(
        writes=[claimed(10, "one", 1), claimed(12, "two", 2), ended(14, "two", 2)], commits=[], sent=sent((13, "one"))
    ),
}


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_a_history_as_promised_breaks_no_rule(history: History) -> None:
    assert list(broken(history)) == []


@pytest.mark.parametrize(("said", "history"), BROKEN.items(), ids=BROKEN)
def test_a_broken_promise_is_reported(said: str, history: History) -> None:
    found = list(broken(history))

    assert len(found) == 1
    assert said in found[0]

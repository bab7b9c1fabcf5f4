"""What an answer teaches about its host, and what becomes of a page of a dead or refusing one."""

from __future__ import annotations

import pytest

from crawler.engine.given_up import GivenUp
from crawler.engine.learning import Learned, Learning
from crawler.engine.pace import Pace
from crawler.events import Event, SlotPaused, Warned
from crawler.outcome import Outcome, Verdict
from crawler.settings import Settings
from tests.engine.parts import answer


class Guests:
    """A pool of which one session may be refused for itself."""

    def __init__(self, *, guest: bool = False) -> None:
        self.guest, self.observed = guest, list[int]()

    def observe(self, name: str, status: int, now: float) -> None:
        self.observed.append(status)

    def may_try_again(self, name: str, status: int) -> bool:
        return self.guest and status == 403


class Learner:
    def __init__(self, *, guest: bool = False, retries: int = 2) -> None:
        self.told: list[Event] = []
        self.pool, self.given_up = Guests(guest=guest), GivenUp()
        pace = Pace(Settings(), {}, tell=self.told.append, clock=lambda: 1.0)
        self.learning = Learning(pace, self.given_up, self.pool, retries=retries, tell=self.told.append)

    def learn(self, outcome: Outcome, now: float = 11.0) -> Learned:
        return self.learning.learn(outcome, now)


def silent(number: int = 1) -> Outcome:
    return answer(number, Verdict.RETRY, status=0, host_fault=True, error="Refused: nobody listens")


def test_a_page_teaches_that_its_host_lives_and_nothing_else() -> None:
    learner = Learner()

    assert learner.learn(answer()) == Learned(alive=True)
    assert (learner.told, learner.pool.observed) == ([], [200])


def test_what_was_not_sent_teaches_nothing() -> None:
    learner = Learner()

    assert learner.learn(answer(verdict=Verdict.RELEASE, sent_at=0.0, status=0)) == Learned()
    assert learner.pool.observed == []


def test_a_page_that_shows_the_logged_out_sign_says_nothing_of_how_its_session_is_received() -> None:
    learner = Learner()

    learner.learn(answer(verdict=Verdict.LOGIN, status=401))

    assert learner.pool.observed == []


def test_a_host_that_never_answers_is_given_up_once_and_its_page_fails() -> None:
    learner = Learner()
    outcomes = [silent(number) for number in range(60)]

    found = [learner.learn(each, 11.0 + 60.0 * number) for number, each in enumerate(outcomes)]

    assert [each.gave_up for each in found].count(True) == 1
    assert not any(each.alive for each in found)
    at = next(number for number, each in enumerate(found) if each.gave_up)
    assert [each.verdict for each in outcomes[at - 1 : at + 2]] == [Verdict.RETRY, Verdict.FAIL, Verdict.FAIL]
    warned = [each for each in learner.told if isinstance(each, Warned) and "given up in this run" in each.message]
    assert len(warned) == 1


def test_a_host_that_answers_after_all_is_asked_again() -> None:
    learner = Learner()
    for number in range(60):
        learner.learn(silent(number), 11.0 + 60.0 * number)
    assert learner.given_up.errors

    assert learner.learn(answer(99), 10_000.0).alive
    assert not learner.given_up.errors


def test_a_pause_that_a_host_asks_for_is_told_and_never_shortened() -> None:
    learner = Learner()
    asked = answer(verdict=Verdict.RETRY, status=503, host_fault=True, pause_slot_until=5_000.0)
    outcomes = [asked, *(answer(number, Verdict.RETRY, status=503, host_fault=True) for number in range(2, 12))]

    for each in outcomes:
        learner.learn(each)

    assert asked.pause_slot_until == 5_000.0
    paused = [each for each in learner.told if isinstance(each, SlotPaused)]
    assert paused
    assert all(each.slot == "a.test" for each in paused)


def test_a_host_that_says_slower_has_what_waits_reserved_anew() -> None:
    learner = Learner()

    found = [
        learner.learn(answer(number, Verdict.RETRY, status=429, host_fault=True), 100.0 + 60 * number)
        for number in range(10)
    ]

    assert any(each.slower for each in found)


@pytest.mark.parametrize(("attempt", "verdict"), [(0, Verdict.RETRY), (1, Verdict.RETRY), (2, Verdict.FAIL)])
def test_a_refusal_of_one_of_several_guests_is_tried_again_as_often_as_the_setting_says(
    attempt: int, verdict: Verdict
) -> None:
    learner = Learner(guest=True, retries=2)
    outcome = answer(verdict=Verdict.FAIL, status=403, tries=1, request={"attempt": attempt})

    learner.learn(outcome)

    assert outcome.verdict is verdict


def test_a_refusal_of_the_only_session_stays_a_failure() -> None:
    outcome = answer(verdict=Verdict.FAIL, status=403)

    Learner().learn(outcome)

    assert outcome.verdict is Verdict.FAIL

"""What an answer says about its session, and what becomes of its page: values in, a ruling out."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.frontier.guard import LogoutGuard
from crawler.frontier.guard_learned import key_of
from crawler.outcome import Outcome, Verdict
from crawler.sessions.login.session_evidence import Ruling, SessionEvidence, SessionNow
from crawler.sessions.login.trials import TrialRules
from tests.engine.parts import answer, leased

GOOD = SessionNow(epoch=1)
IN_DOUBT = SessionNow(epoch=1, ready=False)
AGAIN_IN = SessionNow(epoch=2)


def made(probe_every: int = 20, **more: Any) -> SessionEvidence:
    return SessionEvidence("orders", TrialRules(key_of, **more), probe_every=probe_every)


def judge(answers: SessionEvidence, outcome: Outcome, now: SessionNow = GOOD) -> Ruling:
    return answers.judge(outcome, now, 100.0)


def test_a_page_of_a_good_session_is_committed_and_is_to_be_covered_by_a_later_proof() -> None:
    answers = made()

    assert judge(answers, answer()) == Ruling(True, brought=True)
    assert answers.kept == 0
    assert answers.unproven("default").uncertain == 1


def test_a_page_that_proves_itself_covers_those_before_it() -> None:
    answers = made()
    judge(answers, answer(1, sent_at=5.0))

    ruling = judge(answers, answer(2, proven=True, sent_at=50.0))

    assert ruling.settle
    assert ruling.judged is not None
    assert answers.unproven("default").uncertain == 0


@pytest.mark.parametrize("verdict", [Verdict.RELEASE, Verdict.RETRY, Verdict.PARK])
def test_a_missing_answer_says_nothing_about_the_session(verdict: Verdict) -> None:
    answers = made()

    assert judge(answers, answer(verdict=verdict), IN_DOUBT) == Ruling(True)
    assert answers.unproven("default").uncertain == 0


def test_a_page_that_failed_for_a_reason_of_its_own_is_committed_as_that() -> None:
    assert judge(made(), answer(verdict=Verdict.FAIL, status=500)) == Ruling(True)


def test_the_logged_out_sign_is_a_doubt_and_its_page_is_kept() -> None:
    answers = made()

    ruling = judge(answers, answer(verdict=Verdict.LOGIN))

    assert (ruling.settle, ruling.doubt, ruling.seen_at) == (False, "a login form", "http://a.test/1")
    assert answers.kept == 1
    assert [each.id for each in answers.drain()] == [1]


def test_a_request_with_a_body_cannot_prove_the_session() -> None:
    ruling = judge(made(), answer(verdict=Verdict.LOGIN, request={"extras": '{"method":"POST"}'}))

    assert (ruling.doubt, ruling.seen_at) == ("a login form", "")


def test_an_answer_from_before_the_last_login_is_sent_again_quietly() -> None:
    answers = made()

    assert judge(answers, answer(verdict=Verdict.LOGIN), AGAIN_IN) == Ruling(False, again=True)
    assert judge(answers, answer(), AGAIN_IN) == Ruling(False, again=True, counts=True)
    assert answers.kept == 0


def test_an_old_page_that_proves_itself_counts_but_proves_nothing_of_the_new_login() -> None:
    ruling = judge(made(), answer(proven=True), AGAIN_IN)

    assert ruling == Ruling(True, brought=True)


def test_pages_that_come_back_during_a_doubt_are_kept_until_the_probe_has_decided() -> None:
    answers = made()

    assert judge(answers, answer(), IN_DOUBT) == Ruling(False, brought=True)
    assert answers.kept == 1


def test_a_third_sign_in_a_session_that_was_good_each_time_is_the_fault_of_the_page() -> None:
    answers = made()
    for _ in range(2):
        assert judge(answers, answer(verdict=Verdict.LOGIN)).doubt
        answers.unproven("default").good(50.0, 60.0)
        answers.showed_out("default", [1])

    last = answer(verdict=Verdict.LOGIN)
    ruling = judge(answers, last)

    assert (ruling.settle, ruling.doubt) == (True, "")
    assert last.verdict is Verdict.FAIL
    assert last.error.startswith("LoggedOutPage: ")


def test_a_page_without_the_sign_in_between_forgets_the_earlier_ones() -> None:
    answers = made()
    answers.showed_out("default", [1])
    answers.showed_out("default", [1])
    judge(answers, answer())

    assert judge(answers, answer(verdict=Verdict.LOGIN)).doubt


def test_many_refusals_are_a_doubt_and_few_are_kept_for_later() -> None:
    answers = made()

    rulings = [judge(answers, answer(number, status=403, verdict=Verdict.FAIL)) for number in range(30)]

    assert not any(each.settle for each in rulings)
    asked = [each for each in rulings if each.ask]
    assert asked
    assert asked[0].doubt == "status 403, which may mean that we are logged out"
    assert answers.kept == 30


def test_a_page_under_suspicion_is_kept_for_the_probe_after_it() -> None:
    answers = made(bans=LogoutGuard().learned)
    answers.trials.put_off(leased(7), "default")
    answers.trials.begin()

    ruling = judge(answers, answer(7))

    assert (ruling.settle, ruling.brought) == (False, True)
    assert ruling.probe == "a page is suspected of ending the session"
    assert answers.kept == 1


def test_a_page_that_ends_the_session_alone_is_convicted_and_reported() -> None:
    answers = made(bans=LogoutGuard().learned)
    told = []
    for _ in range(10):
        evidence = answers.unproven("default").evidence
        evidence.begin(0.0)
        for _ in range(50):  # sessions are known to live for long without it
            evidence.handed_out()
        evidence.lost(0)
        evidence.begin(1_000.0)
        if not answers.trials.next_session():
            answers.trials.put_off(leased(7), "default")
        answers.trials.begin()
        judge(answers, answer(7))
        ended = answers.end_trial("default", 1_001.0, survived=False, serial=False)
        if ended is not None:
            told.append(ended)
            break

    (page, message), *_ = told
    assert page.verdict in (Verdict.SKIP, Verdict.FAIL)
    assert page.items == []
    assert (page.verdict is Verdict.SKIP) == message.endswith("which takes that back or confirms it")


def test_a_trial_of_another_session_is_not_ended_by_this_one() -> None:
    answers = made()
    answers.trials.put_off(leased(7), "default")
    answers.trials.begin()
    judge(answers, answer(7))

    assert answers.end_trial("other", 1.0, survived=True, serial=False) is None
    ended = answers.end_trial("default", 1.0, survived=True, serial=False)
    assert ended is not None
    assert (ended[0].verdict, ended[1]) == (Verdict.ACCEPT, "")


@pytest.mark.parametrize(
    ("refuses_guests", "fetched_again"), [(True, [9]), (False, [1, 2, 9])], ids=["an API", "a login page"]
)
def test_data_from_an_address_that_refuses_guests_is_certain_when_the_session_is_lost_but_a_page_is_not(
    refuses_guests: bool, fetched_again: list[int]
) -> None:
    answers = made()
    pages = answers.unproven("default")
    judge(answers, answer(1))
    judge(answers, answer(9, verdict=Verdict.LOGIN, refuses_guests=refuses_guests))
    judge(answers, answer(2), IN_DOUBT)

    judged = pages.lost()

    kept = [each.id for each in judged.again] + ([1] if judged.since is not None else [])
    assert sorted(kept) == fetched_again
    assert [each.request.id for each in judged.settled] == ([2] if refuses_guests else [])


def test_a_probe_that_refuses_us_as_an_api_does_makes_pages_of_its_route_certain() -> None:
    answers = made()
    pages = answers.unproven("default")
    judge(answers, answer(1))
    judge(answers, answer(2), IN_DOUBT)

    judged = pages.lost(refused_at="http://a.test/0")

    assert judged.since is None
    assert [each.request.id for each in judged.settled] == [2]


@pytest.mark.parametrize(
    ("ends_at", "life"),
    [(["/home", "/home"], 3), (["/home", "/7/the-seventh"], 5), (["", "/home"], 5)],
    ids=["all led home", "each to its own page", "one of them"],
)
def test_answers_that_were_led_to_one_place_before_the_loss_was_seen_are_not_part_of_the_life(
    ends_at: list[str], life: int
) -> None:
    answers = made()
    for number in (1, 2, 3):
        judge(answers, answer(number))
    for number, end in enumerate(ends_at, 4):
        judge(answers, answer(number, final_url=end))

    answers.unproven("default").lost()

    assert answers.unproven("default").evidence.lives.last == (life,)


def test_a_page_that_is_skipped_for_leading_where_others_were_led_tells_of_those() -> None:
    answers = made()
    judge(answers, answer(1))
    judge(answers, answer(2, final_url="/home"))
    judge(answers, answer(3, verdict=Verdict.SKIP, final_url="/home"))

    answers.unproven("default").lost()

    assert answers.unproven("default").evidence.lives.last == (1,)

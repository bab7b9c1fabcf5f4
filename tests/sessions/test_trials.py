"""`sessions.login.trials`: which process tries suspects."""

from __future__ import annotations

from crawler.frontier.guard_learned import key_of
from crawler.sessions.login.trials import TrialRules, Trials


def test_a_process_tries_suspects_when_the_one_that_tried_them_has_gone_and_keeps_to_it() -> None:
    answers = [False, True]
    trials = Trials(TrialRules(key_of, tries=False, takes_over=lambda: answers.pop(0)))

    assert [trials.are_ours(now) for now in (1.0, 2.0, 3.0)] == [False, True, True]


def test_it_says_that_it_still_tries_them_while_it_looks_at_what_others_suspect_and_hears_when_another_does() -> None:
    answers = [True, True, False]
    rules = TrialRules(key_of, share=lambda blames: blames, tries=False, takes_over=lambda: answers.pop(0))
    trials = Trials(rules)

    assert trials.are_ours(1.0)
    for now in range(2, 60):
        trials.gathers(float(now))
    assert answers == [False]
    assert not trials.are_ours(150.0)


def test_the_process_that_tries_suspects_asks_nobody() -> None:
    def nobody() -> bool:
        raise AssertionError("asked")

    assert Trials(TrialRules(key_of, takes_over=nobody)).are_ours(1.0)

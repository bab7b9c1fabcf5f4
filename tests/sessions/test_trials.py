"""`sessions.login.trials`: which process tries suspects."""

from __future__ import annotations

from crawler.frontier.guard_learned import key_of
from crawler.sessions.login.trials import TrialRules, Trials


def test_a_process_tries_suspects_when_the_one_that_tried_them_has_gone_and_keeps_to_it() -> None:
    answers = [False, True]
    trials = Trials(TrialRules(key_of, tries=False, takes_over=lambda: answers.pop(0)))

    asked = [trials.are_ours() for _ in range(3)]

    assert asked == [False, True, True]
    assert trials.tries


def test_the_process_that_tries_suspects_asks_nobody() -> None:
    def nobody() -> bool:
        raise AssertionError("asked")

    assert Trials(TrialRules(key_of, takes_over=nobody)).are_ours()

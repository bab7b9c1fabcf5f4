"""Hosts that gave no answer for so long that nothing of them is asked any more in this run.

Used by the scheduler's thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from crawler.frontier.slots import Advice
from crawler.outcome import Leased, Outcome, Verdict

_MOST = 100_000  #: hosts; those after them are asked on and on


class GivenUp:
    """The hosts that were given up, and what becomes of their requests.

    Attributes:
        errors: Slot to the error with which it was given up.
    """

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}

    def learn(self, outcome: Outcome, advice: Advice) -> bool:
        """Look at an answer, or at its absence; may change its verdict. True when its host is given up by it."""
        slot = outcome.request.slot
        if not outcome.host_fault:
            self.errors.pop(slot, None)  # it lives after all
            return False
        news = advice.give_up and slot not in self.errors and len(self.errors) < _MOST
        if news:
            self.errors[slot] = outcome.error
        if slot in self.errors and outcome.verdict is Verdict.RETRY:
            outcome.verdict = Verdict.FAIL
        return news

    def failed(self, requests: Sequence[Leased]) -> list[Outcome]:
        """What becomes of requests to hosts that were given up: they fail as the last one did."""
        return [Outcome(each, Verdict.FAIL, error=self.errors[each.slot]) for each in requests]

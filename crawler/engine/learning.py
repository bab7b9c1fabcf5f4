"""What answers teach about their hosts: pace, pauses, hosts that gave no answer for too long.

The one place where an answer changes how its host is treated, and where a refusal or a dead host changes the verdict of
its page. Used by the scheduler's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from crawler.engine.given_up import GivenUp
from crawler.engine.pace import Pace
from crawler.events import Event, SlotPaused, Warned
from crawler.outcome import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Learned:
    """What follows for the requests that wait for the same host.

    Attributes:
        alive: It gives answers.
        gave_up: Nothing of it is asked any more in this run.
        slower: Its delay has grown.
    """

    alive: bool = False
    gave_up: bool = False
    slower: bool = False


class Guests(Protocol):
    """What is asked of the pool of sessions."""

    def observe(self, name: str, status: int, now: float) -> object: ...

    def may_try_again(self, name: str, status: int) -> bool: ...


class Learning:
    """Learns from each answer, whatever it says about the page.

    Args:
        retries: Most further tries of a request.
        tell: Takes events.
    """

    def __init__(
        self, pace: Pace, given_up: GivenUp, pool: Guests, *, retries: int, tell: Callable[[Event], None]
    ) -> None:
        self._pace, self._given_up, self._pool, self._retries, self._tell = pace, given_up, pool, retries, tell

    def learn(self, outcome: Outcome, now: float) -> Learned:
        """Look at an answer, or at its absence; may change its verdict, and the pause that its host asks for."""
        if not outcome.sent_at:
            return Learned()
        slot = outcome.request.slot
        self._of_session(outcome, now)
        advice = self._pace.learn(outcome, now)
        if advice.pause_until is not None:
            outcome.pause_slot_until = max(outcome.pause_slot_until or 0.0, advice.pause_until)
            self._tell(SlotPaused(now, slot, outcome.pause_slot_until, advice.why))
        gave_up = False
        if (outcome.host_fault or self._given_up.errors) and self._given_up.learn(outcome, advice):
            gave_up = True
            self._tell(Warned(now, slot, f"{advice.why}; given up in this run: {outcome.error}"))
        return Learned(
            alive=bool(outcome.status) or not outcome.host_fault,
            gave_up=gave_up,
            slower=self._pace.adapt(slot, advice.delay_s),
        )

    def _of_session(self, outcome: Outcome, now: float) -> None:
        """How well a session is received; a refusal that may be meant for one of several guests is no end."""
        if outcome.verdict is not Verdict.LOGIN:
            self._pool.observe(outcome.session_name, outcome.status, now)
        if outcome.verdict is Verdict.FAIL and self._pool.may_try_again(outcome.session_name, outcome.status):
            again = outcome.request.attempt + outcome.tries <= self._retries
            outcome.verdict = Verdict.RETRY if again else Verdict.FAIL

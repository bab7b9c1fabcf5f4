"""How well a session is received: a score that blocked answers lower and good ones raise. Pure.

An anonymous session that is no longer welcome is retired: it gets a fresh jar, as a new visitor would. An account is
rested for a while instead, longer each time, and never thrown away.

Source: the idea of a session pool with scores is Crawlee's.
"""

from __future__ import annotations

from enum import StrEnum

from crawler.judge import BLOCKED
from crawler.quick_dataclass import quick_dataclass

FULL = 3.0  #: score of a session in good standing
FIRST_REST_S = 60.0
LONGEST_REST_S = 3_600.0
MOST_USES = 1_000  #: requests after which an anonymous session is replaced in any case


class Remedy(StrEnum):
    """What is to be done with a session."""

    NONE = "none"
    REST = "rest"  #: leave an account alone for a while
    RETIRE = "retire"  #: replace an anonymous session by a fresh one


@quick_dataclass(frozen=False)
class Health:
    """Standing of one session. Used under the lock of its pool.

    Attributes:
        score: 0 to `FULL`.
        uses: Answers since it began, or was retired.
        rests: Rests in a row.
        resting_until: Seconds since 1970; until then it is chosen only when all others rest, too.
    """

    score: float = FULL
    uses: int = 0
    rests: int = 0
    resting_until: float = 0.0

    def observe(self, status: int, *, anonymous: bool, now: float) -> Remedy:
        """Learn from an answer; 0 stands for no answer and says nothing."""
        if not status:
            return Remedy.NONE
        self.uses += 1
        if status in BLOCKED:
            self.score -= 1.0
        elif status < 500:
            self.score = min(FULL, self.score + 0.25)
            self.rests = 0 if self.score >= FULL else self.rests
        if self.score > 0 and not (anonymous and self.uses >= MOST_USES):
            return Remedy.NONE
        if anonymous:
            self.score, self.uses = FULL, 0
            return Remedy.RETIRE
        self.resting_until = now + min(FIRST_REST_S * 2.0**self.rests, LONGEST_REST_S)
        self.rests += 1
        self.score = 1.0
        return Remedy.REST

"""The door of robots.txt: a request goes through when the rules of its host are known.

A host whose robots.txt brings no answer may not be asked for anything (RFC 9309 section 2.3.1.4). How long to wait
depends on the cause: one that another try would not change ends the wait at once, and the host's pages fail with that
cause; for one that may pass, the wait is bounded, and the cause is reported meanwhile. `patience` decides and is pure;
`RobotsDoor` is used by the scheduler's thread only.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.engine.dispatcher import Dispatcher
from crawler.errors import TimedOut, Transient, UnknownHost, Unreachable
from crawler.events import Warned
from crawler.fetching.retry import next_wait_s
from crawler.frontier.gates import Gates, Missing
from crawler.frontier.robots import Robots
from crawler.frontier.robots_ways import Answers, RobotsWays
from crawler.judge import describe
from crawler.outcome import Leased, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.stats import Stats
from crawler.sessions.session import Session
from crawler.settings import Settings
from crawler.urls import origin_of

log = logging.getLogger("crawler.engine")

ROBOTS = "robots"  #: kind of the gates
_GOOD_S = 86_400.0
_BUSY_FIRST_WAIT_S = 30.0  #: after an answer that says "later", doubled each time
_TRIES = ((Unreachable, 3), (UnknownHost, 2), (TimedOut, 2), (Transient, 4))  #: the first kind that fits


@quick_dataclass
class RobotsPatience:
    """What follows from a robots.txt that cannot be read.

    Attributes:
        error: For the record of a page that fails because of it: class and text.
        wait_s: Seconds until it is requested again; None: it is given up for this run.
    """

    error: str
    wait_s: float | None


def patience(robots: Robots, origin: str, tries: int, *, retries: int, backoff_s: float) -> RobotsPatience:
    """How long to wait for an unreachable robots.txt.

    Args:
        tries: How often it was requested in this run, 1 or more.
        retries: Most further tries, whatever the cause.
        backoff_s: First wait after a failed connection.
    """
    cause = robots.cause
    if cause is None:
        said = f"answers {robots.status}" if robots.status else "gives no answer"
        error = (
            f"RobotsUnreachable: {origin}/robots.txt {said}; nothing is fetched from this host before it can be read"
        )
        return RobotsPatience(error, _wait_s(tries, _BUSY_FIRST_WAIT_S) if tries <= retries else None)
    most = next((number for kind, number in _TRIES if isinstance(cause, kind)), 1)
    goes_on = tries < min(most, retries + 1)
    return RobotsPatience(describe(cause), _wait_s(tries, backoff_s / 2) if goes_on else None)


def _wait_s(tries: int, first_s: float) -> float:
    return next_wait_s(tries, base_s=first_s, cap_s=float("inf"))


class RobotsDoor:
    """Asks for robots.txt before the first request to a host; see the module.

    Args:
        robots: None when robots.txt is not obeyed.
        settings: How often to ask again.
    """

    def __init__(
        self,
        robots: RobotsWays | None,
        gates: Gates,
        dispatcher: Dispatcher,
        stats: Stats,
        settings: Settings,
    ) -> None:
        self._robots, self._gates, self._dispatcher = robots, gates, dispatcher
        self._stats, self._settings = stats, settings
        # A door is an origin by one route: "https://shop.example:443", with a number for a route other than the usual
        self._asks: dict[str, tuple[str, Answers]] = {}  # door to its origin and way
        self._tries: Counter[str] = Counter()  # in a row, for doors that cannot be read
        self._again_at: dict[str, float] = {}  # doors that are waited for
        self._given_up: dict[str, str] = {}  # door to the error of its pages
        self.tasks = 0  #: under way

    def missing(self, leased: Leased, session: Session, now: float) -> Missing | None:
        """What a request needs before the rules of its host are known; None when they are."""
        if self._robots is None:
            return None
        door = self._door(origin_of(leased.url), session)
        if self._gates.is_open((ROBOTS, door), now):
            return None
        if door in self._given_up:
            return Missing(ending=Outcome(leased, Verdict.FAIL, error=self._given_up[door]))
        if self._again_at.get(door, 0.0) > now:
            return Missing(ending=self._later(leased, "waits for robots.txt", self._again_at[door]))
        return Missing((ROBOTS, door))

    def _door(self, origin: str, session: Session) -> str:
        assert self._robots is not None
        answers = self._robots.answers(session)
        door = f"{origin} {answers.number}" if answers.number else origin
        if door not in self._asks:
            self._asks[door] = origin, answers
        return door

    @staticmethod
    def _later(leased: Leased, error: str, at: float) -> Outcome:
        return Outcome(leased, Verdict.RETRY, error=error, not_before=at, tries=0)

    def open(self, door: str) -> None:
        """Ask for the robots.txt of *door*, on another thread."""
        origin, answers = self._asks[door]
        self.tasks += 1

        def task() -> Callable[[], None]:
            try:
                rules = answers.rules.get(origin + "/")
            except Exception as error:  # anything that the cache did not foresee counts as unreachable
                log.exception("%s/robots.txt could not be judged", origin)
                rules = Robots.without_rules(allowed=False, cause=error)
            delay_s = rules.delay(answers.agent)
            return lambda: self._known(door, rules, delay_s)

        self._dispatcher.give_task(task)

    def _known(self, door: str, rules: Robots, delay_s: float | None) -> None:
        self.tasks -= 1
        now = unix_now()
        held = self._gates.opened((ROBOTS, door), until=now + _GOOD_S)
        if rules.unreachable:
            self._gates.close((ROBOTS, door))
            self._not_known(door, rules, held, now)
            return
        self._tries.pop(door, None)
        self._again_at.pop(door, None)
        self._dispatcher.take_back(held)
        for slot in {each.slot for each in held}:
            self._dispatcher.robots_known(slot, delay_s or 0.0)

    def _not_known(self, door: str, rules: Robots, held: list[Leased], now: float) -> None:
        self._tries[door] += 1
        tries, origin = self._tries[door], self._asks[door][0]
        found = patience(rules, origin, tries, retries=self._settings.retries, backoff_s=self._settings.backoff)
        if found.wait_s is None:
            self._given_up[door] = found.error
            self._again_at.pop(door, None)
            outcomes = [Outcome(each, Verdict.FAIL, error=found.error) for each in held]
            what = "given up: nothing of this host is fetched in this run"
        else:
            at = self._again_at[door] = now + found.wait_s
            outcomes = [self._later(each, found.error, at) for each in held]
            what = f"nothing of this host is fetched until it can be read; asked again in {found.wait_s:.1f} s"
        reason = found.error.partition(": ")[2]
        self._stats.tell(Warned(now, f"{origin}/robots.txt", f"{reason}; {what}"))
        self._dispatcher.settle(outcomes)

"""Suspects of a crawl: they wait until all else is done, and are then tried one by one. On the scheduler's thread.

What counts as a suspect and what a trial shows is decided in `sessions.login.suspects`; here is what waits for what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crawler.outcome import Leased, Outcome
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.evidence import Evidence, Life
from crawler.sessions.login.findings import Bans
from crawler.sessions.login.suspects import LEAST_CONTROL, Blames, Finding, Suspects

TAKEN_S = 60.0  #: how long a process that has taken trials over keeps them without a word
_ASK_EVERY_S = 0.5  #: how often to look up what other processes blame pages for


@quick_dataclass(frozen=False)
class Trial:
    """The one that is going on.

    Attributes:
        leased: The page.
        session: The session that sends it.
        answer: What came back, once it has.
    """

    leased: Leased
    session: str
    answer: Outcome | None = None


@quick_dataclass
class TrialRules:
    """How suspects are tried, and by whom.

    Attributes:
        key_of: The key of a URL without one-time tokens.
        bans: Takes pages that are convicted, for later runs, too; with None they only fail, for which less is enough.
        share: Where several processes work on a crawl: tells the others what pages are blamed for, and returns what
            any of them blames pages for.
        tries: Whether suspects are tried here: by one process only, for a trial is alone with the session.
        takes_over: Asks whether they are tried here, for `TAKEN_S` from now on: the process that tried them is done.
    """

    key_of: Callable[[str], str]
    bans: Bans | None = None
    share: Callable[[Blames], Blames] | None = None
    tries: bool = True
    takes_over: Callable[[], bool] = lambda: False


class Trials:
    """What waits for a trial, and the trial that is going on."""

    def __init__(self, rules: TrialRules) -> None:
        self._key_of, self._share, self._takes_over = rules.key_of, rules.share, rules.takes_over
        self._suspects = Suspects() if rules.bans is not None else Suspects(1)
        self._tries, self._asked_at = rules.tries, 0.0
        self._taken_until = float("inf") if rules.tries else 0.0
        self._waiting: list[tuple[Leased, str]] = []
        self.current: Trial | None = None

    def __len__(self) -> int:
        """Requests that wait, or whose answer waits for the second probe."""
        return len(self._waiting) + (self.current is not None and self.current.answer is not None)

    @property
    def shared(self) -> bool:
        """Whether several processes work on the crawl."""
        return self._share is not None

    def are_ours(self, now: float) -> bool:
        """Whether suspects are tried here: with the process that tried them gone, another has to.

        Whoever has taken them over says so again long before another one may.
        """
        if not self._tries or now >= self._taken_until - TAKEN_S / 2:
            self._tries, self._taken_until = self._takes_over(), now + TAKEN_S
        return self._tries

    def suspects(self, leased: Leased, now: float) -> bool:
        """Whether a request has to wait because its page is a suspect."""
        self._hear(now)
        if not len(self._suspects) or self.is_tried(leased):
            return False
        return self._suspects.is_suspect(self._key_of(leased.url))

    def _hear(self, now: float) -> None:
        if self._share is not None and now >= self._asked_at + _ASK_EVERY_S:
            self._asked_at = now
            if self._tries:
                self.are_ours(now)
            self._suspects.hear(self._share({}))

    def gathers(self, now: float) -> bool:
        """Whether suspects that other processes meet are to come here."""
        self._hear(now)
        return self._tries and bool(len(self._suspects))

    def put_off(self, leased: Leased, session: str) -> None:
        """Keep a request until it is tried."""
        self._waiting.append((leased, session))

    def knows_guilty(self, leased: Leased) -> bool:
        """Whether its page was convicted in this run, maybe with another token in its URL."""
        return bool(len(self._suspects)) and self._suspects.is_guilty(self._key_of(leased.url))

    def is_tried(self, leased: Leased) -> bool:
        """Whether the trial that is going on is about this request."""
        return self.current is not None and self.current.leased.id == leased.id

    def next_session(self) -> str | None:
        """Session of the next trial; None when nothing waits."""
        return self._waiting[0][1] if self._waiting else None

    def begin(self) -> Leased:
        """The next trial: the request is to be sent now, alone."""
        leased, session = self._waiting.pop(0)
        self.current = Trial(leased, session)
        return leased

    @staticmethod
    def may_begin(evidence: Evidence) -> bool:
        """Whether the session has just been proved, and a trial may tell something."""
        return evidence.login.untouched and Trials.may_tell(evidence)

    @staticmethod
    def may_tell(evidence: Evidence) -> bool:
        """Whether such sessions are known to live long enough for a trial."""
        return evidence.longest.requests >= LEAST_CONTROL

    def end(self, evidence: Evidence, now: float, *, survived: bool) -> tuple[Trial, Finding] | None:
        """The second probe has spoken. None when there was no answer to be judged.

        Must be called before the evidence of the session begins anew.
        """
        trial, self.current = self.current, None
        if trial is None or trial.answer is None:
            return None
        took = Life(evidence.login.used + 1, evidence.age_s(now))
        key = self._key_of(trial.leased.url)
        finding = self._suspects.tried(key, survived=survived, trial=took, longest=evidence.longest)
        if finding is Finding.AGAIN:
            self._waiting.insert(0, (trial.leased, trial.session))
        return trial, finding

    def stop(self) -> None:
        """The trial came to nothing: the request failed otherwise, or was not sent."""
        self.current = None

    def take_lapsed(self, is_ours: Callable[[Leased], bool]) -> list[Leased]:
        """Forget those that wait whose lease has run out, so that others may have claimed them; they are given back.

        A trial of such a request comes to nothing, and each has cost a probe: a look at all of them costs none.
        """
        lapsed = [leased for leased, _ in self._waiting if not is_ours(leased)]
        if lapsed:
            gone = {leased.id for leased in lapsed}
            self._waiting = [each for each in self._waiting if each[0].id not in gone]
        return lapsed

    def take_waiting(self, session: str | None = None) -> list[Leased]:
        """Forget those that wait (for one session): they are given back, or parked."""
        taken = [each for each in self._waiting if session in (None, each[1])]
        self._waiting = [each for each in self._waiting if each not in taken]
        out = [leased for leased, _ in taken]
        if self.current is not None and self.current.answer is not None and session in (None, self.current.session):
            out.append(self.current.leased)
            self.current = None
        return out

    def lost_with(self, urls: Sequence[str], loss: str) -> None:
        """A session was lost; these pages may have ended it.

        Args:
            loss: Which one: the same for all processes that notice it.
        """
        keys = list(dict.fromkeys(self._key_of(url) for url in urls))
        self._suspects.lost_with(keys, loss)
        if self._share is not None and keys:
            self._suspects.hear(self._share({key: [loss] for key in keys}))
        self._asked_at = 0.0  # before the next request goes: others may have lost a session to its page

    def passed(self, urls: list[str]) -> None:
        """A session lived on after these pages."""
        if urls and self._suspects.blames:
            self._suspects.passed([self._key_of(url) for url in urls])

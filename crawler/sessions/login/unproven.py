"""What is kept of one session while it is in doubt: pages that came back, and are judged when the probe has spoken.

Pure bookkeeping around `sessions.login.evidence`. Used by the scheduler's thread only; `engine.doors` acts on it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from crawler.outcome import Leased, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.evidence import Answered, Evidence, Guarded, Loss, RefusalPatience
from crawler.sessions.login.lives import KnownLives
from crawler.sessions.login.rotation import Rotation


@quick_dataclass(frozen=False)
class Judgement:
    """What becomes of the pages that were kept.

    Attributes:
        settled: Good: to be committed.
        again: To be sent again.
        showed_out: Those among *again* that showed the logged-out sign.
        blamed: URLs of pages that may have ended the session.
        passed: URLs of pages after which it lived on.
        proved: Ids of those of them that were committed before this was known.
        since: Sending time of the first committed page that is not certain, or None.
    """

    settled: list[Outcome] = field(default_factory=list)
    again: list[Leased] = field(default_factory=list)
    showed_out: list[int] = field(default_factory=list)
    blamed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    proved: list[int] = field(default_factory=list)
    since: float | None = None


class UnprovenPages:
    """The pages of one session that are not certain."""

    def __init__(self, probe_every: int, guarded: Guarded, known: KnownLives = KnownLives()) -> None:
        self.evidence, self._guarded = Evidence(probe_every, known), guarded
        self._patience, self.rotation = RefusalPatience(), Rotation()
        self._held: list[Outcome] = []  # came back in a doubt
        self._refused: list[Outcome] = []  # a refusal that may mean the page, or us

    @property
    def kept(self) -> int:
        """Pages that are neither committed nor sent again."""
        return len(self._held) + len(self._refused)

    @property
    def uncertain(self) -> int:
        """Pages, committed or kept, that a last probe has to cover."""
        return self.evidence.uncovered + self.kept

    def hold(self, outcome: Outcome) -> None:
        """Keep a page until the probe has spoken."""
        self._held.append(outcome)

    def refused(self, outcome: Outcome) -> bool:
        """Keep a refusal. True when the probe should be asked."""
        self._refused.append(outcome)
        return self._patience.is_over(each.status for each in self._refused)

    def answered(self, outcome: Outcome) -> None:
        """A page without a sign is about to be committed. It is proven where a guest would have been refused."""
        if self._is_certain(outcome):
            outcome.proven = True
            self.evidence.certain()
        else:
            self.evidence.answered(_answered(outcome))

    def shown(self, outcome: Outcome, now: float) -> Judgement:
        """A page shows that the session lived when it was sent."""
        return self._covered(outcome.sent_at, self.evidence.shown(outcome.sent_at, now))

    def good(self, probed_at: float, now: float) -> Judgement:
        """The probe, sent at *probed_at*, was good."""
        self._patience.meant_nothing(each.status for each in self._refused)
        judged = self._covered(probed_at, self.evidence.probed(probed_at, now))
        judged.settled += self._refused
        self._refused = []
        for outcome in self._take_held():
            if outcome.verdict is Verdict.LOGIN:
                judged.again.append(outcome.request)
                judged.showed_out.append(outcome.request.id)
                continue
            judged.settled.append(outcome)
            if not is_refusal(outcome):
                if answered_at(outcome) <= probed_at:
                    judged.passed.append(outcome.request.url)
                else:
                    self.answered(outcome)
        return judged

    def lost(self, *, by_itself: bool = True, refused_at: str = "") -> Judgement:
        """The session has ended: whatever is not certain is fetched again.

        Args:
            refused_at: The probe page, where it refused us as an API does; "" where it did not.
            by_itself: As in `Evidence.lost`.
        """
        self._patience.meant_the_end(each.status for each in self._refused)
        for outcome in self._held:
            if outcome.verdict is Verdict.LOGIN and outcome.refuses_guests:
                self._guarded.learn(outcome.request.url)
        if refused_at:
            self._guarded.learn(refused_at)
        self.evidence.vouch(self._guarded)
        late = [each for each in self._held if each.verdict is not Verdict.LOGIN and not is_refusal(each)]
        led_to = self.evidence.led_to
        places = Counter(led_to + [each.final_url for each in self._held + self._refused if each.final_url])
        guests = sum(places[each] > 1 for each in led_to)  # several were led to one place: the session had ended before
        late_guests = sum(places[each.final_url] > 1 for each in late)
        loss = self.evidence.lost(len(late) - late_guests - guests, by_itself=by_itself)
        if by_itself and loss.answered:  # at once: by a page, or by somebody else
            self.rotation.lost(max(loss.answered - loss.alone, 1))
        return self._reopened(loss)

    def given_up(self) -> Judgement:
        """It will not be ready in this run."""
        return self._reopened(self.evidence.given_up())

    def drain(self) -> list[Leased]:
        """Forget the pages that are kept: the run stops, and they are given back."""
        kept, self._refused = self._take_held() + self._refused, []
        return [outcome.request for outcome in kept]

    def _reopened(self, loss: Loss) -> Judgement:
        uncovered = loss.uncovered
        kept, self._refused = self._take_held() + self._refused, []
        certain: list[Outcome] = []
        again: list[Outcome] = []
        for outcome in kept:
            (certain if self._is_certain(outcome) else again).append(outcome)
        for outcome in certain:
            outcome.proven = True
        return Judgement(
            settled=certain,
            again=[each.request for each in again],
            blamed=[page.url for page in uncovered] + [each.request.url for each in again],
            since=loss.since,
        )

    def _is_certain(self, outcome: Outcome) -> bool:
        """Whether a guest would have been refused in place of getting this page."""
        good = outcome.verdict is Verdict.ACCEPT and 200 <= outcome.status < 300 and not outcome.final_url
        return good and self._guarded.covers(outcome.request.url)

    def _covered(self, at: float, passed: list[Answered]) -> Judgement:
        judged = Judgement(passed=[page.url for page in passed], proved=[page.id for page in passed])
        if self._refused:
            judged.settled = [each for each in self._refused if answered_at(each) <= at]
            self._refused = [each for each in self._refused if answered_at(each) > at]
        return judged

    def _take_held(self) -> list[Outcome]:
        held, self._held = self._held, []
        return held


def answered_at(outcome: Outcome) -> float:
    """When the last byte of an answer came, seconds since 1970."""
    return outcome.sent_at + outcome.elapsed_ms / 1000


def is_refusal(outcome: Outcome) -> bool:
    """Whether an answer would not count as a page, so that it has to be certain before it is committed."""
    return outcome.verdict in (Verdict.FAIL, Verdict.SKIP) or outcome.status >= 400


def _answered(outcome: Outcome) -> Answered:
    at, ended = outcome.sent_at, answered_at(outcome)
    return Answered(outcome.request.id, outcome.request.url, at, ended, outcome.final_url)

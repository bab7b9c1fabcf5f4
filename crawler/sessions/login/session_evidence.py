"""What an answer says about the session that sent it, and what therefore becomes of its page.

When a session may be lost, pages that come back are kept until the probe has spoken (`sessions.login.unproven`); one
that shows the logged-out sign in a good session again and again fails; one from before the last login is sent again.
Values go in and a `Ruling` comes out: `sessions.login.session_door` does what follows. Used by the scheduler's thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from crawler.outcome import Leased, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.request import plain_url
from crawler.sessions.login.evidence import REFUSALS, Guarded
from crawler.sessions.login.findings import convict, fail_logged_out
from crawler.sessions.login.lives import KnownLives
from crawler.sessions.login.suspects import Finding
from crawler.sessions.login.trials import TrialRules, Trials
from crawler.sessions.login.unproven import Judgement, UnprovenPages, is_refusal

_STRIKES = 2  #: how often a page may show the logged-out sign in a good session until it fails


@quick_dataclass
class SessionNow:
    """How a session stands when an answer of it is looked at.

    Attributes:
        epoch: How many times it has logged in.
        ready: Nothing speaks against it.
        serial: The site hands out a new cookie with each answer, and the spider says so.
    """

    epoch: int
    ready: bool = True
    serial: bool = False


@quick_dataclass
class Ruling:
    """What follows from an answer.

    Attributes:
        settle: It is to be committed; when not, it is kept, or sent again.
        again: It is to be sent again before others.
        counts: That is reported as a page that was looked at again.
        judged: What becomes of pages that were kept.
        brought: A page came in with the login.
        doubt: Why the session may be lost; "" when it may not.
        seen_at: The page that showed it.
        ask: The probe is to be asked now, even if the doubt is not news.
        probe: Why the session is to be proved though nothing speaks against it; "" when it is not.
        rotates: There is news about whether its cookie changes with every answer.
    """

    settle: bool
    again: bool = False
    counts: bool = False
    judged: Judgement | None = None
    brought: bool = False
    doubt: str = ""
    seen_at: str = ""
    ask: bool = False
    probe: str = ""
    rotates: bool = False


class SessionEvidence:
    """Judges the answers of all sessions with a login, and keeps what is not certain.

    Args:
        probe_every: Unproven pages of a session after which it is probed again, at the latest; 0 for never.
        known_lives: What earlier runs know of the lives of a session, by its name.
    """

    def __init__(
        self,
        spider_name: str,
        rules: TrialRules,
        *,
        probe_every: int,
        known_lives: Callable[[str], KnownLives] = lambda name: KnownLives(),
    ) -> None:
        self._spider_name, self._probe_every, self._bans = spider_name, probe_every, rules.bans
        self.trials = Trials(rules)
        self.all_unproven: dict[str, UnprovenPages] = {}
        self._known_lives = known_lives
        self.bans = rules.bans is not None  #: pages that end the session are banned for later runs
        self._guarded = Guarded()
        self._strikes: Counter[int] = Counter()  # by request: it showed the sign in a good session

    def unproven(self, name: str) -> UnprovenPages:
        """What is kept of one session."""
        pages = self.all_unproven.get(name)
        if pages is None:
            pages = self.all_unproven[name] = UnprovenPages(self._probe_every, self._guarded, self._known_lives(name))
        return pages

    @property
    def kept(self) -> int:
        """Requests that are neither under way nor waiting before a gate: kept for a probe, or for their trial."""
        return len(self.trials) + sum(pages.kept for pages in self.all_unproven.values())

    def drain(self) -> list[Leased]:
        """The run stops: all requests that are kept."""
        kept = [leased for pages in self.all_unproven.values() for leased in pages.drain()]
        return kept + self.trials.take_waiting()

    def judge(self, outcome: Outcome, session: SessionNow, now: float) -> Ruling:
        """Look at an answer from the session's side; may change its verdict, and whether it counts as proven."""
        verdict, tried = outcome.verdict, self.trials.is_tried(outcome.request)
        pages = self.unproven(outcome.session_name)
        unsent = not outcome.status and verdict is not Verdict.LOGIN  # that is: there was no token to send it with
        if verdict in (Verdict.RELEASE, Verdict.RETRY, Verdict.PARK) or unsent:
            if verdict is Verdict.RELEASE:
                pages.evidence.unsent()
            if tried:
                self.trials.stop()
            return Ruling(True)
        if verdict is Verdict.LOGIN and self._strikes[outcome.request.id] >= _STRIKES:
            fail_logged_out(outcome, serial=session.serial)
            pages.rotation.failed(outcome.request.id)
            return Ruling(True, rotates=True)
        stale = (outcome.login_wanted if verdict is Verdict.LOGIN else outcome.epoch) != session.epoch
        if stale and verdict is not Verdict.LOGIN and not is_refusal(outcome):
            pages.evidence.came_late(outcome.epoch)
        if stale and (verdict is Verdict.LOGIN or not outcome.proven):
            return Ruling(False, again=True, counts=verdict is not Verdict.LOGIN)  # from before the last login
        if tried and self.trials.current is not None:
            self.trials.current.answer, self.trials.current.session = outcome, outcome.session_name
            brought = verdict is Verdict.ACCEPT
            return Ruling(False, brought=brought, probe="a page is suspected of ending the session")
        if verdict is Verdict.LOGIN:
            pages.hold(outcome)
            return Ruling(False, doubt=outcome.error or "logged out", seen_at=plain_url(outcome.request))
        rotates = pages.rotation.answered(outcome.request.id, changes_cookies=outcome.changes_cookies)
        ruling = self._page(outcome, session, pages, stale, now)
        return replace(ruling, rotates=True) if rotates else ruling

    def _page(self, outcome: Outcome, session: SessionNow, pages: UnprovenPages, stale: bool, now: float) -> Ruling:
        """An answer without the logged-out sign."""
        self._strikes.pop(outcome.request.id, None)
        brought = outcome.verdict is Verdict.ACCEPT
        if outcome.proven:
            return Ruling(True, brought=brought, judged=None if stale else pages.shown(outcome, now))
        refused = outcome.status in REFUSALS
        if outcome.verdict is Verdict.FAIL and not refused:
            return Ruling(True)  # failed for a reason of its own
        if not session.ready:
            pages.hold(outcome)
            return Ruling(False, brought=brought)
        if outcome.verdict is not Verdict.SKIP and not refused:
            pages.answered(outcome)
            return Ruling(True, brought=brought)
        if not pages.refused(outcome):
            return Ruling(False, brought=brought)
        why = f"status {outcome.status}" if refused else outcome.error
        return Ruling(False, brought=brought, doubt=f"{why}, which may mean that we are logged out", ask=True)

    def is_tried(self, name: str) -> bool:
        """Whether a page of the session is being tried, and the second probe is still to come."""
        current = self.trials.current
        return current is not None and current.answer is not None and current.session == name

    def showed_out(self, name: str, requests: Sequence[int]) -> None:
        """These showed the logged-out sign although the session was good."""
        self._strikes.update(requests)
        self.unproven(name).rotation.refused(requests)

    def end_trial(self, name: str, now: float, *, survived: bool, serial: bool) -> tuple[Outcome, str] | None:
        """The probe after a trial has spoken.

        Returns:
            The page that was tried, with its last verdict, and what to report of a new ban, or ""; None when there was
            none, or it is tried again.
        """
        if not self.is_tried(name):
            return None
        ended = self.trials.end(self.unproven(name).evidence, now, survived=survived)
        if ended is None or ended[1] is Finding.AGAIN:
            return None
        trial, finding = ended
        answer, told = trial.answer, ""
        if finding is Finding.GUILTY:
            self.unproven(name).evidence.lives.forget()
        assert answer is not None
        if finding is Finding.INNOCENT and answer.verdict is Verdict.LOGIN:
            fail_logged_out(answer, serial=serial)
        elif finding is not Finding.INNOCENT:
            told = convict(answer, finding, self._bans, self._spider_name, now)
        return answer, told

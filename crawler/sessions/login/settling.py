"""What becomes of pages once it is known how their session stands: committed, sent again, or fetched again later.

Acts on what `sessions.login.session_evidence` has found. Used by the scheduler's thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crawler.events import Warned
from crawler.outcome import Leased
from crawler.sessions.login.elsewhere import Elsewhere
from crawler.sessions.login.ports import Requests, Teller
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.unproven import Judgement


class Settling:
    """Carries out what follows for pages.

    Args:
        learned: Called when the guard has learned something: keeps it, so that not even a kill loses it.
    """

    def __init__(
        self, evidence: SessionEvidence, requests: Requests, teller: Teller, learned: Callable[[], None] = lambda: None
    ) -> None:
        self.evidence, self.requests, self.teller, self._learned = evidence, requests, teller, learned

    def apply(self, judged: Judgement) -> None:
        """A probe has spoken, or a page has shown how its session stands."""
        self.evidence.trials.passed(judged.passed)
        if judged.settled:
            self.requests.settle(judged.settled)
        self.again(judged.again, counts=False)

    def again(self, leased: Sequence[Leased], *, counts: bool) -> None:
        """Send requests again before any others: what waits long meets the next loss, too."""
        self.teller.summary.rechecked += len(leased) if counts else 0
        self.requests.send_first(leased)

    def others_seen(self, name: str, elsewhere: Elsewhere, now: float) -> None:
        """Tell it once where somebody else seems to use the account of a session."""
        lives = self.evidence.unproven(name).evidence.lives
        if told := elsewhere.news(name, explained=lives.steady or not lives.last or lives.fruitless):
            self.teller.tell(Warned(now, f"session {name}", told))
            self.teller.summary.messages.append(told)

    def reopen(self, name: str, epoch: int, since: float | None) -> None:
        """Pages that a session brought in that epoch, sent since then (None for none), wait again."""
        if since is not None:
            self.teller.summary.rechecked += self.requests.quarantine(name, epoch, since)
        elif epoch:
            self.requests.nothing_lost(name)

    def given_up(self, name: str, epoch: int) -> list[Leased]:
        """A session will not be ready by itself: what is kept of it, to be put aside.

        Args:
            epoch: The login that may have been lost; 0 for none.
        """
        judged = self.evidence.unproven(name).given_up()
        self.reopen(name, epoch, judged.since)
        if judged.settled:
            self.requests.settle(judged.settled)
        return [*judged.again, *self.evidence.trials.take_waiting(name)]

    def end_trial(self, name: str, now: float, *, survived: bool, serial: bool) -> None:
        """The probe after a trial has spoken."""
        ended = self.evidence.end_trial(name, now, survived=survived, serial=serial)
        if ended is None:
            return
        answer, told = ended
        if told:
            self.teller.summary.messages.append(told)
            self._learned()
        self.requests.settle([answer])

"""Readiness: what a request still needs before it is sent. Its session must be good, the robots.txt of its host known.

`Doors.missing` says what is missing and changes nothing; the scheduler has the consequences carried out
(`Doors.put_aside`). Opening a gate takes a task on a thread that may wait (`sessions.login.session_door`,
`engine.robots_door`). Lives on the scheduler's thread.
"""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.dispatcher import Dispatcher
from crawler.engine.robots_door import RobotsDoor
from crawler.frontier.gates import Gates, Missing
from crawler.judge import ENDS_SESSION
from crawler.outcome import Leased, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.request import SPREAD
from crawler.runs.session_claims import SessionClaims
from crawler.sessions.allowances import Allowances
from crawler.sessions.login.last_doubts import LastDoubts
from crawler.sessions.login.lives import Next
from crawler.sessions.login.ports import SESSION
from crawler.sessions.login.session_door import SessionDoor
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.standing import TOKEN_ENDED
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool

_ELSEWHERE_S = 1.0  #: how long a suspect is left to the process that tries them

Key = tuple[str, str]


@quick_dataclass
class Doors:
    """The gates of a crawl and what opens them.

    Attributes:
        answers: What answers have said about the sessions.
        last: What is done about sessions when nothing else is left to do.
        allowances: Which accounts may send no more for now.
        claims: Which sessions only one process may use; None where there is one process.
    """

    pool: SessionPool
    dispatcher: Dispatcher
    gates: Gates
    unusable: UnusableSessions
    sessions: SessionDoor
    robots: RobotsDoor
    answers: SessionEvidence
    last: LastDoubts
    allowances: Allowances
    claims: SessionClaims | None = None

    def choose(self, leased: Leased, now: float) -> str:
        """The session that is to send a request."""
        return self.unusable.choose(leased, now, without=self._of_no_use(now))

    # --- asked before a request is handed out ----------------------------------------------------------------------
    def missing(self, leased: Leased, name: str, now: float) -> Missing | None:
        """What a request still needs before session *name* may send it; None when it may go."""
        if name not in self.pool.names:
            return Missing(stranger=True)
        if not self.allowances.may_go(name):
            return Missing(spent=True)
        manager, key = self.pool.manager(name), (SESSION, name)
        if self.claims is not None and not self.claims.is_ours(manager.session, now):
            return Missing(spent=True)
        if manager.record.state is not LoginState.READY:
            return Missing(person=True) if self.gates.get(key).is_barred else Missing(key)
        if manager.without_step.goes_alone and self.pool.under_way(name):
            return Missing(key, rests=True)
        if manager.wants_login and now >= manager.standing.ends_at:
            return Missing(key, lost=TOKEN_ENDED)
        if self.sessions.is_draining(name):
            return Missing(key)
        found = self.robots.missing(leased, manager.session, now)
        if found is None and manager.wants_login:
            return self._certainty(leased, name, now)
        return found

    def _certainty(self, leased: Leased, name: str, now: float) -> Missing | None:
        """Whether a request of a session with a login may go: not a suspect, and not one too many without a proof."""
        trials = self.answers.trials
        if trials.suspects(leased, now):
            return Missing(trial=True)
        if not self.answers.bans and trials.knows_guilty(leased):
            return Missing(ending=Outcome(leased, Verdict.FAIL, session_name=name, error=ENDS_SESSION))
        evidence = self.answers.unproven(name).evidence
        following = Next.GO if trials.is_tried(leased) else evidence.next(self.pool.under_way(name))
        if following is Next.PROBE:
            return Missing((SESSION, name), probe="no page has shown for a while that we are logged in")
        return None if following is Next.GO else Missing((SESSION, name), rests=True)

    def are_proving(self) -> bool:
        """Whether no request may go before a probe is answered: each session is being proved as a matter of routine.

        That takes a moment: requests stay where they are, and need not wait at a gate.
        """
        return bool(self.sessions.proving) and self.sessions.proving.issuperset(self.pool.names)

    def goes(self, name: str) -> None:
        """A request of session *name* needs nothing more, and goes."""
        if self.pool.manager(name).wants_login:
            self.answers.unproven(name).evidence.handed_out(self.pool.under_way(name))

    def put_aside(self, leased: Leased, name: str, missing: Missing, now: float) -> None:
        """Do what is needed for a request that cannot go now, or end it."""
        if missing.stranger:
            self.unusable.stranger(leased, name)
        elif missing.person:
            self.unusable.park([leased], name)
        elif missing.ending is not None:
            self.dispatcher.settle([missing.ending])
        elif missing.spent:
            self.dispatcher.not_now(leased)
        elif missing.trial:
            self._put_off(leased, name, now)
        elif missing.gate is not None:
            if missing.lost:
                self.sessions.doubt(name, missing.lost)
            elif missing.probe:
                self.sessions.probe_soon(name, missing.probe)
            elif missing.rests:
                self.sessions.rest(name)
            self.gates.hold(missing.gate, leased)

    def puts_off(self, leased: Leased, now: float) -> bool:
        """Keep a request for its trial, if its page is a suspect."""
        name = self.choose(leased, now)
        if name not in self.pool.names or not self.answers.trials.suspects(leased, now):
            return False
        self.answers.trials.put_off(leased, name)
        return True

    def _put_off(self, leased: Leased, name: str, now: float) -> None:
        """Let a suspect wait for its trial, here or at the process that tries them all."""
        if self.answers.trials.are_ours(now):
            self.answers.trials.put_off(leased, name)
        else:
            later = now + _ELSEWHERE_S
            self.dispatcher.settle([Outcome(leased, Verdict.RELEASE, session_name=name, not_before=later)])

    def start_wanted(self) -> None:
        """Start the tasks that open gates."""
        if self.gates.wanted:  # seldom
            for kind, name in self.gates.take_wanted():
                (self.sessions if kind == SESSION else self.robots).open(name)

    # --- how it stands ----------------------------------------------------------------------------------------------
    def shut_sessions(self, now: float) -> frozenset[str]:
        """Sessions whose requests cannot go now."""
        shut = self.gates.closed_names(SESSION) | self._of_no_use(now)
        return shut | {SPREAD} if shut.issuperset(self.pool.names) else shut

    def _of_no_use(self, now: float) -> frozenset[str]:
        """Sessions with which this process may send nothing now."""
        spent = self.allowances.spent(now)
        return spent if self.claims is None else spent | self.claims.elsewhere(now)

    @property
    def kept(self) -> int:
        """Requests that are neither under way nor waiting before a gate: kept for a probe, or for their trial."""
        return self.answers.kept

    @property
    def suspects(self) -> int:
        """Those of them whose trial waits until nothing else is left."""
        return len(self.answers.trials)

    def busy(self) -> bool:
        """Whether a task is under way or a gate is to be tried again."""
        under_way = self.sessions.busy() or self.robots.tasks or bool(self.gates.wanted)
        return bool(under_way) or self.gates.held() > 0 or self.gates.next_due() is not None

    def drain(self) -> list[Leased]:
        """The run stops: all requests that are held or kept."""
        return self.gates.drain() + self.answers.drain()

    def last_doubts(self, is_ours: Callable[[Leased], bool] = lambda leased: True) -> bool:
        """Before the end: whether anything is going on, or had to be started, to make everything certain.

        Args:
            is_ours: Whether the lease of a request has not run out.
        """
        if lapsed := self.answers.trials.take_lapsed(is_ours):
            self.dispatcher.not_now(*lapsed)
            return True
        self.last.probe()
        return self.busy() or self.last.next_trial()

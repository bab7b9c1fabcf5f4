"""Readiness: what a request still needs before it is sent. Its session must be good, the robots.txt of its host known.

`Doors.missing` says what is missing and changes nothing; the scheduler has done what follows (`Doors.put_aside`). What
opens a gate takes a task on a thread that may wait (`sessions.login.session_door`, `engine.robots_door`). Also here:
what is done about sessions when nothing else is left to do. Lives on the scheduler's thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from crawler.engine.dispatcher import Dispatcher
from crawler.engine.gates import Gates, Missing
from crawler.engine.robots_door import RobotsDoor
from crawler.outcome import Leased, Outcome, Verdict
from crawler.request import SPREAD
from crawler.sessions.login.findings import ENDS_SESSION
from crawler.sessions.login.last_proofs import LastProofs
from crawler.sessions.login.lives import KnownLives, Next
from crawler.sessions.login.ports import SESSION
from crawler.sessions.login.session_door import SessionDoor
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.trials import Trials
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool

_ELSEWHERE_S = 1.0  #: so long a suspect is left to the process that tries them

Key = tuple[str, str]


@dataclass(frozen=True)
class Doors:
    """The gates of a crawl and what opens them.

    Attributes:
        answers: What answers have said of the sessions.
        last_proofs: The last proof of each session of a run that stops.
    """

    pool: SessionPool
    dispatcher: Dispatcher
    gates: Gates
    unusable: UnusableSessions
    sessions: SessionDoor
    robots: RobotsDoor
    answers: SessionEvidence
    last_proofs: LastProofs

    # --- asked before a request is handed out ----------------------------------------------------------------------
    def missing(self, leased: Leased, name: str, now: float) -> Missing | None:
        """What a request still needs before session *name* may send it; None when it may go."""
        if name not in self.pool.names:
            return Missing(stranger=True)
        manager, key = self.pool.manager(name), (SESSION, name)
        if manager.record.state is not LoginState.READY:
            return Missing(person=True) if self.gates.get(key).is_barred else Missing(key)
        if self.sessions.is_draining(name):
            return Missing(key)
        found = self.robots.missing(leased, manager.session, now)
        if found is None and manager.wants_login:
            return self._certainty(leased, name, now)
        return found

    def _certainty(self, leased: Leased, name: str, now: float) -> Missing | None:
        """Whether a request of a session with a login may go: no suspect, and not one too many without a proof."""
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

    def goes(self, name: str) -> None:
        """Nothing is missing to a request of session *name*, and it goes."""
        if self.pool.manager(name).wants_login:
            self.answers.unproven(name).evidence.handed_out()

    def put_aside(self, leased: Leased, name: str, missing: Missing, now: float) -> None:
        """Do what a request needs that cannot go now, or end it."""
        if missing.stranger:
            self.unusable.stranger(leased, name)
        elif missing.person:
            self.unusable.park([leased], name)
        elif missing.ending is not None:
            self.dispatcher.settle([missing.ending])
        elif missing.trial:
            self._put_off(leased, name, now)
        elif missing.gate is not None:
            if missing.probe:
                self.sessions.probe_soon(name, missing.probe)
            elif missing.rests:
                self.sessions.rest(name)
            self.gates.hold(missing.gate, leased)

    def _put_off(self, leased: Leased, name: str, now: float) -> None:
        """A suspect waits for its trial, here or at the process that tries them all."""
        if self.answers.trials.are_ours():
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
    def shut_sessions(self) -> frozenset[str]:
        """Sessions whose requests cannot go now."""
        shut = self.gates.closed_names(SESSION)
        return shut | {SPREAD} if shut.issuperset(self.pool.names) else shut

    @property
    def kept(self) -> int:
        """Requests that are neither under way nor waiting before a gate: kept for a probe, or for their trial."""
        return self.answers.kept

    @property
    def suspects(self) -> int:
        """Those of them that wait for their trial until nothing else is left."""
        return len(self.answers.trials)

    def busy(self) -> bool:
        """Whether a task is under way or a gate is to be tried again."""
        under_way = self.sessions.busy() or self.robots.tasks or bool(self.gates.wanted)
        return bool(under_way) or self.gates.held() > 0 or self.gates.next_due() is not None

    def drain(self) -> list[Leased]:
        """The run stops: all requests that are held or kept."""
        return self.gates.drain() + self.answers.drain()

    def lives(self) -> dict[str, KnownLives]:
        """By key of a session: how long such sessions lived, for later runs."""
        return {
            self.pool.manager(name).session.key: pages.evidence.known
            for name, pages in self.answers.all_unproven.items()
        }

    # --- when nothing else is left to do ----------------------------------------------------------------------------
    def ask_about_kept(self) -> None:
        """This process has nothing to do: probe sessions of which pages are kept, so that others need not wait."""
        for name, pages in list(self.answers.all_unproven.items()):
            if pages.kept and self.pool.manager(name).record.state is LoginState.READY:
                self.sessions.probe_soon(name, "a page was refused, which may mean that we are logged out")

    @property
    def is_certain(self) -> bool:
        """Whether no page is left that a session has brought and that nothing has shown to be right."""
        return not any(pages.uncertain for pages in self.answers.all_unproven.values())

    def last_doubts(self) -> bool:
        """Before the end: probe sessions whose last pages did not prove themselves, then try suspects.

        Returns:
            Whether anything is going on now.
        """
        for name, pages in list(self.answers.all_unproven.items()):
            if pages.uncertain and not self.gates.get((SESSION, name)).is_barred:
                self.sessions.probe_soon(name, "the crawl is about to end")
        return self.busy() or self._next_trial()

    def _next_trial(self) -> bool:
        trials = self.answers.trials
        name = trials.next_session()
        if name is None:
            return False
        manager, key = self.pool.manager(name), (SESSION, name)
        if self.gates.get(key).is_barred:
            self.unusable.park(trials.take_waiting(name), name)
        elif manager.record.state is LoginState.READY and Trials.may_begin(self.answers.unproven(name).evidence):
            self.dispatcher.send_first([trials.begin()])
        else:
            self.sessions.probe_soon(name, "a page is about to be tried that may end the session")
        return True

    def prove_last(self) -> bool:
        """The run stops: prove once what is uncertain. Whether that is under way."""
        return self.last_proofs.go_on(self.answers.all_unproven)

    @property
    def is_proving(self) -> bool:
        """Whether a last proof is under way."""
        return self.last_proofs.under_way > 0

"""What a request passes before it is sent: its session must be ready, and the robots.txt of its host must be known.

`engine.session_door` and `engine.robots_door` open, each by tasks on threads that may wait; here is the order in which
a request is asked, and what is done about sessions when nothing else is left to do. Lives on the scheduler's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from crawler.clock import unix_now
from crawler.engine import session_door
from crawler.engine.barred import SESSION, Barred
from crawler.engine.findings import ENDS_SESSION
from crawler.engine.gates import Gates, GateState
from crawler.engine.last_proofs import LastProofs
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.session_answers import SessionAnswers
from crawler.engine.session_door import SessionDoor
from crawler.engine.session_saves import SessionSaves
from crawler.engine.stats import Stats
from crawler.engine.trials import Trials
from crawler.outcome import Leased, Outcome, Verdict
from crawler.request import SPREAD
from crawler.sessions.login.lives import KnownLives, Next
from crawler.sessions.login.states import LoginState
from crawler.sessions.pool import SessionPool

_ELSEWHERE_S = 1.0  #: so long a suspect is left to the process that tries them

Key = tuple[str, str]


class Yard(session_door.Yard, Protocol):
    """What the doors need of `engine.yard`."""

    def set_crawl_delay(self, slot: str, delay_s: float) -> None: ...

    def heard(self, slot: str) -> None: ...


class Doors:
    """The gates of a crawl and what opens them.

    Args:
        robots: Makes the door of robots.txt.
        bans: Pages that end the session are banned for later runs.
        also: What a command needs besides that is proposed to a person (`engine.again`).
        learned: As in `engine.session_door.SessionDoor`.
    """

    def __init__(
        self,
        pool: SessionPool,
        yard: Yard,
        saves: SessionSaves,
        *,
        robots: Callable[[Gates, Yard], RobotsDoor],
        answers: SessionAnswers,
        bans: bool,
        stats: Stats,
        spider_name: str,
        also: str = "",
        learned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._pool, self._yard, self._answers, self._bans = pool, yard, answers, bans
        self.gates = Gates(self._open)
        self.robots = robots(self.gates, yard)
        self.barred = Barred(pool, self.gates, stats, spider_name, yard, also=also)
        self.sessions = SessionDoor(
            pool, self.gates, self.barred, answers, saves, stats, yard, learned=learned, clock=clock
        )
        self._last_proofs = LastProofs(pool, yard, reopen=self.sessions.reopen, clock=clock)

    def _open(self, key: Key) -> None:
        (self.sessions if key[0] == SESSION else self.robots).open(key[1])

    # --- asked before a request is handed out ----------------------------------------------------------------------
    def pass_through(self, leased: Leased, name: str, now: float) -> bool:
        """Whether a request may be sent by session *name* now; when not, it is held or parked here."""
        if name not in self._pool.names:
            self.barred.stranger(leased, name)
            return False
        keeper = self._pool.keeper(name)
        if keeper.record.state is not LoginState.READY:
            gate = self.gates.get((SESSION, name))
            if gate.state is GateState.BARRED:
                self.barred.park([leased], name)
            else:
                self.gates.hold((SESSION, name), leased)
            return False
        if self.sessions.is_draining(name):
            self.gates.hold((SESSION, name), leased)
            return False
        if not self.robots.lets_through(leased, keeper.session, now):
            return False
        return not keeper.wants_login or self._is_certain_enough(leased, name, now)

    def _is_certain_enough(self, leased: Leased, name: str, now: float) -> bool:
        """Whether a request of a session with a login may go: no suspect, and not one too many without a proof."""
        trials = self._answers.trials
        if trials.suspects(leased, now):
            self._put_off(leased, name, now)
            return False
        if not self._bans and trials.knows_guilty(leased):
            self._yard.settle([Outcome(leased, Verdict.FAIL, session_name=name, error=ENDS_SESSION)])
            return False
        evidence = self._answers.watch(name).evidence
        following = Next.GO if trials.is_tried(leased) else evidence.next(self._pool.under_way(name))
        if following is Next.GO:
            evidence.handed_out()
            return True
        if following is Next.PROBE:
            self.sessions.probe_soon(name, "no page has shown for a while that we are logged in")
        else:
            self.sessions.rest(name)
        self.gates.hold((SESSION, name), leased)
        return False

    def _put_off(self, leased: Leased, name: str, now: float) -> None:
        """A suspect waits for its trial, here or at the process that tries them all."""
        if self._answers.trials.are_ours():
            self._answers.trials.put_off(leased, name)
        else:
            later = now + _ELSEWHERE_S
            self._yard.settle([Outcome(leased, Verdict.RELEASE, session_name=name, not_before=later)])

    # --- how it stands ----------------------------------------------------------------------------------------------
    def shut_sessions(self) -> frozenset[str]:
        """Sessions whose requests cannot go now."""
        shut = self.gates.closed_names(SESSION)
        return shut | {SPREAD} if shut.issuperset(self._pool.names) else shut

    @property
    def kept(self) -> int:
        """Requests that are neither under way nor waiting before a gate: kept for a probe, or for their trial."""
        return self._answers.kept

    @property
    def suspects(self) -> int:
        """Those of them that wait for their trial until nothing else is left."""
        return len(self._answers.trials)

    def busy(self) -> bool:
        """Whether a task is under way or a gate is to be tried again."""
        under_way = self.sessions.busy() or self.robots.tasks
        return bool(under_way) or self.gates.held() > 0 or self.gates.next_due() is not None

    def drain(self) -> list[Leased]:
        """The run stops: all requests that are held or kept."""
        return self.gates.drain() + self._answers.drain()

    def lives(self) -> dict[str, KnownLives]:
        """By key of a session: how long such sessions lived, for later runs."""
        return {
            self._pool.keeper(name).session.key: watch.evidence.known for name, watch in self._answers.watches.items()
        }

    # --- when nothing else is left to do ----------------------------------------------------------------------------
    def ask_about_kept(self) -> None:
        """This process has nothing to do: probe sessions of which pages are kept, so that others need not wait."""
        for name, watch in list(self._answers.watches.items()):
            if watch.kept and self._pool.keeper(name).record.state is LoginState.READY:
                self.sessions.probe_soon(name, "a page was refused, which may mean that we are logged out")

    def last_doubts(self) -> bool:
        """Before the end: probe sessions whose last pages did not prove themselves, then try suspects.

        Returns:
            Whether anything is going on now.
        """
        for name, watch in list(self._answers.watches.items()):
            if watch.uncertain and self.gates.get((SESSION, name)).state is not GateState.BARRED:
                self.sessions.probe_soon(name, "the crawl is about to end")
        return self.busy() or self._next_trial()

    def _next_trial(self) -> bool:
        trials = self._answers.trials
        name = trials.next_session()
        if name is None:
            return False
        keeper, key = self._pool.keeper(name), (SESSION, name)
        if self.gates.get(key).state is GateState.BARRED:
            self.barred.park(trials.take_waiting(name), name)
        elif keeper.record.state is LoginState.READY and Trials.may_begin(self._answers.watch(name).evidence):
            self._yard.send_first([trials.begin()])
        else:
            self.sessions.probe_soon(name, "a page is about to be tried that may end the session")
        return True

    def last_proofs(self) -> bool:
        """The run stops: prove once what is uncertain. Whether that is under way."""
        return self._last_proofs.go_on(self._answers.watches)

    @property
    def is_proving(self) -> bool:
        """Whether a last proof is under way."""
        return self._last_proofs.under_way > 0

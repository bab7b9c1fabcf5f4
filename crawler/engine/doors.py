"""What a request passes before it is sent: its session must be ready, and the robots.txt of its host must be known.

Lives on the scheduler's thread; the slow parts run as tasks on workers, whose results come back as calls.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from crawler.clock import unix_now
from crawler.engine import barred
from crawler.engine.barred import SESSION, Barred
from crawler.engine.gates import Gates, GateState
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.stats import Stats
from crawler.errors import LoginFailed
from crawler.events import LoginEnded, LoginStarted, Warned
from crawler.frontier.guard import LogoutGuard
from crawler.messages import SPREAD
from crawler.outcome import Leased, Outcome, SessionSnapshot, Verdict
from crawler.sessions import snapshot
from crawler.sessions.login.keeper import Keeper, Prepared
from crawler.sessions.login.states import LoginState
from crawler.sessions.pool import SessionPool
from crawler.urls import redact

log = logging.getLogger("crawler.engine")

_PROOF_MARGIN_S = 1.0  #: answers may overtake one another by so much
_RECENT_PAGES = 50  #: last pages of a session, looked at when it is lost
_MOST_BLAMED = 5  #: more pages than that among them change cookies: that says nothing on such a site

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Loss:
    """A session that may be lost: its epoch, the page that may be to blame, and since when nothing is proven."""

    epoch: int
    url: str
    since: float


class Yard(barred.Yard, Protocol):
    """What the doors need of the scheduler; all on its thread."""

    def give_task(self, task: Callable[[], Callable[[], None]]) -> None: ...

    def quarantine(self, session: str, epoch: int, since: float) -> int: ...

    def set_crawl_delay(self, slot: str, delay_s: float) -> None: ...

    def heard(self, slot: str) -> None: ...


class Doors:
    """The gates of a crawl and what opens them.

    Args:
        robots: Makes the door of robots.txt.
        guard: Learns URLs after which a session was lost.
        learned: Called when the guard has learned something: keeps it, so that not even a kill loses it.
        probe_every: Unproven pages of a session after which it is probed again; 0 for never.
    """

    def __init__(
        self,
        pool: SessionPool,
        *,
        robots: Callable[[Gates], RobotsDoor],
        guard: LogoutGuard,
        stats: Stats,
        spider_name: str,
        probe_every: int,
        learned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._learned = learned
        self._pool, self._guard = pool, guard
        self._stats, self._spider_name, self._probe_every, self._clock = stats, spider_name, probe_every, clock
        self.gates = Gates(self._open)
        self.robots = robots(self.gates)
        self.barred = Barred(pool, self.gates, stats, spider_name)
        self._yard: Yard
        self._tasks = 0
        self._saved_versions: dict[str, tuple[int, int]] = {}
        self._strikes: Counter[int] = Counter()
        self._suspects: dict[str, set[int]] = {}
        self._routine: set[str] = set()  # probed as a matter of course: nothing speaks against the pages under way
        self._lost: dict[str, _Loss] = {}
        self._proven_at: dict[str, float] = {}
        self._unproven: Counter[str] = Counter()
        self._recent: dict[str, deque[str]] = {}  # URLs of the last pages of a session, "" where no cookie was set

    def connect(self, yard: Yard) -> None:
        """Give the doors their scheduler; once, before anything else."""
        self._yard = self.barred.yard = self.robots.yard = yard

    # --- asked before a request is handed out ----------------------------------------------------------------------
    def pass_through(self, leased: Leased, name: str, now: float) -> bool:
        """Whether a request may be sent by session *name* now; when not, it is held or parked here."""
        if name not in self._pool.names:
            self.barred.stranger(leased, name)
            return False
        if self._pool.keeper(name).record.state is not LoginState.READY:
            gate = self.gates.get((SESSION, name))
            if gate.state is GateState.BARRED:
                self.barred.park([leased], name)
            else:
                self.gates.hold((SESSION, name), leased)
            return False
        return self.robots.lets_through(leased, now)

    def shut_sessions(self) -> frozenset[str]:
        """Sessions whose requests cannot go now."""
        shut = self.gates.closed_names(SESSION)
        return shut | {SPREAD} if shut.issuperset(self._pool.names) else shut

    def busy(self) -> bool:
        """Whether a task is under way or a gate is to be tried again."""
        return bool(self._tasks or self.robots.tasks) or self.gates.held() > 0 or self.gates.next_due() is not None

    # --- told when a page came back ------------------------------------------------------------------------------
    def page_came_back(self, outcome: Outcome) -> None:
        """Look at an answer from the session's side; may change its verdict."""
        keeper = self._pool.keeper(outcome.session_name)
        if not keeper.wants_login:
            return
        if outcome.verdict in (Verdict.ACCEPT, Verdict.SKIP):
            url = outcome.request.url if outcome.sets_cookies else ""
            self._recent.setdefault(outcome.session_name, deque(maxlen=_RECENT_PAGES)).append(url)
        if outcome.verdict is Verdict.LOGIN:
            self._met_login_page(outcome, keeper)
        elif outcome.verdict is Verdict.ACCEPT:
            self._accepted(outcome, keeper)

    def _accepted(self, outcome: Outcome, keeper: Keeper) -> None:
        name = outcome.session_name
        self._strikes.pop(outcome.request.id, None)
        keeper.brought_page()
        if outcome.proven:
            self._guard.harmless(outcome.request.url)
            self._unproven[name] = 0
            self._proven_at[name] = max(self._proven_at.get(name, 0.0), outcome.sent_at)
        elif keeper.record.epoch != outcome.epoch or (
            keeper.record.state is not LoginState.READY and name not in self._routine
        ):
            # the session was lost while this page was under way, and the page does not say on which side it was
            outcome.verdict, outcome.items, outcome.found = Verdict.LOGIN, [], ()
            self._stats.summary.rechecked += 1
        else:
            self._unproven[name] += 1
            if self._probe_every and self._unproven[name] >= self._probe_every:
                self._doubt(name, keeper, "no page has shown for a while that we are logged in")
                self._routine.add(name)

    def _met_login_page(self, outcome: Outcome, keeper: Keeper) -> None:
        name = outcome.session_name
        if self._strikes[outcome.request.id] >= 2:
            outcome.verdict = Verdict.FAIL
            recent = self._recent.get(name, ())
            changing = len(recent) > _MOST_BLAMED and 2 * sum(map(bool, recent)) > len(recent)
            hint = f"; this site changes its cookie with most answers: Identity({name!r}, serial=True)"
            outcome.error = (
                f"LoggedOutPage: it shows the logged-out sign although the session is good ({outcome.error})"
                f"{hint if changing and not keeper.session.serial else ''}"
            )
            return
        if outcome.login_wanted != keeper.record.epoch:
            return  # an answer from before the last login: sent again, quietly
        self._routine.discard(name)
        self._suspects.setdefault(name, set()).add(outcome.request.id)
        url = outcome.request.url
        plain = "" if outcome.request.extras else url
        self._doubt(name, keeper, outcome.error, url if outcome.sets_cookies else "", seen_at=plain)

    def _doubt(self, name: str, keeper: Keeper, reason: str, url: str = "", *, seen_at: str = "") -> None:
        """The session may be lost: no request of it leaves before a probe has said so or not.

        Args:
            url: What may have ended it, "" for nothing.
            seen_at: The page that showed it.
        """
        if keeper.expire(keeper.record.epoch, reason, seen_at):
            proven_at = max(self._proven_at.get(name, 0.0), keeper.proved_before_loss) - _PROOF_MARGIN_S
            self._lost[name] = _Loss(keeper.record.epoch, url, proven_at)
            self._unproven[name] = 0
            self.gates.close((SESSION, name))

    def overtaken(self, name: str, epoch: int) -> None:
        """The store holds a newer login than that of *epoch*: nobody takes its pages any more without a proof."""
        keeper = self._pool.keeper(name)
        if keeper.record.epoch == epoch and keeper.record.state is LoginState.READY:
            self._recent.pop(name, None)  # no page of ours is to blame
            self._doubt(name, keeper, "somebody else has logged in since")

    def unsaved(self, name: str) -> None:
        """What was to be stored of a session was not: `changed_session` gives it again."""
        self._saved_versions.pop(name, None)

    def last_doubts(self) -> bool:
        """Before the end: probe sessions whose last pages did not prove themselves. True when one is being probed."""
        for name, number in list(self._unproven.items()):
            if number and self._pool.keeper(name).record.state is LoginState.READY:
                self._doubt(name, self._pool.keeper(name), "the crawl is about to end")
                self.gates.open_now((SESSION, name))
        return self.busy()

    def changed_session(self, name: str, url: str) -> SessionSnapshot | None:
        """The state of a session when its cookies changed since the last call; what changed them is *url*."""
        if name not in self._pool.names:
            return None
        keeper = self._pool.keeper(name)
        version = snapshot.version_of(keeper.session)
        if keeper.record.state is not LoginState.READY or self._saved_versions.get(name) == version:
            return None
        self._saved_versions[name] = version
        return snapshot.take(keeper.session, keeper.record, url=url)

    # --- opening ---------------------------------------------------------------------------------------------------
    def _open(self, key: Key) -> None:
        if key[0] != SESSION:
            self.robots.open(key[1])
            return
        self._tasks += 1
        self._yard.give_task(self._session_task(key))

    def _session_task(self, key: Key) -> Callable[[], Callable[[], None]]:
        keeper = self._pool.keeper(key[1])

        def task() -> Callable[[], None]:
            started = time.perf_counter()
            try:
                prepared = keeper.prepare()
            except BaseException as error:  # noqa: BLE001 - it must come back as an answer, whatever it is
                prepared = Prepared(False, error=LoginFailed(key[1], f"{type(error).__name__}: {redact(str(error))}"))
            elapsed_ms = (time.perf_counter() - started) * 1000
            return lambda: self._session_prepared(key, prepared, elapsed_ms)

        return task

    def login_started(self, name: str, reason: str) -> Callable[[], None]:
        """The call that tells observers of a login; for the scheduler's inbox."""
        return lambda: self._stats.tell(LoginStarted(self._clock(), name, reason))

    def _session_prepared(self, key: Key, prepared: Prepared, elapsed_ms: float) -> None:
        self._tasks -= 1
        name = key[1]
        keeper = self._pool.keeper(name)
        if prepared.ready:
            self._session_ready(name, keeper, prepared, elapsed_ms)
            self._yard.take_back(self.gates.opened(key))
        elif prepared.error is None:
            self.gates.try_again(key, self._clock() + prepared.wait_s)
            if prepared.trouble is not None:
                message = f"{prepared.trouble.why}; the login goes on in {prepared.wait_s:,.0f} s"
                self._stats.tell(Warned(self._clock(), f"session {name}", message))
        else:
            self.barred.bar(name, prepared.error, self._clock(), elapsed_ms)

    def _session_ready(self, name: str, keeper: Keeper, prepared: Prepared, elapsed_ms: float) -> None:
        summary = self._stats.summary
        self.barred.let_in(name)
        self._yard.take_back(self.gates.let_go(SESSION, SPREAD))  # they need not wait for the other sessions any more
        lost, suspects = self._lost.pop(name, None), self._suspects.pop(name, set())
        self._routine.discard(name)
        self._proven_at[name] = keeper.record.proved_at or 0.0
        if prepared.how != "still good":
            self._saved_versions[name] = keeper.saved_as
        if prepared.how == "still good":
            self._strikes.update(suspects)  # these pages show the sign although we are logged in
            return
        if lost is None and keeper.lost_stored_epoch:  # an earlier run ended before anybody saw that it was lost
            lost = _Loss(keeper.lost_stored_epoch, "", keeper.proved_before_loss - _PROOF_MARGIN_S)
            keeper.lost_stored_epoch = 0
        if lost is not None:
            self._learn_from_loss(name, lost.url)
            summary.rechecked += self._yard.quarantine(name, lost.epoch, lost.since)
        if prepared.how == "login":
            summary.logins += 1
        elif prepared.how == "restored":
            summary.restored += 1
        if prepared.how in ("login", "restored"):
            outcome = "ok" if prepared.how == "login" else "restored"
            self._stats.tell(LoginEnded(self._clock(), name, outcome, keeper.record.epoch, elapsed_ms))

    def _learn_from_loss(self, name: str, url: str) -> None:
        blamed = {url, *self._recent.pop(name, ())} - {""}
        if not blamed or len(blamed) > _MOST_BLAMED:
            return
        for each in blamed:
            self._guard.lost_after(each)
        self._learned()

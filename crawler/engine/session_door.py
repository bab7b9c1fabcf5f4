"""The door of sessions: it opens when a session is ready, and shuts when it may be lost.

One task prepares a session (restores it, probes it, logs in) on a thread that may wait; what it says settles the pages
that were kept meanwhile. Used by the scheduler's thread only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from crawler.clock import unix_now
from crawler.engine import barred
from crawler.engine.barred import SESSION, Barred
from crawler.engine.gates import Gates, GateState
from crawler.engine.stats import Stats
from crawler.errors import LoginFailed
from crawler.events import LoginEnded, Warned
from crawler.outcome import Leased, Outcome
from crawler.request import SPREAD
from crawler.sessions.login.findings import goes_in_turn
from crawler.sessions.login.keeper import Keeper
from crawler.sessions.login.lives import Next
from crawler.sessions.login.session_evidence import SessionEvidence, SessionNow
from crawler.sessions.login.standing import Prepared
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.unproven import Judged
from crawler.sessions.pool import SessionPool
from crawler.sessions.saves import SessionSaves
from crawler.urls import redact

_PROOF_MARGIN_S = 1.0  #: of a proof by another process nothing more is known than when it was
_DRAIN_S = 2.0  #: longest wait for pages under way before a session is probed as a matter of course


class Yard(barred.Yard, Protocol):
    """What the door needs of `engine.dispatcher`."""

    def give_task(self, task: Callable[[], Callable[[], None]]) -> None: ...

    def send_first(self, leased: Sequence[Leased]) -> None: ...

    def quarantine(self, session: str, epoch: int, since: float) -> int: ...

    def nothing_lost(self, session: str) -> None: ...

    def prove(self, ids: Sequence[int], epoch: int) -> None: ...


class SessionDoor:
    """Which sessions are in doubt, being probed or logged in, and what becomes of their pages.

    Args:
        learned: Called when the guard has learned something: keeps it, so that not even a kill loses it.

    Attributes:
        tasks: Under way.
    """

    def __init__(
        self,
        pool: SessionPool,
        gates: Gates,
        barred: Barred,
        answers: SessionEvidence,
        saves: SessionSaves,
        stats: Stats,
        yard: Yard,
        *,
        learned: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._pool, self._gates, self._barred, self._answers = pool, gates, barred, answers
        self._saves, self._stats, self._yard, self._learned, self._clock = saves, stats, yard, learned, clock
        self.tasks = 0
        self._lost_epochs: dict[str, int] = {}  # sessions in doubt: the epoch that may be lost
        self._overtaken: set[str] = set()  # sessions in whose place somebody else has logged in
        self._draining: dict[str, str] = {}  # sessions to be probed when their pages under way are back: why
        self._drained_by: dict[str, float] = {}  # how long those are waited for
        self._resting: set[str] = set()  # sessions of which no more is sent until a page under way is back

    def busy(self) -> bool:
        """Whether a task is under way, or pages are waited for before one."""
        return bool(self.tasks or self._drained_by)

    def is_draining(self, name: str) -> bool:
        """Whether a session is about to be probed, so that nothing more of it is sent."""
        return name in self._draining

    # --- shut -------------------------------------------------------------------------------------------------------
    def page_came_back(self, outcome: Outcome) -> bool:
        """Look at an answer from the session's side, and do what follows; may change its verdict.

        Returns:
            Whether it is to be committed; when not, it is kept here or sent again.
        """
        name = outcome.session_name
        keeper = self._pool.keeper(name)
        if not keeper.wants_login:
            return True
        record = keeper.record
        now = SessionNow(record.epoch, record.state is LoginState.READY, keeper.session.serial)
        ruling = self._answers.judge(outcome, now, self._clock())
        if ruling.rotates:
            self._together_or_in_turn(keeper)
        if ruling.brought:
            keeper.brought_page()
        if ruling.judged is not None:
            self._apply(ruling.judged)
        if ruling.again:
            self._again([outcome.request], counts=ruling.counts)
        if ruling.doubt:
            self.doubt(name, ruling.doubt, seen_at=ruling.seen_at)
        if ruling.ask:
            self._gates.open_now((SESSION, name))
        if ruling.probe:
            self.probe_soon(name, ruling.probe)
        if name in self._drained_by and not self._pool.under_way(name):
            self._begin(name)
        if (
            name in self._resting
            and self._answers.unproven(name).evidence.next(self._pool.under_way(name)) is not Next.WAIT
        ):
            self._resting.discard(name)
            self._yard.send_first(self._gates.opened((SESSION, name)))
        return ruling.settle

    def rest(self, name: str) -> None:
        """As much is under way as the rest of this life may be good for: go on when one of it is back."""
        self._resting.add(name)
        self._gates.close((SESSION, name))

    def _rest_no_more(self, name: str) -> None:
        if name in self._resting:
            self._resting.discard(name)
            self._gates.get((SESSION, name)).state = GateState.CLOSED

    def doubt(self, name: str, reason: str, *, seen_at: str = "") -> None:
        """The session may be lost: no request of it leaves before a probe has said so or not.

        Args:
            seen_at: The page that showed it.
        """
        keeper = self._pool.keeper(name)
        if keeper.expire(keeper.record.epoch, reason, seen_at):
            self._draining.pop(name, None)
            self._shut(name, keeper)

    def _shut(self, name: str, keeper: Keeper) -> None:
        self._rest_no_more(name)
        self._lost_epochs[name] = keeper.record.epoch
        self._gates.close((SESSION, name))
        self._gates.open_now((SESSION, name))  # pages are kept for the answer, whether or not others wait

    def probe_soon(self, name: str, reason: str) -> None:
        """Probe a session against which nothing speaks, as soon as its pages under way have come back."""
        self._rest_no_more(name)
        if self._pool.keeper(name).record.state is LoginState.READY:
            self._draining.setdefault(name, reason)
            self._gates.close((SESSION, name))
        self._gates.open_now((SESSION, name))

    def overtaken(self, name: str, epoch: int) -> None:
        """The store holds a newer login than that of *epoch*: nobody takes its pages any more without a proof."""
        record = self._pool.keeper(name).record
        if record.epoch == epoch and record.state is LoginState.READY:
            self._overtaken.add(name)  # no page of ours is to blame
            self.doubt(name, "somebody else has logged in since")

    # --- opening ----------------------------------------------------------------------------------------------------
    def open(self, name: str) -> None:
        """Prepare a session, once its pages under way are back where it is probed as a matter of course."""
        if name in self._resting:
            return
        now = self._clock()
        calm = (
            name in self._draining or self._answers.unproven(name).rotation.changing
        )  # the probe must not be refused, too
        waits = calm and self._pool.under_way(name)
        if waits and now < self._drained_by.setdefault(name, now + _DRAIN_S):
            self._gates.try_again((SESSION, name), self._drained_by[name])
            return
        self._begin(name)

    def _begin(self, name: str) -> None:
        self._drained_by.pop(name, None)
        reason = self._draining.get(name)
        if reason is not None:
            self.doubt(name, reason)
        self._gates.get((SESSION, name)).retry_at = None
        self.tasks += 1
        self._yard.give_task(self._task(name))

    def _task(self, name: str) -> Callable[[], Callable[[], None]]:
        keeper = self._pool.keeper(name)

        def task() -> Callable[[], None]:
            started, started_at = time.perf_counter(), self._clock()
            try:
                prepared = keeper.prepare()
            except BaseException as error:  # noqa: BLE001 - it must come back as an answer, whatever it is
                prepared = Prepared(False, error=LoginFailed(name, f"{type(error).__name__}: {redact(str(error))}"))
            elapsed_ms = (time.perf_counter() - started) * 1000
            return lambda: self._prepared(name, prepared, started_at, elapsed_ms)

        return task

    def _prepared(self, name: str, prepared: Prepared, started_at: float, elapsed_ms: float) -> None:
        self.tasks -= 1
        if prepared.ready:
            self._ready(name, prepared, started_at, elapsed_ms)
        elif prepared.error is None:
            self._gates.try_again((SESSION, name), self._clock() + prepared.wait_s)
            if prepared.trouble is not None:
                message = f"{prepared.trouble.why}; the login goes on in {prepared.wait_s:,.0f} s"
                self._stats.tell(Warned(self._clock(), f"session {name}", message))
        else:
            judged = self._answers.unproven(name).given_up()
            self.reopen(name, self._lost_epochs.pop(name, 0), judged.since)
            self._barred.bar(name, prepared.error, self._clock(), elapsed_ms)
            self._barred.park([*judged.again, *self._answers.trials.take_waiting(name)], name)

    def _ready(self, name: str, prepared: Prepared, started_at: float, elapsed_ms: float) -> None:
        keeper, pages, now = self._pool.keeper(name), self._answers.unproven(name), self._clock()
        self._barred.let_in(name)
        self._yard.take_back(self._gates.let_go(SESSION, SPREAD))  # they need not wait for the other sessions any more
        still_good = prepared.how == "still good"
        lost_epoch, tried = self._lost_epochs.pop(name, 0), self._answers.is_tried(name)
        if not still_good:
            self._saves.stored(name, keeper.standing.saved_as)
        self._end_trial(name, keeper, now, survived=still_good)
        self._yard.send_first(self._gates.opened((SESSION, name)))
        if still_good:
            keeper.brought_page()
            judged = pages.good(started_at, now)
            self._yard.prove(judged.proved, keeper.record.epoch)
            self._answers.showed_out(name, judged.showed_out)
        elif prepared.how == "ready":
            judged = Judged()
        else:
            judged = self._lost(name, keeper, lost_epoch, by_itself=not tried)
            pages.rotation.lost(pages.evidence.lives.last)
            if prepared.how == "login":
                pages.evidence.begin(now, keeper.record.epoch)
            else:
                pages.evidence.take_over(now, keeper.record.epoch)
        self._together_or_in_turn(keeper)
        self._apply(judged)
        if keeper.record.state is not LoginState.READY:  # doubted again before this answer was seen to
            self._shut(name, keeper)
        self._tell_login(name, keeper, prepared.how, elapsed_ms)

    def _lost(self, name: str, keeper: Keeper, epoch: int, *, by_itself: bool) -> Judged:
        """The session had ended, here or in an earlier run: pages that are not certain are fetched again."""
        by_itself = by_itself and name not in self._overtaken
        judged = self._answers.unproven(name).lost(by_itself=by_itself) if epoch else Judged()
        if name in self._overtaken:
            self._overtaken.discard(name)
            judged.blamed = []
        since = judged.since
        standing = keeper.standing
        if not epoch and standing.lost_stored_epoch:  # an earlier run ended before anybody saw that it was lost
            epoch, since = standing.lost_stored_epoch, standing.proved_before_loss - _PROOF_MARGIN_S
            standing.lost_stored_epoch = 0
        self.reopen(name, epoch, since)
        return judged

    def _together_or_in_turn(self, keeper: Keeper) -> None:
        """One request at a time where the site seems to refuse all cookies but the last."""
        session = keeper.session
        if session.identity.serial:
            return
        rotation = self._answers.unproven(session.name).rotation
        session.serial = rotation.in_turn
        if rotation.is_news():
            self._stats.summary.messages.append(goes_in_turn(session.name))

    def _end_trial(self, name: str, keeper: Keeper, now: float, *, survived: bool) -> None:
        ended = self._answers.end_trial(name, now, survived=survived, serial=keeper.session.serial)
        if ended is None:
            return
        answer, told = ended
        if told:
            self._stats.summary.messages.append(told)
            self._learned()
        self._yard.settle([answer])

    def _tell_login(self, name: str, keeper: Keeper, how: str, elapsed_ms: float) -> None:
        summary = self._stats.summary
        if how == "login":
            summary.logins += 1
        elif how == "restored":
            summary.restored += 1
        else:
            return
        outcome = "ok" if how == "login" else "restored"
        self._stats.tell(LoginEnded(self._clock(), name, outcome, keeper.record.epoch, elapsed_ms))

    # --- what becomes of pages --------------------------------------------------------------------------------------
    def reopen(self, name: str, epoch: int, since: float | None) -> None:
        """Pages that a session brought in that epoch, sent since then (None for none), wait again."""
        if since is not None:
            self._stats.summary.rechecked += self._yard.quarantine(name, epoch, since)
        elif epoch:
            self._yard.nothing_lost(name)

    def _apply(self, judged: Judged) -> None:
        self._answers.trials.passed(judged.passed)
        self._answers.trials.lost_with(judged.blamed)
        if judged.settled:
            self._yard.settle(judged.settled)
        self._again(judged.again, counts=False)

    def _again(self, leased: Sequence[Leased], *, counts: bool) -> None:
        """Send requests again before any others: who waits long meets the next loss, too."""
        self._stats.summary.rechecked += len(leased) if counts else 0
        self._yard.send_first(leased)

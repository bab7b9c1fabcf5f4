"""The door of sessions: it opens when a session is ready, and shuts when it may be lost.

One task prepares a session (restores it, probes it, logs in) on a thread that may wait; what it says settles the pages
that were kept meanwhile. Used by the scheduler's thread only.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.errors import LoginFailed
from crawler.events import LoginEnded, Warned
from crawler.outcome import Leased, Outcome, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.request import SPREAD
from crawler.sessions.login.findings import goes_in_turn
from crawler.sessions.login.lives import Next
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.ports import SESSION, SessionGates
from crawler.sessions.login.proxies import left_proxy
from crawler.sessions.login.session_evidence import SessionNow
from crawler.sessions.login.settling import Settling
from crawler.sessions.login.standing import Preparation
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.trials import Trials
from crawler.sessions.login.unproven import Judgement
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool
from crawler.sessions.saves import SessionSaves
from crawler.urls import redact

_PROOF_MARGIN_S = 1.0  #: of a proof by another process nothing more is known than when it was
_DRAIN_S = 2.0  #: longest wait for pages under way before a session is probed as a matter of course


@quick_dataclass(frozen=False)
class _Doubt:
    """Why nothing more of a session is sent now.

    Attributes:
        lost_epoch: The login that may be lost; 0 for none.
        overtaken: Somebody else has logged in since.
        blameless: No page of ours is to blame.
        probe: Why it is to be probed when its pages under way are back; "" when it is not.
        drained_by: How long those are waited for, seconds since 1970; None when they are not.
        rests: Until a page under way is back.
    """

    lost_epoch: int = 0
    overtaken: bool = False
    blameless: bool = False
    probe: str = ""
    drained_by: float | None = None
    rests: bool = False


class SessionDoor:
    """Which sessions are in doubt, being probed or logged in.

    Attributes:
        tasks: Under way.
        requests: The ways that requests can go.
        proving: Sessions against which nothing speaks, and that are to be probed or are being probed.
    """

    def __init__(
        self,
        pool: SessionPool,
        gates: SessionGates,
        unusable: UnusableSessions,
        settling: Settling,
        saves: SessionSaves,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._pool, self._gates, self._unusable, self._saves = pool, gates, unusable, saves
        self._settling, self._evidence, self._teller = settling, settling.evidence, settling.teller
        self.requests, self._clock = settling.requests, clock
        self._doubts: defaultdict[str, _Doubt] = defaultdict(_Doubt)
        self.tasks = 0
        self.proving: set[str] = set()

    def busy(self) -> bool:
        """Whether a task is under way, or pages are waited for before one."""
        return bool(self.tasks) or any(each.drained_by is not None for each in self._doubts.values())

    def is_draining(self, name: str) -> bool:
        """Whether a session is about to be probed, so that nothing more of it is sent."""
        return bool(self._doubts[name].probe)

    # --- shut -------------------------------------------------------------------------------------------------------
    def page_came_back(self, outcome: Outcome) -> bool:
        """Look at an answer from the session's side, and do what follows; may change its verdict.

        Returns:
            Whether it is to be committed; when not, it is kept here or sent again.
        """
        name = outcome.session_name
        manager = self._pool.manager(name)
        if manager.session.sending.proxy_pool is not None and (why := left_proxy(manager)):
            self._teller.tell(Warned(self._clock(), f"session {name}", why))
            self._teller.summary.messages.append(f"session {name}: {why}")
            if manager.wants_login:
                self._doubts[name].overtaken = self._doubts[name].blameless = True
                self.doubt(name, why)
        if outcome.verdict is Verdict.ACCEPT:
            manager.prover.telling.came(outcome.request)
        elif outcome.verdict is Verdict.LOGIN and outcome.status == 401:
            manager.prover.telling.was_refused(outcome.request.id)
        if not manager.wants_login and outcome.verdict is not Verdict.LOGIN:
            manager.record.page_is_back(outcome.request.id)
            if manager.without_step.goes_alone:
                self._first_is_back(name, tells=_tells_of_credentials(outcome))
            return True
        record = manager.record
        now = SessionNow(record.epoch, record.state is LoginState.READY, manager.session.serial)
        ruling = self._evidence.judge(outcome, now, self._clock())
        if ruling.rotates:
            self._together_or_in_turn(manager)
        if ruling.brought:
            manager.brought_page()
        if ruling.judged is not None:
            self._settling.apply(ruling.judged)
        if ruling.again:
            self._settling.again([outcome.request], counts=ruling.counts)
        if ruling.doubt:
            alone = not self._evidence.is_tried(name)
            self.doubt(name, ruling.doubt, seen_at=ruling.seen_at, witness=outcome.request if alone else None)
        if ruling.ask:
            self._gates.open_now((SESSION, name))
        if ruling.probe:
            self.probe_soon(name, ruling.probe)
        doubt, under_way = self._doubts[name], self._pool.under_way(name)
        if doubt.drained_by is not None and not under_way:
            self._begin(name)
        if doubt.rests and self._evidence.unproven(name).evidence.next(under_way) is not Next.WAIT:
            doubt.rests = False
            self.requests.send_first(self._gates.opened((SESSION, name)))
        record.page_is_back(outcome.request.id)
        if not ruling.settle and self._gates.get((SESSION, name)).is_barred:  # it came later than the bad news
            self._unusable.park(self._settling.given_up(name, self._lost_epoch(name)), name)
        return ruling.settle

    def _first_is_back(self, name: str, *, tells: bool) -> None:
        """The first request with credentials that nobody has proved was not refused; or it tells nothing of them."""
        self._pool.manager(name).without_step.goes_alone = not tells
        self._doubts[name].rests = False
        self.requests.send_first(self._gates.opened((SESSION, name)))

    def rest(self, name: str) -> None:
        """As much is under way as the rest of this life may be good for: go on when one of it is back."""
        self._doubts[name].rests = True
        self._gates.close((SESSION, name))

    def _rest_no_more(self, name: str) -> None:
        if self._doubts[name].rests:
            self._doubts[name].rests = False
            self._gates.get((SESSION, name)).shut()

    def doubt(self, name: str, reason: str, *, seen_at: str = "", witness: Leased | None = None) -> None:
        """The session may be lost: no request of it leaves before a probe has decided.

        Args:
            seen_at: The page that showed it.
            witness: Its request, where it may be asked once more.
        """
        manager = self._pool.manager(name)
        if manager.expire(manager.record.epoch, reason, seen_at, witness=witness is not None):
            self._doubts[name].probe = ""
            manager.prover.telling.doubtful = witness
            self._shut(name, manager)

    def _shut(self, name: str, manager: LoginManager) -> None:
        self._rest_no_more(name)
        self._doubts[name].lost_epoch = manager.record.epoch
        self._gates.close((SESSION, name))
        self._gates.open_now((SESSION, name))  # pages are kept for the answer, whether or not others wait

    def probe_soon(self, name: str, reason: str) -> None:
        """Probe a session against which nothing speaks, as soon as its pages under way have come back."""
        self._rest_no_more(name)
        if self._pool.manager(name).record.state is LoginState.READY:
            self._doubts[name].probe = self._doubts[name].probe or reason
            self.proving.add(name)
            self._gates.close((SESSION, name))
        self._gates.open_now((SESSION, name))

    def overtaken(self, name: str, epoch: int) -> None:
        """The store holds a newer login than that of *epoch*: its pages are no longer taken without a proof.

        A process that works on the same crawl logs in only where the session was gone, maybe by a page of ours.
        """
        record = self._pool.manager(name).record
        if record.epoch == epoch and record.state is LoginState.READY:
            self._doubts[name].overtaken, self._doubts[name].blameless = True, not self._evidence.trials.shared
            self.doubt(name, "somebody else has logged in since")

    # --- opening ----------------------------------------------------------------------------------------------------
    def open(self, name: str) -> None:
        """Prepare a session, once its pages under way are back where it is probed as a matter of course."""
        doubt, now = self._doubts[name], self._clock()
        if doubt.rests:
            return
        calm = doubt.probe or self._evidence.unproven(name).rotation.changing  # the probe must not be refused, too
        if calm and self._pool.under_way(name):
            doubt.drained_by = now + _DRAIN_S if doubt.drained_by is None else doubt.drained_by
            if now < doubt.drained_by:
                self._gates.try_again((SESSION, name), doubt.drained_by)
                return
        self._begin(name)

    def _begin(self, name: str) -> None:
        doubt = self._doubts[name]
        doubt.drained_by = None
        if doubt.probe:
            self.doubt(name, doubt.probe)
        self._gates.get((SESSION, name)).started()
        self.tasks += 1
        self.requests.give_task(self._task(name))

    def _task(self, name: str) -> Callable[[], Callable[[], None]]:
        manager = self._pool.manager(name)

        def task() -> Callable[[], None]:
            started, started_at = time.perf_counter(), self._clock()
            try:
                prepared = manager.prepare()
            except BaseException as error:  # noqa: BLE001 - it must come back as an answer, whatever it is
                prepared = Preparation(False, error=LoginFailed(name, f"{type(error).__name__}: {redact(str(error))}"))
            elapsed_ms = (time.perf_counter() - started) * 1000
            return lambda: self._prepared(name, prepared, started_at, elapsed_ms)

        return task

    def _prepared(self, name: str, prepared: Preparation, started_at: float, elapsed_ms: float) -> None:
        self.tasks -= 1
        self.proving.discard(name)
        if prepared.ready:
            self._ready(name, prepared, started_at, elapsed_ms)
        elif prepared.error is None:
            self._gates.try_again((SESSION, name), self._clock() + prepared.wait_s)
            if prepared.trouble is not None:
                what = "renewal" if prepared.renews else "login"
                message = f"{prepared.trouble.why}; the {what} goes on in {prepared.wait_s:,.0f} s"
                self._teller.tell(Warned(self._clock(), f"session {name}", message))
        else:
            self._unusable.bar(name, prepared.error, self._clock(), elapsed_ms)
            self._unusable.park(self._settling.given_up(name, self._lost_epoch(name)), name)
        self._settling.others_seen(name, self._pool.manager(name).standing.elsewhere, self._clock())

    def _lost_epoch(self, name: str) -> int:
        """The login that may have been lost: from now on it is known whether it was."""
        epoch, self._doubts[name].lost_epoch = self._doubts[name].lost_epoch, 0
        return epoch

    def _ready(self, name: str, prepared: Preparation, started_at: float, elapsed_ms: float) -> None:
        manager, pages, now = self._pool.manager(name), self._evidence.unproven(name), self._clock()
        self._unusable.let_in(name)
        self.requests.take_back(
            self._gates.let_go(SESSION, SPREAD)
        )  # they need not wait for the other sessions any more
        still_good = prepared.how == "still good"
        lost_epoch, tried = self._lost_epoch(name), self._evidence.is_tried(name)
        if not still_good:
            self._saves.stored(name, manager.standing.saved_as)
        self._settling.end_trial(name, now, survived=still_good, serial=manager.session.serial)
        self.requests.send_first(self._gates.opened((SESSION, name)))
        if still_good:
            judged = pages.good(started_at, now)
            if judged.proved or Trials.may_tell(pages.evidence):  # else probes alone use up each session
                manager.brought_page()
            self.requests.prove(judged.proved, manager.record.epoch)
            self._evidence.showed_out(name, judged.showed_out)
            for request in () if manager.wants_login else judged.showed_out:
                manager.without_step.is_not_for_us(request)
        elif prepared.how == "ready":
            judged = Judgement()
        else:
            judged = self._lost(name, manager, lost_epoch, by_itself=not tried)
            if prepared.how in ("login", "renewed"):
                pages.evidence.begin(now, manager.record.epoch)
            else:
                pages.evidence.take_over(now, manager.record.epoch)
        self._together_or_in_turn(manager)
        self._settling.apply(judged)
        if manager.record.state is not LoginState.READY:  # doubted again before this answer was handled
            self._shut(name, manager)
        self._tell_login(name, manager, prepared.how, elapsed_ms)

    def _lost(self, name: str, manager: LoginManager, epoch: int, *, by_itself: bool) -> Judgement:
        """The session had ended, here or in an earlier run: pages that are not certain are fetched again."""
        doubt, pages, judged = self._doubts[name], self._evidence.unproven(name), Judgement()
        if epoch:
            judged = pages.lost(by_itself=by_itself and not doubt.overtaken, refused_at=manager.prover.refused_at)
        if not doubt.blameless:  # told before they wait again, where any process may take them
            self._evidence.trials.lost_with(judged.blamed, f"{name}:{epoch}")
        doubt.overtaken = doubt.blameless = False
        since = judged.since
        standing = manager.standing
        if not epoch and standing.lost_stored_epoch:  # an earlier run ended before it was seen that it was lost
            epoch, since = standing.lost_stored_epoch, standing.proved_before_loss - _PROOF_MARGIN_S
            standing.lost_stored_epoch = 0
        self._settling.reopen(name, epoch, since)
        return judged

    def _together_or_in_turn(self, manager: LoginManager) -> None:
        """One request at a time where the site seems to refuse all cookies but the last."""
        session = manager.session
        if session.identity.serial:
            return
        rotation = self._evidence.unproven(session.name).rotation
        session.serial = rotation.in_turn
        if rotation.is_news():
            self._teller.summary.messages.append(goes_in_turn(session.name))

    def _tell_login(self, name: str, manager: LoginManager, how: str, elapsed_ms: float) -> None:
        summary = self._teller.summary
        if how == "login":
            summary.logins += 1
        elif how == "renewed":
            summary.renewed += 1
        elif how == "restored":
            summary.restored += 1
        else:
            return
        outcome = "ok" if how == "login" else how
        self._teller.tell(LoginEnded(self._clock(), name, outcome, manager.record.epoch, elapsed_ms))


def _tells_of_credentials(outcome: Outcome) -> bool:
    """Whether an answer that does not doubt the credentials that went with its request says something of them.

    Not what was left out or given back unsent, nor one more refusal.
    """
    unsent = outcome.verdict is Verdict.RELEASE or (outcome.verdict is Verdict.SKIP and not outcome.status)
    return not unsent and not (outcome.verdict is Verdict.FAIL and outcome.status == 401)

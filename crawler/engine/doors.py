"""What a request passes before it is sent: its session must be ready, and the robots.txt of its host must be known.

And what an answer says about its session. When a session may be lost nothing of it leaves before the probe has spoken;
pages that come back meanwhile are kept, and are committed or sent again as the probe says (`engine.watch`). Lives on
the scheduler's thread; the slow parts run as tasks on workers, whose results come back as calls.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from crawler.clock import unix_now
from crawler.engine import barred
from crawler.engine.barred import SESSION, Barred
from crawler.engine.findings import ENDS_SESSION, convict, fail_logged_out, goes_in_turn
from crawler.engine.gates import Gates, GateState
from crawler.engine.last_proofs import LastProofs
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.stats import Stats
from crawler.engine.trials import Trials
from crawler.engine.watch import Judged, Watch
from crawler.errors import LoginFailed
from crawler.events import LoginEnded, LoginStarted, Warned
from crawler.frontier.guard import LogoutGuard
from crawler.outcome import Leased, Outcome, SessionSnapshot, Verdict
from crawler.response import SPREAD
from crawler.sessions import snapshot
from crawler.sessions.login.evidence import REFUSALS, Guarded
from crawler.sessions.login.keeper import Keeper
from crawler.sessions.login.standing import Prepared
from crawler.sessions.login.states import LoginState
from crawler.sessions.login.suspects import Finding
from crawler.sessions.pool import SessionPool
from crawler.urls import redact

_PROOF_MARGIN_S = 1.0  #: of a proof by another process nothing more is known than when it was
_DRAIN_S = 2.0  #: longest wait for pages under way before a session is probed as a matter of course
_ELSEWHERE_S = 1.0  #: so long a suspect is left to the process that tries them
_STRIKES = 2  #: so often a page may show the logged-out sign in a good session until it fails

Key = tuple[str, str]


class Yard(barred.Yard, Protocol):
    """What the doors need of the scheduler; all on its thread."""

    def give_task(self, task: Callable[[], Callable[[], None]]) -> None: ...

    def send_first(self, leased: Sequence[Leased]) -> None: ...

    def quarantine(self, session: str, epoch: int, since: float) -> int: ...

    def prove(self, ids: Sequence[int], epoch: int) -> None: ...

    def set_crawl_delay(self, slot: str, delay_s: float) -> None: ...

    def heard(self, slot: str) -> None: ...


class Doors:
    """The gates of a crawl and what opens them.

    Args:
        robots: Makes the door of robots.txt.
        guard: Learns pages that end the session; None where the setting switches it off.
        learned: Called when the guard has learned something: keeps it, so that not even a kill loses it.
        probe_every: Unproven pages of a session after which it is probed again, at the latest; 0 for never.
        share, tries: As in `engine.trials.Trials`.
        known_lives: Requests that sessions with this key answered in earlier runs before they ended.
    """

    def __init__(
        self,
        pool: SessionPool,
        *,
        robots: Callable[[Gates], RobotsDoor],
        guard: LogoutGuard | None,
        stats: Stats,
        spider_name: str,
        probe_every: int,
        learned: Callable[[], None] = lambda: None,
        share: Callable[[frozenset[str]], frozenset[str]] | None = None,
        tries: bool = True,
        known_lives: Callable[[str], Iterable[int]] = lambda key: (),
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._learned = learned
        self._pool, self._guard, self._stats, self._spider_name = pool, guard, stats, spider_name
        self._probe_every, self._clock = probe_every, clock
        self.gates = Gates(self._open)
        self.robots = robots(self.gates)
        self.barred = Barred(pool, self.gates, stats, spider_name)
        self._known_lives = known_lives
        self._last_proofs = LastProofs(pool, reopen=self._quarantine, clock=clock)
        self._yard: Yard
        self._tasks = 0
        self._saved_versions: dict[str, tuple[int, int]] = {}
        self._watches: dict[str, Watch] = {}
        self._guarded = Guarded()
        self._strikes: Counter[int] = Counter()  # by request: it showed the sign in a good session
        self._lost_epochs: dict[str, int] = {}  # sessions in doubt: the epoch that may be lost
        self._overtaken: set[str] = set()  # sessions in whose place somebody else has logged in
        self._draining: dict[str, str] = {}  # sessions to be probed when their pages under way are back: why
        self._drained_by: dict[str, float] = {}  # how long those are waited for
        self._trials = Trials(bans=guard is not None, share=share, tries=tries)

    def connect(self, yard: Yard) -> None:
        """Give the doors their scheduler; once, before anything else."""
        self._yard = self.barred.yard = self.robots.yard = self._last_proofs.yard = yard

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
        if name in self._draining:
            self.gates.hold((SESSION, name), leased)
            return False
        if not self.robots.lets_through(leased, now):
            return False
        if not keeper.wants_login:
            return True
        if self._trials.suspects(leased, now):
            self._put_off(leased, name, now)
            return False
        if self._guard is None and self._trials.knows_guilty(leased):
            self._yard.settle([Outcome(leased, Verdict.FAIL, session_name=name, error=ENDS_SESSION)])
            return False
        evidence = self._watch(name).evidence
        if evidence.wants_probe(self._pool.under_way(name)):
            self._probe_soon(name, "no page has shown for a while that we are logged in")
            self.gates.hold((SESSION, name), leased)
            return False
        evidence.handed_out()
        return True

    def _put_off(self, leased: Leased, name: str, now: float) -> None:
        """A suspect waits for its trial, here or at the process that tries them all."""
        if self._trials.tries:
            self._trials.put_off(leased, name)
        else:
            later = now + _ELSEWHERE_S
            self._yard.settle([Outcome(leased, Verdict.RELEASE, session_name=name, not_before=later)])

    def shut_sessions(self) -> frozenset[str]:
        """Sessions whose requests cannot go now."""
        shut = self.gates.closed_names(SESSION)
        return shut | {SPREAD} if shut.issuperset(self._pool.names) else shut

    @property
    def kept(self) -> int:
        """Requests that are neither under way nor waiting before a gate: kept for a probe, or for their trial."""
        return len(self._trials) + sum(watch.kept for watch in self._watches.values())

    @property
    def suspects(self) -> int:
        """Those of them that wait for their trial until nothing else is left."""
        return len(self._trials)

    def busy(self) -> bool:
        """Whether a task is under way or a gate is to be tried again."""
        under_way = self._tasks or self.robots.tasks or self._drained_by
        return bool(under_way) or self.gates.held() > 0 or self.gates.next_due() is not None

    def drain(self) -> list[Leased]:
        """The run stops: all requests that are held or kept."""
        kept = [leased for watch in self._watches.values() for leased in watch.drain()]
        return self.gates.drain() + kept + self._trials.take_waiting()

    # --- told when a page came back ------------------------------------------------------------------------------
    def page_came_back(self, outcome: Outcome) -> bool:
        """Look at an answer from the session's side; may change its verdict.

        Returns:
            Whether it is to be committed; when not, it is kept here or sent again.
        """
        name = outcome.session_name
        keeper = self._pool.keeper(name)
        if not keeper.wants_login:
            return True
        watch = self._watch(name)
        settle = self._judge(outcome, keeper, watch)
        if name in self._drained_by and not self._pool.under_way(name):
            self._begin_session(name)
        return settle

    def _judge(self, outcome: Outcome, keeper: Keeper, watch: Watch) -> bool:
        verdict, tried = outcome.verdict, self._trials.is_tried(outcome.request)
        if verdict in (Verdict.RELEASE, Verdict.RETRY, Verdict.PARK) or not outcome.status:
            if verdict is Verdict.RELEASE:
                watch.evidence.unsent()
            if tried:
                self._trials.stop()
            return True
        if verdict is Verdict.LOGIN and self._strikes[outcome.request.id] >= _STRIKES:
            fail_logged_out(outcome, serial=keeper.session.serial)
            watch.rotation.failed(outcome.request.id)
            self._together_or_in_turn(keeper, watch)
            return True
        stale = (outcome.login_wanted if verdict is Verdict.LOGIN else outcome.epoch) != keeper.record.epoch
        if stale and (verdict is Verdict.LOGIN or not outcome.proven):
            self._again([outcome.request], verdict is not Verdict.LOGIN)
            return False  # an answer from before the last login: sent again, quietly
        if tried and self._trials.current is not None:
            self._trials.current.answer, self._trials.current.session = outcome, outcome.session_name
            if verdict is Verdict.ACCEPT:
                keeper.brought_page()
            self._probe_soon(outcome.session_name, "a page is suspected of ending the session")
            return False
        if verdict is Verdict.LOGIN:
            watch.hold(outcome)
            plain = "" if outcome.request.extras else outcome.request.url
            self._doubt(outcome.session_name, keeper, outcome.error, seen_at=plain)
            return False
        return self._page(outcome, keeper, watch, stale)

    def _page(self, outcome: Outcome, keeper: Keeper, watch: Watch, stale: bool) -> bool:
        """An answer without the logged-out sign."""
        self._strikes.pop(outcome.request.id, None)
        if watch.rotation.answered(outcome.request.id, sets_cookies=outcome.sets_cookies):
            self._together_or_in_turn(keeper, watch)
        if outcome.verdict is Verdict.ACCEPT:
            keeper.brought_page()
        if outcome.proven:
            if not stale:
                self._apply(outcome.session_name, watch.shown(outcome, self._clock()))
            return True
        uncertain = outcome.verdict in (Verdict.FAIL, Verdict.SKIP) or outcome.status in REFUSALS
        if uncertain and outcome.verdict is not Verdict.SKIP and outcome.status not in REFUSALS:
            return True  # failed for a reason of its own
        if keeper.record.state is not LoginState.READY:
            watch.hold(outcome)
            return False
        if not uncertain:
            watch.answered(outcome)
            return True
        if watch.refused(outcome):
            why = f"status {outcome.status}" if outcome.status in REFUSALS else outcome.error
            self._doubt(outcome.session_name, keeper, f"{why}, which may mean that we are logged out")
            self.gates.open_now((SESSION, outcome.session_name))
        return False

    def _doubt(self, name: str, keeper: Keeper, reason: str, *, seen_at: str = "") -> None:
        """The session may be lost: no request of it leaves before a probe has said so or not.

        Args:
            seen_at: The page that showed it.
        """
        if keeper.expire(keeper.record.epoch, reason, seen_at):
            self._draining.pop(name, None)
            self._lost_epochs[name] = keeper.record.epoch
            self.gates.close((SESSION, name))
            self.gates.open_now((SESSION, name))  # pages are kept for the answer, whether or not others wait

    def _probe_soon(self, name: str, reason: str) -> None:
        """Probe a session against which nothing speaks, as soon as its pages under way have come back."""
        if self._pool.keeper(name).record.state is LoginState.READY:
            self._draining.setdefault(name, reason)
            self.gates.close((SESSION, name))
        self.gates.open_now((SESSION, name))

    def ask_about_kept(self) -> None:
        """This process has nothing to do: probe sessions of which pages are kept, so that others need not wait."""
        for name, watch in list(self._watches.items()):
            if watch.kept and self._pool.keeper(name).record.state is LoginState.READY:
                self._probe_soon(name, "a page was refused, which may mean that we are logged out")

    def overtaken(self, name: str, epoch: int) -> None:
        """The store holds a newer login than that of *epoch*: nobody takes its pages any more without a proof."""
        keeper = self._pool.keeper(name)
        if keeper.record.epoch == epoch and keeper.record.state is LoginState.READY:
            self._overtaken.add(name)  # no page of ours is to blame
            self._doubt(name, keeper, "somebody else has logged in since")

    def unsaved(self, name: str) -> None:
        """What was to be stored of a session was not: `changed_session` gives it again."""
        self._saved_versions.pop(name, None)

    def last_doubts(self) -> bool:
        """Before the end: probe sessions whose last pages did not prove themselves, then try suspects.

        Returns:
            Whether anything is going on now.
        """
        for name, watch in list(self._watches.items()):
            if watch.uncertain and self.gates.get((SESSION, name)).state is not GateState.BARRED:
                self._probe_soon(name, "the crawl is about to end")
        return self.busy() or self._next_trial()

    def _next_trial(self) -> bool:
        name = self._trials.next_session()
        if name is None:
            return False
        keeper, key = self._pool.keeper(name), (SESSION, name)
        if self.gates.get(key).state is GateState.BARRED:
            self.barred.park(self._trials.take_waiting(name), name)
        elif keeper.record.state is LoginState.READY and Trials.may_begin(self._watch(name).evidence):
            self._yard.send_first([self._trials.begin()])
        else:
            self._probe_soon(name, "a page is about to be tried that may end the session")
        return True

    def last_proofs(self) -> bool:
        """The run stops: prove once what is uncertain. Whether that is under way."""
        return self._last_proofs.go_on(self._watches)

    @property
    def is_proving(self) -> bool:
        """Whether a last proof is under way."""
        return self._last_proofs.under_way > 0

    def lives(self) -> dict[str, tuple[int, ...]]:
        """By key of a session: requests that it answered before it ended, for later runs."""
        return {
            self._pool.keeper(name).session.key: watch.evidence.plain_lives for name, watch in self._watches.items()
        }

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
        name, now = key[1], self._clock()
        calm = name in self._draining or self._watch(name).rotation.changing  # the probe must not be refused, too
        waits = calm and self._pool.under_way(name)
        if waits and now < self._drained_by.setdefault(name, now + _DRAIN_S):
            self.gates.try_again(key, self._drained_by[name])
            return
        self._begin_session(name)

    def _begin_session(self, name: str) -> None:
        self._drained_by.pop(name, None)
        reason = self._draining.get(name)
        if reason is not None:
            self._doubt(name, self._pool.keeper(name), reason)
        self.gates.get((SESSION, name)).retry_at = None
        self._give(self._session_task((SESSION, name)))

    def _give(self, task: Callable[[], Callable[[], None]]) -> None:
        def then(call: Callable[[], None]) -> None:
            self._tasks -= 1
            call()

        def counted() -> Callable[[], None]:
            call = task()
            return lambda: then(call)

        self._tasks += 1
        self._yard.give_task(counted)

    def _session_task(self, key: Key) -> Callable[[], Callable[[], None]]:
        keeper = self._pool.keeper(key[1])

        def task() -> Callable[[], None]:
            started, started_at = time.perf_counter(), self._clock()
            try:
                prepared = keeper.prepare()
            except BaseException as error:  # noqa: BLE001 - it must come back as an answer, whatever it is
                prepared = Prepared(False, error=LoginFailed(key[1], f"{type(error).__name__}: {redact(str(error))}"))
            elapsed_ms = (time.perf_counter() - started) * 1000
            return lambda: self._session_prepared(key, prepared, started_at, elapsed_ms)

        return task

    def login_started(self, name: str, reason: str) -> Callable[[], None]:
        """The call that tells observers of a login; for the scheduler's inbox."""
        return lambda: self._stats.tell(LoginStarted(self._clock(), name, reason))

    def _session_prepared(self, key: Key, prepared: Prepared, started_at: float, elapsed_ms: float) -> None:
        name = key[1]
        if prepared.ready:
            self._session_ready(name, prepared, started_at, elapsed_ms)
        elif prepared.error is None:
            self.gates.try_again(key, self._clock() + prepared.wait_s)
            if prepared.trouble is not None:
                message = f"{prepared.trouble.why}; the login goes on in {prepared.wait_s:,.0f} s"
                self._stats.tell(Warned(self._clock(), f"session {name}", message))
        else:
            self._session_barred(name, prepared, elapsed_ms)

    def _session_barred(self, name: str, prepared: Prepared, elapsed_ms: float) -> None:
        assert prepared.error is not None
        judged = self._watch(name).given_up()
        self._quarantine(name, self._lost_epochs.pop(name, 0), judged.since)
        self.barred.bar(name, prepared.error, self._clock(), elapsed_ms)
        self.barred.park([*judged.again, *self._trials.take_waiting(name)], name)

    def _session_ready(self, name: str, prepared: Prepared, started_at: float, elapsed_ms: float) -> None:
        keeper, watch, now = self._pool.keeper(name), self._watch(name), self._clock()
        self.barred.let_in(name)
        self._yard.take_back(self.gates.let_go(SESSION, SPREAD))  # they need not wait for the other sessions any more
        still_good = prepared.how == "still good"
        lost_epoch = self._lost_epochs.pop(name, 0)
        if not still_good:
            self._saved_versions[name] = keeper.standing.saved_as
        self._end_trial(name, watch, now, survived=still_good)
        self._yard.send_first(self.gates.opened((SESSION, name)))
        if still_good:
            keeper.brought_page()
            judged = watch.good(started_at, now)
            self._strikes.update(judged.showed_out)
            watch.rotation.refused(judged.showed_out)
        elif prepared.how == "ready":
            judged = Judged()
        else:
            judged = watch.lost() if lost_epoch else Judged()
            if name in self._overtaken:
                self._overtaken.discard(name)
                judged.blamed = []
            self._learn_from_loss(name, keeper, lost_epoch, judged)
            watch.rotation.lost(watch.evidence.lives)
            watch.evidence.begin(now)
        self._together_or_in_turn(keeper, watch)
        self._apply(name, judged)
        if keeper.record.state is not LoginState.READY:  # doubted again before this answer was seen to
            self._lost_epochs[name] = keeper.record.epoch
            self.gates.close((SESSION, name))
            self.gates.open_now((SESSION, name))
        self._tell_login(name, keeper, prepared.how, elapsed_ms)

    def _together_or_in_turn(self, keeper: Keeper, watch: Watch) -> None:
        """One request at a time where the site seems to refuse all cookies but the last."""
        session = keeper.session
        if session.identity.serial:
            return
        session.serial = watch.rotation.in_turn
        if watch.rotation.is_news():
            self._stats.summary.messages.append(goes_in_turn(session.name))

    def _learn_from_loss(self, name: str, keeper: Keeper, epoch: int, judged: Judged) -> None:
        since = judged.since
        if not epoch and keeper.standing.lost_stored_epoch:  # an earlier run ended before anybody saw that it was lost
            epoch, since = keeper.standing.lost_stored_epoch, keeper.standing.proved_before_loss - _PROOF_MARGIN_S
            keeper.standing.lost_stored_epoch = 0
        self._quarantine(name, epoch, since)

    def _quarantine(self, name: str, epoch: int, since: float | None) -> None:
        if since is not None:
            self._stats.summary.rechecked += self._yard.quarantine(name, epoch, since)

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

    # --- what becomes of pages that were kept --------------------------------------------------------------------
    def _watch(self, name: str) -> Watch:
        watch = self._watches.get(name)
        if watch is None:
            lives = self._known_lives(self._pool.keeper(name).session.key)
            watch = self._watches[name] = Watch(self._probe_every, self._guarded, lives)
        return watch

    def _apply(self, name: str, judged: Judged) -> None:
        self._trials.passed(judged.passed)
        self._trials.lost_with(judged.blamed)
        if judged.settled:
            self._yard.settle(judged.settled)
        self._again(judged.again, False)

    def _again(self, leased: Sequence[Leased], counts: bool) -> None:
        """Send requests again before any others: who waits long meets the next loss, too."""
        self._stats.summary.rechecked += len(leased) if counts else 0
        self._yard.send_first(leased)

    def _end_trial(self, name: str, watch: Watch, now: float, *, survived: bool) -> None:
        current = self._trials.current
        if current is None or current.answer is None or current.session != name:
            return
        ended = self._trials.end(watch.evidence, now, survived=survived)
        if ended is None or ended[1] is Finding.AGAIN:
            return
        trial, finding = ended
        answer = trial.answer
        assert answer is not None
        if finding is Finding.INNOCENT and answer.verdict is Verdict.LOGIN:
            fail_logged_out(answer, serial=self._pool.keeper(name).session.serial)
        elif finding is not Finding.INNOCENT:
            told = convict(answer, finding, self._guard, self._spider_name, now)
            if told:
                self._stats.summary.messages.append(told)
                self._learned()
        self._yard.settle([answer])

"""The scheduler: one thread that leases, hands out, commits and tells. The only user of the store's connection.

Everything that other threads have to say comes through the inbox: outcomes of pages, results of gate tasks, calls to
the store, and wake-ups. It sleeps until the next of these or the next moment that it waits for; it never polls while it
is alone on the store.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from crawler.clock import unix_now
from crawler.engine import losses
from crawler.engine.desk import StoreCalls
from crawler.engine.doors import Doors
from crawler.engine.given_up import GivenUp
from crawler.engine.leasing import Leasing
from crawler.engine.ledger import Ledger
from crawler.engine.pace import Pace, slack_s
from crawler.engine.sending import Pages, Sending
from crawler.engine.stats import Stats
from crawler.engine.window import Window
from crawler.events import SlotPaused, Warned
from crawler.frontier.admission import Admission
from crawler.outcome import Found, Leased, Outcome, State, Verdict
from crawler.sessions.pool import SessionPool
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store

_MOST_SCOUTS = 64  #: first requests at once to hosts that nobody has heard of
_GROUP = 64  #: outcomes of one commit, at most
_LINGER_S = 0.02  #: longest time that an outcome waits for company while workers have more to do
_DOZE_AFTER_S = 0.2  #: without an outcome for so long, the next one wakes the scheduler


T = TypeVar("T")


def _nothing() -> None:
    """A message that only wakes."""


class Scheduler:
    """Runs one frontier until it is empty, or until it is told to stop."""

    def __init__(
        self,
        *,
        store: Store,
        run: RunRow,
        owner: str,
        settings: Settings,
        pool: SessionPool,
        admission: Admission,
        stats: Stats,
        pages: Pages,
        calls: StoreCalls,
        stopping: threading.Event,
        doors: Doors,
        alone: bool,
        on_waiting: Callable[[int], None] = lambda waiting: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._store, self._run, self._owner, self._settings = store, run, owner, settings
        self._pool, self._stats = pool, stats
        self._calls, self._stopping = calls, stopping
        self._on_waiting, self._clock = on_waiting, clock
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done: deque[Outcome] = deque()  # what workers bring; several at a time are taken
        self._enough = max(settings.workers // 2, 1)
        self._last_came, self._dozing = 0.0, False
        self._pace = Pace(settings, pool.delays, tell=stats.tell, clock=clock)
        self._sending = Sending(
            settings.workers,
            pages=pages,
            deliver=self._deliver,
            connections=self._pace.connections,
            stopped=lambda: bool(self._stop_reason) or self._closed,
        )
        self.start, self.close = self._sending.start, self._sending.close  # before `run`, and after `join`
        self._window = Window(
            self._pace.ahead,
            most_strangers=_MOST_SCOUTS,
        )
        self._given_up = GivenUp()
        self._doors = doors
        self._ledger = Ledger(
            store,
            run,
            owner,
            pool=pool,
            admission=admission,
            stats=stats,
            doors=doors,
            patience_s=settings.busy_timeout,
            stopping=stopping,
            clock=clock,
        )
        self._uncommitted: list[int] = []  # requests of the batch
        self._closed = False
        self._out: dict[int, tuple[str, str]] = {}  # handed-out request: slot and session
        self._scouts: set[int] = set()  # those of them that no worker sends
        self._leasing = Leasing(
            store,
            run,
            owner,
            settings,
            window=self._window,
            doors=doors,
            pace=self._pace,
            ledger=self._ledger,
            alone=alone,
            now=clock(),
        )
        self.is_ours = self._leasing.hold.is_ours  #: whether a request is still ours to send; safe from any thread
        self._stop_reason = ""
        self._deadline: float | None = None
        # counted from the start of the run, not of this process: one that was woken late ends with the others
        self._ends_at = min(run.started_at, clock()) + settings.max_time if settings.max_time else None
        self._prefetch = 0 if settings.delay else settings.workers
        doors.connect(self)

    # --- what other threads may call ----------------------------------------------------------------------------
    def post(self, call: Callable[[], None]) -> None:
        """Run *call* on the scheduler's thread soon. Safe from any thread and from a signal handler."""
        self._inbox.put(call)

    def patiently(self, write: Callable[[], T]) -> T:
        """Call *write* and, while the disk is full, again for a while. On the scheduler's thread."""
        return self._ledger.patiently(write)

    def stop(self, reason: str, *, grace_s: float) -> None:
        """Take no new requests; end when those in flight are done, or after *grace_s* seconds. Safe anywhere."""

        def do() -> None:
            if not self._stop_reason:
                self._stop_reason = reason
            deadline = self._clock() + grace_s
            self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)

        self._inbox.put(do)

    def share(self, per_slot: int) -> bool:
        """Other processes are to work on this frontier, too: keep to so many connections a host.

        Returns:
            Whether no more than those are in use, so that the others may begin.
        """
        self._leasing.alone = False
        self._pace.share(per_slot)
        return self._sending.lines.within_limits()

    @property
    def stop_reason(self) -> str:
        return self._stop_reason

    # --- the loop -------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Work until nothing is left. Raises StoreError when the store fails for good; then nothing is half done."""
        try:
            self._loop()
        finally:
            self._closed = True
            self._sending.stop()

    def _loop(self) -> None:
        self._ledger.begin()
        self._on_waiting(self._ledger.waiting)
        while True:
            now = self._clock()
            self._check_limits(now)
            self._commit()
            if self._stop_reason:
                self._give_back_unsent()
            else:
                self._doors.gates.due(now)
                self._doors.barred.look(now)
                self._leasing.more(now, self._stats.summary.pages + len(self._out) + len(self._ledger))
                self._dispatch(now)
            if self._is_over(now):
                self._commit()
                return
            self._take(self._wait_s(self._clock()))

    def _deliver(self, result: Any) -> None:
        """On a worker's thread: what came of a task. Pages wake the scheduler in groups, and are committed so."""
        if not isinstance(result, Outcome):
            if result is not None:
                self._inbox.put(result)
            return
        self._done.append(result)
        if self._dozing or len(self._done) >= self._enough or not self._sending.goes_on(result.request.slot):
            self._inbox.put(_nothing)

    def _take(self, wait_s: float) -> None:
        """Wait for a message, then take all that is there."""
        try:
            message = self._inbox.get(timeout=wait_s) if wait_s > 0 else self._inbox.get_nowait()
            while True:
                message()
                message = self._inbox.get_nowait()
        except queue.Empty:
            pass
        if self._done:
            self._last_came = self._clock()
        while self._done and len(self._ledger) < _GROUP:
            self._came_back(self._done.popleft())

    def _wait_s(self, now: float) -> float:
        """Seconds until something has to be done without a message."""
        times = [self._leasing.renew_at]
        self._dozing = now > self._last_came + _DOZE_AFTER_S
        if self._done or len(self._ledger) or (self._out and not self._dozing):
            times.append(now + _LINGER_S)
        if len(self._ledger):  # what was settled without being sent
            times.append(now)
        if self._stop_reason:
            if self._deadline is not None:
                times.append(self._deadline)
        else:
            gates, barred = self._doors.gates, self._doors.barred
            next_due = self._window.next_due() if self._room() > 0 else None  # without room an answer comes first
            moments = (next_due, gates.next_due(), barred.look_at, self._ends_at)
            times.extend(moment for moment in moments if moment is not None)
            if self._leasing.has_room():
                times.append(self._leasing.due_at)
        return max(min(times) - now, 0.0)

    def _room(self) -> int:
        """How many requests more may be handed out now."""
        own = len(self._out) - len(self._scouts)
        return self._settings.workers + self._prefetch + self._sending.lines.waiting - own

    # --- leasing and handing out ------------------------------------------------------------------------------------
    def _dispatch(self, now: float) -> None:
        while (room := self._room()) > 0 and len(self._window):
            taken = self._window.take(now, room, may_go=lambda each: self._may_go(each, now))
            for leased in taken:
                scout = leased.slot in self._window.strangers
                if scout:
                    self._scouts.add(leased.id)
                keeper = self._pool.keeper(self._out[leased.id][1])
                self._sending.hand_out(leased, keeper, self._pace.latest(leased.slot, leased.send_at), scout=scout)
            if not taken or not self._scouts:  # those that only scouts go for take no room from the others
                return

    def turn_of(self, slot: str) -> None:
        """Wait for the turn of a request that is in no frontier: a login step, a redirect. On a worker's thread."""
        delay_s = self._pace.delay_s(slot)
        if delay_s:
            at = self._calls(lambda store: store.reserve(slot, delay_s=delay_s + slack_s(delay_s)))
            self._stopping.wait(max(at - self._clock(), 0.0))

    def _may_go(self, leased: Leased, now: float) -> bool:
        latest = self._pace.latest(leased.slot, leased.send_at)
        if latest is not None and now > latest:
            self._leasing.give_back([leased.id])  # too late for its reservation
            self._leasing.soon()
            return False
        if leased.slot in self._given_up.errors:
            self.settle(self._given_up.failed([leased]))
            return False
        name = self._doors.barred.choose(leased, now)
        if not self._doors.pass_through(leased, name, now):
            return False
        self._pool.took(name)
        self._out[leased.id] = (leased.slot, name)
        return True

    # --- what comes back -------------------------------------------------------------------------------------------
    def _came_back(self, outcome: Outcome) -> None:
        leased = outcome.request
        slot, name = self._out.pop(leased.id)
        self._scouts.discard(leased.id)
        self._uncommitted.append(leased.id)
        self._window.came_back(slot)
        self._pool.gave_back(name)
        self._learn(outcome)
        if outcome.is_trouble:
            self._sending.lines.learned(slot)
        if self._doors.page_came_back(outcome):
            self.settle([outcome])
        else:  # kept until a probe has spoken: nothing waits for its commit
            self._uncommitted.remove(leased.id)
            self._sending.committed([leased.id])

    def _learn(self, outcome: Outcome) -> None:
        """What the answer says about its host, whatever it says about the page."""
        if not outcome.sent_at:
            return
        now, slot = self._clock(), outcome.request.slot
        if outcome.verdict is not Verdict.LOGIN:
            self._pool.observe(outcome.session_name, outcome.status, now)
        if outcome.verdict is Verdict.FAIL and self._pool.may_try_again(outcome.session_name, outcome.status):
            again = outcome.request.attempt + outcome.tries <= self._settings.retries
            outcome.verdict = Verdict.RETRY if again else Verdict.FAIL
        advice = self._pace.learn(outcome, now)
        if advice.pause_until is not None:
            outcome.pause_slot_until = max(outcome.pause_slot_until or 0.0, advice.pause_until)
            self._stats.tell(SlotPaused(now, slot, outcome.pause_slot_until, advice.why))
        if slot in self._window.strangers and (outcome.status or not outcome.host_fault):
            self._window.heard(slot)
        if (outcome.host_fault or self._given_up.errors) and self._given_up.learn(outcome, advice):
            self._stats.tell(Warned(now, slot, f"{advice.why}; given up in this run: {outcome.error}"))
            self.settle(self._given_up.failed(self._window.drain(slot)))
        if self._pace.adapt(slot, advice.delay_s):
            self._reserve_anew(slot)

    # --- committing ------------------------------------------------------------------------------------------------
    def _commit(self) -> None:
        """Write what has come back. Under load much comes back during a commit, and the next one takes it together."""
        written = self._ledger.commit()
        if written is None:
            return
        self._sending.committed(self._uncommitted)
        self._uncommitted = []
        self._leasing.soon(written.slots)
        for slot in written.paused:
            self._pause(slot)
        self._on_waiting(self._ledger.waiting)

    def _pause(self, slot: str) -> None:
        """The host asked for a pause, which is stored now: give back what is reserved for it."""
        if drained := self._window.drain(slot):
            self._leasing.give_back([leased.id for leased in drained])

    def take_portion(self, found: Sequence[Found]) -> None:
        """Store found requests of a page that is not done yet. A worker waits for it: else they pile up in memory."""

        def do(store: Store) -> None:
            self._ledger.add(found)
            self._leasing.soon()

        self._calls(do)

    # --- what the doors ask for (engine.doors.Yard) ---------------------------------------------------------------
    def give_task(self, task: Callable[[], Callable[[], None]]) -> None:
        """Let a worker run *task*; what it returns is called here. It may wait for long."""
        self._sending.run(task)

    def take_back(self, leased: Sequence[Leased]) -> None:
        """Requests that a gate let go: back into the window."""
        self._window.put(leased)

    def send_first(self, leased: Sequence[Leased]) -> None:
        """Requests that go before those in the window."""
        self._window.put_first(leased)
        self._inbox.put(_nothing)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Outcomes for the next commit."""
        self._ledger.settle(outcomes)

    def quarantine(self, session: str, epoch: int, since: float) -> int:
        """Reopen pages that a lost session brought without proof. Returns their number."""
        self._commit()
        reopened = self._store.quarantine(self._run.frontier, session=session, epoch=epoch, since=since)
        losses.settled(self._store, self._run.id, self._pool.keeper(session).session.key)
        self._ledger.waiting += reopened
        self._leasing.soon()
        return reopened

    def prove(self, ids: Sequence[int], epoch: int) -> None:
        """Committed pages turned out to be certain: no later loss reopens them."""
        self._commit()
        self._store.prove_pages(self._run.frontier, ids=ids, epoch=epoch)

    def session_version(self, key: str) -> int:
        """The version of a stored session: it moves when somebody logs in."""
        return self._store.session_version(key)

    def bring_back(self, session: str) -> None:
        """Parked requests of a session wait again."""
        self._commit()
        self._ledger.waiting += self._store.reopen(self._run.frontier, states=(State.PARKED,), session=session)
        self._leasing.soon()

    def set_crawl_delay(self, slot: str, delay_s: float) -> None:
        """The robots.txt of a host asks for a longer delay: what was reserved without it goes back."""
        if self._pace.crawl_delay(slot, delay_s):
            self._reserve_anew(slot)

    def heard(self, slot: str) -> None:
        """A host has answered a request for its robots.txt."""
        self._pace.heard(slot)
        self._window.heard(slot)

    def _reserve_anew(self, slot: str) -> None:
        """The delay has grown: what was reserved with a shorter one goes back."""
        self._pause(slot)
        self._leasing.soon()

    # --- ending ----------------------------------------------------------------------------------------------------
    def _check_limits(self, now: float) -> None:
        if self._stop_reason:
            return
        if self._settings.max_pages and self._stats.summary.pages >= self._settings.max_pages:
            self._stop_reason = f"limit: max_pages {self._settings.max_pages}"
        elif self._ends_at is not None and now >= self._ends_at:
            self._stop_reason = f"limit: max_time {self._settings.max_time:g} s"
        if self._stop_reason:
            self._deadline = now + self._settings.grace

    def _give_back_unsent(self) -> None:
        if unsent := self._window.drain() + self._doors.drain():
            self.patiently(lambda: self._leasing.give_back([each.id for each in unsent]))

    def _is_over(self, now: float) -> bool:
        if self._stop_reason:
            if self._deadline is not None and now >= self._deadline:
                return True
            return not (self._out or len(self._ledger) or self._doors.last_proofs())
        if self._out or len(self._ledger) or len(self._window) or self._doors.busy():
            return False
        if not self._leasing.exhausted and not self._nothing_left():
            self._doors.ask_about_kept()
            return False
        return not self._doors.last_doubts()

    def _nothing_left(self) -> bool:
        """Whether nothing waits, and nobody else works on this frontier."""
        counts = self._store.counts(self._run.frontier)
        return counts.leased <= self._doors.kept and not counts.waiting

    @property
    def drained(self) -> bool:
        """Whether no thread has a request any more that its end would have to wait for."""
        return not (self._out or self._doors.robots.tasks or self._doors.is_proving)

    def join(self, seconds: float) -> bool:
        """Wait for the workers to end; False when one is still busy."""
        return self._sending.join(seconds)

    def release_out(self) -> None:
        """After the end: give back what workers still hold (their late outcomes write nothing)."""
        if self._out:
            self._leasing.give_back(list(self._out))
            self._out.clear()

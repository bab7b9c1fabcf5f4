"""The scheduler: one thread that leases, hands out, commits and tells. The only user of the store's connection.

Everything that other threads have to say comes through the inbox: outcomes of pages, results of gate tasks, calls to
the store, and wake-ups. It sleeps until the next of these or the next moment that it waits for; it never polls while it
is alone on the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from crawler.clock import unix_now
from crawler.engine.desk import StoreCalls
from crawler.engine.doors import Doors
from crawler.engine.file_desk import FileDesk
from crawler.engine.host_slot import Ready
from crawler.engine.host_slots import HostSlots
from crawler.engine.inbox import Inbox
from crawler.engine.leasing import Leasing, NextLook
from crawler.engine.ledger import Ledger
from crawler.engine.revisits import Revisits
from crawler.engine.run_limits import RunLimits
from crawler.engine.sending import Pages, Sending
from crawler.engine.session_saves import SessionSaves
from crawler.engine.stats import Stats
from crawler.engine.yard import Yard
from crawler.frontier.admission import Admission
from crawler.frontier.politeness import slack_s
from crawler.outcome import Found, Leased, Outcome, Verdict
from crawler.sessions.pool import SessionPool
from crawler.settings import Settings
from crawler.stores.base import RunRow, Store

_GROUP = 64  #: outcomes of one commit, at most
_LINGER_S = 0.02  #: longest time that an outcome waits for company while workers have more to do

T = TypeVar("T")


class Scheduler:
    """Runs one frontier until it is empty, or until it is told to stop.

    Args:
        doors: Makes the doors of the crawl from what they need of the scheduler's parts.
    """

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
        revisits: Revisits,
        calls: StoreCalls,
        stopping: threading.Event,
        doors: Callable[[Yard, SessionSaves], Doors],
        alone: bool,
        files: FileDesk,
        on_waiting: Callable[[int], None] = lambda waiting: None,
        clock: Callable[[], float] = unix_now,
    ) -> None:
        self._store, self._run, self._settings = store, run, settings
        self._pool, self._stats = pool, stats
        self._calls, self._stopping = calls, stopping
        self._on_waiting, self._clock = on_waiting, clock
        self._limits = RunLimits(settings, began_at=min(run.started_at, clock()))
        self._inbox = Inbox(max(settings.workers // 2, 1))
        self._slots = HostSlots(settings, pool.delays)
        self._sending = Sending(
            settings.workers,
            pages=pages,
            deliver=self._deliver,
            slots=self._slots,
            stopped=lambda: bool(self._limits.reason) or self._closed,
        )
        self.start, self.close = self._sending.start, self._sending.close  # before `run`, and after `join`
        self._look = NextLook()
        saves = SessionSaves(pool)
        self._ledger = Ledger(
            store,
            run,
            owner,
            pool=pool,
            admission=admission,
            stats=stats,
            saves=saves,
            patience_s=settings.busy_timeout,
            stopping=stopping,
            files=files,
            clock=clock,
        )
        self._yard = Yard(
            store,
            run,
            owner,
            pool=pool,
            ledger=self._ledger,
            slots=self._slots,
            sending=self._sending,
            look=self._look,
            inbox=self._inbox,
        )
        self.doors = self._doors = doors(self._yard, saves)
        self._closed = False
        self._out: dict[int, str] = {}  # requests that are ready or under way: their session
        self._leasing = Leasing(
            store,
            run,
            owner,
            settings,
            slots=self._slots,
            doors=self._doors,
            ledger=self._ledger,
            look=self._look,
            revisits=revisits,
            alone=alone,
            now=clock(),
        )
        self.is_ours = self._leasing.hold.is_ours  #: whether a request is still ours to send; safe from any thread

    # --- what other threads may call ----------------------------------------------------------------------------
    def post(self, call: Callable[[], None]) -> None:
        """Run *call* on the scheduler's thread soon. Safe from any thread and from a signal handler."""
        self._inbox.post(call)

    def patiently(self, write: Callable[[], T]) -> T:
        """Call *write* and, while the disk is full, again for a while. On the scheduler's thread."""
        return self._ledger.patiently(write)

    def stop(self, reason: str, *, grace_s: float) -> None:
        """Take no new requests; end when those in flight are done, or after *grace_s* seconds. Safe anywhere."""
        self._inbox.post(lambda: self._limits.stop(reason, self._clock() + grace_s))

    def share(self, per_slot: int) -> bool:
        """Other processes are to work on this frontier, too: keep to so many connections a host.

        Returns:
            Whether no more than those are in use, so that the others may begin.
        """
        self._leasing.alone = False
        return self._slots.share(per_slot)

    @property
    def stop_reason(self) -> str:
        return self._limits.reason

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
            self._limits.check(self._stats.summary.pages, now)
            self._commit()
            if self._limits.reason:
                self._give_back_unsent()
            else:
                self._doors.gates.due(now)
                self._doors.barred.look(now)
                self._leasing.more(now, self._stats.summary.pages + len(self._out) + len(self._ledger))
                self._dispatch(now)
            if self._is_over(now):
                self._commit()
                self._ledger.keep_sessions()
                return
            self._take(self._wait_s(self._clock()))

    def _deliver(self, result: Any) -> None:
        """On the thread where it came about: what came of a page, or the call that a task leads to."""
        if isinstance(result, Outcome):
            self._inbox.bring(result, self._sending.goes_on)
        elif result is not None:
            self._inbox.post(result)

    def _take(self, wait_s: float) -> None:
        """Wait for a message, then take all that is there."""
        self._inbox.take(wait_s)
        for outcome in self._inbox.outcomes(self._clock(), lambda: len(self._ledger) < _GROUP):
            self._came_back(outcome)

    def _wait_s(self, now: float) -> float:
        """Seconds until something has to be done without a message."""
        times = [self._leasing.renew_at]
        self._inbox.doze(now)
        if self._inbox or len(self._ledger) or (self._out and not self._inbox.dozing):
            times.append(now + _LINGER_S)
        if len(self._ledger):  # what was settled without being sent
            times.append(now)
        if self._limits.reason:
            if self._limits.deadline is not None:
                times.append(self._limits.deadline)
        else:
            gates, barred = self._doors.gates, self._doors.barred
            moments = (self._slots.next_due(), gates.next_due(), barred.look_at, self._limits.ends_at)
            times.extend(moment for moment in moments if moment is not None)
            if self._leasing.has_room():
                times.append(self._leasing.due_at)
        return max(min(times) - now, 0.0)

    # --- leasing and handing out ------------------------------------------------------------------------------------
    def _dispatch(self, now: float) -> None:
        while (leased := self._slots.next_waiting(now)) is not None:
            if self._may_go(leased, now):
                self._sending.send(self._slots.ready(leased, self._pool.keeper(self._out[leased.id])))
        self._sending.send(self._slots.to_send())

    def turn_of(self, slot: str) -> None:
        """Wait for the turn of a request that is in no frontier: a login step, a redirect. On a worker's thread."""
        delay_s = self._slots.delays.delay_s(slot)
        if delay_s:
            at = self._calls(
                lambda store: self._turn_that_waits(slot) or store.reserve(slot, delay_s=delay_s + slack_s(delay_s))
            )
            self._stopping.wait(max(at - self._clock(), 0.0))

    def _turn_that_waits(self, slot: str) -> float:
        """The next moment that is reserved for a request which has to wait for a login or a proof anyway; 0.0 for none.

        Moments are reserved for seconds ahead: behind them all a login would take that long for each of its steps. The
        request goes back, and is given another moment later.
        """
        now, held, waiting = self._clock(), self._doors.gates.waiting(slot), self._slots.drain(slot)
        fits = [each for each in held + waiting if now <= (self._slots[slot].latest(each.send_at) or 0.0)]
        first = min(fits, key=lambda each: each.send_at, default=None)
        self._slots.put([each for each in waiting if each is not first])
        if first is None:
            return 0.0
        self._doors.gates.take(first)
        self._yard.give_back([first.id])
        self._look.soon()
        return max(first.send_at, now)

    def _may_go(self, leased: Leased, now: float) -> bool:
        slot = self._slots[leased.slot]
        latest = slot.latest(leased.send_at)
        if latest is not None and now > latest:
            self._yard.give_back([leased.id])  # too late for its reservation
            self._look.soon()
            return False
        if slot.error:
            self._yard.settle([Outcome(leased, Verdict.FAIL, error=slot.error)])
            return False
        name = self._doors.barred.choose(leased, now)
        if not self._doors.pass_through(leased, name, now):
            return False
        self._pool.took(name)
        self._out[leased.id] = name
        return True

    # --- what comes back -------------------------------------------------------------------------------------------
    def _came_back(self, outcome: Outcome) -> None:
        leased = outcome.request
        self._pool.gave_back(self._out.pop(leased.id))
        self._learn(outcome)
        if self._doors.sessions.page_came_back(outcome):
            self._yard.settle_page(outcome)
        else:
            self._yard.not_committed(leased.id)

    def _learn(self, outcome: Outcome) -> None:
        """What the answer says about its host and its session, and what follows for those that wait for it."""
        now, slot = self._clock(), outcome.request.slot
        learned = self._slots.learn(outcome, now)
        outcome.pause_slot_until = learned.pause_until
        if outcome.sent_at:
            self._learn_of_session(outcome, now)
        if learned.given_up and outcome.verdict is Verdict.RETRY:
            outcome.verdict = Verdict.FAIL
        for event in learned.news:
            self._stats.tell(event)
        self._not_sent(learned.unsent)
        if learned.given_up:
            error = self._slots[slot].error
            self._yard.settle([Outcome(each, Verdict.FAIL, error=error) for each in self._slots.drain(slot)])
        if learned.slower:
            self._yard.reserve_anew(slot)

    def _learn_of_session(self, outcome: Outcome, now: float) -> None:
        """How well a session is received; a refusal that may be meant for one of several guests is no end."""
        if outcome.verdict is not Verdict.LOGIN:
            self._pool.observe(outcome.session_name, outcome.status, now)
        if outcome.verdict is Verdict.FAIL and self._pool.may_try_again(outcome.session_name, outcome.status):
            again = outcome.request.attempt + outcome.tries <= self._settings.retries
            outcome.verdict = Verdict.RETRY if again else Verdict.FAIL

    def _not_sent(self, unsent: Sequence[Ready]) -> None:
        """Requests that were ready and do not go."""
        for each in unsent:
            self._came_back(Outcome(each.leased, Verdict.RELEASE, session_name=each.keeper.session.name))

    # --- committing ------------------------------------------------------------------------------------------------
    def _commit(self) -> None:
        """Write what has come back. Under load much comes back during a commit, and the next one takes it together."""
        written = self._yard.commit()
        overtaken, self._yard.overtaken = self._yard.overtaken, []
        for name, epoch in overtaken:
            self._doors.sessions.overtaken(name, epoch)
        if written:
            self._on_waiting(self._ledger.waiting)

    def take_portion(self, found: Sequence[Found]) -> None:
        """Store found requests of a page that is not done yet. A worker waits for it: else they pile up in memory."""
        self._calls(lambda store: self._yard.add(found))

    # --- ending ----------------------------------------------------------------------------------------------------
    def _give_back_unsent(self) -> None:
        self._not_sent(self._slots.unready())
        if unsent := self._slots.drain() + self._doors.drain():
            self.patiently(lambda: self._yard.give_back([each.id for each in unsent]))

    def _is_over(self, now: float) -> bool:
        if self._limits.reason:
            if self._limits.waits_no_longer(now):
                return True
            return not (self._out or len(self._ledger) or self._doors.last_proofs())
        if self._out or len(self._ledger) or len(self._slots) or self._doors.busy():
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
            self._yard.give_back(list(self._out))
            self._out.clear()

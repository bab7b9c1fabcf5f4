"""The scheduler: one thread that leases, hands out, commits and tells. The only user of the store's connection.

Everything from other threads comes through the inbox: outcomes of pages, results of gate tasks, calls to the store, and
wake-ups. It sleeps until the next of these or the next moment that it waits for; it never polls while it is alone on
the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import monotonic

from crawler.clock import unix_now
from crawler.engine.parts import Parts
from crawler.frontier.host_slot import Learned, Ready
from crawler.outcome import Leased, Outcome, Verdict
from crawler.runs.held_pauses import keep_why
from crawler.stores.base import RunRow, Store

_GROUP = 64  #: outcomes of one commit, at most
_LINGER_S = 0.02  #: longest time that an outcome waits for others to be committed with, while workers have more to do


class Scheduler:
    """Runs one frontier until it is empty, or until it is told to stop."""

    def __init__(self, parts: Parts) -> None:
        self._member, self._stats, self._pool = parts.member, parts.stats, parts.assembly.pool
        self._inbox, self._limits, self._slots, self._workers = parts.inbox, parts.limits, parts.slots, parts.workers
        self._committer, self._dispatcher, self._doors = parts.committer, parts.dispatcher, parts.doors
        self._leasing, self._leases, self._helpers = parts.leasing, parts.leases, parts.helpers
        self._lead = parts.lead
        self._out: dict[int, str] = {}  # requests that are ready or under way: their session

    def stop(self, reason: str, *, grace_s: float) -> None:
        """Take no new requests; end when those in flight are done, or after *grace_s* seconds. Safe from any thread."""
        self._inbox.post(lambda: self._limits.stop(reason, unix_now() + grace_s))

    # --- the loop -------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Work until nothing is left. Raises StoreError when the store fails for good; then nothing is half done."""
        try:
            self._loop()
        finally:
            self._limits.over = True
            self._workers.stop()

    def _loop(self) -> None:
        self._committer.begin()
        self._wake_helpers()
        while True:
            now, began = unix_now(), monotonic()
            pages = self._stats.summary.pages
            self._limits.check(pages if pages > self._leasing.pages else self._leasing.pages, now)
            self._commit()
            if now >= self._helpers.peers.look_at:
                self._committer.patiently(self._meet)
            self._lead.look(now, len(self._out), self._limits.reason, with_others=self._helpers.peers.awake)
            if self._lead.leaving and not self._limits.reason:
                self._limits.stop(self._lead.leaving, now + self._member.settings.grace)
            if self._limits.reason or self._lead.paused:
                self._give_back_unsent()
            else:
                self._doors.gates.due(now)
                self._doors.unusable.look(now)
                self._leasing.more(now, self._stats.summary.pages + len(self._out) + len(self._committer))
                if self._leasing.are_forgotten():
                    self._committer.forget()
                    self._give_back_unsent(goes_on=True)  # others may have been given it
                    self._leases.look.soon()
                self._dispatch(now)
            if self._is_over(now):
                self._commit()
                self._committer.keep_sessions()
                self._doors.allowances.close(finished=not self._limits.reason)
                return
            if not self._lead.paused:
                self._doors.start_wanted()
            wait_s, waits_from = self._wait_s(unix_now()), monotonic()
            self._take(wait_s)
            over = monotonic()
            self._slots.delays.lateness.saw(max(waits_from - began, over - waits_from - wait_s), over)

    def _take(self, wait_s: float) -> None:
        """Wait for a message, then take all that are there."""
        self._inbox.take(wait_s)
        for outcome in self._inbox.outcomes(unix_now(), lambda: len(self._committer) < _GROUP):
            self._came_back(outcome)

    def _wait_s(self, now: float) -> float:
        """Seconds until something has to be done without a message."""
        times = [self._leasing.renew_at, self._helpers.peers.look_at]
        times.append(self._lead.due_at(len(self._out), self._limits.reason))
        proving = self._doors.are_proving()
        self._inbox.doze(now)
        self._inbox.expected = len(self._out) if proving else 0
        if self._inbox or len(self._committer) or (self._out and not self._inbox.dozing):
            times.append(now + _LINGER_S)
        if len(self._committer):  # what was settled without being sent
            times.append(now)
        if self._limits.reason:
            if self._limits.deadline is not None:
                times.append(self._limits.deadline)
        elif not self._lead.paused:
            gates, unusable = self._doors.gates, self._doors.unusable
            next_due = None if proving else self._slots.next_due()
            moments = (next_due, gates.next_due(), unusable.look_at, self._limits.ends_at)
            times.extend(moment for moment in moments if moment is not None)
            if not proving and self._leasing.has_room():
                times.append(self._leasing.due_at)
        return max(min(times) - now, 0.0)

    # --- leasing and handing out ------------------------------------------------------------------------------------
    def _dispatch(self, now: float) -> None:
        proving = self._doors.are_proving()
        while not proving and (leased := self._slots.next_waiting(now)) is not None:
            if self._may_go(leased, now):
                self._workers.send(self._slots.ready(leased, self._pool.manager(self._out[leased.id])))
            else:
                proving = self._doors.are_proving()
        self._workers.send(self._slots.to_send())

    def _may_go(self, leased: Leased, now: float) -> bool:
        held = self._dispatcher.failing.beside(self._out)
        if leased.id in held:  # under an earlier lease, which ran out: it has to come back first
            self._dispatcher.give_back([leased.id])
            return False
        slot = self._slots[leased.slot]
        latest = slot.latest(leased)
        if latest is not None and now > latest:
            self._dispatcher.give_back([leased.id])  # too late for its reservation
            self._leases.look.soon()
            return False
        if slot.error:
            self._dispatcher.settle([Outcome(leased, Verdict.FAIL, error=slot.error)])
            return False
        name = self._doors.choose(leased, now)
        missing = self._doors.missing(leased, name, now)
        if missing is not None:
            self._doors.put_aside(leased, name, missing, now)
            return False
        self._doors.goes(name)
        self._pool.took(name)
        self._out[leased.id] = name
        return True

    # --- what comes back -------------------------------------------------------------------------------------------
    def _came_back(self, outcome: Outcome) -> None:
        leased, name = outcome.request, outcome.session_name
        self._pool.gave_back(self._out.pop(leased.id))
        if outcome.sent_at and outcome.verdict is not Verdict.LOGIN:
            self._pool.observe(name, outcome.status, unix_now())
            self._doors.allowances.came_back(name)
        if (
            outcome.host_fault or outcome.is_refused or outcome.pause_slot_until is not None
        ):  # others teach nothing like that
            for learned in self._slots.heed(leased.slot):
                keep_why(self._member.store, leased.slot, learned)
                self._heed(leased.slot, learned)
        if self._doors.sessions.page_came_back(outcome):
            self._dispatcher.settle_page(outcome)
        else:
            self._dispatcher.not_committed(leased.id)

    def _heed(self, slot: str, learned: Learned) -> None:
        """What an answer has taught about its host, and what follows for those that wait for it."""
        for event in learned.news:
            self._stats.tell(event)
        self._not_sent(learned.unsent)
        error = self._slots[slot].error
        if error:
            self._dispatcher.settle([Outcome(each, Verdict.FAIL, error=error) for each in self._slots.drain(slot)])
        if learned.slower:
            self._dispatcher.reserve_anew(slot)

    def _not_sent(self, unsent: Sequence[Ready]) -> None:
        """Deal with requests that were ready and are not sent."""
        for each in unsent:
            self._came_back(Outcome(each.leased, Verdict.RELEASE, session_name=each.manager.session.name))

    # --- committing ------------------------------------------------------------------------------------------------
    def _commit(self) -> None:
        """Write what has come back. Under load much comes back during a commit, and the next one takes it all."""
        written = self._dispatcher.commit()
        overtaken, self._dispatcher.overtaken = self._dispatcher.overtaken, []
        for name, epoch in overtaken:
            self._doors.sessions.overtaken(name, epoch)
        if written is not None:
            self._wake_helpers(written.answers_ms)

    def _wake_helpers(self, answers_ms: Sequence[float] = ()) -> None:
        """Other processes begin to work on this frontier; they send nothing before we have shrunk to our share."""
        if self._helpers.are_wanted(self._committer.waiting, answers_ms, self._slots.known.connections):
            self._leases.alone = False
            self._helpers.wake(self._slots)

    def _meet(self) -> None:
        """See which other processes work on this frontier, and keep to our share of the connections."""
        now = unix_now()
        if self._helpers.peers.look(self._slots, now):
            self._not_sent(self._slots.unready(unshared=True))
            for name in [slot.name for slot in self._slots.known if slot.waiting and not slot.share]:
                self._dispatcher.reserve_anew(name)
            self._leases.look.soon()
        for name, learned in self._helpers.peers.hear(now, busy=bool(self._out or len(self._slots))):
            self._heed(name, learned)
            if learned.pause_until is not None:
                self._dispatcher.reserve_anew(name)
        alone = self._helpers.peers.first_is_gone and not (self._limits.reason or self._lead.leads)
        if alone and has_ended(self._member.store, self._member.run):
            self._limits.stop("the run has ended", now + self._member.settings.grace)

    # --- ending ----------------------------------------------------------------------------------------------------
    def _give_back_unsent(self, *, goes_on: bool = False) -> None:
        self._not_sent(self._slots.unready())
        held = self._doors.gates.drain() if goes_on else self._doors.drain()
        if unsent := self._slots.drain() + held:
            self._committer.patiently(lambda: self._dispatcher.give_back([each.id for each in unsent]))

    def _is_over(self, now: float) -> bool:
        if self._limits.reason:
            if self._limits.waits_no_longer(now):
                return True
            return not (self._dispatcher.failing.beside(self._out) or len(self._committer) or self._doors.last.prove())
        if self._lead.paused or not self._is_done():
            self._lead.goes_on()
            self._helpers.peers.goes_on()
            return False
        standing = "finished" if self._doors.last.is_certain else "uncertain"
        if not self._lead.may_end(now, partial(self._helpers.peers.say_so, standing)):
            return False
        ends_with_others = self._lead.leads and self._helpers.peers.awake
        return not (ends_with_others and self._doors.unusable.bring_back_of_others())

    def _is_done(self) -> bool:
        """Whether nothing is left to do."""
        if self._dispatcher.failing.beside(self._out) or len(self._committer) or len(self._slots) or self._doors.busy():
            return False
        if not self._leasing.exhausted:
            counts = self._member.store.frontier.counts(self._member.run.frontier)
            if counts.waiting > 0 or counts.leased > self._doors.kept:  # others may work on what is leased
                self._doors.last.ask_about_kept()
                return False
        return not self._doors.last_doubts(partial(self._leases.hold.is_ours, now=unix_now()))

    @property
    def drained(self) -> bool:
        """Whether no thread still has a request that the end would have to wait for."""
        return not (
            self._dispatcher.failing.beside(self._out) or self._doors.robots.tasks or self._doors.last.is_proving
        )

    def join(self, seconds: float) -> bool:
        """Wait for the workers to end; False when one is still busy."""
        return self._workers.join(seconds)

    def release_out(self) -> None:
        """After the end: give back what workers still hold (their late outcomes write nothing)."""
        if held := self._dispatcher.failing.beside(self._out):
            self._dispatcher.give_back(list(held))
            self._out.clear()
            self._dispatcher.failing.ids.clear()


def has_ended(store: Store, run: RunRow) -> bool:
    """Whether a crawl was ended: by its run, or by the one that took over from a run whose first process was killed."""
    latest = next((each for each in store.runs.last(run.spider) if each.frontier == run.frontier), run)
    return latest.ended_at is not None and latest.ending != "crashed"

"""One run of one spider in this process: begin, work, end, and an honest summary."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from crawler.clock import unix_now
from crawler.engine.parts import Caller, make_parts
from crawler.engine.processes import Members, add_up
from crawler.engine.scheduler import Scheduler, has_ended
from crawler.engine.stopping import Interrupts
from crawler.engine.store_thread import Member
from crawler.errors import StoreError, UsageError
from crawler.events import RunEnded, RunStarted, Summary, Warned
from crawler.frontier.start_requests import start_requests
from crawler.habits import told_of_meta
from crawler.outcome import State
from crawler.output.figures import empty_fields
from crawler.output.held_files import tidy
from crawler.pagework.stand_ins import STANDS_IN
from crawler.runs.earlier import compared
from crawler.runs.ending import (
    end_by,
    end_by_store,
    login_ending,
    settle_records,
    take_counts,
    told_of_hidden,
    wanted_by,
)
from crawler.runs.held_pauses import held_pauses
from crawler.runs.knowledge import seed, seed_added
from crawler.runs.lead import DRAINED
from crawler.runs.opening import no_key
from crawler.runs.verdict import CODES, Facts, Yield, shown
from crawler.sessions.login.put_aside import as_errors
from crawler.sessions.login.refusals import ASKS_TO_LOG_IN
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.secrets import hide
from crawler.spider import Spider, wants_summary
from crawler.stores import is_shared, losses
from crawler.stores.base import Store
from crawler.stores.session_desk import keep_proofs
from crawler.stores.told import NO_KEY, Counts, Sample

log = logging.getLogger("crawler.engine")

_LOOK_S = 0.05  #: how often to look for a second signal while workers end
_OTHERS_END_S = 2.0  #: how long the first process waits for the others' last word


class Crawl:
    """One run. `run` works on the calling thread, which owns the store until it returns."""

    def __init__(self, spider: Spider, member: Member, caller: Caller, members: Members | None = None) -> None:
        """Build the parts; nothing is sent yet.

        Args:
            members: The further processes, for the first one.
        """
        self.spider, self.settings = spider, member.settings
        self._member, self._store, self._run, self._members = member, member.store, member.run, members
        self._also = caller.also
        self._endings: list[str] = []  # of the other processes
        self._sessions: dict[str, LoginRecord] = {}  # that were used, by key; known at the end
        self._parts = parts = make_parts(spider, member, caller, members)
        self.summary, self._stats = parts.stats.summary, parts.stats
        self._scheduler = Scheduler(parts)
        self._interrupts = Interrupts(parts.stopping, self._scheduler, members, grace_s=self.settings.grace)
        self.interrupt = self._interrupts.interrupt  #: for a signal handler on the thread of `run`

    @property
    def recorded(self) -> bool:
        """Whether this process has recorded how the run ended."""
        return self._parts.lead.recorded

    @property
    def handed_over(self) -> bool:
        """Whether others continue the run that this process led."""
        return self._parts.lead.handed_over

    @property
    def was_told_to_stop(self) -> bool:
        """Whether a signal has asked for its end, even if it came too late for this run."""
        return bool(self._interrupts.by)

    def stop(self, reason: str) -> None:
        """Stop softly for another reason. Safe from any thread."""
        self._parts.stopping.set()
        self._scheduler.stop(reason, grace_s=self.settings.grace)

    # --- the run ------------------------------------------------------------------------------------------------------
    def run(self) -> Summary:
        """Crawl until nothing is left or it is stopped. A StoreError is raised again after a tidy end."""
        self._parts.calls.owned_here()
        failure: BaseException | None = None
        try:
            with self._interrupts.breakable():
                self._parts.workers.start()
                self._parts.callbacks.start()
                self._begin()
                self._scheduler.run()
        except StoreError as error:
            failure = error
        except UsageError as error:  # the spider's own start
            if self._parts.lead.leads:
                self._store.runs.end(self._run.id, ending="usage", exit_code=CODES["usage"], summary="{}")
            raise error
        finally:
            self._hang_up()
        self._end(failure)
        if failure is not None:
            raise failure
        return self.summary

    def _begin(self) -> None:
        frontier = self._run.frontier
        if self._member.number or is_shared(self.settings.store):
            self._parts.peers.begin(self._parts.slots, unix_now())
            self._parts.heartbeat.begin(unix_now(), leads=self._parts.lead.leads)
        self._parts.lead.look(unix_now(), 0, "", with_others=False)
        self._parts.knowledge.load()
        if self._member.number == 0:
            self._store.frontier.reopen(frontier, states=(State.PARKED,))
            self.summary.rechecked += losses.settle(self._store, self._run) if self._run.resumed else 0
            tidy(self._store.files, self._parts.files.folder, now=unix_now())
        parts = self._parts.assembly
        requests, knowledge = start_requests(self.spider), self._parts.knowledge
        terms = requests, parts.admission, knowledge, parts.learn_start
        self.summary.messages += seed(self._store, self._run, *terms)
        if self._member.number == 0 and self._run.resumed:
            self.summary.messages += seed_added(self._store, self._run, *terms)  # of what `seed` has not taken
        self._stats.tell(
            RunStarted(
                unix_now(),
                self._run.id,
                self.spider.name,
                self._run.resumed,
                self._store.frontier.counts(frontier).waiting,
            )
        )
        for held in held_pauses(self._store, self._run) if self._member.number == 0 else ():
            self._stats.tell(held)
            self.summary.messages.append(f"{held.where}: {held.message}")

    def _hang_up(self) -> None:
        """Stop the workers and close connections; late outcomes are dropped."""
        parts = self._parts
        parts.stopping.set()
        parts.calls.close()
        parts.callbacks.close()
        if not self._joined(5.0 if self._scheduler.drained else 0.05):
            parts.assembly.abort_all()
            self._scheduler.join(2.0)
        parts.workers.close()
        parts.files.close()
        self._sessions = parts.assembly.pool.records()
        parts.assembly.close()
        if self._parts.peers.awake and self._member.number == 0:
            self._parts.knowledge.leave_trials()
        if self._members is not None:
            grace_s = self.settings.grace if self._interrupts.by else 2 * self.settings.grace + 30.0
            self._members.end(grace_s=grace_s, hurries=lambda: self._interrupts.leaving)
            self._stats.together.are_counted()  # they are part of the summary now

    def _joined(self, seconds: float) -> bool:
        """Wait for the workers until so many seconds are over, or a second signal comes. Whether they have ended."""
        ends = time.monotonic() + seconds
        while not self._scheduler.join(min(_LOOK_S, max(ends - time.monotonic(), 0.0))):
            if self._interrupts.leaving or time.monotonic() >= ends:
                return False
        return True

    # --- the end -----------------------------------------------------------------------------------------------------
    def _end(self, failure: BaseException | None) -> None:
        if self._interrupts.leaving:
            self._store.hurry()
        summary, facts = self.summary, None
        ends = False
        try:
            with self._interrupts.breakable():
                ends = failure is None and self._ends_run()
                facts = self._record_end(ends)
        except StoreError as error:
            log.error("the end of the run could not be recorded: %s", error)
            failure = failure or (None if self._interrupts.leaving else error)
        if failure is not None:
            end_by_store(summary, failure)
        else:
            end_by(
                facts or self._facts(), summary, unrecorded=self._parts.assembly.admission.unrecorded, also=self._also
            )
        if self.handed_over:
            summary.notes.append("other members go on with the run; the last of them records how it ended")
        elif failure is None and not ends:
            with suppress(StoreError):
                self._tell_of_all()
        summary.messages += told_of_meta(self._parts.assembly.admission.ignored)
        summary.messages = [hide(message) for message in summary.messages]
        summary.next_command, summary.again = hide(summary.next_command), hide(summary.again)
        summary.notes += told_of_hidden(summary.next_command)
        summary.why, summary.sessions = hide(summary.why), sorted({*summary.sessions, *self._sessions})
        self._stats.ended()
        self._stats.progress(unix_now(), waiting=summary.waiting, failed=summary.failed, force=True)
        with self._interrupts.breakable():
            self._leave(failure, facts if ends else None)
            self._tell_spider(summary)
        self._stats.tell(RunEnded(unix_now(), summary))

    def _leave(self, failure: BaseException | None, facts: Facts | None) -> None:
        """Record the end, if it is for this process to record (*facts*), and let others have what it holds."""
        if failure is not None:
            return
        summary, parts = self.summary, self._parts
        if facts is not None:
            settle_records(self._store, self._run, summary, facts)
            told = json.dumps({**summary.as_dict(), "timeline": self._stats.timeline.as_list()})
            ending, code = summary.ending, summary.exit_code
            parts.lead.records(lambda: self._store.runs.end(self._run.id, ending=ending, exit_code=code, summary=told))
        with suppress(StoreError):
            if parts.doors.claims is not None:
                parts.doors.claims.release(unix_now())
            parts.peers.leave()

    def _ends_run(self) -> bool:
        """Give back what is not done. Whether this process records the end of the run."""
        self._scheduler.release_out()
        peers, stopped = self._parts.peers, bool(self._interrupts.by) or self._parts.limits.reason == DRAINED

        def leave() -> bool:
            peers.leave()
            return peers.are_gone()

        return self._parts.lead.ends_run(leave, stopped=stopped)

    def _record_end(self, ends: bool) -> Facts:
        """Keep what is known, and count."""
        store, frontier, summary = self._store, self._run.frontier, self.summary
        if ends:
            self._add_up()
        self._parts.knowledge.keep(self._parts.doors.last.lives())
        if ends and self._is_certain():
            store.frontier.prove_frontier(frontier)  # later crawls may ask whether these pages have changed
        counts = store.frontier.counts(frontier)
        failed, skipped = store.reports.ended_samples(frontier)
        keep_proofs(store, self._sessions)
        self._parts.heartbeat.over()
        # Pages that were fetched again are stored once; what other machines have brought belongs to the run as well
        if ends and (summary.rechecked or self._parts.peers.awake):
            summary.pages, summary.items = store.results.stored_by(self._run.id)
            outcomes = Counter(login.outcome for login in store.logins.of_run(self._run.id))
            summary.logins, summary.renewed = outcomes["ok"], outcomes["renewed"]
        take_counts(summary, counts)
        if not ends and counts.parked:
            stopped = self._parts.limits.reason or self._interrupts.by
            if not counts.pages or not stopped or has_ended(store, self._run):  # otherwise others may yet send them
                self._hear_why_put_aside()  # which is why nothing is left for this process, either
        facts = self._facts(counts, failed, skipped)
        if not ends:
            # What others have put back to waiting since is theirs, while another process can end the run
            theirs = not self._parts.limits.reason and store.runs.running(self.spider.name) is not None
            return replace(facts, waiting=0) if theirs else facts
        silent = store.reports.silent_hosts(frontier) if facts.failed and facts.pages else {}
        figures, before = compared(store, self._run, summary, counts)
        may_have_warned = self._stats.has_warned or summary.processes > 1 or summary.resumed
        stood_in = _stood_in(store, frontier) if may_have_warned else None
        figures = replace(figures, stand_ins=stood_in.count if stood_in is not None else 0)
        walled = self._walled(frontier)
        return replace(facts, silent=silent, figures=figures, before=before, walled=walled, stood_in=stood_in)

    def _walled(self, frontier: int) -> Sample | None:
        """The pages that asked a spider without a login to log in."""
        if self.spider.wants_login() or not self._stats.has_warned:
            return None
        warned = self._store.reports.warned_by(frontier).items()
        found = [(count, url, text) for text, (count, url) in warned if text.startswith(ASKS_TO_LOG_IN)]
        if not found:
            return None
        _, url, text = found[0]
        return shown([Sample(ASKS_TO_LOG_IN, sum(each[0] for each in found), url, text)])[0]

    def _tell_of_all(self) -> None:
        """Another member has recorded the end: only this member's part is reported here."""
        member, store = self._parts.member, self._store
        if not member.forked and has_ended(store, self._run):
            pages, items = store.results.stored_by(self._run.id)
            whole = f"{pages:,} pages and {sum(items.values()):,} items by all members"
            self.summary.notes.append(f"another member ended the run: {whole}; the numbers here are of this one")

    def _add_up(self) -> None:
        """The run includes what all its processes have done, even those that were killed."""
        others = self._parts.peers.others(patience_s=_OTHERS_END_S if not self._parts.limits.reason else 0.0)
        told = self._members.summaries if self._members is not None else []
        sealed = self._hear_why_put_aside()
        is_told = self._parts.doors.unusable.is_told
        for each in (*others, *told):
            each.messages = [message for message in each.messages if not is_told(message)]
        add_up(self.summary, others)
        for message in (message for each in told for message in each.messages):
            if message not in self.summary.messages:
                self.summary.messages.append(message)
        self._endings = [each.ending for each in [*others, *told]]
        if sealed:
            self._endings.append("usage")
            self.summary.messages.append(no_key(sealed, self.spider.name))

    def _hear_why_put_aside(self) -> int:
        """Report why requests were put aside. Returns how many are left for a run with another key."""
        aside = self._store.reports.put_aside(self._run.frontier)
        self._parts.doors.unusable.met_elsewhere(as_errors(each.text for each in aside))
        return sum(each.count for each in aside if each.text == NO_KEY)

    def _is_certain(self) -> bool:
        """Whether all pages of all processes were fetched by sessions that were logged in."""
        return self._parts.doors.last.is_certain and all(each in ("finished", "failures") for each in self._endings)

    def _facts(
        self, counts: Counts | None = None, failed: Sequence[Sample] = (), skipped: Sequence[Sample] = ()
    ) -> Facts:
        counts = counts or Counts()
        return Facts(
            pages=counts.pages,
            items=counts.items,
            waiting=counts.waiting + counts.leased,
            parked=counts.parked,
            wanted=wanted_by(self.settings),
            failed=shown(failed),
            skipped=shown(skipped),
            callbacks={name: Yield(**each) for name, each in self.summary.callbacks.items()},
            dropped=self.summary.dropped,
            kept_aside=self.summary.rejected,
            empty_fields=() if self.summary.unchanged else empty_fields(self.summary.seen, self.summary.filled),
            may_be_empty=self.settings.may_be_empty,
            domains=self._parts.assembly.admission.domains,
            login=login_ending(self._parts.doors.unusable.failures.values(), self._endings if counts.parked else ()),
            stopped_by=self._parts.limits.reason,
            interrupted_by=self._interrupts.by or (signal.SIGTERM if self._parts.limits.reason == DRAINED else 0),
        )

    def _tell_spider(self, summary: Summary) -> None:
        try:
            self.spider.closed(summary if wants_summary(self.spider) else summary.ending)
        except Exception as error:  # noqa: BLE001 - users' code; the run is over
            self._stats.tell(Warned(unix_now(), "closed", f"{type(error).__name__}: {error}"))


def _stood_in(store: Store, frontier: int) -> Sample | None:
    """The pages that came in place of others, whoever met them: one of them, with their number."""
    found = store.reports.stored_with(frontier, STANDS_IN)
    return replace(shown(found[:1])[0], count=len(found)) if found else None

"""One run of one spider in this process: begin, work, end, and an honest summary."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from crawler.clock import unix_now
from crawler.engine import losses
from crawler.engine.assembly import Assembly, file_work
from crawler.engine.desk import SessionDesk, StoreCalls, keep_proofs, new_owner
from crawler.engine.doors import Doors
from crawler.engine.earlier import compared
from crawler.engine.ending import end_by, end_by_store, login_ending, take_counts, wanted_by
from crawler.engine.file_desk import FileDesk
from crawler.engine.followed import settle as settle_records
from crawler.engine.interrupts import Interrupts, StopNow
from crawler.engine.knowledge import Knowledge
from crawler.engine.overdue import Overdue
from crawler.engine.page import PageWork
from crawler.engine.processes import WAKE_AT, Members, add_up, share_of
from crawler.engine.revisits import Revisits
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.scheduler import Scheduler
from crawler.engine.seeding import seed, start_requests
from crawler.engine.session_answers import SessionAnswers
from crawler.engine.session_saves import SessionSaves
from crawler.engine.stats import Stats
from crawler.engine.verdict import CODES, Facts, Yield, shown
from crawler.engine.yard import Yard
from crawler.errors import StoreError, UsageError
from crawler.events import Observer, RunEnded, RunStarted, Summary, Warned
from crawler.loading import source_mark
from crawler.outcome import State
from crawler.pages.file_folder import FileFolder, folder_of, names_of
from crawler.sessions.accounts import Ask
from crawler.sessions.login.lives import most_unproven
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.secrets import hide
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.stores.base import RunRow, Store
from crawler.stores.login_policy import Trying
from crawler.stores.told import Counts, Sample
from crawler.urls import printable, redact

log = logging.getLogger("crawler.engine")

_LOGIN_LEASE_S = 180.0
_ASKING_LEASE_S = 900.0  #: where a person may have to find a mail first
_USAGE_OVER_S = 0.25  #: how far apart the looks at the processor time are
_BUSY_SHARE = 0.6


class Crawl:
    """One run. `run` works on the calling thread, which owns the store until it returns."""

    def __init__(
        self,
        spider: Spider,
        settings: Settings,
        store: Store,
        run: RunRow,
        *,
        observers: Iterable[Observer] = (),
        ask: Ask | None = None,
        member: int = 0,
        members: Members | None = None,
        also: str = "",
    ) -> None:
        """Build the parts; nothing is sent yet.

        Args:
            member: Number of this process in the run; 0 is the first, which seeds the frontier and ends the run.
            members: The further processes, for the first one.
            also: What the commands need besides that it proposes (`again.options_again`).
        """
        self.spider, self.settings, self._store, self._run, self._member = spider, settings, store, run, member
        self._members = members
        self.summary = Summary(spider.name, run=run.id, resumed=run.resumed, store=store.path)
        self._stats = Stats(self.summary, observers)
        self._stop = threading.Event()
        self._usage = (time.monotonic(), time.process_time())
        self._sessions: dict[str, LoginRecord] = {}  # that were used, by key; known at the end
        owner = new_owner(f"run-{run.id}")
        self._calls = StoreCalls(
            store,
            lambda call: self._scheduler.post(call),
            patiently=lambda call: self._scheduler.patiently(call),
        )
        lease_s = _LOGIN_LEASE_S if ask is None else _ASKING_LEASE_S
        code = source_mark(type(spider))
        trying = Trying(spider.name, code, budget=settings.login_budget)
        desk = SessionDesk(self._calls, run=run.id, owner=owner, lease_s=lease_s, trying=trying)
        self._parts = Assembly(
            spider,
            settings,
            desk,
            stop=self._stop,
            ask=ask,
            on_login_start=self._login_started,
            pace=self._pace,
            expected_run_s=last_duration_s(store, spider.name),
        )
        root = folder_of(settings.store, settings.files)
        folder = FileFolder(root, names_of(root, spider.name), durable=settings.durability == "full")
        self._files = FileDesk(folder, self._calls, spider=spider.name, frontier=run.frontier)
        usual = self._parts.robots.usual if self._parts.robots is not None else None
        self._knowledge = Knowledge(store, run, guard=self._parts.guard, robots=usual)
        parts = self._parts
        revisits = Revisits(
            settings.http_cache,
            full=settings.full,
            code=code,
            admission=parts.admission,
            guarded=settings.logout_guard,
            key_of=lambda name: parts.pool.keeper(name).session.key,
            names=tuple(parts.pool.names),
        )
        self._also = also
        self._overdue = Overdue(settings.callback_time, self._callback_is_late)
        self._work = PageWork(
            spider,
            self._parts.fetcher,
            self._parts.admission,
            hop_guard=self._parts.hop_guard,
            robots=self._parts.robots,
            portion=lambda found: self._scheduler.take_portion(found),
            is_ours=lambda leased, now: self._scheduler.is_ours(leased, now),
            keep_pages=settings.keep_pages,
            revisits=revisits,
            kept=lambda request: self._calls(lambda store: store.page(request)),
            callback_time_s=settings.callback_time,
            overdue=self._overdue,
            files=file_work(spider, settings, self._parts, self._files),
        )
        self._scheduler = Scheduler(
            store=store,
            run=run,
            owner=owner,
            settings=settings,
            pool=self._parts.pool,
            admission=self._parts.admission,
            stats=self._stats,
            pages=self._work.flow,
            revisits=revisits,
            calls=self._calls,
            stopping=self._stop,
            doors=self._make_doors,
            alone=member == 0 and not members,
            on_waiting=self._wake_members,
            files=self._files,
        )
        self._interrupts = Interrupts(self._stop, self._scheduler, members, grace_s=settings.grace)
        self.interrupt = self._interrupts.interrupt  #: for a signal handler on the thread of `run`

    def _make_doors(self, yard: Yard, saves: SessionSaves) -> Doors:
        parts, settings, spider_name = self._parts, self.settings, self.spider.name
        guard = parts.guard if settings.logout_guard else None
        return Doors(
            parts.pool,
            yard,
            saves,
            robots=lambda gates, yard: RobotsDoor(
                parts.robots,
                gates,
                yard,
                self._stats,
                retries=settings.retries,
                backoff_s=settings.backoff,
            ),
            answers=SessionAnswers(
                spider_name,
                probe_every=most_unproven(settings.probe_every, settings.max_pages),
                guard=guard,
                share=self._knowledge.share_suspects if self._member or self._members else None,
                tries=self._member == 0,
                takes_over=lambda: self._knowledge.takes_trials(self._member),
                known_lives=lambda name: self._knowledge.lives(parts.pool.keeper(name).session.key),
            ),
            bans=guard is not None,
            stats=self._stats,
            spider_name=spider_name,
            also=self._also,
            learned=self._knowledge.keep_guard,
        )

    def stop(self, reason: str) -> None:
        """Stop softly for another reason. Safe from any thread."""
        self._stop.set()
        self._scheduler.stop(reason, grace_s=self.settings.grace)

    # --- the run ------------------------------------------------------------------------------------------------------
    def run(self) -> Summary:
        """Crawl until nothing is left or it is stopped. StoreError ends it with that error, after a tidy end."""
        self._calls.owned_here()
        failure: BaseException | None = None
        try:
            self._scheduler.start()
            self._overdue.start()
            self._begin()
            self._scheduler.run()
        except StopNow:
            pass
        except StoreError as error:
            failure = error
        except UsageError as error:  # the spider's own start
            self._store.end_run(self._run.id, ending="usage", exit_code=CODES["usage"], summary="{}")
            raise error
        finally:
            self._hang_up()
        self._end(failure)
        if failure is not None:
            raise failure
        return self.summary

    def _begin(self) -> None:
        frontier = self._run.frontier
        self._knowledge.load()
        if self._member == 0:
            self._store.reopen(frontier, states=(State.PARKED,))
            self.summary.rechecked += losses.settle(self._store, self._run) if self._run.resumed else 0
        parts = self._parts
        requests = start_requests(self.spider)
        seed(self._store, self._run, requests, parts.admission, self._knowledge, parts.learn_start)
        self._stats.tell(
            RunStarted(
                unix_now(), self._run.id, self.spider.name, self._run.resumed, self._store.counts(frontier).waiting
            )
        )

    def _pace(self, slot: str) -> None:
        """Logins, probes and redirects keep the delay of a host (and of a session with its own), too."""
        self._scheduler.turn_of(slot)

    def _login_started(self, name: str, reason: str) -> None:
        self._scheduler.post(lambda: self._scheduler.doors.sessions.login_started(name, reason))

    def _wake_members(self, waiting: int) -> None:
        """Further processes begin when there is enough for them to do and this one is short of processor time."""
        if self._members is None or self._members.awake:
            return
        if any(keeper.session.serial for keeper in self._parts.pool.keepers()):
            return  # it has been found out that one request at a time may be sent
        enough = waiting >= WAKE_AT or (self.summary.pages >= WAKE_AT and waiting >= 2 * self.settings.workers)
        if not enough or not (self.settings.processes or self._short_of_time()):
            return
        if not self._scheduler.share(share_of(self.settings.per_host, 0, len(self._members) + 1)):
            return  # connections above our share are still in use: at the next commit
        self._members.wake(self._run.id, lambda event: self._scheduler.post(lambda: self._stats.tell(event)))
        self._stats.others = self._members.progress

    def _short_of_time(self) -> bool:
        """Whether this process has used most of a core of late: one that waits for its hosts needs no second one."""
        wall_s, cpu_s = time.monotonic(), time.process_time()
        before_wall_s, before_cpu_s = self._usage
        if wall_s - before_wall_s < _USAGE_OVER_S:
            return False
        self._usage = (wall_s, cpu_s)
        return cpu_s - before_cpu_s > _BUSY_SHARE * (wall_s - before_wall_s)

    def _callback_is_late(self, url: str, running_s: float) -> None:
        message = f"a callback has been running for {running_s:.1f} s and goes on: {printable(redact(url))}"
        self._scheduler.post(lambda: self._stats.tell(Warned(unix_now(), "callback", message)))

    def _hang_up(self) -> None:
        """Stop the workers and close connections; late outcomes go nowhere."""
        self._stop.set()
        self._calls.close()
        self._overdue.close()
        if not self._scheduler.join(5.0 if self._scheduler.drained else 0.05):
            getattr(self._parts.transport, "abort_all", lambda: None)()
            self._scheduler.join(2.0)
        self._scheduler.close()
        self._files.close()
        self._sessions = self._parts.pool.records()
        self._parts.close()
        if self._members is not None:
            if self._members.awake:
                self._knowledge.leave_trials()
            self._members.end(grace_s=self.settings.grace if self._interrupts.by else 2 * self.settings.grace + 30.0)
            add_up(self.summary, self._members.summaries)
            self._stats.others = list  # they are part of the summary now: the last progress must not count them again

    # --- the end -----------------------------------------------------------------------------------------------------
    def _end(self, failure: BaseException | None) -> None:
        if self._interrupts.leaving:
            self._store.hurry()
        summary, facts = self.summary, None
        try:
            facts = self._record_end()
        except StoreError as error:
            log.error("the end of the run could not be recorded: %s", error)
            failure = failure or (None if self._interrupts.leaving else error)
        if failure is not None:
            end_by_store(summary, failure)
        else:
            end_by(facts or self._facts(), summary, unrecorded=self._parts.admission.unrecorded, also=self._also)
        summary.messages = [hide(message) for message in summary.messages]
        summary.next_command, summary.again = hide(summary.next_command), hide(summary.again)
        summary.why, summary.sessions = hide(summary.why), sorted({*summary.sessions, *self._sessions})
        self._stats.ended()
        if failure is None and facts is not None and self._member == 0:
            settle_records(self._store, self._run, summary, facts)
            self._store.end_run(
                self._run.id,
                ending=summary.ending,
                exit_code=summary.exit_code,
                summary=json.dumps(summary.as_dict()),
            )
        self._tell_spider(summary)
        self._stats.progress(unix_now(), waiting=summary.waiting, failed=summary.failed, force=True)
        self._stats.tell(RunEnded(unix_now(), summary))

    def _record_end(self) -> Facts:
        """Give back what is not done, keep what is known, and count."""
        store, frontier, summary = self._store, self._run.frontier, self.summary
        self._scheduler.release_out()
        self._knowledge.keep(self._scheduler.doors.lives())
        counts = store.counts(frontier)
        failed, skipped = store.ended_samples(frontier)
        keep_proofs(store, self._sessions)
        if summary.rechecked and self._member == 0:  # pages that were fetched again are stored once
            summary.pages, summary.items = store.stored_by(self._run.id)
        take_counts(summary, counts)
        facts = self._facts(counts, failed, skipped)
        if self._member:
            return facts
        silent = store.silent_hosts(frontier) if facts.failed and facts.pages else {}
        figures, before = compared(store, self._run, summary, counts)
        return replace(facts, silent=silent, figures=figures, before=before)

    def _facts(
        self, counts: Counts | None = None, failed: Sequence[Sample] = (), skipped: Sequence[Sample] = ()
    ) -> Facts:
        counts = counts or Counts()
        others = [each.ending for each in self._members.summaries] if self._members is not None else ()
        return Facts(
            pages=counts.pages,
            items=counts.items,
            waiting=counts.waiting + counts.leased,
            parked=counts.parked,
            wanted=wanted_by(self.settings),
            failed=shown(failed),
            skipped=shown(skipped),
            callbacks={name: Yield(**each) for name, each in self.summary.callbacks.items()},
            domains=self._parts.admission.domains,
            login=login_ending(self._scheduler.doors.barred.failures.values(), others),
            stopped_by=self._scheduler.stop_reason,
            interrupted_by=self._interrupts.by,
        )

    def _tell_spider(self, summary: Summary) -> None:
        try:
            self.spider.closed(summary.ending)
        except Exception as error:  # noqa: BLE001 - users' code; the run is over
            self._stats.tell(Warned(unix_now(), "closed", f"{type(error).__name__}: {error}"))


def last_duration_s(store: Store, spider: str) -> float:
    """How long the last finished run of a spider took, 0 when there is none."""
    for row in store.runs(spider):
        if row.ending in ("finished", "failures") and row.ended_at is not None:
            return row.ended_at - row.started_at
    return 0.0

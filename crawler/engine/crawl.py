"""One run of one spider in this process: begin, work, end, and an honest summary."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from crawler.clock import unix_now
from crawler.engine import losses
from crawler.engine.again import store_again
from crawler.engine.assembly import Assembly, start_requests
from crawler.engine.desk import SessionDesk, StoreCalls, keep_proofs, new_owner
from crawler.engine.doors import Doors
from crawler.engine.gates import Gates
from crawler.engine.overdue import Overdue
from crawler.engine.page import PageWork
from crawler.engine.processes import WAKE_AT, Members, add_up, share_of
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.scheduler import Scheduler
from crawler.engine.stats import Stats, error_name
from crawler.engine.verdict import CODES, Facts, Yield, shown, verdict_of_run
from crawler.errors import (
    LoginMiswritten,
    NeedsHuman,
    NotEquipped,
    SessionError,
    SiteUnreachable,
    StoreError,
    UsageError,
)
from crawler.events import Observer, RunEnded, RunStarted, Summary, Warned
from crawler.frontier.guard_learned import guard_name
from crawler.frontier.robots import RobotsRecord
from crawler.loading import source_mark
from crawler.outcome import State
from crawler.sessions.accounts import Ask
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.secrets import hide
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.stores.base import RunRow, Store
from crawler.stores.login_policy import Trying
from crawler.stores.told import Counts, Sample
from crawler.urls import origin_of, printable, redact

log = logging.getLogger("crawler.engine")

_SEED_PORTION = 1_000
_LOGIN_LEASE_S = 180.0
_ASKING_LEASE_S = 900.0  #: where a person may have to find a mail first
_USAGE_OVER_S = 0.25  #: how far apart the looks at the processor time are
_SUSPECT_S = 3_600.0  #: how long processes remember what others suspect
_BUSY_SHARE = 0.6
_LIVES = "requests of sessions:"  #: beginning of the values that say after how many a session ended
_LIVES_KEPT_S = 30 * 86_400.0


class StopNow(BaseException):
    """A second signal: leave at once. Raised in the main thread by the signal handler."""


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
        self._interrupted_by = 0
        self._answering = False  # a first signal is being seen to
        self._sessions: dict[str, LoginRecord] = {}  # that were used, by key; known at the end
        self._leaving = False  # a second signal came: nothing may delay the end any more
        owner = new_owner(f"run-{run.id}")
        self._calls = StoreCalls(
            store,
            lambda call: self._scheduler.post(call),
            patiently=lambda call: self._scheduler.patiently(call),
        )
        lease_s = _LOGIN_LEASE_S if ask is None else _ASKING_LEASE_S
        trying = Trying(spider.name, source_mark(type(spider)), budget=settings.login_budget)
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
        self._doors = Doors(
            self._parts.pool,
            robots=self._robots_door,
            guard=self._parts.guard if settings.logout_guard else None,
            stats=self._stats,
            spider_name=spider.name,
            probe_every=settings.probe_every,
            learned=self._keep_guard,
            share=self._share_suspects if member or members else None,
            tries=member == 0,
            known_lives=self._known_lives,
        )
        self._also = self._doors.barred.also = also
        self._overdue = Overdue(settings.callback_time, self._callback_is_late)
        self._work = PageWork(
            spider,
            self._parts.fetcher,
            self._parts.admission,
            hop_guard=self._parts.hop_guard,
            robots=self._parts.robots,
            robots_agent=self._parts.robots_agent,
            portion=lambda found: self._scheduler.take_portion(found),
            is_ours=lambda leased, now: self._scheduler.is_ours(leased, now),
            keep_pages=settings.keep_pages,
            callback_time_s=settings.callback_time,
            overdue=self._overdue,
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
            calls=self._calls,
            stopping=self._stop,
            doors=self._doors,
            alone=member == 0 and not members,
            on_waiting=self._wake_members,
        )

    def _robots_door(self, gates: Gates) -> RobotsDoor:
        parts, settings = self._parts, self.settings
        return RobotsDoor(
            parts.robots,
            parts.robots_agent,
            gates,
            self._stats,
            retries=settings.retries,
            backoff_s=settings.backoff,
        )

    # --- signals ----------------------------------------------------------------------------------------------------
    def interrupt(self, signal_number: int) -> None:
        """A signal: stop softly; a second one: leave at once. For a signal handler on the thread of `run`."""
        if self._leaving or (self._interrupted_by and signal_number == signal.SIGHUP):
            return  # a terminal that is closed may say so more than once
        if self._interrupted_by:
            self._leaving = True
            if self._members is not None:
                self._members.signal()
            if self._answering:  # the first one came with it: raising amid its locks would leave them locked for good
                return
            raise StopNow
        self._interrupted_by, self._answering = signal_number, True
        self._stop.set()
        if self._members is not None:
            self._members.signal()
        self._scheduler.stop("interrupted", grace_s=self.settings.grace)
        self._answering = False
        if self._leaving:
            raise StopNow

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
        self._load_knowledge()
        if self._member == 0:
            self._store.reopen(frontier, states=(State.PARKED,))
            self.summary.rechecked += losses.settle(self._store, self._run) if self._run.resumed else 0
        self._seed(frontier)
        self._stats.tell(
            RunStarted(
                unix_now(), self._run.id, self.spider.name, self._run.resumed, self._store.counts(frontier).waiting
            )
        )

    def _seed(self, frontier: int) -> None:
        """Put the start requests into the frontier, once; begun again when the last process died on the way."""
        mark = f"seeded:{frontier}"
        seeded = self._known(mark)
        if seeded is not None:
            self._parts.learn_start(seeded)
            return
        requests = start_requests(self.spider)
        origins: dict[str, None] = {}
        while portion := list(islice(requests, _SEED_PORTION)):
            origins |= dict.fromkeys(origin_of(request.url) for request in portion)
            self._parts.learn_start(origins)
            admitted = self._parts.admission.admit_all(portion, depth=0)
            self._store.add(frontier, admitted, run=self._run.id)
        self._store.set_value(mark, list(origins))

    def _pace(self, slot: str) -> None:
        """Logins, probes and redirects keep the delay of a host (and of a session with its own), too."""
        self._scheduler.turn_of(slot)

    def _login_started(self, name: str, reason: str) -> None:
        self._scheduler.post(self._doors.login_started(name, reason))

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
        self._sessions = self._parts.pool.records()
        self._parts.close()
        if self._members is not None:
            self._members.end(grace_s=self.settings.grace if self._interrupted_by else 2 * self.settings.grace + 30.0)
            add_up(self.summary, self._members.summaries)
            self._stats.others = list  # they are part of the summary now: the last progress must not count them again

    # --- what is known from earlier runs ------------------------------------------------------------------------------
    def _load_knowledge(self) -> None:
        state = self._known(self._guard_name)
        if isinstance(state, str):
            try:
                self._parts.guard.learned.loads(state)
            except ValueError:
                log.warning("what was learned about logout links cannot be read and is forgotten")
        if self._parts.robots is not None:
            self._parts.robots.load(self._stored_robots())

    def _known(self, name: str) -> Any:
        """A value of an earlier run; None where there is none, or nothing that can be read."""
        try:
            return self._store.get_value(name)
        except ValueError:
            log.warning("what the store holds under %r cannot be read and is forgotten", name)
            return None

    def _stored_robots(self) -> Iterator[RobotsRecord]:
        for row in self._known("robots") or ():
            try:
                yield RobotsRecord.from_dict(row)
            except (AttributeError, KeyError, TypeError, ValueError):
                continue

    @property
    def _guard_name(self) -> str:
        return guard_name(self.spider.name)

    def _keep_guard(self) -> None:
        """Keep what was learned of links that log out, with what another process of the run has kept meanwhile."""
        state = self._known(self._guard_name)
        if isinstance(state, str):
            with suppress(ValueError):
                self._parts.guard.learned.loads(state)
        self._store.set_value(self._guard_name, self._parts.guard.learned.dumps())

    def _share_suspects(self, keys: frozenset[str]) -> frozenset[str]:
        """Tell the other processes of pages that may end the session. Returns all that any of them suspects."""
        name = f"suspects:{self._run.frontier}"
        known = frozenset(self._known(name) or ())
        if not keys <= known:
            self._store.set_value(name, sorted(known | keys), ttl_s=_SUSPECT_S)
        return known | keys

    def _known_lives(self, key: str) -> list[int]:
        found = self._known(_LIVES + key)
        return [each for each in found if isinstance(each, int)] if isinstance(found, list) else []

    def _keep_knowledge(self) -> None:
        for key, lives in self._doors.lives().items():
            if lives:
                self._store.set_value(_LIVES + key, list(lives), ttl_s=_LIVES_KEPT_S)
        if self._parts.robots is not None:
            records = [record.to_dict() for record in self._parts.robots.dump()[-1_000:]]
            if records:
                self._store.set_value("robots", records, ttl_s=86_400.0)

    # --- the end -----------------------------------------------------------------------------------------------------
    def _end(self, failure: BaseException | None) -> None:
        if self._leaving:
            self._store.hurry()
        try:
            self._scheduler.release_out()
            self._keep_knowledge()
            counts = self._store.counts(self._run.frontier)
            failed, skipped = self._store.ended_samples(self._run.frontier)
            keep_proofs(self._store, self._sessions)
            if self.summary.rechecked and self._member == 0:  # what was fetched again would count twice
                self.summary.pages, self.summary.items = self._store.brought(self._run.id)
        except StoreError as error:
            log.error("the end of the run could not be recorded: %s", error)
            failure = failure or (None if self._leaving else error)
            counts, failed, skipped = None, [], []
        summary = self.summary
        if counts is not None:
            summary.known, summary.waiting = counts.known, counts.waiting + counts.leased
            summary.failed, summary.skipped, summary.parked = counts.failed, counts.skipped, counts.parked
            if summary.rechecked and self._member == 0:  # pages that were fetched again are stored once
                summary.pages, summary.items = self._store.stored_by(self._run.id)
        self._judge(failure, self._facts(counts or Counts(), failed, skipped))
        summary.messages = [hide(message) for message in summary.messages]
        summary.why, summary.sessions = hide(summary.why), sorted({*summary.sessions, *self._sessions})
        self._stats.ended()
        if failure is None and counts is not None and self._member == 0:
            self._store.end_run(
                self._run.id,
                ending=summary.ending,
                exit_code=summary.exit_code,
                summary=json.dumps(summary.as_dict()),
            )
        self._tell_spider(summary)
        self._stats.progress(unix_now(), waiting=summary.waiting, failed=summary.failed, force=True)
        self._stats.tell(RunEnded(unix_now(), summary))

    def _judge(self, failure: BaseException | None, facts: Facts) -> None:
        """Fill in how the run is to be called."""
        summary = self.summary
        if failure is not None:
            summary.messages.append(str(failure))
            summary.ending, summary.exit_code, summary.reason = "store", CODES["store"], "store"
            return
        summary.skipped_by = {sample.kind: sample.count for sample in facts.skipped}
        for sample in facts.skipped:
            summary.examples.setdefault(sample.kind, sample.url)
        for sample in facts.failed:
            summary.examples.setdefault(error_name(sample.text), sample.url)
        found = verdict_of_run(facts)
        summary.ending, summary.exit_code = found.ending, found.exit_code
        summary.reason, summary.why, summary.notes = found.reason, found.sentence, list(found.notes)
        summary.notes += [
            f"{count:,} further links were left out by the rule {rule!r} and are in no row"
            for rule, count in self._parts.admission.unrecorded.items()
        ]
        if found.ending == "limit":
            summary.stopped_by = self._scheduler.stop_reason.removeprefix("limit: ")
            summary.next_command = f"crawl run {self.spider.name}{self._also}"
        elif found.reason == "page-ends-session":
            summary.next_command = f"crawl guard {self.spider.name}{store_again(self._also)}"
        elif found.ending == "failures":
            what = "retry" if facts.failed else "run"  # what was parked is no failed request, and goes on by itself
            summary.next_command = f"crawl {what} {self.spider.name}{self._also}"
        elif found.ending in ("nothing", "no items"):
            summary.next_command = f"crawl status {self.spider.name}{store_again(self._also)}"

    def _facts(self, counts: Counts, failed: list[Sample], skipped: list[Sample]) -> Facts:
        failures = list(self._doors.barred.failures.values())
        causes = {cause_of(each) for each in failures}
        others = {each.ending for each in self._members.summaries} if self._members is not None else set()
        causes |= others & {"usage", "login failed", "needs human"}
        return Facts(
            pages=counts.pages,
            items=counts.items,
            parked=counts.parked,
            min_items=self.settings.min_items,
            failed=shown(failed),
            skipped=shown(skipped),
            callbacks={name: Yield(**each) for name, each in self.summary.callbacks.items()},
            domains=self._parts.admission.domains,
            login=next((each for each in ("usage", "login failed", "needs human", "failures") if each in causes), ""),
            stopped_by=self._scheduler.stop_reason,
            interrupted_by=self._interrupted_by,
        )

    def _tell_spider(self, summary: Summary) -> None:
        try:
            self.spider.closed(summary.ending)
        except Exception as error:  # noqa: BLE001 - users' code; the run is over
            self._stats.tell(Warned(unix_now(), "closed", f"{type(error).__name__}: {error}"))


def cause_of(error: SessionError) -> str:
    """The ending of a run in which *error* kept a session from logging in; the gravest of several counts."""
    if isinstance(error, NotEquipped | LoginMiswritten):
        return "usage"
    if isinstance(error, SiteUnreachable):
        return "failures"
    return "needs human" if isinstance(error, NeedsHuman) else "login failed"


def last_duration_s(store: Store, spider: str) -> float:
    """How long the last finished run of a spider took, 0 when there is none."""
    for row in store.runs(spider):
        if row.ending in ("finished", "failures") and row.ended_at is not None:
            return row.ended_at - row.started_at
    return 0.0


def process_name() -> str:
    """How this process is named to a person: number and machine."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def argument_key(arguments: Mapping[str, str]) -> str:
    """Spider arguments as stored: runs with other arguments have another frontier."""
    return json.dumps(dict(arguments), sort_keys=True, ensure_ascii=False)

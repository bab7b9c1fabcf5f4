"""The parts of a run in one process, built from the bottom up: each gets all it needs at once, nothing later."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from crawler.clock import unix_now
from crawler.engine.committer import Committer
from crawler.engine.dispatcher import Dispatcher, Hands
from crawler.engine.host_slots import HostSlots
from crawler.engine.leasing import Connections, Leasing, Reservations
from crawler.engine.processes import Helpers, Members
from crawler.engine.readiness import Doors
from crawler.engine.robots_door import RobotsDoor
from crawler.engine.stopping import RunLimits
from crawler.engine.store_thread import FullDisk, Inbox, Member
from crawler.engine.workers import Workers
from crawler.events import LoginStarted, Observer, Summary, Warned
from crawler.frontier.gates import Gates
from crawler.frontier.guard_learned import key_of
from crawler.frontier.leases import Hold, Leases, NextLook
from crawler.loading import code_mark
from crawler.outcome import Found, KeptPage
from crawler.output.live import ProcessState
from crawler.pages.file_folder import folder_of_spider
from crawler.pagework.assembly import Assembly, file_work
from crawler.pagework.file_desk import FileDesk
from crawler.pagework.given import CallbackWatch
from crawler.pagework.page_work import Outside, PageWork
from crawler.pagework.revisits import Revisits
from crawler.pagework.session_maker import Around, session_delays
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.heartbeat import Heartbeat, SeenNow
from crawler.runs.host_news import HostNews
from crawler.runs.knowledge import Knowledge, Waiting
from crawler.runs.lead import Lead, Role
from crawler.runs.peers import Me, Peers
from crawler.runs.results import Results
from crawler.runs.session_claims import SessionClaims
from crawler.runs.stats import Stats
from crawler.runs.together import Together
from crawler.sessions.allowances import Allowances
from crawler.sessions.credential_places import Ask
from crawler.sessions.login.last_doubts import LastDoubts
from crawler.sessions.login.last_proofs import LastProofs
from crawler.sessions.login.lives import most_unproven
from crawler.sessions.login.session_door import SessionDoor
from crawler.sessions.login.session_evidence import SessionEvidence
from crawler.sessions.login.settling import Settling
from crawler.sessions.login.trials import TrialRules
from crawler.sessions.login.unusable import UnusableSessions
from crawler.sessions.pool import SessionPool
from crawler.sessions.saves import SessionSaves
from crawler.settings import Settings
from crawler.signal_event import SignalEvent
from crawler.spider import Spider
from crawler.stores import is_shared
from crawler.stores.base import Store
from crawler.stores.calls import StoreCalls, process_name
from crawler.stores.policy.login_policy import Trying
from crawler.stores.session_desk import SessionDesk
from crawler.urls import printable, redact

_LOGIN_LEASE_S = 180.0
_NAP_S = 0.1  #: between two checks whether another process has put the start requests into the frontier
_GUARD_EVERY_S, _COUNTS_EVERY_S = 5.0, 0.1  #: how often to learn about links that log out, and to share counts
_ASKING_LEASE_S = 900.0  #: while a person may first have to find an e-mail


@quick_dataclass
class Caller:
    """The caller of a run, and what it wants.

    Attributes:
        observers: Called with each event.
        ask: Asks a person for credentials; None when nobody is there.
        also: Extra options for the commands that it suggests (`ending.options_again`).
        alive: Called every few seconds while the loop runs.
    """

    observers: Iterable[Observer] = ()
    ask: Ask | None = None
    also: str = ""
    alive: Callable[[], None] = lambda: None


@quick_dataclass
class Parts:
    """What works together on a run, below its scheduler.

    Attributes:
        stopping: Set when the run is about to end: nothing is waited for any more.
        calls: The store, for other threads.
        assembly: Sessions, transport and admission.
    """

    member: Member
    settings: Settings
    stats: Stats
    stopping: threading.Event
    inbox: Inbox
    calls: StoreCalls
    assembly: Assembly
    knowledge: Knowledge
    files: FileDesk
    callbacks: CallbackWatch
    limits: RunLimits
    slots: HostSlots
    workers: Workers
    committer: Committer
    dispatcher: Dispatcher
    doors: Doors
    leases: Leases
    leasing: Leasing
    helpers: Helpers
    heartbeat: Heartbeat
    peers: Peers
    lead: Lead


@dataclass
class _Ground:
    """What all the other parts rest on."""

    spider: Spider
    member: Member
    caller: Caller
    stats: Stats
    stopping: threading.Event = field(default_factory=SignalEvent)

    def __post_init__(self) -> None:
        settings = self.member.settings
        self.inbox = Inbox(max(settings.workers // 2, 1))
        self.patience = FullDisk(settings.busy_timeout, self.stopping)
        self.calls = StoreCalls(self.member.store, self.inbox.post, patiently=self.patience)
        self.slots = HostSlots(settings, session_delays(self.spider))
        self.limits = RunLimits(settings, began_at=min(self.member.run.started_at, unix_now()))
        self.gates, self.code = Gates(), code_mark(self.spider)
        hold = Hold(unix_now(), settings.lease)
        self.leases = Leases(hold, NextLook(), alone=self.member.number == 0 and not is_shared(settings.store))

    def assembly(self) -> Assembly:
        spider, settings, member, ask = self.spider, self.member.settings, self.member, self.caller.ask
        lease_s = _LOGIN_LEASE_S if ask is None else _ASKING_LEASE_S
        trying = Trying(spider.name, self.code, budget=settings.login_budget)
        reservations = Reservations(member, self.calls, self.slots, self.gates, self.leases.look, self.stopping)
        around = Around(
            self.stopping,
            ask,
            on_login_start=lambda name, why, renews: self.tell(LoginStarted(unix_now(), name, why, renews)),
            on_token_login=lambda name, took_ms: self.inbox.post(partial(self.stats.token_login, name, took_ms)),
            pace=reservations.wait,
            connection=Connections(self.slots, self.inbox, self.stopping).held,
            expected_run_s=last_duration_s(member.store, spider.name),
            grants=lambda key, quota, wanted, back: self.calls(
                lambda store: store.quotas.take(key, quota, wanted=wanted, back=back)
            ),
        )
        desk = SessionDesk(self.calls, run=member.run.id, owner=member.owner, lease_s=lease_s, trying=trying)
        return Assembly(spider, settings, desk, around)

    def tell(self, event: Warned | LoginStarted) -> None:
        """Tell observers, from any thread."""
        self.inbox.post(partial(self.stats.tell, event))

    def callback_is_late(self, url: str, running_s: float) -> None:
        message = f"a callback has been running for {running_s:.1f} s and is still running: {printable(redact(url))}"
        self.tell(Warned(unix_now(), "callback", message))


def make_parts(spider: Spider, member: Member, caller: Caller, members: Members | None = None) -> Parts:
    """Build the parts of a run; nothing is sent yet.

    Args:
        members: The further processes, for the first one.
    """
    run, store, settings = member.run, member.store, member.settings
    summary = Summary(spider.name, run=run.id, resumed=run.resumed, store=store.path)
    summary.results = Results(spider.name, member.settings)
    forked = members.progress if members is not None else list
    stats = Stats(summary, caller.observers, Together(member.number, forked))
    ground = _Ground(spider, member, caller, stats)
    ground.leases.alone = ground.leases.alone and not members
    assembly, slots, leases = ground.assembly(), ground.slots, ground.leases
    pool = assembly.pool
    usual = assembly.robots.usual if assembly.robots is not None else None
    waiting = Waiting(member.owner, partial(ground.stopping.wait, _NAP_S)) if is_shared(settings.store) else None
    knowledge = Knowledge(
        store, run, guard=assembly.guard, robots=usual, traps=assembly.admission.counts, waiting=waiting
    )
    saves = SessionSaves(pool)
    files = FileDesk(folder_of_spider(settings, spider.name), ground.calls, spider=spider.name, frontier=run.frontier)
    committer = Committer(member, assembly.admission, stats, saves, ground.patience, files)
    callbacks = CallbackWatch(settings.callback_time, ground.callback_is_late)
    revisits = Revisits(
        settings, ground.code, assembly.admission, lambda name: pool.manager(name).session.key, pool.names
    )
    outside = Outside(
        _portions(ground.calls, committer, leases.look),
        _kept(ground.calls),
        lambda callback: ground.calls(lambda store: store.samples.good(spider.name, callback)),
        leases.hold,
        callbacks,
        file_work(spider, settings, assembly, files),
    )
    work = PageWork(spider, settings, assembly, revisits, outside)
    hold = leases.hold
    workers = Workers(
        settings.workers,
        work.flow,
        ground.inbox,
        slots,
        ground.limits,
        ends=hold.sends_until,
    )
    dispatcher = Dispatcher(member, committer, slots, Hands(workers, work.fail_unsent), leases.look, pool)
    me = Me(run, member.number, member.owner, process_name())
    also = {knowledge.hear_guard: _GUARD_EVERY_S, knowledge.share_counts: _COUNTS_EVERY_S}
    peers = Peers(
        store.members,
        me,
        leases.hold,
        summary,
        HostNews(store.slots, slots.known, run.id, also),
        per_host=settings.per_host,
    )
    together = member.number or members or is_shared(settings.store)
    doors = _doors(ground, assembly, knowledge, saves, dispatcher, peers if together else None)
    heartbeat = _heartbeat(ground, pool)

    def begins_to_lead() -> None:
        knowledge.leave_trials()
        peers.without_first()

    return Parts(
        member=member,
        settings=settings,
        stats=stats,
        stopping=ground.stopping,
        inbox=ground.inbox,
        calls=ground.calls,
        assembly=assembly,
        knowledge=knowledge,
        files=files,
        callbacks=callbacks,
        limits=ground.limits,
        slots=slots,
        workers=workers,
        committer=committer,
        dispatcher=dispatcher,
        doors=doors,
        leases=leases,
        leasing=Leasing(member, slots, doors, committer, leases, revisits),
        helpers=Helpers(members, member, pool, stats, ground.inbox, peers),
        heartbeat=heartbeat,
        peers=peers,
        lead=_lead(ground, begins_to_lead, heartbeat),
    )


def _heartbeat(ground: _Ground, pool: SessionPool) -> Heartbeat:
    member, slots = ground.member, ground.slots
    me = ProcessState(
        member.number,
        process_name(),
        unix_now(),
        0,
        0,
        member.settings.workers,
        name=member.name,
        host=socket.gethostname(),
        began_at=member.joined_at,
        parent=0 if member.forked else -1,
    )
    return Heartbeat(member.store.values, me, ground.stats, SeenNow(lambda: slots.known, slots.allowed, pool.managers))


def _lead(ground: _Ground, on_lead: Callable[[], None], heartbeat: Heartbeat) -> Lead:
    member, shared = ground.member, is_shared(ground.member.settings.store)
    place = Role(member.number, process_name(), member.joined_at, shared, member.forked, ground.caller.alive)
    return Lead(member.store, member.run, place, heartbeat, ground.stats.together, on_lead)


def _portions(calls: StoreCalls, committer: Committer, look: NextLook) -> Callable[[list[Found]], None]:
    """Stores found requests of a page that is not done yet. A worker waits for it, lest they pile up in memory."""

    def add(found: list[Found], store: Store) -> None:
        committer.add(found)
        look.soon()

    return lambda found: calls(partial(add, found))


def _kept(calls: StoreCalls) -> Callable[[int], KeptPage | None]:
    """The kept page of a request of an earlier crawl; asked on a worker."""
    return lambda request: calls(lambda store: store.kept.page(request))


def _doors(
    ground: _Ground,
    assembly: Assembly,
    knowledge: Knowledge,
    saves: SessionSaves,
    dispatcher: Dispatcher,
    peers: Peers | None,
) -> Doors:
    """What requests wait for; *peers*: other processes work on the run, too."""
    pool, settings, stats, number = assembly.pool, ground.member.settings, ground.stats, ground.member.number
    name, gates = ground.spider.name, ground.gates
    unusable = UnusableSessions(pool, gates, stats, dispatcher, name, also=ground.caller.also)
    rules = TrialRules(
        key_of,
        bans=assembly.guard.learned if settings.logout_guard else None,
        share=knowledge.share_blames if peers is not None else None,
        tries=number == 0,
        takes_over=lambda: (
            peers is not None and knowledge.takes_trials(ground.member.owner, first_is_gone=peers.first_is_gone)
        ),
    )
    answers = SessionEvidence(
        name,
        rules,
        probe_every=most_unproven(settings.probe_every, settings.max_pages),
        known_lives=lambda session: knowledge.lives(pool.manager(session).session.key),
    )
    settling = Settling(answers, dispatcher, stats, knowledge.keep_guard)
    sessions = SessionDoor(pool, gates, unusable, settling, saves)
    robots = RobotsDoor(assembly.robots, gates, dispatcher, stats, settings)
    proofs = LastProofs(pool, dispatcher, reopen=settling.reopen, clock=unix_now)
    last = LastDoubts(pool, gates, answers, sessions, unusable, proofs)
    store = ground.member.store
    allowances = Allowances(pool, stats, store.quotas.rest, store.quotas.give_back)
    claims = SessionClaims(store.values, ground.member.owner) if is_shared(settings.store) else None
    return Doors(pool, dispatcher, gates, unusable, sessions, robots, answers, last, allowances, claims)


def last_duration_s(store: Store, spider: str) -> float:
    """How long the last finished run of a spider took, 0 when there is none."""
    for row in store.runs.last(spider):
        if row.ending in ("finished", "failures") and row.ended_at is not None:
            return row.ended_at - row.started_at
    return 0.0

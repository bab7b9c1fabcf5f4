"""How a run is doing at this moment, for watching from elsewhere: read from the store and nowhere else.

Each process of a run writes a small value every few seconds (`runs.heartbeat`): `ProcessState`, bounded in every part.
`look` combines those of a run with what else the store knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from crawler.output.history import PastRun, past_runs, summary_of, told_of
from crawler.output.reasons import short_reason
from crawler.output.time_left import TimeLeft
from crawler.output.timeline import Moment, timeline_of
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import Store
from crawler.stores.told import Counts, Trouble
from crawler.urls import printable, redact

MOST_HOSTS, MOST_SESSIONS, MOST_PROCESSES = 30, 30, 96
WORKING, PAUSED, LEAVING, DONE = "working", "paused", "leaving", "done"
_RATE_OVER_S = 10.0
_ERRORS = 8


@quick_dataclass
class HostState:
    """One host, as a process treats it.

    Attributes:
        delay_s: Least seconds between two requests.
        paused_until: It is left alone until then, seconds since 1970; 0 for no pause.
        breaker: "closed"; "open" while it is left alone after faults; "half open" when one request asks whether it is
            back; "given up".
        under_way: Requests sent and not yet answered.
        held: Requests that the process holds for it.
        connections: Most at once.
    """

    name: str
    delay_s: float = 0.0
    paused_until: float = 0.0
    breaker: str = "closed"
    under_way: int = 0
    held: int = 0
    connections: int = 0


@quick_dataclass
class LiveSession:
    """One session: the state of its login, and, if it cannot be used, why.

    Attributes:
        waits_until: Its login or probe waits until then, seconds since 1970; 0 where it does not.
        key: Of what is stored about it.
    """

    name: str
    state: str
    epoch: int = 0
    why: str = ""
    waits_until: float = 0.0
    key: str = ""


@quick_dataclass
class ProcessState:
    """What one process of a run reports about itself.

    Attributes:
        at: When, seconds since 1970.
        pages, items, logins: Its own, in this run.
        under_way: Requests that it has out.
        workers: Most that it may have out.
        name: The name that it was given; "" for none.
        host: Its machine.
        began_at: When it joined, seconds since 1970.
        state: `WORKING`, `PAUSED`, `LEAVING`, or `DONE` when nothing is left for it.
        rate: Recent pages per second.
        leads: It records how the run ends.
        timeline: From the leader: the course of the run.
        parent: Number of the process of the run that forked it; -1 for none.
        gone: "left" or "dead" when it is not there any more.
    """

    number: int
    process: str
    at: float
    pages: int
    under_way: int
    workers: int
    hosts: Sequence[HostState] = ()
    sessions: Sequence[LiveSession] = ()
    timeline: Sequence[Sequence[float]] = ()
    name: str = ""
    host: str = ""
    began_at: float = 0.0
    state: str = WORKING
    rate: float = 0.0
    items: int = 0
    logins: int = 0
    leads: bool = False
    parent: int = -1
    gone: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def waits_for(self) -> list[LiveSession]:
        """The sessions for whose login it waits, where it has nothing else to do."""
        if self.state != WORKING or self.under_way or any(host.held for host in self.hosts):
            return []
        return [session for session in self.sessions if session.waits_until]


def name_of(run: int, number: int | str) -> str:
    """The name of the value in the store."""
    return f"live:{run}:{number}"


def process_of(stored: Any) -> ProcessState | None:
    """What `ProcessState.as_dict` gave, back from JSON; None for anything else."""
    if not isinstance(stored, dict) or not {"number", "process", "at"} <= set(stored):
        return None
    known = {each.name: stored[each.name] for each in fields(ProcessState) if each.name in stored}
    known["hosts"] = [_made(HostState, each) for each in known.get("hosts") or ()]
    known["sessions"] = [_made(LiveSession, each) for each in known.get("sessions") or ()]
    return ProcessState(**{"pages": 0, "under_way": 0, "workers": 0, **known})


def _made(kind: Any, stored: Mapping[str, Any]) -> Any:
    return kind(**{each.name: stored[each.name] for each in fields(kind) if each.name in stored})


_OF_PROCESS = (
    "number", "name", "host", "process", "began_at", "at", "state", "pages", "rate", "under_way", "workers",
    "leads",
)  # fmt: skip


@quick_dataclass
class LiveView:
    """What `crawl top` shows of one spider.

    Attributes:
        holder: The process that runs it, or None when none does.
        pages, items, logins: Of this run, all processes together; as of the last report of its first process.
        pages_per_s: Over the last ten seconds.
        left_s: Seconds that it will still take; None where no end is in sight.
        seen_s: Seconds since the last report of any of its processes; None where there was none.
        hosts: Those of all processes together, busiest first.
        troubles: When, verdict, error and address of the last answers that went wrong, newest first.
        told: What it said at its end.
    """

    spider: str
    run: PastRun
    holder: str | None
    counts: Counts
    pages: int | None
    items: int | None
    logins: int | None
    pages_per_s: float
    left_s: float | None
    seen_s: float | None
    processes: Sequence[ProcessState]
    hosts: Sequence[HostState]
    sessions: Sequence[LiveSession]
    troubles: Sequence[tuple[float, str, str, str]]
    told: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        states = ("known", "waiting", "leased", "done", "failed", "skipped", "parked")
        names = ("pages", "items", "logins", "pages_per_s", "left_s", "seen_s")
        return {
            "spider": self.spider,
            "run": self.run.id,
            "ending": self.run.ending,
            "running": self.holder,
            "started_at": self.run.started_at,
            "took_s": self.run.took_s,
            **{name: getattr(self, name) for name in names},
            "requests": {name: getattr(self.counts, name) for name in states},
            "processes": [{name: getattr(each, name) for name in _OF_PROCESS} for each in self.processes],
            "hosts": [asdict(each) for each in self.hosts],
            "sessions": [asdict(each) for each in self.sessions],
            "troubles": [dict(zip(("at", "verdict", "error", "url"), each, strict=True)) for each in self.troubles],
            "told": list(self.told),
        }


def running_spiders(source: Store) -> list[str]:
    """Spiders with a run that has not ended and that a process holds, in the order of their runs."""
    names = dict.fromkeys(run.spider for run in source.runs.last(limit=200) if run.ended_at is None)
    return [name for name in names if source.runs.running(name) is not None]


def look(source: Store, spider: str) -> LiveView | None:
    """How the newest run of *spider* is doing, or went; None where it never ran on this store."""
    past = past_runs(source, spider, limit=1)
    if not past:
        return None
    run, newest = past[0], source.runs.last(spider, limit=1)[0]
    holder = source.runs.running(spider)
    words = process_words(source, run.id)
    points, processes = timeline_so_far(words), [each for each in words if not each.gone][:MOST_PROCESSES]
    told = summary_of(newest)
    last = points[-1] if points else None
    now = source.now()
    return LiveView(
        spider,
        run,
        holder,
        source.frontier.counts(newest.frontier),
        run.pages if last is None else max(last.pages, sum(each.pages for each in processes)),
        run.items if last is None else last.items,
        run.logins if last is None else last.logins,
        _rate(points) if holder else float(told.get("pages_per_s") or 0.0),
        _left(points) if holder else None,
        max(now - max(each.at for each in processes), 0.0) if processes else None,
        processes,
        _together(processes),
        _sessions(processes),
        _troubles(source, run.id),
        [] if holder else [printable(redact(text)) for text in told_of(told)],
    )


def waiting_logins(source: Store) -> dict[str, list[LiveSession]]:
    """The sessions of runs that are under way whose login waits, each once, by spider."""
    now, found = source.now(), dict[str, list[LiveSession]]()
    for run in source.runs.last(limit=200):
        if run.ended_at is None and run.spider not in found and source.runs.running(run.spider) is not None:
            there = [each for each in process_words(source, run.id) if not each.gone]
            found[run.spider] = [each for each in _sessions(there) if each.waits_until > now]
    return {spider: sessions for spider, sessions in found.items() if sessions}


def session_keys(source: Store, spider: str) -> set[str]:
    """Keys of the sessions that runs of *spider* had, as far as is known: a run that was killed has only reported some.

    The newest run that has ended says which it had; of those after it counts what their processes have reported.
    """
    found = {row.key for row in source.sessions.all() if row.key.endswith(f"|spider|{spider}")}
    for run in source.runs.last(spider, limit=200):
        told = summary_of(run).get("sessions")
        if isinstance(told, list):
            return found | {str(key) for key in told}
        found |= {each.key for each in _sessions(process_words(source, run.id))}
    return found


def process_words(source: Store, run: int) -> list[ProcessState]:
    """What the members of a run last reported, by their numbers, and whether each is there."""
    gone = {each.number: each.gone for each in source.members.of(run)}
    words = (process_of(word) for word in source.values.beginning(name_of(run, "")).values())
    found = [replace(each, gone=gone.get(each.number, "")) for each in words if each is not None]
    return sorted(found, key=lambda each: each.number)


def timeline_so_far(processes: Iterable[ProcessState]) -> list[Moment]:
    """The course of a run, from the member that keeps it."""
    return next((timeline_of(list(each.timeline)) for each in processes if each.timeline), [])


def _rate(points: Sequence[Moment]) -> float:
    """Recent pages per second."""
    if not points:
        return 0.0
    end = points[-1]
    begin = next((each for each in points if each.after_s >= end.after_s - _RATE_OVER_S), points[0])
    if begin is end:
        begin = points[-2] if len(points) > 1 else Moment(0.0, 0, 0, 0, 0, 0)
    return (end.pages - begin.pages) / max(end.after_s - begin.after_s, 0.001)


def _left(points: Sequence[Moment]) -> float | None:
    left = TimeLeft()
    for each in points:
        left.note(each.after_s, done=each.pages, waiting=each.waiting)
    return left.seconds()


_GRAVITY = ("closed", "half open", "open", "given up")


def _together(processes: Iterable[ProcessState]) -> list[HostState]:
    """The hosts of all processes: requests under way are added up; of the rest, the gravest counts."""
    found: dict[str, HostState] = {}
    for host in (host for process in processes for host in process.hosts):
        known = found.get(host.name)
        found[host.name] = (
            host
            if known is None
            else HostState(
                host.name,
                max(known.delay_s, host.delay_s),
                max(known.paused_until, host.paused_until),
                max(known.breaker, host.breaker, key=_GRAVITY.index),
                known.under_way + host.under_way,
                known.held + host.held,
                known.connections + host.connections,
            )
        )
    return sorted(
        found.values(), key=lambda each: (-_GRAVITY.index(each.breaker), -each.under_way, -each.held, each.name)
    )


def _sessions(processes: Iterable[ProcessState]) -> list[LiveSession]:
    """Each session once, as known to the process that has seen most of its logins."""
    found: dict[str, LiveSession] = {}
    for session in (session for process in processes for session in process.sessions):
        known = found.get(session.name)
        if known is None or (session.epoch, session.waits_until) > (known.epoch, known.waits_until):
            found[session.name] = session
    return [found[name] for name in sorted(found)]


def _troubles(source: Store, run: int) -> list[tuple[float, str, str, str]]:
    return [
        (each.at, each.verdict, printable(_short(each)), printable(redact(each.url)))
        for each in source.log.last_troubles(run, limit=_ERRORS)
    ]


def _short(trouble: Trouble) -> str:
    """The reason on one line, without the address, which is shown beside it."""
    return short_reason(trouble.error).removesuffix(f" from {redact(trouble.url)}")

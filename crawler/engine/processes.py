"""Further processes of a run: forked before anything is opened, idle until there is work for them.

Each is a whole scheduler with workers of its own on the same store; they share nothing else. The first process (member
0) holds the lock of the run, seeds the frontier, wakes the others when enough requests wait, and adds up what they did.
A member whose first process dies sees its pipe closed and ends softly.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from crawler.clock import unix_now
from crawler.engine.store_thread import Inbox, Member
from crawler.events import Event, PageDone, Progress, RunEnded, RunStarted, Summary
from crawler.output.figures import added
from crawler.runs.peers import Peers, Slots
from crawler.runs.stats import Stats
from crawler.sessions.pool import SessionPool
from crawler.settings import Settings
from crawler.spider import Spider

WAKE_AT = 150  #: waiting requests (or pages done, with more waiting) from which further processes are worthwhile
_END_WAIT_S = 30.0
_LOOK_S = 0.5  #: how often to look whether a process that should end is stopped
_STOPPED_S = 2.0  #: how long to wait for one that is
_HURRIED_S = 3.0  #: how long to wait for those that were told to end at once
_LOAD_OVER_S = 0.25  #: how far apart the looks at what holds a process up are
_BUSY_SHARE = 0.6  #: of a core, since others may want a part of it, too
_HOSTS_SHARE = 0.6  #: of what its connections could bring: nearer to all of it, others would get little more

Main = Callable[[int, Callable[[Event], None], Callable[[Callable[[str], None]], None]], Summary]
"""What a member does: ``main(run, tell, on_parent_gone)`` returns its summary."""


def how_many(settings: Settings, spider: Spider, *, automatic: int) -> int:
    """Processes for a run: what the setting says, or by itself what cores and delays allow.

    Args:
        automatic: Most processes when the setting leaves it open.
    """
    if any(identity.serial or len(identity.proxies) > 1 for identity in spider.identities()):
        return 1  # one process at a time may use such a session
    one = settings.delay or settings.max_pages or spider.render  # one browser computes on all cores
    wanted = settings.processes or (1 if one else max(1, automatic))
    return min(wanted, settings.per_host)  # each needs a connection of its own to a host


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Members:
    """The further processes of a run, seen from the first one. Used by its main thread."""

    def __init__(self, count: int, main: Main, *, tells_pages: bool = False) -> None:
        """Fork *count* processes; they wait. Call it before threads are started and files are opened.

        Args:
            tells_pages: An observer wants to hear about each of their pages, too.
        """
        self._main = main
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._latest: dict[int, Progress] = {}
        self.summaries: list[Summary] = []
        self.awake = False
        context = multiprocessing.get_context("fork")
        for number in range(1, count + 1):
            ours, theirs = context.Pipe()
            send = _Sender(theirs, tells_pages)
            process = context.Process(
                target=_member,
                args=(send, [*self._pipes, ours], main),
                name=f"crawl-{number}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __len__(self) -> int:
        return len(self._processes)

    def wake(self, run: int, tell: Callable[[Event], None]) -> None:
        """Let them work. *tell* takes their events, on threads of this object."""
        if self.awake:
            return
        self.awake = True
        for number, pipe in enumerate(self._pipes, 1):
            with contextlib.suppress(OSError):
                pipe.send(run)
            thread = threading.Thread(
                target=self._listen, args=(number, pipe, tell), name=f"member-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _listen(self, number: int, pipe: Connection, tell: Callable[[Event], None]) -> None:
        while True:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                return
            if isinstance(message, Summary):
                self.summaries.append(message)
            elif isinstance(message, Progress):
                self._latest[number] = message
            else:
                tell(message)

    def progress(self) -> list[Progress]:
        """The latest progress that each has reported."""
        return list(self._latest.values())

    def signal(self) -> None:
        """Ask them to stop; asked twice, they stop at once."""
        for process in self._processes:
            if process.is_alive() and process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)

    def end(self, *, grace_s: float = _END_WAIT_S, hurries: Callable[[], bool] = lambda: False) -> None:
        """Wait for them (those that never woke end at once), end by force what does not end, and hang up.

        Args:
            grace_s: Longest wait for all of them together. One that is stopped (SIGSTOP, a debugger) hears
                nothing: it is given two seconds to be continued.
            hurries: Whether they have been told to end at once: they are given three seconds more.
        """
        if not self.awake:
            for pipe in self._pipes:
                pipe.close()
        self._await_end(time.monotonic() + grace_s, hurries)
        for process in self._processes:
            if process.is_alive():
                process.kill()
                process.join(5)
        for thread in self._threads:
            thread.join(5)
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.close()
        self._processes, self._pipes = [], []

    def _await_end(self, deadline: float, hurries: Callable[[], bool]) -> None:
        living, stopped_since, hurried = list(self._processes), dict[int, float](), False
        while living and (now := time.monotonic()) < deadline:
            if not hurried and hurries():
                hurried, deadline = True, min(deadline, now + _HURRIED_S)
            wait([process.sentinel for process in living], timeout=min(deadline - now, _LOOK_S))
            living = [process for process in living if process.is_alive()]
            for process in living:
                if not is_stopped(process.pid):
                    stopped_since.pop(process.pid, None)
                elif time.monotonic() - stopped_since.setdefault(process.pid, now) > _STOPPED_S:
                    process.kill()


class Load:
    """What holds a process up: its processor, or its hosts. Pure: it is told the times.

    Args:
        since_s, cpu_s: Now, by a monotonic clock, and the processor time used so far.

    Attributes:
        answers_ms: How long each answer took that came in since the last look.
    """

    def __init__(self, since_s: float, cpu_s: float) -> None:
        self._since_s, self._cpu_s = since_s, cpu_s
        self.answers_ms: list[float] = []

    def is_of_processor(self, now_s: float, cpu_s: float, connections: Callable[[], int]) -> bool:
        """Whether it has recently used most of a core, while its hosts could have taken more requests.

        A process that waits for its hosts needs no second one, and two that share a host already asked as much as
        allowed only take more processor time and memory for the same pages. How long a host takes is read from its
        quickest answers: in a busy process answers wait to be read.
        """
        took_s, used_s = now_s - self._since_s, cpu_s - self._cpu_s
        if took_s < _LOAD_OVER_S:
            return False
        answers_ms = sorted(self.answers_ms)
        self._since_s, self._cpu_s, self.answers_ms = now_s, cpu_s, []
        hosts_s = len(answers_ms) * answers_ms[len(answers_ms) // 10] / 1000 if answers_ms else 0.0
        return used_s > _BUSY_SHARE * took_s and hosts_s < _HOSTS_SHARE * took_s * connections()


class Helpers:
    """Wakes the further processes when there is enough for them to do and this one is short of processor time.

    Args:
        members: None where there are none.

    Attributes:
        peers: All processes of the run, those of other machines, too.
    """

    def __init__(
        self,
        members: Members | None,
        member: Member,
        pool: SessionPool,
        stats: Stats,
        inbox: Inbox,
        peers: Peers,
    ) -> None:
        self.peers = peers
        self._members, self._run, self._settings, self._pool = members, member.run.id, member.settings, pool
        self._stats, self._inbox = stats, inbox
        self._load = Load(time.monotonic(), time.process_time())

    def are_wanted(self, waiting: int, answers_ms: Sequence[float], connections: Callable[[], int]) -> bool:
        """Whether they should begin.

        Args:
            waiting: Requests that are in the frontier.
            answers_ms: How long each answer took that came in since the last call.
            connections: Says how many this process may have to the hosts it is asking now.
        """
        if self._members is None or self._members.awake:
            return False
        if any(manager.session.serial for manager in self._pool.managers()):
            return False  # it has been found out that one request at a time may be sent
        self._load.answers_ms += answers_ms  # looked at, and forgotten, whether or not enough is waiting
        is_busy = self._load.is_of_processor(time.monotonic(), time.process_time(), connections)
        pages = self._stats.summary.pages
        enough = waiting >= WAKE_AT or (pages >= WAKE_AT and waiting >= 2 * self._settings.workers)
        return enough and (is_busy or bool(self._settings.processes))

    def wake(self, slots: Slots) -> None:
        """Let them begin; their events are passed on here."""
        if self._members is not None:
            if not self.peers.awake:
                self.peers.begin(slots, unix_now())
            self._members.wake(self._run, lambda event: self._inbox.post(lambda: self._stats.tell(event)))
            self.peers.expect(len(self._members), unix_now())


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal or a debugger; False where the system does not say."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return facts.rpartition(")")[2].split()[:1] in (["T"], ["t"])


def _member(send: _Sender, not_ours: list[Connection], main: Main) -> None:
    """The life of a further process."""
    pipe = send.pipe
    for other in not_ours:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all of us: the first process passes it on
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = pipe.recv()
    except (EOFError, OSError):
        return
    gone: list[Callable[[str], None]] = []

    def watch() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()  # nothing is ever sent: this returns when the first process is gone
        for call in gone:
            call("the first process is gone")

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    summary = main(run, send, gone.append)
    send.whatever(summary)


class _Sender:
    """An observer that sends events to the first process. Safe from any thread."""

    def __init__(self, pipe: Connection, tells_pages: bool) -> None:
        self.pipe = pipe
        self.ignores = frozenset((RunStarted, RunEnded) if tells_pages else (PageDone, RunStarted, RunEnded))
        self._lock = threading.Lock()  # guards the sending end of the pipe

    def __call__(self, event: Event) -> None:
        if type(event) not in self.ignores:
            self.whatever(event)

    def whatever(self, message: Event | Summary) -> None:
        with self._lock, contextlib.suppress(OSError):
            self.pipe.send(message)


def add_up(summary: Summary, others: list[Summary]) -> None:
    """Add what further processes did to the first one's summary."""
    for other in others:
        summary.processes += 1
        summary.pages += other.pages
        summary.unchanged += other.unchanged
        summary.not_asked += other.not_asked
        summary.size_bytes += other.size_bytes
        summary.retried += other.retried
        summary.logins += other.logins
        summary.restored += other.restored
        summary.renewed += other.renewed
        summary.rechecked += other.rechecked
        summary.rejected += other.rejected
        for table, number in other.items.items():
            summary.items[table] = summary.items.get(table, 0) + number
        summary.seen = added(summary.seen, other.seen)
        for table, fields in other.filled.items():
            summary.filled[table] = added(summary.filled.get(table, {}), fields)
        for reason, number in other.dropped.items():
            summary.dropped[reason] = summary.dropped.get(reason, 0) + number
        for how, number in other.files.items():
            summary.files[how] = summary.files.get(how, 0) + number
        for name, counts in other.callbacks.items():
            of_it = summary.callbacks.setdefault(name, dict.fromkeys(counts, 0))
            for what, number in counts.items():
                of_it[what] = of_it.get(what, 0) + number
        for error, number in other.errors.items():
            summary.errors[error] = summary.errors.get(error, 0) + number
        summary.sessions.extend(key for key in other.sessions if key not in summary.sessions)
        summary.messages.extend(message for message in other.messages if message not in summary.messages)

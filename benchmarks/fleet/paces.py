"""How fast a store claims and commits, and the cost on both sides of the connection.

Members are separate processes, which claim a group, make an item and new links for each page, and commit the group;
nothing is fetched. The store is used as the engine uses it.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from benchmarks.fleet.ground import Database, load
from benchmarks.micro.store import OpenCipher, found, outcome
from crawler.outcome import Leased
from crawler.stores import open_store
from crawler.stores.base import LeaseTerms, Store

_SEEDED = 20  #: pages waiting for each host at the start
_SETTLED_S = 10.0  #: a server that has just started leases nothing for some seconds


@dataclass(frozen=True)
class Work:
    """The work to measure.

    Attributes:
        pages: Pages of all members together.
        links: New links on each page.
        group: Pages that are claimed and committed at once.
    """

    pages: int
    links: int
    group: int
    members: int = 1
    hosts: int = 200


@dataclass(frozen=True)
class Pace:
    """The results per page; CPU in milliseconds."""

    work: Work
    pages_s: float
    client_ms: float
    server_ms: float
    wal_bytes: float
    load: str


def claims(address: str, database: Database | None, urls: int, group: int) -> Pace:
    """Only claim waiting requests."""
    work = Work(urls, 0, group)
    with closing(open_store(address, cipher=OpenCipher())) as store:
        run = store.runs.open("bench", args="{}", fresh=True, process="benchmark")
        make = random.Random(1).randbytes
        for start in range(0, urls + 2 * group, 5_000):
            some = [found(make, number, work.hosts) for number in range(start, start + 5_000)]
            store.frontier.add(run.frontier, some)
        _claim(store, run.frontier, "me", group)  # so that statements are prepared
        meter, done = Meter(database), 0
        while done < urls:
            done += len(_claim(store, run.frontier, "me", group))
        return meter.pace(work, done, meter.client_s())


def pages(address: str, database: Database | None, work: Work) -> Pace:
    """Claim and commit pages with several members at once."""
    with closing(open_store(address, cipher=OpenCipher())) as store:
        run = store.runs.open("bench", args="{}", fresh=True, process="benchmark")
        make = random.Random(1).randbytes
        count = max(_SEEDED * work.hosts, work.pages if not work.links else 0)
        store.frontier.add(run.frontier, [found(make, each, work.hosts) for each in range(count)])
        if work.members == 1:
            warm(store, run, work)
            meter = Meter(database)
            fetch(store, run, work, 1, work.pages)
            return meter.pace(work, work.pages, meter.client_s())
        context = multiprocessing.get_context("spawn")
        ready, told = context.Barrier(work.members + 1), context.Queue()
        members = [
            context.Process(target=_member, args=(address, run.id, work, number, ready, told))
            for number in range(1, work.members + 1)
        ]
        for member in members:
            member.start()
        ready.wait(120)
        meter = Meter(database)
        client_s = sum(told.get(timeout=600) for _ in members)
        pace = meter.pace(work, work.pages, client_s)
        for member in members:
            member.join(60)
        return pace


def _member(address: str, run_id: int, work: Work, number: int, ready: Any, told: Any) -> None:
    with closing(open_store(address, cipher=OpenCipher())) as store:
        run = store.runs.join(run_id)
        warm(store, run, work, number)
        ready.wait(120)
        before = time.process_time()
        fetch(store, run, work, number, work.pages // work.members)
        told.put(time.process_time() - before)
        store.runs.leave(run_id)


def warm(store: Store, run: Any, work: Work, number: int = 1) -> None:
    """Make sure that the tables of results exist and statements are prepared."""
    fetch(store, run, work, 100 + number, 2 * work.group)


def fetch(store: Store, run: Any, work: Work, number: int, count: int) -> None:
    make, done, owner = random.Random(1_000 + number).randbytes, 0, f"member {number}"
    serial = number * 10_000_000
    while done < count:
        leased = _claim(store, run.frontier, owner, min(work.group, count - done))
        outcomes = []
        for one in leased:
            links = [found(make, serial + each, work.hosts) for each in range(work.links)]
            serial += work.links
            outcomes.append(outcome(one, links))
        committed = store.commit(run, owner, outcomes)
        if committed.lost or committed.added != len(leased) * work.links:
            raise SystemExit(f"a commit of {len(leased)} pages: {committed}")
        done += len(leased)


def _claim(store: Store, frontier: int, owner: str, limit: int) -> list[Leased]:
    deadline = time.monotonic() + _SETTLED_S
    while not (leased := store.leases.lease(frontier, owner=owner, terms=LeaseTerms(limit, 90.0, 1.0))):
        if time.monotonic() > deadline:
            raise SystemExit("nothing was claimed though requests wait")
        time.sleep(0.05)
    return leased


class Meter:
    """The resources used since it was created."""

    def __init__(self, database: Database | None) -> None:
        self._database = database
        self._server_s = database.cpu_s() if database else 0.0
        self._wal = database.wal_bytes() if database else 0
        self._cpu_s, self._began = time.process_time(), time.perf_counter()

    def client_s(self) -> float:
        """CPU seconds of this process."""
        return time.process_time() - self._cpu_s

    def pace(self, work: Work, done: int, client_s: float) -> Pace:
        """The figures per page, after *done* pages."""
        took_s = time.perf_counter() - self._began
        database = self._database
        server_s = database.cpu_s() - self._server_s if database else 0.0
        wal = database.wal_bytes() - self._wal if database else 0
        return Pace(work, done / took_s, client_s / done * 1e3, server_s / done * 1e3, wal / done, load())

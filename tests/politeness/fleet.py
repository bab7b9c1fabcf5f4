"""A crawl whose processes come, leave and are killed, and what the server saw of them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from crawler.sessions.vault import Vault
from tests.crash.project import Project, Running
from tests.politeness.measure import HERE, most_at_once
from tests.politeness.rules import TOLERANCE_S
from tests.politeness.site import Arrival, Site, gaps_of

WORKERS = 8
KNOWN_TO_ALL_S = 0.5  #: after the answer that asks for a pause until no process sends any more


@dataclass(frozen=True, slots=True)
class Journey:
    """A crawl of several processes.

    Attributes:
        pages: Of the run.
        delay_s: What must lie between two requests at least; 0 for no delay.
        per_host: Connections at once, of all processes together.
        refuse_at: Number of the page that is answered 429 with a pause of `pause_s`; 0 for none.
        rounds: How often one process is killed, one told to leave, and another one comes.
        together: Processes at one time.
    """

    pages: int
    delay_s: float = 0.0
    per_host: int = 3
    refuse_at: int = 0
    pause_s: int = 2
    rounds: int = 1
    together: int = 3
    latency_s: float = 0.03

    @property
    def name(self) -> str:
        pace = f"delay {self.delay_s:g} s" if self.delay_s else f"per_host {self.per_host}"
        return f"{self.together} processes that come and go, {pace}" + (", one 429" if self.refuse_at else "")

    @property
    def settings(self) -> dict[str, object]:
        return {"workers": WORKERS, "throttle": False, "per_host": self.per_host, "delay": self.delay_s, "lease": 3}


LONG = (
    Journey(pages=1_500, rounds=4, together=4, per_host=3, refuse_at=700, pause_s=3),
    Journey(pages=1_500, rounds=4, together=4, per_host=8, latency_s=0.1),
    Journey(pages=300, rounds=4, together=4, per_host=4, delay_s=0.1, refuse_at=150, pause_s=3),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it: what arrived, pages by process, the summary of the run."""

    arrivals: tuple[Arrival, ...]
    by_process: tuple[int, ...]
    summary: dict[str, Any]
    faults: tuple[str, ...]


def in_postgres(journey: Journey) -> Told:
    """``crawl run``, and ``crawl worker`` from other folders: some are killed, some told to leave, others come."""
    from tests import postgres

    server = postgres.server()
    address = server.database()
    name = address.partition("?")[0].rpartition("/")[2]

    def pages() -> int:
        try:
            return int(server.do("SELECT count(*) FROM crawl_pages", name)[0][0])
        except Exception:  # noqa: BLE001 - there are no tables yet
            return 0

    with tempfile.TemporaryDirectory(prefix="fleet-") as folder, ExitStack() as stack:
        site, key = stack.enter_context(_site(journey)), Vault.new_key()

        def start(machine: int) -> Running:
            project = Project(Path(folder) / str(machine), site.url, spider=HERE / "paced.py", store=address)  # type: ignore[arg-type]
            (project.folder / "spiders" / "__init__.py").touch()
            words = [*project.words(**journey.settings), "-a", f"pages={journey.pages}", "--json"]
            words = ["worker", *words[1:], "--wait", "--until-empty"] if machine else words
            return stack.enter_context(project.start(words, environment={"CRAWL_KEY": key}))

        first = start(0)
        others = [start(number) for number in range(1, journey.together)]
        for number in range(journey.rounds):
            wanted = (number + 1) * journey.pages // (journey.rounds + 2)
            _until(partial(lambda least: pages() > least, wanted), first)
            others.pop(0).kill()
            others.append(start(journey.together + number))
            if number % 2:
                others[0].send(signal.SIGTERM)
        ended = first.end(120)
        faults = [f"exit code {ended.code}: {ended.err[-800:]}"] if ended.code else []
        left = [each.end(60) for each in others]
        faults += [f"exit code {each.code} of a worker: {each.err[-500:]}" for each in left if each.code]
        owners = server.do("SELECT process, count(*) FROM items GROUP BY 1", name)
        return Told(tuple(site.arrivals), tuple(each for _, each in owners), _summary(ended.out), tuple(faults))


def in_sqlite(journey: Journey) -> Told:
    """``crawl run --processes N`` on one file, of which one is killed."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder, _site(journey) as site:
        project = Project(Path(folder), site.url, spider=HERE / "paced.py")
        (project.folder / "spiders" / "__init__.py").touch()
        settings = {**journey.settings, "processes": journey.together}
        words = [*project.words(**settings), "-a", f"pages={journey.pages}", "--json"]

        def asked(sql: str) -> list[Any]:
            try:
                with closing(sqlite3.connect(project.database)) as database:
                    return database.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []

        with project.start(words) as running:
            _until(
                lambda: (
                    len(asked("SELECT 1 FROM items GROUP BY process")) >= journey.together
                    or (asked("SELECT count(*) FROM items") or [(0,)])[0][0] > journey.pages * 0.6
                ),
                running,
            )
            found = json.loads(asked("SELECT incarnation FROM crawl_workers WHERE number = 1")[0][0])
            os.kill(found["number"], signal.SIGKILL)
            ended = running.end(120)
        owners = asked("SELECT process, count(*) FROM items GROUP BY 1")
        faults = [f"exit code {ended.code}: {ended.err[-800:]}"] if ended.code else []
        return Told(tuple(site.arrivals), tuple(each for _, each in owners), _summary(ended.out), tuple(faults))


def limited_runs(journey: Journey, *, max_pages: int) -> tuple[list[int], list[int], int]:
    """Two runs of several processes on one file.

    Returns:
        Pages that had arrived at the end of each, those of its summary, and the processes of the first one.
    """
    arrived, pages, processes = [], [], 0
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder, _site(journey) as site:
        project = Project(Path(folder), site.url, spider=HERE / "paced.py")
        (project.folder / "spiders" / "__init__.py").touch()
        settings = {**journey.settings, "processes": journey.together, "max_pages": max_pages}
        for _ in range(2):
            ended = project.run([*project.words(**settings), "-a", f"pages={journey.pages}", "--json"])
            arrived.append(sum(each.path != "/robots.txt" for each in site.arrivals))
            summary = _summary(ended.out)
            pages.append(summary.get("pages", 0))
            processes = processes or summary.get("processes", 0)
    return arrived, pages, processes


def broken(journey: Journey, told: Told) -> Iterator[str]:
    """What the server must not have seen, and what has to add up."""
    yield from told.faults
    if len(told.by_process) < min(
        journey.together, journey.per_host
    ):  # one file has no more processes than connections
        yield f"{len(told.by_process)} processes took part"
    if sum(told.by_process) != journey.pages or told.summary.get("pages") != journey.pages:
        yield f"{sum(told.by_process)} pages, and {told.summary.get('pages')} in the summary, of {journey.pages}"
    if most_at_once(told.arrivals) > journey.per_host:
        yield f"{most_at_once(told.arrivals)} requests at once, {journey.per_host} allowed"
    if journey.delay_s:
        yield from (f"a gap of {gap:.4f} s" for gap in gaps_of(told.arrivals) if gap < journey.delay_s - TOLERANCE_S)
    if journey.refuse_at:
        yield from _in_the_pause(journey, told)


def _in_the_pause(journey: Journey, told: Told) -> Iterator[str]:
    refused = [each.until_s for each in told.arrivals if each.status == 429]
    if len(refused) != 1:
        yield f"{len(refused)} answers of 429"
    for at_s in refused:
        late = [
            each.at_s - at_s
            for each in told.arrivals
            if at_s + KNOWN_TO_ALL_S < each.at_s < at_s + journey.pause_s - TOLERANCE_S
        ]
        if late:
            yield f"{len(late)} requests in the pause, the last one {max(late):.3f} s after the 429"


def _site(journey: Journey) -> Site:
    options: dict[str, object] = {"latency": journey.latency_s}
    if journey.refuse_at:
        options |= {"refuse_at": journey.refuse_at, "retry_after": journey.pause_s}
    return Site(**options)


def _summary(said: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(said)
    except ValueError:
        return {}
    return found


def _until(holds: Callable[[], bool], running: Running, seconds: float = 90.0) -> None:
    ends = time.monotonic() + seconds
    while not holds() and running.code is None and time.monotonic() < ends:
        time.sleep(0.03)

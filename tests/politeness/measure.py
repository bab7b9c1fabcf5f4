"""Crawls through two processes, and what the server saw of them."""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.crash.project import Project
from tests.politeness.site import Arrival, Site

HERE = Path(__file__).parent
SPIDERS = ("paced", "other")
WORKERS = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One way to crawl.

    Attributes:
        name: For the table.
        delay_s: What must lie between two requests at least; 0 when only connections are counted.
        pages: Of each run.
        runs: Commands beside each other on one store: one, or two of different spiders.
        settings: Of each run.
        site: Options of the site.
    """

    name: str
    delay_s: float
    pages: int
    runs: int
    settings: dict[str, object]
    site: dict[str, object]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it.

    Attributes:
        arrivals: All requests, robots.txt too, in order.
        pages_by_process: Committed pages of each process.
        faults: What is not as it has to be, besides the times.
    """

    arrivals: tuple[Arrival, ...]
    pages_by_process: tuple[int, ...]
    faults: tuple[str, ...]

    @property
    def most_at_once(self) -> int:
        """Most requests that had arrived and were not answered, at one time."""
        return most_at_once(self.arrivals)

    def still_sent(self, pause_s: float) -> int:
        """How many requests arrived within *pause_s* after the answer that refused."""
        return sum(refused < arrival.at_s < refused + pause_s for refused in self._refused for arrival in self.arrivals)

    @property
    def silence_s(self) -> float:
        """Longest time without any request after the answer that refused; 0 when none refused."""
        later = [arrival.at_s for arrival in self.arrivals if any(arrival.at_s > refused for refused in self._refused)]
        return max((after - before for before, after in itertools.pairwise([*self._refused, *later])), default=0.0)

    @property
    def _refused(self) -> list[float]:
        return [arrival.until_s for arrival in self.arrivals if arrival.status == 429]


def most_at_once(arrivals: Sequence[Arrival]) -> int:
    """The height of the pile: an arrival adds one, an answer takes one away."""
    steps = sorted([(each.at_s, 1) for each in arrivals] + [(each.until_s, -1) for each in arrivals])
    return max(itertools.accumulate(step for _, step in steps), default=0)


CASES: tuple[Case, ...] = (
    Case("two processes of one run, delay 0.1 s", 0.1, 200, 1, {"processes": 2, "delay": 0.1}, {}),
    Case("two commands on one store, delay 0.25 s", 0.25, 30, 2, {"delay": 0.25}, {}),
    Case("the same, with Crawl-delay 0.4 in robots.txt", 0.4, 15, 2, {}, {"crawl_delay": "0.4"}),
    Case("two processes of one run, per_host 3", 0.0, 400, 1, {"processes": 2, "per_host": 3}, {"latency": 0.02}),
    Case(
        "two processes of one run, one answer of 429 with Retry-After 2",
        0.0,
        400,
        1,
        {"processes": 2, "per_host": 2},
        {"latency": 0.01, "refuse_at": 100, "retry_after": 2},
    ),
)


def measured(case: Case) -> Seen:
    """Crawl as *case* says and look at it from the site."""
    with tempfile.TemporaryDirectory(prefix="polite-") as folder, Site(**case.site) as site:
        store = Path(folder) / "data" / "crawl.db"
        projects = [
            Project(Path(folder), site.url, settings=dict(case.settings), spider=HERE / f"{name}.py", store=store)
            for name in SPIDERS
        ][: case.runs]
        (Path(folder) / "spiders" / "__init__.py").touch()
        running = [
            project.start([*project.words(workers=WORKERS, throttle=False), "-a", f"pages={case.pages}"])
            for project in projects
        ]
        ended = [each.end() for each in running]
        faults = [f"exit code {each.code}: {each.err[-500:]}" for each in ended if each.code != 0]
        if faults:
            return Seen(tuple(site.arrivals), (), tuple(faults))
        with closing(sqlite3.connect(store)) as database:
            owners = Counter(row[0] for row in database.execute("SELECT process FROM items"))
        if owners.total() != case.pages * case.runs:
            faults.append(f"{owners.total()} pages instead of {case.pages * case.runs}")
        return Seen(tuple(site.arrivals), tuple(owners.values()), tuple(faults))

"""``python -m tests.soak.held``: claims and commits on PostgreSQL while somebody holds an old snapshot.

Many hosts are due, each page brings a link to its own host, and another connection keeps a snapshot open, so that no
vacuum removes anything: what a claim has to pass by grows with every page. Told every few seconds, and drawn: how long
a claim of 50 takes, how much of the server's CPU it needs, and the same for commits.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from crawler.stores.base import RunRow
from crawler.stores.sql.lease_memory import LeaseMemory
from tests.stores.support import PostgresHome, accept, found, lease, start

_CLAIM = 50
_TICK_MS = 10.0  #: what /proc counts CPU in


@dataclass
class Point:
    """A few seconds of the soak."""

    at_s: float
    pages: int
    claim_ms: float  #: median
    claim_cpu_ms: float
    commit_ms: float
    commit_cpu_ms: float
    held: bool


@dataclass
class Times:
    """What was measured since the last point: seconds, and ticks of the server's process."""

    claims: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    claim_ticks: int = 0
    commit_ticks: int = 0


class Soak:
    """One store that claims and commits, as fast as it may."""

    def __init__(self, hosts: int, pages_s: float) -> None:
        import psycopg

        self._home = PostgresHome(Path(tempfile.gettempdir()))
        self._store: Any = self._home.open(busy_timeout_s=60.0, clock=None)  # the database's, as a crawl has it
        self._store.leases.memory.least_s = LeaseMemory().least_s  # as a crawl has it
        self._run: RunRow = start(self._store)
        self._interval_s = _CLAIM / pages_s if pages_s else 0.0
        for begin in range(0, hosts, 5_000):
            some = [found(f"/{host}", slot=f"host{host}.example") for host in range(begin, min(hosts, begin + 5_000))]
            self._store.frontier.add(self._run.frontier, some)
        self._pid = self._store._db.one("SELECT pg_backend_pid()")[0]
        self._other = psycopg.connect(self._home.path)
        self._pages = 0

    def hold(self) -> None:
        """Somebody begins a report, and goes to lunch."""
        self._other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._other.execute("SELECT count(*) FROM crawl_frontiers")

    def let_go(self) -> None:
        self._other.rollback()

    def run(self, begun: float, seconds: float, *, held: bool) -> Point:
        """Claim and commit for some seconds."""
        times, until = Times(), time.monotonic() + seconds
        while time.monotonic() < until:
            self._round(times)
        claims, commits = len(times.claims), len(times.commits)
        return Point(
            round(time.monotonic() - begun, 1),
            self._pages,
            round(statistics.median(times.claims) * 1000, 2),
            round(times.claim_ticks * _TICK_MS / claims, 2),
            round(statistics.median(times.commits) * 1000, 2),
            round(times.commit_ticks * _TICK_MS / commits, 2),
            held,
        )

    def _round(self, times: Times) -> None:
        begun, ticks = time.monotonic(), self._ticks()
        leased = lease(self._store, self._run, _CLAIM)
        claimed, ticks_then = time.monotonic(), self._ticks()
        assert leased, "nothing was claimed though every host is due"
        pages = [accept(one, links=[found(f"{one.id} next", slot=one.slot)]) for one in leased]
        before = time.monotonic()
        committed = self._store.commit(self._run, "me", pages)
        assert committed.added == len(leased)
        assert not committed.lost
        times.claims.append(claimed - begun)
        times.commits.append(time.monotonic() - before)
        times.claim_ticks += ticks_then - ticks
        times.commit_ticks += self._ticks() - ticks_then
        self._pages += len(leased)
        time.sleep(max(0.0, self._interval_s - (time.monotonic() - begun)))

    def _ticks(self) -> int:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def close(self) -> None:
        self._other.close()
        counts = self._store.frontier.counts(self._run.frontier)
        assert counts.done == self._pages
        self._home.close()


def draw(points: Sequence[Point], heading: str, picture: Path) -> None:
    """CPU and time of a claim and of a commit over the minutes; where a snapshot was held is shaded."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    minutes = [point.at_s / 60 for point in points]
    held = [point.at_s / 60 for point in points if point.held]
    figure, panels = pyplot.subplots(2, 1, figsize=(9, 6), sharex=True, layout="constrained")
    for axes, kind, label in zip(panels, ("cpu_ms", "ms"), ("ms of the server's CPU", "ms, median"), strict=True):
        for of, colour in (("claim", "#1f6feb"), ("commit", "#bf5700")):
            axes.plot(minutes, [getattr(point, f"{of}_{kind}") for point in points], label=of, color=colour)
        if held:
            axes.axvspan(held[0], held[-1], color="#000000", alpha=0.06, label="a snapshot is held")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", ncols=3)
        axes.grid(alpha=0.3)
    panels[0].set_title(heading)
    panels[1].set_xlabel("minutes")
    figure.savefig(picture, dpi=100)


def draw_beside(runs: Sequence[tuple[str, Sequence[Point]]], picture: Path) -> None:
    """CPU of a claim against the pages that were committed, of several runs; each point is the median of five."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 4), layout="constrained")
    for name, points in runs:
        fives = [points[start : start + 5] for start in range(0, len(points), 5)]
        cpu_ms = [statistics.median(point.claim_cpu_ms for point in five) for five in fives]
        axes.plot([five[-1].pages for five in fives], cpu_ms, label=name)
    axes.set_xlabel("pages committed, none of whose dead rows could be removed")
    axes.set_ylabel("ms of the server's CPU for a claim of 50")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=100)


def _read(said: str) -> tuple[str, list[Point]]:
    """NAME=FILE of `--figures`."""
    name, _, file = said.partition("=")
    return name, [Point(**point) for point in json.loads(Path(file).read_text())]


def main(words: Sequence[str] | None = None) -> int:
    """Run, print a line every few seconds, draw; 1 when claims became slower than they may."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.held", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--hosts", type=int, default=100_000)
    parser.add_argument("--pages-per-second", type=float, default=500.0, help="0: as fast as it goes")
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--figures", type=Path, help="write the points as JSON")
    parser.add_argument("--beside", action="append", metavar="NAME=FILE", help="only draw such figures into --picture")
    chosen = parser.parse_args(words)
    if chosen.beside:
        draw_beside([_read(said) for said in chosen.beside], chosen.picture)
        return 0
    points: list[Point] = []
    with closing(Soak(chosen.hosts, chosen.pages_per_second)) as soak:
        begun, all_s = time.monotonic(), chosen.minutes * 60
        holding = False
        while (passed_s := time.monotonic() - begun) < all_s:
            if not holding and passed_s > all_s / 20:
                soak.hold()
                holding = True
            points.append(soak.run(begun, chosen.every, held=holding))
            print(points[-1], flush=True)
        soak.let_go()
    heading = f"{chosen.hosts:,} hosts are due, {points[-1].pages:,} pages in {chosen.minutes:g} minutes"
    if chosen.figures:
        chosen.figures.write_text(json.dumps([asdict(point) for point in points]))
    if chosen.picture:
        draw(points, heading, chosen.picture)
    first = statistics.median(point.claim_cpu_ms for point in points[: max(1, len(points) // 20)])
    last = statistics.median(point.claim_cpu_ms for point in points[-max(1, len(points) // 10) :])
    print(f"{heading}; CPU of the server for a claim: {first:.1f} ms before, {last:.1f} ms at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A night of files that is killed at its n-th write, link, rename and so on, n upward until a run ends untouched.

As `tests.crash.sweep`: strace counts the system calls and kills at the n-th. The night before has brought five
invoices; in this one two are new and one has changed in place. Afterwards the same command has to end exact: every
invoice in its version, once, under its readable name; no half file, none without its row, no row without its file.

``python -m tests.files.sweep`` sweeps all; a sample is a test.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from crawler.testing import SiteProcess
from crawler.testing.invoices import invoice
from tests.crash.project import Project
from tests.crash.sweep import KILL, UNTOUCHED_RUNS, tracer
from tests.crash.warm import Warm

SPIDER = Path(__file__).with_name("invoices.py")
BEFORE, AFTER, CHANGED, SIZE_BYTES = 5, 7, 3, 600_000
KILLED = -9
CALLS = (
    "write",
    "pwrite64",
    "?link,?linkat",
    "?rename,?renameat,?renameat2",
    "?unlink,?unlinkat",
    "?chmod,?fchmod,?fchmodat",
    "?mkdir,?mkdirat",
    "?flock",
    "?ftruncate",
    "?fsync,?fdatasync",
)


@dataclass(slots=True)
class Tally:
    """What came of a sweep.

    Attributes:
        points: System call to the number of its calls at which a run was killed.
        faults: What was wrong at the end, one line each.
        most_sent: How often one invoice was sent whole in a night, at most.
        in_between: Files without a row, or rows without a file, right after the kill.
    """

    points: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    most_sent: int = 0
    in_between: int = 0


class FileSweep:
    """Kills one night at many points, on one site."""

    def __init__(self, *, keyed: bool = False) -> None:
        self._keyed = keyed
        self.tally = Tally()

    def run(self, points: Mapping[str, Iterable[int]] | None = None) -> Tally:
        """Kill at some points: system call to numbers; at every one of each call when left out."""
        chosen = points if points is not None else {call: count(1) for call in CALLS}
        with (
            SiteProcess(books=1, invoices=BEFORE, invoice_bytes=SIZE_BYTES) as site,
            Warm() as warm,
            tempfile.TemporaryDirectory(prefix="files-") as folder,
        ):
            first = self._project(Path(folder) / "first", site)
            ended = first.run(self._words(first))
            assert ended.code == 0, ended.err
            site.change(invoices=AFTER, invoices_revised=(CHANGED,))
            for number, (call, n) in enumerate(self._upward(chosen)):
                place = Path(folder) / str(number)
                subprocess.run(["cp", "-a", str(first.folder), str(place)], check=True)
                self._untouched = 0 if self._point(call, n, site, warm, place) else self._untouched + 1
                subprocess.run(["rm", "-rf", str(place)], check=True)
        return self.tally

    def _upward(self, chosen: Mapping[str, Iterable[int]]) -> Iterator[tuple[str, int]]:
        for call, numbers in chosen.items():
            self._untouched = 0
            for n in numbers:
                if self._untouched >= UNTOUCHED_RUNS:
                    break
                yield call, n

    def _project(self, folder: Path, site: SiteProcess) -> Project:
        project = Project(folder, site.url, site.accounts[0], spider=SPIDER)
        project.settings.update(workers=2, login_budget=1000, durability="full")
        return project

    def _words(self, project: Project) -> list[str]:
        return [*project.words(), "-a", f"keyed={'yes' if self._keyed else ''}"]

    def _point(self, call: str, n: int, site: SiteProcess, warm: Warm, folder: Path) -> bool:
        site.reset_record()
        project, where = self._project(folder, site), f"killed at {call} {n}"
        words = self._words(project)
        with project.start_warm(warm, words, trace=lambda pid: tracer(KILL, call, n, project, pid)) as running:
            code = running.end().code
        if code not in (0, KILLED):
            self.tally.faults.append(f"{where}: exit code {code}")
        held, there = _held(project), _there(folder)
        self.tally.faults += [f"{where}: row {row} has no whole file" for row in held - there.items()]
        self.tally.in_between += len(there.keys() - {digest for digest, _ in held})
        if code == KILLED:
            self.tally.points[call] += 1
            with project.start_warm(warm, words) as running:
                again = running.end()
            if again.code != 0:
                self.tally.faults.append(f"{where}: the run after it ended with {again.code}: {again.err[-400:]}")
        self.tally.faults += [f"{where}: {what}" for what in wrong(project, site, warm)]
        sent = Counter(entry.url for entry in site.log if entry.url.endswith(".pdf") and entry.status == 200)
        self.tally.most_sent = max(self.tally.most_sent, *sent.values(), 0)
        return code == KILLED


def _held(project: Project) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(project.database)) as database:
        return set(database.execute("SELECT hash, size FROM crawl_files"))


def _there(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (folder / "data" / "files").glob("??/*")}


def wrong(project: Project, site: SiteProcess, warm: Warm) -> Iterator[str]:
    """What is not as it has to be after the night."""
    username = site.accounts[0].username
    truth = {
        number: invoice(number, username, version=2 if number == CHANGED else 1, size_bytes=SIZE_BYTES)
        for number in range(1, AFTER + 1)
    }
    names = project.folder / "data" / "invoices"
    with closing(sqlite3.connect(project.database)) as database:
        last = "SELECT id FROM crawl_runs WHERE frontier = (SELECT max(frontier) FROM crawl_runs)"
        rows = database.execute(f"SELECT number, hash, path, link FROM files WHERE _run IN ({last})").fetchall()
        newest = "SELECT max(frontier) FROM crawl_runs"
        states = database.execute(
            f"SELECT state, count(*) FROM crawl_requests WHERE frontier = ({newest}) GROUP BY 1"
        ).fetchall()
    if sorted(row[0] for row in rows) != sorted(truth):
        yield f"rows of invoices {sorted(row[0] for row in rows)}; requests by state: {states}"
    for number, digest, path, link in rows:
        body = truth[number]
        if hashlib.sha256(body).hexdigest() != digest:
            yield f"invoice {number} has another hash"
        elif (project.folder / path).read_bytes() != body or (project.folder / link).read_bytes() != body:
            yield f"invoice {number} is another file"
        if Path(link).name != f"invoice-{number:04d}.pdf":
            yield f"invoice {number} is called {link}"
    expected = [f"invoice-{number:04d}.pdf" for number in truth]
    if sorted(path.name for path in names.iterdir()) != expected:
        yield f"names: {sorted(path.name for path in names.iterdir())}"
    if set(_there(project.folder).items()) != _held(project):
        yield "files and rows differ"
    partial = project.folder / "data" / "files" / "partial"
    if left := [path.name for path in partial.iterdir()]:
        yield f"left on the way: {left}"
    with project.start_warm(
        warm, ["audit", "invoices", "--read", "--json", "--store", str(project.database)]
    ) as running:
        ended = running.end()
    if ended.code != 0:
        yield f"audit: {json.loads(ended.out)['problems'] if ended.out else ended.err}"


def main() -> int:
    """Sweep all, and tell what came of it."""
    for keyed in (False, True):
        tally = FileSweep(keyed=keyed).run()
        print(f"{'by key' if keyed else 'by validators'}: killed at {sum(tally.points.values())} points")
        for call, number in tally.points.items():
            print(f"  {number:4} {call}")
        print(f"  one invoice was sent whole {tally.most_sent} times at most; {tally.in_between} files were between")
        for fault in tally.faults:
            print(f"  WRONG {fault}")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())

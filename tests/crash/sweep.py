"""A small crawl that is stopped at its n-th write, its n-th sync and so on, n upward until a run ends untouched.

strace counts the system calls and interferes with the n-th: it kills the process there, or lets the call fail with "no
space" or "input/output error". It counts each system call by itself (and each thread, of which one alone uses the
store), so each is swept by itself: the n-th of all of them together would always be a write, of which there are forty
for one sync. Afterwards the same command has to finish the crawl exactly.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

from crawler.testing import SiteProcess
from tests.crash.project import Ended, Project
from tests.crash.proof import lost_between, remains, wrong_at_the_end
from tests.crash.random_kills import settled
from tests.crash.warm import Warm

BOOKS, PER_PAGE, WORKERS = 10, 5, 2  # 12 pages: two lists and ten books
PATIENCE_S = 2.0  #: of a run with a disk that is full
UNTOUCHED_RUNS = 3  #: the number of writes differs a little from run to run: so many in a row must end untouched
KILLED, KEY_FAILED, STORE_FAILED = -9, 2, 6
_WRITES, _SYNCS = ("pwrite64",), ("fsync", "fdatasync")
#: What else makes files other than they were. The question mark: the name may be missing on this kind of processor.
_OTHERS = ("ftruncate", "write", "?rename,?renameat,?renameat2", "?unlink,?unlinkat", "?mkdir,?mkdirat")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is done to the n-th call.

    Attributes:
        name: For the table.
        calls: System calls; each is swept by itself.
        action: strace's word for what happens to it.
        for_good: To all later ones of the same name, too.
    """

    name: str
    calls: tuple[str, ...]
    action: str
    for_good: bool = False


KILL = Kind("SIGKILL", (*_WRITES, *_SYNCS, *_OTHERS), "signal=SIGKILL")
FULL_ONCE = Kind("ENOSPC once", (*_WRITES, *_SYNCS), "error=ENOSPC")
FULL = Kind("ENOSPC for good", (*_WRITES, *_SYNCS), "error=ENOSPC", for_good=True)
BROKEN_ONCE = Kind("EIO once", (*_WRITES, *_SYNCS, "ftruncate"), "error=EIO")
BROKEN = Kind("EIO for good", (*_WRITES, *_SYNCS, "ftruncate"), "error=EIO", for_good=True)
KINDS = (KILL, FULL_ONCE, FULL, BROKEN_ONCE, BROKEN)


@dataclass(slots=True)
class SweepTally:
    """What came of a sweep.

    Attributes:
        points: System call to the number of its calls that were interfered with.
        codes: Exit codes of the disturbed runs.
    """

    points: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    most_repeats: int = 0
    most_logins: int = 0

    @property
    def faults(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.problems]


@cache
def why_not() -> str:
    """Why no sweep can be made on this machine; "" when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = ["strace", "-f", "-o", "/dev/null", "-e", "inject=getppid:error=EIO:when=1", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"strace cannot trace here: {tried.stderr.strip()[-200:]}"


def tracer(kind: Kind, call: str, n: int, project: Project, pid: int) -> list[str]:
    """The command that does *kind* to the n-th *call* of process *pid*; it ends with the process."""
    inject = f"inject={call}:{kind.action}:when={n}{'+' if kind.for_good else ''}"
    trace = str(project.folder / "trace")
    return ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={call}", "-e", inject, "-p", str(pid)]


class Sweep:
    """One kind of disturbance at many points, on a few sites at once."""

    def __init__(self, kind: Kind, *, lanes: int = 2) -> None:
        self._kind, self._lanes = kind, lanes
        self.tally = SweepTally()
        self._lock = threading.Lock()  # guards tally, _untouched and the counting up
        self._untouched: Counter[str] = Counter()  # runs in a row, by call

    def run(self, points: Mapping[str, Iterable[int]] | None = None) -> SweepTally:
        """Disturb some points.

        Args:
            points: System call to the numbers of the calls that are disturbed, in rising order; every one of each of
                the kind's calls when left out.
        """
        chosen = points if points is not None else {call: count(1) for call in self._kind.calls}
        upward = ((call, n) for call, numbers in chosen.items() for n in self._until_untouched(call, numbers))
        with ThreadPoolExecutor(self._lanes) as lanes:
            for lane in [lanes.submit(self._lane, upward) for _ in range(self._lanes)]:
                lane.result()
        return self.tally

    def _until_untouched(self, call: str, numbers: Iterable[int]) -> Iterator[int]:
        """Of *numbers*, those up to the first that no run reaches; the lock is held when the next one is taken."""
        for n in numbers:
            if self._untouched[call] >= UNTOUCHED_RUNS:
                return
            yield n

    def _lane(self, upward: Iterator[tuple[str, int]]) -> None:
        with SiteProcess(books=BOOKS, per_page=PER_PAGE) as site, Warm() as warm:
            while True:
                with self._lock:
                    point = next(upward, None)
                if point is None:
                    return
                with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
                    self._point(*point, site, warm, Path(folder))

    def _point(self, call: str, n: int, site: SiteProcess, warm: Warm, folder: Path) -> None:
        kind, where = self._kind, f"{self._kind.name} at {call} {n}"
        site.reset_record()
        account = site.accounts[0]
        project = Project(folder, site.url, account)
        project.settings.update(workers=WORKERS, login_budget=1000, busy_timeout=PATIENCE_S)
        with project.start_warm(warm, trace=lambda pid: tracer(kind, call, n, project, pid)) as running:
            disturbed = running.end()
        touched = disturbed.code == KILLED or "(INJECTED)" in (folder / "trace").read_text()
        after = remains(project.database)
        record = settled(site)
        repeats = sum(times for url, times in record.hits.items() if "/members/" in url) - sum(after.accepted.values())
        problems = [*after.problems, *self._judged(disturbed, project)]
        if after.ending != "finished":  # otherwise the same command would be a crawl of its own
            with project.start_warm(warm) as running:
                resumed = running.end()
            if resumed.code != 0:
                problems.append(f"the run after it ended with {resumed.code}: {resumed.err[-600:]}")
        found = remains(project.database)
        wrong = wrong_at_the_end(project, found, site.truth.member_items(account.username))
        logins = site.record.logins[account.username]
        if logins > 1 + after.logins[""] + after.logins["failed"]:
            problems.append(f"{logins} logins; recorded were {dict(after.logins)}")
        if repeats > WORKERS:
            problems.append(f"{repeats} pages again with {WORKERS} workers")
        with self._lock:
            tally = self.tally
            self._untouched[call] = 0 if touched else self._untouched[call] + 1
            if touched:
                tally.points[call] += 1
                tally.codes[disturbed.code] += 1
            tally.most_repeats = max(tally.most_repeats, repeats)
            tally.most_logins = max(tally.most_logins, logins)
            tally.lost += [f"{where}: lost {what}" for what in lost_between(after, found)]
            tally.problems += [f"{where}: {what}" for what in problems]
            for what in wrong:
                (tally.doubled if " times" in what else tally.problems).append(f"{where}: {what}")

    def _judged(self, ended: Ended, project: Project) -> Iterator[str]:
        """What is wrong with how the disturbed run ended.

        It may be killed, be done all the same, or end with code 6 and name the file of the store. A key that cannot be
        kept is another matter: without it no login is begun, so that run ends with code 2 and names the key file.
        """
        if ended.code in (0, KILLED if self._kind is KILL else 0):
            return
        key = str(project.folder / "home" / ".config" / "crawl" / "key")
        if ended.code not in (STORE_FAILED, KEY_FAILED):
            yield f"exit code {ended.code}: {ended.err[-600:]}"
        elif (str(project.database) if ended.code == STORE_FAILED else key) not in ended.err:
            yield f"exit code {ended.code}, and the message does not name the file: {ended.err[-600:]}"
        if "Traceback" in ended.err:
            yield f"a traceback: {ended.err[-1500:]}"

"""Power cuts: the writes of a crawl are recorded, and its files rebuilt with any of the unsynced ones missing.

strace records what the thread of the store writes, syncs, cuts and removes, in order, and what the crawl announces as
committed in between. A disk that loses power at the n-th of these steps holds what was synced before for certain; of
what was written since, any part, in pieces of a sector. That is how the files are rebuilt here, as often as wanted; the
crawler opens each.

Assumed of the file system, as of ext4, XFS and Btrfs: a later sync of any file makes the making and removing of files
that came before it last.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from crawler.errors import CrawlError
from crawler.sessions.vault import Vault
from crawler.stores import open_store
from crawler.testing import SiteProcess
from tests.crash.project import CHECKOUT, Project
from tests.crash.proof import Remains, remains

BOOKS, PER_PAGE, WORKERS = 40, 10, 4
MANY_BOOKS = 400  #: so many that the log is brought into the file in the middle of the crawl, and begun anew
SECTOR_BYTES = 512
RECORDED_WITHIN_S = 120.0
MARK = "committed "
_CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,?unlink,?unlinkat"
_LINE = re.compile(r'^(\w+)\((?:AT_FDCWD(?:<[^>]*>)?, )?(?:(\d+)<([^>]*)>|"((?:\\x..)*)")(?:, (.*))?\) += (-?\d+)')


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, in order.

    Attributes:
        what: "write", "cut", "sync", "remove" or "announce".
        path: Of the file; the URL for "announce".
        at: Offset of a write, length after a cut; bytes.
        data: What is written.
    """

    what: str
    path: str
    at: int = 0
    data: bytes = b""


@dataclass
class Recording:
    """A whole crawl, step by step.

    Attributes:
        announced: URLs of the pages in the order in which they were committed.
    """

    steps: list[Step]
    database: Path

    @property
    def announced(self) -> list[str]:
        return [step.path for step in self.steps if step.what == "announce"]


@dataclass
class Disk:
    """Files as a disk may hold them: what is certain, and what was written since the last sync."""

    certain: dict[str, bytearray] = field(default_factory=dict)
    open_steps: list[Step] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Let one more step happen."""
        if step.what == "sync":
            self._last(step.path)
        elif step.what != "announce":
            self.open_steps.append(step)

    def _last(self, path: str) -> None:
        still_open = []
        for step in self.open_steps:
            if step.path == path or step.what == "remove":
                apply(step, self.certain)
            else:
                still_open.append(step)
        self.open_steps = still_open

    def after_a_cut(self, dice: random.Random, share: float) -> dict[str, bytearray]:
        """What is found afterwards: of each open step, a sector or a removal survives with the chance *share*."""
        files = {path: bytearray(data) for path, data in self.certain.items()}
        for step in self.open_steps:
            if step.what == "write":
                for start in range(0, len(step.data), SECTOR_BYTES):
                    if dice.random() < share:
                        part = step.data[start : start + SECTOR_BYTES]
                        apply(Step("write", step.path, step.at + start, part), files)
            elif dice.random() < share:
                apply(step, files)
        return files


def apply(step: Step, files: dict[str, bytearray]) -> None:
    """Change *files* as the step says."""
    if step.what == "remove":
        files.pop(step.path, None)
        return
    data = files.setdefault(step.path, bytearray())
    end = step.at + len(step.data)
    if step.what == "cut":
        del data[end:]
    data.extend(bytes(max(0, end - len(data))))
    if step.what == "write":
        data[step.at : end] = step.data


def record(folder: Path, durability: str, *, books: int = BOOKS) -> Recording:
    """Crawl the practice site under strace.

    Raises:
        AssertionError: The crawl did not end well.
    """
    with SiteProcess(books=books, per_page=PER_PAGE) as site:
        project = Project(folder, site.url, site.accounts[0])
        done = subprocess.run(
            ["strace", "-ff", "-y", "-xx", "-s", "70000", "-qq", "-o", str(folder / "trace"), "-e", f"trace={_CALLS}",
             sys.executable, "-m", "tests.crash.power", site.url, str(project.database), durability],
            cwd=CHECKOUT, env=project.environment, capture_output=True, text=True, timeout=RECORDED_WITHIN_S,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    traces = [path.read_text() for path in folder.glob("trace.*")]
    (of_the_store,) = [trace for trace in traces if "pwrite64(" in trace]  # one thread alone uses the store
    return Recording(list(steps_of(of_the_store, project.database)), project.database)


def steps_of(trace: str, database: Path) -> Iterator[Step]:
    """The steps in a trace that belong to the files of the store, and the announcements."""
    for line in trace.splitlines():
        found = _LINE.match(line)
        if found is None or found[6].startswith("-"):
            continue
        call, path, rest = found[1], found[3] or _bytes(found[4] or "").decode(), found[5] or ""
        path = _bytes(path).decode() if path.startswith("\\x") else path
        text, _, numbers = rest.rpartition('"')
        data = _bytes(text.lstrip('"'))
        if call == "write" and data.startswith(MARK.encode()):
            yield Step("announce", data.decode().removeprefix(MARK).strip())
        elif not path.startswith(str(database)) or path.endswith((".lock", "-shm")):
            continue
        elif call == "pwrite64":
            yield Step("write", path, int(numbers.split(",")[-1]), data)
        elif call == "ftruncate":
            yield Step("cut", path, int(rest))
        elif call in ("fsync", "fdatasync"):
            yield Step("sync", path)
        elif call.startswith("unlink"):
            yield Step("remove", path)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass(slots=True)
class PowerTally:
    """What came of some power cuts.

    Attributes:
        cuts: Moments times tries.
        most_taken: Most committed pages that a cut took away.
    """

    cuts: int = 0
    most_taken: int = 0
    faults: list[str] = field(default_factory=list)


def cut(recording: Recording, moments: Sequence[int], folder: Path, *, full: bool, seed: int = 1) -> PowerTally:
    """Rebuild and look at the files after a power cut at each of *moments*.

    Args:
        moments: Numbers of steps, in rising order; the cut comes right after them.
        full: The crawl ran with ``durability=full``: no announced page may be missing.
    """
    dice, disk, tally = random.Random(seed), Disk(), PowerTally()
    wanted, announced = set(moments), 0
    for number, step in enumerate(recording.steps):
        disk.take(step)
        announced += step.what == "announce"
        if number not in wanted:
            continue
        for share in (0.0, 0.5, 0.9, 1.0):
            where = f"cut after step {number} ({step.what}), {share:.0%} of the unsynced kept"
            found = _look_at(disk.after_a_cut(dice, share), recording, folder)
            tally.cuts += 1
            taken = max(0, announced - len(found.done))
            tally.most_taken = max(tally.most_taken, taken)
            tally.faults += [f"{where}: {what}" for what in _wrong(found, recording)]
            if full and taken:
                tally.faults.append(f"{where}: {taken} committed pages are gone")
    return tally


def _look_at(files: dict[str, bytearray], recording: Recording, folder: Path) -> Remains:
    for suffix in ("", "-wal", "-journal"):
        target, found = folder / f"crawl.db{suffix}", files.get(f"{recording.database}{suffix}")
        target.unlink(missing_ok=True)
        if found is not None:
            target.write_bytes(found)
    found_before = remains(folder / "crawl.db")
    try:
        with closing(open_store(str(folder / "crawl.db"), cipher=Vault([Vault.new_key()]))):
            pass
    except CrawlError as error:
        return replace(found_before, problems=(*found_before.problems, f"the crawler does not open it: {error}"))
    return found_before


def _wrong(found: Remains, recording: Recording) -> Iterator[str]:
    """The store is sound, and holds whole pages: the first so many, each with its items."""
    yield from found.problems
    order = recording.announced
    if found.done != frozenset(order[: len(found.done)]):
        yield f"{len(found.done)} pages are done, and not the first ones"
    books = Counter(item["id"] for item in found.items)
    if books.total() != sum("/book/" in url for url in found.done) or books.total() != len(books):
        yield f"{books.total()} items, {len(books)} different ones, of {len(found.done)} pages"


def moments_of(recording: Recording, count: int, seed: int = 1) -> list[int]:
    """Numbers of steps: all around the syncs and cuts, where it is decided, and as many others as make *count*."""
    steps = recording.steps
    around = {
        near
        for number, step in enumerate(steps)
        if step.what in ("cut", "remove") or (step.what == "sync" and not step.path.endswith("-wal"))
        for near in (number - 1, number, number + 1)
        if 0 <= near < len(steps)
    }
    others = sorted(set(range(len(steps))) - around)
    wanted = max(0, min(count - len(around), len(others)))
    return sorted(around | set(random.Random(seed).sample(others, wanted)))


def main() -> None:
    """The crawl that is recorded: one that announces each page when its transaction is over."""
    from crawler import run
    from crawler.events import Event, PageDone
    from tests.crash.members import Members

    def tell(event: Event) -> None:
        if isinstance(event, PageDone):
            os.write(2, f"{MARK}{event.url}\n".encode())

    site, store, durability = sys.argv[1:]
    settings = {"store": store, "durability": durability, "workers": WORKERS, "processes": 1}
    summary = run(Members, arguments={"site": site}, settings=settings, observers=[tell])
    sys.exit(summary.exit_code)


if __name__ == "__main__":
    main()

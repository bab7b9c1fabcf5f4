"""One long crawl: set up, watched, and compared with the truth."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crawler.testing import SiteProcess
from tests.crash.project import Ended, Project
from tests.crash.proof import remains, wrong_at_the_end
from tests.soak.watch import Watch, median, part

PER_PAGE = 100
MOST_RSS_BYTES = 150_000_000
MOST_GROWTH_BYTES = 30_000_000  #: of the median of the last third over that of the middle third
MOST_MORE_DESCRIPTORS = 8
REVOCATIONS = 5
PARTS_SHOWN = 10
LEAST_S = 20.0  #: in a shorter run all of it is the start, and nothing is said about growth


@dataclass(frozen=True, slots=True)
class Result:
    """How a soak went.

    Attributes:
        faults: What is not as it has to be; empty when all is well.
        lines: Rows of the table: a heading and its value.
    """

    faults: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]


def soak(pages: int, *, processes: int = 2, workers: int = 8, durability: str = "normal") -> Result:
    """Crawl so many pages behind a login with faults switched on.

    Args:
        pages: Books and list pages together, about.
        durability: The setting of that name.
    """
    books = max(PER_PAGE, pages * PER_PAGE // (PER_PAGE + 1))
    revoke_at = tuple(pages * number // (REVOCATIONS + 1) for number in range(1, REVOCATIONS + 1))
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        SiteProcess(
            books=books,
            per_page=PER_PAGE,
            revoke_at=revoke_at,
            rate_503=0.05,
            rate_reset=0.01,
            fault_paths=("/members/",),
            log_limit=0,
        ) as site,
    ):
        project = Project(Path(folder), site.url, site.accounts[0])
        project.settings.update(
            workers=workers,
            processes=processes,
            durability=durability,
            per_host=64,
            retries=20,
            throttle=False,
            login_budget=100,
        )
        began = time.monotonic()
        with project.start() as running:
            watch = Watch(running.pid, every_s=max(0.2, pages / 100_000))
            try:
                ended = running.end(max(120.0, pages / 20))
            finally:
                watch.close()
        return _judged(project, site, ended, watch, time.monotonic() - began)


def _judged(project: Project, site: SiteProcess, ended: Ended, watch: Watch, took_s: float) -> Result:
    username = site.accounts[0].username
    found = remains(project.database)
    record = site.record
    faults = wrong_at_the_end(project, found, site.truth.member_items(username))
    if ended.code != 0:
        faults.append(f"exit code {ended.code}: {ended.err[-800:]}")
    logins = record.logins[username]
    if logins != record.revocations + 1:
        faults.append(f"{logins} logins after {record.revocations} revocations")
    faults += _growth(watch)
    done = len(found.done)
    lines = [
        ("pages, items", f"{done:,}, {len(found.items):,}"),
        ("time", f"{took_s:.0f} s, {done / took_s:.0f} pages a second"),
        ("answers 503, resets", f"{record.statuses[503]:,}, {record.statuses[0]:,}"),
        ("sessions revoked, logins", f"{record.revocations}, {logins}"),
        ("missing, doubled, other", f"{len(faults)} faults"),
        *_sizes(watch),
    ]
    return Result(tuple(faults), tuple(lines))


def _growth(watch: Watch) -> Iterator[str]:
    for pid in watch.pids:
        samples = watch.of(pid)
        most = max(each.rss_bytes for each in samples)
        if most > MOST_RSS_BYTES:
            yield f"process {pid} took {most / 1e6:.0f} MB"
        if samples[-1].at_s - samples[0].at_s < LEAST_S:
            continue
        middle, last = part(samples, 1, of=3), part(samples, 2, of=3)
        grown = median([each.rss_bytes for each in last]) - median([each.rss_bytes for each in middle])
        if grown > MOST_GROWTH_BYTES:
            yield f"process {pid} grew by {grown / 1e6:.0f} MB from the middle third to the last one"
        more = median([each.descriptors for each in last]) - median([each.descriptors for each in middle])
        if more > MOST_MORE_DESCRIPTORS:
            yield f"process {pid} had {more} descriptors more in the last third"


def _sizes(watch: Watch) -> Iterator[tuple[str, str]]:
    for number, pid in enumerate(watch.pids, 1):
        samples = watch.of(pid)
        parts = [part(samples, each, of=PARTS_SHOWN) for each in range(PARTS_SHOWN)]
        memory = ", ".join(f"{median([each.rss_bytes for each in some]) / 1e6:.0f}" for some in parts)
        descriptors = ", ".join(str(median([each.descriptors for each in some])) for some in parts)
        most = max(each.rss_bytes for each in samples) / 1e6
        yield f"process {number}: MB, most", f"{most:.0f}"
        yield f"process {number}: MB in each tenth of the time", memory
        yield f"process {number}: descriptors in each tenth", descriptors

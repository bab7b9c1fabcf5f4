"""Crawls with a login that are killed at random moments, started again, killed again, until they finish."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crawler.testing import Record, SiteProcess
from tests.crash.project import Ended, Project, Running
from tests.crash.proof import Remains, lost_between, remains, wrong_at_the_end
from tests.crash.warm import Warm, WarmRunning

EARLIEST_S, LATEST_S = 0.05, 1.5
MOST_STARTS = 200  #: of one crawl; a crawl that makes no headway is a fault and not a reason to go on for ever
SETTLED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Variant:
    """How one crawl is set up.

    Attributes:
        slow_login: The login pages take as long as the others, so that kills fall into the login, too.
        faults: The server resets and refuses some requests.
        cold: Each start is a new interpreter, whose first second goes into importing.
    """

    workers: int
    books: int
    latency_s: float
    login: str = "redirect"
    durability: str = "normal"
    slow_login: bool = False
    faults: bool = False
    per_page: int = 20
    processes: int = 1
    cold: bool = False

    def __str__(self) -> str:
        words = [f"{self.workers} workers", f"{self.books} books", self.login, self.durability]
        marks = (("slow login", self.slow_login), ("5% faults", self.faults), ("cold", self.cold))
        words += [word for word, on in marks if on]
        return ", ".join(words + ([f"{self.processes} processes"] if self.processes > 1 else []))


VARIANTS = (
    Variant(workers=8, books=240, latency_s=0.05, cold=True),
    Variant(workers=16, books=400, latency_s=0.05, login="soft200"),
    Variant(workers=4, books=12, latency_s=0.4, slow_login=True),
    Variant(workers=4, books=140, latency_s=0.04, durability="full"),
    Variant(workers=8, books=240, latency_s=0.04, faults=True),
    Variant(workers=4, books=600, latency_s=0.04, per_page=200, processes=2),
)


@dataclass(slots=True)
class Tally:
    """What came of some crawls; tallies add up.

    Attributes:
        phases: Where kills fell.
        most_repeats: Most pages of one kill that the server had answered and that were not committed.
        logins: As the server counted them.
        least_logins, most_logins: What is to be expected: one a crawl, and one more for each kill that fell into a
            login (which may or may not have reached the server).
    """

    crawls: int = 0
    kills: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    beyond_workers: list[str] = field(default_factory=list)
    logins: int = 0
    least_logins: int = 0
    most_logins: int = 0
    pages: int = 0
    fetched: int = 0

    def add(self, other: Tally) -> None:
        for name in ("crawls", "kills", "logins", "least_logins", "most_logins", "pages", "fetched"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("lost", "doubled", "problems", "repeats", "beyond_workers"):
            getattr(self, name).extend(getattr(other, name))
        self.phases.update(other.phases)

    @property
    def faults(self) -> list[str]:
        """Everything that breaks the guarantee."""
        found = [*self.lost, *self.doubled, *self.problems, *self.beyond_workers]
        if not self.least_logins <= self.logins <= self.most_logins:
            found.append(f"{self.logins} logins, expected {self.least_logins} to {self.most_logins}")
        return found


def crawl_with_kills(variant: Variant, dice: random.Random, warm: Warm, *, most_kills: int = MOST_STARTS) -> Tally:
    """Run one crawl to its end, killing it at random moments.

    Args:
        most_kills: After so many it is left in peace.
    """
    paths = ("/members/", *(("/login",) if variant.slow_login else ()))
    with (
        tempfile.TemporaryDirectory(prefix="crash-") as folder,
        SiteProcess(
            books=variant.books,
            per_page=variant.per_page,
            latency_s=variant.latency_s,
            login=variant.login,
            fault_paths=paths,
            rate_503=0.03 if variant.faults else 0.0,
            rate_reset=0.02 if variant.faults else 0.0,
        ) as site,
    ):
        account = site.accounts[0]
        project = Project(Path(folder), site.url, account)
        project.settings.update(
            workers=variant.workers,
            per_host=variant.workers * variant.processes,
            durability=variant.durability,
            processes=variant.processes,
            login_budget=1000,
            retries=20,
            throttle=False,
        )
        return _Crawl(variant, site, project, dice, warm).run(most_kills)


class _Crawl:
    """One crawl with its kills; `run` does all of it."""

    def __init__(self, variant: Variant, site: SiteProcess, project: Project, dice: random.Random, warm: Warm) -> None:
        self._variant, self._site, self._project, self._dice, self._warm = variant, site, project, dice, warm
        self._tally = Tally(crawls=1)
        self._seen = Remains()

    def run(self, most_kills: int) -> Tally:
        for _ in range(MOST_STARTS):
            with self._start() as running:
                moment_s = self._dice.uniform(EARLIEST_S, LATEST_S)
                if running.ended_within(moment_s if self._tally.kills < most_kills else 60.0):
                    return self._finished(running.end())
                running.kill()
            self._look_at(moment_s)
            if self._seen.ending == "finished":  # the kill came after the end was recorded
                return self._finished(Ended(0, "", ""))
        self._tally.problems.append(f"{self._variant}: not finished after {MOST_STARTS} starts")
        return self._tally

    def _start(self) -> Running | WarmRunning:
        return self._project.start(prefix=["env"]) if self._variant.cold else self._project.start_warm(self._warm)

    def _look_at(self, moment_s: float) -> None:
        """After a kill: nothing that was there before is gone, and little enough has to be fetched again."""
        tally, name = self._tally, str(self._variant)
        tally.kills += 1
        now = remains(self._project.database)
        record = settled(self._site)
        tally.phases[_phase(self._seen, now)] += 1
        tally.lost += [f"{name}: kill {tally.kills} lost {what}" for what in lost_between(self._seen, now)]
        tally.problems += [f"{name}: kill {tally.kills} at {moment_s:.3f} s: {what}" for what in now.problems]
        hits = sum(count for url, count in record.hits.items() if "/members/" in url)
        answered = hits - tally.fetched
        committed = sum(now.accepted.values()) - sum(self._seen.accepted.values())
        tally.fetched = hits
        if not self._variant.faults:  # with faults, a page is asked for several times within one run, too
            again = answered - committed
            tally.repeats.append(again)
            if again > self._variant.workers * self._variant.processes:
                tally.beyond_workers.append(f"{name}: kill {tally.kills} at {moment_s:.3f} s: {again} pages again")
        self._seen = now

    def _finished(self, ended: Ended) -> Tally:
        tally, name = self._tally, str(self._variant)
        if ended.code != 0:
            tally.problems.append(f"{name}: exit code {ended.code} after {tally.kills} kills: {ended.err[-800:]}")
        found = remains(self._project.database)
        tally.lost += [f"{name}: the last run lost {what}" for what in lost_between(self._seen, found)]
        username = self._site.accounts[0].username
        wrong = wrong_at_the_end(self._project, found, self._site.truth.member_items(username))
        for what in wrong:
            (tally.doubled if " times" in what else tally.problems).append(f"{name}: at the end: {what}")
        record = settled(self._site)
        tally.fetched = sum(count for url, count in record.hits.items() if "/members/" in url)
        tally.pages = len(found.done)
        tally.logins = record.logins[username]
        tally.least_logins, tally.most_logins = 1, 1 + found.logins[""]
        return tally


def _phase(before: Remains, now: Remains) -> str:
    if now.runs == before.runs:
        return "before the run"
    if sum(now.logins.values()) > sum(before.logins.values()) and now.logins[""] > before.logins[""]:
        return "in the login"
    return "among the pages" if now.done != before.done else "before the first commit"


def settled(site: SiteProcess) -> Record:
    """The record when no request of a dead client is being worked on any more."""
    ends = time.monotonic() + SETTLED_WITHIN_S
    while True:
        record = site.record
        if sum(record.requests.values()) == sum(record.hits.values()):
            return record
        if time.monotonic() > ends:
            raise TimeoutError("the practice site is still busy")
        time.sleep(0.01)


def variants() -> Iterator[Variant]:
    """All variants, over and over."""
    while True:
        yield from VARIANTS

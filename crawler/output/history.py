"""How past runs went and where a crawl stands: numbers from the store, for `crawl runs` and `crawl status`."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import Any

from crawler.errors import UsageError
from crawler.output.reasons import short_reason
from crawler.output.run_members import MemberShare, shares_of
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import ALL_RUNS, RunRow, Store
from crawler.stores.told import Counts, Sample
from crawler.urls import printable, redact

KILLED = "killed"  #: it neither ended nor is running: its process was killed, or the machine went down
_STORED_AS = ("", "crashed")  #: the ending of such a run in the store, before and after the next run began
WAS_KILLED = (
    "its process was killed, or the machine went down, before it could say how it went: pages, items and logins are"
    " counted from what is stored, and it counts as ended with its last answer"
)


@quick_dataclass
class PastRun:
    """One line of `crawl runs`.

    Attributes:
        ending: As in the summary; "running", or `KILLED`.
        took_s: Seconds from start to end; until now while it runs, until its last answer when it was killed (None
            without one).
        pages, items, logins: Of this run; if it was killed, what is stored; None while it runs.
        went_on_with: The run whose crawl it continued; None where it began one.
    """

    id: int
    spider: str
    started_at: float
    took_s: float | None
    ending: str
    exit_code: int | None
    resumed: bool
    pages: int | None
    items: int | None
    logins: int | None
    went_on_with: int | None = None

    @property
    def told_ending(self) -> str:
        """``killed``, ``finished (went on with run 2)``."""
        before = "an earlier run" if self.went_on_with is None else f"run {self.went_on_with}"
        return f"{self.ending} (went on with {before})" if self.resumed else self.ending


def ending_of(run: RunRow) -> str:
    """How a run that no process works on ended, for a person."""
    return KILLED if run.ending in _STORED_AS else run.ending


def never_ran(source: Store, spider: str) -> UsageError:
    """The error for a spider that has never run on a store: it says which have."""
    others = sorted({run.spider for run in source.runs.last(limit=1000)})
    known = f"there are runs of: {', '.join(others)}" if others else "nothing has run yet"
    return UsageError(f"{spider} has never run on {source.path}; {known}")


def crawl_runs(source: Store, spider: str) -> list[RunRow]:
    """The runs of the spider's last crawl, oldest first: the last one and those that it resumed. Empty for none."""
    runs = source.runs.last(spider, limit=ALL_RUNS)
    return [run for run in reversed(runs) if run.frontier == runs[0].frontier] if runs else []


def past_runs(source: Store, spider: str | None, *, limit: int) -> list[PastRun]:
    """The last runs, newest first. Of the runs of one spider only its newest can be running."""
    runs = source.runs.last(spider, limit=limit)
    holders: dict[str, str | None] = {}
    found = []
    for run in runs:
        newest = run.spider not in holders
        if newest:
            holders[run.spider] = source.runs.running(run.spider) if run.ended_at is None else None
        found.append(_past(source, run, runs, running=newest and holders[run.spider] is not None))
    return found


def _past(source: Store, run: RunRow, known: Sequence[RunRow], *, running: bool) -> PastRun:
    """*known*: runs, newest first, that may include the one it continued."""
    told, ending = summary_of(run), "running" if running else ending_of(run)
    ended_at = source.now() if running else run.ended_at
    numbers: tuple[int | None, Any, int | None] = told.get("pages"), told.get("items"), told.get("logins")
    if ending == KILLED:
        ended_at = source.log.until(run.id)
        numbers = _stored_by(source, run.id)
    pages, items, logins = numbers
    earlier = (each.id for each in known if each.frontier == run.frontier and each.id < run.id)
    return PastRun(
        id=run.id,
        spider=run.spider,
        started_at=run.started_at,
        took_s=None if ended_at is None else max(0.0, ended_at - run.started_at),
        ending=ending,
        exit_code=run.exit_code,
        resumed=run.resumed,
        pages=pages,
        items=sum(items.values()) if isinstance(items, dict) else None,
        logins=logins,
        went_on_with=next(earlier, None) if run.resumed else None,
    )


def _stored_by(source: Store, run: int) -> tuple[int, dict[str, int], int]:
    """Pages, items by table, and logins of a run that left no numbers."""
    pages, items = source.results.stored_by(run)
    return pages, items, sum(each.outcome == "ok" for each in source.logins.of_run(run))


def goes_on_by(spider: str, run: RunRow) -> str:
    """The command that continues a killed run, with the options that it was begun with."""
    if again := summary_of(run).get("again"):
        return f"crawl run {spider}{again}"
    words = [word for name, value in arguments_of(run).items() for word in ("-a", f"{name}={value}")]
    return " ".join(["crawl", "run", spider, *map(shlex.quote, words)])


def arguments_of(run: RunRow) -> dict[str, str]:
    """The arguments that ``-a`` gave to a run."""
    try:
        found = json.loads(run.args or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def summary_of(run: RunRow) -> dict[str, Any]:
    """The stored summary of a run; empty while it has none."""
    try:
        found = json.loads(run.summary or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@quick_dataclass
class Status:
    """Where the last crawl of a spider stands.

    Attributes:
        run: Its newest run.
        holder: Who runs it now, or None.
        counts: Requests by state, pages and items of the whole crawl.
        waiting_by: Host to waiting requests.
        failed_by: Last error to failed requests.
        skipped_by: Rule to skipped requests.
        next_due: When the next request may be sent, seconds since 1970; None when nothing waits, or at once.
        notes: What the last run said at its end: why a session could not log in, and what to type.
        next_command: What it suggested typing next, "" for nothing.
        sessions: Keys of the sessions that it had; None while it says nothing about them.
        retried_by: Error to how often something was tried again because of it.
        examples: Short reason of a failure, rule, or error of `retried_by`, to the URL of one such request.
        dropped_by: Reason to items that `on_item` left out in the last run.
        members: Those of its newest run, where several processes work on it or have.
        warned_by: What was odd about pages (lost characters, items kept aside ...) to how many, and the URL of one.
    """

    spider: str
    run: PastRun
    holder: str | None
    counts: Counts
    waiting_by: Mapping[str, int]
    failed_by: Mapping[str, int]
    skipped_by: Mapping[str, int]
    next_due: float | None
    warned_by: Mapping[str, tuple[int, str]]
    notes: Sequence[str]
    next_command: str
    sessions: Sequence[str] | None
    retried_by: Mapping[str, int] = field(default_factory=dict)
    dropped_by: Mapping[str, int] = field(default_factory=dict)
    members: Sequence[MemberShare] = ()
    examples: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        states = ("known", "waiting", "leased", "done", "failed", "skipped", "parked", "pages", "items")
        return {
            "spider": self.spider,
            "run": self.run.id,
            "ending": self.run.ending,
            "running": self.holder,
            **{name: getattr(self.counts, name) for name in states},
            "waiting_by": dict(self.waiting_by),
            "failed_by": dict(self.failed_by),
            "skipped_by": dict(self.skipped_by),
            "retried_by": dict(self.retried_by),
            "dropped_by": dict(self.dropped_by),
            "examples": dict(self.examples),
            "members": [asdict(each) for each in self.members],
            "next_due": self.next_due,
            "notes": list(self.notes),
            "next_command": self.next_command,
            "warned_by": {text: {"pages": count, "example": url} for text, (count, url) in self.warned_by.items()},
        }


def status(source: Store, spider: str) -> Status | None:
    """Where *spider* stands; None when it has never run on this store."""
    past = past_runs(source, spider, limit=1)
    if not past:
        return None
    newest = source.runs.last(spider, limit=1)[0]
    frontier, told, holder = newest.frontier, summary_of(newest), source.runs.running(spider)
    due, counts = source.leases.next_due(frontier), source.frontier.counts(frontier)
    failed, skipped, retried = _samples(source, frontier)
    return Status(
        spider=spider,
        run=past[0],
        holder=holder,
        counts=counts,
        waiting_by=source.frontier.waiting_by(frontier),
        failed_by=source.reports.failed_by(frontier),
        skipped_by={each.kind: each.count for each in skipped} or source.frontier.skipped_by(frontier),
        retried_by={each.kind: each.count for each in retried},
        dropped_by=_counts(told.get("dropped")),
        members=shares_of(source, newest.id),
        examples={
            each.kind if each not in failed else short_reason(each.kind): printable(redact(each.url))
            for each in (*retried, *failed, *skipped)
        },
        next_due=due if due is not None and due > source.now() and counts.waiting else None,  # not that of a lease
        warned_by=source.reports.warned_by(frontier),
        notes=[] if holder else [*([WAS_KILLED] if past[0].ending == KILLED else []), *told_of(told)],
        next_command=_next_command(newest, past[0]),
        sessions=None if told.get("sessions") is None else _texts(told["sessions"]),
    )


def _next_command(run: RunRow, past: PastRun) -> str:
    """What is to be typed after the newest run of a spider; "" while it runs."""
    if past.ending == "running":
        return ""
    if past.ending == KILLED:
        return goes_on_by(run.spider, run)
    return str(summary_of(run).get("next_command") or "")


def past_run(source: Store, run: RunRow) -> PastRun:
    """One run; its spider's lock says whether it is running."""
    known = source.runs.last(run.spider, limit=ALL_RUNS)
    newest = known[0].id == run.id
    running = newest and run.ended_at is None and source.runs.running(run.spider) is not None
    return _past(source, run, known, running=running)


def told_of(summary: Mapping[str, Any]) -> list[str]:
    """What a summary says about how the run went: first why it was not good, then the rest."""
    why = str(summary.get("why") or "")
    return [
        *_mended(summary.get("mended")),
        *([why] if why else []),
        *_texts(summary.get("messages")),
        *_texts(summary.get("notes")),
    ]


def _mended(found: Any) -> list[str]:
    """A note that pages of the crawl were written anew after its end: the summary is from before that."""
    if not isinstance(found, dict):
        return []
    pages, at = int(found.get("pages", 0)), time.strftime("%Y-%m-%d %H:%M", time.localtime(float(found.get("at", 0))))
    return [f"mended since: `crawl parse --write` corrected {pages:,} pages ({at}); figures and texts are from before"]


def _counts(found: Any) -> dict[str, int]:
    return {str(name): int(count) for name, count in found.items()} if isinstance(found, dict) else {}


def _texts(found: Any) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []


def _samples(source: Store, frontier: int) -> tuple[Sequence[Sample], Sequence[Sample], Sequence[Sample]]:
    """What failed, was left out, and was tried again, with examples."""
    failed, skipped = source.reports.ended_samples(frontier)
    return failed, skipped, source.reports.retried_samples(frontier)

"""Frozen facts, told to observers after they are committed; and the Summary of a run.

Observers are plain callables ``observer(event)``. They run on the scheduler's thread between two commits: keep them
short. An observer that raises is reported once and no longer called; it never stops the crawl.

An observer may have an attribute `ignores`: event classes that it does nothing with. A `PageDone` that all observers
ignore is not even created, which matters when there are thousands of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, field, replace
from typing import Any, Protocol

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.records import Change

__all__ = [
    "Event",
    "LoginEnded",
    "LoginStarted",
    "Observer",
    "PageDone",
    "PageFailed",
    "PageRetried",
    "Progress",
    "ReadsResults",
    "RunEnded",
    "RunStarted",
    "SessionParked",
    "SlotPaused",
    "Summary",
    "Warned",
]


@quick_dataclass
class Event:
    """Base of all events. `at` is seconds since 1970."""

    at: float


@quick_dataclass
class RunStarted(Event):
    """A run has begun; `resumed` when it continues with the frontier of an earlier one."""

    run: int
    spider: str
    resumed: bool
    waiting: int


@quick_dataclass
class PageDone(Event):
    """A page is committed, with its items and links. An unchanged one has status 304, or 0 when it was not requested.

    Its request was sent at `sent_at` (seconds since 1970; 0 when none was), and answered within `elapsed_ms`.
    """

    url: str
    status: int
    session: str
    items: int
    found: int
    size_bytes: int
    elapsed_ms: float
    sent_at: float = 0.0


@quick_dataclass
class PageRetried(Event):
    """A page goes back to the frontier for another try."""

    url: str
    error: str
    attempt: int
    wait_s: float
    sent_at: float = 0.0
    elapsed_ms: float = 0.0


@quick_dataclass
class PageFailed(Event):
    """A page failed for good; `crawl retry` tries it again."""

    url: str
    error: str
    status: int
    sent_at: float = 0.0
    elapsed_ms: float = 0.0


@quick_dataclass
class LoginStarted(Event):
    """A session begins to log in; or, with `renews`, a page of the app begins to renew it, without a login."""

    session: str
    reason: str
    renews: bool = False


@quick_dataclass
class LoginEnded(Event):
    """A login ended: outcome is "ok", "restored" (stored cookies were good), "renewed" (by a page of the app),
    "refused", "failed" or "human".
    """

    session: str
    outcome: str
    epoch: int
    elapsed_ms: float
    detail: str = ""


@quick_dataclass
class SessionParked(Event):
    """A session waits for a person; `command` continues it."""

    session: str
    why: str
    command: str


@quick_dataclass
class SlotPaused(Event):
    """A host is left alone until a given moment (Retry-After, circuit breaker)."""

    slot: str
    until: float
    why: str


@quick_dataclass
class Warned(Event):
    """Something that a person should know; `where` is a URL or a part."""

    where: str
    message: str


@quick_dataclass
class Progress(Event):
    """How far the run has got; sent a few times a second while something happens.

    `whole` is False in a worker that joined the run: `pages`, `items` and `logins` are those of that process alone.
    """

    pages: int
    waiting: int
    failed: int
    items: int
    logins: int
    pages_per_s: float
    whole: bool = True


@quick_dataclass
class RunEnded(Event):
    """The run is over; its summary is stored."""

    summary: Summary


Observer = Callable[[Event], None]


class ReadsResults(Protocol):
    """The results of a spider (`crawler.results`)."""

    def rows(self, table: str | None = None) -> Iterator[dict[str, Any]]: ...

    def frame(self, table: str | None = None) -> Any: ...

    def changes(self, *, table: str | None = None) -> list[Change]: ...


def _without_results(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if name != "results"}


@quick_dataclass(frozen=False)
class Summary:
    """How a run went. `exit_code` follows the table in the reference (errors and exit codes).

    Attributes:
        ending: "finished", "failures", "nothing", "no items", "less than before", "limit", "interrupted", "terminated",
            "login failed", "needs human", "usage", "store"; "running" until then; "skipped" where another process
            runs the spider; "replaced" for a worker whose files are of another version by now.
        reason: The same more exactly, as a short word for programs, such as "off-site"; "" after a good run.
        why: The same for a person, in one sentence; "" where `messages` say it.
        pages: Pages committed by this run (all its processes).
        unchanged: Those of them that were as an earlier crawl had seen them: what they gave then counts for this one.
        not_asked: Those unchanged pages that were not even requested, since they were fresh (`max_age`, Cache-Control).
        items: Items of this run, by table, with those of unchanged pages.
        changes: Kind of item with a key to how many of its records the crawl found "new", "changed", "gone" and "back".
        complete: Every page was handled: records that this crawl did not meet are gone. Always False without records.
        dropped: Reason to number of items that `on_item` left out in this run.
        rejected: What callbacks yielded that was no valid item; `crawl items rejected` lists it.
        files: Files of this run: "new", "changed", "unchanged" (the server said so), "held" (the server was not asked).
        known, waiting, failed, skipped, parked: Requests of the frontier by state, now.
        processes: Processes that took part.
        retried: Tries of pages beyond the first one.
        logins: Logins that this run made.
        restored: Sessions that were proved good with stored cookies, without a login.
        renewed: How often a page of the app renewed a session, without a login.
        rechecked: Suspect pages that were fetched again.
        stopped_by: For "limit": which one.
        skipped_by: Rule to number of skipped requests.
        examples: Rule, or error as in `errors`, to the URL of one such request.
        causes: Why requests of the crawl failed, most first: "cause", "count", and the "url" of one of them.
        callbacks: Callback to what it brought in this run: "pages", "items", "requests".
        seen: Table to items of this run whose fields were looked at.
        filled: Table to field to items of this run in which it was filled.
        crawl: Pages, items and filled fields of the whole crawl; what later crawls are compared with.
        shortfalls: In what respects it brought less than the crawls before it, or than was asked for.
        accepted: A person said that its results are right; the crawls before it no longer count.
        notes: What should be reported even after a good run, such as a callback that yielded nothing.
        sessions: Keys of the sessions that it had, as `crawl sessions list` shows them.
        next_command: What a person may type next, "" for nothing.
        again: The options needed by a command that continues this run, such as `` -a day=mon --store x.db``.
    """

    spider: str
    run: int = 0
    ending: str = "running"
    exit_code: int = 0
    resumed: bool = False
    pages: int = 0
    unchanged: int = 0
    not_asked: int = 0
    items: dict[str, int] = field(default_factory=dict)
    changes: dict[str, dict[str, int]] = field(default_factory=dict)
    complete: bool = False
    rejected: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    known: int = 0
    waiting: int = 0
    failed: int = 0
    skipped: int = 0
    parked: int = 0
    retried: int = 0
    processes: int = 1
    size_bytes: int = 0
    logins: int = 0
    restored: int = 0
    renewed: int = 0
    rechecked: int = 0
    elapsed_s: float = 0.0
    pages_per_s: float = 0.0
    stopped_by: str = ""
    reason: str = ""
    why: str = ""
    skipped_by: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    causes: list[dict[str, Any]] = field(default_factory=list)
    callbacks: dict[str, dict[str, int]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    filled: dict[str, dict[str, int]] = field(default_factory=dict)
    crawl: dict[str, Any] = field(default_factory=dict)
    shortfalls: list[str] = field(default_factory=list)
    accepted: bool = False
    notes: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    next_command: str = ""
    again: str = ""
    store: str = ""
    results: ReadsResults | None = field(default=None, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, in the order of the fields."""
        return asdict(replace(self, results=None), dict_factory=_without_results)

    def rows(self, table: str | None = None) -> Iterator[dict[str, Any]]:
        """The current results: existing records, and the last crawl's items without a key; see `crawler.results`.

        Args:
            table: One kind of item; all kinds when left out.
        """
        return self._read().rows(table)

    def frame(self, table: str | None = None) -> Any:
        """`rows` as a pandas DataFrame, where pandas is installed."""
        return self._read().frame(table)

    def changed(self, table: str | None = None) -> list[Change]:
        """What this crawl found new, changed, gone and back."""
        return self._read().changes(table=table)

    def _read(self) -> ReadsResults:
        if self.results is None:
            raise UsageError(f"this summary of {self.spider} came without its store; ask crawler.results(...)")
        return self.results

    @property
    def item_count(self) -> int:
        return sum(self.items.values())

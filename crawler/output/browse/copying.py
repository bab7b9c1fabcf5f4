"""What `crawl browse` shows: copies in a folder of their own, without the store's secrets.

Datasette lets its users run any SQL. A rule that hides columns would have to withstand all of it; a secret that is not
in the file cannot be queried. So the results are exported, and the crawl's own tables are written anew from what may be
shown: no cookies, headers, bodies, sealed states or stored requests; and addresses are masked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from crawler.errors import UsageError
from crawler.output.changes import key_text
from crawler.output.export.pipeline import Target, export
from crawler.output.export.tables import add_search, add_table, columns_of, facets_of, mask_addresses
from crawler.output.export.values import json_text
from crawler.output.export.what import ExportChoice
from crawler.output.history import past_runs, summary_of, told_of
from crawler.output.report.answer_log import host_part
from crawler.output.report.document import report_page
from crawler.output.report.gathering import Report, gather
from crawler.quick_dataclass import quick_dataclass
from crawler.selection import Selection
from crawler.sessions.secrets import hide
from crawler.stores.base import Store
from crawler.urls import printable, redact

MOST_ANSWERS = 20_000  #: newest lines of the page log that are shown
MOST_CHANGES = 100_000
CRAWLS = 30  #: newest ones whose changes are shown
RUNS = 1_000


@quick_dataclass
class Copies:
    """What is served.

    Attributes:
        files: Database files: the results, and the runs.
        charts: The report, as a page.
        facets: File stem to table to columns that divide its rows into groups.
        searched: Table to columns with full-text search.
        made_at: Seconds since 1970.
    """

    spider: str
    files: Sequence[Path]
    charts: str
    facets: dict[str, dict[str, list[str]]]
    searched: dict[str, list[str]]
    made_at: float


def copy_for_browsing(source: Store, spider: str, folder: Path, *, search: Sequence[str] = ()) -> Copies | None:
    """Write the copies into *folder*, which is used for nothing else. None where the spider never ran on this store.

    Args:
        search: Fields whose texts are to be searchable.
    Raises:
        UsageError: No table of results has such a field.
        OSError: The folder cannot be written.
    """
    report = gather(source, spider)
    if report is None:
        return None
    results, runs = folder / "results.db", folder / "runs.db"
    export(source, ExportChoice(Selection(spider), origin=True), Target(str(results), "sqlite", force=True))
    mask_addresses(results, lambda text: redact(str(text)))
    fields = {name for columns in columns_of(results).values() for name in columns}
    missing = [name for name in search if name not in fields]
    if missing:
        raise UsageError(f"--search {', '.join(missing)}: no such field; there are: {', '.join(sorted(fields))}")
    _write_runs(source, spider, runs, report)
    facets = {path.stem: facets_of(path) for path in (results, runs)}
    searched = add_search(results, search) if search else {}
    return Copies(spider, [results, runs], report_page(report), facets, searched, source.now())


def _write_runs(source: Store, spider: str, path: Path, report: Report) -> None:
    """The crawl's own tables."""
    for table, columns, rows in _tables(source, spider, report):
        add_table(path, table, columns, ([_told(cell) for cell in row] for row in rows))


Rows = Iterable[Sequence[Any]]


def _tables(source: Store, spider: str, report: Report) -> Iterator[tuple[str, Sequence[str], Rows]]:
    runs = source.runs.last(spider, limit=RUNS)
    told = {run.id: told_of(summary_of(run)) for run in runs}
    yield (
        "runs",
        ("run", "crawl", "started", "took_s", "ending", "exit_code", "resumed", "pages", "items", "logins", "why"),
        [
            (
                each.id, run.frontier, _time(each.started_at), each.took_s, each.ending, each.exit_code,
                int(each.resumed), each.pages, each.items, each.logins, "\n".join(told[run.id]),
            )
            for run, each in zip(runs, past_runs(source, spider, limit=RUNS), strict=True)
        ],
    )  # fmt: skip
    yield "pages", ("run", "at", "host", "url", "verdict", "status", "ms"), _pages(source, [run.id for run in runs])
    yield (
        "failed",
        ("crawl", "cause", "requests", "such_as"),
        [(runs[0].frontier, each.text, each.count, each.url) for each in report.causes],
    )
    yield "skipped", ("crawl", "rule", "requests", "such_as"), _skipped(source, runs[0].frontier)
    yield (
        "logins",
        ("run", "session", "started", "ended", "outcome", "found_logged_out"),
        [
            (run.id, each.name, _time(each.started_at), _time(each.ended_at), each.outcome, _time(each.expired_at))
            for run in runs[:100]
            for each in source.logins.of_run(run.id)
        ],
    )
    yield (
        "sessions",
        ("session", "state", "logins", "last_login", "last_proof"),
        [
            (each.name, each.state, each.epoch, _time(each.logged_in_at), _time(each.proved_at))
            for each in report.sessions
        ],
    )
    yield (
        "changes",
        ("crawl", "at", "table", "key", "kind", "field", "old", "new", "url"),
        _changes(source, spider, list(dict.fromkeys(run.frontier for run in runs))[:CRAWLS]),
    )


def _pages(source: Store, runs: Sequence[int]) -> Rows:
    """The newest lines of the page log, newest first."""
    left = MOST_ANSWERS
    for run in runs:
        if left <= 0:
            return
        newest = deque(source.log.answers(run), maxlen=left)
        left -= len(newest)
        for each in reversed(newest):
            yield run, _time(each.at), host_part(each.url), each.url, each.verdict, each.status, each.ms


def _skipped(source: Store, frontier: int) -> Rows:
    for each in source.reports.ended_samples(frontier)[1]:
        yield frontier, each.kind, each.count, each.url


def _changes(source: Store, spider: str, crawls: Sequence[int]) -> Rows:
    """What each of these crawls has changed."""
    found = (change for crawl in crawls for change in source.records.changes(spider, crawls=(crawl, crawl)))
    for change in islice(found, MOST_CHANGES):
        head = (change.crawl, _time(change.at), change.table, key_text(change), change.kind)
        for name, (old, new) in (change.fields or {"": (None, None)}).items():
            yield (*head, name, _value(old), _value(new), change.url)


def _value(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else json_text(value)


def _told(cell: Any) -> Any:
    """A cell as it may be shown."""
    return printable(hide(cell)) if isinstance(cell, str) else cell


def _time(at: float | None) -> str | None:
    """``2026-11-29 03:00:12`` in the zone of this machine: text that sorts well and is readable."""
    return None if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))

"""Whether the last crawl of a spider adds up: every request accounted for; states, page log and results consistent.

The store recounts its rows; here the crawl is looked up, and the findings become lines and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crawler.errors import AlreadyRunning
from crawler.output.held_files import FileAudit, audit_files
from crawler.output.history import crawl_runs
from crawler.pages.file_folder import FileFolder
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base import Store

STATES = ("done", "failed", "skipped", "parked", "waiting", "leased")


@quick_dataclass
class AuditResult:
    """What an audit found.

    Attributes:
        spider: Its name.
        runs: Ids of the runs of the crawl, oldest first.
        states: State to number of requests; together they are all that were ever known.
        pages, items: Accepted pages and item rows of the crawl.
        failed_by: Reason to number of failed requests.
        skipped_by: Rule to number of skipped requests.
        problems: What does not add up, one line each; empty when all is well.
        files: How its files and their rows agree.
    """

    spider: str
    runs: tuple[int, ...]
    states: Mapping[str, int]
    pages: int
    items: int
    failed_by: Mapping[str, int]
    skipped_by: Mapping[str, int]
    problems: tuple[str, ...]
    files: FileAudit

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "spider": self.spider,
            "ok": self.ok,
            "runs": list(self.runs),
            "known": sum(self.states.values()),
            **self.states,
            "pages": self.pages,
            "items": self.items,
            "failed_by": dict(self.failed_by),
            "skipped_by": dict(self.skipped_by),
            "files": self.files.as_dict(),
            "problems": list(self.problems),
        }


def audit(source: Store, spider: str, folder: FileFolder | None = None, *, read: bool = False) -> AuditResult | None:
    """Audit the last crawl of *spider*; None when it has never run. Takes seconds per million requests.

    Args:
        folder: Check the files in it, too.
        read: Read the files, and compare their hashes.
    Raises:
        AlreadyRunning: The spider is running: the figures would change while they are read.
    """
    runs = crawl_runs(source, spider)
    if not runs:
        return None
    holder = source.runs.running(spider)
    if holder is not None:
        raise AlreadyRunning(spider, holder)
    found = source.care.audit(runs[0].frontier)
    counts = found.counts
    files = FileAudit(0, 0) if folder is None else audit_files(source.files, folder, spider, read=read)
    return AuditResult(
        spider=spider,
        runs=tuple(run.id for run in runs),
        states={name: getattr(counts, name) for name in STATES},
        pages=counts.pages,
        items=counts.items,
        failed_by=found.failed,
        skipped_by=found.skipped,
        problems=(*found.problems, *files.problems),
        files=files,
    )

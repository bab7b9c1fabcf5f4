"""What the output room needs of a store: reading, by one thread. `stores.base.Store` has all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol


class Run(Protocol):
    """One execution of a spider (`stores.base.RunRow`)."""

    @property
    def id(self) -> int: ...
    @property
    def spider(self) -> str: ...
    @property
    def frontier(self) -> int: ...
    @property
    def resumed(self) -> bool: ...
    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def ending(self) -> str: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def summary(self) -> str: ...


class CountsRow(Protocol):
    """Requests of a frontier by state, and what was committed for it (`stores.told.Counts`)."""

    @property
    def waiting(self) -> int: ...
    @property
    def leased(self) -> int: ...
    @property
    def done(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def parked(self) -> int: ...
    @property
    def known(self) -> int: ...
    @property
    def pages(self) -> int: ...
    @property
    def items(self) -> int: ...


class Recount(Protocol):
    """What the store found when it counted everything anew (`stores.told.Audit`)."""

    @property
    def counts(self) -> CountsRow: ...
    @property
    def failed(self) -> Mapping[str, int]: ...
    @property
    def skipped(self) -> Mapping[str, int]: ...
    @property
    def problems(self) -> Sequence[str]: ...


class SampleRow(Protocol):
    """Requests with one thing in common (`stores.told.Sample`)."""

    @property
    def kind(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def url(self) -> str: ...


class RunSource(Protocol):
    """Runs, to read from (`stores.base.RunStore`)."""

    def last(self, spider: str | None = None, *, limit: int = 20) -> Sequence[Run]:
        """Newest first."""

    def get(self, run: int) -> Run:
        """One run, by its number."""

    def running(self, spider: str) -> str | None:
        """Who runs the spider now, or None."""


class FrontierSource(Protocol):
    """Requests of crawls, to read from (`stores.base.FrontierStore`)."""

    def counts(self, frontier: int) -> CountsRow: ...

    def skipped_by(self, frontier: int) -> Mapping[str, int]:
        """Rule to number of requests that it refused, most first."""

    def waiting_by(self, frontier: int) -> Mapping[str, int]:
        """Slot to number of waiting requests, most first."""


class LeaseSource(Protocol):
    """What is about to be sent (`stores.base.LeaseStore`)."""

    def next_due(self, frontier: int) -> float | None: ...


class ResultTables(Protocol):
    """Results by kind (`stores.base_results.ResultStore`)."""

    def tables(self) -> Mapping[str, int]: ...


class ReportSource(Protocol):
    """What became of a crawl, by cause (`stores.base_results.ReportStore`)."""

    def failed_by(self, frontier: int) -> Mapping[str, int]:
        """Last error to number of failed requests, most first."""

    def warned_by(self, frontier: int) -> Mapping[str, tuple[int, str]]:
        """Warning, numbers left out, to number of pages and the address of one of them, most first."""

    def ended_samples(self, frontier: int) -> tuple[Sequence[SampleRow], Sequence[SampleRow]]:
        """Failed and skipped requests by error and rule, most first."""

    def retried_samples(self, frontier: int) -> Sequence[SampleRow]:
        """What was tried again, by error, most first."""


class CareSource(Protocol):
    """The database, looked after (`stores.base_results.CareStore`)."""

    def audit(self, frontier: int) -> Recount:
        """Count everything about a frontier anew."""


class FileSource(Protocol):
    """The files that are held (`stores.base_results.FileStore`)."""

    def all(self, spider: str | None = None) -> Iterator[Any]:
        """Every version of every file that is held, oldest first (`output.held_files.Held`)."""


class LoggedAnswer(Protocol):
    """One line of the page log (`stores.told.LogLine`)."""

    @property
    def at(self) -> float: ...
    @property
    def url(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def ms(self) -> float: ...


class ToldTrouble(Protocol):
    """A line of the page log that tells of an error (`stores.told.Trouble`)."""

    @property
    def at(self) -> float: ...
    @property
    def url(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def error(self) -> str: ...


class RunMember(Protocol):
    """One process that works, or has worked, on a run (`stores.told_runs.MemberRow`)."""

    @property
    def number(self) -> int: ...
    @property
    def process(self) -> str: ...
    @property
    def gone(self) -> str: ...
    @property
    def counted(self) -> str: ...


class MemberSource(Protocol):
    """Who works on runs."""

    def of(self, run: int) -> Sequence[RunMember]: ...


class ValueSource(Protocol):
    """Small things by name (`stores.base.ValueStore`)."""

    def beginning(self, prefix: str) -> Mapping[str, Any]:
        """All values whose names begin so."""


class LogSource(Protocol):
    """The page log, read for pictures (`stores.base_results.LogStore`)."""

    def answers(self, run: int) -> Iterator[LoggedAnswer]:
        """The page log of a run, oldest first."""

    def last_troubles(self, run: int, *, limit: int) -> Sequence[ToldTrouble]:
        """The last answers of a run that failed or are tried again, newest first."""

    def statuses(self, runs: Sequence[int]) -> Mapping[int, Mapping[int, int]]:
        """Run to status (0: no answer) to how many answers had it."""


class Source(Protocol):
    """A store to read from."""

    @property
    def path(self) -> str: ...

    def now(self) -> float: ...

    @property
    def runs(self) -> RunSource: ...
    @property
    def frontier(self) -> FrontierSource: ...
    @property
    def leases(self) -> LeaseSource: ...
    @property
    def results(self) -> ResultTables: ...
    @property
    def files(self) -> FileSource: ...
    @property
    def reports(self) -> ReportSource: ...
    @property
    def members(self) -> MemberSource: ...
    @property
    def values(self) -> ValueSource: ...
    @property
    def log(self) -> LogSource: ...
    @property
    def care(self) -> CareSource: ...


MOST_RUNS = 1_000_000  #: "all of them": a run each minute for two years


def crawl_runs(source: Source, spider: str) -> list[Run]:
    """The runs of the spider's last crawl, oldest first: the last one and those that it resumed. Empty for none."""
    runs = source.runs.last(spider, limit=MOST_RUNS)
    return [run for run in reversed(runs) if run.frontier == runs[0].frontier] if runs else []

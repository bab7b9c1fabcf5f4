"""What the output room needs of a store: reading, by one thread. `stores.base.Store` has all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


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


class Counts(Protocol):
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
    def counts(self) -> Counts: ...
    @property
    def failed(self) -> Mapping[str, int]: ...
    @property
    def skipped(self) -> Mapping[str, int]: ...
    @property
    def problems(self) -> Sequence[str]: ...


class Source(Protocol):
    """A store to read from."""

    @property
    def path(self) -> str: ...

    def now(self) -> float: ...

    def runs(self, spider: str | None = None, *, limit: int = 20) -> Sequence[Run]:
        """Newest first."""

    def running(self, spider: str) -> str | None:
        """Who runs the spider now, or None."""

    def counts(self, frontier: int) -> Counts: ...

    def skipped_by(self, frontier: int) -> Mapping[str, int]:
        """Rule to number of requests that it refused, most first."""

    def next_due(self, frontier: int) -> float | None: ...

    def tables(self) -> Mapping[str, int]: ...

    def files(self, spider: str | None = None) -> Iterator[Any]:
        """Every version of every file that is held (`output.files.Held`)."""

    def audit(self, frontier: int) -> Recount:
        """Count everything about a frontier anew."""


@runtime_checkable
class KnowsReasons(Protocol):
    """A store that can tell quickly why requests failed."""

    def failed_by(self, frontier: int) -> Mapping[str, int]:
        """Last error to number of failed requests, most first."""


@runtime_checkable
class KnowsWarnings(Protocol):
    """A store that can tell what was odd about pages."""

    def warned_by(self, frontier: int) -> Mapping[str, tuple[int, str]]:
        """Warning, numbers left out, to number of pages and the address of one of them, most first."""


class Sample(Protocol):
    """Requests with one thing in common (`stores.told.Sample`)."""

    @property
    def kind(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def url(self) -> str: ...


@runtime_checkable
class KnowsSamples(Protocol):
    """A store that can give examples."""

    def ended_samples(self, frontier: int) -> tuple[Sequence[Sample], Sequence[Sample]]:
        """Failed and skipped requests by error and rule, most first."""

    def retried_samples(self, frontier: int) -> Sequence[Sample]:
        """What was tried again, by error, most first."""


@runtime_checkable
class KeepsSamples(Protocol):
    """A store that keeps pages to look at (`stores.told.KeptSample`)."""

    def samples(self, spider: str) -> Sequence[Any]:
        """Those of a spider, newest first."""

    def sample(self, number: int) -> Any:
        """One of them, by its number, or None."""


@runtime_checkable
class KnowsHosts(Protocol):
    """A store that can tell for whom requests wait."""

    def waiting_by(self, frontier: int) -> Mapping[str, int]:
        """Slot to number of waiting requests, most first."""


class Answered(Protocol):
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


@runtime_checkable
class KnowsAnswers(Protocol):
    """A store whose page log can be read for pictures."""

    def answers(self, run: int) -> Iterator[Answered]:
        """The page log of a run, oldest first."""

    def statuses(self, runs: Sequence[int]) -> Mapping[int, Mapping[int, int]]:
        """Run to status (0: no answer) to how many answers had it."""


MOST_RUNS = 1_000_000  #: "all of them": a run each minute for two years


def crawl_runs(source: Source, spider: str) -> list[Run]:
    """The runs of the spider's last crawl, oldest first: the last one and those that it resumed. Empty for none."""
    runs = source.runs(spider, limit=MOST_RUNS)
    return [run for run in reversed(runs) if run.frontier == runs[0].frontier] if runs else []

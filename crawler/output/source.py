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


class Counts(Protocol):
    """Requests of a frontier by state, and what was committed for it (`stores.base.Counts`)."""

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

    def failed_by(self, frontier: int) -> Mapping[str, int]:
        """Last error to number of failed requests, most first."""

    def skipped_by(self, frontier: int) -> Mapping[str, int]:
        """Rule to number of requests that it refused, most first."""

    def waiting_by(self, frontier: int) -> Mapping[str, int]:
        """Slot to number of waiting requests, most first."""

    def next_due(self, frontier: int) -> float | None: ...

    def tables(self) -> Mapping[str, int]: ...

    def rows(self, table: str, *, run: int | None = None) -> Iterator[dict[str, Any]]: ...

    def pages(self, frontier: int) -> Iterator[Mapping[str, Any]]: ...

    def audit(self, frontier: int) -> Sequence[str]:
        """What is wrong with the rows of a frontier, one line each."""


MOST_RUNS = 1_000_000  #: "all of them": a run each minute for two years


def crawl_runs(source: Source, spider: str) -> list[Run]:
    """The runs of the spider's last crawl, oldest first: the last one and those that it resumed. Empty for none."""
    runs = source.runs(spider, limit=MOST_RUNS)
    return [run for run in reversed(runs) if run.frontier == runs[0].frontier] if runs else []

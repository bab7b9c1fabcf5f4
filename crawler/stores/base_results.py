"""What a store must do with what pages have brought: results, records, files, kept pages, and reports on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from crawler.outcome import FileRow, Found, KeptPage, Leased, Outcome
from crawler.records import Change, Unmet
from crawler.selection import Column, Portion, Selection
from crawler.stores.told import Audit, HeldFile, KeptSample, LogLine, Sample, Trouble
from crawler.stores.told_pages import Kept, KeptCrawl, KnownPage
from crawler.stores.told_runs import RunRow


class VisitStore(Protocol):
    """What earlier crawls know about pages."""

    def earlier(self, frontier: int) -> tuple[int, ...]:
        """The frontiers before this one, of the same spider and arguments, that have visits; newest last."""

    def recall(self, earlier: Sequence[int], leased: Sequence[Leased]) -> list[Leased]:
        """*leased*, each with the last visit of its page in one of the frontiers *earlier*, where there is one.

        Only for pages that were accepted and are certain, whose request was the same, and whose items all exist.
        """


class FileStore(Protocol):
    """Files that are held."""

    def held(self, spider: str, session: str, *, url: str, key: str = "") -> tuple[FileRow | None, FileRow | None]:
        """The newest version of a file that is held: by the key that the spider gives it, and at its URL.

        Args:
            session: Key of the session; what another one holds does not count.
        """

    def left_name(self, spider: str, session: str, *, url: str) -> str:
        """``LINK HASH`` of the version at *url* that was taken back and not fetched again so far; "" for none.

        Its readable name still leads to its bytes, and belongs to the version that comes next.
        """

    def all(self, spider: str | None = None) -> Iterator[HeldFile]:
        """Every version of every file that is held, oldest first."""


class ResultStore(Protocol):
    """Reading items."""

    def stored_by(self, run: int) -> tuple[int, dict[str, int]]:
        """What a run has stored that is still there: pages that are done, and items by table.

        A page that was fetched again because its session was lost counts once. Looks at all pages of the run.
        """

    def tables(self) -> dict[str, int]:
        """Result tables and their number of rows."""

    def stored_as(self, table: str) -> str | None:
        """The name in the database of a kind of item; None where there is none."""

    def rows(self, table: str, *, run: int | None = None) -> Iterator[dict[str, Any]]: ...

    def latest(self, table: str, *, spider: str | None = None) -> Iterator[dict[str, Any]]:
        """The current results: existing records, and the newest crawl's items without a key."""


class ExportStore(Protocol):
    """Results for exports, in whole columns."""

    def columns(self, table: str, selection: Selection, *, typed: bool = True) -> list[Column]:
        """The fields of what is selected, in order, with what their values have in common where *typed*."""

    def has_rows(self, table: str, selection: Selection) -> bool:
        """Whether anything is selected."""

    def has_accounts(self, table: str, spider: str) -> bool:
        """Whether the session that fetched a record is part of its key."""

    def portions(
        self, table: str, selection: Selection, columns: Sequence[Column], *, origin: Sequence[str] = ()
    ) -> Iterator[Portion]:
        """What is selected, in portions, even while a crawl runs: items in the order of their pages, then records.

        Args:
            origin: Columns of ours that go in front; ``_id`` uniquely identifies a row.
        """


class RecordStore(Protocol):
    """Items with a key, from crawl to crawl."""

    def settle(self, run: RunRow) -> Unmet | None:
        """A run has ended well: if its crawl is complete, mark records that it did not meet as gone.

        Called again, it does nothing. Returns those that it did not meet, and of which nothing proves that they are
        gone; None where the crawl is not complete, or the spider has no records.
        """

    def changes(
        self,
        spider: str,
        *,
        crawls: tuple[int, int] | None = None,
        since: float | None = None,
        table: str | None = None,
    ) -> Iterator[Change]:
        """The net changes of a spider's records, each once, compared with how they were before.

        Args:
            crawls: The first and the last crawl that count.
            since: Instead of those: the moment from which changes count, seconds since 1970.
            table: One kind of item; all when left out.
        """

    def counts(self, spider: str, crawl: int) -> dict[str, dict[str, int]]:
        """Kind of item to how many of its records are new, changed, gone and back by one crawl."""


class RejectedStore(Protocol):
    """What was kept aside as no valid item."""

    def all(self, frontier: int) -> Iterator[dict[str, Any]]:
        """What was kept aside in a crawl as no valid item, oldest first."""

    def count(self, frontier: int) -> int:
        """How many things were kept aside in a crawl."""


class KeptStore(Protocol):
    """Pages that are kept."""

    def body(self, request: int) -> bytes | None:
        """The body of a page where `keep_pages` was on."""

    def page(self, request: int) -> KeptPage | None:
        """The page itself where `keep_pages` was on."""

    def all(self, frontier: int) -> Iterator[Kept]:
        """The kept pages of a frontier that are done, with what is stored for them, in the order of their requests."""

    def known(self, urls: Sequence[str]) -> list[KnownPage]:
        """All requests for one of these URLs, newest first. Looks at every request that is stored."""

    def take(self, run: RunRow, pages: Sequence[tuple[Found, KeptPage]]) -> int:
        """Put pages fetched elsewhere into a crawl, as done and kept. Returns how many were new to it."""

    def rewrite(self, run: RunRow, outcomes: Sequence[Outcome]) -> None:
        """Replace what is stored for kept pages with what was found in them, whole pages in one transaction."""

    def by_crawl(self, spider: str | None = None) -> list[KeptCrawl]:
        """How much is kept, crawl by crawl, oldest first; for one spider, or for all."""

    def size(self) -> int:
        """Bytes of all that is kept, as stored: equal bodies once."""

    def prune(self, crawls: Sequence[int], *, before: float) -> tuple[int, int]:
        """Remove what was kept by these crawls before that moment, some pages in each transaction.

        Returns:
            How many pages, and how many bytes that no other page shared.
        """


class SampleStore(Protocol):
    """Pages kept for inspection: a good one for each callback, a failed one for each cause."""

    def good(self, spider: str, callback: str) -> KeptPage | None:
        """A page of a callback from which something came; None where there was none so far."""

    def of(self, spider: str) -> list[KeptSample]:
        """A spider's pages, newest first."""

    def get(self, number: int) -> KeptSample | None:
        """One of them, by its number."""


class ReportStore(Protocol):
    """What is reported to a person about a crawl."""

    def ended_samples(self, frontier: int) -> tuple[list[Sample], list[Sample]]:
        """Failed and skipped requests by error and rule, most first, each with an example."""

    def put_aside(self, frontier: int) -> list[Sample]:
        """Parked requests by the reason given when they were put aside, most first, each with an example."""

    def silent_hosts(self, frontier: int) -> dict[str, int]:
        """Slots all of whose requests failed without an answer, to how many, most first."""

    def retried_samples(self, frontier: int) -> list[Sample]:
        """What was tried again, by error, most first; reads the page log."""

    def failed_by(self, frontier: int) -> dict[str, int]:
        """Last error to number of failed requests, most first."""

    def warned_by(self, frontier: int) -> dict[str, tuple[int, str]]:
        """Warning, numbers left out, to number of pages and the address of one of them, most first."""

    def stored_with(self, frontier: int, warning: str) -> list[Sample]:
        """Pages that are stored with a warning that begins so, one each; not those that were fetched anew without."""


class LogStore(Protocol):
    """The page log, read for charts."""

    def answers(self, run: int) -> Iterator[LogLine]:
        """The page log of a run, oldest first."""

    def until(self, run: int) -> float | None:
        """When the last answer of a run was stored, seconds since 1970; None while it has none."""

    def last_troubles(self, run: int, *, limit: int) -> list[Trouble]:
        """The last answers of a run that failed or are tried again, newest first; searched only among the last ones."""

    def statuses(self, runs: Sequence[int]) -> dict[int, dict[int, int]]:
        """Run to status (0: no answer) to how many answers had it."""


class CareStore(Protocol):
    """Maintenance of the database itself."""

    def audit(self, frontier: int) -> Audit:
        """Recount everything about a frontier; slow on large ones."""

    def reseal(self) -> tuple[int, int]:
        """Encrypt all secrets with the cipher's newest key. Returns how many were, and how many could not be read."""

    def backup(self, target: str) -> None:
        """Copy the whole database to a new file, while others keep writing."""


class KeptResults(Protocol):
    """What pages have brought, with a separate part for each kind."""

    @property
    def files(self) -> FileStore: ...
    @property
    def results(self) -> ResultStore: ...
    @property
    def exports(self) -> ExportStore: ...
    @property
    def records(self) -> RecordStore: ...
    @property
    def rejected(self) -> RejectedStore: ...
    @property
    def kept(self) -> KeptStore: ...
    @property
    def samples(self) -> SampleStore: ...
    @property
    def reports(self) -> ReportStore: ...
    @property
    def log(self) -> LogStore: ...
    @property
    def care(self) -> CareStore: ...

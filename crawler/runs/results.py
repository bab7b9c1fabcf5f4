"""The results of a spider, for programs: rows, frames, changes, and what was kept aside.

Each call opens the store for itself and closes it again, so a `Results` may be kept as long as you like and used from
any thread, even while a crawl runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.records import Change
from crawler.selection import OURS
from crawler.settings import Settings, load
from crawler.spider import Spider
from crawler.stores.base import ALL_RUNS, Store
from crawler.stores.project import open_project_store

Since = int | str | date | datetime
_END = 2**62  # after every crawl
_DAYS_BACK = {"today": 0, "yesterday": 1}  #: from midnight, by the clock of this machine
_AGO = re.compile(r"(\d+)\s*([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@quick_dataclass
class Results:
    """The results of one spider; see `crawler.results`."""

    spider: str
    settings: Settings

    def tables(self) -> dict[str, int]:
        """Kind of item to how many there are now: existing records, and items of the last crawl."""
        with self._opened() as store:
            counts = {
                table: sum(1 for _ in store.results.latest(table, spider=self.spider))
                for table in store.results.tables()
            }
        return {table: count for table, count in counts.items() if count}

    def rows(self, table: str | None = None, *, origin: bool = False) -> Iterator[dict[str, Any]]:
        """The current results, row by row: existing records, and the last crawl's items without a key.

        Args:
            table: One kind of item; all when left out, each row with a first field ``_table`` where there are several.
            origin: Include our own columns: `_run`, `_url`, `_time`, `_crawl` and so on.
        Raises:
            UsageError: There is no such table.
        """
        with self._opened() as store:
            known = list(store.results.tables())
            if table is not None and table not in known:
                raise UsageError(f"no table {table!r}; there are: {', '.join(known) or 'none'}")
            wanted = (
                [table]
                if table is not None
                else [each for each in known if next(store.results.latest(each, spider=self.spider), None) is not None]
            )
            for each in wanted:
                for row in store.results.latest(each, spider=self.spider):
                    first = {"_table": each} if len(wanted) > 1 else {}
                    yield first | (row if origin else {name: row[name] for name in row if name not in OURS})

    def frame(self, table: str | None = None, *, origin: bool = False) -> Any:
        """`rows` as a pandas DataFrame.

        Raises:
            UsageError: pandas is not installed, or there is no such table.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise UsageError("pandas is not installed: `pip install pandas`, or use rows()") from None
        return pandas.DataFrame(list(self.rows(table, origin=origin)))

    def changes(self, since: Since | None = None, table: str | None = None) -> list[Change]:
        """What is new, changed, gone and back: by the last crawl, or since an earlier one or a moment.

        Args:
            since: Number of a crawl: what differs from what it left behind. A date or moment (local time unless it
                says otherwise), also as text; or a time ago: ``"2d"``, ``"12h"``.
            table: One kind of item; all when left out.
        Raises:
            UsageError: The spider has no such crawl, or *since* cannot be read.
        """
        with self._opened() as store:
            return list(store.records.changes(self.spider, **self._span(store, since), table=table))

    def rejected(self) -> list[dict[str, Any]]:
        """What the last crawl kept aside as no valid item: reason, page, session, and what it held."""
        with self._opened() as store:
            return list(store.rejected.all(self._last_crawl(store)))

    def _span(self, store: Store, since: Since | None) -> dict[str, Any]:
        if since is None:
            last = self._last_crawl(store)
            return {"crawls": (last, last)}
        moment = since if isinstance(since, int) else moment_of(since, store.now())
        if isinstance(moment, float):
            return {"since": moment}
        known = {run.frontier for run in store.runs.last(self.spider, limit=ALL_RUNS)}
        if moment not in known:
            shown = ", ".join(map(str, sorted(known)[-5:]))
            raise UsageError(f"{self.spider} has no crawl {moment}; the last ones: {shown or 'none'}")
        return {"crawls": (moment + 1, _END)}

    def _last_crawl(self, store: Store) -> int:
        runs = store.runs.last(self.spider, limit=1)
        if not runs:
            from crawler.output.history import never_ran

            raise never_ran(store, self.spider)
        return runs[0].frontier

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        store = open_project_store(self.settings, create=False, reading=True)
        try:
            yield store
        finally:
            store.close()


def results(spider: str | type[Spider], *, store: str | None = None) -> Results:
    """The results of a spider: `rows`, `frame`, `changes`, `rejected`.

    Args:
        spider: Its name, or its class.
        store: The database, where it is not the one of the settings.
    """
    if isinstance(spider, str):
        return Results(spider, load(command_line={"store": store} if store else None))
    settings = load(spider=spider.custom_settings, command_line={"store": store} if store else None)
    return Results(spider.name, settings)


def moment_of(given: str | date | datetime, now: float) -> int | float:
    """A moment in seconds since 1970, or the number of a crawl, from what a person gives.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(given, datetime):
        return given.timestamp()
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day).timestamp()
    text = given.strip()
    if text in _DAYS_BACK:
        day = datetime.fromtimestamp(now).date() - timedelta(days=_DAYS_BACK[text])
        return datetime(day.year, day.month, day.day).timestamp()
    ago = _AGO.match(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds()
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(
            f"--since {given!r}: give the number of a crawl, a day (2026-11-28, today, yesterday), a moment"
            " (2026-11-28T03:00), or how long ago (2d, 12h)"
        ) from None

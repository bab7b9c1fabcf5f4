"""Whether the crawl of an export is whole, and whether what it brought may replace what is there.

A request that failed for good is a page whose items are missing: a crawl is whole only while no more of them failed
than the run was told may (`max_error_rate`). A page that the server says is not there (404, 410) has no items to miss,
and the web is full of links to such pages. If more than a tenth of a site is missing at once, it is rather the site
that broke.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from crawler.output.history import ending_of, summary_of
from crawler.records import is_missing
from crawler.selection import Selection
from crawler.stores.base import ALL_RUNS, RunRow, Store
from crawler.stores.told import Counts

_MISSING_AT_MOST: Final = 0.1  #: share of the requests that may have led to pages that are not there; one may always
_JUDGED: Final = ("finished", "less than before")  #: endings of a run in which no more failed than may
_BROUGHT_NOTHING: Final = ("nothing", "no items", "usage", "login failed", "needs human")
_LEFT_OUT: Final = ("page-ends-session", "asks-to-log-in")  #: reasons for which pages are missing that did not fail
_WITHOUT_END: Final = ("", "crashed", "store")


class CrawlStanding(NamedTuple):
    """The standing of an export's crawl.

    Attributes:
        how: "run 3 of orders ended with 'limit'".
        incomplete: Why it is not all of the crawl; "" when it is.
        doubtful: Why even a complete one should not replace what an earlier crawl brought; "" for no reason.
        failed: Requests that failed in a crawl that is whole all the same.
    """

    how: str = ""
    incomplete: str = ""
    doubtful: str = ""
    failed: int = 0


def standing(source: Store, selection: Selection) -> CrawlStanding:
    """The standing of a selection's crawl, as far as the selection means whole crawls."""
    runs = source.runs.last(selection.spider, limit=ALL_RUNS)
    if selection.runs is not None:
        last = next((run for run in runs if run.id in (selection.runs or ())), None)
    elif selection.crawl is not None:
        last = next((run for run in runs if run.frontier == selection.crawl), None)
    else:
        last = runs[0] if runs else None
    if last is None:
        return CrawlStanding()
    how = (
        f"run {last.id} of {last.spider} ended with {ending_of(last)!r}"
        if last.ending
        else f"run {last.id} has not ended"
    )
    if selection.runs is not None:
        return CrawlStanding(how)
    told, counts = summary_of(last), source.frontier.counts(last.frontier)
    if missing := _missing(source, last, counts, told):
        return CrawlStanding(how, f"{missing[0]} ({how}{missing[1]})")
    return CrawlStanding(how, "", _doubts(last, counts, told, how) if selection.is_latest else "", counts.failed)


def _missing(source: Store, last: RunRow, counts: Counts, told: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why a crawl is not whole, and what belongs behind how it ended; None for one that is."""
    open_requests = counts.waiting + counts.leased + counts.parked
    if open_requests or last.ending in _WITHOUT_END:
        open_ = "1 request is" if open_requests == 1 else f"{open_requests:,} requests are"
        return "the crawl is not done", f", {open_} still open" if open_requests else ""
    if last.ending in _JUDGED or told.get("accepted"):
        return None
    then = f"; next: `{told.get('next_command') or f'crawl retry {last.spider}'}`"
    accept = f"; `crawl runs accept {last.id}` accepts this as right" if counts.pages and told.get("crawl") else ""
    if counts.failed and not _may_be_missing(source, last, counts, told):
        tried = counts.failed + counts.pages
        return f"{counts.failed:,} of {tried:,} requests failed", f"{then}{accept}"
    if last.ending == "failures" and (not counts.failed or told.get("reason") in _LEFT_OUT):
        return f"the crawl is not whole: {told.get('why') or 'pages were left out'}", f"{then}{accept}"
    return None


def _may_be_missing(source: Store, last: RunRow, counts: Counts, told: Mapping[str, Any]) -> bool:
    """Whether all that failed are pages that are not there, and few enough to be dead links."""
    most = max(1.0, _MISSING_AT_MOST * (counts.failed + counts.pages))
    if not counts.pages or told.get("shortfalls") or counts.failed > most:
        return False
    return all(is_missing(error) for error in source.frontier.failed_errors(last.frontier))


def _doubts(last: RunRow, counts: Counts, told: Mapping[str, Any], how: str) -> str:
    """Why the items of a crawl that is done should not replace those of an earlier one."""
    if told.get("accepted"):
        return ""
    if last.ending == "less than before":
        accept = f"`crawl runs accept {last.id}` accepts this as right"
        return f"it brought less than those before it ({how}); {accept}"
    if last.ending in _BROUGHT_NOTHING or not counts.pages:
        why = f": {told['why']}" if told.get("why") else ""
        return f"the crawl did not end well ({how}{why})"
    return ""

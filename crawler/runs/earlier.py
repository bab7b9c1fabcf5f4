"""The crawls before this one, as figures to compare with: read from the summaries that their runs left.

A crawl counts if it was complete and good: finished, or with some failed requests, and not reported as bringing less
than those before it. One that a person accepted counts whatever it brought, and none before it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from crawler.events import Summary
from crawler.output.comparison import COMPARED
from crawler.output.figures import Figures, figures_of
from crawler.stores.base import RunRow, Store
from crawler.stores.told import Counts

_RUNS_READ = 300  #: newest runs of the spider that are looked through for complete crawls
_GOOD = frozenset({"finished", "failures"})


def earlier_crawls(runs: Iterable[RunRow], this: RunRow) -> list[Figures]:
    """The figures of the last complete crawls with the same arguments, newest first, at most `COMPARED`.

    Args:
        runs: Runs of the spider, newest first.
        this: The run that is to be compared.
    """
    found: list[Figures] = []
    looked_at = {this.frontier}
    for run in runs:
        if run.args != this.args or run.frontier in looked_at:
            continue
        looked_at.add(run.frontier)
        told = summary_of(run)
        figures = figures_of(told.get("crawl"))
        accepted = bool(told.get("accepted"))
        if figures is None or not (accepted or _is_good(run, told)):
            continue
        found.append(figures)
        if accepted or len(found) == COMPARED:
            break
    return found


def _is_good(run: RunRow, told: dict[str, Any]) -> bool:
    return run.ending in _GOOD and not told.get("shortfalls") and bool(told.get("crawl", {}).get("pages"))


def summary_of(run: RunRow) -> dict[str, Any]:
    """The stored summary of a run; empty where it has none."""
    try:
        found = json.loads(run.summary or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def runs_before(store: Store, this: RunRow) -> list[RunRow]:
    """The newest runs of the spider, without this one."""
    return [run for run in store.runs.last(this.spider, limit=_RUNS_READ) if run.id != this.id]


def figures_so_far(store: Store, runs: Iterable[RunRow], this: RunRow, summary: Summary) -> Figures:
    """What the whole crawl brought: this run, and those that it continues.

    For a run that was killed before it could leave its numbers, the store is asked for the items.
    """
    figures = figures_of_run(summary)
    for run in runs:
        if run.frontier != this.frontier:
            continue
        kept = figures_of(summary_of(run).get("crawl"))
        if kept is not None:
            return figures.plus(kept)  # which covers all earlier runs of the crawl
        pages, items = store.results.stored_by(run.id)
        figures = figures.plus(Figures(pages, items))
    return figures


def figures_of_run(summary: Summary) -> Figures:
    """What one run brought."""
    return Figures(summary.pages, dict(summary.items), dict(summary.seen), summary.filled)


def compared(store: Store, this: RunRow, summary: Summary, counts: Counts) -> tuple[Figures, list[Figures]]:
    """The figures of the crawl that this run ends, and those of the crawls before it.

    Args:
        counts: The store's own, for the whole crawl: exact, whatever was killed or fetched again.
    """
    runs = runs_before(store, this)
    figures = figures_so_far(store, runs, this, summary)
    tables = list(figures.items)
    items = {tables[0]: counts.items} if len(tables) == 1 else figures.items
    return replace(figures, pages=counts.pages, items=items), earlier_crawls(runs, this)

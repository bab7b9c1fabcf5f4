"""Records at the end of a run: what is gone, and how much has changed."""

from __future__ import annotations

from crawler.engine.verdict import Facts
from crawler.events import Summary
from crawler.stores.base import RunRow, Store


def settle(store: Store, run: RunRow, summary: Summary, facts: Facts) -> None:
    """Let the store mark what is gone where the run ended well, and put into *summary* what has changed.

    The store looks by itself at what is open and failed: pages that are not there any more are no failures to it.
    """
    failed = summary.ending == "failures" and bool(facts.pages) and not summary.shortfalls
    if (summary.ending == "finished" or failed) and facts.items >= facts.wanted.min_items:
        summary.complete = store.settle_records(run)
    summary.changes = store.change_counts(run.spider, run.frontier)

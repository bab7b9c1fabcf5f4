"""Kept pages that are old: which crawls keep theirs, and which may be forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from crawler.quick_dataclass import quick_dataclass
from crawler.stores.base_results import KeptStore
from crawler.stores.told_pages import KeptCrawl


@quick_dataclass
class PrunedPages:
    """What was removed, or would be.

    Attributes:
        size_bytes: Bytes given back to the database: bodies that other pages share stay.
    """

    crawls: int
    pages: int
    size_bytes: int


def older_crawls(found: Iterable[KeptCrawl], *, but: int) -> list[KeptCrawl]:
    """All but the newest *but* crawls of each spider."""
    by_spider: dict[str, list[KeptCrawl]] = {}
    for each in sorted(found, key=lambda each: each.crawl):
        by_spider.setdefault(each.spider, []).append(each)
    return [each for crawls in by_spider.values() for each in crawls[:-but]]


def prune_pages(source: KeptStore, *, spider: str | None, keep: int, before: float, really: bool = True) -> PrunedPages:
    """Remove kept pages of all but the newest crawls of each spider; also while a crawl runs.

    Args:
        keep: Crawls of each spider that keep theirs, 1 or more.
        before: Only what was kept before this moment, seconds since 1970.
        really: False only counts, and all pages of these crawls, whenever they were kept.
    """
    older = older_crawls(source.by_crawl(spider), but=keep)
    if not really:
        return PrunedPages(len(older), sum(each.pages for each in older), sum(each.size_bytes for each in older))
    pages, size_bytes = source.prune([each.crawl for each in older], before=before) if older else (0, 0)
    return PrunedPages(len(older), pages, size_bytes)

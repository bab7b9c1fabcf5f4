"""Which selectors find nothing on a page that failed and something on a good one: a callback is run on both, offline.

The queries of a callback are seen by the interpreter's profiler, which is on for that one call only: pages of crawls
pay nothing for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from types import FrameType
from typing import Any

from crawler.fetching.kept import response_of
from crawler.items import is_item
from crawler.judge import describe
from crawler.outcome import KeptPage
from crawler.pages.selectors import PageSelector
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.spider import Spider

_MOST_YIELDED = 10_000
_WATCHED = {
    function.__code__: language
    for function, language in (
        (PageSelector.css, "css"),
        (PageSelector.found, "css"),
        (PageSelector.xpath, "xpath"),
    )
}


@quick_dataclass(frozen=False)
class Looked:
    """What a callback queried on a page, and what it gave.

    Attributes:
        queries: Selector (``css p.price::text``) to how much it found in all, in the order of the queries.
        items, requests: How many it yielded.
        error: What it raised, "" for nothing.
    """

    queries: dict[str, int] = field(default_factory=dict)
    items: int = 0
    requests: int = 0
    error: str = ""


def look(spider: Spider, callback: str, page: KeptPage, given: Mapping[str, Any]) -> Looked:
    """Run a callback of *spider* on a kept page. Nothing is sent for it; what it raises is part of the result.

    Args:
        given: What else the callback is given, `cb_kwargs` and `meta`.
    """
    found = Looked()
    keywords = given.get("cb_kwargs") or {}
    response = response_of(page, Request(page.url, callback=callback, cb_kwargs=keywords, meta=given.get("meta")), "")
    with _watching(found.queries):
        try:
            produced = spider.callback(callback)(response, **keywords)
            for number, each in enumerate(produced if hasattr(produced, "__iter__") else [produced]):
                found.requests += isinstance(each, Request)
                found.items += not isinstance(each, Request) and is_item(each)
                if number >= _MOST_YIELDED:
                    break
        except Exception as error:  # noqa: BLE001 - users' code; that it fails is what is looked at
            found.error = describe(error)
    return found


def lost(bad: Looked, good: Looked) -> list[tuple[str, int]]:
    """Selectors that find nothing on the bad page and something on the good one, with how much."""
    return [(query, count) for query, count in good.queries.items() if count and not bad.queries.get(query)]


@contextmanager
def _watching(queries: dict[str, int]) -> Iterator[None]:
    depth = 0

    def profile(frame: FrameType, event: str, result: Any) -> None:
        nonlocal depth
        language = _WATCHED.get(frame.f_code)
        if language is None or event not in ("call", "return"):
            return
        depth += 1 if event == "call" else -1
        if event == "return" and depth == 0:  # a query made by another query is not the callback's own
            query = frame.f_locals.get("query") or frame.f_locals.get("css")
            name = f"{language} {query}"
            queries[name] = queries.get(name, 0) + (len(result) if result is not None else 0)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)

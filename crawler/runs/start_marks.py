"""The start requests that a crawl began with, and how those that its spider has now differ from them.

A crawl that is resumed goes on with its frontier, into which its start requests came once. Meanwhile the spider may
have been given others. They are told apart by what is sent, not by the fingerprints of the frontier: these depend on
settings that may differ today, such as `upgrade`; nor by what callbacks get, which may hold the time of day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from crawler.errors import CrawlError
from crawler.frontier.start_requests import start_requests
from crawler.request import Request
from crawler.spider import SitemapSpider, Spider
from crawler.stores.base import RunRow, Store, ValueStore
from crawler.urls import canonical, fingerprint

_MOST = 100_000  #: of more start requests none are kept, and these are not compared
_DIGITS = 16
_KEPT_S = 30 * 86_400.0  #: a crawl that has waited for longer goes on as it is


class StartMarks:
    """What tells start requests from one another. For one thread."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = set(known)

    def new(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Those that are not known yet, which are so from then on."""
        for request in requests:
            mark = _mark_of(request)
            if mark not in self._known:
                if len(self._known) <= _MOST:
                    self._known.add(mark)
                yield request

    def note(self, requests: Iterable[Request]) -> Iterator[Request]:
        """All of them, and they are known from then on."""
        for request in requests:
            if len(self._known) <= _MOST:
                self._known.add(_mark_of(request))
            yield request

    def are_those_of(self, requests: Iterable[Request]) -> bool:
        """Whether exactly these are known."""
        return {_mark_of(request) for request in requests} == self._known

    def keep(self, values: ValueStore, frontier: int) -> None:
        """Store them for later runs on the frontier."""
        marks = sorted(self._known) if len(self._known) <= _MOST else None
        values.set(_name(frontier), marks, ttl_s=_KEPT_S)


def kept_marks(values: ValueStore, frontier: int) -> StartMarks | None:
    """Those with which a crawl began; None where that is not recorded, or they are too many."""
    stored: object = None
    with suppress(ValueError):
        stored = values.get(_name(frontier))
    return StartMarks(str(each) for each in stored) if isinstance(stored, list) else None


def begins_anew(store: Store, spider: Spider, last: RunRow | None) -> str:
    """Why an unfinished crawl is left behind: it has fetched nothing, and its spider names other start URLs now.

    What a `start` of the spider's own gives may be gone once it was given, so such a crawl is kept.

    Args:
        last: The last run of the spider, with the same arguments.
    Returns:
        What to say about it; "" where it is not left behind.
    """
    if last is None or type(spider).start not in (Spider.start, SitemapSpider.start):
        return ""
    counts = store.frontier.counts(last.frontier)
    if counts.pages or not (counts.waiting or counts.leased or counts.parked):
        return ""
    before = kept_marks(store.values, last.frontier)
    with suppress(CrawlError):  # it is reported when the crawl begins
        if before is not None and not before.are_those_of(start_requests(spider)):
            return (
                f"the start URLs are others than those with which run {last.id} began; as that crawl had fetched"
                " nothing, this one begins anew"
            )
    return ""


def _mark_of(request: Request) -> str:
    kind = f"{request.session or ''} {request.file is not None} {bool(request.render)}"
    return fingerprint(request.method, canonical(request.url), request.body or b"", kind).hex()[:_DIGITS]


def _name(frontier: int) -> str:
    return f"start requests:{frontier}"

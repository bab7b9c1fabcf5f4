"""What a store reports about kept pages. Plain values."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from crawler.outcome import KeptPage, Leased
from crawler.quick_dataclass import quick_dataclass


@quick_dataclass
class StoredItem:
    """An item as it is stored; its key is "" where it has none."""

    table: str
    fields: dict[str, Any]
    key: str = ""


@quick_dataclass
class KnownPage:
    """What the store has about one request for a page.

    Attributes:
        request: Its row in the frontier.
        crawl: Number of the crawl.
        state: Its state there.
        session: The one that fetched it, or is to fetch it.
        sent_at: When it was sent, seconds since 1970; 0 for never.
        note: Its error, or the rule that refused it; "" for none.
        etag, modified: Its validators; "" for none.
        size_bytes: Of the kept body; None where none is kept.
    """

    request: int
    spider: str
    crawl: int
    state: str
    session: str
    sent_at: float
    note: str = ""
    etag: str = ""
    modified: str = ""
    size_bytes: int | None = None


@quick_dataclass(frozen=False)
class Kept:
    """A kept page, and what is stored for it.

    Attributes:
        request: As it was leased; its session is the one that fetched it.
        page: None where its request cannot be read with the keys at hand.
        links: Fingerprints of the requests that it was the first to give.
        rejected: How many things were kept aside.
        at: When it was kept, seconds since 1970.
    """

    request: Leased
    page: KeptPage | None
    items: list[StoredItem] = field(default_factory=list)
    links: set[bytes] = field(default_factory=set)
    rejected: int = 0
    at: float = 0.0


@quick_dataclass
class KeptCrawl:
    """How much is kept for one crawl.

    Attributes:
        size_bytes: Of its bodies as stored; one that several crawls share counts for each.
    """

    spider: str
    crawl: int
    pages: int
    size_bytes: int

"""What one request led to: a worker makes it, a store commits it whole or not at all. Plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from enum import IntEnum, StrEnum
from typing import Any

from crawler.quick_dataclass import quick_dataclass


class Verdict(StrEnum):
    """What an answer means for its request."""

    ACCEPT = "accept"  #: done; items and links count
    RETRY = "retry"  #: back to the frontier, with one more attempt on its account
    LOGIN = "login"  #: met the logged-out page: back to the frontier, no attempt counted
    SKIP = "skip"  #: a rule says that it is not to be fetched; kept with the rule's name
    FAIL = "fail"  #: failed for good; kept with its last error
    PARK = "park"  #: its session waits for a person
    RELEASE = "release"  #: not sent (stopped, gate closed): back as it was


class State(IntEnum):
    """Where a request stands in the frontier."""

    WAITING = 0
    LEASED = 1
    DONE = 2
    FAILED = 3
    SKIPPED = 4
    PARKED = 5


@quick_dataclass
class Settled:
    """A verdict with what it needs; only the judge makes one (`judge`).

    Attributes:
        verdict: What becomes of the request.
        wait_s: For RETRY: seconds until the next try.
        error: One line, "" for none.
    """

    verdict: Verdict
    wait_s: float = 0.0
    error: str = ""


@quick_dataclass
class Found:
    """A request that admission has looked at, ready to be stored.

    Attributes:
        fingerprint: 16 bytes; of two equal ones in one frontier the store drops the second.
        url: Absolute, WHATWG form.
        slot: What politeness counts it under: the host (``"shop.example"``, with the port where it is not the default).
        session: Name of the session, or "spread".
        callback: Name of a method of the spider; "" for `parse`.
        priority: Higher first.
        depth: Links followed from a start URL.
        extras: Compact JSON of all that a plain GET does not need (`Request.extras`), or "". May hold secrets: the
            store encrypts it.
        skipped: Name of the rule that refuses it, with its detail ("robots", "off-site", "guard: logout"), or "".
        parent: The request on whose page it was found (`Leased.id`); 0 for a start request.
    """

    fingerprint: bytes
    url: str
    slot: str
    session: str
    callback: str = ""
    priority: int = 0
    depth: int = 0
    extras: str = ""
    skipped: str = ""
    parent: int = 0


@quick_dataclass
class PageVisit:
    """What a crawl has learned about a page, for the next one: how to ask whether it has changed, and what it gave.

    Attributes:
        checked_at: When the server last confirmed or sent the page: moment of sending, seconds since 1970.
        etag, modified: Its validators (ETag, Last-Modified), as they came; "" for none.
        caching: Header lines that freshness is derived from, as "name: value"; "" where it is not needed.
        vary: Names of the request headers that it depends on, and a digest of their values.
        code: Mark of the spider's code that read it.
        session: Key of the session that fetched it.
        links: The plain requests that it gave, packed (`pagework.links_given`).
        others: The other ones, as text. May hold secrets: the store encrypts it.
        items: Table to number of items without a key.
        records: The same for items with a key.
        request: Its row in the frontier of that crawl.
        has_body: The page itself is kept.
    """

    checked_at: float
    etag: str = ""
    modified: str = ""
    caching: str = ""
    vary: str = ""
    code: str = ""
    session: str = ""
    links: bytes = b""
    others: str = field(default="", repr=False)
    items: Mapping[str, int] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    request: int = 0
    has_body: bool = False


@quick_dataclass
class KeptPage:
    """A page as received, to be kept.

    Attributes:
        body: Decoded.
        head: Header lines, without those that hold secrets.
        url: Where redirects ended.
        status: HTTP status.
    """

    body: bytes
    head: Sequence[tuple[str, str]] = ()
    url: str = ""
    status: int = 200


@quick_dataclass
class PageSample:
    """A page kept for inspection.

    Attributes:
        cause: Why it failed; "" for one that was parsed.
        page: The page itself, secrets masked.
        score: How much its callback found on it: filled fields and requests.
        fields: Those that are filled in any of its items, as ``kind.field``.
        lacks: Those that are filled in none of its items, in the same form.
        given: JSON of what else its callback was given (`cb_kwargs`, `meta`), secrets masked; "" for nothing.
    """

    cause: str
    page: KeptPage
    score: int
    fields: Sequence[str] = ()
    lacks: Sequence[str] = ()
    given: str = ""


@quick_dataclass
class Leased:
    """A request that this process may send until the lease runs out.

    Attributes:
        id: Row of the frontier.
        attempt: Tries made before this one, 0 or more.
        send_at: Earliest moment to send it, seconds since 1970 by the store's clock.
        token: Fencing number; a commit with an older one writes nothing.
        until: When the lease runs out unless it is extended, by the store's clock.
        again: It was done before, and its session was lost: where its redirects end is already known.
        visit: What an earlier crawl has learned about it, where that may be used.
        lane, late_s: Its queue in the store, 0 for none; how late after `send_at` it may be sent (`pacing.slack_s`).
    """

    id: int
    url: str
    slot: str
    session: str
    callback: str
    priority: int
    depth: int
    extras: str
    attempt: int
    send_at: float
    token: int
    fingerprint: bytes = b""
    until: float = math.inf
    again: bool = False
    visit: PageVisit | None = None
    lane: int = 0
    late_s: float = 0.0


@quick_dataclass
class ItemRow:
    """One item, ready to be stored.

    Attributes:
        table: Name of the result table.
        fields: Column to value; values are JSON-able, bytes or None.
        key: What makes it a record (`records.key_of`), or "".
    """

    table: str
    fields: dict[str, Any]
    key: str = ""


@quick_dataclass
class Draft:
    """An item that is not created yet: a class, and what to call it with (`Response.item`)."""

    kind: type
    fields: Mapping[str, Any]


@quick_dataclass
class Rejected:
    """Something that a callback yielded and that is no valid item: kept aside, and counted.

    Attributes:
        kind: Its class, or the table that it was meant for.
        reason: Why it is not valid.
        item: As much of it as can be written down, as JSON.
        key: Its key where it has a good one: then its record counts as still there, as it was.
    """

    kind: str
    reason: str
    item: str = "{}"
    key: str = ""


@quick_dataclass
class FileRow:
    """A file that is held, or is about to be.

    Attributes:
        session: Key of the session that fetched it: what another account gets at this URL may be another file.
        url: What was requested.
        key: What the spider identifies it by, as `File` writes it; "" for none.
        hash: SHA-256 of its bytes, in hexadecimal.
        size_bytes: The number of bytes.
        type: Media type.
        name: What it is called, before it got a number.
        link: Its readable name below the folder of the database; "" for none.
        etag, modified: Validators of this version, "" for none.
        width, height: Of an image, in pixels.
        id: Its row, 0 for none yet.
        frontier: The crawl in which its URL was last known to give this file.
        sent_at, epoch, proven: Of the request that said so: when that is taken back, so is what relies on it.
    """

    session: str
    url: str
    key: str
    hash: str
    size_bytes: int
    type: str
    name: str
    link: str = ""
    etag: str = ""
    modified: str = ""
    width: int | None = None
    height: int | None = None
    id: int = 0
    frontier: int = 0
    sent_at: float = 0.0
    epoch: int = 0
    proven: bool = True


@quick_dataclass
class SessionSnapshot:
    """The state of a session after a change, to be stored with the page that changed it.

    Attributes:
        key: Which row: site and account (or name), see `sessions.from_spider`.
        name: Name that the spider uses.
        state: Name of the login state.
        epoch: How many times it has logged in.
        secret: Cookies, headers, auth and the rest as JSON text; the store keeps it encrypted.
        url: What changed it: a page's URL without secrets, "login", "import" ...
        cookies: Number of cookies, for lists.
        expires_at: When the first cookie that matters ends, seconds since 1970, or None when not known.
        proved_at: Last moment at which it was proved to be logged in, or None.
        logged_in_at: Moment of the last login, or None.
        base: The secret that this process last shared with the store: the store applies what has changed since to what
            others have stored meanwhile. None: it replaces whatever is stored (a login, an import).
    """

    key: str
    name: str
    state: str
    epoch: int
    secret: str
    url: str
    cookies: int
    expires_at: float | None = None
    proved_at: float | None = None
    logged_in_at: float | None = None
    base: str | None = field(default=None, repr=False)


@quick_dataclass(frozen=False)
class Outcome:
    """Everything one request led to.

    Attributes:
        request: What was leased.
        verdict: What becomes of the row.
        items: Items in the order in which the callback yielded them; position in the list is part of their key.
        rejected: What was yielded and is no valid item; the rest of the page stays.
        dropped: Reason to number of items that `on_item` left out; None for none.
        found: Requests found on the page, admitted or skipped with a rule.
        session: The session's new state when this page changed it.
        status: HTTP status, 0 when there was no answer.
        final_url: Where redirects ended, "" when nowhere else.
        size_bytes: Decoded body.
        elapsed_ms: From the first byte sent to the last one read, all redirects together.
        sent_at: Moment of sending, seconds since 1970.
        session_name: The session that actually sent it (for "spread").
        session_key: Its row in the store, "" where login does not matter: a page of a past epoch is not taken.
        epoch: Epoch of the session when it was sent.
        proven: The page itself showed that the session was logged in (or the session needs no login).
        tries: How often it was sent in this turn; 1 or more once it was sent.
        error: Last error as one line without secrets, "" for none.
        not_before: For RETRY and RELEASE: earliest moment of the next try, seconds since 1970.
        pause_slot_until: Until when the host asked us to stay away (Retry-After), or None.
        page: The page itself when `keep_pages` is on.
        changes_cookies: The first answer, before any redirect, sets a cookie to a value other than the one sent to it.
        host_fault: The host is in trouble, and not only this page.
        requests: How many requests the callback yielded, known ones too.
        warnings: Short texts such as "tree cut"; kept in the page log.
        login_wanted: For LOGIN: the epoch that was found logged out.
        is_answered: For FAIL: its errback was called, or its callback raised.
        refuses_guests: For LOGIN: its address itself said so, by 401 or in data (JSON), as an API does.
        unchanged: The visit that still holds: what the page gave then is what it gives now.
        visit: What the next crawl may know about the page.
        file: For a request of a file that is accepted: the file, new or known; its item is the only one of *items*.
        file_was: What came of it: "new", "changed", "unchanged" (the server said so), "held" (no request was sent).
        files_held: Of a page: files that it yielded and that are already held, by their keys.
        file_before: Readable name and hash of the previous version, separated by a blank; "" for none.
    """

    request: Leased
    verdict: Verdict
    items: list[ItemRow] = field(default_factory=list)
    rejected: Sequence[Rejected] = ()
    dropped: Mapping[str, int] | None = None
    found: Sequence[Found] = ()
    session: SessionSnapshot | None = None
    status: int = 0
    final_url: str = ""
    size_bytes: int = 0
    elapsed_ms: float = 0.0
    sent_at: float = 0.0
    session_name: str = ""
    session_key: str = ""
    epoch: int = 0
    proven: bool = True
    tries: int = 1
    changes_cookies: bool = False
    host_fault: bool = False
    error: str = ""
    not_before: float = 0.0
    pause_slot_until: float | None = None
    page: KeptPage | None = None
    sample: PageSample | None = None
    requests: int = 0
    warnings: tuple[str, ...] = ()
    login_wanted: int | None = None
    is_answered: bool = False
    refuses_guests: bool = False
    unchanged: PageVisit | None = None
    visit: PageVisit | None = None
    file: FileRow | None = None
    file_was: str = ""
    file_before: str = ""
    files_held: int = 0

    def settle(self, judged: Settled) -> None:
        """Adopt what the judge has said: the one place where a verdict is set."""
        self.verdict, self.error = judged.verdict, judged.error

    @property
    def item_count(self) -> int:
        """How many items the page gave, or, if unchanged, had given."""
        visit = self.unchanged
        return len(self.items) if visit is None else sum(visit.items.values()) + sum(visit.records.values())

    @property
    def is_refused(self) -> bool:
        """Whether the host said that we are too fast."""
        return self.status in (429, 503)


_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,.]*(?![\w-])")


def without_numbers(warning: str) -> str:
    """A warning with N for each number, so that warnings of one kind are equal."""
    return _NUMBER.sub("N", warning)

"""What a store reports about a frontier and itself: counts, examples, and whether all is well. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from crawler.outcome import KeptPage
from crawler.quick_dataclass import quick_dataclass

#: Reason of requests that are put aside until a run has the key that sealed their headers, body or arguments.
NO_KEY = "sealed with a key that is not at hand"


@quick_dataclass
class Counts:
    """Requests of a frontier by state, and pages and items committed for it."""

    waiting: int = 0
    leased: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    parked: int = 0
    pages: int = 0
    items: int = 0

    @property
    def known(self) -> int:
        return self.waiting + self.leased + self.done + self.failed + self.skipped + self.parked


@quick_dataclass
class Login:
    """One login of a session, as it was recorded.

    Attributes:
        name: Of the session.
        outcome: "ok", or how it failed; "" while it is not recorded.
        expired_at: When it was found logged out, or None.
    """

    name: str
    started_at: float
    ended_at: float | None
    outcome: str
    expired_at: float | None


@quick_dataclass
class LogLine:
    """One line of the page log.

    Attributes:
        at: When it was committed, seconds since 1970.
        verdict: What became of the request.
        status: 0 where no answer came.
        ms: From the first byte sent to the last one read.
    """

    at: float
    url: str
    verdict: str
    status: int
    ms: float


@quick_dataclass
class Trouble:
    """A line of the page log that reports an error."""

    at: float
    url: str
    verdict: str
    error: str


@quick_dataclass
class KeptSample:
    """A page kept for inspection.

    Attributes:
        cause: "" for a good one.
        given: What else its callback was given: `cb_kwargs` and `meta`, secrets masked.
    """

    id: int
    spider: str
    callback: str
    cause: str
    run: int
    page: KeptPage
    at: float
    given: Mapping[str, Any] = field(default_factory=dict)


@quick_dataclass
class CareNote:
    """One thing that a doctor has examined.

    Attributes:
        what: Its name.
        told: What was found.
        advice: What to do about it; "" where all is well.
    """

    what: str
    told: str
    advice: str = ""


@quick_dataclass
class Damage:
    """What `doctor` found.

    Attributes:
        ok: Nothing wrong.
        problems: One line each.
        readable: Table to number of rows that can be read.
    """

    ok: bool
    problems: tuple[str, ...] = ()
    readable: Mapping[str, int] = field(default_factory=dict)


@quick_dataclass
class Audit:
    """Whether the sums of a frontier match.

    Attributes:
        counts: Requests by state, as the counters say.
        failed: Reason to number of failed requests, most first.
        skipped: Rule to number of skipped requests, most first.
        problems: What does not match, one line each; empty when all is well.
    """

    counts: Counts
    failed: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


@quick_dataclass
class Sample:
    """Requests (or answers) with one thing in common.

    Attributes:
        kind: What they have in common: a rule, an error, a warning.
        count: How many.
        url: Of the first one.
        text: What was recorded for that one: *kind*, perhaps with a URL at its end.
    """

    kind: str
    count: int
    url: str = ""
    text: str = ""

    def with_more(self, count: int) -> Sample:
        """The same for *count* more."""
        return Sample(self.kind, self.count + count, self.url, self.text)


@quick_dataclass
class HeldFile:
    """One version of a file that is held.

    Attributes:
        id: Its row; a later version of the same file has a greater one.
        session: Key of the session that fetched it.
        hash: SHA-256 of its bytes.
        size_bytes: Their number.
        link: Its readable name, below the folder of the database.
        run: The run that fetched it.
        at: When, seconds since 1970.
    """

    id: int
    spider: str
    session: str
    url: str
    hash: str
    size_bytes: int
    type: str
    name: str
    link: str
    run: int
    at: float

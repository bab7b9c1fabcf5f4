"""What a fleet has done, and what of it breaks a promise: pure, from the logs of members, database and site.

A member logs what it asked the store and what it was told (`tests.fleet.member`). The database logs each change of a
request's state in the transaction that makes it (`tests.fleet.watched`). The site logs arrivals. None of them is
believed about itself: each rule compares two of them.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crawler.outcome import State

_ENDED = (State.DONE, State.FAILED, State.SKIPPED, State.PARKED)


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a request, as the database logged it; those of one request are in the order in which they happened.

    Attributes:
        at: Seconds since 1970, as all times here.
        who: Whose connection made it.
        before, after: State and token.
        until: End of the lease before the change.
    """

    at: float
    who: str
    request: int
    before: tuple[int, int]
    after: tuple[int, int]
    until: float = 0.0

    @property
    def claims(self) -> bool:
        return self.after[0] == State.LEASED and self.after[1] != self.before[1]

    @property
    def accepts(self) -> bool:
        return self.after[0] == State.DONE != self.before[0]


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease, as a member was told of it at the moment *at*."""

    at: float
    who: str
    request: int
    token: int
    until: float


@dataclass(frozen=True, slots=True)
class Commit:
    """What a member was told at the moment *at* of a page that it brought.

    Attributes:
        taken: It was told that the page is stored as it was brought.
    """

    at: float
    who: str
    request: int
    token: int
    verdict: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that arrived at the site; *request* is None for steps of logins, probes and robots.txt."""

    at: float
    who: str
    host: str
    request: int | None


@dataclass(frozen=True, slots=True)
class Login:
    """A login that a member was allowed to begin.

    Attributes:
        outcome: What the member recorded; "" when it never came to that.
        kept: It was told that the session is stored.
    """

    at: float
    who: str
    token: int
    outcome: str = ""
    kept: bool = False


@dataclass(frozen=True)
class History:
    """Everything.

    Attributes:
        renewed: Member to the times at which it was told that its leases are prolonged, and until when.
        good_logins: Those that the site let in.
        expired: How often the site ended all sessions.
        kills: Who was killed, and when: what it had leased belongs to others at once.
        crashes: When the database was stopped at once: leases of the last moments before may be forgotten.
        forgets: An asynchronous replica took over: commits of the last moments, sessions too, may be gone.
        delay_s: Least seconds between requests to a host.
        late_s: How late a request may arrive that was sent in time: what the operating system and the line take.
    """

    writes: Sequence[Write] = ()
    claims: Sequence[Claim] = ()
    commits: Sequence[Commit] = ()
    renewed: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    sent: Sequence[Sent] = ()
    logins: Sequence[Login] = ()
    good_logins: int = 0
    expired: int = 0
    crashes: Sequence[float] = ()
    kills: Sequence[tuple[str, float]] = ()
    forgets: bool = False
    delay_s: float = 0.0
    late_s: float = 0.001

    @property
    def cut_short(self) -> int:
        """Logins whose member was killed, or paused for too long, before it could store the session."""
        return sum(not each.kept for each in self.logins)


def least_gap_s(history: History) -> float:
    """The least time between two requests to one host; infinity where no host had two."""
    return min((after.at - before.at for before, after in _neighbours(history)), default=math.inf)


def _neighbours(history: History) -> Iterator[tuple[Sent, Sent]]:
    """Requests to one host that follow each other."""
    by_host: dict[str, list[Sent]] = defaultdict(list)
    for sent in history.sent:
        by_host[sent.host].append(sent)
    for all_sent in by_host.values():
        yield from itertools.pairwise(sorted(all_sent, key=lambda sent: sent.at))


def broken(history: History) -> Iterator[str]:
    """What breaks a promise, a line each."""
    for rule in (accepts, tokens, early, stored, logins, gaps, outside):
        yield from rule(history)


def _of_requests(history: History) -> dict[int, list[Write]]:
    found: dict[int, list[Write]] = defaultdict(list)
    for write in history.writes:
        found[write.request].append(write)
    return found


def accepts(history: History) -> Iterator[str]:
    """A request is accepted once; again only when it was put back to waiting since (a lost session's pages are)."""
    for request, writes in _of_requests(history).items():
        by = ""
        for write in writes:
            if write.accepts and by:
                yield f"request {request} was accepted by {by}, and again by {write.who}"
            if write.accepts:
                by = write.who
            elif write.before[0] == State.DONE:
                by = ""


def tokens(history: History) -> Iterator[str]:
    """Tokens grow, and a request is ended by whoever has claimed it last."""
    for request, writes in _of_requests(history).items():
        holder = ""
        for write in writes:
            if write.after[1] < write.before[1]:
                yield f"request {request}: {write.who} set its token back from {write.before[1]} to {write.after[1]}"
            if write.claims:
                holder = write.who
            elif write.after[0] in _ENDED and write.before[0] in (State.WAITING, State.LEASED) and holder != write.who:
                held = f"while {holder} held it" if holder else "without a claim"
                yield f"request {request}: {write.who} wrote {State(write.after[0]).name} {held}"


def early(history: History) -> Iterator[str]:
    """A lease is taken away before its end from nobody but the dead."""
    for request, writes in _of_requests(history).items():
        holder, since = "", 0.0
        for write in writes:
            taken = write.before[0] == State.LEASED and write.who != holder and write.at < write.until - history.late_s
            dead = any(who == holder and since - 1.0 <= at <= write.at for who, at in history.kills)
            if taken and not dead and write.after[0] in (State.WAITING, State.LEASED):
                left = write.until - write.at
                yield f"request {request}: {write.who} took it from {holder}, {left:.3f} s before the end of its lease"
            if write.claims:
                holder, since = write.who, write.at


def stored(history: History) -> Iterator[str]:
    """What a member was told is stored: there is the write, by that member and with that token."""
    if history.forgets:
        return
    ended = {
        (write.who, write.request, write.before[1], write.after[0])
        for write in history.writes
        if write.before[0] in (State.WAITING, State.LEASED)
    }
    for commit in history.commits:
        state = _STATES.get(commit.verdict)
        if commit.taken and state is not None and (commit.who, commit.request, commit.token, state) not in ended:
            yield f"{commit.who} was told that request {commit.request} ({commit.verdict}) is stored, and it is not"


_STATES = {"accept": State.DONE, "fail": State.FAILED, "skip": State.SKIPPED, "park": State.PARKED}


def logins(history: History) -> Iterator[str]:
    """One login for the beginning and one for each expiry; one more for each that was cut short, at most."""
    forgotten = len(history.crashes) if history.forgets else 0
    least, most = history.expired + 1, history.expired + 1 + history.cut_short + forgotten
    if not least <= history.good_logins <= most:
        expected = f"{least}" if least == most else f"{least} to {most}"
        yield f"{history.good_logins} logins for {history.expired} expiries, expected {expected}"
    kept = sum(each.kept for each in history.logins)
    if kept > least + forgotten:
        yield f"{kept} logins were stored for {history.expired} expiries"


def gaps(history: History) -> Iterator[str]:
    """Between two requests to a host lies the delay."""
    for before, after in _neighbours(history):
        if after.at - before.at < history.delay_s - history.late_s:
            gap_ms = (after.at - before.at) * 1000
            yield f"{after.host}: {before.who} and {after.who} sent {gap_ms:.1f} ms apart"


def outside(history: History) -> Iterator[str]:
    """A request is sent by who holds its lease, as far as that member can know; and while nobody else has claimed it.

    After a crash of the database a lease that it has forgotten may be given to somebody else as well.
    """
    claims: dict[tuple[str, int], list[Claim]] = defaultdict(list)
    for claim in history.claims:
        claims[claim.who, claim.request].append(claim)
    writes = _of_requests(history)
    for sent in history.sent:
        if sent.request is None:
            continue
        claim = max(
            (each for each in claims[sent.who, sent.request] if each.at <= sent.at),
            key=lambda each: each.at,
            default=None,
        )
        if claim is None:
            yield f"{sent.who} sent request {sent.request} without a lease"
            continue
        until = _until(history, claim, sent.at)
        if sent.at > until + history.late_s:
            yield f"{sent.who} sent request {sent.request} {sent.at - until:.3f} s after the end of its lease"
        if any(claim.at - 1.0 <= crash <= sent.at for crash in history.crashes):
            continue
        for write in writes[sent.request]:
            if write.claims and write.after[1] > claim.token and write.at < sent.at - history.late_s:
                yield f"{sent.who} sent request {sent.request} when {write.who} had claimed it"
                break


def _until(history: History, claim: Claim, at: float) -> float:
    """The end of a lease, as its member knows it at the moment *at*: claims are prolonged while they last."""
    until = claim.until
    renewed = history.renewed.get(claim.who, ())
    for told_at, new in renewed[bisect.bisect_left(renewed, (claim.at, -math.inf)) :]:
        if told_at > min(at, until):
            break
        until = max(until, new)
    return until

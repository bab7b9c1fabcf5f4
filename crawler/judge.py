"""The one judge: decides what becomes of a request, from its exchange and whatever else is known. Pure.

Whatever an answer teaches (about its host, its redirects) is learned beforehand and passed in as evidence; the
judgement is final, and no caller changes it. Where a probe of the session has said something since, or a file could not
be put in its place, the judge is asked again with that. Packages below and above ask it; none makes its own verdicts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from crawler.built_forms import told
from crawler.errors import (
    BetweenProxies,
    CrawlError,
    GuardRefused,
    NotRendered,
    QuotaSpent,
    StatusError,
    Transient,
    UnknownHost,
)
from crawler.outcome import Settled, Verdict
from crawler.quick_dataclass import quick_dataclass
from crawler.urls import redact

BLOCKED = frozenset({401, 403, 407, 429})  #: statuses that may mean "not you"
IN_ERRBACK = "in the errback for"  #: begins the note of an error that an errback raised: what it was called for
ENDS_SESSION = "EndsSession: fetched alone, this page ended the session"


class JudgedExchange(Protocol):
    """How a request went (`fetching.fetcher.Fetched`)."""

    error: CrawlError | None
    logged_out: str
    tries: int


class Tries(Protocol):
    """When another try is worth it (`fetching.retry.RetryPolicy`)."""

    @property
    def retries(self) -> int: ...

    def worth_retrying(self, error: BaseException, attempt: int, method: str = "GET") -> bool: ...

    def wait_s(self, error: BaseException | None, attempt: int) -> float: ...


@quick_dataclass
class Known:
    """What is known about a request besides its exchange.

    Attributes:
        attempt: Tries made before this exchange.
        method: Its method.
        rule: Why the page is not wanted where its redirects ended, "" when it is.
        is_guest: Its session is one of several that need no login: a refusal may be meant for it and not for the page.
        account_rests: Its account has sent enough for now: the page waits for another time, or another account.
        goes_on: The part of a file that arrived before the cut is kept, and the next try continues from there.
        old_form: Its form was built from a page of a session that has ended since.
        host_given_up: Its host gives no answers, and nothing more is requested from it in this run.
    """

    attempt: int = 0
    method: str = "GET"
    rule: str = ""
    is_guest: bool = False
    host_given_up: bool = False
    account_rests: bool = False
    goes_on: bool = False
    old_form: bool = False


def judge(exchange: JudgedExchange, evidence: Known, policy: Tries) -> Settled:
    """The verdict on a request after its exchange."""
    if exchange.logged_out:
        return Settled(Verdict.LOGIN, error=exchange.logged_out)
    error = exchange.error
    if error is None:
        return skipped(evidence.rule) if evidence.rule else Settled(Verdict.ACCEPT)
    if evidence.account_rests or isinstance(error, QuotaSpent | BetweenProxies):
        return Settled(Verdict.RELEASE, error=describe(error))
    if isinstance(error, GuardRefused):
        return skipped(error.why)
    if evidence.goes_on:
        return Settled(Verdict.RETRY, policy.wait_s(error, 1), describe(error))
    made, text = evidence.attempt + exchange.tries, describe(error)
    if policy.worth_retrying(error, made, evidence.method):
        again = not evidence.host_given_up
        return Settled(Verdict.RETRY, policy.wait_s(error, made), text) if again else Settled(Verdict.FAIL, 0.0, text)
    refused = isinstance(error, StatusError) and error.status in BLOCKED
    if refused and evidence.is_guest and made <= policy.retries:  # another guest may be let in
        return Settled(Verdict.RETRY, error=text)
    old = evidence.old_form and isinstance(error, StatusError)
    return Settled(Verdict.FAIL, error=told(text) if old else text)


def skipped(rule: str) -> Settled:
    """A rule forbids fetching the request, or what its redirects led to."""
    return Settled(Verdict.SKIP, error=rule)


def judge_broken(error: BaseException, trace: str) -> Settled:
    """Something other than a server's answer raised: mostly users' code.

    Args:
        trace: Its last frames.
    """
    if isinstance(error, GuardRefused):
        return skipped(error.why)
    if isinstance(error, QuotaSpent | BetweenProxies):
        return Settled(Verdict.RELEASE, error=describe(error))
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(IN_ERRBACK)]
    return Settled(Verdict.FAIL, error=redact(", ".join([describe(error), *notes]) + "\n" + trace))


class ProbeSaid(StrEnum):
    """What a probe, or a trial between two probes, has said about a page."""

    SESSION_LIVES = "the session is good, and the page shows the logged-out sign"
    ENDS_IT_BANNED = "the page ends the session, and is left alone from now on"
    ENDS_IT = "the page ends the session"
    UNTOLD = "the session was lost each time, and the cause is not clear"


def judge_probed(said: ProbeSaid, error: str = "", hint: str = "") -> Settled:
    """The verdict on a page after a probe of its session.

    Args:
        error: What the page was said to show.
        hint: What may help, for a person.
    """
    if said is ProbeSaid.SESSION_LIVES:
        shows = f"LoggedOutPage: it shows the logged-out sign although the session is good ({error})"
        return Settled(Verdict.FAIL, error=shows + hint)
    if said is ProbeSaid.ENDS_IT_BANNED:
        return skipped("guard: learned")
    if said is ProbeSaid.ENDS_IT:
        return Settled(Verdict.FAIL, error=ENDS_SESSION)
    why = "the session was lost each time this page was fetched, even alone; the page may not be to blame"
    return Settled(Verdict.FAIL, error=f"EndsSession: {why}")


def judge_callback(error: BaseException) -> Settled:
    """A callback raised on a page that was not fetched for it."""
    return Settled(Verdict.FAIL, error=describe(error))


def judge_held() -> Settled:
    """No request is needed: what is wanted is already held, and known to be right."""
    return Settled(Verdict.ACCEPT)


def judge_unplaced(why: str) -> Settled:
    """A file arrived, but its bytes could not be put in their place just before the commit."""
    return Settled(Verdict.FAIL, error=f"NotKept: the file could not be put in its place: {why}")


def pause_s(exchange: JudgedExchange) -> float | None:
    """Seconds for which the whole host asks to be left alone, or None."""
    return exchange.error.retry_after_s if isinstance(exchange.error, StatusError) else None


def is_hosts_fault(error: CrawlError | None) -> bool:
    """Whether an error means that the host is in trouble (for the circuit breaker), and not only this page."""
    if isinstance(error, StatusError):
        return error.status in (429, 502, 503, 504)
    return isinstance(error, Transient | UnknownHost) and not isinstance(error, NotRendered)


def describe(error: BaseException) -> str:
    """One line for the failure record: class and text, without secrets."""
    return redact(f"{type(error).__name__}: {error}"[:1_000])[:500]

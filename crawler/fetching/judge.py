"""The one judge: what becomes of a request, from its exchange and from what is known besides. Pure.

Whatever an answer teaches (about its host, its redirects) is learned before and goes in as evidence; what comes out is
final. Nobody who gets a judgement changes it; only what a probe says of the session afterwards can end a page otherwise
(`sessions.login.session_evidence`), for it is not known before the probe has been asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from crawler.errors import CrawlError, GuardRefused, QuotaSpent, RobotsDenied, StatusError, Transient, UnknownHost
from crawler.fetching.fetcher import Fetched
from crawler.fetching.retry import RetryPolicy
from crawler.outcome import Verdict
from crawler.sessions.health import BLOCKED
from crawler.urls import redact


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a request besides its exchange.

    Attributes:
        attempt: Tries that were made before this exchange.
        method: Its method.
        rule: Why the page is not wanted where its redirects ended, "" when it is.
        is_guest: Its session is one of several that need no login: a refusal may be meant for it and not for the page.
        account_rests: Its account has sent enough for now: the page waits for another time, or another account.
        host_given_up: Its host gives no answers, and nothing of it is asked any more in this run.
    """

    attempt: int = 0
    method: str = "GET"
    rule: str = ""
    is_guest: bool = False
    host_given_up: bool = False
    account_rests: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A verdict with what it needs.

    Attributes:
        verdict: What becomes of the request.
        wait_s: For RETRY: seconds until the next try.
        error: One line, "" for none.
    """

    verdict: Verdict
    wait_s: float = 0.0
    error: str = ""


def judge(exchange: Fetched, evidence: Known, policy: RetryPolicy) -> Settled:
    """The verdict on a request after its exchange."""
    if exchange.logged_out:
        return Settled(Verdict.LOGIN, error=exchange.logged_out)
    error = exchange.error
    if error is None:
        return skipped(evidence.rule) if evidence.rule else Settled(Verdict.ACCEPT)
    if evidence.account_rests or isinstance(error, QuotaSpent):
        return Settled(Verdict.RELEASE, error=describe(error))
    if isinstance(error, RobotsDenied | GuardRefused):
        return skipped(error.why)
    made, text = evidence.attempt + exchange.tries, describe(error)
    if policy.worth_retrying(error, made, evidence.method):
        again = not evidence.host_given_up
        return Settled(Verdict.RETRY, policy.wait_s(error, made), text) if again else Settled(Verdict.FAIL, 0.0, text)
    refused = isinstance(error, StatusError) and error.status in BLOCKED
    if refused and evidence.is_guest and made <= policy.retries:  # another guest may be let in
        return Settled(Verdict.RETRY, error=text)
    return Settled(Verdict.FAIL, error=text)


def skipped(rule: str) -> Settled:
    """A rule says that the request, or what its redirects led to, is not to be fetched."""
    return Settled(Verdict.SKIP, error=rule)


def judge_broken(error: BaseException, trace: str) -> Settled:
    """Something raised that is no answer of a server: users' code, mostly.

    Args:
        trace: Its last frames.
    """
    if isinstance(error, GuardRefused):
        return skipped(error.why)
    if isinstance(error, QuotaSpent):
        return Settled(Verdict.RELEASE, error=describe(error))
    return Settled(Verdict.FAIL, error=redact(describe(error) + "\n" + trace))


def pause_s(exchange: Fetched) -> float | None:
    """Seconds for which the whole host asks to be left alone, or None."""
    return exchange.error.retry_after_s if isinstance(exchange.error, StatusError) else None


def is_hosts_fault(error: CrawlError | None) -> bool:
    """Whether an error says that the host is in trouble (for the circuit breaker), and not only this page."""
    if isinstance(error, StatusError):
        return error.status in (429, 502, 503, 504)
    return isinstance(error, Transient | UnknownHost)


def describe(error: BaseException) -> str:
    """One line for the failure record: class and text, without secrets."""
    return redact(f"{type(error).__name__}: {error}"[:1_000])[:500]

"""What becomes of a request after it was fetched: pure."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.errors import CrawlError, GuardRefused, RobotsDenied, StatusError, Transient, UnknownHost
from crawler.fetching.fetcher import Fetched
from crawler.fetching.retry import RetryPolicy
from crawler.outcome import Verdict
from crawler.urls import redact


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what it needs.

    Attributes:
        verdict: What becomes of the request.
        wait_s: For RETRY: seconds until the next try.
        pause_s: Seconds for which the whole host is left alone, or None.
        error: One line, "" for none.
    """

    verdict: Verdict
    wait_s: float = 0.0
    pause_s: float | None = None
    error: str = ""


def decide(fetched: Fetched, *, attempt: int, method: str, policy: RetryPolicy) -> Decision:
    """The verdict on *fetched* after *attempt* earlier tries."""
    if fetched.logged_out:
        return Decision(Verdict.LOGIN, error=fetched.logged_out)
    error = fetched.error
    if error is None:
        return Decision(Verdict.ACCEPT)
    text = describe(error)
    if isinstance(error, RobotsDenied | GuardRefused):
        return Decision(Verdict.SKIP, error=error.why)
    made = attempt + fetched.tries
    pause_s = error.retry_after_s if isinstance(error, StatusError) else None
    if policy.worth_retrying(error, made, method):
        return Decision(Verdict.RETRY, wait_s=policy.wait_s(error, made), pause_s=pause_s, error=text)
    return Decision(Verdict.FAIL, pause_s=pause_s, error=text)


def is_hosts_fault(error: CrawlError | None) -> bool:
    """Whether an error says that the host is in trouble (for the circuit breaker), and not only this page."""
    if isinstance(error, StatusError):
        return error.status in (429, 502, 503, 504)
    return isinstance(error, Transient | UnknownHost)


def describe(error: BaseException) -> str:
    """One line for the failure record: class and text, without secrets."""
    return redact(f"{type(error).__name__}: {error}"[:1_000])[:500]

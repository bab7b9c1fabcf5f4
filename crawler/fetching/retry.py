"""When and how long to wait before another try: the one place for retries, built on tenacity.

Short waits happen in the worker and are woken by a stop; long ones, and all that a server asks for, go back to the
frontier, so that no worker sleeps through them.
"""

from __future__ import annotations

import email.utils
import random
import threading
from collections.abc import Callable
from typing import TypeVar

from crawler.errors import FetchError, StatusError, Transient, UnknownHost
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.flow import Flow, Wait, run

_RETRY_AFTER_CHARACTERS = 100  # a date has 29
SHORT_WAIT_S = 0.5  #: longest wait that a worker may sit through
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})

T = TypeVar("T")


def next_wait_s(attempt: int, *, base_s: float, cap_s: float, asked_s: float = 0.0, chance: float = 1.0) -> float:
    """Seconds before the next try: what the server asked for, else exponential with full jitter.

    Args:
        attempt: Tries made so far, 1 or more.
        base_s: First wait.
        cap_s: Longest wait, except for what the server asked for.
        asked_s: Retry-After, 0 for none.
        chance: 0 to 1; which part of the backoff is taken (at least half of it).
    """
    backoff_s = min(cap_s, base_s * 2.0 ** min(attempt - 1, 60))
    return max(asked_s, backoff_s * (0.5 + 0.5 * chance))


def retry_after_s(value: str | None, *, now: float, cap_s: float) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to *cap_s*; None when there is none or it is nonsense.

    Source: RFC 9110 section 10.2.3: seconds, or an HTTP date.
    """
    if value is None:
        return None
    text = value.strip()
    if len(text) > _RETRY_AFTER_CHARACTERS:
        return None
    try:
        seconds = float(text)
    except ValueError:
        parsed = email.utils.parsedate_tz(text) if any(letter.isdigit() for letter in text) else None
        if parsed is None:
            return None
        try:
            seconds = email.utils.mktime_tz(parsed) - now
        except (ValueError, OverflowError):
            return None
    if seconds != seconds or seconds < 0:  # NaN, or a moment in the past: nothing to wait for
        return None if seconds != seconds else 0.0
    return min(seconds, cap_s)


@quick_dataclass
class Backoff:
    """How long to wait before another try.

    Attributes:
        base_s: First wait.
        cap_s: Longest wait, except for what a server asks for.
        short_s: Longest wait that a worker may sit through.
        chance: 0 to 1, each time anew: which part of a wait is taken, at least half of it.
    """

    base_s: float
    cap_s: float
    short_s: float = SHORT_WAIT_S
    chance: Callable[[], float] = random.random


class RetryPolicy:
    """Which failures are worth another try, and when. Safe from any thread."""

    def __init__(self, retries: int, statuses: frozenset[int], backoff: Backoff, stop: threading.Event) -> None:
        self.retries, self.statuses = retries, statuses
        self._backoff, self._stop = backoff, stop

    def worth_retrying(self, error: BaseException, attempt: int, method: str = "GET") -> bool:
        """Whether to try again after *attempt* tries (1 or more).

        A request that is not idempotent is sent again only when its answer says that it was not processed (429, 503).
        """
        if attempt > self.retries:
            return False
        if isinstance(error, StatusError):
            return error.status in self.statuses and (method in IDEMPOTENT or error.status in (429, 503))
        if isinstance(error, UnknownHost):
            return attempt < 2
        return isinstance(error, Transient) and method in IDEMPOTENT

    def wait_s(self, error: BaseException | None, attempt: int) -> float:
        """Seconds before the next try after *attempt* tries."""
        asked_s = error.retry_after_s or 0.0 if isinstance(error, StatusError) else 0.0
        backoff = self._backoff
        return next_wait_s(
            attempt, base_s=backoff.base_s, cap_s=backoff.cap_s, asked_s=asked_s, chance=backoff.chance()
        )

    def call(self, send: Callable[[], T], *, attempt: int, method: str, patient: bool) -> tuple[T, int]:
        """`flow` on the calling thread, for a *send* that sends by itself."""

        def sent() -> Flow[T]:
            yield from ()  # a flow of no steps
            return send()

        return run(self.flow(sent, attempt=attempt, method=method, patient=patient))

    def flow(self, send: Callable[[], Flow[T]], *, attempt: int, method: str, patient: bool) -> Flow[tuple[T, int]]:
        """The steps of *send*, and again after short waits while that is worth it.

        Args:
            attempt: Tries that were made earlier.
            patient: False when the host has a delay: then each try is a turn of its own, taken from the frontier.
        Returns:
            What *send* returned, and the number of tries made here.
        Raises:
            FetchError: The last error; `tries` is set on it.
        """
        try:
            return (yield from send()), 1  # nearly always; what follows costs a tenth of a page
        except FetchError as error:
            first: FetchError = error
        import tenacity  # most runs start without it, and where tornado is installed it brings that along

        made = 1
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: self._again_here(error, attempt + made, method, patient)),
            wait=lambda state: self.wait_s(state.outcome.exception() if state.outcome else None, attempt + made),
            stop=lambda state: state.upcoming_sleep > self._backoff.short_s or self._stop.is_set(),
            reraise=True,
        )
        state = tenacity.RetryCallState(retrying, fn=None, args=(), kwargs={})
        state.set_exception((type(first), first, first.__traceback__))
        try:
            while True:  # what tenacity's own loops do, with steps in place of calls
                retrying.begin()  # its statistics are kept for each thread, and the next step may run on another
                decided = retrying.iter(state)
                if isinstance(decided, tenacity.DoSleep):
                    state.prepare_for_next_attempt()
                    yield Wait(min(float(decided), self._backoff.short_s), self._sleep)
                elif isinstance(decided, tenacity.DoAttempt):
                    made += 1
                    try:
                        state.set_result((yield from send()))
                    except FetchError as error:
                        state.set_exception((type(error), error, error.__traceback__))
                else:
                    return decided, made
        except FetchError as error:
            error.__dict__["tries"] = made
            raise

    def _again_here(self, error: BaseException, attempt: int, method: str, patient: bool) -> bool:
        if not patient or not self.worth_retrying(error, attempt, method):
            return False
        return not (isinstance(error, StatusError) and error.retry_after_s)

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(min(seconds, self._backoff.short_s))

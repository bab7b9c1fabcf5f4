"""Fetch one request through its session: prepare, send, retry, check, and say how it went.

Nothing here decides what becomes of the request (`judge` does) and nothing is stored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.errors import CrawlError, FetchError, SessionError, StatusError
from crawler.fetching.retry import RetryPolicy, retry_after_s
from crawler.fetching.unasked import no_page, odd_about
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Request, Response
from crawler.sessions.flow import Flow, run
from crawler.sessions.prepared import HopGuard
from crawler.sessions.session import Session
from crawler.urls import redact

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAY_BE_URL = re.compile(r"[^\s'\"<>]+")


@quick_dataclass(frozen=False)
class Fetched:
    """How a request went.

    Attributes:
        response: The answer, when there was one that may be looked at.
        error: Why there is none, or the error status that the callback did not ask to see.
        logged_out: Why the answer shows that we are logged out, "" when it does not.
        tries: How often it was sent.
        sent_at: First sending, seconds since 1970.
        elapsed_ms: Until the last byte, without the time a browser took.
        epoch: Epoch of the session when it was last sent.
    """

    response: Response | None = None
    error: CrawlError | None = None
    logged_out: str = ""
    tries: int = 1
    sent_at: float = 0.0
    elapsed_ms: float = 0.0
    epoch: int = 0

    def unsent(self, error: CrawlError) -> None:
        """Nothing was sent because of *error*; where a session has no token for it, it is logged out."""
        if isinstance(error, SessionError):
            self.logged_out = error.why
        else:
            self.error = error


@quick_dataclass
class Checks:
    """What is checked before an answer counts.

    Attributes:
        allowed_statuses: Statuses that the callback wants to see: errors, and redirects, which are not followed then.
        redirects: Whether other redirects are followed.
        logged_out: Why an answer shows that we are logged out, or None; asked before the status is judged.
        hop_guard: ``(url, text, rel) -> reason or None``: redirects that must not be followed.
        rendered: What a browser makes of a good answer, where that is wanted; the checks then apply to that.
    """

    allowed_statuses: frozenset[int] = frozenset()
    redirects: bool = True
    logged_out: Callable[[Response], str | None] = lambda response: None
    hop_guard: HopGuard | None = None
    rendered: Callable[[Response], Flow[Response]] | None = None


class Fetcher:
    """Fetches requests. Safe from any thread.

    Args:
        policy: When to try again.
        max_retry_after_s: Longest Retry-After that is obeyed.
        clock: Seconds since 1970.
    """

    def __init__(
        self, policy: RetryPolicy, *, max_retry_after_s: float = 21_600.0, clock: Callable[[], float] = unix_now
    ) -> None:
        self.policy = policy
        self._cap_s, self._clock = max_retry_after_s, clock

    def fetch(
        self,
        session: Session,
        request: Request,
        checks: Checks | None = None,
        *,
        attempt: int = 0,
        patient: bool = True,
    ) -> Fetched:
        """`flow` on the calling thread."""
        return run(self.flow(session, request, checks or Checks(), attempt=attempt, patient=patient))

    def flow(
        self, session: Session, request: Request, checks: Checks, *, attempt: int = 0, patient: bool = True
    ) -> Flow[Fetched]:
        """Send *request*, again after short waits where that is worth it.

        Args:
            attempt: Tries made before.
            patient: Whether to sit through short waits here.
        """
        started = time.perf_counter()  # first: an answer must never seem to come before it did, however busy we are
        fetched = Fetched(sent_at=self._clock(), epoch=session.epoch)
        seen: list[Response] = []
        elsewhere_s = 0.0
        stops_at = _REDIRECTS.intersection(checks.allowed_statuses) if checks.redirects else _REDIRECTS
        options = {"stops_at": stops_at} if stops_at else {}

        def send() -> Flow[Response]:
            nonlocal elsewhere_s
            fetched.epoch = session.epoch
            response = yield from session.flow(session.prepare_link(request, checks.hop_guard), **options)
            response.asked, response.session_name = request, session.name
            if session.params:
                response.url = session.bare(response.url)
            if checks.rendered is not None and response.status_code < 400:
                began = time.perf_counter()
                try:
                    response = yield from checks.rendered(response)
                finally:
                    elsewhere_s += time.perf_counter() - began
            seen.append(response)
            reason = checks.logged_out(response)
            if reason:
                fetched.logged_out = reason
            elif response.status_code not in checks.allowed_statuses and (
                response.status_code >= 400 or (not checks.redirects and response.status_code in _REDIRECTS)
            ):
                raise self.status_error(response)
            elif response.status_code != 200 or not response.body or response.body[:1].isspace():  # all but most
                self._look_at_odd(response, request, checks.allowed_statuses)
            return response

        try:
            fetched.response, fetched.tries = yield from self.policy.flow(
                send, attempt=attempt, method=request.method, patient=patient
            )
        except FetchError as error:
            _without_params(error, session)
            fetched.error, fetched.tries = error, getattr(error, "tries", 1)
            fetched.response = seen[-1] if seen and isinstance(error, StatusError) else None
        except CrawlError as error:
            fetched.unsent(error)
        fetched.elapsed_ms = (time.perf_counter() - started - elsewhere_s) * 1000
        return fetched

    def _look_at_odd(self, response: Response, request: Request, allowed_statuses: frozenset[int]) -> None:
        """Refuse what is not a page, and note what is odd about one; the callback may want to see it as it is."""
        status, sent, body = response.status_code, response.request.headers, response.body
        if status >= 400 or status in allowed_statuses or request.method == "HEAD":
            return
        if no_page(status, sent, is_empty=not body.strip()):
            raise self.status_error(response)
        if odd := odd_about(status, sent, response.headers, body):
            response.warnings.append(odd)

    def status_error(self, response: Response) -> StatusError:
        """The error that an answer with an error status is."""
        asked_s = None
        if response.status_code in (429, 503) or response.status_code in self.policy.statuses:
            asked_s = retry_after_s(response.headers.get("Retry-After"), now=self._clock(), cap_s=self._cap_s)
        return StatusError(redact(response.url), response.status_code, asked_s)


def _without_params(error: FetchError, session: Session) -> None:
    """Errors are kept: remove from *error* what the session adds to each URL."""
    if session.params:
        error.url = session.bare(error.url)
        error.why = _MAY_BE_URL.sub(lambda found: session.bare(found[0]), error.why)
        error.args = (error.url, error.why) if len(error.args) == 2 else (error.url, *error.args[1:])

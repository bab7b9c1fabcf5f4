"""How long to wait for a login or probe that cannot go on: its site is in trouble, asks for patience, or is away.

The engine does other work meanwhile. The store knows when the next try is due (`stores.login_policy`), or the probe's
own pauses say.
"""

from __future__ import annotations

from collections.abc import Callable

from crawler.errors import SessionError, SiteUnreachable, StatusError
from crawler.response import Response

RetryAfter = Callable[[str | None], float | None]
PATIENCE_S = 900.0  #: in all
PATIENCE_WITH_STRANGERS_S = 60.0  #: the same for a site that has not answered anything yet
PROBE_PAUSES_S = (2.0, 5.0, 15.0, 30.0, 60.0)  #: between probes that brought no usable answer
AGAIN_S = 0.1  #: wait before another login where one was lost before it could be proved; then twice as long each time
_LONGEST_AGAIN_S = 60.0


class Patience:
    """Of one session, in one run. Used by the thread that prepares it.

    Attributes:
        trouble: What is waited for, or None.
        answers: The site has answered something in this run.
        waits: Until when, seconds since 1970, and why a login or probe waits; for those who watch.
    """

    def __init__(self) -> None:
        self.trouble: SessionError | None = None
        self.answers = False
        self.waits = (0.0, "")  # one value, since the thread that reports reads it
        self._since = 0.0  # 0 for no trouble

    def over(self) -> None:
        """There is no trouble any more."""
        self.trouble, self._since, self.waits = None, 0.0, (0.0, "")

    def begins(self, trouble: SessionError, now: float) -> None:
        """*trouble* was met, seconds since 1970."""
        self.trouble, self._since = trouble, self._since or now

    def ends_with(self, trouble: SessionError, wait_s: float, now: float) -> SessionError | None:
        """None while *trouble* may be waited for so many seconds more; else what the session is given up with."""
        self._since = self._since or now
        stranger = isinstance(trouble, SiteUnreachable) and not self.answers
        if now + wait_s - self._since <= (PATIENCE_WITH_STRANGERS_S if stranger else PATIENCE_S):
            return None
        waited_s = now - self._since
        waited = f"waited for {waited_s:,.0f} s" if waited_s >= 1 else "not waited for"
        return type(trouble)(trouble.session, f"{trouble.why}; {waited}, the next try is due in {wait_s:,.0f} s")


def probe_pause_s(attempts: int, asked_s: float) -> float:
    """Seconds after so many probes that brought no usable answer; a Retry-After may have been rounded down."""
    return asked_s + 1.0 if asked_s else PROBE_PAUSES_S[min(attempts, len(PROBE_PAUSES_S)) - 1]


def again_s(attempts: int) -> float:
    """Seconds before another login, after so many that were lost before they could be proved."""
    return min(AGAIN_S * 2.0 ** (attempts - 1), _LONGEST_AGAIN_S)


def asked_to_wait_s(error: Exception, answer: Response | None, retry_after_s: RetryAfter) -> float:
    """How long the site asks to be left alone, in seconds; 0 for nothing.

    Args:
        error: Says so itself where it is about a single answer.
        answer: The last one of the login step, if any.
        retry_after_s: Understands the header Retry-After.
    """
    if isinstance(error, StatusError) and error.retry_after_s is not None:
        return error.retry_after_s
    if answer is None or answer.status_code not in (429, 503):
        return 0.0
    return retry_after_s(answer.headers.get("Retry-After")) or 0.0

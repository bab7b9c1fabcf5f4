"""The login state of a session: a table, no I/O.

A session starts UNPROVEN (it may have stored cookies), is proved by a probe or logs in, and is READY until an answer of
its own epoch shows the logged-out page. An answer of an older epoch says nothing about now: its request is sent again.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Final

from crawler.errors import CrawlError


class LoginState(StrEnum):
    """Where a session stands."""

    UNPROVEN = "unproven"  #: nothing is known yet, or only what the store remembers
    EXPIRED = "expired"  #: known to be logged out
    LOGGING_IN = "logging in"
    RENEWING = "renewing"  #: a page of the app renews it, which is no login
    READY = "ready"
    PARKED = "parked"  #: waits for a person
    REFUSED = "refused"  #: the site refused the credentials, or the login failed for good


class Signal(StrEnum):
    """What may happen to it."""

    PROBE_OK = "probe ok"
    LOGGED_OUT = "logged out"
    LOGIN_STARTED = "login started"
    RENEWAL_STARTED = "renewal started"
    LOGIN_OK = "login ok"
    LOGIN_FAILED = "login failed"  #: may be tried again later
    LOGIN_REFUSED = "login refused"  #: must not be tried again by itself
    NEEDS_HUMAN = "needs human"
    ADOPTED = "adopted"  #: another process logged in; its cookies were taken


_ENDS_OF_A_LOGIN: Final = {
    Signal.LOGIN_OK: LoginState.READY,
    Signal.LOGIN_FAILED: LoginState.EXPIRED,
    Signal.LOGIN_REFUSED: LoginState.REFUSED,
    Signal.NEEDS_HUMAN: LoginState.PARKED,
}
TRANSITIONS: dict[LoginState, dict[Signal, LoginState]] = {
    LoginState.UNPROVEN: {
        Signal.PROBE_OK: LoginState.READY,
        Signal.LOGGED_OUT: LoginState.EXPIRED,
        Signal.LOGIN_STARTED: LoginState.LOGGING_IN,
        Signal.RENEWAL_STARTED: LoginState.RENEWING,
        Signal.ADOPTED: LoginState.READY,
    },
    LoginState.EXPIRED: {
        Signal.LOGIN_STARTED: LoginState.LOGGING_IN,
        Signal.RENEWAL_STARTED: LoginState.RENEWING,
        Signal.ADOPTED: LoginState.READY,
        Signal.PROBE_OK: LoginState.READY,  # only the page looked as if we were logged out
        Signal.LOGGED_OUT: LoginState.EXPIRED,
        Signal.LOGIN_REFUSED: LoginState.REFUSED,
        Signal.NEEDS_HUMAN: LoginState.PARKED,
    },
    LoginState.LOGGING_IN: _ENDS_OF_A_LOGIN,
    LoginState.RENEWING: _ENDS_OF_A_LOGIN,
    LoginState.READY: {
        Signal.LOGGED_OUT: LoginState.EXPIRED,
        Signal.PROBE_OK: LoginState.READY,
        Signal.ADOPTED: LoginState.READY,
        Signal.LOGIN_STARTED: LoginState.LOGGING_IN,  # a forced login, or one ahead of a forecast end
    },
    LoginState.PARKED: {Signal.LOGIN_STARTED: LoginState.LOGGING_IN, Signal.ADOPTED: LoginState.READY},
    LoginState.REFUSED: {Signal.LOGIN_STARTED: LoginState.LOGGING_IN, Signal.ADOPTED: LoginState.READY},
}


class IllegalTransition(CrawlError):
    """A bug in this program: a signal that its state does not know."""


class LoginRecord:
    """State and epoch of one session, with the moments that matter. Safe from any thread.

    Attributes:
        version: Version of the stored row that this is in step with; 0 for none.
        proved_at: Last moment at which it was known to be logged in, seconds since 1970, or None.
        logged_in_at: Moment of the last login, or None.
        why: Why it is parked or refused.
        probe_showed: What each probe page was when it was good: "member", "page", "data" (`login.probe.shown_by`).
            Spiders that share a session may have a page each.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards state, epoch and what was refused; no I/O and no users' code under it
        self._state = LoginState.UNPROVEN
        self._epoch = 0
        self._refused: set[int] = set()  # requests that were refused, of which the scheduler has not heard yet
        self.version = 0
        self.proved_at: float | None = None
        self.logged_in_at: float | None = None
        self.why = ""
        self.probe_showed: dict[str, str] = {}

    @property
    def state(self) -> LoginState:
        return self._state

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def may_send(self) -> bool:
        """Whether nothing speaks against it: a worker asks before it sends what the scheduler has handed out."""
        return self._state is LoginState.READY and not self._refused

    def page_refused(self, request: int) -> None:
        """Credentials that go with every request were refused: nothing more is sent before the scheduler has decided.

        Called by a worker as soon as it has seen the answer.
        """
        with self._lock:
            self._refused.add(request)

    def page_is_back(self, request: int) -> None:
        """The scheduler has heard of the answer and done what follows."""
        if self._refused:  # seldom
            with self._lock:
                self._refused.discard(request)

    def signal(self, signal: Signal, *, epoch: int | None = None) -> LoginState:
        """Move on by the table; *epoch* becomes the session's epoch.

        Raises:
            IllegalTransition: The table has no such step.
        """
        with self._lock:
            after = TRANSITIONS[self._state].get(signal)
            if after is None:
                raise IllegalTransition(f"{signal} in state {self._state}")
            self._state = after
            if epoch is not None:
                self._epoch = epoch
            return after

    def logged_out(self, epoch: int) -> bool:
        """An answer of *epoch* shows the logged-out page. True when that is news: the session is now EXPIRED."""
        with self._lock:
            if epoch != self._epoch or self._state is not LoginState.READY:
                return False
            self._state = LoginState.EXPIRED
            return True

"""Leave to send a password or a client's secret for a token: of one session, wherever its auth wants a new one.

A password that is sent for a token is a login like any other: it counts, it is told, it is claimed in the store, and a
refused one is not sent again. So where the spider has a login step, only that sends it: a token whose refresh token is
no longer good is a session that is logged out. Where the `Identity` has the password and there is no step, the login
is claimed here. A client's secret locks no account, and renews tokens by itself until it is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from crawler.errors import CrawlError, FetchError, LoginFailed, SessionError, StatusError, WrongPassword
from crawler.sessions.auth.lending import TokenAsked
from crawler.sessions.desk import Desk, LoginEnd
from crawler.sessions.session import Session

_log = logging.getLogger("crawler.sessions")
_PATIENCE_S: Final = 30.0  #: longest wait for a login of the same account by another process
_HOW: Final = {"refresh_token": "its refresh token", "client_credentials": "the secret of its client"}
Outcome = Literal["refused", "busy", "broken", "failed"]


class TokenGrants:
    """Of one session. Safe from any thread.

    Args:
        has_step: Whether a login step of the spider logs it in.
        blocked: Why nothing may be sent now, as an error for a person: from a kind and a reason of the store.
        on_start: Told the reason of each login that begins here.
        on_good: Told that it was good, and the milliseconds that it took; what goes wrong is told by the session's end.
    """

    def __init__(
        self,
        session: Session,
        desk: Desk,
        *,
        has_step: Callable[[], bool],
        blocked: Callable[[str, str], SessionError],
        on_start: Callable[[str], None],
        on_good: Callable[[float], None],
    ) -> None:
        self._session, self._desk, self._has_step, self.blocked = session, desk, has_step, blocked
        self._on_start, self._on_good = on_start, on_good
        self._logs_in = self._insists = 0  # the thread that logs in, or on which a person insists

    @contextmanager
    def of_login(self) -> Iterator[None]:
        """While a login is under way on this thread: it is claimed already, and says itself how it ended."""
        self._logs_in = threading.get_ident()
        try:
            yield
        finally:
            self._logs_in = 0

    @contextmanager
    def insisted(self) -> Iterator[None]:
        """A person insists, on this thread: what the site has refused is sent once more."""
        self._insists = threading.get_ident()
        try:
            yield
        finally:
            self._insists = 0

    def begins(self, asked: TokenAsked) -> None:
        """As `sessions.auth.lending.Lends`."""
        thread = threading.get_ident()
        if self._logs_in == thread:
            return
        if asked.grant == "password":
            if self._has_step():
                raise LoginFailed(self._session.name, "its token has ended and cannot be renewed: a login is next")
            self._claim(asked, force=self._insists == thread)
            self._on_start("its token is to be renewed by the password")
        elif self._insists != thread and (why := self._refused(asked)):
            raise self.blocked("refused", why)

    def ended(self, asked: TokenAsked, error: CrawlError | None, elapsed_ms: float) -> None:
        """As `sessions.auth.lending.Lends`."""
        session = self._session
        if self._logs_in == threading.get_ident():
            session.sent.credentials = session.sent.credentials or not isinstance(error, FetchError) or error.sent
            return
        if error is None and asked.grant != "password":
            _log.info("session %s: a new token, by %s", session.name, _HOW[asked.grant])
        if asked.grant == "password":
            ending = "ok" if error is None else _outcome(error)
            why = "" if error is None else getattr(error, "why", str(error))
            self._desk.end_login(session.key, LoginEnd(ending, why, next(iter(asked.marks), "")))
            if error is None:
                self._on_good(elapsed_ms)
        elif isinstance(error, WrongPassword):
            self._put_on_record(asked, error.why)

    def _refused(self, asked: TokenAsked) -> str:
        """Why these secrets may not be sent now: it is on record that the site has refused them; "" when they may."""
        return next(filter(None, (self._desk.refused(self._session.key, mark) for mark in asked.marks)), "")

    def _put_on_record(self, asked: TokenAsked, why: str) -> None:
        for mark in dict.fromkeys((*asked.marks, *asked.also)):
            self._claim(TokenAsked(asked.grant, (mark,)), force=True)
            self._desk.end_login(self._session.key, LoginEnd("refused", why, mark))

    def _claim(self, asked: TokenAsked, *, force: bool) -> None:
        """Claim the login in the store.

        Raises:
            SessionError: It may not begin now.
        """
        key, ends = self._session.key, time.monotonic() + _PATIENCE_S
        mark = next(iter(asked.marks), "")
        while True:
            row = self._desk.load(key)
            epoch = max(self._session.epoch, row.epoch if row is not None else 0)
            claim = self._desk.claim(key, epoch, credentials=mark, force=force)
            if claim.granted:
                return
            if claim.refused:
                raise self.blocked(claim.kind, claim.refused)
            left_s = ends - time.monotonic()
            if left_s <= 0:
                raise LoginFailed(self._session.name, "another login of the same account does not end")
            time.sleep(min(max(claim.wait_s, 0.05), left_s))


def _outcome(error: CrawlError) -> Outcome:
    """As in `stores.login_policy`."""
    if isinstance(error, WrongPassword):
        return "refused"
    if isinstance(error, StatusError) and error.status in (429, 503):
        return "busy"
    return "broken" if isinstance(error, FetchError) else "failed"

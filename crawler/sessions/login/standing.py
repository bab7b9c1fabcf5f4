"""What is known of one session in this run: its state, what is stored of it, and what became of its logins so far."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from crawler.errors import SessionError
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions import snapshot
from crawler.sessions.auth.schemes import dump_auth
from crawler.sessions.auth.storage_token import in_storage
from crawler.sessions.auth.tokens import sent_token_end
from crawler.sessions.desk import StoredSession
from crawler.sessions.login.elsewhere import Elsewhere
from crawler.sessions.login.patience import Patience
from crawler.sessions.login.states import LoginRecord, LoginState, Signal
from crawler.sessions.session import Session

TOKEN_ENDED: Final = "its token has ended"
NO_TOKEN: Final = "its token is not in the browser's storage"
_LAST_MOMENTS_S: Final = 10.0  # of a token: a probe has to find its turn
_LAST_SHARE: Final = 0.1  # of the life of a short one
_LATELY_S: Final = 3600.0  # a login of another process within this time says that the credentials are still good


@quick_dataclass
class Preparation:
    """What came of preparing a session.

    Attributes:
        ready: It may send.
        how: "ready", "restored", "login", "renewed" (by a page of the app), "adopted", "still good" (after a doubt),
            "unproved" (a person insisted, and no page tells whether the credentials are good), or "" when not ready.
        wait_s: Not ready, but ask again after so many seconds.
        error: Why it will not be ready in this run by itself.
        trouble: What is waited for; None where nothing is wrong.
        renews: A page of the app renews it then, and nobody logs in.
    """

    ready: bool
    how: str = ""
    wait_s: float = 0.0
    error: SessionError | None = None
    trouble: SessionError | None = None
    renews: bool = False


@quick_dataclass(frozen=False)
class Witness:
    """A page that showed us logged out, where the probe page may be one that everybody sees.

    Attributes:
        page: It may be asked once more; "" for none.
        believed: It was taken at its word, and a login follows for its sake; "" for none.
        misled: Such a page showed us logged out right after the login, too: none is believed any more in this run.
    """

    page: str = ""
    believed: str = ""
    misled: bool = False


@quick_dataclass(frozen=False)
class KnownCredentials:
    """What logins have shown of the credentials of a session.

    Attributes:
        known_good: They have let us in before.
        let_in: In this very run.
        brings: Names of the cookies that came with the form of the last good login; None before there was one.
    """

    known_good: bool = False
    let_in: bool = False
    brings: frozenset[str] | None = None

    def were_good(self, brought: frozenset[str]) -> None:
        """A login has shown that they are good; it *brought* these cookies with its form."""
        self.known_good = self.let_in = True
        self.brings = brought

    def are_good_lately(self, row: StoredSession | None, now: float) -> bool:
        """Whether they have let this process in during its run, or another one within the last hour."""
        logged_in_at = row.logged_in_at if row is not None else None
        return self.let_in or (logged_in_at is not None and now - logged_in_at < _LATELY_S)

    def is_alike(self, brought: frozenset[str]) -> bool | None:
        """Whether a login brought what a good one does; None where none was seen in this process."""
        return None if self.brings is None else self.brings <= brought


class Standing:
    """Of one session; changed by the thread that prepares it, and where a method says so.

    Attributes:
        record: Its state and epoch.
        patience: With a site in trouble.
        elsewhere: Whether somebody else uses the account.
        reason: Why a login was begun last, or why the last try of one failed.
        attempts: Logins and probes in a row that came to nothing.
        credentials: What its logins have shown of them.
        doubted: READY was given up because of a page: the probe decides whether that page was right.
        witness: The page that showed us logged out.
        saved_as: What of it is stored: see `snapshot.version_of`.
        base: The stored secret that the session is in step with: its changes are told from that.
        lost_stored_epoch: Epoch of a stored session that turned out to be lost; 0 for none.
        proved_before_loss: When the session that was lost last had been proved.
        ends_at: From then on nothing new is sent with it, since its token ends; infinite for no such token.
    """

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self.session, self.clock = session, clock
        self.record, self.patience, self.elsewhere = LoginRecord(), Patience(), Elsewhere()
        self.reason, self.attempts = "", 0
        self.doubted = False
        self.credentials = KnownCredentials()
        self.witness = Witness()
        self.saved_as, self.base = snapshot.version_of(session), ""
        self.lost_stored_epoch, self.proved_before_loss = 0, 0.0
        self.ends_at = math.inf

    def expire(self, epoch: int, reason: str) -> bool:
        """An answer of *epoch* was fetched logged out. True when that is news. Safe from any thread."""
        news = self.record.logged_out(epoch)
        if news:
            self.reason, self.doubted = reason, True
            self.elsewhere.heard(reason)
            self.proved_before_loss = self.record.proved_at or 0.0
        return news

    def became_ready(self, signal: Signal, *, epoch: int, proved: bool = True) -> None:
        """It may send: by a probe, a login, or that of another process; or, not *proved*, since nobody logs in."""
        if proved:
            self.record.proved_at = self.clock()
        self.record.signal(signal, epoch=epoch)
        self.session.epoch, self.credentials.known_good = epoch, True
        if self.session.sending.proxy_pool is not None:
            self.session.sending.proxy_pool.is_between = False
        ends, last_moments_s = self._token_life()
        self.ends_at = ends - last_moments_s
        self.credentials.let_in = self.credentials.let_in or signal in (Signal.LOGIN_OK, Signal.ADOPTED)
        self.patience.over()
        self.patience.answers = True

    def left_to_others(self) -> Preparation | None:
        """Wait before a login that would end the session of somebody else; None where none is seen."""
        now = self.clock()
        wait_s = self.elsewhere.pause_s(self.record.epoch, self.record.logged_in_at, now)
        if not wait_s:
            return None
        self.patience.waits = now + wait_s, self.elsewhere.why
        return Preparation(False, wait_s=wait_s, trouble=SessionError(self.session.name, self.elsewhere.why))

    def token_ended(self) -> str | None:
        """Why the session is no longer of use, where its token says so: what pages show to a guest need not say it.

        In the last moments of its life it is asked once more about the pages that it has brought.
        """
        token = in_storage(self.session.auth)
        if token is not None and not token.kept(self.session.storage):
            return NO_TOKEN
        ends, last_moments_s = self._token_life()
        now, proved_at = self.clock(), self.record.proved_at or 0.0
        return TOKEN_ENDED if now >= ends or proved_at >= ends - last_moments_s else None

    def last_moments_left_s(self) -> float:
        """For how long its token still lets it in, where nothing new is sent with it any more; else 0."""
        ends, last_moments_s = self._token_life()
        left_s = ends - self.clock()
        return left_s if 0.0 < left_s <= last_moments_s else 0.0

    def _token_life(self) -> tuple[float, float]:
        """When its token ends, and for how long before nothing new is sent: it would have to arrive in time.

        One that had ended by our clock when it was given says that a clock is wrong, and nothing else.
        """
        session, given = self.session, self.record.logged_in_at
        ends = sent_token_end(dump_auth(session.auth), session.headers, session.storage)
        if given is None or ends is None or ends <= given:
            return math.inf, 0.0
        return ends, min(_LAST_MOMENTS_S, (ends - given) * _LAST_SHARE)

    def waits(self, wait_s: float, trouble: SessionError, signal: Signal | None = None) -> Preparation:
        """Wait for what passes by itself, for as long as it makes sense; then give the session up."""
        now = self.clock()
        given_up = self.patience.ends_with(trouble, wait_s, now)
        if given_up is not None:
            return self.refused(given_up, signal)
        self.reason, self.patience.waits = trouble.why, (now + wait_s, trouble.why)
        return Preparation(False, wait_s=wait_s, trouble=trouble)

    def refused(self, error: SessionError, signal: Signal | None = None) -> Preparation:
        """It will not be ready in this run by itself."""
        self.record.why = error.why
        if signal is Signal.LOGGED_OUT:
            self.record.signal(Signal.LOGGED_OUT)
        # a forced login leaves others as they are
        if self.record.state in (LoginState.EXPIRED, LoginState.LOGGING_IN, LoginState.RENEWING):
            self.record.signal(Signal.LOGIN_REFUSED)
        return Preparation(False, error=error)

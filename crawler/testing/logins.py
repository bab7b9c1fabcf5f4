"""Who is signed in at the practice site: sessions, how they begin, how they end.

A session belongs to one account and one host; its id is all that the cookie holds. Pages call `Sessions.find`, which is
where a session can turn out to have ended: by its age, by its number of requests, because it was revoked, because a
newer login of the same account replaced it, or because the visitor's User-Agent changed.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder

REMEMBERED_OLD_IDS = 10_000  # replaced ids that are remembered, so that they can be refused as such


@quick_dataclass(frozen=False)
class SiteSession:
    """One signed-in visitor.

    Attributes:
        sid: Value of the cookie.
        username: The account.
        host: The only host it is valid for.
        label: Account and login number, such as ``alice#2``.
        began_s: Monotonic time of the login; of the last use if expiry is sliding.
        user_agent: User-Agent header of the login.
        requests: Number of requests that used it.
    """

    sid: str
    username: str
    host: str
    label: str
    began_s: float
    user_agent: str
    requests: int = 0


class Sessions:
    """All sessions of the site. Thread-safe."""

    def __init__(self, options: SiteOptions, recorder: Recorder) -> None:
        self.options = options
        self._recorder = recorder
        self._lock = threading.Lock()  # guards everything below
        self._live: dict[str, SiteSession] = {}
        self._replaced: OrderedDict[str, None] = OrderedDict()
        self._logins: dict[str, int] = {}
        self._granted = 0
        self._revocations_done = 0

    def begin(
        self, username: str, host: str, user_agent: str, *, old_sid: str | None = None, login: bool = True
    ) -> SiteSession:
        """Starts a session after the visitor has authenticated as *username*.

        Args:
            username: The account.
            host: The host that the session is valid for.
            user_agent: The visitor's User-Agent header.
            old_sid: The session id sent with the login; it ends, as good sites do against session fixation.
            login: False if the session follows from a login on another host; it is then not counted as a login.
        """
        with self._lock:
            if old_sid is not None:
                self._live.pop(old_sid, None)
            if login:
                self._logins[username] = self._logins.get(username, 0) + 1
                if self.options.one_session_per_user:
                    self._drop(lambda one: one.username == username)
            label = f"{username}#{self._logins.get(username, 0)}"
            session = SiteSession(secrets.token_urlsafe(18), username, host, label, time.monotonic(), user_agent)
            self._live[session.sid] = session
        if login:
            self._recorder.count("logins", username)
        return session

    def find(self, sid: str | None, host: str, user_agent: str) -> SiteSession | None:
        """The live session for a cookie; counts the use, and ends the session if it has expired."""
        if not sid:
            return None
        options = self.options
        with self._lock:
            session = self._live.get(sid)
            if session is None:
                return None
            if session.host != host:
                why = "foreign-session"
            elif self._is_over(session):
                why = "expired"
                del self._live[sid]
            elif options.bind_user_agent and session.user_agent != user_agent:
                why = "user-agent"
                del self._live[sid]
            else:
                session.requests += 1
                if options.sliding:
                    session.began_s = time.monotonic()
                return session
        self._recorder.count("refused", why)
        return None

    def peek(self, sid: str | None) -> SiteSession | None:
        """The live session for a cookie, without counting a use."""
        with self._lock:
            return self._live.get(sid) if sid else None

    def _is_over(self, session: SiteSession) -> bool:
        limit_s, limit = self.options.expires_after_s, self.options.expires_after_requests
        if limit_s is not None and time.monotonic() - session.began_s >= limit_s:
            return True
        return limit is not None and session.requests >= limit

    def is_stale(self, sid: str | None) -> bool:
        """Whether this id was valid once and has been replaced by a newer one of the same session."""
        with self._lock:
            return sid is not None and sid in self._replaced

    def rotate(self, session: SiteSession) -> str | None:
        """Gives the session a new id and refuses the old one from now on; None if it has already ended."""
        with self._lock:
            if self._live.pop(session.sid, None) is None:
                return None
            self._replaced[session.sid] = None
            while len(self._replaced) > REMEMBERED_OLD_IDS:
                self._replaced.popitem(last=False)
            session.sid = secrets.token_urlsafe(18)
            self._live[session.sid] = session
            return session.sid

    def granted(self, username: str) -> None:
        """Counts a page served behind the login, and revokes all sessions when `revoke_at` says so."""
        self._recorder.count("granted", username)
        with self._lock:
            self._granted += 1
            # Pages of a session that was just revoked may still be on their way. A revocation that ended no session
            # would leave fewer logins than revocations, so it waits for the next login.
            due = self._revocations_done < len(self.options.revoke_at) and bool(self._live)
            due = due and self._granted >= sorted(self.options.revoke_at)[self._revocations_done]
            if due:
                self._revocations_done += 1
                self._live.clear()
        if due:
            self._recorder.revoked()

    def end(self, session: SiteSession) -> None:
        """Logs the visitor out: the sessions on all hosts that came from the same login end."""
        with self._lock:
            self._drop(lambda one: one.label == session.label)
        self._recorder.count("logouts", session.username)

    def revoke(self, username: str | None = None) -> int:
        """Ends the sessions of an account, or all.

        Returns:
            How many there were.
        """
        with self._lock:
            count = self._drop(lambda one: username is None or one.username == username)
        self._recorder.revoked()
        return count

    def live(self, username: str | None = None) -> int:
        """Number of live sessions of an account, or of all."""
        with self._lock:
            return sum(1 for one in self._live.values() if username is None or one.username == username)

    def _drop(self, doomed: Callable[[SiteSession], bool]) -> int:
        gone = [sid for sid, session in self._live.items() if doomed(session)]
        for sid in gone:
            del self._live[sid]
        return len(gone)

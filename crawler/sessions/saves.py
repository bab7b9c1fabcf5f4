"""Which state of each session is stored: what has changed since goes with the next page. On the scheduler's thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from crawler.outcome import Outcome, SessionSnapshot
from crawler.sessions import snapshot
from crawler.sessions.desk import StoredSession
from crawler.sessions.login.states import LoginState
from crawler.sessions.pool import SessionPool

_LOOK_EVERY_S = 0.5  #: how often it is looked up whether others have written


class StoredSessions(Protocol):
    """What is needed of the store."""

    def version(self, key: str) -> int: ...

    def load(self, key: str) -> StoredSession | None: ...


class SessionSaves:
    """Attaches changed sessions to the pages that changed them."""

    def __init__(self, pool: SessionPool) -> None:
        self.pool = pool
        self._saved: dict[str, tuple[int, int]] = {}  # session to the version of it that is stored, or about to be
        self._look_at = 0.0  # when to look whether others have written

    def attach(self, batch: Sequence[Outcome]) -> None:
        """Put the new state of each session that changed onto the last outcome that used it."""
        last = {outcome.session_name: outcome for outcome in batch}
        for name, outcome in last.items():
            taken = self.changed(name, outcome.request.url)
            if taken is not None:
                outcome.session = replace(taken, base=self.pool.manager(name).standing.base)

    def changed(self, name: str, url: str) -> SessionSnapshot | None:
        """The state of a session when its cookies changed since the last call; what changed them is *url*."""
        if name not in self.pool.names:
            return None
        manager = self.pool.manager(name)
        version = snapshot.version_of(manager.session)
        if manager.record.state is not LoginState.READY or self._saved.get(name) == version:
            return None
        self._saved[name] = version
        return snapshot.take(manager.session, manager.record, url=url)

    def news(self, names: Iterable[str], store: StoredSessions, now: float) -> None:
        """Take over what other processes have written of these sessions, looking now and then."""
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        for name in set(names) & set(self.pool.names):
            manager = self.pool.manager(name)
            if manager.record.version and store.version(manager.session.key) > manager.record.version:
                row = store.load(manager.session.key)
                if row is not None:
                    self.take_news(name, row)

    def take_news(self, name: str, row: StoredSession) -> None:
        """Another process has written the session."""
        manager = self.pool.manager(name)
        saved = self._saved.get(name) == snapshot.version_of(manager.session)
        manager.take_news(row)
        if saved:
            self._saved[name] = snapshot.version_of(manager.session)

    def stored(self, name: str, version: tuple[int, int]) -> None:
        """A login or a restored session was stored, or read, as this version."""
        self._saved[name] = version

    def unsaved(self, name: str) -> None:
        """What was to be stored was not: it goes with the next page."""
        self._saved.pop(name, None)

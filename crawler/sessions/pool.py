"""The sessions of a process, by name, each with its manager; and the choice for requests that leave it open."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from crawler.errors import SpiderError
from crawler.response import SPREAD
from crawler.sessions.health import Health, Remedy
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.states import LoginRecord, LoginState
from crawler.sessions.session import Session

_UNUSABLE = frozenset({LoginState.PARKED, LoginState.REFUSED})


class SessionPool:
    """The sessions of a run. Safe from any thread."""

    def __init__(
        self, names: Iterable[str], make: Callable[[str], LoginManager], *, delays: Mapping[str, float] | None = None
    ) -> None:
        """Make a pool.

        Args:
            names: Sessions of the spider, in its order; the first is the default.
            delays: Seconds between two requests to one host, of sessions that have their own.
            make: Makes a manager with its session; must do no I/O: it runs under the lock.
        """
        self.names = tuple(names)
        self.delays = dict(delays or {})  #: sessions with a delay of their own, in seconds
        self._make = make
        self._managers: dict[str, LoginManager] = {}
        self._busy: Counter[str] = Counter()
        self._health = {name: Health() for name in self.names}
        self._lock = threading.Lock()  # guards _managers, _busy and _health, nothing else

    def manager(self, name: str) -> LoginManager:
        """The manager of a session, made when it is first asked for.

        Raises:
            SpiderError: The spider has no session of that name.
        """
        made = self._managers.get(name)
        if made is not None:  # login managers stay for as long as the pool does
            return made
        if name not in self.names:
            raise SpiderError(f"no session {name!r}; the spider has: {', '.join(self.names)}")
        with self._lock:
            if name not in self._managers:
                manager = self._managers[name] = self._make(name)
                manager.is_guest = len(self.names) > 1 and not manager.wants_login
            return self._managers[name]

    def records(self) -> dict[str, LoginRecord]:
        """State of each session that was used, by its key."""
        with self._lock:
            return {manager.session.key: manager.record for manager in self._managers.values()}

    def session(self, name: str) -> Session:
        return self.manager(name).session

    def choose(
        self,
        asked: str,
        now: float,
        *,
        without: Collection[str] = (),
        waiting: Callable[[str], int] = lambda name: 0,
    ) -> str:
        """The session that shall send a request: the asked one, or for "spread" the least busy healthy one.

        Sessions that rest are taken only when all of them do; parked and refused ones never, while there are others.
        Where none is left, one is taken that is not in *without*: it will be known soon what becomes of it.

        Args:
            without: Sessions that are of no use now.
            waiting: How many requests wait for a session besides those that it sends.
        """
        if asked != SPREAD:
            return asked or self.names[0]
        usable = [
            name for name in self.names if name not in without and self.manager(name).record.state not in _UNUSABLE
        ]
        with self._lock:
            awake = [name for name in usable if self._health[name].resting_until <= now]
            left = awake or usable or [name for name in self.names if name not in without]
            return min(left or self.names, key=lambda name: self._busy[name] + waiting(name))

    def observe(self, name: str, status: int, now: float) -> Remedy:
        """Learn from an answer how well a session is received; an anonymous one that is not gets a fresh jar."""
        manager = self.manager(name)
        with self._lock:
            remedy = self._health[name].observe(status, anonymous=not manager.wants_login, now=now)
        if remedy is Remedy.RETIRE and manager.is_guest:
            manager.session.cookies = manager.session.cookies.fresh()
        return remedy

    def under_way(self, name: str) -> int:
        """Requests of a session that were handed out and have not come back."""
        return self._busy.get(name, 0)

    def took(self, name: str) -> None:
        """A request of that session was handed out."""
        with self._lock:
            self._busy[name] += 1

    def gave_back(self, name: str) -> None:
        """A request of that session is over."""
        with self._lock:
            self._busy[name] -= 1

    def managers(self) -> list[LoginManager]:
        """Those that were made so far."""
        with self._lock:
            return list(self._managers.values())

    def close(self) -> None:
        """Close all sessions; the transport they share is closed by its owner."""
        with self._lock:
            doomed, self._managers = list(self._managers.values()), {}
        for manager in doomed:
            manager.session.close()

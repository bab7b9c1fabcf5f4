"""What the logins of a run need from their users: gates, requests, and what tells observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from crawler.events import Event, Summary
from crawler.outcome import Leased, Outcome

SESSION = "session"  #: kind of the gates of sessions
Key = tuple[str, str]


class SessionGate(Protocol):
    """What requests of one session wait for."""

    @property
    def is_barred(self) -> bool: ...

    def shut(self) -> None: ...

    def started(self) -> None: ...


class SessionGates(Protocol):
    """All gates (`frontier.gates`)."""

    def get(self, key: Key) -> SessionGate: ...

    def close(self, key: Key) -> None: ...

    def open_now(self, key: Key) -> None: ...

    def opened(self, key: Key) -> list[Leased]: ...

    def barred(self, key: Key) -> list[Leased]: ...

    def try_again(self, key: Key, at: float) -> None: ...

    def let_go(self, kind: str, session: str) -> list[Leased]: ...

    def held_by(self, key: Key) -> int: ...


class Requests(Protocol):
    """The ways that requests of a run can go (`engine.dispatcher`)."""

    def settle(self, outcomes: Sequence[Outcome]) -> None: ...

    def take_back(self, leased: Sequence[Leased]) -> None: ...

    def send_first(self, leased: Sequence[Leased], *, alone: bool = False) -> None: ...

    def give_task(self, task: Callable[[], Callable[[], None]]) -> None: ...

    def quarantine(self, session: str, epoch: int, since: float) -> int: ...

    def nothing_lost(self, session: str) -> None: ...

    def prove(self, ids: Sequence[int], epoch: int) -> None: ...

    def bring_back(self, session: str) -> int: ...

    def parked(self) -> int: ...

    def session_version(self, key: str) -> int: ...


class Teller(Protocol):
    """Counts, and tells observers (`runs.stats`)."""

    summary: Summary

    def tell(self, event: Event) -> None: ...

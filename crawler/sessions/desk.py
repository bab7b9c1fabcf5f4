"""The store as sessions see it: a port, since sessions stand below stores. `engine.desk` is the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

from crawler.outcome import SessionSnapshot
from crawler.quick_dataclass import quick_dataclass

_RENEW_EVERY_S: Final = 30.0  #: the claim of a login is prolonged no more often than this


@quick_dataclass
class LoginEnd:
    """How a login ended.

    Attributes:
        outcome: As in `stores.login_policy`.
        why: Without secrets; kept for those who meet the budget or the spacing because of it.
        credentials: A mark of what was sent.
        asked_s: Seconds that the site asks us to stay away.
    """

    outcome: Literal[
        "ok", "refused", "failed", "code", "lost", "broken", "busy", "absent", "human", "unsent", "renewed"
    ]
    why: str = ""
    credentials: str = ""
    asked_s: float = 0.0


class StoredSession(Protocol):
    """A session's row (`stores.base.SessionRow`)."""

    @property
    def epoch(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def secret(self) -> str: ...
    @property
    def readable(self) -> bool: ...
    @property
    def proved_at(self) -> float | None: ...
    @property
    def logged_in_at(self) -> float | None: ...


class Claim(Protocol):
    """Answer to a claim (`stores.base.LoginClaim`)."""

    @property
    def granted(self) -> bool: ...
    @property
    def row(self) -> Any: ...
    @property
    def wait_s(self) -> float: ...
    @property
    def refused(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Desk(Protocol):
    """The store as sessions see it, callable from any thread."""

    def load(self, key: str) -> Any: ...

    def save(self, taken: SessionSnapshot) -> Any: ...

    def claim(
        self, key: str, epoch: int, *, credentials: str = "", force: bool = False, renews: bool = False
    ) -> Claim: ...

    def refused(self, key: str, credentials: str) -> str: ...

    def end_login(self, key: str, ended: LoginEnd, taken: SessionSnapshot | None = None) -> bool: ...

    def renew(self, key: str) -> None: ...

    def last_failure(self, key: str) -> str: ...

    def expired(self, key: str, epoch: int, since: float = 0.0) -> None: ...

    def has_brought(self, session: str, since_epoch: int) -> bool: ...

    def lives(self, key: str) -> list[float]: ...

    def proxy_health(self, key: str) -> Any: ...

    def keep_proxy_health(self, key: str, health: dict[str, Any]) -> None: ...


class HeldClaim:
    """The claim of a login under way; not prolonged, another process would take it for one of the dead."""

    def __init__(self, desk: Desk, key: str, clock: Callable[[], float]) -> None:
        self._desk, self._key, self._clock = desk, key, clock
        self._renew_at = clock() + _RENEW_EVERY_S

    def goes_on(self) -> None:
        now = self._clock()
        if now >= self._renew_at:
            self._renew_at = now + _RENEW_EVERY_S
            self._desk.renew(self._key)

"""Sessions that only one process may use at a time: those that send one request at a time, or stay with a proxy.

Where a site hands out a new cookie with each answer, two processes would log each other out; where a session is bound
to an address, it has to come from one. A process that sends with such a session holds a claim on it in the store for as
long as it works; a killed one holds it no longer than half a minute. On the store's thread.
"""

from __future__ import annotations

from crawler.sessions.session import Session
from crawler.stores.base import ValueStore

_HELD_S = 30.0
_AGAIN_S = 20.0  #: a claim with no more than this left is extended
_ASK_S = 0.5  #: how often to ask for one that another process has


class SessionClaims:
    """The claims of one process.

    Args:
        owner: Its name.
    """

    def __init__(self, values: ValueStore, owner: str) -> None:
        self._values, self._owner = values, owner
        self._until: dict[str, tuple[float, str]] = {}  # session to the end of our claim, and its key
        self._ask_at: dict[str, float] = {}

    def is_ours(self, session: Session, now: float) -> bool:
        """Whether this process may send with a session; claims it where needed."""
        if not (session.serial or len(session.identity.proxies) > 1):
            return True
        name = session.name
        until = self._until.get(name, (0.0, ""))[0]
        if now < until - _AGAIN_S:
            return True
        if now < self._ask_at.get(name, 0.0):
            return now < until
        if self._values.claim(_name(session.key), self._owner, ttl_s=_HELD_S):
            self._until[name] = now + _HELD_S, session.key
            self._ask_at.pop(name, None)
            return True
        self._ask_at[name] = now + _ASK_S
        return False

    def elsewhere(self, now: float) -> frozenset[str]:
        """Sessions that another process uses, as far as is known."""
        return frozenset(name for name, at in self._ask_at.items() if now < at)

    def release(self, now: float) -> None:
        """The work is done: others may have them."""
        held, self._until = self._until, {}
        for until, key in held.values():
            if now < until:
                self._values.set(_name(key), None)


def _name(key: str) -> str:
    return f"session in use:{key}"

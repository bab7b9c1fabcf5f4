"""The accounts of a run that may send no more for now: their requests wait, and other sessions go on.

Used by the scheduler's thread only; what each session may send is in its `sessions.quota.Allowance`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from crawler.clock import unix_now
from crawler.events import Warned
from crawler.sessions.login.ports import Teller
from crawler.sessions.pool import SessionPool
from crawler.sessions.quota import Allowance

Keep = Callable[[str, float, str], None]
"""``(key, until, why)``: the next run is to know that the account rests."""

GiveBack = Callable[[str, list[tuple[float, int]]], None]
"""``(key, granted)``: what was granted and will not be sent."""


_FOR_ANSWERS_S = 0.05  #: how long a session is left out that only waits for answers under way


class Allowances:
    """Which sessions rest, and until when.

    Args:
        keep: Stores that an account rests.
        give_back: Stores what was granted and will not be sent.
    """

    def __init__(self, pool: SessionPool, teller: Teller, keep: Keep, give_back: GiveBack) -> None:
        self._pool, self._teller, self._keep, self._give_back = pool, teller, keep, give_back
        self._spent: dict[str, float] = {}  # session to when it may go on
        self._said: dict[str, str] = {}  # session to its line of the summary

    def may_go(self, name: str) -> bool:
        """Whether session *name* may send one more request now."""
        allowance = self._pool.session(name).sending.allowance
        if allowance is None or allowance.may_send(self._pool.under_way(name)):
            return True
        self._look(name, allowance)
        self._spent.setdefault(name, unix_now() + _FOR_ANSWERS_S)
        return False

    def spent(self, now: float) -> frozenset[str]:
        """Sessions that may send nothing now."""
        if not self._spent:
            return frozenset()  # nearly always
        for name in [each for each, until in self._spent.items() if until <= now]:
            del self._spent[name]
            if said := self._said.pop(name, ""):
                self._teller.summary.messages.remove(said)
        return frozenset(self._spent)

    def came_back(self, name: str) -> None:
        """An answer of session *name* has come: it may have said that the account is to rest."""
        allowance = self._pool.session(name).sending.allowance
        if allowance is not None and allowance.spent_until():
            self._look(name, allowance)

    def next_due(self) -> float | None:
        """When the first of them may go on."""
        return min(self._spent.values(), default=None)

    def close(self, *, finished: bool) -> None:
        """The run ends: what will not be sent is given back; that accounts rest matters only where work is left."""
        if finished:
            for said in self._said.values():
                self._teller.summary.messages.remove(said)
            self._said.clear()
        for manager in self._pool.managers():
            allowance = manager.session.sending.allowance
            unused = allowance.unused() if allowance is not None else []
            if unused:
                self._give_back(manager.session.key, unused)

    def _look(self, name: str, allowance: Allowance) -> None:
        until, news = allowance.spent_until(), allowance.news()
        if until:
            self._spent[name] = until
        if news is None:
            return
        if news.kept:
            self._keep(self._pool.session(name).key, news.until, news.why)
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(news.until))
        text = f"session {name}: {news.why}; its requests go on at {at}"
        messages = self._teller.summary.messages
        if name in self._said:
            messages.remove(self._said[name])
        self._said[name] = text
        messages.append(text)
        self._teller.tell(Warned(unix_now(), f"session {name}", f"{news.why}; its requests go on at {at}"))

"""The proxies of one session, where it has several: it stays with one, and leaves it when that one fails.

A site sees a session by its cookies and its address together, so a session keeps its proxy from request to request and
from run to run. One that fails a few times in a row rests, longer each time. A guest goes on through the next one with
an empty jar; an account logs in anew there, for its cookies belong to the address they were made at.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crawler.clock import unix_now
from crawler.errors import (
    BetweenProxies,
    FetchError,
    ProxyFailed,
    ProxyRefused,
    SpiderError,
    TimedOut,
    UnknownHost,
    Unreachable,
)
from crawler.quick_dataclass import quick_dataclass
from crawler.redaction import redact

FAILURES = 3  #: in a row, after which a proxy rests
FIRST_REST_S = 60.0
LONGEST_REST_S = 3_600.0


@quick_dataclass(frozen=False)
class ProxyHealth:
    """How well a proxy works.

    Attributes:
        failures: In a row.
        rests: In a row.
        resting_until: Seconds since 1970.
        why: What it failed with last.
    """

    failures: int = 0
    rests: int = 0
    resting_until: float = 0.0
    why: str = ""

    def failed(self, why: str, now: float) -> bool:
        """It did not connect us. True when it rests from now on."""
        self.failures, self.why = self.failures + 1, why
        if self.failures < FAILURES:
            return False
        self.failures = 0
        self.resting_until = now + min(FIRST_REST_S * 2.0**self.rests, LONGEST_REST_S)
        self.rests += 1
        return True

    def connected(self) -> None:
        """It did."""
        self.failures = self.rests = 0


class ProxyPool:
    """Which of its proxies a session goes through. Safe from any thread.

    Attributes:
        current: The one in use.
        is_between: The session has left one and is not logged in through the next yet: its cookies are not shown there.
    """

    def __init__(self, session: str, proxies: Sequence[str], clock: Callable[[], float] = unix_now) -> None:
        """Begin with the first choice of *session*, which is the same in each run.

        Raises:
            SpiderError: There is none.
        """
        if isinstance(proxies, str) or not proxies or not all(isinstance(each, str) and each for each in proxies):
            raise SpiderError(f"proxies of session {session!r}: a list of addresses, such as ['http://10.0.0.1:3128']")
        self._order = sorted(dict.fromkeys(proxies), key=lambda each: _order(session, each))
        self._health = {each: ProxyHealth() for each in self._order}
        self._clock = clock
        self._lock = threading.Lock()  # guards the health of each, and all below
        self._news = False
        self.current = self._order[0]
        self.is_between = False

    def take_over(self, kept: Any) -> None:
        """What an earlier run has learned, by place; anything else is ignored."""
        if not isinstance(kept, Mapping):
            return
        with self._lock:
            for each, health in self._health.items():
                found = kept.get(place(each))
                if isinstance(found, Mapping):
                    health.rests = int(found.get("rests", 0))
                    health.resting_until = float(found.get("resting_until", 0.0))
                    health.why = str(found.get("why", ""))
            if self._health[self.current].resting_until > self._clock():
                self.current = self._next()

    def keep(self) -> dict[str, Any] | None:
        """What the next run is to know, without credentials; None when nothing is new."""
        with self._lock:
            if not self._news:
                return None
            self._news = False
            return {
                place(each): {"rests": health.rests, "resting_until": health.resting_until, "why": health.why}
                for each, health in self._health.items()
                if health.rests
            }

    def knows(self, proxy: str) -> bool:
        """Whether a session that was made through *proxy* may still go on: it is one of these, and does not rest."""
        with self._lock:
            health = self._health.get(proxy)
            return health is not None and health.resting_until <= self._clock()

    def use(self, proxy: str) -> None:
        """Go on through *proxy*, which is one of these."""
        self.current = proxy

    def look_at(self, error: Exception, proxies: Mapping[str, str]) -> Exception:
        """A request through *proxies* (as requests has them) brought no answer: the proxy may be why.

        Returns:
            The error to be raised: what one proxy refuses is worth another try where there are others, and what fails
            through one that was left counts as no try.
        """
        proxy = proxies.get("https", "")
        if proxy not in self._health or not is_of_proxy(error, proxy):
            return error
        self.failed(proxy, str(error))
        if self.current != proxy and isinstance(error, FetchError):
            return BetweenProxies(error.url, error.why)
        if isinstance(error, ProxyRefused) and len(self._order) > 1:
            failed = ProxyFailed(error.url, error.why)
            failed.sent = False
            return failed
        return error

    def failed(self, proxy: str, why: str) -> None:
        """*proxy* did not connect us; after a few times another one takes its place."""
        with self._lock:
            if self._health[proxy].failed(redact(why)[:200], self._clock()):
                self._news = True
                if proxy == self.current:
                    self.current = self._next()

    def may_help(self, error: BaseException) -> bool:
        """Whether *error* is of a proxy, and another try may go through one that does not rest."""
        with self._lock:
            return is_of_proxy(error, self.current) and self._health[self.current].resting_until <= self._clock()

    def connected(self, proxies: Mapping[str, str]) -> None:
        """An answer came through *proxies*; one that comes late does not end a rest."""
        health = self._health.get(proxies.get("https", ""))
        if health is not None and (health.failures or health.rests) and health.resting_until <= self._clock():
            with self._lock:
                self._news = self._news or bool(health.rests)
                health.connected()

    def _next(self) -> str:
        """The first that does not rest; where all do, the one whose rest ends first."""
        now = self._clock()
        awake = [each for each in self._order if self._health[each].resting_until <= now]
        return awake[0] if awake else min(self._order, key=lambda each: self._health[each].resting_until)


def _order(session: str, proxy: str) -> bytes:
    """A sort key by which sessions with the same proxies begin with different ones."""
    return hashlib.sha256(f"{session} {proxy}".encode()).digest()


def is_of_proxy(error: BaseException, proxy: str) -> bool:
    """Whether a request through *proxy* failed because the proxy did, as far as one can tell.

    A request through a proxy connects to nothing else and looks up no other name, except for the kinds of SOCKS that
    leave names to us. What a proxy says about the host that it was to connect us to is not its fault. A connection that
    is not made in time may be either's: an answer from anywhere clears the proxy.
    """
    if isinstance(error, ProxyFailed | ProxyRefused | BetweenProxies | Unreachable):
        return True
    if isinstance(error, UnknownHost):
        return proxy.partition("://")[0].lower() not in ("socks4", "socks5")
    return isinstance(error, TimedOut) and not error.sent


def place(proxy: str) -> str:
    """Scheme, host and port of a proxy, without its credentials."""
    scheme, _, rest = proxy.rpartition("://")
    return f"{scheme or 'http'}://{rest.rpartition('@')[2]}"

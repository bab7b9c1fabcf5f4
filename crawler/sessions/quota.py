"""How many requests an account may send, and when it may go on.

A site counts requests by account: so many an hour, and 429 after that. What is spent is spent for this account and not
for its host, so the account rests and others go on. What is left is known in two ways: by the spider
(``Identity(quota="100/hour")``, counted in the store over processes and runs), and by what answers say
(``X-RateLimit-Remaining`` and its kin, which `quota_headers` reads, and Retry-After).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crawler.clock import unix_now
from crawler.errors import QuotaSpent, SettingsError
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.quota_headers import LONGEST_REST_S, left_and_reset, says_nothing

_UNITS_S = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
_QUOTA = late_pattern(r"\s*([0-9_]{1,12})\s*(?:/|per|an?)\s*([0-9]{0,6})\s*([a-z]{1,7})\s*", re.IGNORECASE)
_LONGEST_HOLD_S = 60.0
_LONGEST_WAY_S = 10.0  #: of a request to the site
_MOST_AT_ONCE = 20  #: requests that a process takes from the quota at once
_SAME_S = 1.0  #: moments that are no further apart are one
_IN_A_ROW = 5  #: rests of an account without a good answer between them; then it is the page, or the host
_BARE_ASKED_STATUSES = frozenset({429})
_LIMIT_STATUSES = frozenset({403, 429})


@quick_dataclass
class Quota:
    """So many requests in any stretch of so many seconds."""

    requests: int
    per_s: float

    @classmethod
    def parse(cls, text: str) -> Quota:
        """``"100/hour"``, ``"5000 per day"``, ``"10/30 seconds"``. Raises SettingsError."""
        found = _QUOTA.fullmatch(text)
        unit_s = next((each for name, each in _UNITS_S.items() if _is_unit(found[3], name)), 0.0) if found else 0.0
        requests = int(found[1].replace("_", "") or 0) if found else 0
        many = int(found[2] or 1) if found else 0
        if not (unit_s and requests and many):
            raise SettingsError(f"quota {text!r:.60}: write it as `100/hour`, `5000/day` or `10/30 seconds`")
        return cls(requests, many * unit_s)

    @property
    def hold_s(self) -> float:
        """How long a process may keep what it has taken before it sends it."""
        return min(_LONGEST_HOLD_S, self.per_s / 10)

    @property
    def counts_s(self) -> float:
        """How long what was granted counts: until the last of it has arrived and is forgotten by the site."""
        return self.per_s + self.hold_s + min(_LONGEST_WAY_S, self.per_s / 10)

    @property
    def at_once(self) -> int:
        """Requests that a process takes at once."""
        return max(1, min(_MOST_AT_ONCE, self.requests // 10))

    def __str__(self) -> str:
        for name, seconds in _UNITS_S.items():
            if self.per_s == seconds:
                return f"{self.requests:,} a{'n' if name == 'hour' else ''} {name}"
        return f"{self.requests:,} in {self.per_s:,.0f} seconds"


def _is_unit(text: str, name: str) -> bool:
    return text.lower() in (name, name + "s", name[0], name[:3])


@quick_dataclass
class Granted:
    """What the store lets a process send.

    Attributes:
        count: Requests; 0 for none.
        at: When they were granted, seconds since 1970.
        free_at: Where there are none: when some are free again.
        rests_until: The account rests until then, whatever is left; 0.0 when it does not.
        why: Why it rests.
    """

    count: int = 0
    at: float = 0.0
    free_at: float = 0.0
    rests_until: float = 0.0
    why: str = ""


@quick_dataclass
class Rest:
    """An account that rests.

    Attributes:
        until: Seconds since 1970.
        kept: The site or the spider has said so: the next run is to know it. What our own count says is counted again.
    """

    until: float
    why: str
    kept: bool


Grant = Callable[[int, list[tuple[float, int]]], Granted]
"""``(wanted, given back) -> granted``: asks the store, on whatever thread. What is given back: moment and number."""


@quick_dataclass(frozen=False)
class _Held:
    """Requests that were granted at a moment and are not sent yet."""

    at: float
    count: int

    def is_fresh(self, quota: Quota | None, now: float) -> bool:
        return quota is not None and now <= self.at + quota.hold_s


@quick_dataclass(frozen=False)
class _Said:
    """What answers say about the window that is running: requests left at the last answer, and when it ends."""

    left: int
    ends_at: float


class BareAsking:
    """When an account was last asked for patience without a word on quotas, for all sessions of a run.

    The first such answer is taken for the account; another account that is asked meanwhile says that it is the host.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._until, self._by = 0.0, ""

    def is_for_host(self, name: str, until: float, now: float) -> bool:
        with self._lock:
            if now < self._until and name != self._by:
                return True
            self._until, self._by = until, name
            return False


@dataclass
class Allowance:
    """What one session may still send. Safe from any thread.

    Attributes:
        quota: What the spider says; None for nothing.
        grant: Asks the store; None where nothing is kept (single pages).
        others: The run has other sessions, which may go on while this one rests.
        bare: Shared by the sessions of a run.
    """

    name: str
    quota: Quota | None = None
    grant: Grant | None = None
    others: bool = False
    bare: BareAsking = field(default_factory=BareAsking)
    clock: Callable[[], float] = unix_now

    def __post_init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._held: list[_Held] = []
        self._said: _Said | None = None
        self._under_way = 0
        self._rests_until, self._why, self._asked_store = 0.0, "", False
        self._in_a_row = 0
        self._news: Rest | None = None

    # --- before a request -----------------------------------------------------------------------------------------
    def may_send(self, handed_out: int) -> bool:
        """Whether one more request may be handed out, besides those that are; asks the store for more when it may.

        On the thread of the store.
        """
        if self._is_free and (self._asked_store or self.grant is None):
            return True
        now = self.clock()
        with self._lock:
            wanted = self._wanted(handed_out, now)
        if wanted and self.grant is not None:
            self._take_from_store(wanted, now)
        with self._lock:
            return not self._blocked_until(now) and self._left(now) > handed_out - self._under_way

    def before_sending(self, url: str) -> None:
        """One request is about to be sent. May ask the store, and wait for its thread.

        Raises:
            QuotaSpent: It may not.
        """
        now = self.clock()
        with self._lock:
            wanted = self._wanted(0, now)
        if wanted and self.grant is not None:
            self._take_from_store(wanted, now)
        if not self.take():
            until = self.spent_until()
            raise QuotaSpent(url, self._why or "no more requests of this account now", wait_s=max(until - now, 0.1))

    def take(self) -> bool:
        """Count one request that is about to be sent; False when it may not be."""
        with self._lock:
            if self._is_free:
                self._under_way += 1
                return True
            now = self.clock()
            if self._blocked_until(now) or self._left(now) <= 0:
                return False
            if self.quota is not None:
                first = next(each for each in self._held if self._is_good(each, now))
                first.count -= 1
            self._under_way += 1
            return True

    def spent_until(self) -> float:
        """When it may go on, seconds since 1970; 0.0 when it may send now."""
        if self._is_free:
            return 0.0
        with self._lock:
            return self._blocked_until(self.clock())

    # --- after it -------------------------------------------------------------------------------------------------
    def answered(self, headers: Mapping[str, str] | None) -> None:
        """A request that was counted came back; None when it brought no answer (the site may have counted it)."""
        if self._said is None and headers is not None and says_nothing(headers):
            with self._lock:
                self._under_way -= 1
            return
        now = self.clock()
        said = left_and_reset(headers, now) if headers is not None else None
        with self._lock:
            self._under_way -= 1
            if said is None:
                if headers is None and self._said is not None:
                    self._said.left -= 1
                elif self._said is not None and now >= self._said.ends_at:
                    self._said = None  # it says nothing any more
                return
            left, ends_at = said
            old = self._said
            if old is None or now >= old.ends_at or ends_at > old.ends_at + max(2.0, 0.1 * (old.ends_at - now)):
                self._said = _Said(left, ends_at)
            else:
                old.left, old.ends_at = min(old.left, left), max(old.ends_at, ends_at)
            if left <= 0:
                self._rest(ends_at, "the site says that the quota of the account is spent", now)

    def unsent(self) -> None:
        """A request that was counted was not sent after all."""
        now = self.clock()
        with self._lock:
            self._under_way -= 1
            granted = next((each for each in reversed(self._held) if each.is_fresh(self.quota, now)), None)
            if granted is not None:
                granted.count += 1

    def asks_for_rest(self, status: int, headers: Mapping[str, str], asked_s: float | None) -> float | None:
        """Seconds that the account rests because a page was refused for its quota; None when that is not the reason.

        Args:
            asked_s: Retry-After, None for none.
        """
        if status not in _LIMIT_STATUSES:
            return None
        now = self.clock()
        said = left_and_reset(headers, now)
        named = said is not None and said[0] <= 0
        if not named and (status not in _BARE_ASKED_STATUSES or not asked_s or not self.others):
            return None
        until = now + min(asked_s, LONGEST_REST_S) if asked_s else said[1] if said else now
        if not named and self.bare.is_for_host(self.name, until, now):
            return None
        with self._lock:
            if self._is_too_often(now):
                return None
            until = max(until, now + 1.0)
            why = "the site says that the quota of the account is spent" if named else f"asked for patience ({status})"
            self._rest(until, why, now)
        return until - now

    def rest(self, wait_s: float, why: str) -> bool:
        """A spider says that the account has sent enough; it rests for at least a second.

        Returns:
            False when it has rested several times without a good page between: this page would say so for ever.
        """
        now = self.clock()
        with self._lock:
            if self._is_too_often(now):
                return False
            self._rest(now + min(max(wait_s, 1.0), LONGEST_REST_S), why, now)
        return True

    def brought(self) -> None:
        """A page was accepted."""
        self._in_a_row = 0

    def news(self) -> Rest | None:
        """That it rests, where that has changed since the last call."""
        with self._lock:
            news, self._news = self._news, None
            return news

    def unused(self) -> list[tuple[float, int]]:
        """What was granted and will not be sent, at the end: moment and number."""
        with self._lock:
            held, self._held = self._held, []
            return [(each.at, each.count) for each in held if each.count]

    # --- under the lock -------------------------------------------------------------------------------------------
    @property
    def _is_free(self) -> bool:
        """Whether nobody has ever said that anything of it is spent: the usual case. May be asked without the lock."""
        return self.quota is None and self._said is None and not self._rests_until

    def _is_too_often(self, now: float) -> bool:
        """Count one more rest; of requests that were under way together only the first counts."""
        if now >= self._rests_until:
            self._in_a_row += 1
        return self._in_a_row > _IN_A_ROW

    def _rest(self, until: float, why: str, now: float, *, kept: bool = True) -> None:
        if until > max(self._rests_until + _SAME_S, now):
            self._rests_until, self._why = until, why
            self._news = Rest(until, why, kept)

    def _is_good(self, held: _Held, now: float) -> bool:
        return held.count > 0 and held.is_fresh(self.quota, now)

    def _left(self, now: float) -> float:
        """Requests that may be sent now."""
        left = float("inf")
        if self.quota is not None:
            left = sum(each.count for each in self._held if self._is_good(each, now))
        if self._said is not None:  # where its window is over, the first answer says how much there is
            left = min(left, (self._said.left if now < self._said.ends_at else 1) - self._under_way)
        return left

    def _blocked_until(self, now: float) -> float:
        """When it may go on; 0.0 when nothing but answers under way is waited for."""
        if now < self._rests_until:
            return self._rests_until
        said = self._said
        if said is not None and now < said.ends_at and said.left <= 0:
            return said.ends_at
        return 0.0

    def _wanted(self, handed_out: int, now: float) -> int:
        """How many requests to ask the store for; 0 for none."""
        if self._blocked_until(now):
            return 0
        if self.quota is None:
            return 0 if self._asked_store else 1
        left = sum(each.count for each in self._held if self._is_good(each, now))
        wanted = max(handed_out - self._under_way, 0) + 1
        return 0 if left >= wanted else wanted - left + self.quota.at_once - 1

    def _take_from_store(self, wanted: int, now: float) -> None:
        with self._lock:
            late = [each for each in self._held if not self._is_good(each, now)]
            self._held = [each for each in self._held if self._is_good(each, now)]
            self._asked_store = True
        assert self.grant is not None
        granted = self.grant(wanted, [(each.at, each.count) for each in late if each.count])
        with self._lock:
            self._rest(granted.rests_until, granted.why, now, kept=False)
            if self.quota is None:
                return
            if granted.count:
                self._held.append(_Held(granted.at, granted.count))
            elif not any(self._is_good(each, now) for each in self._held):
                self._rest(granted.free_at, f"its quota of {self.quota} is spent", now, kept=False)

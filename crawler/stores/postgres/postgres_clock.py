"""The clock of the database, which all machines follow: read now and then, continued locally in between."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from crawler.clock import OtherClock, follow, own_now
from crawler.errors import StoreError

log = logging.getLogger("crawler.stores")

_LOOK_S = 60.0
_NEAR_S, _LOOKS = 0.005, 5  #: an answer within this time says what time it is there; otherwise ask again
_WRONG_S = 5.0  #: by which a clock must be off to be reported


class DatabaseClock:
    """For one thread at a time; `crawler.clock.unix_now` follows it, too.

    Args:
        read: Runs a statement outside a transaction.
        place: The database, for messages.

    Attributes:
        look_at: When to look next, by the clock of this machine.
    """

    def __init__(self, read: Callable[[str], list[tuple[Any, ...]]], place: str) -> None:
        self._read, self._place, self._clock = read, place, OtherClock()
        self.look_at = -math.inf

    def now(self) -> float:
        """Seconds since 1970."""
        return own_now() + self._clock.ahead_s

    def is_due(self) -> bool:
        """Whether to `look`."""
        return own_now() > self.look_at

    def anew(self) -> None:
        """The connection may lead to another server, with another clock: look soon."""
        self.look_at = min(self.look_at, 0.0)

    def look(self) -> None:
        """Ask what time it is.

        Raises:
            StoreError: It was put back since the last look: everything due by it would wait that much longer.
        """
        first, before_s = self.look_at == -math.inf, self._clock.ahead_s
        self._ask()
        self.look_at, after_s = own_now() + _LOOK_S, self._clock.ahead_s
        follow(after_s)
        if not first and after_s < before_s - _WRONG_S:
            back = f"its clock was put back by {before_s - after_s:,.0f} s"
            raise StoreError(self._place, f"{back}; start again, and the crawl goes on by the new time")
        if abs(after_s - before_s) >= _WRONG_S:
            log.warning(
                "the clock of this machine is %s s %s that of %s: times are those of the database, logs are wrong",
                f"{abs(after_s):,.0f}",
                "behind" if after_s > 0 else "ahead of",
                self._place,
            )

    def _ask(self) -> None:
        for _ in range(_LOOKS):
            asked_at = own_now()
            ((theirs,),) = self._read("SELECT extract(epoch FROM clock_timestamp())::double precision")
            heard_at = own_now()
            if not self._clock.said(theirs, asked_at, heard_at) or heard_at - asked_at < _NEAR_S:
                break

"""The time of this process: seconds since 1970, whatever is done to this machine's clock.

Read from the system clock once, when the process starts, and continued with a clock that nobody can set. When the
system clock is put back or forward meanwhile, delays, leases, pauses and retries go on as if nothing had happened;
the next process begins with the new time, and the store shifts the times that were stored in the old one.

Machines that share a database share its clock, too, since each must understand what the others reserve. So a process
that works on such a store follows `OtherClock` from its first statement on, however wrong its own clock is.
"""

from __future__ import annotations

import time

__all__ = ["OtherClock", "follow", "own_now", "unix_now"]

#: Goes on while the machine sleeps, where the system has such a clock (Linux).
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BEGAN = time.time() - time.clock_gettime(_STEADY)
_ahead_s = 0.0  # by which the followed clock is ahead of our own


def unix_now() -> float:
    """Seconds since 1970; never goes back within this process, except where a followed clock was corrected."""
    return _BEGAN + _ahead_s + time.clock_gettime(_STEADY)


def own_now() -> float:
    """The same by this machine's clock, whichever clock is followed."""
    return _BEGAN + time.clock_gettime(_STEADY)


def follow(ahead_s: float) -> None:
    """Keep `unix_now` this many seconds ahead of `own_now` from now on. Of several clocks the last one counts."""
    global _ahead_s
    _ahead_s = ahead_s


class OtherClock:
    """A clock that is read over a connection, as exactly as it can be known. For one thread at a time.

    Attributes:
        ahead_s: Seconds by which it is ahead of `own_now`; 0.0 until an answer shows that this cannot be.
    """

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def said(self, theirs: float, asked_at: float, heard_at: float) -> bool:
        """Take in that it showed *theirs* at some moment between two of ours.

        That bounds the offset, and a slow answer bounds it loosely: an offset within the bounds is kept, so that two
        machines whose clocks agree stay as close to each other as their clocks are.

        Returns:
            Whether the offset assumed so far was impossible.
        """
        least_s, most_s = theirs - heard_at, theirs - asked_at
        if least_s <= self.ahead_s <= most_s:
            return False
        self.ahead_s = (least_s + most_s) / 2
        return True

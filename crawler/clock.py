"""The time of this process: seconds since 1970 that no setting of this machine's clock moves.

Read off the system's clock once, when the process starts, and counted on with a clock that nobody can set. When the
system's clock is put back or forward meanwhile, delays, leases, pauses and retries go on as if nothing had happened;
the next process begins with the new time, and the store moves what was stored in the old one.

Where machines share a database they share its clock, too: what one of them reserves the others have to understand. So
a process that works on such a store goes by `OtherClock` from its first statement on, however wrong its own is.
"""

from __future__ import annotations

import time

__all__ = ["OtherClock", "follow", "own_now", "unix_now"]

#: Goes on while the machine sleeps, where the system has such a clock (Linux).
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BEGAN = time.time() - time.clock_gettime(_STEADY)
_ahead_s = 0.0  # of the clock that is followed, before our own


def unix_now() -> float:
    """Seconds since 1970, never less than before in this process, but for what a followed clock was put right."""
    return _BEGAN + _ahead_s + time.clock_gettime(_STEADY)


def own_now() -> float:
    """The same by the clock of this machine, whatever is followed."""
    return _BEGAN + time.clock_gettime(_STEADY)


def follow(ahead_s: float) -> None:
    """From now on `unix_now` is so many seconds ahead of `own_now`. Of several clocks the last one counts."""
    global _ahead_s
    _ahead_s = ahead_s


class OtherClock:
    """A clock that is asked over a line, as far as one can know it. For one thread at a time.

    Attributes:
        ahead_s: Seconds by which it is ahead of `own_now`; 0.0 until an answer says that it cannot be so.
    """

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def said(self, theirs: float, asked_at: float, heard_at: float) -> bool:
        """It showed *theirs* at some moment between two of ours.

        That bounds the distance, and a slow answer bounds it loosely: what lies within the bounds is kept, so that two
        machines whose clocks agree stay as near to each other as their clocks are.

        Returns:
            Whether what was believed before cannot be.
        """
        least_s, most_s = theirs - heard_at, theirs - asked_at
        if least_s <= self.ahead_s <= most_s:
            return False
        self.ahead_s = (least_s + most_s) / 2
        return True

"""The time of this process: seconds since 1970 that never jump.

Read off the system's clock once, when the process starts, and counted on with a clock that nobody can set. When the
system's clock is put back or forward meanwhile, delays, leases, pauses and retries go on as if nothing had happened;
the next process begins with the new time, and the store moves what was stored in the old one.
"""

from __future__ import annotations

import time

__all__ = ["unix_now"]

#: Goes on while the machine sleeps, where the system has such a clock (Linux).
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BEGAN = time.time() - time.clock_gettime(_STEADY)


def unix_now() -> float:
    """Seconds since 1970, never less than before in this process."""
    return _BEGAN + time.clock_gettime(_STEADY)

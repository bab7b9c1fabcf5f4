"""How many connections a process may hold, so that files can still be opened beside them.

A process without a descriptor left cannot open its store, a log, a module that is loaded late, or a file of a callback:
connections are worth less than these, since waiting for one only costs time.
"""

from __future__ import annotations

import resource
from typing import Final

_MOST: Final = 4_096
_FOR_FILES: Final = 40  # the store, logs, modules that are loaded late, what callbacks open
_FOR_EACH: Final = 3  # a socket, its copy while it connects, and what libcurl wakes itself with
_FEWEST: Final = 2


def connections_allowed() -> int:
    """Connections that a process may hold at once, 2 or more: busy and idle ones together."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if soft == resource.RLIM_INFINITY else max(min((soft - _FOR_FILES) // _FOR_EACH, _MOST), _FEWEST)

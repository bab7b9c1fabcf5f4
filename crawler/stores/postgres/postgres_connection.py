"""A connection that does not wait for ever for an answer that will not come.

TCP detects a dead line (keepalives, `tcp_user_timeout`), but not one whose other end is alive and silent: a proxy or a
firewall that has forgotten the connection, a server that hangs. So after a while without an answer, another connection
is used to ask whether the server is at work on our statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")

_QUIET_S = 15.0  #: of silence before we ask
_LOOK_S = 5.0  #: longest wait for the answer to that


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that may give up a statement; it is then of no more use.

    Attributes:
        quiet_s: After this much silence `goes_on` is asked, again and again.
        goes_on: Whether to keep waiting: ``goes_on(seconds of silence)``.
    """

    quiet_s: float = _QUIET_S
    goes_on: Callable[[float], bool] | None = None

    def wait(self, gen: Generator[Any, Any, T], *given: Any, **more: Any) -> T:
        """As psycopg does, as long as it makes sense.

        Raises:
            OperationalError: No server is at work on the statement.
        """
        return super().wait(self._watched(gen), *given, **more)

    def _watched(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        try:
            wanted = next(gen)
            since = look = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    since = look = now
                elif now > look + self.quiet_s:
                    if self.goes_on is None or not self.goes_on(now - since):
                        gen.close()
                        raise psycopg.OperationalError(f"the database has not answered for {now - since:.0f} s")
                    look = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as done:
            value: T = done.value
            return value


def is_worked_on(address: str, backend: int, *, unknown: bool) -> bool:
    """Whether a server is at work on what one of its connections has asked of it.

    Args:
        backend: Number of the server's process, as given to the connection.
        unknown: What to return when the server knows no such number: behind PgBouncer numbers mean nothing.
    """
    try:
        with WatchedConnection.connect(address, autocommit=True, prepare_threshold=None, connect_timeout=5) as other:
            other.quiet_s = _LOOK_S
            row = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone()
    except psycopg.Error:
        return False
    return unknown if row is None else row[0] == "active"

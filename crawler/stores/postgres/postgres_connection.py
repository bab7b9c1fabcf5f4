"""A connection on which nobody waits for ever for an answer that will not come.

A dead line is found by TCP (keepalives, `tcp_user_timeout`). What it cannot find is a line whose other end is alive and
silent: a proxy or a firewall that has forgotten the connection, a server that hangs. So after a while without a word it
is asked on another connection whether the server is at work on our statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")

_QUIET_S = 15.0  #: without a word, before it is asked
_LOOK_S = 5.0  #: longest wait for the answer to that


class WatchedConnection(psycopg.Connection[Any]):
    """A connection that may give up a statement; then it is of no use any more.

    Attributes:
        quiet_s: After so long without a word `goes_on` is asked, again and again.
        goes_on: Whether to wait on: ``goes_on(seconds without a word)``.
    """

    quiet_s: float = _QUIET_S
    goes_on: Callable[[float], bool] | None = None

    def wait(self, gen: Generator[Any, Any, T], *given: Any, **more: Any) -> T:
        """As psycopg does, as long as it makes sense.

        Raises:
            OperationalError: Nobody is at work on the statement.
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
                        raise psycopg.OperationalError(f"the database has not said a word for {now - since:.0f} s")
                    look = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as done:
            value: T = done.value
            return value


def is_worked_on(address: str, backend: int, *, unknown: bool) -> bool:
    """Whether a server is at work on what one of its connections has asked of it.

    Args:
        backend: Number of the server's process, as the connection was told.
        unknown: What to say when the server knows none of that number: behind PgBouncer numbers mean nothing.
    """
    try:
        with WatchedConnection.connect(address, autocommit=True, prepare_threshold=None, connect_timeout=5) as other:
            other.quiet_s = _LOOK_S
            row = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone()
    except psycopg.Error:
        return False
    return unknown if row is None else row[0] == "active"

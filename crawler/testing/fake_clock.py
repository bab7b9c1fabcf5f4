"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

START_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class FakeClock:
    """A clock for tests: time passes only when told to. Thread-safe.

    Waiting returns at once, and counts as time passed: code that waits 60 s can be tested in no time, and `waits`
    lists how long it waited.

    Args:
        start_s: Start time in seconds since 1970; 1 January 2026 UTC by default.

    Attributes:
        waits: Length of every wait in seconds, in order.
    """

    def __init__(self, start_s: float = START_S) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._now_s = float(start_s)
        self._monotonic_s = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        """Wall-clock seconds since 1970."""
        with self._lock:
            return self._now_s

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        with self._lock:
            return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Advances both clocks.

        Raises:
            ValueError: Less than 0; use `jump` to set the wall clock back.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds!r}")
        with self._lock:
            self._now_s += seconds
            self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        """Sets the wall clock forward or back, as an administrator would; the monotonic clock is not affected."""
        with self._lock:
            self._now_s += seconds

    def sleep(self, seconds: float) -> None:
        """Advances the time at once. Less than 0 is an error, as with `time.sleep`."""
        self.advance(seconds)
        with self._lock:
            self.waits.append(seconds)

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Like ``event.wait(seconds)``, but without waiting: the time passes at once unless the event is set.

        Args:
            event: What to wait for.
            seconds: The longest wait. None would wait for ever, which a fake clock cannot do: the event must be set.
        Returns:
            Whether the event is set.
        Raises:
            RuntimeError: *seconds* is None and the event is not set.
        """
        if event.is_set():
            return True
        if seconds is None:
            raise RuntimeError("waiting for ever on a clock that stands still")
        self.sleep(max(0.0, seconds))
        return event.is_set()

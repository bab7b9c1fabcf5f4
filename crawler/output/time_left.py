"""How long a run will still take, said only where it can be known. Pure.

While a crawl finds more than it gets done, the total is unknown: a progress bar measured against what is known so far
would be a lie. What can be said is how fast the queue has shrunk recently, and when it will be empty at that rate.
Links that are found meanwhile are included.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 30.0  #: of the past that counts
_STEP_S = 0.5
_LEAST_S = 3.0  #: of the past before anything is said
_SHARE = 0.05  #: of what is done by which the queue must shrink: if slower, no end is in sight
_LONGEST_S = 30 * 86_400.0


class TimeLeft:
    """Is given a run's progress, and says how long it will still take. For one thread."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int, int]] = deque()

    def note(self, at: float, *, done: int, waiting: int) -> None:
        """Record the progress at a moment (seconds, of any monotonic clock)."""
        if self._points and at - self._points[-1][0] < _STEP_S:
            if len(self._points) > 1:
                self._points.pop()
            else:
                return
        self._points.append((at, done, waiting))
        while at - self._points[0][0] > WINDOW_S:
            self._points.popleft()

    def seconds(self) -> float | None:
        """Seconds until nothing waits, if it goes on as in the last `WINDOW_S`; None where no end is in sight."""
        if len(self._points) < 2:
            return None
        (begin, done_then, waiting_then), (end, done, waiting) = self._points[0], self._points[-1]
        took_s, shrunk = end - begin, waiting_then - waiting
        if took_s < _LEAST_S or shrunk <= 0 or shrunk < _SHARE * (done - done_then):
            return None
        left_s = waiting * took_s / shrunk
        return left_s if left_s <= _LONGEST_S else None

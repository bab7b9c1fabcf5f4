"""The course of a run over time, in a bounded number of points. Pure except for the list that it keeps.

The points are stored with the run's summary: no table says how much was waiting at which moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

MOST_POINTS = 120
_FIRST_STEP_S = 0.25


class Moment(NamedTuple):
    """One point: seconds since the run began, and the numbers of all its processes together.

    Attributes:
        waiting, failed: Requests of the crawl.
    """

    after_s: float
    pages: int
    waiting: int
    failed: int
    items: int
    logins: int


class Timeline:
    """Takes points and keeps at most `MOST_POINTS`: when they are full, every second one goes, and fewer are taken."""

    def __init__(self) -> None:
        self._points: list[Moment] = []
        self._step_s, self._last_s = _FIRST_STEP_S, -_FIRST_STEP_S

    def note(self, moment: Moment, *, last: bool = False) -> None:
        """Take a point, unless one of about the same time is there.

        Args:
            last: The current state is asked for: take the point whatever the time.
        """
        if not last and moment.after_s - self._last_s < self._step_s:
            return
        self._points.append(moment)
        self._last_s = moment.after_s
        if len(self._points) >= MOST_POINTS:
            self._points = self._points[::2]
            self._step_s *= 2

    def as_list(self) -> list[list[float]]:
        """JSON-able; oldest first."""
        return [[round(point.after_s, 2), *point[1:]] for point in self._points]

    @property
    def points(self) -> Sequence[Moment]:
        """Oldest first."""
        return tuple(self._points)


def timeline_of(stored: Any) -> list[Moment]:
    """What `Timeline.as_list` gave, back from JSON; empty for anything else."""
    if not isinstance(stored, list):
        return []
    width = len(Moment._fields)
    return [
        Moment(float(each[0]), *map(int, each[1:width]))
        for each in stored
        if isinstance(each, list) and len(each) >= width and all(isinstance(number, int | float) for number in each)
    ]

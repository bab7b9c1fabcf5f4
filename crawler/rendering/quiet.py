"""When a page is complete: it requests nothing more, or nothing new. No clock: the time is an argument."""

from __future__ import annotations

from typing import Final

QUIET_S: Final = 0.1  #: without a request under way
LOADED_WITHIN_S: Final = 2.0  #: without one, for a page that does not say that it is loaded
POLLS_S: Final = 3.0  #: with only repeated ones under way: it will poll for ever


def enough_s(answered_s: float) -> float:
    """For how long nothing must be under way, where the page took *answered_s* seconds to say that it is loaded.

    On a busy machine news of a request is as slow: a page would be taken before its script's first request is known.
    """
    return max(QUIET_S, 4 * answered_s)


class Quiet:
    """The requests of one page, as far as waiting for them goes. Used by one thread.

    Args:
        now: By ``time.monotonic()``, as everywhere here.
    """

    def __init__(self, now: float) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._under_way = self._fresh_under_way = 0
        self._moved_at = self._fresh_at = now
        self._repeats = False  # an earlier request has been repeated since the page was last touched

    def begins(self, method: str, url: str) -> bool:
        """A request begins. Returns whether it is fresh, the first of its kind; pass that to `ends`."""
        fresh = (method, url) not in self._seen
        self._seen.add((method, url))
        self._repeats = self._repeats or not fresh
        self._under_way += 1
        self._fresh_under_way += fresh
        return fresh

    def ends(self, fresh: bool, now: float) -> None:
        """It has its answer, or gets none."""
        self._under_way -= 1
        self._moved_at = now
        if fresh:
            self._fresh_under_way -= 1
            self._fresh_at = now

    def begin_anew(self, now: float) -> None:
        """Something was done on the page that it may answer with requests."""
        self._moved_at = self._fresh_at = now
        self._repeats = bool(self._under_way > self._fresh_under_way)

    def for_s(self, now: float) -> float:
        """Seconds for which nothing has been under way."""
        return 0.0 if self._under_way else now - self._moved_at

    def only_polls(self, now: float) -> bool:
        """Whether the page requests the same things over and over, and nothing else."""
        return self._repeats and not self._fresh_under_way and now - self._fresh_at >= POLLS_S

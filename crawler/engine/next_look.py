"""When to look into the store for more requests: at once, at a moment, or when a host can take more. Pure."""

from __future__ import annotations

from collections.abc import Callable, Set


class NextLook:
    """Who finds that something has changed says `soon`; who looks asks `due_at`."""

    def __init__(self) -> None:
        self._at = 0.0
        self._changed: set[str] = set()  # slots that may have more than when they were last looked at

    def due_at(self, blocked: Callable[[], Set[str]]) -> float:
        """When to look, seconds since 1970; infinity when nothing waits any more.

        Args:
            blocked: Finds the slots that can take no more now.
        """
        return 0.0 if self._changed and not self._changed <= blocked() else self._at

    def soon(self, slots: Set[str] | None = None) -> None:
        """Something has changed: look at once, or, were it only *slots*, as soon as one of them can take more."""
        if slots is None:
            self._at = 0.0
        else:
            self._changed |= slots

    def nothing_found(self, blocked: Set[str], at: float) -> None:
        """There was nothing but for *blocked* slots: look again at that moment."""
        self._changed &= blocked
        self._at = at

    def wait_until(self, moment: float) -> None:
        """Nothing can be taken before that moment, whatever changes."""
        self._at, self._changed = moment, set()

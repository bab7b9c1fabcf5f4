"""The progress of all processes of a run together, as one of them knows it."""

from __future__ import annotations

from collections.abc import Callable

from crawler.events import Progress
from crawler.output.live import ProcessState


class Together:
    """What is counted with the figures of this process. Used by the scheduler's thread.

    Args:
        number: Of this process in the run; 0 for the one that began it.
        forked: Progress of the processes that this one has forked, as they report it.

    Attributes:
        leads: This process records how the run ends, and counts the others.
        words: What each process of the run has reported about itself in the store.
    """

    def __init__(self, number: int = 0, forked: Callable[[], list[Progress]] = list) -> None:
        self._number, self._forked = number, forked
        self.leads = number == 0
        self.words: list[ProcessState] = []

    def others(self) -> list[Progress]:
        """The progress of the others; for one that does not lead, only of those that it has forked."""
        told = [
            Progress(each.at, each.pages, 0, 0, each.items, each.logins, each.rate)
            for each in (self.words if self.leads else ())
            if self._number not in (each.number, each.parent)
        ]
        return [*self._forked(), *told]

    def are_counted(self) -> None:
        """The others are part of the summary now: do not count them again."""
        self._forked, self.words = list, []

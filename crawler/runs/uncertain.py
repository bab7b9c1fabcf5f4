"""What was counted for pages and files that are not certain yet: it is taken back when they are fetched again.

Otherwise a run whose session was lost would report "159 new, 76 unchanged" for 200 files. Pages and items are counted
anew by the store at the end of such a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from crawler.events import Summary
from crawler.outcome import Outcome
from crawler.quick_dataclass import quick_dataclass

_MOST: Final = 20_000  #: requests that are remembered; fewer are fetched again after a login


@quick_dataclass
class Counted:
    """What one request added to the numbers of its run.

    Attributes:
        file_was: How its file, or the files that its page listed, came; "" for none.
        files: Their number.
        unchanged, not_asked, rejected: As in `Summary`.
        dropped: Reason to number of items.
    """

    file_was: str = ""
    files: int = 0
    unchanged: int = 0
    not_asked: int = 0
    rejected: int = 0
    dropped: Mapping[str, int] | None = None


class Uncertain:
    """The last requests that were accepted without being certain. Not thread-safe."""

    def __init__(self) -> None:
        self._counted: dict[int, Counted] = {}

    def note(self, outcome: Outcome) -> None:
        """Remember what an accepted request has added, where a lost session may undo it."""
        if outcome.proven:
            return
        files = 1 if outcome.file is not None else outcome.files_held
        unchanged = int(outcome.unchanged is not None or outcome.status == 304)
        counted = Counted(
            (outcome.file_was or "held") if files else "",
            files,
            unchanged,
            int(bool(unchanged and not outcome.status)),
            len(outcome.rejected),
            outcome.dropped or None,
        )
        if counted == _NOTHING:
            return
        if len(self._counted) >= _MOST:
            del self._counted[next(iter(self._counted))]
        self._counted[outcome.request.id] = counted

    def take_back(self, request: int, summary: Summary) -> None:
        """Subtract what *request* added when it was accepted before."""
        counted = self._counted.pop(request, None) if self._counted else None
        if counted is None:
            return
        if counted.files:
            _less(summary.files, counted.file_was, counted.files)
        summary.unchanged -= counted.unchanged
        summary.not_asked -= counted.not_asked
        summary.rejected -= counted.rejected
        for reason, count in (counted.dropped or {}).items():
            _less(summary.dropped, reason if reason in summary.dropped else "for other reasons", count)


_NOTHING: Final = Counted()


def _less(counts: dict[str, int], name: str, count: int) -> None:
    left = counts.get(name, 0) - count
    if left > 0:
        counts[name] = left
    else:
        counts.pop(name, None)

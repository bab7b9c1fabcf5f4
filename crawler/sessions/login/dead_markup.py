"""Places of a page that offer nothing to a visitor: comments, scripts, and what is for browsers without scripts."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from crawler.late_pattern import late_pattern

_DEAD: Final = late_pattern(
    rb"<!--.*?(?:-->|\Z)|<[sS][cC][rR][iI][pP][tT][\s/>].*?(?:</[sS][cC][rR][iI][pP][tT]|\Z)", re.DOTALL
)  # what is never closed goes on to the end, as in browsers
_WITHOUT_SCRIPTS: Final = late_pattern(
    rb"<[nN][oO][sS][cC][rR][iI][pP][tT][\s/>].*?(?:</[nN][oO][sS][cC][rR][iI][pP][tT]|\Z)", re.DOTALL
)


class DeadMarkup:
    """The dead places of one page, looked for once, when the first question comes. Used by one thread."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._ends: dict[re.Pattern[bytes], tuple[list[int], list[int]]] = {}

    def holds(self, at: int) -> bool:
        """Whether the place is in a comment or a script."""
        return self._is_in(_DEAD, at)

    def is_unseen(self, at: int) -> bool:
        """Whether it is in a comment or a script, or among what is for browsers without scripts."""
        return self.holds(at) or self._is_in(_WITHOUT_SCRIPTS, at)

    def _is_in(self, pattern: re.Pattern[bytes], at: int) -> bool:
        found = self._ends.get(pattern)
        if found is None:
            spans = [each.span() for each in pattern.finditer(self._body)]
            found = self._ends[pattern] = [start for start, _ in spans], [end for _, end in spans]
        starts, ends = found
        before = bisect_right(starts, at) - 1
        return before >= 0 and at < ends[before]

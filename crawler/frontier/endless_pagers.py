"""A rule against pagers without an end: applications that offer "Next" beyond their last page, for ever.

Such pages differ in nothing but numbers, bring what the one before brought, and lead to nothing but one more
of their kind. A year of empty days does the same, so the rule waits for more pages than that.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from crawler.frontier.trap_counts import mark_of
from crawler.late_pattern import late_pattern

MOST_EMPTY: Final = 400  #: pages in a row that bring nothing; a year of empty days has 366
_MAX_PAGERS: Final = 200
_MOST_ITEMS: Final = 1_000  # of a page that are compared
_NUMBER: Final = late_pattern(r"\d+")

REASON: Final = f"{MOST_EMPTY} pages in a row brought nothing new but a link to the next one (`traps`)"


class EndlessPagers:
    """Counts pages that bring nothing, by their addresses without numbers. Safe from any thread.

    Bounded: of more than two hundred kinds of addresses the least recently met one is forgotten. Each process counts
    for itself.

    Args:
        most: How many in a row are followed.
    """

    def __init__(self, most: int = MOST_EMPTY) -> None:
        self._most = most
        self._pagers: OrderedDict[int, tuple[int, int, int]] = OrderedDict()  # items, text, pages in a row
        self._lock = threading.Lock()  # guards _pagers

    def refuses(self, url: str, found: Iterable[str], items: Sequence[Any], text: Callable[[], str]) -> bool:
        """Whether what a page leads to is not to be followed.

        Args:
            url: Of the page.
            found: URLs that it leads to and that were not known.
            items: What it brought.
            text: Gives its text; called only where the items are those of the page before.
        """
        kind, leads_on = _without_numbers(url), False
        for each in found:
            if _without_numbers(each) != kind:
                return False
            leads_on = True
        if not leads_on or len(items) > _MOST_ITEMS:
            return False
        pager, brought = mark_of(kind), mark_of(repr(items)) if items else 0
        with self._lock:
            before = self._pagers.get(pager)
        is_same = before is not None and before[0] == brought
        said = mark_of(_without_numbers(text())) if is_same else 0
        with self._lock:
            in_a_row = before[2] + 1 if before is not None and is_same and before[1] in (0, said) else 1
            self._pagers[pager] = (brought, said, in_a_row)
            self._pagers.move_to_end(pager)
            if len(self._pagers) > _MAX_PAGERS:
                self._pagers.popitem(last=False)
        return in_a_row >= self._most


def _without_numbers(text: str) -> str:
    return _NUMBER.sub("", text)

"""What a page yielded and was no good item: kept aside, with a warning for each reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from crawler.engine.links_given import LinksGiven
from crawler.items import NotStorable, rejected
from crawler.outcome import Outcome, Rejected

_MOST = 1_000  #: of one page
_REASONS = 20


class KeptAside:
    """Collects what one page yielded and is no good item. Used by one thread.

    Args:
        keys: `Spider.keys`.
        session: The one that fetched the page.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]], session: str) -> None:
        self._keys, self._session = keys, session
        self._reasons = Counter[str]()
        self.rejected: list[Rejected] = []

    def add(self, produced: Any, why: NotStorable) -> None:
        """Keep something; beyond a large number, only count it."""
        self._reasons[str(why)] += 1
        if len(self.rejected) < _MOST:
            self.rejected.append(rejected(produced, why, self._keys, self._session))

    def put_into(self, outcome: Outcome, notes: LinksGiven | None) -> None:
        """Tell it in the outcome of the page, with a warning for each reason, the most frequent first."""
        if notes is not None:
            notes.incomplete = True  # what was kept out is to be said again
        outcome.rejected = self.rejected
        outcome.warnings += tuple(
            f"{count:,} item{'s' if count > 1 else ''} kept out: {why}"
            for why, count in self._reasons.most_common(_REASONS)
        )

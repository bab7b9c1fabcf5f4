"""What a person is told of a crawl: what failed, was left out, tried again or odd, by kind, each with an example."""

from __future__ import annotations

import re

from crawler.stores.sqlite_frontier import FrontierPart
from crawler.stores.told import Sample

_URL_AT_END = re.compile(r" (?:from |\()?https?://")
_MOST_KINDS = 50
_OTHERS = 5  #: times as many kinds are read, since kinds that differ in a number or a URL become one


def kind_of(text: str) -> str:
    """The kind of a rule or an error: the first line without a URL at its end."""
    return _URL_AT_END.split(text.partition("\n")[0], maxsplit=1)[0]


class ReportPart(FrontierPart):
    """Samples."""

    def ended_samples(self, frontier: int) -> tuple[list[Sample], list[Sample]]:
        """Failed and skipped requests by error and rule, most first; read from the index of ended requests."""
        return self._ended(frontier, 3, "error"), self._ended(frontier, 4, "rule")

    def _ended(self, frontier: int, state: int, column: str) -> list[Sample]:
        rows = self._connection.read(
            f"SELECT coalesce({column}, ''), count(*), url, min(id) FROM crawl_requests"
            f" WHERE frontier = ? AND state = {state} AND state >= 3 GROUP BY 1 ORDER BY 2 DESC LIMIT ?",
            (frontier, _MOST_KINDS * _OTHERS),
        )
        return _grouped([(str(text), int(count), str(url)) for text, count, url, _ in rows], keep=state == 3)

    def retried_samples(self, frontier: int) -> list[Sample]:
        """What was tried again, by error, most first; reads the page log."""
        rows = self._connection.read(
            "SELECT coalesce(error, ''), count(*), url, min(id) FROM crawl_pages WHERE verdict = 'retry'"
            " AND run IN (SELECT id FROM crawl_runs WHERE frontier = ?) GROUP BY 1 ORDER BY 2 DESC LIMIT ?",
            (frontier, _MOST_KINDS * _OTHERS),
        )
        return _grouped([(str(text), int(count), str(url)) for text, count, url, _ in rows])


def _grouped(rows: list[tuple[str, int, str]], *, keep: bool = False) -> list[Sample]:
    """Samples by kind, most first.

    Args:
        keep: Texts are told apart as they are.
    """
    found: dict[str, Sample] = {}
    for text, count, url in rows:
        kind = text if keep else kind_of(text)
        known = found.get(kind)
        found[kind] = Sample(kind, count, url, text) if known is None else known.with_more(count)
    return sorted(found.values(), key=lambda sample: -sample.count)[:_MOST_KINDS]

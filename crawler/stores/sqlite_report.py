"""What a person is told of a crawl: what failed, was left out, tried again or odd, by kind, each with an example."""

from __future__ import annotations

from crawler.stores.base import Sample
from crawler.stores.sqlite_frontier import FrontierPart

_MOST_KINDS = 50
_OTHERS = 5  #: times as many kinds are read, since kinds that differ in a number or a URL become one


def kind_of(text: str) -> str:
    """The kind of a rule or a warning: the first line without a URL at its end."""
    return text.partition("\n")[0].partition(" http")[0]


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

    def page_samples(self, frontier: int) -> tuple[list[Sample], list[Sample]]:
        """What was tried again, by error, and what pages were odd about, by warning; reads the whole page log."""
        of_frontier = "run IN (SELECT id FROM crawl_runs WHERE frontier = ?)"
        retried = self._connection.read(
            "SELECT coalesce(error, ''), count(*), url, min(id) FROM crawl_pages"
            f" WHERE {of_frontier} AND verdict = 'retry' GROUP BY 1 ORDER BY 2 DESC LIMIT ?",
            (frontier, _MOST_KINDS * _OTHERS),
        )
        warned = self._connection.read(
            "SELECT w.value, count(*), p.url, min(p.id) FROM crawl_pages p, json_each(p.warnings) w"
            f" WHERE p.{of_frontier} AND p.warnings IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT ?",
            (frontier, _MOST_KINDS * _OTHERS),
        )
        return (
            _grouped([(str(text), int(count), str(url)) for text, count, url, _ in retried]),
            _grouped([(str(text), int(count), str(url)) for text, count, url, _ in warned]),
        )


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

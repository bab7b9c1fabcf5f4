"""Reports on a crawl: what failed, was left out, was retried or was odd, by kind, each with an example."""

from __future__ import annotations

import json
import re
from collections import Counter

from crawler.outcome import without_numbers
from crawler.stores.driver import Driver
from crawler.stores.told import Sample

_URL_AT_END = re.compile(r" (?:from |\()?https?://")
_MOST_KINDS = 50
_ADDRESS = "://"  # what precedes it is the same for all addresses
_SILENT = ("Unreachable", "UnknownHost", "ConnectFailed", "TimedOut", "TLSFailed", "Incomplete")


def kind_of(text: str) -> str:
    """The kind of a rule or an error: its first line without a URL at the end."""
    return _URL_AT_END.split(text.partition("\n")[0], maxsplit=1)[0]


class ReportRows:
    """Samples."""

    def __init__(self, driver: Driver) -> None:
        self._db = driver

    def ended_samples(self, frontier: int) -> tuple[list[Sample], list[Sample]]:
        """Failed and skipped requests by error and rule, most first; read from the index of ended requests."""
        return self._ended(frontier, 3, "error"), self._ended(frontier, 4, "rule")

    def put_aside(self, frontier: int) -> list[Sample]:
        """Parked requests by the reason; read from the index of ended requests."""
        return self._ended(frontier, 5, "error")

    def silent_hosts(self, frontier: int) -> dict[str, int]:
        """Slots all of whose requests failed without an answer, to how many, most first.

        The index of ended requests names the hosts; only for those is an answered request looked for.
        """
        rows = self._db.read(
            "SELECT s.id, s.name, sum(f.number) FROM (SELECT lane, count(*) AS number FROM crawl_requests"
            " WHERE frontier = ? AND state = 3 AND state >= 3 GROUP BY lane) f"
            " JOIN crawl_lanes l ON l.id = f.lane JOIN crawl_slots s ON s.id = l.slot GROUP BY s.id ORDER BY 3 DESC, 2"
            " LIMIT ?",
            (frontier, _MOST_KINDS),
        )
        return {str(name): int(number) for slot, name, number in rows if not self._answered(frontier, slot)}

    def _answered(self, frontier: int, slot: int) -> bool:
        silent = " OR ".join(f"error LIKE '{name}:%'" for name in _SILENT)
        found = self._db.one(
            "SELECT 1 FROM crawl_requests WHERE frontier = ? AND lane IN (SELECT id FROM crawl_lanes WHERE slot = ?)"
            f" AND (state = 2 OR (state = 3 AND NOT ({silent}))) LIMIT 1",
            (frontier, slot),
        )
        return found is not None

    def _ended(self, frontier: int, state: int, column: str) -> list[Sample]:
        ended = f"FROM crawl_requests WHERE frontier = ? AND state = {state} AND state >= 3"
        return self._by_kind("crawl_requests", column, ended, frontier, keep=state != 4)

    def retried_samples(self, frontier: int) -> list[Sample]:
        """What was tried again, by error, most first; reads the page log."""
        retried = "FROM crawl_pages WHERE verdict = 'retry' AND run IN (SELECT id FROM crawl_runs WHERE frontier = ?)"
        return self._by_kind("crawl_pages", "error", retried, frontier)

    def _by_kind(self, table: str, column: str, chosen: str, frontier: int, *, keep: bool = False) -> list[Sample]:
        """Samples by kind, most first.

        Args:
            keep: Texts are distinguished as they are; where there are many, the first of a kind stands for all of it.
        """
        kind, are_few = self._kind(column, chosen, frontier)
        rows = self._db.read(
            f"SELECT coalesce(t.{column}, ''), g.number, t.url FROM (SELECT {kind} AS kind, count(*) AS number,"
            f" min(id) AS first {chosen} GROUP BY 1) g JOIN {table} t ON t.id = g.first ORDER BY 2 DESC, 1",
            (frontier,),
        )
        found: dict[str, Sample] = {}
        for text, count, url in rows:
            name = str(text) if keep and are_few else kind_of(str(text))
            known, said = found.get(name), str(text) if keep else name
            more = Sample(said, int(count), str(url), str(text)) if known is None else known.with_more(int(count))
            found[name] = more
        return sorted(found.values(), key=lambda sample: -sample.count)[:_MOST_KINDS]

    def _kind(self, column: str, chosen: str, frontier: int) -> tuple[str, bool]:
        """How texts are grouped, and whether they are few: if so, as they are, otherwise without their addresses.

        A crawl that failed a million times has as many texts: the database counts them, and only few come here.
        """
        text = f"coalesce({column}, '')"
        some = self._db.read(f"SELECT DISTINCT {text} {chosen} LIMIT {_MOST_KINDS + 1}", (frontier,))
        are_few = len(some) <= _MOST_KINDS
        return text if are_few else self._db.dialect.text_before(text, _ADDRESS), are_few

    def failed_by(self, frontier: int) -> dict[str, int]:
        """Reason to number of failed requests, most first; all of them are counted.

        Most reasons contain an address. Where there are many, one stands for all of its kind.
        """
        failed = "FROM crawl_requests WHERE frontier = ? AND state = 3 AND state >= 3"
        kind, are_few = self._kind("error", failed, frontier)
        rows = self._db.read(
            f"SELECT min(coalesce(error, '')), count(*) {failed} GROUP BY {kind} ORDER BY 2 DESC, 1", (frontier,)
        )
        first: dict[str, str] = {}
        found: Counter[str] = Counter()
        for reason, count in rows:
            found[first.setdefault(str(reason) if are_few else kind_of(str(reason)), str(reason))] += int(count)
        return dict(found.most_common())

    def warned_by(self, frontier: int) -> dict[str, tuple[int, str]]:
        """Warning, numbers left out, to number of pages and the address of one of them, most first."""
        rows = self._db.read(
            "SELECT p.warnings, count(*), min(p.url) FROM crawl_pages p JOIN crawl_runs r ON r.id = p.run"
            " WHERE r.frontier = ? AND p.warnings IS NOT NULL GROUP BY 1",
            (frontier,),
        )
        found: dict[str, tuple[int, str]] = {}
        for texts, count, url in rows:
            for text in {without_numbers(str(each)) for each in json.loads(texts)}:
                before, example = found.get(text, (0, str(url)))
                found[text] = before + int(count), example
        return dict(sorted(found.items(), key=lambda pair: (-pair[1][0], pair[0])))

    def stored_with(self, frontier: int, warning: str) -> list[Sample]:
        """Pages that are stored with a warning that begins so, one each; not those that were fetched anew without."""
        accepted = "FROM crawl_pages p JOIN crawl_runs r ON r.id = p.run WHERE r.frontier = ? AND p.verdict = 'accept'"
        warned = self._db.read(
            f"SELECT p.id, p.request, p.url, p.warnings {accepted} AND p.warnings IS NOT NULL ORDER BY p.id",
            (frontier,),
        )
        found = {
            int(request): (int(number), Sample(warning, 1, str(url), text))
            for number, request, url, texts in warned
            for text in json.loads(texts)
            if text.startswith(warning)
        }
        if found:
            first = min(number for number, _ in found.values())
            for number, request in self._db.read(f"SELECT p.id, p.request {accepted} AND p.id > ?", (frontier, first)):
                if int(request) in found and int(number) > found[int(request)][0]:
                    del found[int(request)]
        return [sample for _, sample in found.values()]

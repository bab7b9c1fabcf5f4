"""Proves that a crawl adds up: every request it ever knew is accounted for, and the sums of three books agree.

The books are written by different statements, so an error in one shows against the others: the states of the requests
(with their counters), the page log, and the rows of the results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crawler.errors import AlreadyRunning
from crawler.output.source import Source, crawl_runs


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        spider: Its name.
        runs: Ids of the runs of the crawl, oldest first.
        states: State to number of requests.
        pages: Answers that the page log calls accepted.
        items: Result table to rows of this crawl.
        problems: What does not add up, one line each; empty when all is well.
    """

    spider: str
    runs: tuple[int, ...]
    states: Mapping[str, int]
    pages: int
    items: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "spider": self.spider,
            "ok": self.ok,
            "runs": list(self.runs),
            "states": dict(self.states),
            "pages": self.pages,
            "items": dict(self.items),
            "problems": list(self.problems),
        }


def audit(source: Source, spider: str) -> Audit | None:
    """Audit the last crawl of *spider*; None when it has never run. Reads the page log and the results once.

    Raises:
        AlreadyRunning: It runs now: the books move while they are read.
    """
    runs = crawl_runs(source, spider)
    if not runs:
        return None
    holder = source.running(spider)
    if holder is not None:
        raise AlreadyRunning(spider, holder)
    frontier = runs[0].frontier
    counts = source.counts(frontier)
    states = {name: getattr(counts, name) for name in ("waiting", "leased", "done", "failed", "skipped", "parked")}
    last, accepted = _page_log(source, frontier)
    problems = list(source.audit(frontier))
    if accepted != counts.pages:
        problems.append(f"the page log has {accepted:,} accepted pages, the counter says {counts.pages:,}")
    problems += _against_states(last, states)
    items, item_problems = _results(source, {run.id for run in runs}, last)
    problems += item_problems
    if sum(items.values()) != counts.items:
        problems.append(f"the result tables have {sum(items.values()):,} rows, the counter says {counts.items:,}")
    return Audit(spider, tuple(run.id for run in runs), states, accepted, items, tuple(problems))


def _page_log(source: Source, frontier: int) -> tuple[dict[int, str], int]:
    """The last verdict of each request, and the number of accepted answers."""
    last: dict[int, str] = {}
    accepted = 0
    for page in source.pages(frontier):
        last[page["request"]] = page["verdict"]
        accepted += page["verdict"] == "accept"
    return last, accepted


def _against_states(last: Mapping[int, str], states: Mapping[str, int]) -> list[str]:
    """A request is done exactly when its last answer was accepted; one that was opened again is waiting meanwhile."""
    done, open_ = states["done"], states["waiting"] + states["leased"]
    finished = sum(verdict == "accept" for verdict in last.values())
    if done <= finished <= done + open_:
        return []
    return [f"{done:,} requests are done, but the page log ends with an accepted answer for {finished:,}"]


def _results(source: Source, runs: set[int], last: Mapping[int, str]) -> tuple[dict[str, int], list[str]]:
    """Rows of the crawl by table, and rows that no request answers for."""
    items: dict[str, int] = {}
    problems = []
    for table in source.tables():
        seen: set[tuple[int, int]] = set()
        kinds = Counter[str]()
        for run in sorted(runs):
            for row in source.rows(table, run=run):
                place = (row["_request"], row["_position"])
                kinds["twice"] += place in seen
                kinds["from no accepted page"] += last.get(row["_request"]) not in ("accept", "fail", "skip")
                seen.add(place)
        if seen:
            items[table] = len(seen) + kinds["twice"]
        problems += [f"{table}: {count:,} rows are {what}" for what, count in kinds.items() if count]
    return items, problems

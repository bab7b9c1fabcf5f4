"""The numbers of a crawl, and the proof that they add up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.errors import AlreadyRunning
from crawler.output.audit import audit
from crawler.output.history import crawl_runs, past_runs, status
from crawler.output.reasons import short_reason, short_reasons
from crawler.stores.base import RunRow
from crawler.stores.told import Audit as Recounted
from crawler.stores.told import Counts

SUMMARY = json.dumps({"pages": 3, "items": {"items": 2, "Book": 1}, "logins": 1})


def run(number: int, frontier: int, spider: str = "orders", **rest: Any) -> RunRow:
    values = {"ended_at": 100.0 * number + 12, "ending": "finished", "exit_code": 0, "summary": SUMMARY, **rest}
    return RunRow(number, spider, frontier, False, 100.0 * number, **values)


def row(run: int, request: int, position: int, **fields: Any) -> dict[str, Any]:
    return {
        "_run": run,
        "_url": f"http://a/{request}",
        "_time": 1.0,
        "_request": request,
        "_position": position,
        **fields,
    }


@dataclass
class Shelf:
    """A store with what a test puts into it: by default a crawl of two runs that adds up."""

    path: str = "data/crawl.db"
    all_runs: list[RunRow] = field(default_factory=lambda: [run(3, 2), run(2, 2, ended_at=None, ending=""), run(1, 1)])
    holder: str | None = None
    numbers: Counts = field(default_factory=lambda: Counts(waiting=1, done=2, failed=1, skipped=1, pages=3, items=3))
    tables: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            "items": [row(2, 1, 0, a=1), row(3, 2, 0, a=2), row(1, 9, 0, a=9)],
            "Book": [row(3, 2, 1, title="x")],
        }
    )
    found_wrong: list[str] = field(default_factory=list)

    def now(self) -> float:
        return 1000.0

    @property
    def runs(self) -> Any:
        return SimpleNamespace(
            last=lambda spider=None, *, limit=20: [each for each in self.all_runs if spider in (None, each.spider)][
                :limit
            ],
            get=lambda number: next(each for each in self.all_runs if each.id == number),
            running=lambda spider: self.holder,
        )

    @property
    def members(self) -> Any:
        return SimpleNamespace(of=lambda number: [])

    @property
    def frontier(self) -> Any:
        return SimpleNamespace(
            counts=lambda frontier: self.numbers,
            skipped_by=lambda frontier: {"robots": 1},
            waiting_by=lambda frontier: {"a.example": 1},
        )

    @property
    def leases(self) -> Any:
        return SimpleNamespace(next_due=lambda frontier: 2000.0)

    @property
    def results(self) -> Any:
        return SimpleNamespace(
            tables=lambda: {table: len(rows) for table, rows in self.tables.items()},
            stored_by=lambda run: (2, {"items": 1}),
        )

    @property
    def log(self) -> Any:
        return SimpleNamespace(until=lambda run: 100.0 * run + 5)

    @property
    def logins(self) -> Any:
        return SimpleNamespace(of_run=lambda run: [])

    @property
    def files(self) -> Any:
        return SimpleNamespace(all=lambda spider=None: iter(()))

    @property
    def reports(self) -> Any:
        return SimpleNamespace(
            failed_by=lambda frontier: {"404": 1},
            warned_by=lambda frontier: {},
            ended_samples=lambda frontier: ((), ()),
            retried_samples=lambda frontier: (),
        )

    @property
    def care(self) -> Any:
        recounted = Recounted(self.numbers, {"404": 1}, {"robots": 1}, tuple(self.found_wrong))
        return SimpleNamespace(audit=lambda frontier: recounted)


def test_a_crawl_that_adds_up_has_no_problems() -> None:
    found = audit(Shelf(), "orders")

    assert found is not None
    assert (found.problems, found.runs, found.pages, found.items) == ((), (2, 3), 3, 3)
    told = json.loads(json.dumps(found.as_dict()))
    assert (told["ok"], told["known"], told["failed_by"], told["skipped_by"]) == (True, 5, {"404": 1}, {"robots": 1})


def test_what_the_store_finds_wrong_is_a_problem() -> None:
    found = audit(Shelf(found_wrong=["2 requests failed without a reason"]), "orders")

    assert found is not None
    assert found.problems == ("2 requests failed without a reason",)
    assert not found.ok


def test_a_running_crawl_is_not_audited_since_its_books_move() -> None:
    with pytest.raises(AlreadyRunning, match="process 7"):
        audit(Shelf(holder="process 7"), "orders")


def test_a_spider_that_never_ran_has_neither_audit_nor_status() -> None:
    assert audit(Shelf(), "nobody") is None
    assert status(Shelf(), "nobody") is None


def test_a_crawl_is_the_last_run_and_those_that_it_resumed() -> None:
    assert [each.id for each in crawl_runs(Shelf(), "orders")] == [2, 3]


def test_runs_tell_how_each_ended_and_a_killed_one_is_not_running() -> None:
    found = past_runs(Shelf(), "orders", limit=20)

    assert [(each.id, each.ending, each.took_s, each.pages, each.items) for each in found] == [
        (3, "finished", 12.0, 3, 3),
        (2, "killed", 5.0, 2, 1),
        (1, "finished", 12.0, 3, 3),
    ]


def test_the_newest_run_without_an_end_is_running_while_somebody_holds_the_spider() -> None:
    shelf = Shelf(all_runs=[run(3, 2, ended_at=None, ending="", summary="{}"), run(2, 2, ended_at=None, ending="")])
    shelf.holder = "process 7"

    found = past_runs(shelf, "orders", limit=20)

    assert [(each.id, each.ending, each.took_s) for each in found] == [(3, "running", 700.0), (2, "killed", 5.0)]
    assert found[0].pages is None


def test_status_is_the_last_crawl_with_its_groups() -> None:
    found = status(Shelf(), "orders")

    assert found is not None
    assert json.loads(json.dumps(found.as_dict())) == {
        "spider": "orders", "run": 3, "ending": "finished", "running": None, "known": 5, "waiting": 1, "leased": 0,
        "done": 2, "failed": 1, "skipped": 1, "parked": 0, "pages": 3, "items": 3, "waiting_by": {"a.example": 1},
        "failed_by": {"404": 1}, "skipped_by": {"robots": 1}, "next_due": 2000.0, "notes": [], "next_command": "",
        "warned_by": {}, "retried_by": {}, "dropped_by": {}, "examples": {}, "members": [],
    }  # fmt: skip


TRACE = """{error}
Traceback (most recent call last):
  File "{ours}", line 87, in run
    self._fetch(outcome)
  File "/srv/crawler/spiders/orders.py", line 7, in parse
    return read(response)
  File "/srv/crawler/spiders/reading.py", line 3, in read
    return json.loads(response.nothing)
  File "/usr/lib/python3.12/json/__init__.py", line 346, in loads
  File "/srv/crawler/.venv/lib/python3.12/site-packages/x.py", line 1, in y
{error}
"""


def test_a_failure_is_reported_with_the_line_of_the_users_own_file() -> None:
    text = TRACE.format(error="KeyError: 'id'", ours=audit.__code__.co_filename)

    assert short_reason(text) == "KeyError: 'id' at spiders/reading.py, line 3, in read"
    assert short_reason("404 from http://a/") == "404 from http://a/"


def test_failures_that_differ_in_their_traces_only_are_one_reason() -> None:
    texts = [TRACE.format(error="KeyError: 'id'", ours=file) for file in ("/usr/lib/python3.12/a.py", "<string>")]

    assert short_reasons({texts[0]: 2, texts[1]: 3, "404": 1}) == {
        "KeyError: 'id' at spiders/reading.py, line 3, in read": 5,
        "404": 1,
    }

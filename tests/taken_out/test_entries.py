"""The entries do not rot: each mend is where its entry says, each row has an entry or a reason, verdicts are right."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest

from tests.taken_out.entries import ROOT, Entry, Row, Swap, rows, without_id
from tests.taken_out.rows import ENTRIES, WITHOUT
from tests.taken_out.trying import judged

ROWS = {row.situation: row for row in rows()}
HELD = {(entry.row, without_id(test)) for entry in ENTRIES for test in entry.tests}


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def places_of(text: str) -> list[str]:
    """Files of the package that have it, for who has moved it."""
    return [str(path.relative_to(ROOT)) for path in (ROOT / "crawler").rglob("*.py") if text in path.read_text()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_an_entry_takes_out_is_there_once(entry: Entry) -> None:
    for swap in entry.swaps:
        times = text_of(swap.file).count(swap.mend) if (ROOT / swap.file).is_file() else 0
        assert times == 1, f"{times} times in {swap.file}, now in {places_of(swap.mend) or 'no file'}: {swap.mend}"
        assert swap.fault != swap.mend


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_belongs_to_a_row_and_its_tests_are_there(entry: Entry) -> None:
    assert entry.row in ROWS
    assert entry.tests
    for test in map(without_id, entry.tests):
        file, _, name = test.partition("::")
        assert f"def {name}(" in text_of(file)


def test_names_of_entries_are_told_apart() -> None:
    assert [name for name, times in Counter(entry.name for entry in ENTRIES).items() if times > 1] == []


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.situation[:60])
def test_a_row_has_an_entry_for_each_of_its_tests_or_a_reason(row: Row) -> None:
    if row.situation in WITHOUT:
        return
    assert [test for test in row.tests if (row.situation, test) not in HELD and test not in WITHOUT] == []


def test_a_reason_belongs_to_a_row_or_a_test_of_one() -> None:
    known = {*ROWS, *(test for row in ROWS.values() for test in row.tests)}

    assert [each for each in WITHOUT if each not in known] == []


ENTRY = Entry("x", "a row", [Swap("a.py", "b", "c")], ["t.py::test_a", "t.py::test_b[1]"])


def report(test: str, outcome: str = "failed", **more: Any) -> dict[str, Any]:
    return {"test": f"t.py::{test}", "outcome": outcome, "when": "call", "error": "AssertionError", "text": "", **more}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (
            [report("test_a[0]", "passed"), report("test_a[1]"), report("test_b[1]"), report("test_o", "passed")],
            "failed",
        ),
        ([report("test_a"), report("test_b[1]", "passed"), report("test_o", "passed")], "passes"),
        ([report("test_a"), report("test_b[2]"), report("test_o", "passed")], "not run"),
        ([report("test_a"), report("test_b[1]", "skipped"), report("test_o", "passed")], "not run"),
        ([report("test_a"), report("test_b[1]"), report("test_o")], "broken"),
        ([report("test_a", error="NameError"), report("test_b[1]"), report("test_o", "passed")], "broken"),
        ([report("test_a", text="E  NameError: x"), report("test_b[1]"), report("test_o", "passed")], "broken"),
        ([report("test_a", when="setup"), report("test_b[1]"), report("test_o", "passed")], "broken"),
        ([report("test_a", when="collect")], "broken"),
    ],
    ids=["failed", "passes", "other-id", "skipped", "all-fail", "slip", "slip-shown", "setup", "collect"],
)
def test_a_failure_counts_where_the_code_still_works(found: list[dict[str, Any]], verdict: str) -> None:
    assert judged(ENTRY, ["t.py::test_o"], found, ended=True).verdict == verdict


def test_tests_that_do_not_end_are_a_failure_where_the_fault_is_that_nothing_ends() -> None:
    hanging = Entry("x", "a row", ENTRY.swaps, ENTRY.tests, hangs=True)

    assert judged(ENTRY, [], [], ended=False).verdict == "not run"
    assert judged(hanging, [], [], ended=False).verdict == "failed"

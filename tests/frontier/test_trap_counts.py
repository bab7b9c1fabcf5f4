"""Counts against endless URLs that several processes add up: each text once, whoever meets it, in any order."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.trap_counts import Distinct, Few, TrapCounts, mark_of, name_of
from crawler.frontier.traps import TrapGuard, TrapLimits

SITE, NOW = "https://a.example", 1_780_000_000.0
KEY = ("dates", "x")
marks = st.lists(st.integers(0, 2**64 - 1), max_size=600)


def exchange(guard: TrapGuard, rows: dict[str, Any]) -> None:
    """What a process does ten times a second, with the rows of the store."""
    for key in guard.counts.due(100):
        rows[name_of(key)] = json.loads(json.dumps(guard.counts.meets(key, rows.get(name_of(key)))))


@pytest.mark.parametrize("members", [2, 4, 8])
@pytest.mark.parametrize(
    ("limits", "url", "most"),
    [
        (TrapLimits(max_dates=1_000, years_ahead=0), "{site}/calendar?date=2026-01-{n}", 1_000),
        (TrapLimits(max_values=1_000), "{site}/x?id={n}", 1_000),
        (TrapLimits(max_combinations=100, max_values=0), "{site}/f?a{n}=1", 100),
        (TrapLimits(max_session_ids=20, max_values=0), "{site}/p?sid={n:032}", 20),
    ],
    ids=["dates", "values", "combinations", "session-ids"],
)
def test_processes_together_stop_a_twentieth_of_the_limit_each_after_it(
    members: int, limits: TrapLimits, url: str, most: int
) -> None:
    guards, rows = [TrapGuard(limits) for _ in range(members)], dict[str, Any]()
    taken, refused = 0, 0
    for number in range(most * members * 2):
        guard = guards[number % members]
        if guard.refuses(url.format(site=SITE, n=number), 1, NOW) is None:
            taken += 1
        else:
            refused += 1
        exchange(guard, rows)
        if refused > 20 * members:
            break

    error = 0.2 * (most > 256)  # beyond 256 it is an estimate
    assert most * (1 - error) <= taken <= most * (1 + members / 20 + error) + members


def test_pages_of_a_host_are_counted_over_processes_and_each_page_once() -> None:
    limits, rows = TrapLimits(max_pages_per_host=100), dict[str, Any]()
    guards, taken = [TrapGuard(limits), TrapGuard(limits)], [set[bytes](), set[bytes]()]
    pages = [mark_of(str(number)).to_bytes(8) for number in range(100)]

    def take(page: bytes, number: int) -> str | None:
        refused = guards[number].refuses_host("a.example", page, taken[number])
        taken[number].add(page)
        exchange(guards[number], rows)
        return refused

    for page in pages[:60]:  # both find the same ones
        assert (take(page, 0), take(page, 1)) == (None, None)
    assert [take(page, 0) for page in pages[60:]] == [None] * 40

    guards[1].counts.meets(("pages", "a.example"), rows[name_of(("pages", "a.example"))])

    assert guards[1].refuses_host("a.example", b"another!", taken[1]) is not None
    assert guards[1].refuses_host("b.example", b"another!", ()) is None


def test_a_process_alone_counts_the_pages_of_a_host_exactly_and_notes_nothing() -> None:
    guard = TrapGuard(TrapLimits(max_pages_per_host=300))
    marks = [mark_of(str(number)).to_bytes(8) for number in range(301)]
    answers = [guard.refuses_host("a.example", mark, marks[:number]) for number, mark in enumerate(marks)]

    assert answers.index("more than 300 pages of one host (`max_pages_per_host`)") == 300
    assert guard.counts.due(9) == []


@given(marks, marks)
def test_counts_that_meet_are_the_count_of_both_in_any_order_and_again(one: list[int], two: list[int]) -> None:
    together, first, second = Distinct(), Distinct(), Distinct()
    for count, given_marks in ((together, one + two), (first, one), (second, two)):
        for mark in given_marks:
            count.add(mark)

    forth = first.meets(second.meets([]))
    back = second.meets(forth)

    assert forth == back == together.meets([])
    assert first.meets(back) == forth
    assert first.number == second.number == together.number


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)), st.integers(1, 20))
def test_counts_that_meet_keep_the_marks_that_were_reported_first(one: list[int], two: list[int], limit: int) -> None:
    first, second = Few(limit), Few(limit)
    told = first.meets([mark for mark in one if first.takes(mark)])
    for mark in two:
        second.takes(mark)

    both = second.meets(told)

    assert both[: len(told)] == told
    assert len(both) == second.number == min(limit, len({*told, *both})) <= limit
    assert all(second.takes(mark) for mark in told)


@pytest.mark.parametrize("stored", [None, "x", {"a": 1}, [-1, 2**64, "x", None, 1.5, True]], ids=repr)
def test_unreadable_counts_count_nothing(stored: object) -> None:
    counts = TrapCounts()
    counts.count(KEY, 7, 20)

    assert counts.meets(KEY, stored) == [7]
    assert counts.due(9) == []


def test_a_text_has_the_same_number_in_each_process() -> None:
    code = "from crawler.frontier.trap_counts import mark_of; print(mark_of('month=2026-01'))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(there.stdout) == mark_of("month=2026-01")


def test_counts_that_nobody_asks_for_are_bounded() -> None:
    counts = TrapCounts()
    assert counts.due(1) == []
    for number in range(5_000):
        counts.is_one_of_few(("names", str(number)), 1, 3)
        counts.count(("values", str(number)), 1, 3)

    assert len(counts.due(100_000)) == 4_000


def test_no_url_is_in_the_name_of_a_count() -> None:
    assert name_of(("session", "https://a.example/secret", "sid")).isalnum()

"""Delay, Crawl-delay, connections and Retry-After hold between processes, by the clock of the server's kernel.

A sample of what ``python -m tests.politeness`` does.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from tests.politeness.measure import CASES, Case, Seen, measured, most_at_once
from tests.politeness.rules import broken
from tests.politeness.site import Arrival

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="times of arrival are Linux's")
ONE_RUN, TWO_COMMANDS, CRAWL_DELAY, CONNECTIONS, REFUSED = CASES


@pytest.mark.parametrize(
    "case",
    [
        replace(
            ONE_RUN,
            name="two processes of one run, delay 0.04 s",
            delay_s=0.04,
            pages=155,
            settings={"processes": 2, "delay": 0.04},
        ),
        replace(TWO_COMMANDS, pages=6),
        replace(CRAWL_DELAY, pages=5),
        replace(CONNECTIONS, pages=300),
        replace(REFUSED, pages=250),
    ],
    ids=lambda case: case.name.replace(", ", "-").replace(" ", "-"),
)
def test_T10_two_processes_are_as_polite_as_one(case: Case) -> None:
    assert list(broken(case, measured(case))) == []


def test_requests_at_once_are_counted_from_their_arrival_to_their_answer() -> None:
    arrivals = [Arrival(at_s, until_s, "/", 200) for at_s, until_s in ((0.0, 1.0), (0.5, 2.0), (1.0, 3.0))]

    assert most_at_once(arrivals) == 2


def test_requests_too_early_too_many_or_from_only_one_process_are_reported() -> None:
    arrivals = tuple(Arrival(number / 10, number / 10 + 0.15, "/", 200) for number in range(4))
    case = replace(ONE_RUN, delay_s=0.2, settings={"per_host": 1})

    assert [what.split(" of ")[0] for what in broken(case, Seen(arrivals, (4,), ()))] == [
        "1 processes took part",
        "a gap",
        "a gap",
        "a gap",
        "2 requests at once, 1 allowed",
    ]

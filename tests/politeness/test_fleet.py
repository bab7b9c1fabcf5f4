"""Limits hold over all processes of a crawl, whoever comes, leaves or is killed: measured at the server.

Short forms of what ``python -m tests.politeness`` does.
"""

from __future__ import annotations

import sys

import pytest

from tests.long_form import LONG_FORM
from tests.politeness.fleet import Journey, broken, in_postgres, in_sqlite, limited_runs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="times of arrival are Linux's")


@LONG_FORM
def test_workers_that_come_and_are_killed_keep_to_the_connections_of_the_crawl_and_to_a_pause() -> None:
    journey = Journey(pages=260, refuse_at=200)

    assert list(broken(journey, in_postgres(journey))) == []


def test_processes_on_one_file_keep_to_the_crawls_connections_when_one_is_killed() -> None:
    journey = Journey(pages=600, latency_s=0.01, refuse_at=400)

    assert list(broken(journey, in_sqlite(journey))) == []


def test_processes_on_one_file_stop_at_the_limit_of_pages_together_and_the_next_run_goes_on() -> None:
    arrived, pages, processes = limited_runs(Journey(pages=500, latency_s=0.01), max_pages=300)

    assert (arrived, pages, processes) == ([300, 500], [300, 200], 3)

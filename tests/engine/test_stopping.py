"""When a run stops: the first reason counts, and the earliest moment."""

from __future__ import annotations

from crawler.engine.stopping import RunLimits
from crawler.settings import Settings


def test_a_run_without_limits_goes_on() -> None:
    limits = RunLimits(Settings(), began_at=0.0)

    limits.check(10**9, 10.0**9)

    assert (limits.reason, limits.deadline, limits.ends_at) == ("", None, None)
    assert not limits.waits_no_longer(10.0**12)


def test_the_limit_of_pages_stops_it_and_leaves_those_under_way_their_grace() -> None:
    limits = RunLimits(Settings(max_pages=5, grace=3.0), began_at=0.0)

    limits.check(4, 10.0)
    assert limits.reason == ""
    limits.check(5, 20.0)

    assert limits.reason == "limit: max_pages 5"
    assert [limits.waits_no_longer(22.9), limits.waits_no_longer(23.0)] == [False, True]


def test_the_limit_of_time_is_counted_from_the_start_of_the_run() -> None:
    limits = RunLimits(Settings(max_time=60.0), began_at=1_000.0)

    assert limits.ends_at == 1_060.0
    limits.check(0, 1_059.9)
    assert limits.reason == ""
    limits.check(0, 1_060.0)
    assert limits.reason == "limit: max_time 60 s"


def test_a_limit_that_is_reached_later_moves_nothing() -> None:
    limits = RunLimits(Settings(max_pages=5, grace=3.0), began_at=0.0)
    limits.stop("interrupted", 12.0)

    limits.check(99, 11.0)

    assert (limits.reason, limits.deadline) == ("interrupted", 12.0)


def test_the_first_order_to_stop_names_the_ending_and_the_earliest_deadline_counts() -> None:
    limits = RunLimits(Settings(), began_at=0.0)

    limits.stop("interrupted", 30.0)
    limits.stop("the first process is gone", 20.0)
    limits.stop("terminated", 40.0)

    assert (limits.reason, limits.deadline) == ("interrupted", 20.0)

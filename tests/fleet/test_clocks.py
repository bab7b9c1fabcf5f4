"""Machines whose clocks are wrong: a crawl goes by the clock of the database, and all of its promises hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler import clock
from crawler.clock import OtherClock
from crawler.errors import StoreError
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import joining, logins, until
from tests.fleet.test_members import at_work
from tests.stores.support import PostgresHome

pytest.importorskip("psycopg")
HOUR_S = 3600.0
DELAY_S = 0.15


@pytest.fixture(autouse=True)
def _own_clock() -> Iterator[None]:
    yield
    clock.follow(0.0)


@pytest.mark.skipif(not shutil.which("faketime"), reason="the program faketime is not installed")
@pytest.mark.parametrize("wrong", ["+1h", "-1h"])
def test_a_machine_whose_clock_is_wrong_by_an_hour_works_like_the_others(fleet: Fleet, wrong: str) -> None:
    fleet.site.change(latency_s=1.0)
    words = [*joining(fleet), "-s", "workers=2", "-s", "throttle=false", "-s", f"delay={DELAY_S}"]
    environment = {"CRAWL_KEY": fleet.key, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    far = fleet.machine("two").start(words, prefix=["faketime", "-f", wrong], environment=environment)
    with far, fleet.start(delay=DELAY_S) as first:
        until(lambda: at_work(fleet) == 2, 150)
        fleet.site.change(latency_s=0.05)
        ended, late = first.end(150), far.end(150)

    assert (ended.code, late.code) == (0, 0), (ended, late)
    assert json.loads(late.out)["pages"] > 0, "it did its part"
    assert logins(fleet) == 1
    fleet.is_exact()
    pauses = fleet.site.gaps()[8:]  # the login and robots.txt come first
    # Five in a row: the server notes a request when it gets a core. One pause left out would be twice the slack.
    assert min(sum(pauses[each : each + 5]) for each in range(len(pauses) - 4)) >= 5 * DELAY_S * 0.9
    way = {"+1h": "ahead of", "-1h": "behind"}[wrong]
    assert f"the clock of this machine is 3,600 s {way}" in late.err


def test_a_clock_that_is_asked_over_a_line_is_followed_when_what_was_believed_cannot_be() -> None:
    other = OtherClock()
    assert not other.said(100.2, 100.0, 100.5), "the answer was slow: both clocks may agree"
    assert other.ahead_s == 0.0
    assert other.said(3700.2, 100.0, 100.5)
    assert other.ahead_s == pytest.approx(3599.95)
    assert not other.said(3700.4, 100.4, 100.5)
    assert other.said(3700.4, 100.38, 100.39)
    assert other.ahead_s == pytest.approx(3600.015)


def test_the_time_of_a_process_is_that_of_the_clock_it_follows() -> None:
    before = clock.own_now()
    clock.follow(HOUR_S)
    assert before + HOUR_S <= clock.unix_now() <= clock.own_now() + HOUR_S


def test_a_clock_of_a_database_that_is_put_back_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    """What waits for a moment would wait for an hour more; the next run moves it."""
    with closing(PostgresHome(tmp_path)) as home:
        store = home.open(clock=None)
        store._db.clock._clock.ahead_s, store._db.clock.look_at = (
            HOUR_S,
            0.0,
        )  # it was an hour ahead when it was last asked

        with pytest.raises(StoreError, match="put back by 3,600 s"):
            store.now()
        assert abs(store.now() - clock.own_now()) < 5
        store.close()


def test_a_clock_that_is_put_forward_is_followed(tmp_path: Path) -> None:
    with closing(PostgresHome(tmp_path)) as home:
        store = home.open(clock=None)
        store._db.clock._clock.ahead_s, store._db.clock.look_at = -HOUR_S, 0.0

        assert abs(store.now() - clock.own_now()) < 5
        assert abs(clock.unix_now() - store.now()) < 0.1
        store.close()

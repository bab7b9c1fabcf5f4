"""A database that cannot be reached: it is said, and waited for once, as long as `busy_timeout` says."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from crawler.errors import StoreError
from tests.fleet.conftest import Fleet
from tests.fleet.proxy import Proxy
from tests.fleet.test_crawls import logins, until

psycopg = pytest.importorskip("psycopg")
postgres_line = pytest.importorskip("crawler.stores.postgres.postgres_line")


class Clock:
    """What the line sees of `time`: nobody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(postgres_line, "time", made)
    return made


def refuse(*given: Any, **more: Any) -> Any:
    raise psycopg.OperationalError("connection refused")


def test_it_is_waited_for_once_and_then_asked_once_for_each_call(
    fleet: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect = postgres_line.WatchedConnection.connect
    monkeypatch.setattr(postgres_line.WatchedConnection, "connect", refuse)
    line = postgres_line.PostgresLine(fleet.address, 60.0)

    with pytest.raises(StoreError, match=r"cannot be reached: connection refused; waited for 60 s \(`busy_timeout`\)"):
        line.open()
    waited_s = clock.now - 1_000.0
    for _ in range(5):
        with pytest.raises(StoreError):
            line.open()

    assert waited_s == pytest.approx(60)
    assert clock.now - 1_000.0 == pytest.approx(waited_s)
    (said,) = [each.getMessage() for each in caplog.records]
    assert "cannot be reached" in said
    assert re.search("trying again for (?:59|60) s", said)  # after the first tries, which say nothing

    monkeypatch.setattr(postgres_line.WatchedConnection, "connect", connect)
    line.open()
    line.drop()
    assert caplog.records[-1].getMessage().endswith(f"answers again, after {waited_s:.0f} s")


def test_a_second_time_away_is_waited_for_where_nobody_asked_in_between(
    fleet: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(postgres_line.WatchedConnection, "connect", refuse)
    line = postgres_line.PostgresLine(fleet.address, 60.0)
    with pytest.raises(StoreError):
        line.open()
    clock.now += 3_600.0
    begun = clock.now

    with pytest.raises(StoreError, match="waited for 60 s"):
        line.open()

    assert clock.now - begun == pytest.approx(60)
    assert [each.getMessage().count("cannot be reached") for each in caplog.records] == [1, 1]


def test_a_connection_that_is_remade_at_once_is_no_news(
    fleet: Fleet, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect, tries = postgres_line.WatchedConnection.connect, list[int]()

    def once(*given: Any, **more: Any) -> Any:
        tries.append(1)
        return connect(*given, **more) if len(tries) > 1 else refuse()

    monkeypatch.setattr(postgres_line.WatchedConnection, "connect", once)
    with caplog.at_level(logging.DEBUG, logger="crawler.stores"):
        line = postgres_line.PostgresLine(fleet.address, 60.0)
        line.open()
        line.drop()

    assert (len(tries), caplog.records) == (2, [])


def test_a_run_says_that_its_database_is_away_and_back_and_that_it_waited_in_vain(fleet: Fleet) -> None:
    fleet.site.change(latency_s=0.1)
    direct, name, log = fleet.address, fleet.address.partition("?")[0].rpartition("/")[2], fleet.folder / "run.log"
    with Proxy(fleet.server.connected) as proxy:
        fleet.address = f"postgresql://crawl@127.0.0.1:{proxy.port}/{name}?sslmode=disable"
        with fleet.start(busy_timeout=5, log_file=str(log)) as running:
            until(lambda: fleet.count("crawl_pages") >= 4)
            proxy.refuses = True
            proxy.cut_all()
            until(lambda: "cannot be reached" in log.read_text())
            proxy.refuses = False
            until(lambda: "answers again" in log.read_text())
            proxy.refuses = True
            proxy.cut_all()
            ended = running.end(60)
    fleet.address = direct

    assert ended.code == 6, ended
    assert log.read_text().count("trying again for") == 2
    assert "(`busy_timeout`)" in ended.err

    assert fleet.run().code == 0
    assert logins(fleet) == 1
    fleet.is_exact()

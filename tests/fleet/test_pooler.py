"""Behind PgBouncer in transaction mode nothing belongs to a connection: each transaction may get another one."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.fleet.conftest import PAGES, Fleet
from tests.fleet.pooler import PROGRAM, Pooler
from tests.fleet.test_crawls import logins, until


@pytest.fixture
def pooled(fleet: Fleet) -> Iterator[Fleet]:
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    database = fleet.address.partition("?")[0].rpartition("/")[2]
    with Pooler(fleet.server) as pooler:
        fleet.address = pooler.address(database)
        yield fleet


def test_a_crawl_whose_members_share_three_connections_is_killed_and_ends_exact(pooled: Fleet) -> None:
    pooled.site.change(latency_s=0.03)
    words = [
        "worker",
        "members",
        "-a",
        f"site={pooled.site.url}",
        "-s",
        f"store={pooled.address}",
        "--wait",
        "--until-empty",
    ]
    with pooled.start([*words, "-s", "workers=2", "-s", "lease=1"], machine="two") as two:
        with pooled.start(lease=1) as first:
            until(lambda: pooled.count("crawl_pages") >= 6)
            first.send(signal.SIGKILL)
            first.ended_within(20)
        resumed = pooled.run(lease=1)
        left = two.end(60)

    assert (resumed.code, left.code) == (0, 0), (resumed, left)
    assert logins(pooled) == 1
    assert pooled.rows("SELECT count(*) FROM crawl_requests WHERE state = 2") == [(PAGES,)]
    backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crawl' AND datname = current_database()"
    assert pooled.rows(backends)[0][0] <= 3
    pooled.is_exact()

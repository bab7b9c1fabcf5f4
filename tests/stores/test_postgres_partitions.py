"""The table of requests cut by buckets: nothing is lost, unique stays unique, and only needed parts are read."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.errors import StoreError
from crawler.stores.buckets import BUCKET_BITS, BUCKETS, bucket_of
from tests.stores.postgres_homes import home
from tests.stores.support import PostgresHome, accept, found, lease, start
from tests.stores.test_postgres_plans import plans

__all__ = ["home"]  # fixtures

pytest.importorskip("psycopg")

HOSTS = [f"shop{number}.example" for number in range(40)]


def cut(home: PostgresHome, count: int) -> None:
    from crawler.stores.postgres.postgres_partitions import partition
    from crawler.stores.postgres.postgres_schema import opened

    with opened(home.path) as driver:
        partition(driver, count)


def parts(home: PostgresHome) -> list[int]:
    """Rows of each partition."""
    names = home.server.do(
        "SELECT relname FROM pg_class WHERE relname ~ '^crawl_requests_[0-9]+$' AND relkind = 'r' ORDER BY 1", home.name
    )
    return [home.server.do(f"SELECT count(*) FROM {name}", home.name)[0][0] for (name,) in names]


@pytest.mark.parametrize(
    ("slot", "same"),
    [
        ("www.shop.example", "shop.example:8443"),
        ("api.shop.co.uk#ann", "shop.co.uk"),
        ("[2001:db8::1]:8080", "[2001:db8::1]"),
        ("127.0.0.1:40001", "127.0.0.1"),
    ],
)
def test_a_site_with_all_its_hosts_and_ports_is_in_one_bucket(slot: str, same: str) -> None:
    assert bucket_of(slot) == bucket_of(same)
    assert 0 <= bucket_of(slot) < BUCKETS


def test_a_crawl_goes_on_through_cutting_and_joining_with_the_same_rows(home: PostgresHome) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(f"a{n}", slot=HOSTS[n % 40]) for n in range(120)])
    store.commit(run, "me", [accept(one, {"n": one.id}) for one in lease(store, run, 30)])
    ids = home.server.do("SELECT id, url, state FROM crawl_requests ORDER BY id", home.name)
    store.close()

    for count in (16, 4, 1, 8):
        cut(home, count)

        assert home.server.do("SELECT id, url, state FROM crawl_requests ORDER BY id", home.name) == ids
        assert home.server.do("SELECT count(*) FROM crawl_urls", home.name) == [(len(ids),)]
        store = home.open()
        leased = lease(store, run, 10)
        page = accept(leased[0], {"n": 1}, links=[found(f"{count} {n}", slot=HOSTS[n]) for n in range(40)])
        before = store.frontier.counts(run.frontier).waiting
        committed = store.commit(run, "me", [page, *(accept(one, {"n": 2}) for one in leased[1:])])
        assert (committed.added, committed.lost) == (40, frozenset())
        assert store.frontier.counts(run.frontier).waiting == before + 40
        again = [found(f"{count} {n}", slot=HOSTS[n]) for n in range(40)]
        assert home.open().frontier.add(run.frontier, again) == 0  # asked of the database, not of a memory
        ids = home.server.do("SELECT id, url, state FROM crawl_requests ORDER BY id", home.name)
        assert len(ids) == len(set(ids))
        store.close()

    assert len([rows for rows in parts(home) if rows]) == 8
    store = home.open()
    left = lease(store, run, 1000)
    assert len(left) == store.frontier.counts(run.frontier).leased > 200
    store.commit(run, "me", [accept(one, {"n": 3}) for one in left])
    assert store.care.audit(run.frontier).problems == ()


def test_a_claim_and_a_commit_look_into_the_partitions_of_their_hosts_alone(
    home: PostgresHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(f"a{n}", slot=HOSTS[n % 40]) for n in range(80)])
    store.close()
    cut(home, 16)
    store = home.open()
    seen = plans(monkeypatch, "crawl_requests", analyzed=True)

    leased = lease(store, run, 1)
    store.commit(run, "me", [accept(leased[0], {"n": 1})])

    picked, claimed = (next(plan for plan in seen if word in plan) for word in ("LockRows", "Update on"))
    moved = [plan for plan in seen if "Update on" in plan][1]
    for plan in (picked, claimed, moved):
        scans = [line for line in plan.splitlines() if "Scan" in line and "never executed" not in line]
        touched = {line.split(" on ")[1].split()[0] for line in scans if " on crawl_requests_" in line}
        assert len(touched) == 1, plan


def test_nothing_is_cut_while_a_crawl_is_at_work_or_into_odd_numbers(home: PostgresHome) -> None:
    store = home.open()
    start(store)
    with pytest.raises(StoreError, match="at work"):
        cut(home, 4)
    store.close()
    with pytest.raises(StoreError, match="1, 2, 4, 8, 16, 32, 64"):
        cut(home, 5)
    assert parts(home) == []


def test_the_bucket_comes_before_the_number_of_a_lane(home: PostgresHome) -> None:
    store = home.open()
    run = start(store)
    store.frontier.add(run.frontier, [found(n, slot=host) for n, host in enumerate(HOSTS)])

    lanes: list[Any] = home.server.do(
        "SELECT l.id, s.name FROM crawl_lanes l JOIN crawl_slots s ON s.id = l.slot", home.name
    )

    assert len(lanes) == 40
    assert all(lane >> BUCKET_BITS == bucket_of(name) for lane, name in lanes)

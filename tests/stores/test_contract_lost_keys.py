"""Requests that no key at hand opens are left for a run that has it; what was damaged fails."""

from __future__ import annotations

import pytest

from crawler.outcome import State, Verdict
from crawler.sessions.vault import Vault
from crawler.stores.base import Store
from crawler.stores.sealed import key_name
from crawler.stores.told import NO_KEY
from tests.stores.support import Home, found, lease, outcome, start


@pytest.fixture
def vault() -> Vault:
    return Vault([Vault.new_key()])


@pytest.fixture
def store(home: Home, vault: Vault) -> Store:
    return home.open(cipher=vault)


@pytest.fixture
def other(home: Home, store: Store) -> Store:
    """What another user would open."""
    return home.open(cipher=Vault([Vault.new_key()]))


def test_a_request_of_another_key_is_put_aside_and_waits_again_for_who_has_it(store: Store, other: Store) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(0), found(1, extras='{"body": "1"}'), found(2, extras='{"body": "2"}')])

    assert [each.extras for each in lease(other, run)] == [""]

    counts = store.frontier.counts(run.frontier)
    assert (counts.failed, counts.parked, counts.leased, counts.waiting) == (0, 2, 1, 0)
    assert [(each.text, each.count) for each in store.reports.put_aside(run.frontier)] == [(NO_KEY, 2)]
    assert store.frontier.reopen(run.frontier, states=(State.PARKED,)) == 2
    assert sorted(each.extras for each in lease(store, run)) == ['{"body": "1"}', '{"body": "2"}']


def test_what_was_damaged_fails_beside_what_another_key_has_sealed(home: Home, vault: Vault, store: Store) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(number, extras=f'{{"body": "{number}"}}') for number in range(2)])
    with home.raw() as raw:
        rows = raw.execute(f"SELECT {home.row_id}, extras FROM crawl_requests ORDER BY id").fetchall()
        spoiled = [bytes(rows[0][1])[:-1] + bytes([bytes(rows[0][1])[-1] ^ 1]), Vault([Vault.new_key()]).seal("x")]
        raw.executemany(
            f"UPDATE crawl_requests SET extras = ? WHERE {home.row_id} = ?",
            [(sealed, row[0]) for sealed, row in zip(spoiled, rows, strict=True)],
        )

    assert lease(home.open(cipher=vault), run) == []

    counts = store.frontier.counts(run.frontier)
    assert (counts.failed, counts.parked, counts.waiting) == (1, 1, 0)


def test_open_requests_without_a_key_are_counted_in_each_state(store: Store, other: Store) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(0)])
    assert other.leases.without_key(run.frontier) == (0, 1)
    store.frontier.add(run.frontier, [found(number, extras='{"body": "x"}') for number in range(1, 5)])
    assert len(lease(store, run, 3)) == 3  # of which two have a body

    assert other.leases.without_key(run.frontier) == (4, 5)
    lease(other, run)

    assert store.frontier.counts(run.frontier).parked == 2
    assert other.leases.without_key(run.frontier) == (4, 5)
    assert store.leases.without_key(run.frontier) == (0, 5)


def test_failed_requests_without_a_key_are_counted_when_they_are_to_be_tried_again(store: Store, other: Store) -> None:
    run = start(store)
    store.frontier.add(run.frontier, [found(1, extras='{"body": "x"}')])
    store.commit(run, "me", [outcome(each, Verdict.FAIL, error="Refused") for each in lease(store, run)])

    assert other.leases.without_key(run.frontier) == (0, 0)
    assert other.leases.without_key(run.frontier, failed=True) == (1, 1)
    assert store.leases.without_key(run.frontier, failed=True) == (0, 1)


def test_the_name_of_a_key_is_read_from_what_it_has_sealed(vault: Vault) -> None:
    assert [key_name(vault.seal("x"))] == vault.key_names

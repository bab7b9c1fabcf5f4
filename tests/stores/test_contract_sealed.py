"""What is sealed opens in its place only: whoever can write to the file gives nobody the cookies of another."""

from __future__ import annotations

import itertools

import pytest

from crawler.errors import VaultError
from crawler.sessions.desk import LoginEnd
from crawler.sessions.vault import Vault
from crawler.stores.base import RunRow, Store
from crawler.stores.policy.login_policy import Trying
from tests.stores.support import Home, found, lease, snapshot, start

KEYS = ("shop.example/ann", "shop.example/otto")


@pytest.fixture
def vault() -> Vault:
    return Vault([Vault.new_key()])


@pytest.fixture
def store(home: Home, vault: Vault) -> Store:
    return home.open(cipher=vault)


def swap(home: Home, table: str, column: str, order: str) -> None:
    """Put the sealed values of the first two rows of *table* into each other's place."""
    with home.raw() as raw:
        (one, a), (two, b) = raw.execute(
            f"SELECT {home.row_id}, {column} FROM {table} ORDER BY {order} LIMIT 2"
        ).fetchall()
        raw.executemany(f"UPDATE {table} SET {column} = ? WHERE {home.row_id} = ?", [(b, one), (a, two)])


def test_the_cookies_of_two_sessions_cannot_be_swapped(home: Home, vault: Vault, store: Store) -> None:
    for key in KEYS:
        store.sessions.save(snapshot(f"sid of {key}", key=key), run=None)

    swap(home, "crawl_sessions", "secret", "key")

    rows = home.open(cipher=vault).sessions.all()
    assert [(row.readable, row.secret) for row in rows] == [(False, ""), (False, "")]


def test_an_old_entry_of_the_history_cannot_become_the_session(home: Home, vault: Vault, store: Store) -> None:
    for number in range(2):
        store.sessions.save(snapshot(f"sid={number}"), run=None)
    with home.raw() as raw:
        raw.execute("UPDATE crawl_sessions SET secret = (SELECT secret FROM crawl_session_history ORDER BY id LIMIT 1)")

    loaded = home.open(cipher=vault).sessions.load(KEYS[0])

    assert loaded is not None
    assert not loaded.readable


def test_entries_of_the_history_cannot_be_swapped(home: Home, vault: Vault, store: Store) -> None:
    for number in range(2):
        store.sessions.save(snapshot(f"sid={number}"), run=None)
        home.clock.now += 1
    swap(home, "crawl_session_history", "secret", "id")
    reader = home.open(cipher=vault)

    for entry in reader.sessions.history(KEYS[0]):
        with pytest.raises(VaultError, match="moved"):
            reader.sessions.secret_of(entry.id)


def test_the_bodies_of_two_requests_cannot_be_swapped(home: Home, vault: Vault, store: Store) -> None:
    run: RunRow = start(store)
    store.frontier.add(run.frontier, [found(number, extras=f'{{"body": "{number}"}}') for number in range(2)])

    swap(home, "crawl_requests", "extras", "id")

    assert lease(home.open(cipher=vault), run) == []
    assert store.frontier.counts(run.frontier).failed == 2


def test_refused_credentials_cannot_be_moved_to_another_account(home: Home, vault: Vault, store: Store) -> None:
    for key in KEYS:
        asked = store.logins.claim(key, owner="me", epoch=0, lease_s=60, trying=Trying(credentials="pw"))
        store.logins.end(
            key,
            owner="me",
            token=asked.token,
            ended=LoginEnd("refused", credentials=f"pw of {key}"),
            snapshot=None,
            run=None,
        )
    swap(home, "crawl_values", "value", "name DESC")

    for key in KEYS:
        other = next(each for each in KEYS if each != key)
        again = store.logins.claim(key, owner="you", epoch=0, lease_s=60, trying=Trying(credentials=f"pw of {other}"))
        assert again.kind != "refused"


def test_what_was_sealed_without_a_place_is_read_and_bound_when_it_is_next_written(
    home: Home, vault: Vault, store: Store
) -> None:
    store.sessions.save(snapshot("sid=1"), run=None)
    with home.raw() as raw:
        raw.execute("UPDATE crawl_sessions SET secret = ?", (old_seal(vault, "sid=1"),))

    later = home.open(cipher=vault)
    loaded = later.sessions.load(KEYS[0])
    assert loaded is not None
    assert loaded.secret == "sid=1"
    later.sessions.save(snapshot("sid=2"), run=None)

    assert versions(home) == [2]


def test_resealing_binds_what_was_sealed_without_a_place(home: Home, vault: Vault, store: Store) -> None:
    store.sessions.save(snapshot("sid=1"), run=None)
    with home.raw() as raw:
        raw.execute("UPDATE crawl_sessions SET secret = ?", (old_seal(vault, "sid=1"),))

    assert home.open(cipher=vault).care.reseal() == (2, 0)

    assert versions(home) == [2]


def test_resealing_leaves_what_was_moved_as_it_is(home: Home, vault: Vault, store: Store) -> None:
    for key in KEYS:
        store.sessions.save(snapshot(f"sid of {key}", key=key), run=None)
    swap(home, "crawl_sessions", "secret", "key")

    assert home.open(cipher=vault).care.reseal() == (2, 2)


def versions(home: Home) -> list[int]:
    with home.raw() as raw:
        return [sealed[0] for (sealed,) in raw.execute("SELECT secret FROM crawl_sessions")]


def old_seal(vault: Vault, text: str) -> bytes:
    """As version 1 sealed: nothing but version and key are bound."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head, nonce = b"\x01" + bytes.fromhex(vault.key_names[0]), b"n" * 12
    (cipher,) = vault._ciphers.values()
    made = cipher.ready()
    assert isinstance(made, AESGCM)
    return head + nonce + made.encrypt(nonce, text.encode(), head)


@pytest.mark.parametrize(("sealed_for", "opened_for"), list(itertools.permutations(["", "a", "b", "a\nb"], 2)))
def test_another_place_opens_nothing(vault: Vault, sealed_for: str, opened_for: str) -> None:
    with pytest.raises(VaultError, match="moved"):
        vault.open(vault.seal("sid=1", sealed_for), opened_for)


def test_nobody_makes_a_bound_secret_an_unbound_one_by_its_version(vault: Vault) -> None:
    sealed = vault.seal("sid=1", "a")

    with pytest.raises(VaultError):
        vault.open(b"\x01" + sealed[1:], "b")

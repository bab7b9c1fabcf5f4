"""Sessions are kept encrypted, with their history; one process logs in, and not too often."""

from __future__ import annotations

from datetime import datetime

import pytest

from crawler.errors import UsageError, VaultError
from crawler.sessions.desk import LoginEnd
from crawler.stores.base import LoginClaim, Store
from crawler.stores.policy.login_policy import Ending, Trying
from crawler.stores.sql.session_rows import HISTORY_KEPT
from tests.stores.support import Home, ReversingCipher, snapshot

KEY = "shop.example/ann"


def claim(store: Store, *, owner: str = "me", epoch: int = 0, lease_s: float = 60.0, budget: int = 100) -> LoginClaim:
    return store.logins.claim(KEY, owner=owner, epoch=epoch, lease_s=lease_s, trying=Trying(budget=budget))


def log_in(store: Store, outcome: Ending = "ok", *, epoch: int = 1, budget: int = 100) -> None:
    asked = claim(store, epoch=epoch - 1, budget=budget)
    assert asked.granted
    kept = snapshot(f"sid={epoch}", epoch=epoch) if outcome == "ok" else None
    assert store.logins.end(KEY, owner="me", token=asked.token, ended=LoginEnd(outcome), snapshot=kept, run=None)


def test_a_session_is_loaded_as_it_was_saved(home: Home, store: Store) -> None:
    saved = store.sessions.save(
        snapshot(
            '{"cookies": ["a\\tb", "ü", ""]}',
            epoch=3,
            state="ready",
            cookies=7,
            expires_at=home.clock.now + 60,
            proved_at=home.clock.now - 1,
            logged_in_at=home.clock.now - 2,
        ),
        run=None,
    )

    loaded = home.open().sessions.load(KEY)

    assert loaded == saved
    assert (saved.epoch, saved.version, saved.cookies, saved.readable) == (3, 1, 7, True)
    assert (saved.saved_at, saved.expires_at) == (home.clock.now, home.clock.now + 60)
    assert store.sessions.load("nobody") is None
    assert store.sessions.all() == [saved]


def test_each_write_moves_the_version_so_that_other_processes_reload(home: Home, store: Store) -> None:
    other = home.open()
    assert other.sessions.version(KEY) == 0
    store.sessions.save(snapshot("one"), run=None)
    assert other.sessions.load(KEY) is not None
    store.sessions.save(snapshot("two"), run=None)

    assert other.sessions.version(KEY) == 2
    loaded = other.sessions.load(KEY)
    assert loaded is not None
    assert loaded.secret == "two"


def test_the_state_of_an_older_login_never_overwrites_a_newer_one(store: Store) -> None:
    store.sessions.save(snapshot("new", epoch=2), run=None)

    kept = store.sessions.save(snapshot("old", epoch=1), run=None)

    assert (kept.secret, kept.epoch, kept.version) == ("new", 2, 1)


def test_X11_no_secret_is_in_the_raw_file(home: Home, store: Store) -> None:
    store.sessions.save(snapshot("sid=TOPSECRET"), run=None)

    raw = home.bytes()

    assert b"TOPSECRET" not in raw
    assert home.cipher.seal("sid=TOPSECRET") in raw


def test_a_session_of_a_lost_key_is_there_but_cannot_be_read(home: Home, store: Store) -> None:
    store.sessions.save(snapshot("one"), run=None)
    other = home.open(cipher=ReversingCipher(key=0x11))

    loaded = other.sessions.load(KEY)

    assert loaded is not None
    assert (loaded.readable, loaded.secret, loaded.epoch) == (False, "", 1)
    assert other.sessions.save(snapshot("two", epoch=2), run=None).readable
    (newest, oldest) = other.sessions.history(KEY)
    assert other.sessions.secret_of(newest.id) == "two"
    with pytest.raises(VaultError):
        other.sessions.secret_of(oldest.id)


def test_the_history_holds_each_change_of_the_secret_and_nothing_else(home: Home, store: Store) -> None:
    store.sessions.save(snapshot("one", url="login"), run=None)
    store.sessions.save(snapshot("one", url="http://shop.example/a", proved_at=home.clock.now), run=None)
    home.clock.now += 5
    home.open().sessions.save(snapshot("two", url="http://shop.example/b", cookies=2), run=None)

    newest, oldest = store.sessions.history(KEY)

    assert (newest.at, newest.url, newest.epoch, newest.cookies) == (home.clock.now, "http://shop.example/b", 1, 2)
    assert [store.sessions.secret_of(entry.id) for entry in (newest, oldest)] == ["two", "one"]
    with pytest.raises(UsageError, match="no session has a change 999"):
        store.sessions.secret_of(999)


def test_the_history_is_bounded(store: Store) -> None:
    for number in range(HISTORY_KEPT + 20):
        store.sessions.save(snapshot(f"sid={number}"), run=None)
    store.sessions.save(snapshot("else", key="other"), run=None)

    history = store.sessions.history(KEY)

    assert len(history) == HISTORY_KEPT + 1, "the last changes, and the login itself"
    assert store.sessions.secret_of(history[0].id) == f"sid={HISTORY_KEPT + 19}"
    assert len(store.sessions.history("other")) == 1


def test_X11_a_cleared_session_is_no_longer_in_the_raw_file(home: Home, store: Store) -> None:
    for number in range(30):
        store.sessions.save(snapshot(f"sid=TOPSECRET{number}" + "x" * 3000), run=None)
    store.sessions.save(snapshot("kept", key="other"), run=None)
    marks = [home.cipher.seal(f"sid=TOPSECRET{number}" + "x" * 3000)[-16:] for number in range(30)]
    reader = home.open()

    assert store.sessions.clear(KEY)
    assert not store.sessions.clear(KEY)

    raw = home.bytes()
    assert [mark for mark in marks if mark in raw] == []
    assert store.sessions.load(KEY) is None
    assert store.sessions.history(KEY) == []
    assert reader.sessions.load(KEY) is None
    assert [row.key for row in store.sessions.all()] == ["other"]


def test_L8_one_of_many_may_log_in_and_the_others_wait(home: Home, store: Store) -> None:
    other = home.open()

    first = claim(store, owner="a")
    assert first.granted
    second = claim(other, owner="b")

    assert not second.granted
    assert 0 < second.wait_s <= 60
    assert second.refused == ""
    fresh = snapshot("fresh", epoch=1)
    assert store.logins.end(KEY, owner="a", token=first.token, ended=LoginEnd("ok"), snapshot=fresh, run=None)
    third = claim(other, owner="b")
    assert (third.granted, third.refused) == (False, "")
    assert third.row is not None
    assert (third.row.epoch, third.row.secret) == (1, "fresh")


def test_a_login_whose_process_died_is_free_after_its_lease(home: Home, store: Store) -> None:
    dead = claim(store, owner="dead", lease_s=30)
    assert dead.granted
    home.clock.now += 29
    assert not claim(store, owner="b").granted
    home.clock.now += 1

    assert claim(store, owner="b").granted
    assert not store.logins.renew(KEY, owner="dead", token=dead.token, lease_s=30)
    late = snapshot("late", epoch=1)
    assert not store.logins.end(KEY, owner="dead", token=dead.token, ended=LoginEnd("ok"), snapshot=late, run=None)
    assert store.sessions.load(KEY) is None
    assert not claim(store, owner="c").granted


def test_S2_a_login_whose_process_died_on_this_machine_is_free_at_once(home: Home, store: Store) -> None:
    dead = home.open()
    assert claim(dead, owner="dead", lease_s=180).granted
    assert not claim(store, owner="b").granted
    dead.close()  # the system does the same for a process that is killed

    assert claim(store, owner="b").granted
    assert not claim(home.open(), owner="c").granted


def test_a_refused_claim_does_not_block_others(home: Home, store: Store) -> None:
    log_in(store, "failed", budget=1)

    assert claim(store, owner="a", budget=1).refused
    assert claim(home.open(), owner="b", budget=5).granted


def test_a_login_that_takes_long_can_be_prolonged(home: Home, store: Store) -> None:
    asked = claim(store, owner="a", lease_s=30)
    assert asked.granted
    home.clock.now += 20
    assert store.logins.renew(KEY, owner="a", token=asked.token, lease_s=30)
    home.clock.now += 20

    assert not claim(store, owner="b").granted


def test_a_late_login_that_nobody_has_overtaken_counts(home: Home, store: Store) -> None:
    asked = claim(store, owner="a", lease_s=30)
    assert asked.granted
    home.clock.now += 100

    late = snapshot("late", epoch=1)
    assert store.logins.end(KEY, owner="a", token=asked.token, ended=LoginEnd("ok"), snapshot=late, run=None)
    assert store.sessions.load(KEY) is not None


@pytest.mark.parametrize("outcome", ["refused", "failed", "human"])
def test_L8_logins_of_an_hour_that_did_not_succeed_are_counted_over_all_processes(
    home: Home, store: Store, outcome: Ending
) -> None:
    log_in(store, outcome)
    home.clock.now += 1000
    log_in(store, outcome)

    refused = claim(home.open(), budget=2)

    assert not refused.granted
    when = datetime.fromtimestamp(home.clock.now - 1000 + 3600).astimezone().strftime("%H:%M:%S")
    assert f"2 logins of the last hour did not succeed, 2 allowed (login_budget); possible again at {when}" in (
        refused.refused
    )
    home.clock.now += 3600 - 1000
    assert claim(store, budget=2).granted


def test_logins_that_succeed_are_as_many_as_it_takes(store: Store) -> None:
    for number in range(50):
        log_in(store, epoch=number + 1, budget=1)

    assert claim(store, epoch=50, budget=1).granted


def test_clearing_a_session_is_not_a_way_around_the_budget(store: Store) -> None:
    log_in(store, "failed", budget=1)
    store.sessions.clear(KEY)

    assert claim(store, budget=1).refused


def test_failed_logins_are_spaced_more_and_more_until_one_is_good(home: Home, store: Store) -> None:
    waits = []
    for _ in range(6):
        while (asked := claim(store)).refused:
            home.clock.now += asked.wait_s + 0.001
            waits.append(round(asked.wait_s))
        assert store.logins.end(KEY, owner="me", token=asked.token, ended=LoginEnd("failed"), snapshot=None, run=None)
    assert waits == [600, 3600, 6 * 3600, 86_400]

    home.clock.now += 86_400
    log_in(store)
    home.clock.now += 1
    assert claim(store, epoch=1).granted


def test_P1_a_clock_that_was_set_back_does_not_lock_an_account_out(home: Home, store: Store) -> None:
    for _ in range(2):
        log_in(store, "failed")
    home.clock.now -= 86_400

    assert claim(store).wait_s <= 600


def test_how_long_logins_lived_is_known(home: Home, store: Store) -> None:
    log_in(store, epoch=1)
    home.clock.now += 100
    store.logins.note_expired(KEY, 1)
    home.clock.now += 50
    store.logins.note_expired(KEY, 1)  # the second report of the same
    log_in(store, epoch=2)
    home.clock.now += 200
    store.logins.note_expired(KEY, 2)
    log_in(store, epoch=3)

    assert store.logins.lives(KEY) == [200.0, 100.0]
    assert store.logins.lives(KEY, limit=1) == [200.0]
    assert store.logins.lives("nobody") == []

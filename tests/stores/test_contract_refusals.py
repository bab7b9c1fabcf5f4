"""Credentials that a site has refused wait, a new key is put under all secrets, and old logins stay in the history."""

from __future__ import annotations

from datetime import datetime, timedelta

from crawler.sessions.desk import LoginEnd
from crawler.sessions.quota import Quota
from crawler.stores.base import LoginClaim, Store
from crawler.stores.policy.login_policy import Trying
from crawler.stores.sql.session_rows import HISTORY_KEPT, LOGINS_KEPT
from tests.stores.support import START, Home, ReversingCipher, found, lease, snapshot, start

KEY = "shop.example/ann"

# --- refused credentials ----------------------------------------------------------------------------------------------

DAY_S = 86_400.0


def refuse(store: Store, credentials: str, *, force: bool = False) -> None:
    asked = asking(store, credentials, force=force)
    assert asked.granted, asked
    assert store.logins.end(
        KEY, owner="me", token=asked.token, ended=LoginEnd("refused", credentials=credentials), snapshot=None, run=None
    )


def asking(store: Store, credentials: str, *, force: bool = False, epoch: int = 0) -> LoginClaim:
    trying = Trying("orders", "v1", credentials, force, budget=100)
    return store.logins.claim(KEY, owner="me", epoch=epoch, lease_s=60, trying=trying)


def test_refused_credentials_are_not_tried_again_for_days_however_often_a_run_starts(home: Home, store: Store) -> None:
    tried_on = []
    for night in range(30):
        home.clock.now = START + night * DAY_S
        asked = asking(home.open(), "old")
        if not asked.refused:
            tried_on.append(night)
            assert store.logins.end(
                KEY,
                owner="me",
                token=asked.token,
                ended=LoginEnd("refused", credentials="old"),
                snapshot=None,
                run=None,
            )

    assert tried_on == [0, 1, 4, 11, 18, 25]


def test_what_was_refused_may_not_be_sent_by_a_probe_either_until_the_time_is_over(home: Home, store: Store) -> None:
    refuse(store, "old")
    asked = home.open()

    def may_not(credentials: str, steps: str = "v1") -> str:
        return asked.logins.refused(KEY, Trying("orders", steps, credentials))

    assert "the site refused these credentials on" in may_not("old")
    assert "possible again at" in may_not("old")
    assert (may_not("new"), may_not("")) == ("", "")
    assert may_not("old", steps="v2") == "", "the spider was changed"
    home.clock.now += DAY_S
    assert may_not("old") == ""
    assert asking(store, "old").granted, "nobody has claimed anything"


def test_the_refusal_says_since_when_and_until_when(home: Home, store: Store) -> None:
    refuse(store, "old")

    refused = asking(home.open(), "old")

    moment = datetime.fromtimestamp(home.clock.now).astimezone()
    assert refused.kind == "refused"
    assert f"the site refused these credentials on {moment:%Y-%m-%d %H:%M}" in refused.refused
    assert f"possible again at {moment + timedelta(days=1):%Y-%m-%d %H:%M}" in refused.refused


def test_changed_credentials_and_a_person_who_insists_are_let_in_at_once(home: Home, store: Store) -> None:
    refuse(store, "old")
    refuse(store, "new")
    refuse(store, "newer")

    assert [asking(home.open(), each).kind for each in ("old", "new", "newer")] == ["refused"] * 3
    refuse(store, "newer", force=True)
    assert asking(home.open(), "newest").granted


def test_a_good_login_ends_the_refusal(home: Home, store: Store) -> None:
    refuse(store, "old")
    asked = asking(store, "old", force=True)
    assert asked.granted
    assert store.logins.end(
        KEY,
        owner="me",
        token=asked.token,
        ended=LoginEnd("ok", credentials="old"),
        snapshot=snapshot(epoch=1),
        run=None,
    )

    assert asking(store, "old", epoch=1).granted


def test_X11_refused_credentials_are_not_in_clear_text_in_any_file(home: Home, store: Store) -> None:
    refuse(store, "SECRET-DIGEST")

    assert b"SECRET-DIGEST" not in home.bytes()


def test_a_refusal_that_a_lost_key_has_sealed_counts_like_any_failure(home: Home, store: Store) -> None:
    refuse(store, "old")

    assert asking(home.open(cipher=ReversingCipher(0x11)), "old").granted


# --- a new key --------------------------------------------------------------------------------------------------------


class Rotated(ReversingCipher):
    """Seals with a new key and opens what the old one has sealed."""

    def open(self, sealed: bytes, place: str = "") -> str:
        cipher = ReversingCipher(sealed[0]) if sealed[0] in (self.key, 0x5A) else super()
        return cipher.open(sealed, place)


def test_resealing_moves_all_that_is_secret_to_the_new_key(home: Home, store: Store) -> None:
    refuse(store, "old")
    for number in range(3):
        store.sessions.save(snapshot(f"sid={number}", epoch=number), run=None)
    run = start(store)
    store.frontier.add(run.frontier, [found(number, extras='{"body": "x"}') for number in range(1200)])

    assert home.open(cipher=Rotated(0x33)).care.reseal() == (1 + 3 + 1200 + 1, 0)

    raw = home.bytes()
    assert home.cipher.seal('{"body": "x"}') not in raw
    assert home.cipher.seal("sid=1") not in raw
    only_new = home.open(cipher=ReversingCipher(0x33))
    loaded = only_new.sessions.load(KEY)
    assert loaded is not None
    assert loaded.secret == "sid=2"
    assert [only_new.sessions.secret_of(each.id) for each in only_new.sessions.history(KEY)] == [
        "sid=2",
        "sid=1",
        "sid=0",
    ]
    assert {one.extras for one in lease(only_new, run, 2000)} == {'{"body": "x"}'}
    only_new.sessions.clear(KEY)
    assert asking(only_new, "old").kind == "refused"


def test_what_no_key_opens_is_counted_and_left_as_it_is(home: Home, store: Store) -> None:
    store.sessions.save(snapshot("sid=1"), run=None)
    stranger = home.open(cipher=ReversingCipher(0x11))
    stranger.sessions.save(snapshot("sid=2", key="other"), run=None)

    assert stranger.care.reseal() == (2, 2)

    kept = home.open().sessions.load(KEY)
    assert kept is not None
    assert kept.secret == "sid=1"


def test_a_site_that_rotates_its_cookie_does_not_push_old_logins_out_of_the_history(store: Store) -> None:
    for epoch in (1, 2):
        for number in range(HISTORY_KEPT + 10):
            store.sessions.save(snapshot(f"sid={epoch}-{number}", epoch=epoch), run=None)

    history = store.sessions.history(KEY)

    assert len(history) == HISTORY_KEPT + 2
    assert [store.sessions.secret_of(each.id) for each in history[-2:]] == ["sid=2-0", "sid=1-0"]
    assert LOGINS_KEPT > 2


# --- sessions of one account ------------------------------------------------------------------------------------------

FORM, TOKEN, OTHER = "shop.example|account|ann", "shop.example|account+headers|ann", "shop.example|account|bob"
CHOSEN = "shop.example|account+auth+4810af1106|ann"


def claimed(store: Store, key: str, credentials: str = "p") -> LoginClaim:
    trying = Trying("orders", "v1", credentials, False, budget=100)
    return store.logins.claim(key, owner=f"owner of {key}", epoch=0, lease_s=60, trying=trying)


def test_sessions_of_one_account_log_in_one_after_the_other(home: Home, store: Store) -> None:
    first = claimed(store, FORM)
    waiting = [claimed(each, key) for each in (store, home.open()) for key in (TOKEN, CHOSEN)]

    assert first.granted
    assert [(each.granted, 0 < each.wait_s <= 1, each.refused) for each in waiting] == 4 * [(False, True, "")]
    assert claimed(store, OTHER).granted

    refused = LoginEnd("refused", credentials="p")
    assert store.logins.end(FORM, owner=f"owner of {FORM}", token=first.token, ended=refused, snapshot=None, run=None)

    assert "refused these credentials" in claimed(home.open(), TOKEN).refused
    assert claimed(store, TOKEN, "changed").granted


def test_sessions_of_one_account_have_one_quota_and_rest_together(store: Store) -> None:
    quota = Quota.parse("10/hour")

    counts = [store.quotas.take(key, quota, wanted=6, back=[]).count for key in (FORM, TOKEN, CHOSEN, OTHER)]
    store.quotas.rest(TOKEN, store.now() + 60, "limit of today")

    assert counts == [6, 4, 0, 6]
    assert set(store.quotas.resting([FORM, TOKEN, CHOSEN, OTHER])) == {FORM, TOKEN, CHOSEN}

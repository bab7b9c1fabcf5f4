"""A process that was paused, or came late, writes nothing over what others did: logins, pages, cookies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from crawler.outcome import KeptPage, Outcome, SessionSnapshot, Verdict
from crawler.sessions.desk import LoginEnd
from crawler.stores.base import LeaseTerms, LoginClaim, RunRow, Store
from crawler.stores.policy.login_policy import Ending, Trying
from tests.stores.support import Home, accept, found, lease, outcome, snapshot, urls

KEY = "shop.example/ann"


def claim(store: Store, owner: str, *, epoch: int = 0, lease_s: float = 30.0, **more: Any) -> LoginClaim:
    return store.logins.claim(KEY, owner=owner, epoch=epoch, lease_s=lease_s, trying=Trying(budget=100, **more))


def end(
    store: Store,
    owner: str,
    asked: LoginClaim,
    outcome: Ending = "ok",
    *,
    kept: SessionSnapshot | None = None,
    **more: Any,
) -> bool:
    return store.logins.end(
        KEY, owner=owner, token=asked.token, ended=LoginEnd(outcome, **more), snapshot=kept, run=None
    )


def secret_of(store: Store) -> str | None:
    row = store.sessions.load(KEY)
    return row.secret if row else None


@pytest.fixture
def other(home: Home) -> Store:
    return home.open()


# --- logins -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def overtaken(home: Home, store: Store, other: Store) -> LoginClaim:
    """The claim of a process that was paused for longer than its lease; another one has logged in meanwhile."""
    paused = claim(store, "paused")
    home.clock.now += 31
    second = claim(other, "second")
    assert second.granted
    assert end(other, "second", second, kept=snapshot("newer", epoch=1))
    return paused


def test_a_login_paused_beyond_its_lease_does_not_overwrite_the_newer_session(
    store: Store, other: Store, overtaken: LoginClaim
) -> None:
    assert not end(store, "paused", overtaken, kept=snapshot("older", epoch=1))

    assert secret_of(other) == "newer"


def test_a_login_paused_beyond_its_lease_does_not_come_with_a_higher_epoch_either(
    store: Store, other: Store, overtaken: LoginClaim
) -> None:
    assert not end(store, "paused", overtaken, kept=snapshot("older", epoch=7))

    assert secret_of(other) == "newer"


@pytest.mark.parametrize("ending", ["failed", "refused", "broken", "human", "ok"])
def test_the_end_of_a_stale_claim_does_not_free_the_claim_of_another(
    home: Home, store: Store, other: Store, ending: str
) -> None:
    paused = claim(store, "paused")
    home.clock.now += 31
    assert claim(other, "second").granted

    end(store, "paused", paused, ending, kept=snapshot("late") if ending == "ok" else None)

    assert not claim(home.open(), "third", force=True).granted


def test_a_claim_that_is_lost_cannot_be_prolonged_again(home: Home, store: Store, other: Store) -> None:
    paused = claim(store, "paused")
    home.clock.now += 31
    second = claim(other, "second", lease_s=30)

    assert not store.logins.renew(KEY, owner="paused", token=paused.token, lease_s=10_000)

    assert other.logins.renew(KEY, owner="second", token=second.token, lease_s=30)
    home.clock.now += 31
    assert claim(home.open(), "third").granted


def test_a_claim_that_ran_out_and_was_ended_elsewhere_cannot_be_prolonged(store: Store, overtaken: LoginClaim) -> None:
    assert not store.logins.renew(KEY, owner="paused", token=overtaken.token, lease_s=30)
    assert claim(store, "third", epoch=1).granted


def test_tokens_only_grow_also_over_a_cleared_session(store: Store) -> None:
    tokens = []
    for _ in range(4):
        asked = claim(store, "me")
        tokens.append(asked.token)
        end(store, "me", asked, kept=snapshot("one"))
        store.sessions.clear(KEY)

    assert tokens == sorted(set(tokens))
    assert tokens[0] > 0


def test_a_session_that_is_cleared_during_a_login_stays_cleared(store: Store, other: Store) -> None:
    asked = claim(store, "me")
    other.sessions.clear(KEY)

    assert not end(store, "me", asked, kept=snapshot("late"))

    assert other.sessions.load(KEY) is None
    assert other.sessions.all() == []


def test_a_session_that_is_cleared_and_logged_in_elsewhere_during_a_login_is_the_others(
    home: Home, store: Store, other: Store
) -> None:
    asked = claim(store, "me")
    other.sessions.clear(KEY)
    second = claim(other, "second")
    assert second.granted  # the one who cleared it does not want what the first one is about

    assert not end(store, "me", asked, "failed")
    assert not claim(home.open(), "third").granted
    assert end(other, "second", second, kept=snapshot("theirs"))
    assert secret_of(store) == "theirs"


def test_a_session_that_is_imported_during_a_login_stays(store: Store, other: Store) -> None:
    asked = claim(store, "me")
    other.sessions.save(snapshot("imported", epoch=1, url="import"), run=None)

    assert not end(store, "me", asked, kept=snapshot("logged in", epoch=1))

    assert secret_of(store) == "imported"
    assert claim(store, "me", epoch=1).granted  # and nobody's claim is left in the way


def test_a_save_of_the_session_leaves_the_claim_on_its_login(home: Home, store: Store, other: Store) -> None:
    store.sessions.save(snapshot("one", epoch=1), run=None)
    asked = claim(store, "me", epoch=1)

    other.sessions.save(snapshot("two", epoch=1), run=None)

    assert not claim(home.open(), "third", epoch=1).granted
    assert end(store, "me", asked, kept=snapshot("three", epoch=2))


def test_two_names_for_one_account_in_one_process_do_not_log_in_at_once(store: Store) -> None:
    assert claim(store, "me").granted

    assert not claim(store, "me").granted


def test_a_claim_is_not_a_session(store: Store, other: Store) -> None:
    claim(store, "me")

    assert other.sessions.load(KEY) is None
    assert other.sessions.all() == []
    assert other.sessions.version(KEY) == 0
    assert other.care.reseal() == (0, 0)
    assert not other.sessions.clear(KEY)


def test_a_late_good_login_does_not_lift_the_refusal_that_came_after_it(home: Home, store: Store, other: Store) -> None:
    paused = claim(store, "paused", credentials="wrong")
    home.clock.now += 31
    second = claim(other, "second", credentials="wrong")
    end(other, "second", second, "refused", credentials="wrong")

    assert not end(store, "paused", paused, kept=snapshot("late"), credentials="wrong")

    assert claim(other, "third", credentials="wrong").kind == "refused"


def test_a_late_refusal_is_remembered(home: Home, store: Store, other: Store) -> None:
    paused = claim(store, "paused", credentials="wrong")
    home.clock.now += 31
    assert claim(other, "second", credentials="other").granted

    assert not end(store, "paused", paused, "refused", credentials="wrong")

    home.clock.now += 31
    assert claim(home.open(), "third", credentials="wrong").kind == "refused"


def test_logins_that_came_too_late_have_no_life(home: Home, store: Store, overtaken: LoginClaim) -> None:
    end(store, "paused", overtaken, kept=snapshot("older", epoch=1))
    home.clock.now += 50
    store.logins.note_expired(KEY, 1)

    assert store.logins.lives(KEY) == [50.0]


# --- pages of a login that is over ------------------------------------------------------------------------------------


def page(store: Store, run: RunRow, name: str, verdict: Verdict = Verdict.ACCEPT, **more: Any) -> Outcome:
    store.frontier.add(run.frontier, [found(name)])
    (leased,) = lease(store, run)
    options = {"session_key": KEY, "session_name": "default", "epoch": 1, "proven": False} | more
    if verdict is Verdict.ACCEPT:
        return accept(leased, {"name": name}, links=[found(f"{name}-link")], **options)
    return outcome(leased, verdict, **options)


def committed_over(store: Store, run: RunRow, pages: Sequence[Outcome], *, stored_epoch: int) -> list[int]:
    """Commit *pages* after somebody has stored a login; returns the ids that were refused."""
    store.sessions.save(snapshot("sid", epoch=stored_epoch), run=None)
    return sorted(store.commit(run, "me", pages).outdated)


def test_an_unproven_page_of_a_login_that_is_over_waits_again_with_nothing_of_it_kept(
    home: Home, store: Store, other: Store, run: RunRow
) -> None:
    sent = page(store, run, "a", page=KeptPage(b"<html>"))
    other.sessions.save(snapshot("sid=2", epoch=2), run=None)
    other.frontier.quarantine(run.frontier, session="default", epoch=1, since=0)  # before the page is committed

    committed = store.commit(run, "me", [sent])

    assert committed.outdated == {sent.request.id}
    counts = store.frontier.counts(run.frontier)
    assert (counts.done, counts.waiting, counts.known, counts.items, counts.pages) == (0, 1, 1, 0, 0)
    assert store.kept.body(sent.request.id) is None
    assert store.care.audit(run.frontier).problems == ()
    (again,) = lease(store, run)
    assert (again.id, again.attempt) == (sent.request.id, 0)  # no attempt counted


@pytest.mark.parametrize(
    ("stored", "changes", "taken"),
    [
        pytest.param(1, {}, True, id="the epoch is the current one"),
        pytest.param(2, {"proven": True}, True, id="the page proved itself"),
        pytest.param(2, {"session_key": ""}, True, id="a session without a login"),
        pytest.param(2, {"session_key": "another"}, True, id="a session that is not stored"),
        pytest.param(2, {"epoch": 2}, True, id="sent by the new login"),
        pytest.param(1, {"epoch": 2}, True, id="a login that could not be stored"),
        pytest.param(2, {}, False, id="over by one login"),
        pytest.param(9, {}, False, id="over by several logins"),
    ],
)
def test_a_page_is_taken_when_it_proved_itself_or_its_login_lasts(
    store: Store, run: RunRow, stored: int, changes: dict[str, Any], taken: bool
) -> None:
    sent = page(store, run, "a", **changes)

    refused = committed_over(store, run, [sent], stored_epoch=stored)

    assert refused == ([] if taken else [sent.request.id])
    assert store.frontier.counts(run.frontier).done == taken


@pytest.mark.parametrize(
    ("verdict", "status", "taken"),
    [
        (Verdict.FAIL, 404, False),  # sites hide pages from those who are logged out
        (Verdict.FAIL, 500, False),
        (Verdict.SKIP, 200, False),  # redirected off the site, to where one logs in
        (Verdict.FAIL, 0, True),  # nobody answered: that has nothing to do with the login
        (Verdict.SKIP, 0, True),  # never sent
        (Verdict.RETRY, 503, True),
        (Verdict.RELEASE, 0, True),
    ],
)
def test_a_failure_of_a_login_that_is_over_is_none(
    store: Store, run: RunRow, verdict: Verdict, status: int, taken: bool
) -> None:
    sent = page(store, run, "a", verdict, status=status, proven=True, error="why")

    refused = committed_over(store, run, [sent], stored_epoch=2)

    assert refused == ([] if taken else [sent.request.id])


def test_pages_of_both_logins_in_one_group_are_told_apart(store: Store, run: RunRow) -> None:
    pages = [page(store, run, name, epoch=epoch) for name, epoch in (("a", 1), ("b", 2), ("c", 1), ("d", 2))]

    refused = committed_over(store, run, pages, stored_epoch=2)

    assert refused == [pages[0].request.id, pages[2].request.id]
    assert sorted(row["name"] for row in store.results.rows("items")) == ["b", "d"]
    assert urls(lease(store, run)) == ["a", "c", "b-link", "d-link"]
    assert store.care.audit(run.frontier).problems == ()


def test_a_page_whose_lease_was_lost_too_is_lost(home: Home, store: Store, other: Store, run: RunRow) -> None:
    pages = [page(store, run, name) for name in ("a", "b")]
    home.clock.now += 61
    (taken, *_) = other.leases.lease(run.frontier, owner="other", terms=LeaseTerms(limit=1, lease_s=60, horizon_s=1))

    other.sessions.save(snapshot("sid", epoch=2), run=None)
    committed = store.commit(run, "me", pages)

    assert committed.lost == {taken.id}
    assert committed.outdated == {one.request.id for one in pages} - {taken.id}


def test_the_cookies_of_a_login_that_is_over_are_not_stored(store: Store, run: RunRow) -> None:
    sent = page(store, run, "a", session=snapshot("old", epoch=1, base="older"))

    committed_over(store, run, [sent], stored_epoch=2)

    assert secret_of(store) == "sid"


# --- two that change one session --------------------------------------------------------------------------------------


def cookies(**values: str) -> str:
    return json.dumps({"cookies": [{"name": name, "value": text, "domain": "d"} for name, text in values.items()]})


def values_of(store: Store) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in json.loads(secret_of(store) or "{}")["cookies"]}


def test_two_processes_that_set_different_cookies_lose_none(store: Store, other: Store, run: RunRow) -> None:
    base = cookies(sid="1")
    store.sessions.save(snapshot(base), run=None)
    sent = [page(store, run, name, proven=True) for name in ("a", "b")]
    sent[0].session = snapshot(cookies(sid="1", a="1"), base=base)
    sent[1].session = snapshot(cookies(sid="1", b="1"), base=base)

    store.commit(run, "me", [sent[0]])
    other.commit(run, "me", [sent[1]])

    assert values_of(store) == {"sid": "1", "a": "1", "b": "1"}
    row = store.sessions.load(KEY)
    assert row is not None
    assert row.cookies == 3


def test_two_processes_that_rotate_different_cookies_again_and_again_lose_none(store: Store, other: Store) -> None:
    start = cookies(a="0", b="0")
    store.sessions.save(snapshot(start), run=None)
    mine = theirs = start
    for number in map(str, range(1, 6)):
        mine, base = cookies(a=number, b="0"), mine
        store.sessions.save(snapshot(mine, base=base), run=None)
        theirs, base = cookies(a="0", b=number), theirs
        other.sessions.save(snapshot(theirs, base=base), run=None)

    assert values_of(store) == {"a": "5", "b": "5"}


def test_a_login_takes_the_place_of_whatever_is_stored(store: Store) -> None:
    store.sessions.save(snapshot(cookies(old="1"), epoch=1), run=None)
    asked = claim(store, "me", epoch=1)

    assert end(store, "me", asked, kept=snapshot(cookies(new="1"), epoch=2))

    assert values_of(store) == {"new": "1"}


def test_changes_of_a_session_that_cannot_be_read_take_its_place(home: Home, store: Store) -> None:
    home.cipher.key = 0x11
    store.sessions.save(snapshot(cookies(old="1")), run=None)
    home.cipher.key = 0x5A
    fresh = home.open()

    fresh.sessions.save(snapshot(cookies(new="1"), base=cookies(old="1")), run=None)

    assert values_of(fresh) == {"new": "1"}


def test_what_was_merged_is_what_others_load_and_what_the_history_has(store: Store, other: Store) -> None:
    base = cookies(sid="1")
    store.sessions.save(snapshot(base), run=None)
    other.sessions.save(snapshot(cookies(sid="1", theirs="1"), base=base), run=None)
    store.sessions.save(snapshot(cookies(sid="1", mine="1"), base=base), run=None)

    (newest, *_) = store.sessions.history(KEY)

    assert json.loads(store.sessions.secret_of(newest.id))["cookies"] == json.loads(secret_of(other) or "")["cookies"]
    assert newest.cookies == 3

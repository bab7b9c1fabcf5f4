"""Runs resume what is unfinished, begin anew what is finished, and exclude one another."""

from __future__ import annotations

import pytest

from crawler.errors import AlreadyRunning, StoreError, UsageError
from crawler.outcome import State, Verdict
from crawler.stores.base import LeaseTerms, Store
from tests.stores.support import Home, accept, found, lease, outcome, start, urls


def finish(store: Store, run: int, ending: str = "finished") -> None:
    store.runs.end(run, ending=ending, exit_code=0, summary='{"pages": 1}')


def test_a_run_is_reported_with_all_that_is_known_of_it(home: Home, store: Store) -> None:
    run = start(store, args='{"year": 2026}')
    home.clock.now += 5
    finish(store, run.id)

    (stored,) = store.runs.last("orders")

    assert (stored.spider, stored.args, stored.resumed, stored.process) == (
        "orders",
        '{"year": 2026}',
        False,
        "process 4711",
    )
    assert (stored.ending, stored.exit_code, stored.summary) == ("finished", 0, '{"pages": 1}')
    assert stored.ended_at == stored.started_at + 5
    assert store.runs.get(run.id) == stored
    with pytest.raises(UsageError):
        store.runs.get(99)


def test_an_unfinished_frontier_is_resumed(store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    finish(store, first.id, "interrupted")

    second = start(store)

    assert (second.frontier, second.resumed, second.id) == (first.frontier, True, first.id + 1)


def test_a_finished_frontier_is_not_resumed(store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a"), found("b")])
    one, other = lease(store, first)
    store.commit(first, "me", [accept(one), outcome(other, Verdict.FAIL, error="404")])
    finish(store, first.id)

    second = start(store)

    assert (second.resumed, second.frontier != first.frontier) == (False, True)
    assert store.frontier.add(second.frontier, [found("a")]) == 1


def test_S2_a_run_that_died_after_its_last_page_and_before_its_end_is_resumed_and_not_begun_anew(home: Home) -> None:
    dead = home.open()
    first = start(dead)
    dead.frontier.add(first.frontier, [found(1)])
    dead.commit(first, "me", [accept(lease(dead, first)[0])])
    dead.close()
    store = home.open()

    second = start(store)
    store.runs.end(second.id, ending="finished", exit_code=0, summary="{}")

    assert (second.frontier, second.resumed) == (first.frontier, True)
    assert start(store).frontier != first.frontier


def test_P1_what_waits_for_a_moment_moves_with_a_clock_that_was_put_back(home: Home) -> None:
    dead = home.open()
    run = start(dead)
    dead.frontier.add(run.frontier, [found("retried"), found("else", slot="other.example")])
    one = next(each for each in lease(dead, run) if each.url.endswith("retried"))
    dead.commit(run, "me", [outcome(one, Verdict.RETRY, error="503", not_before=home.clock.now + 40)])
    dead.slots.pause("other.example", home.clock.now + 600)
    dead.close()
    home.clock.now -= 86_400
    store = home.open()

    run = start(store)

    assert urls(lease(store, run)) == []
    home.clock.now += 41
    assert urls(lease(store, run, lease_s=5_000)) == ["retried"]
    home.clock.now += 540
    assert urls(lease(store, run)) == []
    home.clock.now += 20
    assert urls(lease(store, run)) == ["else"]


def test_reopened_requests_make_a_finished_frontier_unfinished(store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    store.commit(first, "me", [outcome(lease(store, first)[0], Verdict.FAIL, error="404")])
    finish(store, first.id)
    assert store.frontier.reopen(first.frontier, states=[State.FAILED]) == 1

    assert start(store).frontier == first.frontier


def test_parked_requests_keep_a_frontier_unfinished(store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    store.commit(first, "me", [outcome(lease(store, first)[0], Verdict.PARK)])
    finish(store, first.id)

    assert start(store).frontier == first.frontier


def test_a_fresh_run_leaves_the_unfinished_frontier_behind_for_good(store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    finish(store, first.id, "interrupted")
    second = start(store, fresh=True)
    assert second.frontier != first.frontier
    finish(store, second.id)

    assert not start(store).resumed


def test_other_arguments_are_another_crawl(store: Store) -> None:
    first = start(store, args='{"year": 2025}')
    store.frontier.add(first.frontier, [found("a")])
    finish(store, first.id, "interrupted")

    second = start(store, args='{"year": 2026}')
    assert second.frontier != first.frontier
    finish(store, second.id)

    assert start(store, args='{"year": 2025}').frontier == first.frontier


def test_P5_a_second_process_is_told_who_runs_the_spider(home: Home, store: Store) -> None:
    start(store)
    other = home.open()

    with pytest.raises(AlreadyRunning, match="process 4711 since 20") as caught:
        start(other)
    assert caught.value.spider == "orders"
    assert other.runs.running("orders") == caught.value.holder
    assert start(other, spider="books").spider == "books"


def test_P5_the_spider_is_free_after_the_end_and_after_a_crash(home: Home, store: Store) -> None:
    run = start(store)
    other = home.open()
    finish(store, run.id)
    assert other.runs.running("orders") is None
    start(other)
    other.close()  # what the system does to the locks of a dead process

    assert store.runs.running("orders") is None
    third = start(store)
    assert [row.ending for row in store.runs.last("orders")] == ["", "crashed", "finished"]
    assert third.ending == ""


def test_opening_a_run_twice_in_one_store_is_refused(store: Store) -> None:
    start(store)

    with pytest.raises(AlreadyRunning):
        start(store)


def test_what_dead_processes_had_leased_is_free_when_the_run_is_resumed(home: Home, store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    lease(store, first, lease_s=3600)
    store.close()

    again = home.open()
    second = start(again)

    assert second.resumed
    (leased,) = lease(again, second, owner="next")
    assert (leased.attempt, leased.token) == (0, 2)


def test_what_a_living_member_of_the_run_holds_is_not_given_away(home: Home, store: Store) -> None:
    first = start(store)
    store.frontier.add(first.frontier, [found("a")])
    member = home.open()
    member.runs.join(first.id)
    (held,) = lease(member, first, owner="member", lease_s=3600)
    store.close()  # the opener dies, the member lives

    again = home.open()
    second = start(again)

    assert lease(again, second, owner="next") == []
    assert member.commit(first, "member", [accept(held)]).lost == frozenset()


def test_members_take_part_without_the_lock(home: Home, store: Store) -> None:
    run = start(store)
    member = home.open()

    joined = member.runs.join(run.id)

    assert (joined.id, joined.frontier) == (run.id, run.frontier)
    member.close()
    assert home.open().runs.running("orders") is not None
    finish(store, run.id)
    with pytest.raises(StoreError, match="has ended"):
        home.open().runs.join(run.id)


@pytest.mark.parametrize("spider", ["../../x", "a;touch x", "x" * 300, "ümlaut", "", "."], ids=lambda name: name[:10])
def test_X5_a_strange_name_of_a_spider_stays_beside_the_store(home: Home, store: Store, spider: str) -> None:
    folder = home.folder
    around = set(folder.parent.iterdir()), set(folder.parent.parent.iterdir())
    start(store, spider=spider)

    assert all(path.name.startswith("crawl.db") for path in folder.iterdir())
    assert (set(folder.parent.iterdir()), set(folder.parent.parent.iterdir())) == around
    with pytest.raises(AlreadyRunning):
        start(home.open(), spider=spider)


def test_old_frontiers_are_thrown_away_and_their_log_and_results_stay(store: Store) -> None:
    frontiers = []
    for number in range(6):
        run = start(store, fresh=True)
        frontiers.append(run.frontier)
        store.frontier.add(run.frontier, [found(f"{number}-{page}") for page in range(20)])
        store.commit(run, "me", [accept(one, {"n": number}) for one in lease(store, run, 5)])
        finish(store, run.id)

    assert store.runs.prune("orders") == 0
    assert [len(list(store.runs.pages(frontier))) for frontier in frontiers] == [5] * 6
    assert len(list(store.results.rows("items"))) == 30
    store.frontier.reopen(frontiers[0], states=[State.DONE])
    assert [len(lease_all(store, frontier)) for frontier in frontiers] == [0, 0, 0, 15, 15, 15]
    assert all(store.care.audit(frontier).ok for frontier in frontiers[:3])


def lease_all(store: Store, frontier: int) -> list[object]:
    return list(store.leases.lease(frontier, owner="x", terms=LeaseTerms(100, 1, 1)))


def test_values_are_kept_until_their_time_is_over(home: Home, store: Store) -> None:
    store.values.set("robots", {"a": [1, None]}, ttl_s=10)
    store.values.set("ever", "x")
    other = home.open()

    assert (other.values.get("robots"), other.values.get("ever"), other.values.get("no")) == (
        {"a": [1, None]},
        "x",
        None,
    )
    home.clock.now += 10
    assert (other.values.get("robots"), other.values.get("ever")) == (None, "x")
    other.values.set("ever", None)
    assert store.values.get("ever") is None

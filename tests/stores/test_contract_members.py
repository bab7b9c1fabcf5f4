"""The processes of a run: each has a number of its own, and who has died is missed; a claim has one holder."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from crawler.identity import Identity
from crawler.outcome import Verdict
from crawler.pacing import HostWord
from crawler.runs.session_claims import SessionClaims
from crawler.stores.base import LeaseTerms, RunRow, Store
from crawler.stores.sql.worker_rows import LIFE_S
from tests.stores.support import Home, MemoryHome, accept, found, outcome


def numbers(members: list[object]) -> list[int]:
    return [each.number for each in members]  # type: ignore[attr-defined]


def session(identity: Identity) -> Any:
    """What a claim looks at of a session."""
    return SimpleNamespace(name=identity.name, key=identity.name, identity=identity, serial=identity.serial)


def at_once(home: Home, count: int, what: object) -> list[object]:
    """What *what* gives for a store of its own, called by so many threads at the same instant."""
    stores = [home.open() for _ in range(count)]
    if isinstance(home, MemoryHome):  # of one thread: its processes are one after the other
        return [what(store) for store in stores]  # type: ignore[operator]
    barrier, given = threading.Barrier(count), list[object]()

    def calls(store: Store) -> None:
        barrier.wait()
        given.append(what(store))  # type: ignore[operator]

    threads = [threading.Thread(target=calls, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_processes_that_join_at_the_same_instant_get_different_numbers(home: Home, run: RunRow) -> None:
    taken = at_once(home, 6, lambda store: store.members.join(run.id, owner="w", process="p"))

    assert sorted(taken) == [1, 2, 3, 4, 5, 6]  # type: ignore[type-var]


def test_a_number_is_never_given_again_in_a_run(store: Store, run: RunRow) -> None:
    assert store.members.join(run.id, owner="first", process="p", first=True) == 0
    assert store.members.join(run.id, owner="a", process="p") == 1
    store.members.leave(run.id, 1, counted='{"pages": 3}')

    assert store.members.join(run.id, owner="b", process="p") == 2
    assert [(each.number, each.owner, each.counted) for each in store.members.of(run.id)] == [
        (0, "first", "{}"),
        (1, "a", '{"pages": 3}'),
        (2, "b", "{}"),
    ]
    assert numbers(store.members.living(run.frontier)) == [0, 2]


def test_a_process_silent_for_long_no_longer_counts_until_it_reports_again(home: Home, run: RunRow) -> None:
    store = home.open()
    for name in ("a", "b"):
        store.members.join(run.id, owner=name, process="p")
    home.clock.now += LIFE_S - 1
    store.members.stay(run.id, 1, agrees="x", counted='{"pages": 1}')
    home.clock.now += 2

    assert [(each.number, each.agrees, each.counted) for each in store.members.living(run.frontier)] == [
        (1, "x", '{"pages": 1}')
    ]
    store.members.stay(run.id, 2, agrees="", counted="{}")
    assert numbers(store.members.living(run.frontier)) == [1, 2]


def test_a_process_of_this_machine_that_has_died_is_missed_at_once(home: Home, run: RunRow) -> None:
    store = home.open()
    for name in ("a", "b"):
        store.members.join(run.id, owner=name, process="p")
    with home.raw() as raw:
        (mine,) = raw.execute("SELECT incarnation FROM crawl_workers WHERE number = 1").fetchone()
        dead = mine.replace('"began": "', '"began": "9')
        assert dead != mine
        raw.execute("UPDATE crawl_workers SET incarnation = ? WHERE number = 1", (dead,))

    assert numbers(store.members.living(run.frontier)) == [2]
    assert numbers(store.members.of(run.id)) == [1, 2]


def test_one_of_many_that_claim_a_thing_at_the_same_instant_gets_it(home: Home, run: RunRow) -> None:
    names = iter("abcdef")

    claimed = at_once(home, 6, lambda store: store.values.claim("seeds", next(names), ttl_s=60))

    assert claimed.count(True) == 1


def test_a_claim_can_be_gone_on_with_runs_out_and_is_void_when_its_holder_has_died(home: Home, store: Store) -> None:
    assert store.values.claim("seeds", "a", ttl_s=60)
    assert store.values.claim("seeds", "a", ttl_s=60)
    assert not store.values.claim("seeds", "b", ttl_s=60)
    home.clock.now += 61
    assert store.values.claim("seeds", "b", ttl_s=60)
    with home.raw() as raw:
        (held,) = raw.execute("SELECT value FROM crawl_values WHERE name = 'seeds'").fetchone()
        raw.execute(
            "UPDATE crawl_values SET value = ? WHERE name = 'seeds'", (held.replace('began\\": \\"', 'began\\": \\"9'),)
        )
    assert store.values.claim("seeds", "c", ttl_s=60)
    store.values.set("seeds", None)
    assert store.values.claim("seeds", "a", ttl_s=60)


def test_a_run_knows_its_limit_and_the_pages_before_it(store: Store) -> None:
    first = store.runs.open("orders", args="{}", fresh=False, process="p", max_pages=7)

    assert (first.max_pages, first.pages_before) == (7, 0)
    assert store.runs.get(first.id) == first


def test_what_is_reported_about_a_host_reaches_processes_that_ask_later(home: Home, store: Store, run: RunRow) -> None:
    store.frontier.add(run.frontier, [found("a", slot="a.test"), found("b", slot="b.test")])
    now = home.clock.now
    bad = HostWord(paused_until=now + 9, crawl_delay_s=2.0, slowed_s=0.5, openings=2, given_up="Unreachable: a")

    at = store.slots.tell({"a.test": bad}, run=run.id, free_after={})

    other = home.open()
    assert at == now
    assert other.slots.told(now - 1, run=run.id) == {"a.test": replace(bad, at=now)}
    assert other.slots.told(now - 1, run=run.id + 1)["a.test"].given_up == "", "of another run"
    assert other.slots.told(now, run=run.id) == {}
    home.clock.now += 1
    store.slots.pause("b.test", now + 50)
    assert other.slots.told(now, run=run.id) == {"b.test": HostWord(now + 1, paused_until=now + 50)}
    store.slots.tell({"a.test": HostWord(crawl_delay_s=1.0)}, run=run.id, free_after={})
    told = other.slots.told(now, run=run.id)["a.test"]
    assert (told.is_good, told.paused_until, told.crawl_delay_s) == (True, now + 9, 2.0), "neither is ever less"


def test_times_are_reserved_by_the_delay_that_another_process_has_learned(home: Home, run: RunRow) -> None:
    store = home.open()
    store.frontier.add(run.frontier, [found(str(n), slot="a.test") for n in range(12)])

    def gap(**terms: Any) -> float:
        leased = store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(2, 60.0, 1e6, **terms))
        store.leases.release(run.frontier, owner="me", ids=[each.id for each in leased])
        return round(leased[1].send_at - leased[0].send_at, 3)

    heeds: dict[str, Any] = {"crawl_delays": True, "throttle": True}
    assert gap(**heeds) == 0.0
    store.slots.tell({"a.test": HostWord(crawl_delay_s=2.0, slowed_s=4.0)}, run=run.id, free_after={})
    assert (gap(**heeds), gap(crawl_delays=True), gap(throttle=True), gap()) == (4.05, 2.05, 4.05, 0.0)
    assert gap(**heeds, late_s=0.3) == 4.3, "who is late takes wider turns"
    store.slots.tell({"a.test": HostWord(openings=1)}, run=run.id, free_after={})
    assert gap(**heeds) == 15.05, "one at a time asks whether it is back"
    store.slots.tell({"a.test": HostWord()}, run=run.id, free_after={"a.test": 0.5})
    (first,) = store.leases.lease(run.frontier, owner="me", terms=LeaseTerms(1, 60.0, 1e6, **heeds))
    assert first.send_at == home.clock.now + 0.5, "what was reserved meanwhile does not count"
    home.clock.now += 601
    store.slots.tell({"a.test": HostWord(slowed_s=4.0)}, run=run.id, free_after={})
    assert gap(throttle=True) == 4.05
    home.clock.now += 601
    assert gap(throttle=True) == 0.0, "nobody has said so for long"


def test_the_pages_of_a_run_are_limited_for_all_its_processes_together(home: Home) -> None:
    one, other = home.open(), home.open()
    run = one.runs.open("orders", args="{}", fresh=False, process="p", max_pages=5)
    one.frontier.add(run.frontier, [found(str(n)) for n in range(20)])
    terms = LeaseTerms(limit=3, lease_s=60.0, horizon_s=9.0, limited_run=run.id)

    first = one.leases.lease(run.frontier, owner="one", terms=terms)
    second = other.leases.lease(run.frontier, owner="other", terms=terms)

    assert (len(first), len(second), one.leases.begun(run.id)) == (3, 2, (0, 5))
    assert one.leases.lease(run.frontier, owner="one", terms=terms) == []
    assert len(one.leases.lease(run.frontier, owner="one", terms=replace(terms, uncounted=1))) == 1
    one.commit(run, "one", [accept(first[0], {"n": 1}), outcome(first[1], Verdict.FAIL, error="404")])
    assert one.leases.begun(run.id) == (1, 4)
    home.clock.now += 61  # the other one died: what it had is free for others
    assert other.leases.begun(run.id) == (1, 0)
    assert len(one.leases.lease(run.frontier, owner="one", terms=replace(terms, limit=9))) == 4


def test_the_next_run_has_pages_of_its_own(store: Store) -> None:
    first = store.runs.open("orders", args="{}", fresh=False, process="p", max_pages=1)
    store.frontier.add(first.frontier, [found(str(n)) for n in range(3)])
    terms = LeaseTerms(limit=3, lease_s=60.0, horizon_s=9.0, limited_run=first.id)
    store.commit(first, "me", [accept(one, {"n": 1}) for one in store.leases.lease(1, owner="me", terms=terms)])
    assert store.leases.lease(first.frontier, owner="me", terms=terms) == []
    store.runs.end(first.id, ending="limit", exit_code=0, summary="{}")

    second = store.runs.open("orders", args="{}", fresh=False, process="p", max_pages=1)

    assert (second.frontier, second.pages_before) == (first.frontier, 1)
    assert len(store.leases.lease(1, owner="me", terms=replace(terms, limited_run=second.id))) == 1


def test_what_many_change_at_the_same_instant_is_changed_by_each_of_them(home: Home, store: Store) -> None:
    at_once(home, 6, lambda each: each.values.change("bans", lambda stored: [*(stored or ()), 1]))

    assert store.values.get("bans") == [1] * 6
    store.values.change("bans", lambda stored: "over", ttl_s=5)
    home.clock.now += 6
    assert store.values.change("bans", lambda stored: stored) is None


def test_a_session_of_one_request_at_a_time_is_used_by_one_process_until_it_ends_or_is_dead(home: Home) -> None:
    stores = home.open(), home.open()
    one, other = (SessionClaims(store.values, owner) for store, owner in zip(stores, "ab", strict=True))
    serial, bound, plain = (
        session(Identity("buyer", serial=True)),
        session(Identity("bound", proxies=("http://p1:1", "http://p2:1"))),
        session(Identity("plain")),
    )
    now = home.clock.now
    for each in (serial, bound):
        assert one.is_ours(each, now)
        assert not other.is_ours(each, now)
    assert one.is_ours(plain, now)
    assert other.is_ours(plain, now)
    assert (one.elsewhere(now), other.elsewhere(now)) == (frozenset(), {"buyer", "bound"})

    for _ in range(10):  # at work for long
        home.clock.now += 15
        assert one.is_ours(serial, home.clock.now)
        assert not other.is_ours(serial, home.clock.now)
    one.release(home.clock.now)
    home.clock.now += 1
    assert other.is_ours(serial, home.clock.now)
    assert not one.is_ours(serial, home.clock.now)
    home.clock.now += 31  # the other one was stopped, or is dead
    assert one.is_ours(serial, home.clock.now)
    assert not other.is_ours(serial, home.clock.now)
    other.release(home.clock.now)
    assert one.is_ours(serial, home.clock.now), "what another process has is not released"

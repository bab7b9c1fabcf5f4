"""The processes of a run meet: how soon a new one has its share of the connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.events import Summary
from crawler.frontier.leases import Hold
from crawler.frontier.shares import Shares
from crawler.runs.peers import Me, Peers
from crawler.stores.base import RunRow, Store
from tests.stores.support import MemoryHome, start

_PER_HOST = 8


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(MemoryHome(tmp_path)) as home:
        yield home.open()


class Slots:
    """Hosts of a process that has nothing under way: it can keep to any share at once."""

    shares: Shares

    def share(self, shares: Shares, *, changed: bool = True) -> bool:
        self.shares = shares
        return True


def peers(store: Store, run: RunRow, number: int) -> Peers:
    silent: Any = SimpleNamespace(look_at=float("inf"))
    me = Me(run, number, f"owner {number}", f"process {number}")
    return Peers(store.members, me, Hold(0.0, 60.0), Summary("shop"), silent, per_host=_PER_HOST)


def test_a_process_that_was_woken_has_its_share_within_a_fifth_of_a_second_of_its_first_look(store: Store) -> None:
    run = start(store)
    first, first_slots = peers(store, run, 0), Slots()
    first.begin(first_slots, 100.0)
    first.expect(1, 100.0)
    second, second_slots = peers(store, run, 1), Slots()

    now, came_at = 100.0, 100.5
    store.members.join(run.id, owner="owner 1", process="process 1")
    while now < came_at + 0.2:
        now += 0.005
        if now >= came_at and not second.awake:
            second.begin(second_slots, now)
        for each, slots in ((first, first_slots), (second, second_slots)):
            if each.awake and now >= each.look_at:
                each.look(slots, now)

    assert first_slots.shares.is_settled
    assert second_slots.shares.is_settled
    assert first_slots.shares.of("a.test") + second_slots.shares.of("a.test") == _PER_HOST
    assert second_slots.shares.of("a.test") == 4


def test_processes_that_have_agreed_look_once_a_second_and_so_does_one_that_waits_without_result(
    store: Store,
) -> None:
    run = start(store)
    first, slots = peers(store, run, 0), Slots()
    first.begin(slots, 100.0)
    assert first.look_at == 101.0

    first.expect(1, 100.0)  # it has died before it said a word
    first.look(slots, 100.5)
    assert first.look_at < 100.6
    first.look(slots, 111.0)
    assert first.look_at == 112.0


def test_the_last_word_of_an_idle_process_is_waited_for_but_not_its_leaving(store: Store) -> None:
    run = start(store)
    first, second = peers(store, run, 0), peers(store, run, 1)
    store.members.join(run.id, owner="owner 1", process="process 1")
    first.begin(Slots(), 100.0)
    second.begin(Slots(), 100.0)
    (working,) = first.others(patience_s=0.3)

    second.say_so("finished")
    began = time.monotonic()
    (done,) = first.others(patience_s=60.0)

    assert (working.ending, done.ending) == ("running", "finished")
    assert time.monotonic() - began < 30.0
    second.goes_on()
    (again,) = first.others()
    assert again.ending == "running", "it may bring pages that nothing has shown to be right, and be killed"

"""What a process claims of a host's waiting requests while others want some, too."""

from __future__ import annotations

from collections import Counter

import pytest

from crawler.frontier.portions import Portions

HOST = "a.test"


class Process:
    """One of several processes, with three connections of eight."""

    def __init__(self, members: int = 3, share: int = 3) -> None:
        self.held, self.share = Counter[str](), share
        self.portions = Portions(8, lambda host: self.share, lambda host: self.held[host])
        self.portions.members = members

    def claim(self, waiting: int) -> int:
        found = min(waiting, self.portions.look_at)
        taken = 0 if HOST in self.portions.sated() else self.portions(HOST, found, found < waiting)
        self.held[HOST] += taken
        return min(taken, found)


@pytest.mark.parametrize("waiting", [0, 1, 2, 5, 8, 11, 20, 40], ids=str)
def test_few_are_shared_out_whoever_asks_first(waiting: int) -> None:
    crawl, left = [Process() for _ in range(3)], waiting
    for each in [*crawl[:1] * 9, *crawl[1:2] * 9, *crawl[2:] * 9]:  # the first asks as often as it likes
        left -= each.claim(left)

    held = [each.held[HOST] for each in crawl]
    assert sum(held) + left == waiting
    assert max(held) <= 6
    assert min(held) >= min(waiting // 3 - 1, 3)
    assert left == max(waiting - sum(held), 0)


def test_of_many_a_process_takes_a_handful() -> None:
    one = Process()

    assert one.claim(500) == 16
    assert one.claim(500) == 16
    assert one.portions.sated() == frozenset()


def test_a_process_alone_takes_what_is_there() -> None:
    assert Process(members=1, share=8).claim(5) == 5


def test_who_has_enough_asks_again_when_some_were_answered_or_its_share_grows() -> None:
    one = Process()
    assert one.claim(9) == 3
    assert one.claim(9) == 3
    assert one.portions.sated() == {HOST}

    one.held[HOST] -= 1
    assert one.portions.sated() == frozenset()
    assert one.claim(9) == 1
    one.portions(HOST, 9, False)
    one.share = 8
    assert one.portions.sated() == frozenset()

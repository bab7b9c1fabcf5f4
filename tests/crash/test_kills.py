"""S1, S2: after kill -9 nothing is lost, nothing is there twice, and no more is fetched again than was under way.

A sample of what ``python -m tests.crash`` does.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from tests.crash.random_kills import Variant, crawl_with_kills
from tests.crash.sweep import BROKEN, BROKEN_ONCE, FULL_ONCE, KILL, Kind, Sweep, why_not
from tests.crash.warm import Warm

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    "variant",
    [
        Variant(workers=8, books=140, latency_s=0.05),
        Variant(workers=4, books=12, latency_s=0.15, login="soft200", slow_login=True),
    ],
    ids=str,
)
def test_S2_a_crawl_killed_at_random_moments_ends_exact(variant: Variant, warm: Warm) -> None:
    tally = crawl_with_kills(variant, random.Random(7), warm, most_kills=4)

    assert tally.kills > 0
    assert tally.faults == []
    assert tally.pages == variant.books + -(-variant.books // 20)


@pytest.mark.skipif(bool(why_not()), reason=why_not())
@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (KILL, {"pwrite64": range(1, 420, 70), "fdatasync": (3, 9), "fsync": (1, 2), "write": (3,)}),
        (FULL_ONCE, {"pwrite64": range(50, 420, 150), "fsync": (1,)}),
        (BROKEN_ONCE, {"pwrite64": range(50, 420, 150), "fdatasync": (5, 9), "ftruncate": (4,)}),
        (BROKEN, {"pwrite64": range(120, 420, 150), "fdatasync": (6,)}),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_S2_S4_a_crawl_stopped_at_its_nth_write_is_finished_exactly_by_the_next_run(
    kind: Kind, points: dict[str, Iterable[int]]
) -> None:
    tally = Sweep(kind, lanes=1).run(points)

    assert tally.points.keys() == points.keys()
    assert tally.faults == []

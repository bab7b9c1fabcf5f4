"""Endless spaces of URLs end by rules that name themselves; large sites that are real pass. With default limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Response, Spider
from crawler.frontier import admission
from crawler.frontier.traps import TrapGuard, TrapLimits
from crawler.settings import Settings
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net

SITE = "https://shop.example"


def products() -> Iterator[str]:
    return (f"{SITE}/p/{number}" for number in range(20_000))


def pagination() -> Iterator[str]:
    return (f"{SITE}/list?page={page}" for page in range(1, 2_001))


def categories() -> Iterator[str]:
    return (
        f"{SITE}/list?cat={cat}&page={page}&sort={sort}" for cat in range(25) for page in range(40) for sort in "abc"
    )


def documents() -> Iterator[str]:
    return (
        f"{SITE}/docs/{'/'.join(f'part-{level}-{leaf % 7}' for level in range(12))}/{leaf}" for leaf in range(5_000)
    )


def archive() -> Iterator[str]:
    return (
        f"{SITE}/news/{year}/{month:02}/{day:02}/"
        for year in range(2000, 2026)
        for month in range(1, 13)
        for day in (1, 9)
    )


def accounts() -> Iterator[str]:
    return (f"{SITE}/user/{number:032x}/profile" for number in range(5_000))


REAL = {each.__name__: each for each in (products, pagination, categories, documents, archive, accounts)}


@pytest.mark.parametrize("kind", REAL)
def test_a_large_site_that_is_real_passes(kind: str) -> None:
    guard = TrapGuard()

    assert {guard.refuses(url, depth) for depth, url in enumerate(REAL[kind]())} - {None} <= {"deeper than 10000 links"}


def facets() -> Iterator[str]:
    values = itertools.product(range(40), range(40), range(40))
    return (f"{SITE}/list?color={a}&size={b}&brand={c}" for a, b, c in values)


def four_facets() -> Iterator[str]:
    values = itertools.product(range(15), repeat=4)
    return (f"{SITE}/list?color={a}&size={b}&brand={c}&price={d}" for a, b, c, d in values)


def calendar() -> Iterator[str]:
    return (f"{SITE}/calendar?month={year}-{month:02}" for year in range(2026, 2200) for month in range(1, 13))


def growing_path() -> Iterator[str]:
    return (f"{SITE}/{'a/b/' * number}" for number in range(2_000))


def growing_query() -> Iterator[str]:
    return (f"{SITE}/list?{'&'.join(f'f={value}' for value in range(number))}" for number in range(1, 2_000))


def next_and_next() -> Iterator[str]:
    return (f"{SITE}/more/{number}" for number in range(15_000))


#: at most so many are taken, and what the last one is refused for
ENDLESS = {
    facets: (23_000, "queries on one path"),
    four_facets: (11_500, "queries on one path"),
    calendar: (200, "calendar more than 2 years ahead"),
    growing_path: (20, "URL longer than"),
    growing_query: (20, "URL longer than"),
    next_and_next: (10_001, "deeper than 10000 links"),
}
WIDE = (facets, four_facets)  # all of it within a few links of the first page


@pytest.mark.parametrize("kind", ENDLESS, ids=lambda kind: kind.__name__)
def test_an_endless_space_ends_and_the_rule_has_a_name(kind: Any) -> None:
    most, rule = ENDLESS[kind]
    guard = TrapGuard()
    found = [guard.refuses(url, 3 if kind in WIDE else depth) for depth, url in enumerate(kind())]

    assert found.count(None) <= most
    assert rule in (found[-1] or ""), "it stays shut"


def test_a_host_has_a_limit_by_default() -> None:
    assert Settings().max_pages_per_host == TrapLimits().max_pages_per_host == 200_000


def test_what_sprays_links_fills_neither_the_frontier_nor_the_disk(
    tmp_path: Path, quick_net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_MOST_TRAPPED", 50)
    numbers = itertools.count()

    def spray(call: WireRequest) -> Answer:
        return Answer(body="".join(f"<a href=/{next(numbers):x}>x</a>" for _ in range(100)).encode())

    class Follower(Spider):
        name = "follower"
        start_urls = (quick_net.host({"/robots.txt": Answer(404), "*": spray}).url + "/",)

        def parse(self, response: Response) -> Any:
            yield {"url": response.url}
            yield from response.follow_all(css="a")

    settings = {"store": str(tmp_path / "crawl.db"), "max_pages_per_host": 150}
    summary = crawler.run(Follower, settings=settings)

    rule = "trap: more than 150 pages of one host (`max_pages_per_host`)"
    assert (summary.ending, summary.pages, summary.skipped_by) == ("finished", 150, {rule: 50})
    assert summary.known == 200
    assert len(summary.notes) == 1
    assert "further links were left out" in summary.notes[0]
    assert rule in summary.notes[0]

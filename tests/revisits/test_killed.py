"""A second night that is killed, again and again, and one of several processes: nothing lost, nothing twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.revisits.site import Shop, Site, night, rows

RUN = """
import sys, crawler
from tests.revisits.site import Shop
crawler.run(Shop, arguments={"site": sys.argv[1]}, settings={"store": sys.argv[2]})
"""


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(count=300)
    yield made
    made.close()


@pytest.mark.crash
def test_a_night_that_is_killed_twice_carries_each_page_once(site: Site, tmp_path: Path) -> None:
    first = night(Shop, site, tmp_path)
    before = site.host.routes["*"]
    for _ in range(2):
        many, answered = threading.Event(), iter(range(1, 10_000))

        def counting(call: WireRequest, many: threading.Event = many, answered: Iterator[int] = answered) -> Answer:
            if next(answered) == 60:
                many.set()
            return before(call)  # type: ignore[operator]

        site.host.routes["*"] = counting
        process = subprocess.Popen([sys.executable, "-c", RUN, site.url, str(tmp_path / "crawl.db")])
        assert many.wait(60)
        process.kill()
        process.wait()
    site.host.routes["*"] = before

    last = night(Shop, site, tmp_path)

    assert last.resumed
    crawl = sorted(row for run in range(2, last.run + 1) for row in rows(tmp_path, run))
    assert crawl == rows(tmp_path, first.run)
    assert night(Shop, site, tmp_path).unchanged == 301


def test_several_processes_ask_for_no_page_as_a_whole(site: Site, tmp_path: Path) -> None:
    first = night(Shop, site, tmp_path, processes=2)
    site.asked.clear()

    second = night(Shop, site, tmp_path, processes=2)

    assert (site.statuses(), second.unchanged) == ({304: 301}, 301)
    assert rows(tmp_path, second.run) == rows(tmp_path, first.run)

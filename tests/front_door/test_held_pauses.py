"""A run that begins while a host is still left alone because of what it answered to an earlier run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider
from crawler.events import Event, SlotPaused, Warned
from crawler.frontier.host_slot import Learned
from crawler.runs.held_pauses import held_pauses, keep_why
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Host
from tests.stores.support import Home, found, start


class Restarting:
    """A site that is restarted: it answers 502, or 503 with a Retry-After where one is set."""

    def __init__(self) -> None:
        self.retry_after, self.is_down = "", True
        self.host = Host({"*": self.page}, "127.0.0.1", None)

    def page(self, call: WireRequest) -> Answer:
        if self.is_down and call.path != "/robots.txt":
            return Answer(503, headers=[("Retry-After", self.retry_after)]) if self.retry_after else Answer(502)
        return Answer(body=f"<html><title>{call.path}</title></html>".encode())


class Pages(Spider):
    name = "pages"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/{number}" for number in range(8)]

    def parse(self, response: Any) -> Any:
        yield {"title": response.css("title::text").get()}


@pytest.fixture
def site() -> Iterator[Restarting]:
    made = Restarting()
    yield made
    made.host.close()


@pytest.mark.parametrize(
    ("retry_after", "why"), [("", "faults in a row"), ("60", "Retry-After")], ids=["circuit open", "it asked for it"]
)
def test_a_run_that_waits_for_a_pause_of_an_earlier_one_names_host_reason_and_moment(
    retry_after: str, why: str, site: Restarting, tmp_path: Path
) -> None:
    site.retry_after = retry_after
    told: list[Event] = []
    crawl(Pages, site.host.url, tmp_path, max_time=3, robots=False)
    site.is_down = False

    summary = crawl(Pages, site.host.url, tmp_path, max_time=1, robots=False, observers=[told.append])

    assert summary.pages == 0
    lines = [message for message in summary.messages if "nothing is sent to it before" in message]
    assert len(lines) == 1, summary.messages
    assert site.host.url.partition("://")[2] in lines[0]
    assert why in lines[0]
    warned = [each for each in told if isinstance(each, Warned) and each.message in lines[0]]
    assert len(warned) == 1


def test_a_run_that_waits_for_no_host_says_nothing(site: Restarting, tmp_path: Path) -> None:
    site.is_down = False
    for _ in range(2):
        assert not [each for each in crawl(Pages, site.host.url, tmp_path).messages if "nothing is sent" in each]


@pytest.mark.parametrize(
    ("news", "why"),
    [((SlotPaused(0.0, "shop.example", 0.0, "6 faults in a row"),), "6 faults in a row"), ((), "Retry-After")],
    ids=["circuit open", "it asked for it"],
)
def test_why_a_host_is_left_alone_is_known_to_the_next_run_where_requests_wait_for_it(
    news: tuple[Event, ...], why: str, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    store = home.open()
    run = start(store)
    for slot in ("shop.example", "other.example"):
        until = store.now() + 30.0
        store.slots.pause(slot, until)
        keep_why(store, slot, Learned(until, news=news))
    assert [*held_pauses(store, run)] == []

    store.frontier.add(run.frontier, [found(1, slot="shop.example")])

    told = [*held_pauses(store, run)]
    assert [each.where for each in told] == ["shop.example"]
    assert why in told[0].message
    home.close()


def test_the_run_that_is_told_to_stay_away_for_hours_says_so_once(site: Restarting, tmp_path: Path) -> None:
    site.retry_after = "7200"
    told: list[Event] = []

    crawl(Pages, site.host.url, tmp_path, max_time=1.5, robots=False, observers=[told.append])

    paused = [each for each in told if isinstance(each, SlotPaused)]
    assert [each.why for each in paused] == ["it asked for it (Retry-After)"], "it said only that it had slowed down"
    assert 7100 < paused[0].until - paused[0].at < 7300

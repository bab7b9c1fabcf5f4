"""When requests leave: as soon as an answer is in, none into trouble; and a scheduler that can do nothing sleeps."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawler import Request, Response, Spider
from crawler.engine import application
from crawler.engine.host_slots import HostSlots
from crawler.engine.scheduler import Scheduler
from crawler.engine.stopping import RunLimits
from crawler.engine.store_thread import Inbox
from crawler.engine.workers import Workers
from crawler.frontier.host_slot import Learned
from crawler.outcome import Leased, Outcome, Verdict
from crawler.sessions.flow import Call, Flow
from crawler.settings import Settings
from tests.engine.parts import leased
from tests.politeness.site import Site


class Pages(Spider):
    """The same few pages of one or more sites."""

    name = "pages"

    def start(self) -> Iterator[Request]:
        for number in range(int(self.arguments["pages"])):
            for site in self.arguments["sites"].split():
                yield Request(f"{site}/page/{number}")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"url": response.url}


def crawl(spider: type[Spider], sites: list[str], folder: Path, pages: int, **settings: Any) -> Any:
    return application.run(
        spider,
        arguments={"sites": " ".join(sites), "pages": str(pages)},
        settings={"store": str(folder / "crawl.db"), "processes": 1, "backoff": 0.05, **settings},
    )


def counted_rounds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each round of the scheduler may sleep, in seconds; grows while crawls run."""
    rounds: list[float] = []
    take = Scheduler._take

    def counted(self: Scheduler, wait_s: float) -> None:
        rounds.append(wait_s)
        take(self, wait_s)

    monkeypatch.setattr(Scheduler, "_take", counted)
    return rounds


def test_a_request_leaves_when_an_answer_is_in_though_its_page_is_still_being_parsed(tmp_path: Path) -> None:
    third_is_here = threading.Event()

    class Slow(Pages):
        seen: list[bool] = []

        def parse(self, response: Response) -> Iterator[dict[str, Any]]:
            if response.url.endswith("/2"):
                third_is_here.set()
            self.seen.append(third_is_here.wait(10))
            yield {"url": response.url}

    with Site() as site:
        summary = crawl(Slow, [site.url], tmp_path, 3, workers=8, per_host=2)

    assert summary.pages == 3
    assert Slow.seen == [True, True, True]


def test_after_a_429_nothing_leaves_that_was_waiting_for_a_connection(tmp_path: Path) -> None:
    with Site(latency=0.05, refuse_at=6, retry_after="60") as site:
        summary = crawl(Pages, [site.url], tmp_path, 40, workers=8, per_host=2, max_time=1.0)
        arrivals = site.arrivals

    refused = next(each for each in arrivals if each.status == 429)
    assert [each.path for each in arrivals if each.at_s > refused.until_s + 0.02] == []
    assert (summary.failed, summary.pages + summary.waiting) == (0, 40)


def test_a_scheduler_with_more_hosts_than_workers_sleeps_until_an_answer_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = counted_rounds(monkeypatch)
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(Site(latency=0.05)).url for _ in range(4)]
        summary = crawl(Pages, sites, tmp_path, 6, workers=1)

    assert summary.pages == 24
    assert len(rounds) < 24 * 8


def test_a_scheduler_sleeps_while_a_slow_page_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = counted_rounds(monkeypatch)

    with Site(latency=1.5) as site:
        summary = crawl(Pages, [site.url], tmp_path, 1)

    assert summary.pages == 1
    assert len(rounds) < 40  # 15 for its 0.2 s of attention; looking each 20 ms would be 75


class Came(Inbox):
    """An inbox from which pages are taken one by one."""

    def __init__(self) -> None:
        super().__init__(1)
        self.pages: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def bring(self, outcome: Outcome, goes_on: Callable[[str], bool]) -> None:
        self.pages.put(outcome)


def test_what_was_ready_does_not_leave_after_an_answer_that_asks_for_less() -> None:
    came = Came()
    sent: list[int] = []
    status, waits = 429, threading.Event()

    def pages(
        leased: Leased, manager: Any, latest: float | None, answered: Callable[[Outcome], Learned]
    ) -> Flow[Outcome]:
        sent.append(leased.id)
        yield Call(lambda: waits.wait(10))
        outcome = Outcome(leased, Verdict.ACCEPT, status=status, host_fault=status == 429, sent_at=1.0)
        answered(outcome)
        return outcome

    manager: Any = SimpleNamespace(session=SimpleNamespace(name="default", auth=None))
    slots = HostSlots(Settings(per_host=2, workers=4), {})
    slots.robots_known("a")
    slots["a"].health.limit = 2.0
    limits = RunLimits(Settings(), began_at=0.0)
    sending = Workers(4, pages, came, slots, limits)
    slots.put(leased(number, "a") for number in range(4))
    for _ in range(4):
        found = slots.next_waiting(0.0)
        assert found is not None
        sending.send(slots.ready(found, manager))
    assert slots.has_ready("a")
    waits.set()
    assert {came.pages.get(timeout=10).request.id for _ in range(2)} == {0, 1}
    sending.send(slots.committed([0, 1]))
    with pytest.raises(queue.Empty):
        came.pages.get(timeout=0.2)

    status = 200
    unsent = [each for learned in slots.heed("a") for each in learned.unsent]
    assert [each.leased.id for each in unsent] == [2, 3]
    for each in unsent:
        sending.send(slots.ready(each.leased, manager))
    assert {came.pages.get(timeout=10).request.id for _ in range(2)} == {2, 3}
    assert sorted(sent) == [0, 1, 2, 3]

    sending.stop()
    assert sending.join(10)
    sending.close()

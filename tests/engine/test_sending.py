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
from crawler.engine.sending import Sending
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


def test_what_was_ready_does_not_leave_before_the_scheduler_has_learned_of_trouble() -> None:
    came: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    sent: list[int] = []
    well = threading.Event()

    def pages(leased: Leased, keeper: Any, latest: float | None, answered: Callable[[bool], None]) -> Flow[Outcome]:
        sent.append(leased.id)
        yield Call(lambda: waits.wait(10))
        answered(well.is_set())
        status = 200 if well.is_set() else 503
        return Outcome(leased, Verdict.ACCEPT, status=status, host_fault=not well.is_set(), sent_at=1.0)

    waits = threading.Event()
    keeper: Any = SimpleNamespace(session=SimpleNamespace(name="default", auth=None))
    slots = HostSlots(Settings(per_host=2, workers=4, throttle=False), {})
    slots.heard("a")
    slots["a"].health.limit = 2.0
    sending = Sending(4, pages=pages, deliver=came.put, slots=slots, stopped=lambda: False)
    slots.put(leased(number, "a") for number in range(4))
    for _ in range(4):
        found = slots.next_waiting(0.0)
        assert found is not None
        sending.send(slots.ready(found, keeper))
    assert slots.has_ready("a")
    waits.set()
    first = [came.get(timeout=10) for _ in range(2)]
    with pytest.raises(queue.Empty):
        came.get(timeout=0.2)
    assert sorted(sent) == [0, 1]

    well.set()
    for each in first:
        slots.learn(each, 1.0)
    sending.send(slots.to_send())
    assert {came.get(timeout=10).request.id for _ in range(2)} == {2, 3}

    sending.stop()
    assert sending.join(10)
    sending.close()

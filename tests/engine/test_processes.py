"""The further processes of a run: nobody waits for one that is stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.engine.processes import Members, is_stopped
from crawler.events import Event, Summary, Warned
from crawler.testing import SiteProcess
from tests.crash.waiting import wait_until
from tests.engine.shop import Members as Spider
from tests.engine.shop import crawl, credentials, stored


def number_of() -> int:
    """Which of the further processes this is, from 1."""
    return int(multiprocessing.current_process().name.rpartition("-")[2])


def obedient(run: int, tell: Callable[[Event], None], gone: Callable[[Callable[[str], None]], None]) -> Summary:
    """Works until it is told to stop."""
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    tell(Warned(0.0, "ready", "yes"))
    while not over:
        time.sleep(0.01)
    return Summary("obedient", pages=number_of())


@pytest.fixture
def members() -> Iterator[Members]:
    made = Members(2, obedient)
    pids = [process.pid for process in made._processes]
    yield made
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def wake(members: Members) -> None:
    """Let them begin, and wait until they hear signals."""
    ready: list[Event] = []
    members.wake(1, ready.append)
    wait_until(lambda: len(ready) == len(members), "all of them are at work")


@pytest.mark.parametrize("awake", [True, False], ids=["at work", "idle"])
def test_a_stopped_process_is_ended_after_two_seconds_and_the_others_end_by_themselves(
    members: Members, awake: bool
) -> None:
    stopped = members._processes[0].pid
    if awake:
        wake(members)
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: is_stopped(stopped), "it is stopped")
    members.signal()
    began = time.monotonic()

    members.end(grace_s=60.0)

    assert time.monotonic() - began < 8.0
    assert [summary.pages for summary in members.summaries] == ([2] if awake else [])


def test_a_process_that_is_set_going_again_in_time_ends_by_itself(members: Members) -> None:
    wake(members)
    stopped = members._processes[0].pid
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: is_stopped(stopped), "it is stopped")
    members.signal()
    os.kill(stopped, signal.SIGCONT)

    members.end(grace_s=60.0)

    assert sorted(summary.pages for summary in members.summaries) == [1, 2]


def test_all_of_them_together_get_the_grace_and_not_each_of_them() -> None:
    def deaf(run: int, *_: Any) -> Summary:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(1)

    made = Members(3, deaf)
    made.wake(1, lambda event: None)
    began = time.monotonic()

    made.end(grace_s=0.6)

    assert time.monotonic() - began < 1.8


def test_is_stopped_knows_a_name_with_brackets_and_a_process_that_is_gone() -> None:
    assert not is_stopped(os.getpid())
    assert not is_stopped(2**22 + 1)


def test_a_run_does_not_wait_for_a_process_of_it_that_is_stopped(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site: SiteProcess = make_site_process(books=5)
    credentials(monkeypatch, default=site.accounts[0])

    class Stopping(Spider):
        name = "stopping"

        def parse_book(self, response: Any) -> Any:
            for child in multiprocessing.active_children():
                if child.name.startswith("crawl-") and child.pid:
                    os.kill(child.pid, signal.SIGSTOP)
            yield from super().parse_book(response)

    began = time.monotonic()
    summary = crawl(Stopping, site.url, tmp_path, processes=2)

    assert (summary.ending, len(stored(tmp_path, "id"))) == ("finished", 5)
    assert time.monotonic() - began < 15.0
    assert multiprocessing.active_children() == []

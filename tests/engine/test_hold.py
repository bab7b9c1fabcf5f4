"""A lease is checked before a request is sent: a process that was stopped no longer sends what it held."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from crawler.engine.host_slots import HostSlots
from crawler.engine.stopping import RunLimits
from crawler.engine.store_thread import Inbox
from crawler.engine.workers import Workers
from crawler.fetching.carried import NOT_SENT, CarriedAdapter, Done
from crawler.frontier.leases import Hold
from crawler.outcome import ItemRow, Leased, Outcome, Verdict
from crawler.sessions.flow import Send
from crawler.settings import Settings
from crawler.stores.base import LeaseTerms
from crawler.stores.sqlite import SQLiteStore
from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.waiting import wait_until
from tests.stores.support import ReversingCipher

LEASE_S = 90.0


def leased(until: float) -> Leased:
    return Leased(1, "http://a/", "a", "default", "", 0, 0, "", 0, 0.0, 1, until=until)


def test_a_request_is_ours_until_its_lease_runs_out() -> None:
    hold = Hold(0.0, LEASE_S)

    assert hold.is_ours(leased(60.0), 59.9)
    assert not Hold(0.0, 50.0).is_ours(leased(60.0), 60.0)


def test_leases_that_were_prolonged_in_time_hold_on_and_on() -> None:
    hold, held = Hold(0.0, LEASE_S), leased(90.0)

    for now in range(30, 3_000, 30):
        hold.renewed(float(now))

    assert hold.is_ours(held, 3_000.0)
    assert hold.is_ours(held, 2_970.0 + LEASE_S - 0.1)
    assert not hold.is_ours(held, 2_970.0 + LEASE_S)


def test_a_process_that_slept_beyond_its_leases_does_not_get_them_back_by_prolonging_them() -> None:
    hold, held = Hold(0.0, LEASE_S), leased(93.0)
    hold.renewed(30.0)

    assert not hold.is_ours(held, 500.0)
    hold.renewed(500.0)

    assert not hold.is_ours(held, 500.1)
    assert hold.is_ours(leased(593.0), 501.0)  # what was leased after that is ours


def test_what_was_leased_just_before_a_lapse_holds_by_its_own_time() -> None:
    hold, held = Hold(0.0, LEASE_S), leased(170.0)  # leased at 77, the others ran out at 90
    hold.renewed(100.0)

    assert hold.is_ours(held, 169.0)
    assert hold.is_ours(held, 189.0)
    assert not hold.is_ours(leased(99.0), 100.0)


@given(
    renewals=st.lists(st.floats(0, 1_000), max_size=20).map(sorted),
    taken_at=st.floats(0, 1_000),
    now=st.floats(0, 1_000),
)
def test_nothing_is_ours_that_the_store_may_have_given_away(renewals: list[float], taken_at: float, now: float) -> None:
    hold, until = Hold(0.0, LEASE_S), taken_at + LEASE_S
    stored_until, given_away = until, False
    for moment in (each for each in renewals if each <= now):
        hold.renewed(moment)
        if moment >= taken_at:
            given_away = given_away or moment >= stored_until
            stored_until = max(stored_until, moment + LEASE_S)
    if now < taken_at:
        return

    if hold.is_ours(leased(until), now):
        assert not given_away
        assert now < stored_until


def count(project: Project, condition: str) -> int:
    with closing(sqlite3.connect(project.database)) as raw:
        return int(raw.execute(f"SELECT count(*) FROM crawl_requests WHERE {condition}").fetchone()[0])


@pytest.fixture
def site(make_site_process: Any) -> SiteProcess:
    made: SiteProcess = make_site_process(books=40, latency_s=0.05)
    return made


@pytest.fixture
def project(site: SiteProcess, tmp_path: Path) -> Project:
    made = Project(tmp_path, site.url, spider=Path(__file__).with_name("books.py"))
    made.settings.update(workers=1, per_host=1, throttle=False, lease=1, backoff=0.05)
    return made


def test_a_process_that_is_stopped_beyond_its_leases_sends_nothing_of_what_others_have_taken(
    site: SiteProcess, project: Project
) -> None:
    """Without a delay between requests; with one, a request whose turn is over was given back all along."""
    with project.start() as running:
        wait_until(lambda: len(site.log) >= 4, "robots.txt and some pages")
        os.kill(running.pid, signal.SIGSTOP)
        with closing(SQLiteStore(str(project.database), cipher=ReversingCipher())) as store:
            run = store.runs.join(1)
            taken: list[Leased] = []

            def take() -> bool:
                taken.extend(
                    store.leases.lease(
                        run.frontier,
                        owner="other",
                        terms=LeaseTerms(limit=100, lease_s=60.0, horizon_s=1.0),
                    )
                )
                return not count(project, "state = 0 OR (state = 1 AND owner = 1)")

            wait_until(take, "the leases of the stopped process run out")
            sent = [logged.url for logged in site.log]
            store.commit(
                run,
                "other",
                [Outcome(one, Verdict.ACCEPT, items=[ItemRow("items", {"id": "theirs"})], status=200) for one in taken],
            )
            running.send(signal.SIGCONT)
            ended = running.end()

    assert ended.code == 0, ended.err
    late = [logged.url for logged in site.log][len(sent) :]
    assert [url for url in late if url in {one.url for one in taken}] == []


class CarriedBy(CarriedAdapter):
    """Carries the first *answers* requests, as if by the I/O thread; the next one is too late."""

    def __init__(self, answers: int = 0) -> None:
        self.begun: list[float | None] = []
        self._answers = answers

    def begin(self, io: Any, request: Any, done: Done, *, latest: float | None = None, **options: Any) -> None:
        self.begun.append(latest)
        done(302 if len(self.begun) <= self._answers else NOT_SENT, lambda: None)

    def send(self, *given: Any, **options: Any) -> Any:
        raise AssertionError("by the I/O thread")

    def close(self) -> None: ...


def came_of(pages: Callable[..., Any], hold: Hold) -> list[Outcome]:
    """What workers make of one request, leased until 90.0, whose steps *pages* gives."""
    inbox = Inbox(1)
    slots = HostSlots(Settings(), {})
    slots.robots_known("a")
    workers = Workers(1, pages, inbox, slots, RunLimits(Settings(), began_at=0.0), hold.ends)
    manager: Any = SimpleNamespace(session=SimpleNamespace(name="default", auth=None))
    workers.start()
    slots.put([leased(90.0)])
    found = slots.next_waiting(0.0)
    assert found is not None
    workers.send(slots.ready(found, manager))
    inbox.take(10.0)
    came = list(inbox.outcomes(0.0, lambda: True))
    workers.stop()
    workers.join(5.0)
    workers.close()
    return came


def test_a_request_that_was_about_to_be_sent_when_the_process_was_stopped_is_not_sent_after_its_lease() -> None:
    """Its lease was looked at before; what sends it looks at the end of the lease once more."""
    adapter, hold = CarriedBy(), Hold(0.0, LEASE_S)
    hold.renewed(30.0)

    def pages(leased: Leased, manager: Any, latest: float | None, answered: Any) -> Any:
        yield Send(adapter, requests.PreparedRequest(), {})
        raise AssertionError("it was not sent")

    came = came_of(pages, hold)

    assert adapter.begun == [30.0 + LEASE_S]
    assert [each.verdict for each in came] == [Verdict.RELEASE]


def test_a_request_after_a_redirect_or_a_pause_is_not_sent_after_the_lease_either() -> None:
    adapter, hold = CarriedBy(answers=1), Hold(0.0, LEASE_S)
    hold.renewed(30.0)

    def pages(leased: Leased, manager: Any, latest: float | None, answered: Any) -> Any:
        yield Send(adapter, requests.PreparedRequest(), {})
        hold.renewed(60.0)
        yield Send(adapter, requests.PreparedRequest(), {})
        raise AssertionError("it was not sent")

    came = came_of(pages, hold)

    assert adapter.begun == [30.0 + LEASE_S, 60.0 + LEASE_S]
    assert [each.verdict for each in came] == [Verdict.RELEASE]


def test_an_adapter_that_only_knows_blocking_calls_is_not_called_after_the_lease() -> None:
    called: list[str] = []

    class Blocking(requests.adapters.BaseAdapter):
        def send(self, request: Any, **options: Any) -> Any:
            called.append("sent")

        def close(self) -> None: ...

    def pages(leased: Leased, manager: Any, latest: float | None, answered: Any) -> Any:
        yield Send(Blocking(), requests.PreparedRequest(), {})
        raise AssertionError("it was not sent")

    came = came_of(pages, Hold(0.0, LEASE_S))  # of 1970

    assert called == []
    assert [each.verdict for each in came] == [Verdict.RELEASE]

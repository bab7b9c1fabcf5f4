"""P2: a first signal ends the run softly, a second one at once; both with the code of the signal and nothing lost."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import sqlite3
import sys
import termios
import time
from contextlib import closing

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Ended, Project
from tests.crash.proof import LEASED, remains, wrong_at_the_end
from tests.crash.test_store_faults import locked
from tests.crash.waiting import pages, wait_for_pages, wait_until
from tests.crash.warm import Warm

pytestmark = pytest.mark.crash
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
every_signal = pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)
GRACE_S = 5.0
AT_ONCE_S = 3.0  #: a busy machine included


def exact_after_resuming(project: Project, shop: SiteProcess, warm: Warm) -> list[str]:
    """What is wrong after the same command has run again on a site that is well."""
    shop.change(latency_s=0.0, rate_503=0.0, retry_after="")
    with project.start_warm(warm) as running:
        ended = running.end()
    wrong = [] if ended.code == 0 else [f"exit code {ended.code}: {ended.err}"]
    return wrong + wrong_at_the_end(project, remains(project.database), shop.truth.member_items("alice"))


def stopped(ended: Ended, number: int) -> None:
    assert ended.code == CODES[signal.Signals(number)], ended
    assert "Traceback" not in ended.err


@every_signal
def test_P2_a_signal_during_fetches_lets_them_end_and_commits_them(
    number: int, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.5)
    with project.start_warm(warm, grace=GRACE_S) as running:
        wait_for_pages(shop, 2)
        wait_until(lambda: working(shop) == 2, "two requests under way")
        running.send(number)
        sent = sum(shop.record.requests.values())
        began = time.monotonic()
        ended = running.end()

    stopped(ended, number)
    assert time.monotonic() - began < GRACE_S
    assert sum(shop.record.requests.values()) == sent  # no new request after the signal
    kept = remains(project.database)
    assert sum(kept.accepted.values()) == pages(shop)  # what was under way is committed
    assert kept.states[LEASED] == 0
    assert kept.ending == "interrupted"
    assert exact_after_resuming(project, shop, warm) == []
    assert {shop.record.hits[url] for url in shop.truth.member_urls} == {1}
    assert shop.record.logins == {"alice": 1}


@every_signal
def test_P2_a_signal_during_the_login_ends_the_run_and_the_next_one_does_not_wait_for_the_dead_login(
    number: int, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=1.5, fault_paths=("/login",))
    with project.start_warm(warm, grace=GRACE_S) as running:
        wait_until(lambda: sum(shop.record.requests.values()) > 0, "the login page is asked for")
        running.send(number)
        began = time.monotonic()
        ended = running.end()

    stopped(ended, number)
    assert time.monotonic() - began < GRACE_S + AT_ONCE_S
    began = time.monotonic()
    assert exact_after_resuming(project, shop, warm) == []
    assert time.monotonic() - began < 10
    assert shop.record.logins["alice"] <= 2


@every_signal
def test_P2_a_signal_during_a_long_back_off_ends_the_run_at_once_and_the_pause_stays(
    number: int, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(rate_503=1.0, retry_after="600")
    with project.start_warm(warm, grace=GRACE_S, max_backoff=600) as running:
        wait_until(lambda: project.database.exists() and paused_s(project) > 500, "the host is left alone")
        running.send(number)
        began = time.monotonic()
        ended = running.end()

    stopped(ended, number)
    assert time.monotonic() - began < AT_ONCE_S
    assert remains(project.database).states[LEASED] == 0
    assert paused_s(project) > 500
    let_time_pass(project)
    assert exact_after_resuming(project, shop, warm) == []
    assert shop.record.logins == {"alice": 1}


@every_signal
def test_P2_a_signal_while_a_commit_waits_for_the_database_loses_nothing(
    number: int, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.2)
    with project.start_warm(warm, grace=GRACE_S, busy_timeout=30) as running:
        wait_for_pages(shop, 3)
        with locked(project.database, 1.5):
            wait_until(lambda: working(shop) == 0, "no request under way: a commit waits")
            running.send(number)
            ended = running.end()

    stopped(ended, number)
    assert sum(remains(project.database).accepted.values()) == pages(shop)
    assert exact_after_resuming(project, shop, warm) == []


def test_P2_a_second_signal_ends_a_run_that_waits_for_the_database(
    project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=0.2)
    with project.start_warm(warm, grace=30, busy_timeout=30) as running:
        wait_for_pages(shop, 3)
        with locked(project.database, 30):
            wait_until(lambda: working(shop) == 0, "no request under way: a commit waits")
            running.send(signal.SIGTERM)
            time.sleep(0.3)
            running.send(signal.SIGTERM)
            began = time.monotonic()
            ended = running.end()
            took_s = time.monotonic() - began

    assert ended.code == 143, ended
    assert took_s < AT_ONCE_S
    assert "Traceback" not in ended.err
    assert exact_after_resuming(project, shop, warm) == []


@pytest.mark.parametrize(
    ("numbers", "gap_s"),
    [((2, 2), 0.02), ((2, 2), 0.3), ((15, 15), 0.3), ((15, 2), 0.0), ((15, 2, 15), 0.02)],
    ids=["INT-INT", "INT-INT later", "TERM-TERM", "TERM-INT at once", "TERM-INT-TERM"],
)
def test_P2_a_second_signal_ends_at_once_and_loses_nothing_that_was_committed(
    numbers: tuple[int, ...], gap_s: float, project: Project, shop: SiteProcess, warm: Warm
) -> None:
    shop.change(latency_s=5.0, fault_paths=("/members/book/",))
    with project.start_warm(warm, grace=60) as running:
        wait_until(lambda: working(shop) == 2, "slow requests under way")
        committed = remains(project.database).done
        for number in numbers[:2]:
            running.send(number)
            time.sleep(gap_s)
        for number in numbers[2:]:
            with contextlib.suppress(ProcessLookupError):  # the second one may have ended it already
                running.send(number)
        began = time.monotonic()
        ended = running.end()

    assert time.monotonic() - began < AT_ONCE_S
    first = numbers[:1] if gap_s else numbers  # of two that wait for Python at once, it takes the lower number first
    third = {-number for number in numbers[2:]}  # it may come when all is done but the exit: a shell says 143 then, too
    assert ended.code in {128 + number for number in first} | third, ended
    assert "Traceback" not in ended.err
    assert committed <= remains(project.database).done
    assert exact_after_resuming(project, shop, warm) == []


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_P2_a_closed_terminal_ends_the_run_softly(kind: str, project: Project, shop: SiteProcess, warm: Warm) -> None:
    shop.change(latency_s=0.5)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.folder)
        words = [sys.executable, "-m", "crawler.cli", *project.words()]
        os.execve(sys.executable, words, {**project.environment, "TERM": kind})
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"\x18\x00\x50\x00\x00\x00\x00\x00")
        wait_for_pages(shop, 2)
    finally:
        os.close(terminal)  # the system sends SIGHUP
    began = time.monotonic()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert code == 143
    assert time.monotonic() - began < GRACE_S
    assert remains(project.database).ending == "interrupted"
    assert exact_after_resuming(project, shop, warm) == []


def working(shop: SiteProcess) -> int:
    """How many requests the site is working on."""
    record = shop.record
    return sum(record.requests.values()) - sum(record.hits.values())


def paused_s(project: Project) -> float:
    """For how long the host is to be left alone, as the store says."""
    try:
        with closing(sqlite3.connect(project.database)) as store:
            row = store.execute("SELECT max(paused_until) FROM crawl_slots").fetchone()
    except sqlite3.OperationalError:
        return 0.0  # the tables are not there yet
    return float(row[0] or 0.0) - time.time()


def let_time_pass(project: Project) -> None:
    """As if the ten minutes were over."""
    with closing(sqlite3.connect(project.database)) as store:
        store.execute("UPDATE crawl_slots SET paused_until = 0, next_at = 0")
        store.execute("UPDATE crawl_requests SET not_before = 0 WHERE state = 0")
        store.commit()

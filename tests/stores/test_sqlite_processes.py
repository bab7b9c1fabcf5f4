"""Several real processes on one file: delays hold, pages are written once, and a kill at any moment loses nothing."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from crawler.sessions.desk import LoginEnd
from crawler.stores.policy.login_policy import Trying
from crawler.stores.sqlite import SQLiteStore
from tests.forked import Forked
from tests.stores.member import LAST
from tests.stores.support import ReversingCipher, found, snapshot, start

KEY = "shop.example/ann"
ROOT = Path(__file__).parents[2]


def store_at(path: Path) -> SQLiteStore:
    return SQLiteStore(str(path), cipher=ReversingCipher())


@contextmanager
def member(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = Forked(
        [sys.executable, "-m", "tests.stores.member", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_no_gap_is_shorter_than_the_delay_when_two_processes_lease(tmp_path: Path) -> None:
    path = tmp_path / "crawl.db"
    with closing(store_at(path)) as store:
        run = start(store)
        requests = [found(number, slot=f"s{number % 2}.example") for number in range(400)]
        store.frontier.add(run.frontier, requests)
        moment = repr(time.time() + 0.7)
        with member("reserve", str(path), "one", moment) as one, member("reserve", str(path), "two", moment) as two:
            lines = [process.communicate(timeout=60)[0].splitlines() for process in (one, two)]

    assert min(map(len, lines)) > 20  # both took part
    taken = [line.split() for line in itertools.chain(*lines)]
    assert len({id_ for _, _, id_ in taken}) == len(taken) > 200
    for slot in ("s0.example", "s1.example"):
        times = sorted(float(moment) for name, moment, _ in taken if name == slot)
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.02 - 1e-6


def test_two_processes_crawl_one_frontier_and_every_page_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "crawl.db"
    with closing(store_at(path)) as store:
        run = start(store)
        store.frontier.add(run.frontier, [found(1)])
        with member("crawl", str(path), "one", "20") as one, member("crawl", str(path), "two", "20") as two:
            assert [process.wait(timeout=60) for process in (one, two)] == [0, 0]

        complete(store, run.frontier)
        assert len(list(store.runs.pages(run.frontier))) == LAST - 1


def complete(store: SQLiteStore, frontier: int) -> None:
    audit = store.care.audit(frontier)
    assert (audit.problems, audit.counts.done, audit.counts.known) == ((), LAST - 1, LAST - 1)
    names = sorted(row["name"] for row in store.results.rows("items"))
    assert names == sorted([*range(1, LAST), *(-name for name in range(1, LAST))])
    row = store.sessions.load("shop.example/ann")
    assert row is not None
    assert row.secret.startswith("sid=")


@pytest.mark.crash
def test_S2_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "crawl.db"
    with closing(store_at(path)) as store:
        run = start(store)
        store.frontier.add(run.frontier, [found(1)])
        store.runs.end(run.id, ending="interrupted", exit_code=130, summary="{}")
    chance = random.Random(20)
    kills = 0
    for _ in range(20):
        with member("crawl", str(path), "opener", "2") as process:
            assert said(process) == "ready"
            try:
                process.wait(timeout=chance.uniform(0.0, 0.08))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    with member("crawl", str(path), "opener", "50") as process:
        assert process.wait(timeout=60) == 0

    assert kills >= 10
    with closing(store_at(path)) as store:
        complete(store, run.frontier)
        assert [row.ending for row in store.runs.last("orders", limit=50)].count("crashed") >= 10
        fetched = [page["request"] for page in store.runs.pages(run.frontier)]
        assert len(fetched) == len(set(fetched)) == LAST - 1  # what was committed was never asked for again


@pytest.mark.crash
def test_P5_of_many_starts_at_one_moment_exactly_one_wins_and_kill_frees_the_spider(tmp_path: Path) -> None:
    path = tmp_path / "crawl.db"
    store_at(path).close()
    moment = repr(time.time() + 1.0)
    processes = [member("hold", str(path), moment) for _ in range(6)]
    with (
        processes[0] as a,
        processes[1] as b,
        processes[2] as c,
        processes[3] as d,
        processes[4] as e,
        processes[5] as f,
    ):
        answers = {process: said(process) for process in (a, b, c, d, e, f)}
        assert sorted(answers.values()) == ["first", *["second"] * 5]
        winner = next(process for process, answer in answers.items() if answer == "first")
        with closing(store_at(path)) as store:
            assert (store.runs.running("orders") or "").startswith("process 4711 since")
            os.kill(winner.pid, signal.SIGKILL)
            winner.wait(timeout=10)
            assert store.runs.running("orders") is None
            start(store)


def test_a_process_that_is_stopped_in_its_login_does_not_overwrite_the_session_of_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "crawl.db"
    store_at(path).close()
    with member("log_in", str(path), "paused", "0.5") as paused:
        assert said(paused) == "granted"
        paused.send_signal(signal.SIGSTOP)
        with closing(store_at(path)) as store:
            asked = store.logins.claim(KEY, owner="next", epoch=0, lease_s=60, trying=Trying())
            assert not asked.granted  # its lease holds, and the process lives
            deadline = time.monotonic() + 20
            while not asked.granted:
                assert time.monotonic() < deadline
                time.sleep(asked.wait_s)  # what the store asks a process to wait
                asked = store.logins.claim(KEY, owner="next", epoch=0, lease_s=60, trying=Trying())
            kept = snapshot("sid of the next", epoch=1)
            assert store.logins.end(KEY, owner="next", token=asked.token, ended=LoginEnd("ok"), snapshot=kept, run=None)
            paused.send_signal(signal.SIGCONT)
            answer(paused)

            assert said(paused) == "too late"
            row = store.sessions.load(KEY)
            assert row is not None
            assert (row.secret, row.epoch) == ("sid of the next", 1)


def answer(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()

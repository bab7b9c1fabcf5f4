"""What `crawl runs`, `status` and `top` say about a run that was killed: what is stored of it, and how to resume it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host

from .conftest import Crawl

SPIDER = """
from crawler import Spider


class Slow(Spider):
    name = "slow"
    start_urls = ["{url}/0"]

    def parse(self, response):
        yield {{"page": response.url, "day": getattr(self, "day", "")}}
        yield from response.follow_all(css="a")
"""
PAGES = 12
SECRETS = ("-s", "proxy=http://ann:k9w8x7@127.0.0.1:9", "-s", 'headers={"X-Api-Key": "k9w8x7"}')
WORDS = ("run", "slow", "-a", "day=mon tue", "-s", "workers=1", "-s", "per_host=1", "--store", "my runs.db", "-q")


@pytest.fixture
def slow(project: Path) -> Iterator[Host]:
    def page(call: WireRequest) -> Answer:
        number = int(call.path[1:])
        following = f"<a href=/{number + 1}>next</a>" if number + 1 < PAGES else ""
        return Answer(body=f"<p>{number}</p>{following}".encode())

    host = Host({"*": page, "/robots.txt": Answer(404)}, "127.0.0.1", None)
    (project / "spiders").mkdir()
    (project / "spiders" / "slow.py").write_text(SPIDER.format(url=host.url))
    yield host
    host.close()


def stored_pages(project: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{project}/my%20runs.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM crawl_pages").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def killed_after(project: Path, pages: int) -> None:
    """A run that gets SIGKILL when so many pages are stored, each of which takes a while."""
    words = [*WORDS, "-s", "delay=0.3"]
    running = subprocess.Popen([sys.executable, "-m", "crawler.cli", *words], cwd=project)
    until = time.monotonic() + 120
    while stored_pages(project) < pages:
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(30)


def test_a_killed_run_is_reported_with_what_is_stored_of_it_and_the_command_to_resume_it(
    slow: Host, project: Path, crawl: Crawl
) -> None:
    killed_after(project, 2)
    store = ("--store", "my runs.db")
    pages = stored_pages(project)
    with closing(sqlite3.connect(project / "my runs.db")) as database:
        last = database.execute("SELECT max(at) FROM crawl_pages").fetchone()[0]
        (began,) = database.execute("SELECT started_at FROM crawl_runs").fetchone()

    (before,) = map(json.loads, crawl("runs", "--json", *store).out.splitlines())
    listed, shown, status = (
        crawl(*words, *store).out for words in (("runs",), ("runs", "show", "1"), ("status", "slow"))
    )
    top = crawl("top", *store).out
    time.sleep(1.1)
    going_on = "crawl run slow -a 'day=mon tue' -s workers=1 -s per_host=1 -s delay=0.3 --store 'my runs.db'"
    ended = crawl(*WORDS)
    killed, after = (json.loads(line) for line in reversed(crawl("runs", "--json", *store).out.splitlines()))
    again = crawl("runs", *store).out.splitlines()
    old = crawl("runs", "show", "1", *store).out

    assert (before["ending"], before["pages"], before["items"], before["logins"]) == ("killed", pages, pages, 0)
    assert before["took_s"] == pytest.approx(last - began, abs=0.01)
    assert f"killed     -      {pages}      {pages}       0" in listed
    assert "its process was killed, or the machine went down" in shown
    assert f"brought  {pages} pages, {pages} items" in shown.replace("   ", "  ").replace("   ", "  ")
    assert going_on in shown
    assert going_on in status
    assert "run 1, killed, started" in status
    assert "the last run was 1 of slow, killed at 20" in top
    assert ended.code == 0
    assert killed == before, "that the next run has begun changes nothing of it"
    assert (after["went_on_with"], after["pages"]) == (1, PAGES - pages)
    assert "finished (went on with run 1)" in again[1]
    assert "killed " in again[2]
    assert "then" not in old, "another run has gone on with it"


def test_a_run_that_resumes_a_killed_one_and_is_killed_too_is_reported_as_such(
    slow: Host, project: Path, crawl: Crawl
) -> None:
    killed_after(project, 1)
    killed_after(project, stored_pages(project) + 1)

    out = crawl("runs", "--store", "my runs.db").out

    assert "killed (went on with run 1)" in out
    assert "resumed" not in out
    assert "crashed" not in out


def test_the_command_asks_which_run_is_meant(slow: Host, project: Path, crawl: Crawl) -> None:
    crawl(*WORDS)

    done = crawl("runs", "show", "--store", "my runs.db")

    assert (done.code, done.err) == (2, "crawl: crawl runs show: which run? `crawl runs` lists their numbers\n")


def test_the_command_to_resume_a_killed_run_shows_no_secret_that_was_typed(
    slow: Host, project: Path, crawl: Crawl
) -> None:
    running = subprocess.Popen([sys.executable, "-m", "crawler.cli", *WORDS, *SECRETS, "-s", "backoff=30"], cwd=project)
    until = time.monotonic() + 120
    while "running" not in crawl("runs", "--store", "my runs.db").out:
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(30)

    told = crawl("status", "slow").out + crawl("status", "slow", "--store", "my runs.db").out

    assert """-s 'proxy=http://***@127.0.0.1:9' -s 'headers={"X-Api-Key": "***"}' -s backoff=30""" in told
    assert not [each for each in project.glob("my runs.db*") if b"k9w8x7" in each.read_bytes()]

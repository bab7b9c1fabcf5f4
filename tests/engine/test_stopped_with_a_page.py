"""A real process is stopped with pages under way; before it goes on, somebody else has logged its session in."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Project, Running
from tests.crash.waiting import wait_until


@pytest.fixture
def site(make_site_process: Any) -> SiteProcess:
    made: SiteProcess = make_site_process(books=40, latency_s=0.05)
    return made


@pytest.fixture
def project(site: SiteProcess, tmp_path: Path) -> Project:
    made = Project(tmp_path, site.url, site.accounts[0], spider=Path(__file__).with_name("unproven.py"))
    made.settings.update(workers=4, throttle=False, probe_every=0)
    return made


@contextmanager
def stopped_between_commits(running: Running, raw: sqlite3.Connection) -> Iterator[None]:
    """The process is stopped for the block, at a moment when it does not write: *raw* does."""
    for _ in range(100):
        os.kill(running.pid, signal.SIGSTOP)
        try:
            raw.execute("PRAGMA busy_timeout = 200")
            raw.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:  # in the middle of a commit
            running.send(signal.SIGCONT)
    else:
        raise AssertionError("it writes all the time")
    yield
    raw.execute("COMMIT")
    running.send(signal.SIGCONT)


def test_pages_of_a_process_that_was_stopped_while_somebody_else_logged_in_are_fetched_again(
    site: SiteProcess, project: Project
) -> None:
    with project.start() as running:
        wait_until(lambda: sum("/members/" in url for url in site.record.hits) >= 8, "some pages")
        somebody = sqlite3.connect(project.database, isolation_level=None)  # as an import or a login does
        with closing(somebody) as raw, stopped_between_commits(running, raw):
            raw.execute("UPDATE crawl_sessions SET epoch = epoch + 1, version = version + 1")
            done = {row[0] for row in raw.execute("SELECT id FROM crawl_requests WHERE state = 2")}
        ended = running.end()

    assert ended.code == 0, ended.err
    with closing(sqlite3.connect(project.database)) as raw:
        refused = raw.execute("SELECT count(*) FROM crawl_pages WHERE verdict = 'login'").fetchone()
        late = raw.execute("SELECT id FROM crawl_requests WHERE state = 2 AND epoch < 2").fetchall()
        items = raw.execute("SELECT id, price FROM items ORDER BY CAST(id AS INTEGER)").fetchall()
    assert refused[0] >= 1  # at once, and not only when somebody looked at the end
    assert {row[0] for row in late} <= done  # nothing of the old login was taken after the new one was there
    expected = [(item["id"], item["price"]) for item in site.truth.member_items(site.accounts[0].username)]
    assert items == expected
    assert site.record.logins == {site.accounts[0].username: 1}

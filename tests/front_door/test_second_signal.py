"""A second Ctrl-C that comes while a run is ending already: `crawl run` as a user meets it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host

SPIDER = """
import os
import signal

from requests.adapters import HTTPAdapter

from crawler import Spider


def twice():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)


class Closing(HTTPAdapter):
    def close(self):
        twice()
        super().close()


class One(Spider):
    name = "one"
    start_urls = ["{url}/page"]

    def set_up_session(self, session):
        if {where!r} == "hanging up":
            session.mount("https://", Closing())

    def parse(self, response):
        yield {{"url": response.url}}

    def closed(self, summary):
        if {where!r} == "closed":
            twice()
"""


@pytest.mark.parametrize("where", ["hanging up", "closed"])
def test_two_signals_while_a_run_ends_show_no_traceback_and_the_end_is_recorded(where: str, tmp_path: Path) -> None:
    site = Host({"/page": Answer(body=b"<html>a page</html>"), "/robots.txt": Answer(404)}, "127.0.0.1", None)
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "one.py").write_text(SPIDER.format(url=site.url, where=where))
    command = [sys.executable, "-m", "crawler.cli", "run", "one"]
    try:
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    finally:
        site.close()

    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode in (0, 130), ended
    with closing(sqlite3.connect(tmp_path / "data" / "crawl.db")) as store:
        ((ending, pages),) = store.execute(
            "SELECT ending, (SELECT count(*) FROM crawl_requests WHERE state = 2) FROM crawl_runs"
        ).fetchall()
    assert ending in ("finished", "interrupted")
    assert pages == 1


def test_two_signals_while_robots_txt_is_fetched_show_no_traceback_and_the_end_is_recorded(tmp_path: Path) -> None:
    """Nothing is in flight that would be finished: the run waits for that request only when the second one comes."""
    asked, go_on = threading.Event(), threading.Event()

    def robots(call: WireRequest) -> Answer:
        asked.set()
        go_on.wait(20)
        return Answer(404)

    site = Host({"/page": Answer(body=b"<html>a page</html>"), "/robots.txt": robots}, "127.0.0.1", None)
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "one.py").write_text(SPIDER.format(url=site.url, where="nowhere"))
    command = [sys.executable, "-m", "crawler.cli", "run", "one"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert asked.wait(30)
        run.send_signal(signal.SIGINT)
        time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=15)
    finally:
        go_on.set()
        run.kill()
        site.close()

    assert "Traceback" not in errors, errors
    assert run.returncode == 130
    with closing(sqlite3.connect(tmp_path / "data" / "crawl.db")) as store:
        assert store.execute("SELECT ending, exit_code FROM crawl_runs").fetchall() == [("interrupted", 130)]

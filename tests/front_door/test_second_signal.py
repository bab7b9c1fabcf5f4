"""A second Ctrl-C that comes while a run is ending already: `crawl run` as a user meets it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
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

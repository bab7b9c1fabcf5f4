"""A second process begins where it brings pages: `crawl run` with its default settings, beside a real server."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crawler.engine.processes import cores
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host

PAGES = 400
SPIDER = """
import time

from crawler import Spider


class Numbers(Spider):
    name = "numbers"
    start_urls = ["{url}/start"]

    def parse(self, response):
        ends = time.thread_time() + {computes_s}
        while time.thread_time() < ends:
            pass
        yield {{"url": response.url}}
        yield from response.follow_all(css="a")
"""


def answering(wait_s: float) -> Host:
    """A site of one page that leads to all others; each takes so long."""
    links = "".join(f"<a href='/{number}'>{number}</a>" for number in range(PAGES - 1))

    def answer(call: WireRequest) -> Answer:
        time.sleep(wait_s)
        return Answer(body=f"<html><body>{links if call.path == '/start' else 'a page'}</body></html>".encode())

    return Host({"*": answer, "/robots.txt": Answer(404)}, "127.0.0.1", None)


def crawled(folder: Path, url: str, computes_s: float) -> dict[str, object]:
    """What `crawl run numbers` says of itself in the store."""
    (folder / "spiders").mkdir()
    (folder / "spiders" / "numbers.py").write_text(SPIDER.format(url=url, computes_s=computes_s))
    command = [sys.executable, "-m", "crawler.cli", "run", "numbers", "--quiet"]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    with sqlite3.connect(folder / "data" / "crawl.db") as store:
        summary: dict[str, object] = json.loads(store.execute("SELECT summary FROM crawl_runs").fetchone()[0])
    store.close()
    return summary


@pytest.mark.skipif(cores() < 2, reason="one core has one process")
def test_a_crawl_that_computes_gets_a_second_process(tmp_path: Path) -> None:
    host = answering(0.0)
    try:
        summary = crawled(tmp_path, host.url, computes_s=0.01)
    finally:
        host.close()

    assert (summary["pages"], summary["processes"]) == (PAGES, 2)


@pytest.mark.skipif(cores() < 2, reason="one core has one process")
def test_a_crawl_whose_host_is_already_at_its_limit_stays_with_one_process(tmp_path: Path) -> None:
    host = answering(0.05)
    try:
        summary = crawled(tmp_path, host.url, computes_s=0.005)  # four fifths of a core at 160 pages a second
    finally:
        host.close()

    assert (summary["pages"], summary["processes"]) == (PAGES, 1)

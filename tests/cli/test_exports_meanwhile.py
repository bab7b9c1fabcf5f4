"""Exports while a crawl runs in another process: whole files, each row once, and said to be a part of it."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.forked import Forked
from tests.hosts import Host, Net

from .conftest import Crawl

PAGES, A_PAGE, HELD_AT = 60, 20, 30
SPIDER = """
from crawler import Spider

class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/1"]

    def parse(self, response):
        number = int(response.url.rpartition("/")[2])
        for each in range({a_page}):
            item = {{"n": number * {a_page} + each, "text": f"page {{number}}, {{'x' * 200}}"}}
            if number > {held_at}:
                item["later"] = number / 2
            yield item
        yield from response.follow_all(css="a")
"""
FORMATS = ("a.jsonl", "a.csv", "a.db", "a.parquet")


class Gate:
    """Holds one page back, and says when it was asked for."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def page(self, call: WireRequest) -> Answer:
        number = int(call.path[1:])
        if number == HELD_AT:
            self.reached.set()
            self.opened.wait(60)
        return Answer(body=f"<a href=/{number + 1}>n</a>".encode() if number < PAGES else b"<p>end")


@pytest.fixture
def gate(project: Path) -> Iterator[Gate]:
    gate, net = Gate(), Net()
    own: Host = net.host({"/robots.txt": Answer(404), "*": gate.page})
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=own.url, a_page=A_PAGE, held_at=HELD_AT))
    yield gate
    gate.opened.set()
    net.close()


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, all of it."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return [{**row, "n": int(row["n"])} for row in csv.DictReader(file, strict=True)]
    if path.suffix == ".parquet":
        from pyarrow import parquet

        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        raw.row_factory = sqlite3.Row
        return [dict(row) for row in raw.execute("SELECT * FROM items")]


def test_exports_beside_a_crawl_hold_whole_pages_once_and_say_that_more_is_to_come(
    gate: Gate, project: Path, crawl: Crawl
) -> None:
    pytest.importorskip("pyarrow")
    running = Forked(
        [sys.executable, "-m", "crawler.cli", "run", "shop", "--quiet", "-s", "workers=1"],
        stdin=subprocess.DEVNULL,
    )
    try:
        assert gate.reached.wait(60)
        most = dict.fromkeys(FORMATS, 0)
        for turn in range(60):
            name = FORMATS[turn % len(FORMATS)]
            done = crawl("export", "shop", "-o", name, "--quiet", "--force")
            if running.poll() is not None:
                break
            assert done.code in (0, 13), done.err
            if turn == len(FORMATS):  # it goes on, and its items get a further field
                gate.opened.set()
            if turn < len(FORMATS):
                assert done.code == 13, done.err
                assert "does not hold all of it: the crawl is not done" in done.err
            if not (project / name).exists():
                continue
            numbers = [row["n"] for row in read(project / name)]
            assert len(numbers) == len(set(numbers)), "each row once"
            assert len(numbers) % A_PAGE == 0, "a page is there or not"
            assert numbers == sorted(numbers)
            assert len(numbers) >= most[name], "what was there stays"
            most[name] = len(numbers)
        gate.opened.set()
        assert running.wait(60) == 0
    finally:
        gate.opened.set()
        running.kill()
        running.wait(20)
    assert all(most.values()), most
    for name in FORMATS:
        assert crawl("export", "shop", "-o", name, "--quiet").code == 0
        rows = read(project / name)
        assert [row["n"] for row in rows] == list(range(A_PAGE, (PAGES + 1) * A_PAGE))
        assert sum(bool(row.get("later")) for row in rows) == (PAGES - HELD_AT) * A_PAGE

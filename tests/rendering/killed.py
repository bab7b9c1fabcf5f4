"""A rendered crawl that is killed again and again: ``python -m tests.rendering.killed --kills 10``.

Each time with ``kill -9``, at another moment; every other time its driver is stopped before, so that nobody tells the
browser to end. Printed is a table: what was left of processes, and what came of the crawl.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from crawler.process_tree import command_of, descendants
from crawler.rendering.guardian import PATIENCE_S, started_at
from crawler.testing import Site, SiteProcess
from tests.forked import Forked

SPIDER = """
from tests.engine.shop import Members as Plain


class Members(Plain):
    name = "members"
    render = True
"""
ROOT = Path(__file__).parents[2]
GONE_WITHIN_S = PATIENCE_S + 8.0


class RenderedCrawl:
    """The members of a practice shop, rendered, in a project of its own."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder, self.site = folder, site
        (folder / "spiders").mkdir(parents=True)
        (folder / "spiders" / "members.py").write_text(SPIDER)
        account = site.accounts[0]
        self._environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CRAWL_DEFAULT_USERNAME": account.username,
            "CRAWL_DEFAULT_PASSWORD": account.password,
        }

    def start(self) -> subprocess.Popen[bytes]:
        return Forked(
            [sys.executable, "-m", "crawler.cli", "run", "members", "-a", f"site={self.site.url}", "--quiet"],
            cwd=self.folder,
            env=self._environ,
        )

    def done(self) -> int:
        """Requests that are done, as the store has it."""
        path = self.folder / "data" / "crawl.db"
        if not path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            try:
                return int(database.execute("SELECT count(*) FROM items").fetchone()[0])
            except sqlite3.OperationalError:  # no such table yet
                return 0

    def rows(self) -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "crawl.db")) as database:
            return sorted(database.execute("SELECT id, price FROM items"))

    def truth(self) -> list[tuple[str, str]]:
        items = self.site.truth.member_items(self.site.accounts[0].username)
        return sorted((each["id"], each["price"]) for each in items)

    def wait_for(self, crawl: subprocess.Popen[bytes], items: int) -> None:
        """Until so many are stored, and a process of its own is there."""
        while crawl.poll() is None and (self.done() < items or not descendants(crawl.pid)):
            time.sleep(0.01)

    def killed_after(self, items: int, *, stop_driver: bool, before: Callable[[int], None] | None = None) -> int:
        """Kill it when so many more items are stored; returns how many of its processes were left after a while.

        Args:
            stop_driver: Nobody tells the browser that its crawl is gone.
            before: What befalls the crawl (its process) when the first item is stored; one more is waited for then.
        """
        crawl = self.start()
        self.wait_for(crawl, self.done() + items)
        if before is not None:
            before(crawl.pid)
            self.wait_for(crawl, self.done() + 1)
        family = [(pid, start) for pid in descendants(crawl.pid) if (start := started_at(pid))]
        driver = next((pid for pid, _ in family if "run-driver" in command_of(pid)), 0)
        if stop_driver and driver:
            os.kill(driver, signal.SIGSTOP)
        crawl.kill()
        crawl.wait()
        ends = time.monotonic() + GONE_WITHIN_S
        while (left := [pid for pid, start in family if started_at(pid) == start]) and time.monotonic() < ends:
            time.sleep(0.02)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(left) if family else -1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rendering.killed")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--books", type=int, default=60)
    chosen = parser.parse_args()
    dice = random.Random(15)
    with tempfile.TemporaryDirectory() as folder, SiteProcess(books=chosen.books) as site:
        crawl = RenderedCrawl(Path(folder) / "project", site)
        left = 0
        for number in range(chosen.kills):
            found = crawl.killed_after(dice.randint(0, 4), stop_driver=bool(number % 2))
            left += max(found, 0)
            how = "driver stopped" if number % 2 else ""
            print(f"kill {number + 1:2}: {crawl.done():3} items stored, {found} processes left {how}", flush=True)
        code = crawl.start().wait()
        record = site.record
        same = crawl.rows() == crawl.truth()
        twice = sum(count > chosen.kills + 1 for url, count in record.hits.items() if "/book/" in url)
        print(f"then: exit {code}, {len(crawl.rows())} items, {'exact' if same else 'NOT EXACT'}")
        print(f"logins {dict(record.logins)}, logouts {dict(record.logouts)}, deleted {record.deleted}")
        print(f"processes left: {left}; pages fetched more often than killed: {twice}")
    return 0 if same and not left and code == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())

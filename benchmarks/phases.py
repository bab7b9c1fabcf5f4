"""CPU time per page, by step, in a crawl of the real server by one process.

``python -m benchmarks.phases`` wraps the functions at which one step passes to the next with the clock of their thread.
The wrapping itself costs about 20 microseconds per page, which count for the step in which they are spent.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crawler.response
from benchmarks import site
from benchmarks.page_cost import spider_of
from benchmarks.server import free_port, serve
from crawler import Spider, run
from crawler.engine import workers
from crawler.engine.leasing import Leasing
from crawler.engine.scheduler import Scheduler
from crawler.fetching.io_thread import IOThread
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.libcurl_handle import Handle
from crawler.fetching.response_maker import ResponseMaker
from crawler.fetching.threads import Computing
from crawler.pagework.given import CallbackResults
from crawler.stores.sql.page_commit import PageCommit

PLACES: list[tuple[str, Any, str]] = [
    ("loop", Scheduler, "_loop"),
    ("commit", PageCommit, "commit"),
    ("lease", Leasing, "more"),
    ("worker", Computing, "_work"),
    ("begin", workers._PageUnderWay, "begin"),
    ("read", workers._PageUnderWay, "_read"),
    ("adapter", CurlAdapter, "begin"),
    ("io", IOThread, "_run"),
    ("libcurl", Handle, "act"),
    ("answer", ResponseMaker, "make"),
    ("callback", CallbackResults, "collect"),
    ("parse", crawler.response, "parse"),
]
#: The rows: a step, what is measured for it, and which parts of that belong to another step.
STEPS: list[tuple[str, str, tuple[str, ...]]] = [
    ("I/O thread: libcurl, and the kernel for it", "libcurl", ()),
    ("I/O thread: epoll, heads, times", "io", ("libcurl",)),
    ("worker: request, session, cookies", "begin", ("adapter",)),
    ("worker: what libcurl is told", "adapter", ()),
    ("worker: the response", "answer", ()),
    ("parse: libxml2 builds the tree", "parse", ()),
    ("callback: fields, links, an item", "callback", ("parse",)),
    ("worker: signs, verdict, outcome, freeing the page", "read", ("answer", "callback")),
    ("worker: tasks", "worker", ("begin", "read")),
    ("scheduler: commit (SQLite)", "commit", ()),
    ("scheduler: lease (SQLite)", "lease", ()),
    ("scheduler: hand out, take back, count", "loop", ("commit", "lease")),
]


class Clock:
    """Adds up the thread time spent in a function and its callees. Thread-safe."""

    def __init__(self) -> None:
        self.spent_s: dict[str, list[float]] = {name: [] for name, _, _ in PLACES}

    def put_in(self) -> None:
        for name, owner, attribute in PLACES:
            setattr(owner, attribute, self._timed(getattr(owner, attribute), self.spent_s[name]))

    @staticmethod
    def _timed(function: Callable[..., Any], spent_s: list[float]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent_s.append(time.thread_time() - began)

        return timed


def crawl(spider: type[Spider], pages: int) -> tuple[int, float]:
    """Run one crawl. Returns its number of pages and the CPU seconds of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        before = time.process_time()
        settings = {"store": str(Path(folder) / "crawl.db"), "processes": 1, "max_pages": pages}
        summary = run(spider, settings=settings)
        return summary.pages, time.process_time() - before


def measured(spider: type[Spider], pages: int, repeats: int) -> list[dict[str, float]]:
    """CPU microseconds per page by step, for each of several crawls."""
    clock = Clock()
    clock.put_in()
    rounds: list[dict[str, float]] = []
    for _ in range(repeats):
        done, cpu_s = crawl(spider, pages)
        sums = {name: sum(spent) / done * 1e6 for name, spent in clock.spent_s.items()}
        found = {step: sums[whole] - sum(sums[part] for part in parts) for step, whole, parts in STEPS}
        found["start and end, other threads"] = cpu_s / done * 1e6 - sums["loop"] - sums["worker"] - sums["io"]
        rounds.append(found)
        for spent in clock.spent_s.values():
            spent.clear()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases", description=__doc__)
    parser.add_argument("--site", choices=site.SHAPES, default="market")
    parser.add_argument("--pages", type=int, default=4_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--login", action="store_true", help="its pages are shown only after a login")
    options = parser.parse_args()
    place = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()) / "crawl-bench"
    place.mkdir(exist_ok=True)
    port = free_port()
    made = site.make(place, options.site, 20_000, port)
    with serve(made.root, port=port, kind=made.kind, login=options.login) as server:
        spider = spider_of(options.site, server.url(), server.url(path="/login.html") if options.login else "")
        rounds = measured(spider, options.pages, options.repeats)
    print(f"| step ({options.repeats} crawls of {options.pages:,} pages, medians) | CPU microseconds a page |")
    print("|---|--:|")
    medians = {step: statistics.median(each[step] for each in rounds) for step in rounds[0]}
    for step, median in medians.items():
        print(f"| {step} | {median:.0f} |")
    print(f"| all | {sum(medians.values()):.0f} |")


if __name__ == "__main__":
    main()

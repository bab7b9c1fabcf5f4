"""What a page costs apart from the network: a whole crawl in this process, answered from memory.

``python -m benchmarks.page_cost`` prints CPU microseconds and function calls a page; ``--profile`` says where they go.
The guard in tests/test_cost_of_a_page.py counts calls with it, since times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import requests
from requests.adapters import BaseAdapter

from benchmarks.site import Shape
from crawler import Request, Response, Spider, run
from crawler.fetching.answers import ResponseMaker
from crawler.fetching.heads import parse_head
from crawler.fetching.limits import Limits

SITE = "http://shop.example"
PAGES = 300
CSS = {
    "title": "h1.title::text",
    "price": "div.product p.price::text",
    "sku": "td.sku::text",
    "stock": "p.stock::text",
    "brand": "td.brand::text",
    "category": "ol.breadcrumb li:nth-child(2) a::text",
    "rating": "div.rating::attr(data-stars)",
    "description": "#description p::text",
}


class Shop(Spider):
    """The spider of the benchmark."""

    name = "shop"
    start_urls = [f"{SITE}/index.html"]

    def parse(self, response: Response) -> Iterator[dict[str, Any] | Request]:
        if response.css("div.product"):
            yield {field: response.css(query).get() for field, query in CSS.items()}
        yield from response.follow_all(css="a")


class Memory(BaseAdapter):
    """Answers from memory, with the heads and the responses of the real transports."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self._files, self._maker, self._limits = files, ResponseMaker(Response), Limits()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = request.url or ""
        body = self._files.get(url.removeprefix(f"{SITE}/"))
        status = b"HTTP/1.1 200 OK\r\n" if body is not None else b"HTTP/1.1 404 Not Found\r\n"
        body = body or b""
        kind = b"text/plain" if url.endswith(".txt") else b"text/html"
        lines = [
            status,
            b"Server: nginx\r\n",
            b"Date: Mon, 23 Nov 2026 04:00:00 GMT\r\n",
            b"Content-Type: " + kind + b"\r\n",
            b"Content-Length: %d\r\n" % len(body),
            b"Last-Modified: Mon, 23 Nov 2026 03:00:00 GMT\r\n",
            b"Connection: keep-alive\r\n",
            b'ETag: "6741-4ea3"\r\n',
            b"Accept-Ranges: bytes\r\n",
            b"\r\n",
        ]
        head = parse_head(url, lines, self._limits)
        return self._maker.make(self, request, head, body, elapsed_s=0.0, address="127.0.0.1", size_bytes=len(body))

    def close(self) -> None:
        """Nothing to close."""


def files(pages: int = PAGES) -> dict[str, bytes]:
    """The site of the benchmark in memory."""
    return {path: text.encode() for path, text in Shape(pages).files()}


def crawl(site: dict[str, bytes], **settings: Any) -> int:
    """One crawl of *site*; returns its pages."""
    with tempfile.TemporaryDirectory() as folder, patch("crawler.engine.assembly.make_transport") as transport:
        transport.return_value = Memory(site)
        options = {"store": str(Path(folder) / "crawl.db"), "workers": 1, "processes": 1, **settings}
        summary = run(Shop, settings=options)
    if summary.exit_code or summary.pages < len(site) - 2 or summary.items["items"] < len(site) * 0.7:
        raise RuntimeError(f"the crawl went wrong: {summary}")
    return summary.pages


def profiled(site: dict[str, bytes], **settings: Any) -> tuple[pstats.Stats, int]:
    """Statistics of all threads of one crawl, and its pages. From Python 3.12 on of its main thread only.

    There a process has one profiler at a time, and a second one is refused.
    """
    profiles: list[cProfile.Profile] = []

    def begin(*_: Any) -> None:
        sys.setprofile(None)
        profile = cProfile.Profile(time.thread_time)
        profiles.append(profile)
        profile.enable()

    if sys.version_info < (3, 12):
        threading.setprofile(begin)
    try:
        main = cProfile.Profile(time.thread_time)
        main.enable()
        pages = crawl(site, **settings)
        main.disable()
    finally:
        threading.setprofile(None)
    for profile in profiles:
        profile.create_stats()
    stats = pstats.Stats(main)
    for profile in profiles:
        stats.add(profile)
    return stats, pages


def calls_a_page(site: dict[str, bytes]) -> float:
    """Function calls of a page, of Python and of C, on all threads."""
    crawl(site)  # what is made once is not counted
    counters: list[list[int]] = []

    def begin(*_: Any) -> None:  # a counter for each thread: nothing is shared while they count
        made = [0]
        counters.append(made)

        def count(frame: FrameType, event: str, argument: Any) -> None:
            if event in ("call", "c_call"):
                made[0] += 1

        sys.setprofile(count)

    threading.setprofile(begin)
    begin()
    try:
        pages = crawl(site)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sum(made for (made,) in counters) / pages


def cpu_us(site: dict[str, bytes], repeats: int, **settings: Any) -> float:
    """CPU microseconds of a page: the least of some crawls."""
    best = float("inf")
    for _ in range(repeats):
        before = time.process_time()
        pages = crawl(site, **settings)
        best = min(best, (time.process_time() - before) / pages * 1e6)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_cost", description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    site = files(options.pages)
    crawl(site)
    print(f"{cpu_us(site, options.repeats, workers=options.workers):.0f} us of CPU a page")
    print(f"{calls_a_page(site):.0f} function calls a page")
    if options.profile:
        stats, _ = profiled(site, workers=options.workers)
        stats.sort_stats("tottime").print_stats(60)
        stats.sort_stats("cumtime").print_stats(110)


if __name__ == "__main__":
    main()

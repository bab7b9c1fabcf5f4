"""The cost of a page without the network: a whole crawl in this process, answered from memory.

``python -m benchmarks.page_cost`` prints CPU microseconds and function calls per page; ``--profile`` adds a profile.
The guard in tests/test_cost_of_a_page.py counts calls with it, since times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import requests
from requests.adapters import BaseAdapter

from benchmarks.server import SESSION
from benchmarks.site import SHAPES
from crawler import Response, Spider, run
from crawler.fetching.heads import parse_head
from crawler.fetching.limits import Limits
from crawler.fetching.response_maker import ResponseMaker

ADDRESS = "shop.example"
SITE = f"http://{ADDRESS}"
PAGES = 300
LOGIN = f"{SITE}/login.html"
_OPEN = frozenset(("login.html", "robots.txt"))  #: the server's answer without a login
_COOKIE = f"sid={SESSION}"
sys.path.insert(0, str(Path(__file__).parent / "contenders"))


def spider_of(site: str, start: str = f"{SITE}/index.html", login: str = "") -> type[Spider]:
    """The spider that takes part in the benchmark, for a site, where it starts, and where it logs in, if it does."""
    os.environ.setdefault("BENCH", '{"starts": []}')
    import ours

    def log_in(spider: Spider, session: Any) -> None:
        session.submit(session.get(login).form(), {"username": "u", "password": "p"})

    found: type[Spider] = getattr(ours, site.title())
    return type(found.__name__, (found,), {"start_urls": [start], **({"login": log_in} if login else {})})


_KINDS = {"html": b"text/html", "json": b"application/json", "txt": b"text/plain"}


class Memory(BaseAdapter):
    """Answers from memory, with the heads and responses of the real transports."""

    browser_headers = False

    def __init__(self, site: InMemory) -> None:
        super().__init__()
        self._files, self._maker, self._limits = site.files, ResponseMaker(Response), Limits()
        self._login = site.login
        kind = SHAPES[site.name]
        self._added = [f"{name}: {value}\r\n".encode() for name, value in kind.HEADERS]
        self._cookies = [f"Set-Cookie: {line}\r\n".encode() for line in kind.COOKIES]
        self._sets_cookies = re.compile(kind.SETS_COOKIES or "(?!)")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = request.url or ""
        path = unquote(url.removeprefix(f"{SITE}/").partition("?")[0])
        body = self._files.get(path)
        status = b"200 OK" if body is not None else b"404 Not Found"
        moved: tuple[bytes, ...] = ()
        if self._login and path not in _OPEN and (path == "login" or _COOKIE not in request.headers.get("Cookie", "")):
            status, body, path, moved = b"302 Found", b"", "moved.html", _moved(path)
        body = body or b""
        kind = _KINDS[path.rpartition(".")[2]]
        lines = [
            b"HTTP/1.1 " + status + b"\r\n",
            b"Server: nginx\r\n",
            b"Date: Mon, 23 Nov 2026 04:00:00 GMT\r\n",
            b"Content-Type: " + kind + b"\r\n",
            b"Content-Length: %d\r\n" % len(body),
            b"Last-Modified: Mon, 23 Nov 2026 03:00:00 GMT\r\n",
            b"Connection: keep-alive\r\n",
            b'ETag: "6741-4ea3"\r\n',
            b"Accept-Ranges: bytes\r\n",
            *moved,
            *self._added,
            *(self._cookies if self._sets_cookies.search(path) else ()),
            b"\r\n",
        ]
        head = parse_head(url, lines, self._limits)
        return self._maker.make(self, request, head, body, elapsed_s=0.0, address="127.0.0.1", size_bytes=len(body))

    def close(self) -> None:
        """Nothing to close."""


def _moved(path: str) -> tuple[bytes, ...]:
    """Headers of a redirect: with the cookie of the login, or to the login page."""
    if path == "login":
        return b"Location: /index.html\r\n", f"Set-Cookie: {_COOKIE}; Path=/; HttpOnly\r\n".encode()
    return (b"Location: /login.html\r\n",)


@dataclass(frozen=True, slots=True)
class InMemory:
    """A benchmark site in memory.

    Attributes:
        files: Path to content.
        items: Pages with an item.
        login: Its pages are shown only after a login.
    """

    name: str
    files: dict[str, bytes]
    items: int
    login: bool = False


def in_memory(name: str = "shop", pages: int = PAGES, *, login: bool = False) -> InMemory:
    shape = SHAPES[name](pages, ADDRESS)
    return InMemory(name, {path: text.encode() for path, text in shape.files()}, shape.details, login)


def crawl(site: InMemory, spider: type[Spider] | None = None, **settings: Any) -> int:
    """Crawl *site* once; returns its number of pages."""
    with tempfile.TemporaryDirectory() as folder, patch("crawler.pagework.transports.make_transport") as transport:
        transport.return_value = Memory(site)
        options = {"store": str(Path(folder) / "crawl.db"), "workers": 1, "processes": 1, **settings}
        summary = run(spider or spider_of(site.name, login=LOGIN if site.login else ""), settings=options)
    if summary.exit_code or summary.pages != len(site.files) - 2 or summary.items["items"] != site.items:
        raise RuntimeError(f"the crawl went wrong: {summary}")
    return summary.pages


def profiled(site: InMemory, **settings: Any) -> tuple[pstats.Stats, int]:
    """Statistics of all threads of one crawl, and its number of pages. From Python 3.12 on, only of its main thread.

    From that version on, a process can have only one profiler at a time.
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


def calls_a_page(site: InMemory, spider: type[Spider] | None = None) -> float:
    """Function calls per page, of Python and C functions, on all threads."""
    crawl(site, spider)  # one-time work is not counted
    counters: list[list[int]] = []

    def begin(*_: Any) -> None:  # a counter for each thread: nothing is shared while counting
        made = [0]
        counters.append(made)

        def count(frame: FrameType, event: str, argument: Any) -> None:
            if event in ("call", "c_call"):
                made[0] += 1

        sys.setprofile(count)

    threading.setprofile(begin)
    begin()
    try:
        pages = crawl(site, spider)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sum(made for (made,) in counters) / pages


def cpu_us(site: InMemory, repeats: int, **settings: Any) -> float:
    """CPU microseconds per page: the lowest of some crawls."""
    best = float("inf")
    for _ in range(repeats):
        before = time.process_time()
        pages = crawl(site, **settings)
        best = min(best, (time.process_time() - before) / pages * 1e6)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_cost", description=__doc__)
    parser.add_argument("--site", choices=SHAPES, default="market")
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--login", action="store_true", help="its pages are shown only after a login")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    site = in_memory(options.site, options.pages, login=options.login)
    crawl(site)
    print(f"{cpu_us(site, options.repeats, workers=options.workers):.0f} us of CPU a page")
    print(f"{calls_a_page(site):.0f} function calls a page")
    if options.profile:
        stats, _ = profiled(site, workers=options.workers)
        stats.sort_stats("tottime").print_stats(60)
        stats.sort_stats("cumtime").print_stats(110)


if __name__ == "__main__":
    main()

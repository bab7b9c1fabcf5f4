"""Ten nights of a site where one page in a hundred changes each night, compared with full crawls.

``python -m benchmarks.nights`` starts a server with validators in its own process, crawls it ten times into one
store, and prints for each night the answers, the CPU of the crawl and the size of the store; then one more night in
full. ``--keep`` keeps the pages, and reads them again by `crawl parse`: once with the same spider, once with another
selector. Requests are counted by the server.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from benchmarks.site import SHAPES
from crawler import Request, Response, Spider, run
from crawler.events import Summary
from crawler.replay.kept_pages import parse_kept

SHARE = 100  #: one page in this many changes each night


class Nights(Spider):
    """The spider of the benchmark's shop; its products have a key."""

    name = "nights"
    keys = {"items": ("sku",)}
    price = "div.product p.price::text"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/index.html"]

    def parse(self, response: Response) -> Iterator[dict[str, Any] | Request]:
        if response.css("div.product"):
            yield {
                "sku": response.css("td.sku::text").get(),
                "title": response.css("h1.title::text").get(),
                "price": response.css(self.price).get(),
            }
        yield from response.follow_all(css="a")


class OtherSelector(Nights):
    """The same, with another selector for one field."""

    price = "p.stock::text"


class Keyless(Nights):
    """The same without a key: each night has its own rows."""

    keys = {}


def _serve(pages: int, night: Any, counts: Any, port: Any) -> None:
    bodies = {f"/{path}": text for path, text in SHAPES["shop"](pages).files()}
    numbers = {path: number for number, path in enumerate(bodies)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path
            if path not in bodies:
                self._answer(404, b"", "")
                return
            number = numbers[path]
            version = (night.value - number % SHARE) // SHARE + 1 if night.value >= number % SHARE else 0
            tag = f'"{number}-{version}"'
            if self.headers.get("If-None-Match") == tag:
                self._answer(304, b"", tag)
                return
            text = bodies[path].replace('class="price">', f'class="price">{version or ""}', 1)
            self._answer(200, text.encode(), tag)

        def _answer(self, status: int, body: bytes, tag: str) -> None:
            with counts.get_lock():
                counts[0 if status == 200 else 1 if status == 304 else 2] += 1
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if tag:
                self.send_header("ETag", tag)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.value = server.server_port
    server.serve_forever()


class Site:
    """The server, as seen from this process."""

    def __init__(self, night: Synchronized[int], counts: Any, url: str) -> None:
        self.night, self._counts, self.url = night, counts, url

    def answers(self) -> tuple[int, int, int]:
        """How many answers were 200, 304 and others since the last call."""
        with self._counts.get_lock():
            found = tuple(self._counts)
            self._counts[:] = [0, 0, 0]
        return found[0], found[1], found[2]


@contextmanager
def served(pages: int) -> Iterator[Site]:
    """Starts a site with this many pages, in its own process."""
    context = multiprocessing.get_context("spawn")
    night, port, counts = context.Value("i", 0), context.Value("i", 0), context.Array("i", [0, 0, 0])
    process = context.Process(target=_serve, args=(pages, night, counts, port), daemon=True)
    process.start()
    try:
        while not port.value:
            if not process.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        yield Site(night, counts, f"http://127.0.0.1:{port.value}")
    finally:
        process.terminate()
        process.join()


def crawl(spider: type[Spider], site: Site, store: Path, **settings: Any) -> tuple[Summary, float, float]:
    """Run one crawl: its summary, CPU seconds of this process, and wall seconds."""
    cpu_s, began = time.process_time(), time.monotonic()
    given = {"store": str(store), "processes": 1, "robots": False, **settings}
    summary = run(spider, arguments={"site": site.url}, settings=given)
    if summary.exit_code:
        raise RuntimeError(f"the crawl went wrong: {summary}")
    return summary, time.process_time() - cpu_s, time.monotonic() - began


def size_mb(store: Path) -> float:
    """Size of the store including its log."""
    return sum(file.stat().st_size for file in store.parent.glob(f"{store.name}*")) / 1e6


def nights(spider: type[Spider], site: Site, store: Path, count: int, **settings: Any) -> list[dict[str, Any]]:
    """Crawl for some nights, and once more in full."""
    found = []
    for number in range(count + 1):
        full = number == count
        site.night.value = number
        summary, cpu_s, seconds = crawl(spider, site, store, full=full, **settings)
        sent, unchanged, _ = site.answers()
        row = {"night": "full" if full else number + 1, "200": sent, "304": unchanged, "cpu_s": round(cpu_s, 2)}
        row |= {"s": round(seconds, 2), "items": summary.item_count, "store_mb": round(size_mb(store), 2)}
        print(json.dumps(row), flush=True)
        found.append(row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description=__doc__)
    parser.add_argument("--pages", type=int, default=5_000)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--keyless", action="store_true", help="items without a key: rows of their own each night")
    parser.add_argument("--keep", action="store_true", help="keep the pages, and read them again")
    options = parser.parse_args()
    spider = Keyless if options.keyless else Nights
    place = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=place) as folder, served(options.pages) as site:
        store = Path(folder) / "crawl.db"
        rows = nights(spider, site, store, options.nights, keep_pages=options.keep)
        usual = [row["cpu_s"] for row in rows[1:-1]]
        if usual:
            share = sum(usual) / len(usual) / rows[-1]["cpu_s"]
            grown_mb = (rows[-2]["store_mb"] - rows[0]["store_mb"]) / len(usual)
            print(f"a night costs {share:.0%} of the CPU of a full one; the store grew by {grown_mb:.2f} MB a night")
        for kind in (spider, OtherSelector) if options.keep else ():
            reading = parse_kept(kind, arguments={"site": site.url}, settings={"store": str(store)})
            asked = sum(site.answers())
            print(
                f"parse: {reading.pages} pages in {reading.elapsed_s:.1f} s, {reading.differ} differ, {asked} requests"
            )


if __name__ == "__main__":
    main()

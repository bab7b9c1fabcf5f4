"""`max_time` is the time of the run, however late one of its processes was woken."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import crawler
from crawler import Response, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]

LATE_S, MAX_S = 1.5, 2.5


class Wide(Spider):
    """Very many pages behind one that takes its time."""

    name = "wide"
    custom_settings = {"processes": 2, "workers": 4}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def parse(self, response: Response) -> Any:
        yield {"url": response.url}
        yield from response.follow_all(css="a")


def test_a_process_that_was_woken_late_ends_with_the_run(quick_net: Net, tmp_path: Path) -> None:
    pause = time.sleep

    def pages(call: WireRequest) -> Answer:
        if call.path == "/":
            pause(LATE_S)  # what the server under test does, not the test
            return Answer(body="".join(f"<a href=/{number}>x</a>" for number in range(5_000)).encode())
        pause(0.02)
        return Answer(body=b"<p>a page</p>")

    own = quick_net.host({"/robots.txt": Answer(404), "*": pages})
    settings = {"store": str(tmp_path / "crawl.db"), "max_time": MAX_S}

    summary = crawler.run(Wide, arguments={"site": own.url}, settings=settings)

    took_s = summary.elapsed_s
    assert (summary.ending, summary.processes) == ("limit", 2), summary
    assert took_s < MAX_S + LATE_S * 0.8, f"{took_s:.2f} s"
    assert summary.waiting > 0

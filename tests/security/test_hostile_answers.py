"""Answers made to hurt, through a whole crawl with default settings: each costs one page, and soon."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, opened
from tests.hosts import Net

EMPTY = gzip.compress(b"")
NOTHING = {
    "in-gzip-in-gzip": ("gzip, gzip, gzip", lambda: gzip.compress(gzip.compress(EMPTY * 3_000_000, 1))),
    "in-gzip": ("gzip, gzip", lambda: gzip.compress(EMPTY * 1_000_000)),
    "members": ("gzip", lambda: EMPTY * 50_000),
    "blocks": ("deflate, gzip", lambda: gzip.compress(b"\x00\x00\x00\xff\xff" * 8_000_000, 1)),
}


class Eight(crawler.Spider):
    """One hostile page for each worker, and a good one."""

    name = "eight"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/{number}" for number in range(8)] + [f"{arguments['site']}/good"]

    def parse(self, response: crawler.Response) -> Any:
        yield {"id": 1, "url": response.url}


@pytest.mark.parametrize("kind", NOTHING)
def test_Z1_answers_that_decode_to_nothing_stop_no_crawl(quick_net: Net, tmp_path: Path, kind: str) -> None:
    coding, made = NOTHING[kind]
    bad = Answer(body=made(), headers=[("Content-Encoding", coding)])
    own = quick_net.host({**{f"/{number}": bad for number in range(8)}, "/good": Answer(body=b"<p>x</p>")})

    began = time.monotonic()
    summary = crawl(Eight, own.url, tmp_path)

    assert time.monotonic() - began < 20
    assert (summary.ending, summary.pages) == ("failures", 1), summary
    assert summary.errors == {"TooLarge": 8}
    with opened(tmp_path) as database:
        errors = [row[0] for row in database.execute("SELECT error FROM crawl_requests WHERE error <> ''")]
    assert len(errors) == 8
    assert all("too large: more than" in error for error in errors), errors

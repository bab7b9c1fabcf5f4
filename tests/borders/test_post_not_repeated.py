"""A POST whose connection breaks is not sent again by itself: the server may have done what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler import Request, Response, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net


class Searching(Spider):
    """Asks once by GET and once by POST."""

    name = "searching"
    custom_settings = {"robots": False, "retries": 2}

    def start(self) -> Iterator[Request]:
        site = self.arguments["site"]
        yield Request(f"{site}/get")
        yield Request(f"{site}/post", json={"query": "a"})

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"url": response.url}


class Insisting(Searching):
    """Sends a POST that only reads once more."""

    name = "insisting"

    def start(self) -> Iterator[Request]:
        yield Request(f"{self.arguments['site']}/post", json={"query": "a"}, errback=self.again)

    def again(self, error: Any) -> Iterator[Request]:
        yield error.request.replace(errback=None, dont_filter=True)


def _breaks_once(net: Net) -> Any:
    seen: set[str] = set()

    def answer(call: WireRequest) -> Answer:
        if call.path not in seen:
            seen.add(call.path)
            return Answer(reset_after=0)
        return Answer(body=b"{}", headers=[("Content-Type", "application/json")])

    return net.host({"*": answer})


def test_a_get_is_sent_again_and_a_post_is_not(quick_net: Net, tmp_path: Path) -> None:
    own = _breaks_once(quick_net)

    summary = crawl(Searching, own.url, tmp_path)

    assert [len(own.seen(path)) for path in ("/get", "/post")] == [2, 1]
    assert (summary.item_count, summary.failed) == (1, 1)


def test_an_errback_sends_a_post_that_only_reads_once_more(quick_net: Net, tmp_path: Path) -> None:
    own = _breaks_once(quick_net)

    summary = crawl(Insisting, own.url, tmp_path)

    assert [call.body for call in own.seen("/post")] == [b'{"query": "a"}'] * 2
    assert summary.item_count == 1


def test_retry_sends_it_again(quick_net: Net, tmp_path: Path) -> None:
    own = _breaks_once(quick_net)
    crawl(Searching, own.url, tmp_path)

    summary = crawl(Searching, own.url, tmp_path, retry=True)

    assert (summary.item_count, summary.failed) == (1, 0)

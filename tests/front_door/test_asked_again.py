"""Requests with `dont_filter` for one URL that one page, or `start`, gives: each that differs is sent, and once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler.pagework.given
from crawler import Request, Response, Spider
from tests.engine.shop import crawl, stored
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

DIFFERENCES: dict[str, list[dict[str, Any]]] = {
    "cb_kwargs": [{"cb_kwargs": {"id": number}} for number in range(3)],
    "meta": [{"meta": {"id": number}} for number in range(3)],
    "callback": [{}, {"callback": "two"}, {"callback": "three"}],
    "errback": [{}, {"errback": "two"}, {"errback": "three"}],
    "headers": [{"headers": {"Accept-Language": language}} for language in ("de", "en", "fr")],
    "cookies": [{"cookies": {"currency": currency}} for currency in ("CHF", "EUR", "USD")],
    "priority": [{"priority": number} for number in range(3)],
    "only some of them": [{}, {"cb_kwargs": {"id": 1}}, {"meta": {"id": 1}}],
}


class Again(Spider):
    """Asks three times for one page."""

    name = "again"
    custom_settings = {"robots": False}
    ways: list[dict[str, Any]] = []

    def asked(self) -> Iterator[Request]:
        for way in self.ways:
            yield Request(f"{self.arguments['site']}/page", dont_filter=True, **{"callback": "one", **way})

    def one(self, response: Response, **given: Any) -> Any:
        yield {"id": given.get("id", response.meta.get("id", 0)), "way": "one"}

    def two(self, response: Response) -> Any:
        yield {"id": 0, "way": "two"}

    def three(self, response: Response) -> Any:
        yield {"id": 0, "way": "three"}


class OfStart(Again):
    def start(self) -> Iterator[Request]:
        yield from self.asked()


class OfPage(Again):
    def start(self) -> Iterator[Request]:
        yield Request(f"{self.arguments['site']}/first")

    def parse(self, response: Response) -> Any:
        yield from self.asked()


@pytest.mark.parametrize("kind", [OfStart, OfPage])
@pytest.mark.parametrize("difference", DIFFERENCES)
def test_requests_that_differ_in_anything_are_each_sent_once(
    quick_net: Net, tmp_path: Path, kind: type[Again], difference: str
) -> None:
    spider = type(kind.__name__, (kind,), {"ways": DIFFERENCES[difference]})
    own = quick_net.host()

    summary = crawl(spider, own.url, tmp_path)

    assert len(own.seen("/page")) == 3
    assert summary.items == {"items": 3}
    assert summary.ending == "finished"
    assert not any("dont_filter" in message for message in summary.messages)


@pytest.mark.parametrize("kind", [OfStart, OfPage])
def test_equal_ones_are_sent_once_and_counted(quick_net: Net, tmp_path: Path, kind: type[Again]) -> None:
    spider = type(kind.__name__, (kind,), {"ways": [{"cb_kwargs": {"id": number % 2}} for number in range(5)]})
    own = quick_net.host()

    summary = crawl(spider, own.url, tmp_path)

    assert len(own.seen("/page")) == 2
    said = "3 requests with dont_filter are equal to another one of the same"
    assert any(said in message for message in summary.messages), summary.messages


def test_a_page_that_is_parsed_again_doubles_none_of_them(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawler.pagework.given, "_PORTION", 3)  # stored before the page is done

    class Broken(OfPage):
        ways = [{"cb_kwargs": {"id": number}} for number in range(5)]
        breaks = True

        def parse(self, response: Response) -> Any:
            yield from reversed([*self.asked()]) if self.breaks else self.asked()
            if self.breaks:
                raise RuntimeError("the power went")

    own = quick_net.host()
    first = crawl(Broken, own.url, tmp_path)
    Broken.breaks = False
    second = crawl(Broken, own.url, tmp_path, retry=True)

    assert (first.failed, len(own.seen("/first"))) == (1, 2)
    assert (second.ending, second.failed) == ("finished", 0)
    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2, 3, 4]
    assert len(own.seen("/page")) == 5

"""Bugs of spiders and faults of the process stay with the page that met them (rows P3 and P4)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

LINKS = Answer(body=b"".join(b"<a href='/p/%d'>x</a>" % number for number in range(6)))


class Broken(crawler.Spider):
    """Does something odd at /p/3, and keeps the number of every other page."""

    name = "broken"
    custom_settings = {"robots": False}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/"]

    def parse(self, response: Response) -> Any:
        return response.follow_all(css="a", callback=self.parse_page)

    def parse_page(self, response: Response) -> Any:
        number = int(response.url.rpartition("/")[2])
        if number == 3:
            return self.odd(response)
        return [{"id": number}]

    def odd(self, response: Response) -> Any:
        raise NotImplementedError


def deep(depth: int) -> int:
    return deep(depth + 1) + 1


def raising(error: BaseException) -> Any:
    def odd(self: Broken, response: Response) -> Any:
        yield {"id": 99}
        raise error

    return odd


FAULTS: dict[str, tuple[Any, str]] = {
    "MemoryError": (raising(MemoryError()), "MemoryError"),
    "SystemExit": (raising(SystemExit(3)), "SystemExit"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
    "RecursionError": (lambda self, response: deep(0), "RecursionError"),
    "GeneratorExit": (raising(GeneratorExit()), "GeneratorExit"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_P3_whatever_a_callback_raises_fails_its_request_with_a_traceback_and_no_worker_dies(
    quick_net: Net, tmp_path: Path, name: str
) -> None:
    odd, error = FAULTS[name]
    spider = type("Odd", (Broken,), {"name": "odd", "odd": odd})
    own = quick_net.host({"/": LINKS})
    before = threading.active_count()

    summary = crawl(spider, own.url, tmp_path, workers=1)

    assert (summary.ending, summary.exit_code, summary.failed) == ("failures", 1, 1)
    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2, 4, 5], "and nothing of the page that failed"
    with opened(tmp_path) as database:
        (text,) = database.execute("SELECT error FROM crawl_requests WHERE error <> ''").fetchone()
    assert text.startswith(error)
    assert "Traceback" in text
    assert "test_spider_faults.py" in text
    assert threading.active_count() <= before + 1


RETURNED: dict[str, tuple[Any, str]] = {
    "raises": (lambda self, response: {}["no such key"], "KeyError"),
    "returns-a-number": (lambda self, response: 7, "SpiderError"),
    "yields-a-lambda": (lambda self, response: [response.follow("/x", callback=lambda each: None)], "SpiderError"),
    "yields-an-unknown-method": (lambda self, response: [Request(response.url + "x", "no_such_method")], ""),
    "meta-that-is-no-json": (lambda self, response: [response.follow("/x", meta={"a": object()})], "SpiderError"),
    "returns-none": (lambda self, response: None, ""),
    "yields-nones": (lambda self, response: [None, None], ""),
}


@pytest.mark.parametrize("name", RETURNED)
def test_P4_a_bug_of_a_callback_is_contained_to_its_page(quick_net: Net, tmp_path: Path, name: str) -> None:
    odd, error = RETURNED[name]
    spider = type("Odd", (Broken,), {"name": "odd", "odd": odd})
    own = quick_net.host({"/": LINKS})

    summary = crawl(spider, own.url, tmp_path)

    expected = 1 if error or name == "yields-an-unknown-method" else 0
    assert summary.failed == expected, summary
    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2, 4, 5]
    if error:
        assert summary.errors == {error: 1}


NO_ITEMS: dict[str, tuple[Any, str]] = {
    "number": (7, "int is no item"),
    "nothing-named": ({}, "an item without fields"),
    "generator": ((each for each in ()), "a generator is no item; write `yield from`"),
    "text": ("text", "a str is no item"),
    "list": ([{"id": 1}], "a list is no item"),
    "object": (object(), "an object is no item"),
}


@pytest.mark.parametrize("name", NO_ITEMS)
def test_P4_an_invalid_item_is_kept_aside_and_the_rest_of_the_page_stays(
    quick_net: Net, tmp_path: Path, name: str
) -> None:
    given, reason = NO_ITEMS[name]
    spider = type("Odd", (Broken,), {"name": "odd", "odd": lambda self, response: [{"id": 3}, given, {"id": 33}]})
    own = quick_net.host({"/": LINKS})

    summary = crawl(spider, own.url, tmp_path)

    assert (summary.failed, summary.rejected) == (0, 1)
    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2, 3, 4, 5, 33]
    with opened(tmp_path) as database:
        ((why, url, session, item),) = database.execute("SELECT reason, url, session, item FROM crawl_rejected")
    assert reason in why
    assert (url, session, item) == (f"{own.url}/p/3", "default", "{}")


def test_P4_a_slow_callback_is_reported(quick_net: Net, tmp_path: Path) -> None:
    class Slow(Broken):
        name = "slow"

        def odd(self, response: Response) -> Any:
            threading.Event().wait(0.15)
            return []

    own = quick_net.host({"/": LINKS})

    crawl(Slow, own.url, tmp_path, callback_time=0.1)

    with opened(tmp_path) as database:
        warnings = [row[0] for row in database.execute("SELECT warnings FROM crawl_pages WHERE warnings <> ''")]
    assert len(warnings) == 1
    assert "callback took 0." in warnings[0]


def test_P4_a_callback_that_never_ends_cannot_keep_a_run_from_ending(quick_net: Net, tmp_path: Path) -> None:
    released = threading.Event()

    class Endless(Broken):
        name = "endless"

        def odd(self, response: Response) -> Any:
            released.wait(60)
            return [{"id": 3}]

    own = quick_net.host({"/": LINKS})

    stopped = crawl(Endless, own.url, tmp_path, workers=2, max_time=0.5, grace=0.1)
    released.set()
    resumed = crawl(Endless, own.url, tmp_path)

    assert (stopped.ending, stopped.exit_code, stopped.waiting) == ("limit", 5, 1)
    assert stopped.elapsed_s < 10
    assert (resumed.ending, resumed.pages) == ("finished", 1)
    assert [row["id"] for row in stored(tmp_path, "id")] == [0, 1, 2, 3, 4, 5]


def test_P4_an_observer_or_a_closing_step_that_raises_ends_nothing(quick_net: Net, tmp_path: Path) -> None:
    class Closing(Broken):
        name = "closing"

        def odd(self, response: Response) -> Any:
            return []

        def closed(self, reason: str) -> None:
            raise RuntimeError("after the end")

    def watch(event: Any) -> None:
        raise RuntimeError("observer")

    own = quick_net.host({"/": LINKS})

    summary = crawl(Closing, own.url, tmp_path, observers=[watch])

    assert (summary.ending, summary.pages) == ("finished", 7)

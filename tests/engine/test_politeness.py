"""Politeness, measured at the server: gaps, simultaneous requests, pauses, robots.txt."""

from __future__ import annotations

import itertools
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crawler import Request, Response, Spider
from crawler.engine import application
from crawler.events import Event, PageDone, Warned
from tests.engine.shop import opened
from tests.politeness.rules import TOLERANCE_S
from tests.politeness.site import Site, gaps_of


class Catalogue(Spider):
    """Public pages only."""

    name = "catalogue"

    def start(self) -> Iterator[Request]:
        for number in range(1, int(self.arguments["books"]) + 1):
            for site in self.arguments["site"].split(","):
                yield Request(f"{site}/book/{number}")

    def parse(self, response: Response) -> Iterator[dict[str, Any]]:
        yield {"id": response.css("p.id::text").get(), "url": response.url}


def crawl(site: str, folder: Path, books: int, **settings: Any) -> Any:
    return application.run(
        Catalogue,
        arguments={"site": site, "books": str(books)},
        settings={"store": str(folder / "crawl.db"), "backoff": 0.05, **settings},
    )


def sent_gaps(folder: Path) -> list[float]:
    """Seconds between two sendings, by the crawler's own clock."""
    with opened(folder) as database:
        moments = [row[0] for row in database.execute("SELECT sent_at FROM crawl_requests ORDER BY sent_at")]
    return [after - before for before, after in itertools.pairwise(moments)]


def test_no_gap_between_two_requests_is_shorter_than_the_delay(tmp_path: Path) -> None:
    with Site() as site:
        summary = crawl(site.url, tmp_path, 12, delay=0.3, workers=8)
        arrivals = site.arrivals

    assert summary.pages == 12
    assert min(sent_gaps(tmp_path)) >= 0.3 - TOLERANCE_S
    assert min(gaps_of(arrivals)) >= 0.3 - TOLERANCE_S


def test_two_runs_of_two_spiders_keep_the_delay_together(tmp_path: Path) -> None:
    import threading

    class Second(Catalogue):
        name = "second"

    def run(spider: type[Spider]) -> None:
        application.run(
            spider,
            arguments={"site": site.url, "books": "7"},
            settings={"store": str(tmp_path / "crawl.db"), "delay": 0.3},
        )

    with Site() as site:
        threads = [threading.Thread(target=run, args=(spider,)) for spider in (Catalogue, Second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        arrivals = site.arrivals

    assert min(sent_gaps(tmp_path)) >= 0.3 - TOLERANCE_S
    assert min(gaps_of(arrivals)) >= 0.3 - TOLERANCE_S


def test_one_host_gets_no_more_connections_at_once_than_allowed(make_site_process: Any, tmp_path: Path) -> None:
    site = make_site_process(books=60, latency_s=0.02)

    crawl(site.url, tmp_path, 60, per_host=3, workers=16)

    assert max(site.record.most_simultaneous.values()) == 3


def test_the_crawl_delay_of_robots_txt_is_obeyed(tmp_path: Path) -> None:
    with Site(crawl_delay="0.3") as site:
        summary = crawl(site.url, tmp_path, 8, workers=8)
        arrivals = site.arrivals

    assert summary.pages == 8
    assert min(sent_gaps(tmp_path)) >= 0.3 - TOLERANCE_S
    assert min(gaps_of(arrivals)) >= 0.3 - TOLERANCE_S


def test_robots_txt_is_fetched_once_by_32_threads_and_forbidden_pages_are_skipped(
    make_site_process: Any, tmp_path: Path
) -> None:
    class Private(Catalogue):
        name = "private"

        def start(self) -> Iterator[Request]:
            yield from super().start()
            yield Request(f"{self.arguments['site']}/private/1")

    site = make_site_process(books=50)

    summary = application.run(
        Private,
        arguments={"site": site.url, "books": "50"},
        settings={"store": str(tmp_path / "crawl.db"), "workers": 32},
    )

    hits = site.record.hits
    assert [count for url, count in hits.items() if url.endswith("/robots.txt")] == [1]
    assert not any("/private/" in url for url in hits)
    assert summary.skipped_by == {"robots": 1}


def test_a_robots_txt_that_answers_500_stops_the_host_fails_nothing_at_once_and_is_reported(
    make_site_process: Any, tmp_path: Path
) -> None:
    site = make_site_process(books=5, robots_status=500)
    told: list[Event] = []

    summary = application.run(
        Catalogue,
        arguments={"site": site.url, "books": "5"},
        settings={"store": str(tmp_path / "crawl.db"), "max_time": 1.0},
        observers=[told.append],
    )

    assert summary.pages == 0
    assert (summary.ending, summary.waiting, summary.failed) == ("limit", 5, 0)
    assert [url for url in site.record.hits if "/book/" in url] == []
    assert [event.where for event in told if isinstance(event, Warned)] == [f"{site.url}/robots.txt"]


def test_retry_after_pauses_the_whole_host_and_the_pause_survives_the_run(
    make_site_process: Any, tmp_path: Path
) -> None:
    site = make_site_process(books=30, rate_429=1.0, retry_after="30", fault_paths=("/book/",))
    crawl(site.url, tmp_path, 30, workers=2, max_time=2.0)
    first = sum(site.record.hits.values())

    again = crawl(site.url, tmp_path, 30, workers=2, max_time=0.5)

    assert first < 8
    assert sum(site.record.hits.values()) == first
    assert again.waiting == 30
    with opened(tmp_path) as database:
        until = database.execute("SELECT max(paused_until) FROM crawl_slots").fetchone()[0]
    assert until > time.time() + 20


def test_a_host_that_never_answers_does_not_hold_the_workers_of_the_others(
    make_site_process: Any, tmp_path: Path
) -> None:
    site = make_site_process(books=200)
    done = itertools.count(1)

    def stop_after_200(event: Event) -> None:
        if isinstance(event, PageDone) and next(done) == 200:
            signal.raise_signal(signal.SIGTERM)

    with socket.socket() as silent:  # listens and never accepts: connections hang in its backlog
        silent.bind(("127.0.0.3", 0))
        silent.listen(64)
        summary = application.run(
            Catalogue,
            arguments={"site": f"{site.url},http://127.0.0.3:{silent.getsockname()[1]}", "books": "200"},
            settings={
                "store": str(tmp_path / "crawl.db"),
                "workers": 8,
                "deadline": 60,
                "timeout": 60,
                "robots": False,
                "max_time": 30.0,
                "grace": 0.1,
            },
            observers=[stop_after_200],
            signals=True,
        )

    assert summary.pages == 200
    assert summary.ending == "interrupted"
    assert len([url for url in site.record.hits if "/book/" in url]) == 200

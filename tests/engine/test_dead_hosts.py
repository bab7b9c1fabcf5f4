"""Hosts that do not answer: the cause is named within seconds, and nobody waits for them. With default settings."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, Spider
from crawler.cli.summary import one_line, summary_lines
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Certificates, Net, certificates, quick_net

__all__ = ["certificates", "quick_net"]

ENOUGH_S = 12.0  #: "within seconds"; it was 450 s


class Pages(Spider):
    """Begins at the addresses of `sites`, one item a page."""

    name = "pages"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = arguments["sites"].split()

    def parse(self, response: Response) -> Any:
        yield {"url": response.url}
        yield from response.follow_all(css="a")


def crawl(*sites: str, folder: Path, **settings: Any) -> Summary:
    """A run with default settings but for the place of its store."""
    options = {"store": str(folder / "crawl.db"), **settings}
    return crawler.run(Pages, arguments={"sites": " ".join(sites)}, settings=options)


@contextlib.contextmanager
def listening(serve: Any = None, *, backlog: int = 16) -> Iterator[str]:
    """A raw listener; *serve* gets each connection on a thread. Without it nothing is ever taken from the queue."""
    with contextlib.ExitStack() as closing:
        listener = closing.enter_context(socket.create_server(("127.0.0.1", 0), backlog=backlog))

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        serve(connection)

        if serve is not None:
            threading.Thread(target=take, daemon=True).start()
            closing.callback(listener.shutdown, socket.SHUT_RDWR)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


def garbage(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"220 mail.example ESMTP ready\r\n")


def plain_http(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def hangs_up(connection: socket.socket) -> None:
    connection.recv(4096)


def of_dead(summary: Summary, seconds: float, *words: str) -> None:
    """A run that brought nothing: soon over, not "finished", the cause in its first line, on the quiet line, too."""
    assert seconds < ENOUGH_S
    assert summary.exit_code != 0
    assert summary.ending != "finished"
    for line in (summary_lines(summary)[0], one_line(summary)):
        for word in words:
            assert word in line


@pytest.mark.parametrize("robots", [True, False], ids=["robots first", "page first"])
def test_a_refused_connection_ends_the_run_in_seconds_and_is_named_in_the_first_line(
    tmp_path: Path, robots: bool
) -> None:
    with nobody() as address:
        started = time.monotonic()
        summary = crawl(f"http://{address}/", folder=tmp_path, robots=robots)

    of_dead(summary, time.monotonic() - started, "connection refused", address)
    assert summary.errors == {"Unreachable": 1}


@pytest.mark.parametrize("robots", [True, False], ids=["robots first", "page first"])
def test_an_unknown_host_ends_the_run_in_seconds_and_is_named_in_the_first_line(tmp_path: Path, robots: bool) -> None:
    started = time.monotonic()
    summary = crawl("http://no-such-host.invalid/", folder=tmp_path, robots=robots)

    of_dead(summary, time.monotonic() - started, "there is no host named no-such-host.invalid")
    assert summary.errors == {"UnknownHost": 1}


def test_a_certificate_that_nobody_trusts_is_named_when_robots_txt_meets_it_first(
    tmp_path: Path, quick_net: Net, certificates: Certificates
) -> None:
    own = quick_net.host(tls=certificates.context("127.0.0.1"))
    started = time.monotonic()
    summary = crawl(f"{own.url}/", folder=tmp_path)

    of_dead(summary, time.monotonic() - started, "no trusted TLS connection", "not signed by anyone we trust")
    assert summary.errors == {"TLSFailed": 1}


def test_https_to_a_port_that_speaks_plain_http_is_named(tmp_path: Path) -> None:
    with listening(plain_http) as address:
        started = time.monotonic()
        summary = crawl(f"https://{address}/", folder=tmp_path)

    of_dead(summary, time.monotonic() - started, "it does not speak TLS")


def test_a_port_that_does_not_speak_http_is_named(tmp_path: Path) -> None:
    with listening(garbage) as address:
        started = time.monotonic()
        summary = crawl(f"http://{address}/", folder=tmp_path)

    of_dead(summary, time.monotonic() - started, "the answer is not HTTP")


def test_a_host_that_hangs_up_without_an_answer_is_given_up_soon(tmp_path: Path) -> None:
    with listening(hangs_up) as address:
        started = time.monotonic()
        summary = crawl(f"http://{address}/", folder=tmp_path, backoff=0.2)

    of_dead(summary, time.monotonic() - started, "the connection was closed without an answer")


def test_a_proxy_at_which_nobody_listens_is_named_as_the_proxy(tmp_path: Path) -> None:
    with nobody() as address:
        started = time.monotonic()
        summary = crawl("http://shop.example/", folder=tmp_path, proxy=f"http://ann:secret-word@{address}")

    of_dead(summary, time.monotonic() - started, "connection refused", "proxy", address)
    assert "secret-word" not in str(summary.as_dict())


def test_a_proxy_that_does_not_let_us_connect_is_named(tmp_path: Path) -> None:
    def refuses(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")

    with listening(refuses) as address:
        started = time.monotonic()
        summary = crawl("https://shop.example/", folder=tmp_path, proxy=f"http://{address}", backoff=0.2)

    of_dead(summary, time.monotonic() - started, "the proxy 127.0.0.1", "(status 407)")


def test_a_robots_txt_that_answers_503_is_asked_for_with_patience_and_its_status_is_reported(
    tmp_path: Path, quick_net: Net
) -> None:
    own = quick_net.host({"/robots.txt": Answer(503, b"later")})
    told: list[Any] = []
    settings = {"store": str(tmp_path / "crawl.db"), "max_time": 1.0}
    summary = crawler.run(Pages, arguments={"sites": own.url + "/"}, settings=settings, observers=[told.append])

    assert summary.waiting == 1  # not given up: it may pass
    warned = [event.message for event in told if isinstance(event, crawler.events.Warned)]
    assert any("answers 503" in text and "again in" in text for text in warned), warned
    assert len(own.seen("/")) == 0


def test_a_host_that_is_back_after_a_moment_is_crawled(tmp_path: Path, quick_net: Net) -> None:
    tries: list[int] = []

    def robots(call: WireRequest) -> Answer:
        tries.append(1)
        return Answer(reset_after=0) if len(tries) == 1 else Answer(404)

    own = quick_net.host({"/robots.txt": robots})
    summary = crawl(own.url + "/", folder=tmp_path)

    assert (summary.ending, summary.pages, len(tries)) == ("finished", 1, 2)


def test_dead_hosts_do_not_delay_the_live_ones(tmp_path: Path, quick_net: Net) -> None:
    live = [quick_net.host(address=f"127.0.0.{number}") for number in range(2, 32)]
    with contextlib.ExitStack() as closing:
        silent = [closing.enter_context(listening()) for _ in range(25)]  # taken by the kernel, never answered
        gone = [closing.enter_context(nobody()) for _ in range(5)]
        moments: list[float] = []

        def watch(event: Any) -> None:
            if isinstance(event, crawler.events.PageDone):
                moments.append(time.monotonic())

        sites = [f"http://{address}/" for address in silent + gone] + [f"{host.url}/" for host in live]
        started = time.monotonic()
        summary = crawler.run(
            Pages,
            arguments={"sites": " ".join(sites)},
            settings={"store": str(tmp_path / "crawl.db"), "max_time": 4.0, "grace": 0.2},
            observers=[watch],
        )

    assert summary.pages == 30
    assert max(moments) - started < 3.5
    assert summary.failed == 5


def test_dead_hosts_do_not_delay_the_live_ones_without_robots_txt(tmp_path: Path, quick_net: Net) -> None:
    live = [quick_net.host(address=f"127.0.0.{number}") for number in range(2, 32)]
    with contextlib.ExitStack() as closing:
        silent = [closing.enter_context(listening()) for _ in range(40)]
        moments: list[float] = []

        def watch(event: Any) -> None:
            if isinstance(event, crawler.events.PageDone):
                moments.append(time.monotonic())

        sites = [f"http://{address}/{page}" for address in silent for page in range(2)]
        sites += [f"{host.url}/{page}" for host in live for page in range(3)]
        started = time.monotonic()
        summary = crawler.run(
            Pages,
            arguments={"sites": " ".join(sites)},
            settings={"store": str(tmp_path / "crawl.db"), "max_time": 4.0, "grace": 0.2, "robots": False},
            observers=[watch],
        )

    assert summary.pages == 90
    assert max(moments) - started < 3.5


def test_a_host_that_never_answers_is_given_up_with_all_its_pages(tmp_path: Path, quick_net: Net) -> None:
    with nobody() as address:
        links = "".join(f"<a href='http://{address}/{number}'>x</a>" for number in range(300))
        own = quick_net.host({"/": Answer(body=links.encode())})

        class Wide(Pages):
            allowed_domains = ("127.0.0.1",)

        started = time.monotonic()
        summary = crawler.run(
            Wide, arguments={"sites": own.url + "/"}, settings={"store": str(tmp_path / "crawl.db"), "robots": False}
        )

    assert time.monotonic() - started < ENOUGH_S
    assert (summary.pages, summary.failed, summary.exit_code) == (1, 300, 1)
    assert summary.errors == {"Unreachable": 300}


def test_the_line_of_a_host_that_never_answered_names_its_own_cause_and_then_what_else_failed(
    tmp_path: Path, quick_net: Net
) -> None:
    own = quick_net.host({"/nope": Answer(404)})
    with nobody() as address:
        summary = crawl(f"{own.url}/", f"{own.url}/nope", f"http://{address}/x", folder=tmp_path, max_error_rate=0)

    line = summary_lines(summary)[0]
    assert f"{address} never answered, 1 request failed because of it: connection refused" in line
    assert f"; 1 other request failed: 404 from {own.url}/nope" in line


class WithErrback(Spider):
    """Asks for some pages of `site`, and notes what failed."""

    name = "with-errback"
    heard: list[str] = []

    def start(self) -> Iterator[Request]:
        for number in range(int(self.arguments["pages"])):
            yield Request(f"{self.arguments['site']}/{number}", errback="failed")

    def parse(self, response: Response) -> Any:
        yield {"url": response.url}

    def failed(self, error: Any) -> None:
        self.heard.append(type(error).__name__)


def test_the_errback_is_called_for_a_page_whose_host_is_given_up(tmp_path: Path) -> None:
    class Dead(WithErrback):
        heard: list[str] = []

    with nobody() as address:
        summary = crawler.run(
            Dead,
            arguments={"site": f"http://{address}", "pages": "1"},
            settings={"store": str(tmp_path / "crawl.db"), "robots": False, "retries": 9, "backoff": 0.01},
        )

    assert (summary.failed, Dead.heard) == (1, ["Unreachable"])


def test_the_errback_of_a_refused_guest_is_called_once_when_no_other_guest_is_let_in(
    tmp_path: Path, quick_net: Net
) -> None:
    class Guests(WithErrback):
        name = "guests"
        heard: list[str] = []
        sessions = ("one", "two")

    own = quick_net.host({"/0": Answer(403)})
    summary = crawler.run(
        Guests,
        arguments={"site": own.url, "pages": "1"},
        settings={"store": str(tmp_path / "crawl.db"), "robots": False, "retries": 2},
    )

    assert (len(own.seen("/0")), summary.failed, Guests.heard) == (3, 1, ["StatusError"])

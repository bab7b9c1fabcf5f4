"""While a login waits (429, trouble), `crawl top`, `status` and `sessions list` say so, why and until when."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.cli.status_commands import state_of
from crawler.output.live import HostState, LiveSession, ProcessState, process_of
from crawler.output.snapshots import judge
from crawler.stores.told_sessions import SessionRow
from crawler.testing.wire import Answer, WireRequest
from tests.forked import Forked
from tests.hosts import Net
from tests.looking.conftest import Crawl

SPIDER = """
from crawler import Spider

class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/1"]
    custom_settings = {{"retries": 0, "processes": 1}}

    def login(self, session):
        session.submit(session.get("{url}/login").form(), {{"username": "ann", "password": "pw-of-ann-71"}})

    def parse(self, response):
        yield {{"url": response.url}}
        yield from response.follow_all(css="a.on")
"""
FORM = b"<form method=post action=/login><input name=username><input type=password name=password></form>"


class Shop:
    """Lets in so many times; then the session ends, and the next login is asked to wait."""

    def __init__(self, lets_in: int) -> None:
        self.lets_in, self.logins, self.ended = lets_in, 0, False
        self.asked_to_wait = threading.Event()

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/login":
            if call.method == "GET":
                return Answer(body=FORM)
            self.logins += 1
            if self.logins > self.lets_in:
                self.asked_to_wait.set()
                return Answer(429, b"later", headers=[("Retry-After", "300")])
            return Answer(302, headers=[("Location", "/1"), ("Set-Cookie", "sid=1; Max-Age=3600")])
        self.ended = self.ended or call.path == "/2"
        if not self.ended and "sid=1" in call.headers.get("cookie", ""):
            return Answer(body=b"<a class=on href=/2>on</a><a href=/logout>log out</a>")
        return Answer(302, headers=[("Location", "/login")]) if call.path != "/robots.txt" else Answer(404)


@pytest.fixture
def lets_in() -> int:
    return 1


@pytest.fixture
def waiting(project: Path, lets_in: int) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose login waits."""
    shop, net = Shop(lets_in), Net()
    own = net.host({"/robots.txt": Answer(404), "*": shop})
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=own.url))
    command = (sys.executable, "-m", "crawler.cli", "run", "orders", "-q", "-s", "delay=0", "-s", "grace=0.1")
    with Forked(command, cwd=project) as process:
        assert shop.asked_to_wait.wait(20)
        yield process
        if process.poll() is None:
            process.kill()
    net.close()


def until(crawl: Crawl, *words: str) -> str:
    """What a command prints once it speaks of a login that waits."""
    ends = time.monotonic() + 20
    while "login waits until" not in (out := crawl(*words).out) and time.monotonic() < ends:
        threading.Event().wait(0.1)
    return out


def reported(
    *, waits: float = 1_900.0, other: float = 0.0, under_way: int = 0, held: int = 0, state: str = "working"
) -> ProcessState:
    """What a process says of itself that has a session whose login waits, and another."""
    sessions = [LiveSession("a", "expired", waits_until=waits), LiveSession("b", "ready", waits_until=other)]
    return ProcessState(
        0, "p", 1_000.0, 0, under_way, 16, hosts=[HostState("h", held=held)], sessions=sessions, state=state
    )


def test_a_login_that_waits_is_named_with_its_reason_and_time_by_each_command(
    waiting: subprocess.Popen[bytes], crawl: Crawl
) -> None:
    top = until(crawl, "top", "orders")
    status = crawl("status", "orders").out
    sessions = crawl("sessions", "list").out
    told = json.loads(crawl("top", "orders", "--json").out)["sessions"][0]
    (of_status,) = json.loads(crawl("status", "orders", "--json").out)["waiting_logins"]
    listed = json.loads(crawl("sessions", "list", "--json").out)

    for shown in (top, status, sessions):
        line = next(line for line in shown.splitlines() if "login waits until" in line)
        assert "the site is in trouble: 429 from" in line
        assert line.count(":") >= 3  # a time
        assert "pw-of-ann-71" not in shown
    assert told["waits_until"] == of_status["waits_until"] == listed["login_waits_until"]
    assert 200 < told["waits_until"] - time.time() < 330
    assert (listed["health"], listed["ends_at"], listed["why"]) == ("over", None, "it was found logged out")
    assert "expected end" in sessions
    assert "in 59 min" not in sessions


@pytest.mark.parametrize("lets_in", [0, 1])
def test_a_process_that_can_only_wait_for_a_login_is_not_said_to_be_working(
    waiting: subprocess.Popen[bytes], crawl: Crawl
) -> None:
    top = until(crawl, "top", "orders")
    workers = crawl("workers", "orders").out

    for shown in (top, workers):
        (line,) = (line for line in shown.splitlines() if f"process {waiting.pid}" in line and "run 1" not in line)
        assert "waits for the login of default until " in line
        assert "working" not in line


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (reported(), "waits for the login of a until "),
        (reported(other=2_000.0), "waits for 2 logins, the first until "),
        (reported(under_way=1), "working"),
        (reported(held=1), "working"),
        (reported(state="paused"), "paused"),
        (reported(waits=0.0), "working"),
    ],
    ids=["one", "two", "a page is under way", "a host holds a request", "paused", "none waits"],
)
def test_a_process_waits_for_a_login_only_where_it_has_nothing_else_to_do(process: ProcessState, said: str) -> None:
    assert state_of(process).startswith(said)


@pytest.mark.parametrize("lets_in", [0])
def test_the_first_login_ever_is_named_too_although_no_session_is_stored(
    waiting: subprocess.Popen[bytes], crawl: Crawl
) -> None:
    listed = until(crawl, "sessions", "list")

    assert "default: login waits until" in listed
    assert "session default: login waits until" in crawl("status", "orders").out


def test_nothing_is_said_any_more_once_the_run_is_gone(waiting: subprocess.Popen[bytes], crawl: Crawl) -> None:
    until(crawl, "top", "orders")
    waiting.kill()
    waiting.wait()

    assert "login waits" not in crawl("status", "orders").out + crawl("sessions", "list").out


@pytest.mark.parametrize("state", ["expired", "refused", "parked"])
def test_a_session_that_is_over_has_no_expected_end_ahead(state: str) -> None:
    cookie = {"name": "sid", "value": "1", "domain": "a.test", "path": "/", "expires": 1500.0}
    secret = json.dumps({"cookies": [cookie]})
    row = SessionRow("k", "default", state, 1, 1, secret, True, 1, 900.0, None, 950.0, 900.0)

    judged = judge(row, [], 1000.0)

    assert (judged.ends_at, judged.why) == (None, "it was found logged out")


def test_what_an_earlier_version_reported_about_a_session_is_read() -> None:
    word = ProcessState(0, "p", 1.0, 0, 0, 1, sessions=[LiveSession("default", "ready")]).as_dict()
    for each in word["sessions"]:
        del each["waits_until"], each["key"]

    read = process_of(word)

    assert read is not None
    assert read.sessions[0].waits_until == 0.0

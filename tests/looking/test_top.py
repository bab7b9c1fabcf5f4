"""`crawl top`: how runs fare, read from the store by another process, and what each process says of itself there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import StoreFull
from crawler.events import Summary
from crawler.frontier.host_slot import HostSlot
from crawler.frontier.politeness import Allowed, HostHealth
from crawler.output.live import MOST_HOSTS, HostState, ProcessState, look, name_of, process_of
from crawler.runs.heartbeat import EVERY_S, FIRST_S, IDLE_S, Heartbeat, SeenNow
from crawler.runs.stats import Stats
from crawler.settings import load
from crawler.stores.project import open_project_store
from crawler.testing.wire import Answer, WireRequest
from tests.forked import Forked
from tests.hosts import Net
from tests.looking.conftest import Crawl, Nights, leaks
from tests.sessions_e2e.terminal import at_a_terminal

SPIDER = """
from crawler import Spider

class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/1", "{url}/bad?token=tok-5d1e7a90c4b2"]
    custom_settings = {{"retries": 0, "processes": 1}}

    def parse(self, response):
        yield {{"url": response.url}}
        yield from response.follow_all(css="a")
"""


@pytest.fixture
def running(project: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that waits for the answer to its last page; ended after the test."""
    go_on = threading.Event()

    def page(call: WireRequest) -> Answer:
        if call.path == "/bad":
            return Answer(404)
        if call.path == "/2":
            go_on.wait(30)
        return Answer(body=b"<a href=/2>on</a>")

    net = Net()
    own = net.host({"/robots.txt": Answer(404), "*": page})
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=own.url))
    command = (sys.executable, "-m", "crawler.cli", "run", "orders", "-q", "-s", "grace=0.1")
    with Forked(command, cwd=project) as process:
        yield process
        go_on.set()
        if process.poll() is None:
            process.kill()
    net.close()


def spoken(project: Path) -> None:
    """Wait until the run has said something of itself, and of its first page."""
    deadline = time.monotonic() + 20
    while not ((project / "data" / "crawl.db").exists() and _has_spoken(project)):
        assert time.monotonic() < deadline, "the run said nothing of itself"
        time.sleep(0.05)


def _has_spoken(project: Path) -> bool:
    store = open_project_store(load(command_line={"store": str(project / "data" / "crawl.db")}), create=False)
    try:
        word = store.values.get(name_of(1, 0))
        return word is not None and word["pages"] > 0
    finally:
        store.close()


def test_a_run_is_watched_from_another_terminal_and_its_end_is_seen(
    project: Path, running: subprocess.Popen[bytes], crawl: Crawl
) -> None:
    spoken(project)
    (told,) = map(json.loads, crawl("top", "--json").out.splitlines())
    plain = crawl("top")
    with at_a_terminal("top", "orders", folder=project, columns=100, environ={"TERM": "xterm"}) as terminal:
        terminal.read_until("breaker closed")
        os.kill(terminal._process.pid, signal.SIGINT)
        assert terminal.ended() == 0
    running.kill()  # nothing tidies up after it
    running.wait()
    after = crawl("top", "orders").out

    assert (told["spider"], told["ending"], told["pages"], told["items"]) == ("orders", "running", 1, 1)
    assert f"process {running.pid}" in told["running"]
    assert told["requests"]["leased"] == told["processes"][0]["under_way"] == told["hosts"][0]["under_way"] == 1
    assert [each["name"] for each in told["sessions"]] == ["default"]
    (trouble,) = told["troubles"]
    assert (trouble["verdict"], trouble["error"]) == ("fail", "StatusError: 404")
    assert trouble["url"].endswith("/bad?token=***")
    assert plain.code == 0
    assert "1 page, 0 waiting, 1 in flight" in plain.out
    assert "\x1b" not in plain.out
    assert "the runs go on" in terminal.shown
    assert "killed" in after
    assert "last word" in after
    assert crawl("top").out.startswith("nothing is running; the last run was 1 of orders, killed at ")


def test_a_run_of_one_machine_is_listed_paused_set_going_again_and_told_to_leave(
    project: Path, running: subprocess.Popen[bytes], crawl: Crawl
) -> None:
    def state() -> str:
        (member,) = map(json.loads, crawl("workers", "--json").out.splitlines())
        assert (member["spider"], member["worker"], member["pages"], member["leads"]) == ("orders", 0, 1, True)
        return str(member["state"])

    def until(wanted: str) -> None:
        deadline = time.monotonic() + 20
        while state() != wanted:
            assert time.monotonic() < deadline, f"it is not {wanted}"
            time.sleep(0.05)

    spoken(project)
    until("working")
    assert "1 member of run 1 of orders will send nothing new" in crawl("pause", "orders").err
    until("paused")
    assert crawl("resume", "orders", "--worker", "0").code == 0
    until("working")
    assert "working, leads" in crawl("workers", "orders").out
    nobody = crawl("drain", "orders", "--worker", "7")
    assert (nobody.code, "no member '7'; there are: 0" in nobody.err) == (2, True)
    assert crawl("drain", "orders").code == 0

    assert running.wait(20) == 143
    for word in ("pause", "resume", "drain"):
        said = crawl(word, "orders")
        assert (said.code, "orders is not being crawled" in said.err) == (2, True)
    assert crawl("workers").out == "nobody is working on a crawl\n"


def test_top_after_the_end_says_how_it_went_and_shows_no_secret(nights: Nights, at_store: str, crawl: Crawl) -> None:
    ended = crawl("top", "shop", "--store", at_store)
    as_json = crawl("top", "shop", "--json", "--store", at_store).out

    assert ended.code == 0
    assert "shop  run 2, failures" in ended.out
    assert "pages, 0 waiting, 0 in flight" in ended.out
    assert leaks(ended.out + as_json, nights.secrets) == []
    assert crawl("top", "nobody", "--store", at_store).code == 2


class Values:
    """The one thing that a heartbeat needs of a store."""

    def __init__(self, error: Exception | None = None) -> None:
        self.kept: dict[str, Any] = {}
        self.writes, self._error = 0, error

    def set(self, name: str, value: Any, *, ttl_s: float | None = None, hot: bool = False) -> None:
        self.writes += 1
        if self._error is not None:
            raise self._error
        self.kept[name] = json.loads(json.dumps(value))


def heart(store: Any, hosts: list[HostSlot], stats: Stats) -> Heartbeat:
    me = ProcessState(0, "process 1 on a", 1000.0, 0, 0, 16)
    return Heartbeat(store, me, stats, SeenNow(lambda: hosts, Allowed(8, 4), list))


def test_a_process_reports_soon_then_while_something_happens_and_rarely_otherwise() -> None:
    stats, store = Stats(Summary("orders", run=7), []), Values()
    beating = heart(store, [], stats)

    spoken = []
    for tenth in range(1000):
        now = 1000.0 + tenth / 10
        stats.summary.pages = tenth if tenth < 100 else 100
        before = store.writes
        beating.beat(now, under_way=3)
        spoken += [now - 1000] * (store.writes > before)

    assert spoken[0] == pytest.approx(FIRST_S)
    assert spoken[1] - spoken[0] == pytest.approx(EVERY_S)
    assert spoken[-1] - spoken[-2] == pytest.approx(IDLE_S)
    assert len(spoken) <= 2 + 10 / EVERY_S + 90 / IDLE_S


def test_what_it_says_is_bounded_and_names_first_the_hosts_that_are_in_trouble() -> None:
    hosts = [HostSlot(f"h{number}", HostHealth(4.0), 0.0, under_way=1) for number in range(500)]
    hosts[250].error, hosts[251].paused_until = "Unreachable", 5000.0
    hosts[251].health.open_until = 5000.0
    store = Values()
    heart(store, hosts, Stats(Summary("orders", run=7), [])).beat(2000.0, 3)

    word = process_of(store.kept[name_of(7, 0)])
    assert word is not None
    assert len(word.hosts) == MOST_HOSTS
    assert [(each.name, each.breaker) for each in word.hosts[:3]][:2] == [("h250", "given up"), ("h251", "open")]
    assert word.hosts[1].paused_until == 5000.0
    assert len(json.dumps(store.kept)) < 8_000


def test_a_disk_that_is_full_ends_no_heartbeat() -> None:
    store = Values(StoreFull("crawl.db", "full"))
    beating = heart(store, [], Stats(Summary("orders", run=7), []))

    beating.beat(2000.0, 3)
    beating.beat(2000.0 + EVERY_S, 4)
    beating.over()  # nothing was written, so that nothing is taken away

    assert store.writes == 2


def test_hosts_of_several_processes_are_added_up_and_the_gravest_word_counts(nights: Nights) -> None:
    store = open_project_store(load(command_line={"store": nights.store}), create=False)
    try:
        for number, breaker in ((0, "closed"), (33, "open")):
            host = HostState("a.example", 0.5 * bool(number), 0.0, breaker, 2, 3, 4)
            word = ProcessState(number, f"process {number}", store.now(), 5, 2, 16, [host])
            store.values.set(name_of(2, number), word.as_dict(), ttl_s=60)
        view = look(store, "shop")
        for number in (0, 33):
            store.values.set(name_of(2, number), None)
    finally:
        store.close()

    assert view is not None
    assert view.hosts == [HostState("a.example", 0.5, 0.0, "open", 4, 6, 8)]
    assert [each.number for each in view.processes] == [0, 33]

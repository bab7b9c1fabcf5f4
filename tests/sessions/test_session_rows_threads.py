"""One session and many threads, over whole crawls: the rows L1 to L3 of the catalogue."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crawler import Identity, Request
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, stored
from tests.hosts import Net, cookie_page
from tests.sessions.member_site import FIELDS, Wide, truth


def test_L1_a_serial_session_is_never_refused_by_a_server_that_replaces_its_id(
    member_site: Any, tmp_path: Path
) -> None:
    class Serial(Wide):
        name = "serial"
        sessions = (Identity("default", serial=True),)

    site = member_site(rotate_cookie=True)

    summary = crawl(Serial, site.url, tmp_path, workers=8, per_host=8)

    assert stored(tmp_path, *FIELDS) == truth(site, "alice")
    assert summary.logins == 1
    assert site.record.refused["stale-session"] == 0


def test_L1_answers_that_overtake_each_other_leave_the_cookie_of_the_newest_request(net: Net) -> None:
    begun, overtaken = threading.Event(), threading.Event()

    def slow(call: WireRequest) -> Answer:
        begun.set()
        overtaken.wait(10)
        return cookie_page("sid=older")

    own = net.host({"/slow": slow, "/quick": cookie_page("sid=newer")})
    session = net.session(own.url)
    with ThreadPoolExecutor(1) as thread:
        older = thread.submit(session.get, f"{own.url}/slow")
        assert begun.wait(10)
        session.get(f"{own.url}/quick")
        overtaken.set()
        older.result()

    session.get(f"{own.url}/after")
    assert own.header("cookie", "/after") == ["sid=newer"]


def test_L1_as_many_sessions_as_named_log_in_once_each(member_site: Any, monkeypatch: Any, tmp_path: Path) -> None:
    class Three(Members):
        name = "three"
        sessions = ("alice", "bob", "carol")

    site = member_site(books=20)
    credentials(monkeypatch, **{account.username: account for account in site.accounts})

    summary = crawl(Three, site.url, tmp_path)

    assert summary.logins == 3
    assert site.record.logins == {"alice": 1, "bob": 1, "carol": 1}


def test_L2_a_request_among_3000_cookies_of_300_domains_is_prepared_in_a_third_of_a_millisecond(
    quick_net: Net,
) -> None:
    session = quick_net.session("http://site1.test/")
    for site in range(300):
        session.cookies.receive(f"http://site{site}.test/", [f"c{number}=1" for number in range(10)])
    request = Request("http://site1.test/page")

    def prepared_s() -> float:
        started = time.perf_counter()
        for _ in range(100):
            prepared = session.prepare_link(request)
        assert prepared.headers["Cookie"].count("=") == 10
        return (time.perf_counter() - started) / 100

    assert min(prepared_s() for _ in range(10)) < 0.0003


def test_L3_more_hosts_and_threads_than_connections_lose_no_request(net: Net) -> None:
    hosts = [
        net.host({"*": lambda call: Answer(body=f"{call.host}{call.path}".encode())}, address=f"127.0.0.{number}")
        for number in range(1, 13)
    ]
    session = net.session(*(host.url for host in hosts), adapter=net.adapter(connections=4))

    def fetch(number: int) -> tuple[str, str]:
        host = hosts[number % len(hosts)]
        return session.get(f"{host.url}/{number}").text, f"{host.url.split('/')[2].split(':')[0]}/{number}"

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(fetch, range(240)))

    assert all(got == wanted for got, wanted in answers)
    assert sum(len(host.calls) for host in hosts) == 240

"""Connections leave descriptors for files: a process opens no more of them than its limit allows, and waits instead."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crawler.fetching.descriptors import connections_allowed
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.urllib3_adapter import Urllib3Adapter
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net


class Watched:
    """Hosts that see how many connections are open, all together."""

    def __init__(self, count: int) -> None:
        self.most = 0
        self._open: set[Host] = set()
        self.hosts = [Host({"*": self._answer}, f"127.0.7.{number}", None) for number in range(1, count + 1)]
        self._lock = threading.Lock()
        self._busy = 0

    def _answer(self, call: WireRequest) -> Answer:
        with self._lock:
            self._busy += 1
            self.most = max(self.most, self._busy)
        threading.Event().wait(0.005)  # so that they meet
        with self._lock:
            self._busy -= 1
        return Answer(body=b"ok")

    def close(self) -> None:
        for host in self.hosts:
            host.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched(12)
    yield made
    made.close()


def opened(adapter: CurlAdapter | Urllib3Adapter) -> int:
    return adapter._open if isinstance(adapter, CurlAdapter) else adapter._places.open


both = pytest.mark.parametrize("kind", [CurlAdapter, Urllib3Adapter], ids=["curl", "urllib3"])


@both
def test_P6_24_threads_and_12_hosts_share_three_connections(
    kind: type[CurlAdapter | Urllib3Adapter], watched: Watched
) -> None:
    adapter, net = kind(connections=64, most=3), Net()
    session = net.session(adapter=adapter)
    urls = [host.url for host in watched.hosts] * 5

    with ThreadPoolExecutor(24) as threads:
        texts = list(threads.map(lambda url: session.get(url).text, urls))

    assert texts == ["ok"] * 60
    assert 1 <= watched.most <= 3
    assert opened(adapter) <= 3
    net.close()
    adapter.close()
    assert opened(adapter) == (3 if isinstance(adapter, CurlAdapter) else 0)


@both
def test_P6_a_request_waits_no_longer_for_a_connection_than_its_deadline(
    kind: type[CurlAdapter | Urllib3Adapter], watched: Watched
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(call: WireRequest) -> Answer:
        asked.set()
        go_on.wait(5)
        return Answer(body=b"ok")

    watched.hosts[0].routes["/slow"] = slow
    adapter, net = kind(connections=64, most=1), Net()
    patient, hurried = net.session(adapter=adapter), net.session(adapter=adapter)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(lambda: patient.get(f"{watched.hosts[0].url}/slow").text)
        assert asked.wait(5)
        hurried.sending.deadline_s = 0.1
        with pytest.raises(OSError, match="total deadline"):
            hurried.get(watched.hosts[1].url)
        go_on.set()
        first.result()

    net.close()
    adapter.close()


@both
def test_P6_a_connection_that_failed_makes_room(kind: type[CurlAdapter | Urllib3Adapter], watched: Watched) -> None:
    adapter, net = kind(connections=64, most=1), Net()
    session = net.session(adapter=adapter)

    for _ in range(3):
        with pytest.raises(OSError, match="refused"):
            session.get("http://127.0.0.1:9/")
        assert session.get(watched.hosts[0].url).text == "ok"
        assert session.get(watched.hosts[1].url).text == "ok"

    net.close()
    adapter.close()


def test_P6_a_connection_that_comes_back_to_a_pool_which_another_thread_closes_makes_room(watched: Watched) -> None:
    adapter, net = Urllib3Adapter(connections=64, most=1), Net()
    session = net.session(adapter=adapter)
    assert session.get(watched.hosts[0].url).text == "ok"
    (pool,) = [adapter.poolmanager.pools[key] for key in adapter.poolmanager.pools.keys()]  # noqa: SIM118 - no iterator
    put = pool.pool.put

    def closed_just_before(connection: Any, **options: Any) -> None:
        adapter._hang_up()  # as another thread does that makes room
        put(connection, **options)

    pool.pool.put = closed_just_before
    assert session.get(watched.hosts[0].url).text == "ok"

    assert opened(adapter) == 0  # although somebody holds the pool, as all do that wait
    assert session.get(watched.hosts[1].url).text == "ok"
    net.close()
    adapter.close()


@pytest.mark.parametrize(("soft", "allowed"), [(64, 8), (256, 72), (1024, 328), (20, 2)])
def test_P6_the_number_of_connections_follows_the_limit_of_descriptors(soft: int, allowed: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        found = connections_allowed()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found == allowed

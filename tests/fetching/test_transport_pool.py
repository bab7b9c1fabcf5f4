"""Connections of a transport: kept, never mixed up, closed; also with many threads, hosts and forks."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rawserver import OK, Connection, answer
from transports import fetch

from crawler.errors import BadAnswer, ConnectFailed, TimedOut, TLSFailed
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.limits import Limits


class TestPool:
    @pytest.mark.needs("keeps_connections")
    def test_a_connection_is_kept(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport()
        for _ in range(10):
            fetch(adapter, server.url())

        assert server.accepted == 1

    @pytest.mark.needs("keeps_connections")
    def test_a_connection_over_tls_is_kept_too(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport()
        for _ in range(5):
            fetch(adapter, server.url(), verify=authority.ca_file)

        assert server.accepted == 1

    @pytest.mark.needs("keeps_connections")
    def test_threads_never_open_more_connections_than_there_are_threads(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport(connections=8)
        with ThreadPoolExecutor(8) as threads:
            got = list(threads.map(lambda number: fetch(adapter, server.url(f"/{number}")).content, range(400)))

        assert got == [b"ok"] * 400
        assert server.accepted <= 8
        assert len(server.requests) == 400

    def test_answers_never_reach_another_thread(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            while request := connection.read():
                connection.send(answer(request.split()[1] * 50))

        servers = [serve(script) for _ in range(3)]
        adapter = transport(connections=4)

        def one(number: int) -> bool:
            return bool(fetch(adapter, servers[number % 3].url(f"/{number}")).content == b"/%d" % number * 50)

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(one, range(300)))

    def test_more_hosts_than_connections_lose_and_mix_nothing(self, transport: Any, serve: Any) -> None:
        servers = [serve(answer(b"from %d" % index), host=f"127.0.0.{index + 1}") for index in range(12)]
        adapter = transport(connections=3)

        with ThreadPoolExecutor(6) as threads:
            got = list(threads.map(lambda number: fetch(adapter, servers[number % 12].url()).content, range(240)))

        assert got == [b"from %d" % (number % 12) for number in range(240)]
        open_now = sum(len(server._open) for server in servers)
        deadline = time.monotonic() + 2
        while open_now > 6 and time.monotonic() < deadline:
            time.sleep(0.01)
            open_now = sum(len(server._open) for server in servers)
        assert open_now <= 6

    def test_what_was_learned_from_one_host_is_not_assumed_of_another(
        self, transport: Any, serve: Any, authority: Any
    ) -> None:
        """A full pool gives its handles to other hosts: their names must be checked again."""
        good = [serve(answer(b"%d" % index), tls=authority.context("127.0.0.1")) for index in range(3)]
        wrong = serve(OK, tls=authority.context("other.example"))
        adapter = transport(connections=1)

        for _ in range(2):
            got = [fetch(adapter, server.url(), verify=authority.ca_file).content for server in good]
            assert got == [b"0", b"1", b"2"]
            with pytest.raises(TLSFailed):
                fetch(adapter, wrong.url(), verify=authority.ca_file)

        assert wrong.requests == []

    def test_a_forgotten_transport_closes_its_connections(self, serve: Any) -> None:
        server = serve(OK)
        adapter = CurlAdapter()
        fetch(adapter, server.url())

        del adapter
        gc.collect()

        deadline = time.monotonic() + 2
        while server._open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server._open

    def test_a_closed_transport_says_so_and_leaves_nothing_open(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport()
        fetch(adapter, server.url())

        adapter.close()
        adapter.close()

        with pytest.raises(ConnectFailed, match="closed"):
            fetch(adapter, server.url())
        deadline = time.monotonic() + 2
        while server._open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server._open

    def test_closing_while_threads_send_is_safe(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport()
        results: list[object] = []
        begun = threading.Event()

        def work() -> None:
            for _ in range(10_000):
                try:
                    results.append(fetch(adapter, server.url()).content)
                    begun.set()
                except ConnectFailed as error:
                    results.append(error.why)
                    return

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert begun.wait(5)
        adapter.close()
        for thread in threads:
            thread.join(5)

        assert set(results) <= {b"ok", "the transport is closed"}
        deadline = time.monotonic() + 2
        while server._open and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server._open

    @pytest.mark.parametrize("where", ["before the head", "in the body", "in the handshake", "while sending"])
    def test_aborting_ends_what_is_under_way(self, transport: Any, serve: Any, where: str) -> None:
        waiting = threading.Event()

        def script(connection: Connection) -> None:
            if where == "in the handshake" or where == "while sending":
                waiting.set()
                connection.server.over.wait(10)
                return
            connection.read()
            if where == "in the body":
                connection.send(answer(b"half", length=8))
            waiting.set()
            connection.hold()

        server = serve(script)
        adapter = transport()
        url = server.url().replace("http:", "https:") if where == "in the handshake" else server.url()
        data = bytes(30_000_000) if where == "while sending" else None

        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(fetch, adapter, url, "POST" if data else "GET", data=data, timeout=30)
            assert waiting.wait(5)
            time.sleep(0.05)
            started = time.monotonic()
            adapter.abort_all()
            with pytest.raises(ConnectFailed):
                running.result(10)

        assert time.monotonic() - started < 1.5
        with pytest.raises(ConnectFailed):
            fetch(adapter, server.url())

    @pytest.mark.needs("keeps_connections")
    def test_a_forked_child_shares_no_connection(
        self, transport: Any, serve: Any, authority: Any, tmp_path: Path
    ) -> None:
        plain, secure = serve(OK), serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport()
        options = {"verify": authority.ca_file}
        fetch(adapter, plain.url("/parent"))
        fetch(adapter, secure.url("/parent"), **options)

        child = os.fork()
        if child == 0:  # pragma: no cover - runs in the child
            code = 1
            try:
                signal.alarm(10)
                fetch(adapter, plain.url("/child"))
                fetch(adapter, secure.url("/child"), **options)
                adapter.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        fetch(adapter, plain.url("/after"))
        fetch(adapter, secure.url("/after"), **options)

        assert (plain.accepted, secure.accepted) == (2, 2)

    def test_descriptors_above_what_select_can_watch_do_no_harm(self, transport: Any, serve: Any) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 1400:
            pytest.skip("this system gives no more than 1,024 descriptors")
        server = serve(OK, answer(b"two"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1400), hard))
        taken = []
        try:
            while not taken or taken[-1] < 1100:
                taken.append(os.dup(0))
            assert fetch(transport(), server.url()).content == b"ok"
            silent = serve(lambda connection: connection.hold())
            with pytest.raises(TimedOut):
                fetch(transport(), silent.url(), limits=Limits(deadline_s=0.2))
        finally:
            for number in taken:
                os.close(number)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    @pytest.mark.parametrize("name", ["libcurl_adapter.CurlAdapter", "urllib3_adapter.Urllib3Adapter"])
    def test_P6_few_descriptors_only_make_it_slower(self, serve: Any, name: str) -> None:
        servers = [serve(OK, host=f"127.0.1.{index + 1}") for index in range(40)]
        module, adapter = name.split(".")
        code = f"""
        import resource, sys
        from concurrent.futures import ThreadPoolExecutor
        sys.path.insert(0, {__file__.rpartition("/")[0]!r})
        from transports import fetch
        from crawler.fetching.{module} import {adapter}
        urls = {[server.url() for server in servers]!r}
        adapter = {adapter}(connections=32)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        with ThreadPoolExecutor(32) as threads:
            got = list(threads.map(lambda number: fetch(adapter, urls[number % 40]).content, range(400)))
        adapter.close()
        print(got.count(b"ok"))
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
        )

        assert (done.stdout, done.stderr) == ("400\n", "")

    def test_nothing_stays_open_after_errors(self, transport: Any, serve: Any) -> None:
        server = serve(lambda connection: connection.send(b"garbage\r\n\r\n"))
        adapter = transport()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            with pytest.raises(BadAnswer):
                fetch(adapter, server.url())
        adapter.close()
        server.close()

        ends = time.monotonic() + 5
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < ends:
            time.sleep(0.01)  # the server's side of a connection is closed by a thread of its own
        assert len(os.listdir("/proc/self/fd")) <= before

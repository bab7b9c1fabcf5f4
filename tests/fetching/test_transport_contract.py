"""What a transport promises to its session: requests as they were prepared, responses as requests makes them."""

from __future__ import annotations

import datetime
import gc
import hashlib
import io
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from rawserver import OK, Connection, answer
from requests.auth import HTTPBasicAuth, HTTPDigestAuth
from transports import fetch, send

from crawler.errors import BadAnswer, ConnectFailed, Refused, TimedOut, TLSFailed
from crawler.fetching.curl import CurlAdapter
from crawler.fetching.limits import Limits
from crawler.messages import Response


def session_on(adapter: Any) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def prepared(url: str, method: str = "GET", **headers: str) -> requests.PreparedRequest:
    """A request with these headers and no other."""
    request = requests.PreparedRequest()
    request.prepare_method(method)
    request.prepare_url(url, None)
    request.prepare_headers({name.replace("_", "-"): value for name, value in headers.items()})
    return request


def value_of_empty(lines: list[str]) -> str:
    """An empty value may stand behind a space or not."""
    return next(line for line in lines if line.startswith("Empty:"))[6:]


class TestResponse:
    def test_it_is_what_requests_would_make(self, transport: Any, serve: Any) -> None:
        headers = [
            "Content-Type: text/html; charset=latin-1",
            "X-Two: a",
            "Set-Cookie: a=1",
            "X-Two: b",
            "Set-Cookie: c=2",
        ]
        server = serve(answer("é".encode("latin-1"), status="203 Odd Reason", headers=headers))
        adapter = transport()

        got = fetch(adapter, server.url("/p?q=1"))

        assert type(got) is requests.Response
        assert (got.status_code, got.reason, got.url, got.ok) == (203, "Odd Reason", server.url("/p?q=1"), True)
        assert (got.content, got.text, got.encoding) == ("é".encode("latin-1"), "é", "latin-1")
        assert (got.headers["x-two"], got.headers["Content-Length"]) == ("a, b", "1")
        assert got.raw_headers == [
            ("Content-Length", "1"),
            *((name, value) for name, _, value in (line.partition(": ") for line in headers)),
        ]
        assert dict(got.cookies) == {"a": "1", "c": "2"}
        assert got.connection is adapter
        assert got.request.url == got.url
        assert (got.address, got.size_bytes) == ("127.0.0.1", 1)
        assert datetime.timedelta(0) < got.elapsed < datetime.timedelta(seconds=5)
        assert got.raw.closed
        assert got.raw.headers.getlist("set-cookie") == ["a=1", "c=2"]
        assert b"".join(got.iter_content(10)) == got.content
        got.close()

    def test_no_charset_means_no_encoding(self, transport: Any, serve: Any) -> None:
        assert fetch(transport(), serve(answer(b"x", headers=["Content-Type: text/html"])).url()).encoding is None

    def test_a_class_that_decodes_by_itself_is_told_no_encoding(self, transport: Any, serve: Any) -> None:
        """Or a byte order mark could not win over the header."""
        body = "\ufeffé".encode("utf-16-le")
        server = serve(answer(body, headers=["Content-Type: text/html; charset=utf-8"]))

        got = fetch(transport(response_class=Response), server.url())

        assert type(got) is Response
        assert (got.encoding, got.text) == (None, "é")

    def test_a_stream_is_read_already(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(answer(b"abc" * 100)).url(), stream=True)

        assert b"".join(got.iter_content(7)) == b"abc" * 100
        assert got.content == b"abc" * 100

    def test_the_fragment_stays_here(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        got = fetch(transport(), server.url("/p#part"))

        assert got.url == server.url("/p#part")
        assert server.requests[0].startswith(b"GET /p HTTP/1.1\r\n")


class TestRequest:
    def test_it_goes_out_as_it_was_prepared(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        headers = {"X-Last": "z", "User-Agent": "me", "Cookie": "a=1; b=2", "Empty": "", "Accept-Encoding": "br"}
        request = prepared(server.url(), **headers)
        request.url = server.url("/a/../b//c?x=%2F&y")

        send(transport(), request)

        first, host, *lines = server.requests[0].decode().split("\r\n")
        assert first == "GET /a/../b//c?x=%2F&y HTTP/1.1"
        assert host == f"Host: 127.0.0.1:{server.port}"
        assert [tuple(line.split(":", 1)) for line in lines[:-2]] == [
            (name, f" {value}" if value else value_of_empty(lines)) for name, value in headers.items()
        ]

    def test_nothing_is_added_but_host_and_codings(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        send(transport(), prepared(server.url()))

        names = {line.partition(":")[0].lower() for line in server.requests[0].decode().split("\r\n")[1:-2]}
        assert names == {"host", "accept-encoding"}

    def test_a_header_of_one_request_is_not_in_the_next(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport()

        for request in (prepared(server.url(), Cookie="a=1", Host="other.example"), prepared(server.url())):
            send(adapter, request)

        assert b"Host: other.example" in server.requests[0]
        assert b"Cookie" not in server.requests[1]
        assert b"other.example" not in server.requests[1]
        assert server.accepted == 1

    @pytest.mark.parametrize("value", ["grün", "日本", b"\xe9"], ids=["latin-1", "UTF-8", "bytes"])
    def test_values_beyond_ascii_arrive_as_bytes(self, transport: Any, serve: Any, value: Any) -> None:
        server = serve(OK)
        request = prepared(server.url())
        request.headers["X-Word"] = value
        send(transport(), request)

        expected = {"grün": "grün".encode("latin-1"), "日本": "日本".encode()}.get(value, value)
        assert b"X-Word: " + expected + b"\r\n" in server.requests[0]

    @pytest.mark.parametrize(
        "method", ["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "POST", "PATCH", "PROPFIND", "X-OWN"]
    )
    def test_any_method_goes_out_and_leaves_no_trace(self, transport: Any, serve: Any, method: str) -> None:
        server = serve(
            lambda connection: [
                connection.send(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + b"ok" * (not request.startswith(b"HEAD"))
                )
                for request in iter(connection.read, b"")
            ]
        )
        adapter = transport()

        got = fetch(adapter, server.url(), method)
        after = fetch(adapter, server.url())

        assert got.content == (b"" if method == "HEAD" else b"ok")
        assert after.content == b"ok"
        assert server.requests[0].startswith(f"{method} / HTTP/1.1".encode())
        assert server.requests[1].startswith(b"GET / HTTP/1.1")
        assert b"Content-" not in server.requests[1]

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET"])
    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            pytest.param(lambda: b"x" * 100_000, b"x" * 100_000, id="bytes"),
            pytest.param(lambda: {"a": "1", "b": "ü"}, b"a=1&b=%C3%BC", id="form"),
            pytest.param(lambda: "tëxt", "tëxt".encode(), id="text"),
            pytest.param(lambda: io.BytesIO(b"y" * 200_000), b"y" * 200_000, id="file"),
            pytest.param(lambda: io.StringIO("line\n"), b"line\n", id="text file"),
        ],
    )
    def test_bodies_arrive_whole(self, transport: Any, serve: Any, method: str, make: Any, expected: bytes) -> None:
        server = serve(OK)
        adapter = transport()

        for _ in range(2):
            assert fetch(adapter, server.url(), method, data=make()).content == b"ok"

        for request in server.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            assert body == expected
            assert head.lower().count(b"content-length: %d" % len(expected)) == 1
            assert b"expect" not in head.lower()

    def test_a_generator_goes_out_in_chunks(self, transport: Any, serve: Any) -> None:
        server = serve(OK)

        fetch(transport(), server.url(), "POST", data=(piece for piece in (b"abc", "dëf", b"", b"x" * 100_000)))

        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.lower().count(b"transfer-encoding: chunked") == 1
        assert b"content-length" not in head.lower()
        whole, rest = b"", body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            whole, rest = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        assert whole == b"abc" + "dëf".encode() + b"x" * 100_000

    def test_a_body_that_breaks_raises_its_own_error(self, transport: Any, serve: Any) -> None:
        def pieces() -> Any:
            yield b"abc"
            raise LookupError("the source has gone")

        adapter, server = transport(), serve(OK)
        with pytest.raises(LookupError, match="the source has gone"):
            fetch(adapter, server.url(), "POST", data=pieces())

        assert fetch(adapter, server.url()).content == b"ok"

    def test_an_answer_before_the_body_has_gone_is_taken(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.socket.recv(1000)
            connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            connection.socket.shutdown(socket.SHUT_WR)
            connection.hold()

        got = fetch(transport(), serve(script).url(), "POST", data=bytes(3_000_000))

        assert (got.status_code, got.content) == (413, b"no")

    def test_a_timeout_that_is_none_is_said(self, transport: Any, serve: Any) -> None:
        with pytest.raises(TypeError, match="timeout"):
            fetch(transport(), serve(OK).url(), timeout="soon")


class TestOnASession:
    def test_redirects_and_cookies_are_left_to_requests(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            while request := connection.read():
                if request.startswith(b"GET /2"):
                    connection.send(answer(b"there"))
                else:
                    connection.send(
                        answer(b"", status="302 Found", headers=["Location: /2", "Set-Cookie: sid=1; Path=/"])
                    )

        server = serve(script)
        with session_on(transport()) as session:
            got = session.get(server.url("/1"), timeout=5)

        assert (got.content, [each.status_code for each in got.history]) == (b"there", [302])
        assert b"Cookie: sid=1" in server.requests[1]

    def test_basic_auth_works(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        with session_on(transport()) as session:
            session.get(server.url(), auth=HTTPBasicAuth("user", "pass"), timeout=5)

        assert b"Authorization: Basic dXNlcjpwYXNz" in server.requests[0]

    @pytest.mark.parametrize("body", [None, b"abc"], ids=["GET", "POST"])
    def test_digest_auth_works(self, transport: Any, serve: Any, body: bytes | None) -> None:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        def script(connection: Connection) -> None:
            while request := connection.read():
                fields = dict(re.findall(r'(\w+)="?([^",]+)', request.decode().partition("Authorization:")[2]))
                method = request.split()[0].decode()
                if fields:
                    secret = md5("user:realm:pass"), fields["nonce"], fields["nc"], fields["cnonce"], "auth"
                    fits = fields["response"] == md5(":".join([*secret, md5(f"{method}:/")]))
                    connection.send(answer(b"in" if fits else b"wrong"))
                else:
                    challenge = 'WWW-Authenticate: Digest realm="realm", nonce="n", qop="auth"'
                    connection.send(answer(b"", status="401 No", headers=[challenge, "Set-Cookie: from401=1"]))

        server = serve(script)
        with session_on(transport()) as session:
            got = session.request(
                "POST" if body else "GET", server.url(), data=body, auth=HTTPDigestAuth("user", "pass"), timeout=5
            )

        assert (got.status_code, got.content) == (200, b"in")
        assert b"from401=1" in server.requests[1]


class TestPool:
    def test_a_connection_is_kept(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        adapter = transport()
        for _ in range(10):
            fetch(adapter, server.url())

        assert server.accepted == 1

    def test_so_is_one_over_tls(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))
        adapter = transport()
        for _ in range(5):
            fetch(adapter, server.url(), verify=authority.ca_file)

        assert server.accepted == 1

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

    def test_what_was_learned_from_one_host_is_not_believed_of_another(
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

    @pytest.mark.parametrize("name", ["curl.CurlAdapter", "pooled.PooledAdapter"])
    def test_P6_few_descriptors_make_it_slower_and_nothing_else(self, serve: Any, name: str) -> None:
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

        assert len(os.listdir("/proc/self/fd")) <= before


def test_limits_of_the_request_win_over_those_of_the_adapter(transport: Any, serve: Any) -> None:
    adapter = transport(limits=Limits(max_size_bytes=10))
    server = serve(answer(b"x" * 100))

    assert len(fetch(adapter, server.url(), limits=Limits(max_size_bytes=100)).content) == 100


def test_a_head_request_with_a_body_is_refused(transport: Any, serve: Any) -> None:
    with pytest.raises(Refused):
        fetch(transport(), serve(OK).url(), "HEAD", data=b"x")


def test_names_of_resolve_serve_virtual_hosts(transport: Any, serve: Any, authority: Any) -> None:
    server = serve(OK, tls=authority.context("shop.example"))
    adapter = transport(resolve={"shop.example": ["127.0.0.1"]})

    assert fetch(adapter, f"https://shop.example:{server.port}/", verify=authority.ca_file).content == b"ok"
    assert f"Host: shop.example:{server.port}".encode() in server.requests[0]


def test_addresses_of_version_6_are_spoken(transport: Any, serve: Any) -> None:
    try:
        server = serve(OK, host="::1")
    except OSError:
        pytest.skip("this system has no IPv6")
    got = fetch(transport(), f"http://[::1]:{server.port}/")

    assert (got.content, got.address) == (b"ok", "::1")
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]

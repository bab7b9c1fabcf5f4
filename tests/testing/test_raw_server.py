"""The server that sends scripted bytes."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest
import requests
import trustme

from crawler.testing.raw import CLOSE, HOLD, READ, RESET, Drip, Endless, Pause, RawServer, Until, answer


def test_each_connection_follows_its_script_and_the_last_one_serves_the_rest(make_raw_server) -> None:
    server = make_raw_server([READ, answer(b"first", close=True), CLOSE], [READ, answer(b"others", close=True)])

    bodies = [requests.get(server.url, timeout=5).content for _ in range(3)]

    assert bodies == [b"first", b"others", b"others"]
    assert len(server.connections) == 3


def test_everything_that_came_is_kept_byte_by_byte(make_raw_server) -> None:
    server = make_raw_server([READ, answer(b"1"), READ, answer(b"2")])
    with requests.Session() as session:
        session.post(f"{server.url}/a", data=b"body", timeout=5)
        session.post(f"{server.url}/b", data=iter([b"in ", b"chunks"]), timeout=5)

    assert [request.split(b" ")[1] for request in server.requests] == [b"/a", b"/b"]
    assert server.requests[0].endswith(b"\r\n\r\nbody")
    assert server.requests[1].endswith(b"\r\n\r\n3\r\nin \r\n6\r\nchunks\r\n0\r\n\r\n")
    assert server.received == [server.requests[0] + server.requests[1]]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param([READ, RESET], requests.ConnectionError, id="reset"),
        pytest.param([READ, CLOSE], requests.ConnectionError, id="close"),
        pytest.param([READ, b"no http\r\n\r\n", CLOSE], requests.ConnectionError, id="no-http"),
        pytest.param([READ, answer(b"half", length=8), CLOSE], requests.exceptions.ChunkedEncodingError, id="cut"),
        pytest.param([READ, HOLD], requests.ReadTimeout, id="silence"),
        pytest.param([READ, Drip(answer(b"x" * 50), every_s=0.3), CLOSE], requests.ReadTimeout, id="too-slow"),
    ],
)
def test_connections_end_as_scripted(make_raw_server, script, error) -> None:
    server = make_raw_server(script)

    with pytest.raises(error):
        requests.get(server.url, timeout=0.1 if error is requests.ReadTimeout else 5)


def test_bytes_drip_at_the_pace_of_the_script(make_raw_server) -> None:
    server = make_raw_server([READ, answer(b"", length=4), Drip(b"abcd", every_s=0.03, size=2)])
    started = time.monotonic()

    body = requests.get(server.url, timeout=5).content

    assert body == b"abcd"
    assert time.monotonic() - started >= 0.06


def test_a_script_waits_for_the_test(make_raw_server) -> None:
    go = threading.Event()
    server = make_raw_server([READ, Until(go), answer(b"now")])
    with socket.create_connection((server.host, server.port), timeout=0.1) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        go.set()
        connection.settimeout(5)
        assert connection.recv(1) == b"H"


def test_a_body_without_end_stops_at_its_limit_or_when_the_reader_leaves(make_raw_server) -> None:
    limited = make_raw_server([READ, b"HTTP/1.1 200 OK\r\n\r\n", Endless(b"x" * 1000, most_bytes=50_000), CLOSE])
    endless = make_raw_server([READ, b"HTTP/1.1 200 OK\r\n\r\n", Endless(b"x" * 1000)])

    body = requests.get(limited.url, timeout=5).content
    with requests.get(endless.url, stream=True, timeout=5) as answered:
        answered.raw.read(10_000)

    assert len(body) == 50_000
    assert endless.connections[0].done.wait(10)
    assert isinstance(endless.connections[0].error, OSError)


def test_a_function_may_do_whatever_else_is_needed(make_raw_server) -> None:
    def mirror(connection) -> None:
        request = connection.read_request()
        connection.send(answer(request.split(b" ")[1], close=True))

    server = make_raw_server([mirror, CLOSE])

    assert requests.get(f"{server.url}/seen", timeout=5).content == b"/seen"


def test_T13_a_second_answer_may_follow_that_nobody_asked_for(make_raw_server) -> None:
    server = make_raw_server([READ, answer(b"1") + answer(b"unasked")])
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        received = b""
        while not received.endswith(b"unasked"):
            received += connection.recv(65536)

    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_it_uses_tls_if_it_has_a_context_and_keeps_the_handshake_error(make_raw_server, tmp_path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = make_raw_server([READ, answer(b"secret", close=True), CLOSE], tls=context)

    body = requests.get(server.url, verify=str(tmp_path / "ca.pem"), timeout=5).content
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.url, timeout=5)

    assert server.url.startswith("https://")
    assert body == b"secret"
    assert server.connections[1].done.wait(10)
    assert isinstance(server.connections[1].error, ssl.SSLError)


def test_connections_are_counted_as_they_open(make_raw_server) -> None:
    server = make_raw_server([HOLD])
    with socket.create_connection((server.host, server.port)), socket.create_connection((server.host, server.port)):
        assert server.wait_for_connections(2)
        assert not server.wait_for_connections(3, seconds=0.01)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([READ], id="reading"),
        pytest.param([Pause(60)], id="pausing"),
        pytest.param([Until(threading.Event())], id="waiting"),
        pytest.param([Drip(b"abc", every_s=60)], id="dripping"),
        pytest.param([Endless(b"x" * 65536)], id="sending"),
        pytest.param([HOLD], id="holding"),
    ],
)
def test_closing_ends_every_thread_whatever_its_script_is_at(script) -> None:
    before = set(threading.enumerate())
    server = RawServer(script)
    with socket.create_connection((server.host, server.port)):
        assert server.wait_for_connections(1)
        started = time.monotonic()
        server.close()
        server.close()

    assert time.monotonic() - started < 5
    assert set(threading.enumerate()) == before


def test_a_tls_handshake_that_never_comes_does_not_hold_up_closing() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = RawServer([READ], tls=context)
    with socket.create_connection((server.host, server.port)):
        assert server.wait_for_connections(1)
        started = time.monotonic()
        server.close()

    assert time.monotonic() - started < 5


def test_a_server_without_a_script_is_refused() -> None:
    with pytest.raises(ValueError, match="script"):
        RawServer()

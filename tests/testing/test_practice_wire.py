"""How the practice site's server reads requests: what crawlers send, and what they should not."""

from __future__ import annotations

import re
import socket

import pytest


def talk(site, *pieces: bytes) -> bytes:
    """Sends the pieces on one connection, then reads until the site hangs up."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_requests_sent_ahead_are_answered_in_order(practice_site) -> None:
    answer = talk(
        practice_site, b"GET /status/201 HTTP/1.1\r\nHost: x\r\n\r\nGET /status/202 HTTP/1.1\r\nHost: x\r\n\r\n"
    )

    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"201", b"202"]


def test_a_request_may_come_byte_by_byte(practice_site) -> None:
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"

    answer = talk(practice_site, *(request[index : index + 1] for index in range(len(request))))

    assert b'"body": "abc"' in answer


def test_a_body_in_chunks_is_put_together(practice_site) -> None:
    answer = talk(
        practice_site,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"4;x=y\r\nab\r\n\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
        b"GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n",
    )

    assert b'"body": "ab\\r\\nc"' in answer
    assert b"HTTP/1.1 204" in answer


def test_a_client_that_asks_first_is_told_to_go_on(practice_site) -> None:
    answer = talk(
        practice_site,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        b"ok",
    )

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b'"body": "ok"' in answer


def test_head_is_answered_without_a_body_but_with_its_length(practice_site) -> None:
    whole = talk(practice_site, b"GET /book/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    head = talk(practice_site, b"HEAD /book/1 HTTP/1.1\r\nHost: x\r\n\r\n")

    body = whole.partition(b"\r\n\r\n")[2]
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head


@pytest.mark.parametrize(
    ("request_line", "header", "stays"),
    [
        pytest.param("GET / HTTP/1.1", "Connection: close", False, id="close"),
        pytest.param("GET / HTTP/1.1", "X: y", True, id="http-1.1"),
        pytest.param("GET / HTTP/1.0", "X: y", False, id="http-1.0"),
        pytest.param("GET / HTTP/1.0", "Connection: Keep-Alive", True, id="http-1.0-keep-alive"),
    ],
)
def test_connections_stay_open_as_the_client_wishes(practice_site, request_line, header, stays) -> None:
    request = f"{request_line}\r\nHost: x\r\n{header}\r\n\r\n".encode()

    answer = talk(practice_site, request, request)

    assert answer.count(b"HTTP/1.1 200 OK") == (2 if stays else 1)
    assert (b"Connection: close" in answer) is not stays


def test_a_request_as_a_proxy_gets_it_is_answered_for_its_path(practice_site) -> None:
    talk(practice_site, b"GET http://elsewhere.example/book/3?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert practice_site.record.hits == {f"{practice_site.url}/book/3?a=1": 1}


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no-request-line"),
        pytest.param(b"GET / HTTP/2.0\r\n\r\n", id="other-version"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="no-colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", id="space-before-colon"),
        pytest.param(b"POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n", id="negative-length"),
        pytest.param(b"POST /echo HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", id="giant-length"),
        pytest.param(b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", id="cut-body"),
        pytest.param(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="no-chunk-size"),
        pytest.param(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", id="giant-chunk"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000, id="giant-head"),
    ],
)
def test_an_invalid_request_is_answered_with_400_and_ends_the_connection(practice_site, request_bytes) -> None:
    answer = talk(practice_site, request_bytes)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"Connection: close" in answer
    assert practice_site.record.hits == {}


def test_a_visitor_who_leaves_at_once_disturbs_nobody(practice_site, visit) -> None:
    host, port = practice_site.url.removeprefix("http://").split(":")
    for _ in range(5):
        socket.create_connection((host, int(port)), timeout=10).close()

    assert visit(practice_site).see("/").status_code == 200

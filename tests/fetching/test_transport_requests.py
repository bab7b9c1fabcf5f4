"""What a transport sends: the request as it was prepared, to the host that it names."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest
import requests
from rawserver import OK, Connection
from transports import fetch, send

from crawler.errors import Refused


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


class TestRequest:
    @pytest.mark.needs("own_headers_alone")
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

    @pytest.mark.needs("own_headers_alone")
    def test_nothing_is_added_but_host_and_codings(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        send(transport(), prepared(server.url()))

        names = {line.partition(":")[0].lower() for line in server.requests[0].decode().split("\r\n")[1:-2]}
        assert names == {"host", "accept-encoding"}

    @pytest.mark.needs("keeps_connections")
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

    def test_an_answer_before_the_body_was_sent_is_accepted(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.socket.recv(1000)
            connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            connection.socket.shutdown(socket.SHUT_WR)
            connection.hold()

        got = fetch(transport(), serve(script).url(), "POST", data=bytes(3_000_000))

        assert (got.status_code, got.content) == (413, b"no")

    def test_an_invalid_timeout_is_reported(self, transport: Any, serve: Any) -> None:
        with pytest.raises(TypeError, match="timeout"):
            fetch(transport(), serve(OK).url(), timeout="soon")


def test_a_head_request_with_a_body_is_refused(transport: Any, serve: Any) -> None:
    with pytest.raises(Refused):
        fetch(transport(), serve(OK).url(), "HEAD", data=b"x")


def test_names_of_resolve_serve_virtual_hosts(transport: Any, serve: Any, authority: Any) -> None:
    server = serve(OK, tls=authority.context("shop.example"))
    adapter = transport(resolve={"shop.example": ["127.0.0.1"]})

    assert fetch(adapter, f"https://shop.example:{server.port}/", verify=authority.ca_file).content == b"ok"
    assert f"Host: shop.example:{server.port}".encode() in server.requests[0]


def test_ip_version_6_addresses_are_supported(transport: Any, serve: Any) -> None:
    try:
        server = serve(OK, host="::1")
    except OSError:
        pytest.skip("this system has no IPv6")
    got = fetch(transport(), f"http://[::1]:{server.port}/")

    assert (got.content, got.address) == (b"ok", "::1")
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]

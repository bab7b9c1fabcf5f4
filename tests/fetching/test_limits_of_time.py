"""Limits of time and of redirects, on every transport."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rawserver import OK, Connection, answer
from transports import fetch

from crawler.errors import BadAnswer, Incomplete, TimedOut, TooLarge
from crawler.fetching.limits import REDIRECT_BYTES, Limits
from tests.fetching.floods import MEGABYTE, SMALL, endless, zeros


class TestRedirects:
    @pytest.mark.needs("keeps_connections")
    def test_Z3_the_body_of_a_redirect_is_never_decoded(self, transport: Any, serve: Any) -> None:
        bomb = zeros("gzip")
        assert len(bomb) < REDIRECT_BYTES
        server = serve(answer(bomb, status="302 Found", headers=["Location: /2", "Content-Encoding: gzip"]))
        adapter = transport(limits=SMALL)

        got = fetch(adapter, server.url())

        assert (got.status_code, got.content, got.headers["Location"]) == (302, b"", "/2")
        assert fetch(adapter, server.url()).status_code == 302
        assert server.accepted == 1

    def test_Z3_a_long_body_of_a_redirect_is_cut_and_the_connection_closed(self, transport: Any, serve: Any) -> None:
        server = serve(
            endless(
                b"HTTP/1.1 302 Found\r\nLocation: /2\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"400\r\n%b\r\n" % bytes(1024),
            ),
            OK,
        )
        adapter = transport()

        assert fetch(adapter, server.url()).status_code == 302
        assert fetch(adapter, server.url()).content == b"ok"
        assert server.accepted == 2

    def test_Z3_a_redirect_that_says_it_is_long_is_not_read(self, transport: Any, serve: Any) -> None:
        server = serve(endless(b"HTTP/1.1 302 Found\r\nLocation: /2\r\nContent-Length: 99999999\r\n\r\n", bytes(1024)))

        got = fetch(transport(limits=SMALL), server.url())

        assert (got.status_code, got.content) == (302, b"")

    def test_Z3_a_short_plain_body_of_a_redirect_is_kept(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(answer(b"moved", status="302 Found", headers=["Location: /2"])).url())

        assert got.content == b"moved"

    def test_Z3_an_error_page_that_is_a_bomb_is_too_large(self, transport: Any, serve: Any) -> None:
        server = serve(answer(zeros("gzip"), status="500 Oops", headers=["Content-Encoding: gzip"]))

        with pytest.raises(TooLarge):
            fetch(transport(limits=SMALL), server.url())


class TestTime:
    def test_Z4_an_endless_chunk_size_line_is_ended(self, transport: Any, serve: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"

        with pytest.raises((TimedOut, Incomplete, BadAnswer)):
            fetch(transport(), serve(endless(head, b"x" * 1000)).url(), limits=Limits(deadline_s=0.5))

    def test_Z4_endless_trailers_are_ended(self, transport: Any, serve: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

        with pytest.raises((TimedOut, Incomplete, BadAnswer)):
            fetch(transport(), serve(endless(head, b"a: b\r\n")).url(), limits=Limits(deadline_s=0.5))

    @pytest.mark.parametrize("at", ["head", "body"])
    def test_Z5_an_answer_sent_byte_by_byte_hits_the_total_deadline(self, transport: Any, serve: Any, at: str) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            whole = answer(b"x" * 500)
            if at == "body":
                head, _, whole = whole.partition(b"\r\n\r\n")
                connection.send(head + b"\r\n\r\n")
            connection.drip(whole, 0.02)

        server = serve(script)
        started = time.monotonic()

        with pytest.raises(TimedOut, match="deadline"):
            fetch(transport(), server.url(), limits=Limits(deadline_s=0.4), timeout=5)

        assert 0.3 < time.monotonic() - started < 1.2

    @pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\nX: y", answer(b"half", length=8)])
    def test_Z5_silence_hits_the_read_timeout(self, transport: Any, serve: Any, after: bytes) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            connection.send(after)
            connection.hold()

        started = time.monotonic()
        with pytest.raises(TimedOut, match="silent"):
            fetch(transport(), serve(script).url(), timeout=(5, 0.3))

        assert 0.2 < time.monotonic() - started < 1.2

    def test_Z5_a_server_that_thinks_is_not_silent_for_longer_than_allowed(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            connection.drip(OK, 0.01)

        assert fetch(transport(), serve(script).url(), timeout=(5, 1)).content == b"ok"

    def test_Z5_an_endless_body_hits_the_size_limit(self, transport: Any, serve: Any) -> None:
        with pytest.raises(TooLarge):
            fetch(transport(limits=SMALL), serve(endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536))).url())

    def test_Z5_a_body_slower_than_the_minimum_speed_is_given_up(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            connection.drip(b"x" * 500, 0.02)

        limits = Limits(deadline_s=20, min_speed_bytes_s=10_000, min_speed_for_s=0.3)
        started = time.monotonic()

        with pytest.raises(TimedOut, match="slower than"):
            fetch(transport(), serve(script).url(), limits=limits)

        assert time.monotonic() - started < 2

    def test_Z5_a_body_that_is_fast_enough_passes(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            connection.drip(b"x" * 100, 0.005)

        limits = Limits(min_speed_bytes_s=5, min_speed_for_s=0.4)
        assert len(fetch(transport(), serve(script).url(), limits=limits).content) == 100

    def test_Z5_a_server_that_does_not_read_hits_the_deadline(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.server.over.wait(10)

        with pytest.raises(TimedOut):
            fetch(transport(), serve(script).url(), "POST", data=bytes(20 * MEGABYTE), limits=Limits(deadline_s=0.5))

"""Answers that nobody expects: interim ones, unasked ones, and the odd but legal (rows T1, T13, T14 and B24)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from rawserver import CHUNKED, EARLY, OK, Connection, answer, in_turn, once
from transports import fetch

from crawler.errors import (
    BadAnswer,
)
from crawler.fetching.limits import INTERIM, Limits


class TestInterim:
    @pytest.mark.needs("keeps_connections")
    def test_T1_answers_of_1xx_are_skipped_and_the_connection_stays_in_step(self, transport: Any, serve: Any) -> None:
        server = serve(in_turn(EARLY * 3 + answer(b"first"), b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"second")))
        adapter = transport()

        first, second = fetch(adapter, server.url()), fetch(adapter, server.url())

        assert (first.status_code, first.content) == (200, b"first")
        assert "Link" not in first.headers
        assert (second.status_code, second.content) == (200, b"second")
        assert server.accepted == 1

    def test_T1_too_many_1xx_answers_are_a_bad_answer(self, transport: Any, serve: Any) -> None:
        server = serve(EARLY * (INTERIM + 1) + OK)

        with pytest.raises(BadAnswer, match="1xx"):
            fetch(transport(), server.url())

    def test_T1_as_many_1xx_answers_as_allowed_are_skipped(self, transport: Any, serve: Any) -> None:
        assert fetch(transport(), serve(EARLY * INTERIM + OK).url()).content == b"ok"

    def test_T1_an_endless_row_of_1xx_answers_ends(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            while connection.send(EARLY * 50):
                pass

        with pytest.raises(BadAnswer):
            fetch(transport(), serve(script).url(), limits=Limits(deadline_s=5))

    def test_T1_an_unasked_switch_of_protocols_is_a_bad_answer(self, transport: Any, serve: Any) -> None:
        server = serve(once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + OK))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())


class TestUnaskedAnswers:
    @pytest.mark.parametrize(
        "extra",
        [
            pytest.param(answer(b"evil"), id="a whole one"),
            pytest.param(answer(b"evil")[:20], id="half of one"),
            pytest.param(answer(b"e" * 200_000), id="a large one"),
            pytest.param(b"\r\n", id="an empty line"),
        ],
    )
    def test_T13_an_answer_that_nobody_asked_for_is_never_taken(self, transport: Any, serve: Any, extra: bytes) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            connection.send(answer(b"first") + extra)
            if connection.read():
                connection.send(extra[20:] + answer(b"second"))

        server = serve(script, answer(b"second"))
        adapter = transport()

        assert fetch(adapter, server.url("/1")).content == b"first"
        assert fetch(adapter, server.url("/2")).content == b"second"

    def test_T13_nor_one_that_comes_later(self, transport: Any, serve: Any) -> None:
        sent = threading.Event()

        def script(connection: Connection) -> None:
            connection.read()
            connection.send(answer(b"first"))
            threading.Event().wait(0.05)
            connection.send(answer(b"evil"))
            sent.set()
            connection.hold()

        server = serve(script, answer(b"second"))
        adapter = transport()

        assert fetch(adapter, server.url("/1")).content == b"first"
        assert sent.wait(5)
        assert fetch(adapter, server.url("/2")).content == b"second"


class TestOddButLegal:
    @pytest.mark.parametrize(
        ("data", "status", "content"),
        [
            pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok", 200, b"ok", id="line ends of LF only"),
            pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", id="204 without a length"),
            pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b"", id="304 with a length"),
            pytest.param(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", id="no reason"),
            pytest.param(b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok", id="ended by the end of the connection"),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", id="a folded line"
            ),
            pytest.param(CHUNKED + b"2;x=y\r\nok\r\n0\r\nTrailer: x\r\n\r\n", 200, b"ok", id="extension and trailer"),
            pytest.param(b"HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", 299, b"", id="an unknown status"),
        ],
    )
    def test_T14_what_is_odd_but_legal_is_accepted(
        self, transport: Any, serve: Any, data: bytes, status: int, content: bytes
    ) -> None:
        got = fetch(transport(), serve(once(data)).url())

        assert (got.status_code, got.content) == (status, content)

    def test_T14_a_trailer_is_not_a_header(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(once(CHUNKED + b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n")).url())

        assert got.raw_headers == [("Transfer-Encoding", "chunked")]

    @pytest.mark.parametrize("character", ["\r", "\0"], ids=["bare CR", "NUL"])
    def test_B24_a_control_character_in_a_header_makes_no_second_one(
        self, transport: Any, serve: Any, character: str
    ) -> None:
        server = serve(answer(b"ok", headers=[f"X-A: a{character}Set-Cookie: injected=1"]))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())

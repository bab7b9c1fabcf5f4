"""Answers that are cut, damaged, contradict themselves or are no HTTP: rows T2 to T5, T11 and T12."""

from __future__ import annotations

import gzip
import random
from typing import Any

import pytest
from rawserver import CHUNKED, EARLY, OK, RawServer, answer, in_turn, once
from transports import fetch

from crawler.errors import (
    BadAnswer,
    ConnectFailed,
    FetchError,
    Incomplete,
    TimedOut,
)
from crawler.fetching.limits import Limits


def gzipped(size: int = 20_000) -> bytes:
    return gzip.compress(bytes(index * 7919 % 251 for index in range(size)))


class TestBrokenBodies:
    def test_T2_a_cut_gzip_body_with_a_fitting_length_is_incomplete(self, transport: Any, serve: Any) -> None:
        half = gzipped()[:-100]
        server = serve(answer(half, headers=["Content-Encoding: gzip"]))

        with pytest.raises(Incomplete, match="gzip"):
            fetch(transport(), server.url())

    def test_T2_a_whole_gzip_body_is_decoded(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(answer(gzipped(), headers=["Content-Encoding: gzip"])).url())

        assert got.content == gzip.decompress(gzipped())
        assert got.size_bytes == len(gzipped())

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(answer(b"half", length=8), id="fewer bytes than Content-Length"),
            pytest.param(
                answer(gzipped()[:500], length=9000, headers=["Content-Encoding: gzip"]),
                id="gzip cut by the connection",
            ),
            pytest.param(CHUNKED + b"4\r\nhalf\r\n", id="chunked without its end"),
            pytest.param(CHUNKED + b"8\r\nhalf", id="cut inside a chunk"),
        ],
    )
    def test_T3_a_truncated_body_is_incomplete(self, transport: Any, serve: Any, data: bytes) -> None:
        with pytest.raises(Incomplete):
            fetch(transport(), serve(once(data)).url())

    @pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", b"HTTP/1.1 200 OK\r\n", EARLY])
    def test_T3_a_head_that_is_cut_is_never_an_answer(self, transport: Any, serve: Any, data: bytes) -> None:
        with pytest.raises(ConnectFailed):
            fetch(transport(), serve(once(data)).url())

    @pytest.mark.parametrize(
        "chunks",
        [
            pytest.param(b"zz\r\nhalf\r\n0\r\n\r\n", id="not hexadecimal"),
            pytest.param(b"F" * 20 + b"\r\nhalf", id="giant"),
        ],
    )
    def test_T4_broken_chunks_are_worth_another_try(self, transport: Any, serve: Any, chunks: bytes) -> None:
        with pytest.raises(Incomplete):
            fetch(transport(), serve(once(CHUNKED + chunks)).url())

    def test_T4_a_wrong_checksum_is_worth_another_try(self, transport: Any, serve: Any) -> None:
        data = bytearray(gzipped())
        data[-6] ^= 0xFF

        with pytest.raises(Incomplete, match="damaged"):
            fetch(transport(), serve(answer(bytes(data), headers=["Content-Encoding: gzip"])).url())

    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_T5_plain_text_labelled_as_compressed_is_a_bad_answer(
        self, transport: Any, serve: Any, coding: str
    ) -> None:
        server = serve(answer(b"<html>plain</html>", headers=[f"Content-Encoding: {coding}"]))

        with pytest.raises(BadAnswer, match="labelled"):
            fetch(transport(), server.url())


class TestNotHttp:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param(b"<html>no status line</html>\r\n" * 5, id="HTML"),
            pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, id="TLS bytes"),
            pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="SSH"),
            pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="no number for a status"),
            pytest.param(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", id="no header line"),
            pytest.param(b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n", id="bare CR in the status line"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n", id="space before a colon"),
        ],
    )
    def test_T11_an_answer_that_is_not_http_is_permanent(self, transport: Any, serve: Any, data: bytes) -> None:
        server = serve(once(data))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())

        assert len(server.requests) == 1

    def test_T11_tls_on_a_plain_url_is_not_http(self, transport: Any, serve: Any, authority: Any) -> None:
        server: RawServer = serve(OK, tls=authority.context("127.0.0.1"))

        with pytest.raises(FetchError) as caught:
            fetch(transport(), server.url().replace("https:", "http:"))

        assert isinstance(caught.value, BadAnswer | ConnectFailed)  # an alert, or just the end of the connection

    @pytest.mark.parametrize(
        "lengths",
        [
            pytest.param(["Content-Length: 2", "Content-Length: 20"], id="two"),
            pytest.param(["Content-Length: 2, 20"], id="two in a line"),
            pytest.param(["Content-Length: -2"], id="negative"),
            pytest.param(["Content-Length: two"], id="a word"),
            pytest.param(["Content-Length: "], id="none"),
        ],
    )
    def test_T12_contradicting_lengths_are_refused_and_the_connection_closed(
        self, transport: Any, serve: Any, lengths: list[str]
    ) -> None:
        head = "\r\n".join(["HTTP/1.1 200 OK", *lengths, "", ""]).encode()
        server = serve(in_turn(head + b"ok"), OK)
        adapter = transport()

        with pytest.raises(BadAnswer):
            fetch(adapter, server.url("/1"))

        assert fetch(adapter, server.url("/2")).content == b"ok"
        assert server.accepted == 2

    def test_T12_chunked_wins_over_a_length_but_the_connection_is_not_used_again(
        self, transport: Any, serve: Any
    ) -> None:
        both = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        server = serve(in_turn(both, OK), OK)
        adapter = transport()

        assert fetch(adapter, server.url("/1")).content == b"ok"
        assert fetch(adapter, server.url("/2")).content == b"ok"
        assert server.accepted == 2

    def test_T12_the_same_length_twice_is_harmless(self, transport: Any, serve: Any) -> None:
        server = serve(answer(b"ok", headers=["Content-Length: 2"]))

        assert fetch(transport(), server.url()).content == b"ok"

    def test_T12_an_unknown_transfer_encoding_is_refused(self, transport: Any, serve: Any) -> None:
        server = serve(once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())


SEEDS = (
    OK,
    answer(gzip.compress(b"hello" * 50), headers=["Content-Encoding: gzip"]),
    CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: x\r\n\r\n",
    EARLY + answer(b"body", status="302 Found", headers=["Location: /x"]),
    b"HTTP/1.0 200 OK\nContent-Type: text/html\n\nold",
)
SPLINTERS = (
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b":",
    b",",
    b"-",
    b"9",
    b"\xff",
    b"\r\n\r\n",
    b"HTTP/1.1",
    b"Content-Length: 3\r\n",
    b"",
)


def test_any_damage_to_an_answer_ends_in_a_response_or_in_one_of_our_errors(transport: Any, serve: Any) -> None:
    chance = random.Random(11)
    sent = [b""]
    server = serve(lambda connection: (connection.read(), connection.send(sent[0])))
    adapter = transport(limits=Limits(deadline_s=3))
    ended: set[object] = set()

    for _ in range(250):
        data = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(data))
            data[place : place + chance.randint(0, 3)] = chance.choice(SPLINTERS)
        sent[0] = bytes(data)
        try:
            ended.add(fetch(adapter, server.url()).status_code // 100)
        except FetchError as error:
            ended.add(type(error))

    assert {2, 3, BadAnswer, ConnectFailed, Incomplete} <= ended
    assert TimedOut not in ended

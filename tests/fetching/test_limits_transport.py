"""Answers that are too large, too slow or too many: the rows Z1 to Z9 of the catalogue, on both transports."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import textwrap
import time
import zlib
from functools import cache
from typing import Any

import pytest
from rawserver import OK, Connection, answer
from transports import fetch

from crawler.errors import BadAnswer, ConnectFailed, Incomplete, TimedOut, TooLarge
from crawler.fetching.decoding import ACCEPT_ENCODING
from crawler.fetching.limits import CODINGS, REDIRECT_BYTES, Limits

MEGABYTE = 1024 * 1024
SMALL = Limits(max_size_bytes=MEGABYTE)


@cache
def one_read() -> bytes:
    """192 MB in less than what is read from a socket at once."""
    packer = zlib.compressobj(1, wbits=31)
    piece = bytes(1 << 20)
    return gzip.compress(b"".join([*(packer.compress(piece) for _ in range(192)), packer.flush()]))


def zeros(coding: str, size_bytes: int = 20 * MEGABYTE) -> bytes:
    """Compressed zeros, made without holding them."""
    if coding == "br":
        brotli: Any = pytest.importorskip("brotli", "1.2")
        return bytes(brotli.compress(bytes(size_bytes), quality=5))
    packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw deflate": -15}[coding])
    pieces = [packer.compress(bytes(MEGABYTE)) for _ in range(size_bytes // MEGABYTE)]
    return b"".join([*pieces, packer.flush()])


def endless(head: bytes, piece: bytes) -> Any:
    """A script that never stops sending *piece*."""

    def script(connection: Connection) -> None:
        connection.read()
        connection.send(head)
        while connection.send(piece):
            pass

    return script


class TestSize:
    @pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "br"])
    def test_Z1_a_bomb_is_too_large(self, transport: Any, serve: Any, coding: str) -> None:
        server = serve(answer(zeros(coding), headers=[f"Content-Encoding: {coding.split()[-1]}"]))

        with pytest.raises(TooLarge, match="1048576"):
            fetch(transport(limits=SMALL), server.url())

        assert len(server.requests) == 1

    @pytest.mark.parametrize("name", ["libcurl_adapter.CurlAdapter", "urllib3_adapter.Urllib3Adapter"])
    @pytest.mark.parametrize("kind", ["bomb", "plain"])
    def test_Z1_the_peak_of_memory_stays_near_the_limit(self, name: str, kind: str) -> None:
        """A limit of 24 MB, against 200 MB of zeros in gzip and against 23 MB that pass: less than 16 MB on top."""
        module, adapter = name.split(".")
        code = f"""
        import resource, sys, zlib
        sys.path.insert(0, {__file__.rpartition("/")[0]!r})
        from rawserver import RawServer, answer
        from transports import fetch
        from crawler.errors import TooLarge
        from crawler.fetching.limits import Limits
        from crawler.fetching.{module} import {adapter}
        if {kind!r} == "bomb":
            packer = zlib.compressobj(wbits=31)
            body = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(200)), packer.flush()])
            data = answer(body, headers=["Content-Encoding: gzip"])
        else:
            body = b"x" * (23 << 20)
            data = answer(body)
        adapter = {adapter}(limits=Limits(max_size_bytes=24 << 20))
        with RawServer(answer(b"ok")) as first, RawServer(data) as second:
            fetch(adapter, first.url())
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                assert fetch(adapter, second.url()).content == body
                seen = "plain"
            except TooLarge:
                seen = "bomb"
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            adapter.close()
        print(seen, after - before)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=True
        )
        seen, grown_kilobytes = done.stdout.split()
        assert seen == kind
        assert int(grown_kilobytes) < (24 + 16) * 1024

    @pytest.mark.parametrize("end", ["deadline", "stop"])
    def test_Z1_an_answer_that_is_being_decoded_ends_with_the_deadline_and_with_the_run(
        self, transport: Any, serve: Any, end: str
    ) -> None:
        adapter = transport()
        if end == "stop":

            class Sink(io.RawIOBase):
                def writable(self) -> bool:
                    return True

                def write(self, data: Any) -> int:
                    adapter.abort_all()
                    return len(data)

            limits, sink, error = Limits(max_size_bytes=None), Sink(), ConnectFailed
        else:
            limits, sink, error = Limits(max_size_bytes=None, deadline_s=0.1), io.BytesIO(), TimedOut
        server = serve(answer(one_read(), headers=["Content-Encoding: gzip, gzip"]))

        began = time.process_time()
        with pytest.raises(error):
            fetch(adapter, server.url(), limits=limits, sink=sink)

        assert time.process_time() - began < 1.5

    def test_Z1_a_body_of_exactly_the_limit_passes(self, transport: Any, serve: Any) -> None:
        whole = bytes(MEGABYTE)
        adapter = transport(limits=SMALL)

        plain = fetch(adapter, serve(answer(whole)).url())
        packed = fetch(adapter, serve(answer(gzip.compress(whole), headers=["Content-Encoding: gzip"])).url())

        assert plain.content == packed.content == whole

    def test_Z2_chains_of_encodings_are_undone_up_to_a_limit(self, transport: Any, serve: Any) -> None:
        packed = b"text"
        for _ in range(CODINGS):
            packed = gzip.compress(packed)
        labels = ", ".join(["gzip"] * CODINGS)

        got = fetch(transport(), serve(answer(packed, headers=[f"Content-Encoding: {labels}"])).url())
        assert got.content == b"text"

        with pytest.raises(BadAnswer, match="encodings"):
            fetch(transport(), serve(answer(packed, headers=[f"Content-Encoding: {labels}, gzip"])).url())

    def test_Z2_a_bomb_in_a_bomb_is_too_large(self, transport: Any, serve: Any) -> None:
        server = serve(
            answer(gzip.compress(zeros("gzip")), headers=["Content-Encoding: gzip", "Content-Encoding: gzip"])
        )

        with pytest.raises(TooLarge):
            fetch(transport(limits=SMALL), server.url())

    def test_Z2_an_unknown_encoding_is_a_bad_answer(self, transport: Any, serve: Any) -> None:
        with pytest.raises(BadAnswer, match="compress"):
            fetch(transport(), serve(answer(b"x", headers=["Content-Encoding: compress"])).url())


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
    def test_Z4_a_chunk_size_line_without_end_ends(self, transport: Any, serve: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"

        with pytest.raises((TimedOut, Incomplete, BadAnswer)):
            fetch(transport(), serve(endless(head, b"x" * 1000)).url(), limits=Limits(deadline_s=0.5))

    def test_Z4_trailers_without_end_end(self, transport: Any, serve: Any) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

        with pytest.raises((TimedOut, Incomplete, BadAnswer)):
            fetch(transport(), serve(endless(head, b"a: b\r\n")).url(), limits=Limits(deadline_s=0.5))

    @pytest.mark.parametrize("at", ["head", "body"])
    def test_Z5_an_answer_byte_by_byte_meets_the_total_deadline(self, transport: Any, serve: Any, at: str) -> None:
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
    def test_Z5_silence_meets_the_read_timeout(self, transport: Any, serve: Any, after: bytes) -> None:
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

    def test_Z5_a_body_without_end_meets_the_size(self, transport: Any, serve: Any) -> None:
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

    def test_Z5_a_server_that_does_not_read_meets_the_deadline(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.server.over.wait(10)

        with pytest.raises(TimedOut):
            fetch(transport(), serve(script).url(), "POST", data=bytes(20 * MEGABYTE), limits=Limits(deadline_s=0.5))


class TestHeads:
    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param(["X: " + "a" * 400_000], id="one line above libcurl's own limit"),
            pytest.param([f"X-{index}: a" for index in range(9000)], id="more lines than libcurl takes"),
            pytest.param([f"X-{index}: {'a' * 60_000}" for index in range(90)], id="90 lines of 60 kB"),
        ],
    )
    def test_Z8_bombs_of_headers_are_permanent(self, transport: Any, serve: Any, lines: list[str]) -> None:
        server = serve(answer(b"ok", headers=lines))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())

        assert len(server.requests) == 1

    def test_Z8_a_head_without_end_is_permanent(self, transport: Any, serve: Any) -> None:
        with pytest.raises(BadAnswer):
            fetch(transport(), serve(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100)).url())

    @pytest.mark.parametrize(
        "lines",
        [
            pytest.param([f"Set-Cookie: c{n}=; Max-Age=0; Path=/" for n in range(130)], id="130 cookies are deleted"),
            pytest.param([f"X-{n}: a" for n in range(2_000)], id="2,000 lines of a gateway"),
            pytest.param([f"Link: <https://site.example/{n}>; rel=preload" for n in range(2_000)], id="2,000 alike"),
            pytest.param(["Content-Security-Policy: " + "a" * 90_000], id="one line of 90 kB"),
            pytest.param([f"X-{n}: {'a' * 60_000}" for n in range(4)], id="240 kB in all"),
            pytest.param(["X: a", *[" " * 100] * 2_000], id="a line folded 2,000 times"),
        ],
    )
    def test_Z8_heads_that_browsers_take_are_taken(self, transport: Any, serve: Any, lines: list[str]) -> None:
        assert fetch(transport(), serve(answer(b"ok", headers=lines)).url()).content == b"ok"

    def test_Z8_as_many_headers_as_allowed_pass(self, transport: Any, serve: Any) -> None:
        got = fetch(
            transport(), serve(answer(b"ok", headers=[f"X-{index}: {'a' * 2000}" for index in range(99)])).url()
        )

        assert len(got.raw_headers) == 100


class TestLargeBodies:
    def test_Z9_a_body_that_says_it_is_too_large_is_not_read(self, transport: Any, serve: Any) -> None:
        sent: list[int] = []

        def script(connection: Connection) -> None:
            connection.read()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
            while len(sent) < 1600 and connection.send(bytes(65536)):
                sent.append(1)

        with pytest.raises(TooLarge):
            fetch(transport(), serve(script).url())

        assert len(sent) < 400

    def test_Z9_a_head_request_for_something_large_passes(self, transport: Any, serve: Any) -> None:
        server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\nContent-Encoding: gzip\r\n\r\n")

        got = fetch(transport(), server.url(), "HEAD")

        assert (got.status_code, got.content) == (200, b"")

    def test_Z9_a_sink_takes_the_body_in_constant_memory(self, transport: Any, serve: Any) -> None:
        class Counter(io.RawIOBase):
            size = 0
            largest = 0

            def write(self, data: Any) -> int:
                self.size, self.largest = self.size + len(data), max(self.largest, len(data))
                return len(data)

        sink = Counter()
        server = serve(answer(zeros("gzip"), headers=["Content-Encoding: gzip"]))

        got = fetch(transport(limits=Limits(max_size_bytes=None)), server.url(), sink=sink)

        assert (got.content, sink.size) == (b"", 20 * MEGABYTE)
        assert sink.largest <= 256 * 1024

    def test_Z9_a_sink_has_its_limit_too(self, transport: Any, serve: Any) -> None:
        with pytest.raises(TooLarge):
            fetch(transport(limits=SMALL), serve(answer(bytes(2 * MEGABYTE))).url(), sink=io.BytesIO())

    def test_Z9_an_error_page_does_not_go_into_the_sink(self, transport: Any, serve: Any) -> None:
        sink = io.BytesIO()

        got = fetch(transport(), serve(answer(b"not here", status="404 Not Found")).url(), sink=sink)

        assert (got.content, sink.getvalue()) == (b"not here", b"")

    def test_Z9_a_sink_that_breaks_raises_its_own_error(self, transport: Any, serve: Any) -> None:
        class Full(io.RawIOBase):
            def write(self, data: Any) -> int:
                raise OSError(28, "No space left on device")

        adapter = transport()
        server = serve(answer(b"x" * 1000))

        with pytest.raises(OSError, match="No space"):
            fetch(adapter, server.url(), sink=Full())

        assert fetch(adapter, server.url()).content == b"x" * 1000


def test_what_is_offered_can_be_decoded(transport: Any, serve: Any) -> None:
    server = serve(OK)
    fetch(transport(), server.url())

    assert f"accept-encoding: {ACCEPT_ENCODING}".encode() in server.requests[0].lower()

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

from crawler.errors import BadAnswer, ConnectFailed, TimedOut, TooLarge
from crawler.fetching.decoding import ACCEPT_ENCODING
from crawler.fetching.limits import CODINGS, Limits
from tests.fetching.floods import MEGABYTE, SMALL, endless, zeros


@cache
def one_read() -> bytes:
    """192 MB in less than what is read from a socket at once."""
    packer = zlib.compressobj(1, wbits=31)
    piece = bytes(1 << 20)
    return gzip.compress(b"".join([*(packer.compress(piece) for _ in range(192)), packer.flush()]))


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

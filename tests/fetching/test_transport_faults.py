"""Broken, odd and hostile servers: the rows T1 to T14 of the catalogue of faults, on both transports."""

from __future__ import annotations

import datetime
import gzip
import random
import socket
import ssl
import subprocess
import sys
import threading
from typing import Any

import pytest
from rawserver import OK, Connection, RawServer, answer
from transports import fetch

from crawler.errors import (
    BadAnswer,
    ConnectFailed,
    FetchError,
    Incomplete,
    TimedOut,
    TLSFailed,
    UnknownHost,
)
from crawler.fetching.limits import INTERIM, Limits

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def gzipped(size: int = 20_000) -> bytes:
    return gzip.compress(bytes(index * 7919 % 251 for index in range(size)))


def in_turn(*answers: bytes) -> Any:
    """A script that sends *answers*, one a request, on one connection."""

    def script(connection: Connection) -> None:
        for each in answers:
            if not connection.read():
                return
            connection.send(each)
        connection.hold()

    return script


def once(data: bytes) -> Any:
    """A script that sends *data* and closes."""

    def script(connection: Connection) -> None:
        connection.read()
        connection.send(data)

    return script


class TestInterim:
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


class TestResets:
    @pytest.mark.parametrize("how", ["reset", "close"])
    def test_T6_no_answer_at_all_is_a_failed_connection(self, transport: Any, serve: Any, how: str) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            if how == "reset":
                connection.reset()

        server = serve(script)
        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url())
        assert server.accepted == 1

    def test_T6_a_reset_inside_the_body_is_incomplete(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.read()
            # More than the buffers of both sides take: when it is sent, the client has read the beginning
            connection.send(answer(b"half" * 4_000_000, length=20_000_000))
            connection.reset()

        with pytest.raises(Incomplete):
            fetch(transport(), serve(script).url())

    def test_T6_a_post_without_an_answer_is_sent_once(self, transport: Any, serve: Any) -> None:
        server = serve(once(b""))

        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url(), "POST", data={"password": "x"})

        assert len(server.requests) == 1

    def test_T6_a_refused_connection_is_a_failed_connection(self, transport: Any, serve: Any) -> None:
        server = serve(OK)
        server.close()

        with pytest.raises(ConnectFailed):
            fetch(transport(), server.url())


def stale(connection: Connection) -> None:
    """Promises keep-alive, and drops the connection when the second request has been read."""
    connection.read()
    connection.send(OK)
    connection.read()


class TestStaleConnections:
    def test_T7_a_get_on_a_dead_connection_is_sent_again_at_once(self, transport: Any, serve: Any) -> None:
        server = serve(stale, OK)
        adapter = transport()

        fetch(adapter, server.url("/1"))
        second = fetch(adapter, server.url("/2"))

        assert second.content == b"ok"
        assert [each.split()[1] for each in server.requests] == [b"/1", b"/2", b"/2"]

    def test_T7_it_is_sent_again_only_once(self, transport: Any, serve: Any) -> None:
        server = serve(stale, once(b""))
        adapter = transport()
        fetch(adapter, server.url("/1"))

        with pytest.raises(ConnectFailed):
            fetch(adapter, server.url("/2"))

        assert len(server.requests) == 3

    @pytest.mark.parametrize("data", [b"password=x", b""], ids=["with a body", "without a body"])
    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_T7_what_may_change_things_is_never_sent_twice(
        self, transport: Any, serve: Any, method: str, data: bytes
    ) -> None:
        server = serve(stale, once(b""))
        adapter = transport()
        fetch(adapter, server.url("/1"))

        with pytest.raises(ConnectFailed):
            fetch(adapter, server.url("/login"), method, data=data)

        assert [each.split()[0] for each in server.requests] == [b"GET", method.encode()]

    def test_T7_a_put_is_sent_again_with_its_whole_body(self, transport: Any, serve: Any) -> None:
        server = serve(stale, OK)
        adapter = transport()
        fetch(adapter, server.url("/1"))

        assert fetch(adapter, server.url("/2"), "PUT", data=b"x" * 1000).content == b"ok"

        assert [each.split(b"\r\n\r\n")[1] for each in server.requests[1:]] == [b"x" * 1000] * 2

    def test_T7_a_connection_closed_in_between_is_not_even_tried(self, transport: Any, serve: Any) -> None:
        server = serve(once(OK), OK)
        adapter = transport()
        fetch(adapter, server.url("/1"))
        assert server.wait_for_end()

        assert fetch(adapter, server.url("/2"), "POST", data=b"x").content == b"ok"
        assert len(server.requests) == 2


class TestTLS:
    def test_T8_a_trusted_certificate_is_accepted(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        assert fetch(transport(), server.url(), verify=authority.ca_file).content == b"ok"

    @pytest.mark.parametrize(
        ("names", "options", "words"),
        [
            pytest.param(["other.example"], {}, "for another", id="wrong host"),
            pytest.param(
                ["127.0.0.1"],
                {"not_after": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)},
                "expired",
                id="expired",
            ),
        ],
    )
    def test_T8_a_bad_certificate_is_permanent_and_says_why(
        self, transport: Any, serve: Any, authority: Any, names: list[str], options: dict[str, Any], words: str
    ) -> None:
        if "not_after" in options:
            options["not_before"] = datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)
        server = serve(OK, tls=authority.context(*names, **options))

        with pytest.raises(TLSFailed, match=words):
            fetch(transport(), server.url(), verify=authority.ca_file)

        assert server.requests == []

    def test_T8_an_unknown_issuer_is_not_trusted(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        with pytest.raises(TLSFailed, match="nobody that we trust"):
            fetch(transport(), server.url(), verify=True)

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
    def test_T8_tls_1_1_is_not_spoken(self, transport: Any, serve: Any, authority: Any) -> None:
        context = authority.context("127.0.0.1")
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        server = serve(OK, tls=context)

        with pytest.raises(TLSFailed, match=r"no TLS 1\.2"):
            fetch(transport(), server.url(), verify=authority.ca_file)

    def test_T8_a_plain_server_on_an_https_url_is_not_asked_in_plain(self, transport: Any, serve: Any) -> None:
        server = serve(lambda connection: connection.send(b"HTTP/1.0 400 Bad Request\r\n\r\n"))

        with pytest.raises(TLSFailed, match="does not speak TLS"):
            fetch(transport(), server.url().replace("http:", "https:"))

    def test_T8_a_connection_lost_in_the_handshake_may_be_tried_again(self, transport: Any, serve: Any) -> None:
        def script(connection: Connection) -> None:
            connection.socket.recv(100)
            connection.reset()

        with pytest.raises(ConnectFailed):
            fetch(transport(), serve(script).url().replace("http:", "https:"))

    def test_T8_a_missing_file_of_certificates_is_said(self, transport: Any, serve: Any, authority: Any) -> None:
        server = serve(OK, tls=authority.context("127.0.0.1"))

        with pytest.raises(TLSFailed, match="certificates"):
            fetch(transport(), server.url(), verify="/nowhere/ca.pem")


class TestNames:
    def test_T9_an_unknown_name_is_permanent(self, transport: Any) -> None:
        with pytest.raises(UnknownHost, match=r"nobody\.invalid"):
            fetch(transport(), "http://nobody.invalid/")

    def test_T9_a_resolver_that_is_down_is_worth_another_try(
        self, transport: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", down)
        with pytest.raises(ConnectFailed, match="did not resolve"):
            fetch(transport(), "http://nobody.invalid/")


SLOW_RESOLVER = """
import fcntl, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, {folder!r})
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # the loopback device of a new namespace is down
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
    settings.write("nameserver 127.0.0.1")
    settings.flush()
    subprocess.run(["mount", "--bind", settings.name, "/etc/resolv.conf"], check=True)
print("ready", flush=True)
from crawler.errors import ConnectFailed, TimedOut
from crawler.fetching.limits import Limits
from crawler.fetching.{module} import {name}
from transports import fetch
for error, limits, timeout in (
    (TimedOut, Limits(deadline_s=0.3), 30),
    (TimedOut, Limits(), (0.3, 30)),
    (ConnectFailed, Limits(), 30),
):
    adapter = {name}()
    if error is ConnectFailed:
        threading.Timer(0.2, adapter.abort_all).start()
    began = time.monotonic()
    try:
        fetch(adapter, "http://slow.example/", limits=limits, timeout=timeout)
    except error:
        print(time.monotonic() - began < 1.5, flush=True)
"""


@pytest.mark.parametrize("where", ["curl.CurlAdapter", "pooled.PooledAdapter"])
def test_T9_a_slow_resolver_holds_nobody_beyond_the_limits(where: str) -> None:
    """In namespaces of its own, with a name server that never answers."""
    module, name = where.split(".")
    code = SLOW_RESOLVER.format(folder=__file__.rpartition("/")[0], module=module, name=name)
    command = ["unshare", "--map-root-user", "--mount", "--net", sys.executable, "-c", code]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(4)]
    finally:
        child.kill()
        errors = child.communicate()[1]
    if not lines[0]:
        pytest.skip(f"no namespaces here: {errors.strip()[-200:]}")
    assert lines == ["ready\n", "True\n", "True\n", "True\n"], errors


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
    def test_T11_what_is_no_http_is_permanent(self, transport: Any, serve: Any, data: bytes) -> None:
        server = serve(once(data))

        with pytest.raises(BadAnswer):
            fetch(transport(), server.url())

        assert len(server.requests) == 1

    def test_T11_tls_on_a_plain_url_is_no_http(self, transport: Any, serve: Any, authority: Any) -> None:
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

    def test_T14_a_trailer_is_no_header(self, transport: Any, serve: Any) -> None:
        got = fetch(transport(), serve(once(CHUNKED + b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n")).url())

        assert got.raw_headers == [("Transfer-Encoding", "chunked")]

    @pytest.mark.parametrize("character", ["\r", "\0"], ids=["bare CR", "NUL"])
    def test_B24_a_control_character_in_a_header_makes_no_second_one(
        self, transport: Any, serve: Any, character: str
    ) -> None:
        server = serve(answer(b"ok", headers=[f"X-A: a{character}Set-Cookie: injected=1"]))

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


def test_errors_keep_their_cause(transport: Any, serve: Any) -> None:
    server = serve(OK)
    server.close()
    with pytest.raises(ConnectFailed) as caught:
        fetch(transport(), server.url())

    assert caught.value.__cause__ is not None
    assert caught.value.url == server.url()


def test_a_slow_connect_is_timed_out(transport: Any, serve: Any, authority: Any) -> None:
    """The handshake belongs to connecting; a server that never answers it is one that never connects."""
    server = serve(lambda connection: connection.hold())

    with pytest.raises(TimedOut):
        fetch(transport(), server.url().replace("http:", "https:"), timeout=(0.2, 5))

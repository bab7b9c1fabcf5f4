"""Rows of the catalogue of faults over HTTP/2: the same faults as frames, on each transport that speaks it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http2_raw import OK, Http2Server, Script, Stream
from transports import KINDS, Authority, CarriedAdapter, authority, fetch

from crawler import Identity
from crawler.errors import BadAnswer, ConnectFailed, FetchError, Incomplete, TimedOut, TLSFailed, TooLarge
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.limits import Limits
from crawler.sessions.accounts import Account
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session

__all__ = ["authority"]

SPEAK: dict[str, Callable[[], Any]] = {
    "curl-h2": lambda: CurlAdapter(http="2"),
    "curl-io-h2": lambda: CarriedAdapter(http="2"),
    **{f"{name}-h2": KINDS[name] for name in ("chrome", "firefox", "safari") if name in KINDS},
}
PAGE = b"<p>good</p>"
ZIPPED = gzip.compress(PAGE * 50)
GZIP = ("content-encoding", "gzip")


@pytest.fixture(params=list(SPEAK))
def speaks(request: pytest.FixtureRequest) -> Iterator[Any]:
    adapter = SPEAK[request.param]()
    yield adapter
    adapter.close()


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[[Script], Http2Server]]:
    made: list[Http2Server] = []

    def start(script: Script) -> Http2Server:
        made.append(Http2Server(authority, script))
        return made[-1]

    yield start
    for server in made:
        server.close()


def got(speaks: Any, server: Http2Server, method: str = "GET", **options: Any) -> Any:
    return fetch(speaks, server.url, method, verify=server.ca, **options)


def coded(body: bytes, coding: str = "gzip", length: int | None = None) -> Script:
    def script(stream: Stream) -> None:
        size = len(body) if length is None else length
        stream.head([*OK, ("content-encoding", coding), ("content-length", str(size))])
        stream.data(body)

    return script


def bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(40)), packer.flush()])


def hints(times: int) -> Script:
    def script(stream: Stream) -> None:
        for _ in range(times):
            stream.head([(":status", "103"), ("link", "</a>")])
        stream.answer()

    return script


def test_T1_answers_of_1xx_are_skipped(speaks: Any, serve: Any) -> None:
    server = serve(hints(3))

    assert [got(speaks, server).content for _ in range(2)] == [PAGE, PAGE]


def test_T1_too_many_1xx_answers_are_a_bad_answer(speaks: Any, serve: Any) -> None:
    with pytest.raises(BadAnswer):
        got(speaks, serve(hints(30)))


def test_T2_half_a_gzip_body_of_a_fitting_length_is_incomplete(speaks: Any, serve: Any) -> None:
    with pytest.raises(Incomplete):
        got(speaks, serve(coded(ZIPPED[:-9])))


def short(stream: Stream) -> None:
    stream.head([*OK, ("content-length", "99")])
    stream.data(PAGE)


def reset_inside(stream: Stream) -> None:
    stream.head()
    stream.data(PAGE, end=False)
    stream.reset()


def closed_inside(stream: Stream) -> None:
    stream.head([*OK, ("content-length", "99")])
    stream.data(PAGE, end=False)
    stream.peer.close()


CUTS = {"length": short, "reset": reset_inside, "closed": closed_inside}


@pytest.mark.parametrize("cut", CUTS)
def test_T3_a_truncated_body_is_incomplete(speaks: Any, serve: Any, cut: str) -> None:
    with pytest.raises(Incomplete):
        got(speaks, serve(CUTS[cut]))


def test_T4_a_wrong_checksum_is_incomplete(speaks: Any, serve: Any) -> None:
    with pytest.raises(Incomplete):
        got(speaks, serve(coded(ZIPPED[:-8] + bytes(4) + ZIPPED[-4:])))


def test_T5_text_labelled_as_gzip_is_a_bad_answer(speaks: Any, serve: Any) -> None:
    with pytest.raises(BadAnswer):
        got(speaks, serve(coded(PAGE)))


@pytest.mark.parametrize("end", ["reset", "closed"])
def test_T6_an_answer_that_never_begins_is_a_failed_connection(speaks: Any, serve: Any, end: str) -> None:
    server = serve(lambda stream: stream.reset() if end == "reset" else stream.peer.close())

    with pytest.raises(ConnectFailed):
        got(speaks, server)


def test_T6_a_post_is_not_sent_again_by_itself(speaks: Any, serve: Any) -> None:
    server = serve(lambda stream: stream.peer.close())

    with pytest.raises(FetchError):
        got(speaks, server, "POST", data=b"a=1")
    assert len(server.requests) == 1


def test_T7_a_server_that_says_goodbye_costs_no_request(speaks: Any, serve: Any) -> None:
    def script(stream: Stream) -> None:
        stream.answer()
        stream.peer.say_goodbye()
        stream.peer.close()

    server = serve(script)

    assert [got(speaks, server).status_code for _ in range(3)] == [200] * 3
    assert (len(server.requests), server.accepted) == (3, 3)


def test_T8_an_issuer_that_nobody_trusts_is_a_tls_error(speaks: Any, serve: Any) -> None:
    with pytest.raises(TLSFailed):
        fetch(speaks, serve(Stream.answer).url)


def test_T10_a_refusal_comes_with_what_it_asks_for(speaks: Any, serve: Any) -> None:
    answer = got(speaks, serve(lambda stream: stream.head([(":status", "429"), ("retry-after", "7")], end=True)))

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def garbage(stream: Stream) -> None:
    stream.peer.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    stream.peer.close()


def test_T11_an_answer_that_is_not_http_2_is_refused(speaks: Any, serve: Any) -> None:
    with pytest.raises(FetchError):
        got(speaks, serve(garbage))


@pytest.mark.parametrize("lengths", [["3", "4"], ["-1"]], ids=["two", "negative"])
def test_T12_an_answer_with_contradicting_lengths_is_refused(speaks: Any, serve: Any, lengths: list[str]) -> None:
    def script(stream: Stream) -> None:
        stream.head([*OK, *(("content-length", each) for each in lengths)])
        stream.data(b"abcd")

    with pytest.raises(FetchError):
        got(speaks, serve(script))


def test_T13_the_next_request_gets_its_own_answer(speaks: Any, serve: Any) -> None:
    def script(stream: Stream) -> None:
        stream.answer(stream.asked[":path"].encode())
        frame = b"\x00\x00\x04\x00\x01" + stream.number.to_bytes(4, "big") + b"evil"  # DATA on a stream that is over
        stream.peer.socket.sendall(frame)

    server = serve(script)
    said = []
    for _ in range(3):
        try:
            said.append(got(speaks, server).text)
        except FetchError:
            said.append("/page")  # the connection was taken for broken: that is right, too

    assert said == ["/page"] * 3


def test_T14_204_without_a_length_is_accepted(speaks: Any, serve: Any) -> None:
    answer = got(speaks, serve(lambda stream: stream.head([(":status", "204")], end=True)))

    assert (answer.status_code, answer.content) == (204, b"")


def test_Z1_a_bomb_stops_at_the_limit(speaks: Any, serve: Any) -> None:
    with pytest.raises(TooLarge):
        got(speaks, serve(coded(bomb())), limits=Limits(max_size_bytes=1 << 20))


def test_Z2_too_many_codings_are_a_bad_answer(speaks: Any, serve: Any) -> None:
    body = PAGE
    for _ in range(10):
        body = gzip.compress(body)

    with pytest.raises(BadAnswer):
        got(speaks, serve(coded(body, ", ".join(["gzip"] * 10))))


def test_Z3_the_body_of_a_redirect_is_never_decoded(speaks: Any, serve: Any) -> None:
    def script(stream: Stream) -> None:
        stream.head([(":status", "302"), ("location", "/end"), GZIP])
        stream.data(bomb())

    answer = got(speaks, serve(script), limits=Limits(max_size_bytes=1 << 20))

    assert (answer.status_code, answer.content) == (302, b"")


def test_Z5_an_endless_body_hits_the_deadline(speaks: Any, serve: Any) -> None:
    def script(stream: Stream) -> None:
        stream.head()
        stream.data(PAGE, end=False)

    with pytest.raises(TimedOut):
        got(speaks, serve(script), limits=Limits(deadline_s=0.3))


@pytest.mark.parametrize(
    "fields",
    [[("x-long", "a" * 400_000)], [(f"x-{number}", "a") for number in range(9_000)]],
    ids=["a line of 400 kB", "9000 lines"],
)
def test_Z8_an_answer_with_a_header_bomb_is_refused(speaks: Any, serve: Any, fields: list[tuple[str, str]]) -> None:
    """libcurl says nothing of some of them: then it is the time limit that ends the request."""
    server = serve(lambda stream: stream.answer(PAGE, *fields))

    with pytest.raises((BadAnswer, ConnectFailed, TimedOut)):
        got(speaks, server, timeout=0.4)


def test_Z9_a_body_that_says_that_it_is_large_is_not_read(speaks: Any, serve: Any) -> None:
    def script(stream: Stream) -> None:
        stream.head([*OK, ("content-length", "104857600")])
        stream.data(PAGE, end=False)

    with pytest.raises(TooLarge):
        got(speaks, serve(script))


def test_B24_a_control_character_in_a_header_adds_none(speaks: Any, serve: Any) -> None:
    server = serve(lambda stream: stream.answer(PAGE, ("x-a", "a\r\nset-cookie: injected=1")))

    try:
        answer = got(speaks, server)
    except FetchError:
        return  # as nghttp2 does: the whole answer is refused
    assert "set-cookie" not in answer.headers


def test_B1_B4_B13_B23_a_redirect_to_another_host_takes_nothing_private_along(
    speaks: Any, authority: Authority
) -> None:
    other = Http2Server(authority, Stream.answer, host="127.0.0.2")
    moved = [(":status", "302"), ("location", other.url), ("set-cookie", "sid=word-of-power; Path=/")]
    own = Http2Server(authority, lambda stream: stream.head(moved, end=True))
    session = Session(
        Identity("one", auth=("ann", "pw-of-ann"), headers={"X-Api-Key": "key-of-ann"}, secret_headers=("X-Api-Key",)),
        account=Account("one", environ={}),
        origins=Origins([own.url]),
        transport=speaks,
        limits=Limits(),
        verify=authority.ca_file,
    )

    for _ in range(2):
        assert session.get(own.url, timeout=5).url == other.url

    session.close()
    own.close()
    other.close()
    assert [(each.get("x-api-key"), "authorization" in each) for each in own.requests] == [("key-of-ann", True)] * 2
    assert own.requests[1]["cookie"] == "sid=word-of-power"
    assert not [each for each in other.requests if {"x-api-key", "authorization", "cookie"} & set(each)]

"""A sink takes the body of a 2xx answer while it comes, on each transport."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from rawserver import CHUNKED, answer, once
from transports import fetch

from crawler.errors import BadAnswer, FetchError, Incomplete, TooLarge
from crawler.fetching.heads import Head
from crawler.fetching.limits import Limits

Make = Callable[..., Any]


class Sink(BytesIO):
    """Remembers the heads that it was given, and may refuse one."""

    def __init__(self, refusal: Exception | None = None) -> None:
        super().__init__()
        self.heads: list[int] = []
        self.before = 0
        self._refusal = refusal

    def begin(self, head: Head) -> None:
        self.heads.append(head.status)
        self.before = self.tell()
        if self._refusal is not None:
            raise self._refusal


def test_the_body_of_a_good_answer_goes_to_the_sink_after_its_head(transport: Make, serve: Make) -> None:
    server = serve(answer(b"x" * 300_000))
    sink = Sink()

    response = fetch(transport(), server.url(), sink=sink)

    assert (response.content, sink.getvalue()) == (b"", b"x" * 300_000)
    assert (sink.heads, sink.before) == ([200], 0)


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found", "304 Not Modified", "500 Oops"])
def test_other_answers_do_not_reach_it(transport: Make, serve: Make, status: str) -> None:
    body = b"" if status.startswith("304") else b"sorry"
    server = serve(answer(body, status=status))
    sink = Sink()

    response = fetch(transport(), server.url(), sink=sink)

    assert response.content == body
    assert (sink.heads, sink.getvalue()) == ([], b"")


def test_an_empty_body_still_has_a_head(transport: Make, serve: Make) -> None:
    server = serve(answer(b""))
    sink = Sink()

    fetch(transport(), server.url(), sink=sink)

    assert (sink.heads, sink.getvalue()) == ([200], b"")


def test_a_coding_is_undone_on_the_way(transport: Make, serve: Make) -> None:
    plain = b"".join(b"%d\n" % number for number in range(40_000))
    server = serve(answer(gzip.compress(plain), headers=["Content-Encoding: gzip"]))
    sink = Sink()

    fetch(transport(), server.url(), sink=sink)

    assert sink.getvalue() == plain


def test_a_sink_that_refuses_the_head_ends_the_transfer_with_its_error(transport: Make, serve: Make) -> None:
    server = serve(answer(b"x" * 100_000))

    with pytest.raises(BadAnswer, match="not this one"):
        fetch(transport(), server.url(), sink=Sink(BadAnswer(server.url(), "not this one")))


def test_what_came_before_a_cut_is_in_the_sink(transport: Make, serve: Make) -> None:
    server = serve(once(answer(b"x" * 50_000, length=90_000)))
    sink = Sink()

    with pytest.raises(FetchError) as caught:
        fetch(transport(), server.url(), sink=sink)

    assert isinstance(caught.value, Incomplete)
    assert sink.getvalue() == b"x" * 50_000


def test_a_body_without_a_length_is_limited_while_it_comes(transport: Make, serve: Make) -> None:
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    server = serve(CHUNKED + piece * 8 + b"0\r\n\r\n")
    sink = Sink()

    with pytest.raises(TooLarge):
        fetch(transport(), server.url(), sink=sink, limits=Limits(max_size_bytes=200_000))

    assert len(sink.getvalue()) <= 200_000

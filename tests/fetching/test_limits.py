"""The clock and the decoders by themselves: what holds for every input."""

from __future__ import annotations

import gzip
import math
import random
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import BadAnswer, FetchError, Incomplete, TimedOut, TooLarge
from crawler.fetching.decoding import PIECE_BYTES, Decoding, decoders_for
from crawler.fetching.limits import MEMBERS, SLICE_S, ExchangeClock, Limits, timeouts

URL = "http://site.example/"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def brotli(data: bytes) -> bytes:
    module: Any = pytest.importorskip("brotli", "1.2")
    return bytes(module.compress(data))


def zstd(data: bytes) -> bytes:
    try:
        from compression import zstd as module  # type: ignore[import-not-found]
    except ImportError:
        module = pytest.importorskip("backports.zstd")
    return bytes(module.compress(data))


CODINGS = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", raw_deflate, id="raw deflate"),
    pytest.param("br", brotli, id="br"),
    pytest.param("zstd", zstd, id="zstd"),
]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def decoded(coding: str, data: bytes, size: int = 1 << 14) -> bytes:
    """All of *data* through the decoders of *coding*, *size* bytes at a time."""
    decoding = Decoding(URL, coding, None, lambda: None)
    got = b"".join(piece for part in pieces(data, size) for piece in decoding.feed(part))
    decoding.finish()
    return got


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 14])
def test_compressed_data_is_decompressed_however_it_is_split(
    coding: str, pack: Callable[[bytes], bytes], size: int
) -> None:
    data = random.Random(5).randbytes(3_000) + bytes(100_000)

    assert decoded(coding, pack(data), size) == data
    assert decoded(coding, pack(b""), size) == b""


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
def test_every_truncated_body_is_incomplete(coding: str, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(random.Random(6).randbytes(300))

    for end in range(1, len(whole)):
        with pytest.raises(Incomplete):
            decoded(coding, whole[:end])


def decoded_by(decoding: Decoding, data: bytes) -> None:
    """All of *data*, which must come to nothing, as it would come from a socket."""
    for part in pieces(data, 1 << 18):
        assert b"".join(decoding.feed(part)) == b""
    decoding.finish()


EMPTY_GZIP = gzip.compress(b"")
RAW_NOTHING = b"\x00\x00\x00\xff\xff"  # a stored block of 0 bytes, not the last one
ZSTD_NOTHING = b"\x50\x2a\x4d\x18\x00\x00\x00\x00"  # a frame that is to be skipped, of 0 bytes


def metadata_of_brotli() -> bytes:
    brotli(b"")
    return gzip.compress(b"\x0c\x03\x00" + bytes(40_000_000), 1)


NOTHING = [
    pytest.param("gzip", lambda: EMPTY_GZIP * 400_000, id="members"),
    pytest.param("gzip, gzip", lambda: gzip.compress(EMPTY_GZIP * 1_000_000), id="members in gzip"),
    pytest.param(
        "gzip, gzip, gzip", lambda: gzip.compress(gzip.compress(EMPTY_GZIP * 3_000_000, 1)), id="in gzip in gzip"
    ),
    pytest.param("gzip, br", lambda: brotli(EMPTY_GZIP * 1_000_000), id="members in brotli"),
    pytest.param("gzip, zstd", lambda: zstd(EMPTY_GZIP * 1_000_000), id="members in zstd"),
    pytest.param("zstd, gzip", lambda: gzip.compress(ZSTD_NOTHING * 2_000_000, 1), id="empty frames in gzip"),
    pytest.param("deflate, gzip", lambda: gzip.compress(RAW_NOTHING * 20_000_000, 1), id="empty blocks in gzip"),
    pytest.param("br, gzip", metadata_of_brotli, id="brotli metadata in gzip"),
]


@pytest.mark.parametrize(("coding", "made"), NOTHING)
def test_Z1_what_decodes_to_nothing_is_bounded_while_it_is_decoded(coding: str, made: Callable[[], bytes]) -> None:
    if "zstd" in coding:
        zstd(b"")
    data = made()
    asked = 0

    def still() -> None:
        nonlocal asked
        asked += 1

    decoding = Decoding(URL, coding, 32 * 1024 * 1024, still)
    began = time.thread_time()  # of this thread, which decodes: others of the process may compute, too
    with pytest.raises(FetchError):
        decoded_by(decoding, data)

    assert time.thread_time() - began < 2.0
    assert asked <= 3 * (MEMBERS + 10_000)


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "gzip, gzip, gzip"])
def test_Z1_the_deadline_holds_while_an_answer_decodes_to_nothing(coding: str) -> None:
    data = EMPTY_GZIP * 5_000
    for _ in coding.split(",")[1:]:
        data = gzip.compress(data)
    left = iter(range(100))

    def still() -> None:
        if next(left, None) is None:
            raise TimedOut(URL, "not complete within its total deadline")

    with pytest.raises(TimedOut):
        list(Decoding(URL, coding, None, still).feed(data))


def test_Z1_bytes_between_two_codings_count_too() -> None:
    inner = gzip.compress(bytes(100)) + bytes(
        2_000_000
    )  # what follows the last member is ignored, but it has to be made
    decoding = Decoding(URL, "gzip, gzip", 1_000_000, lambda: None)

    with pytest.raises(TooLarge, match="1000000 bytes"):
        list(decoding.feed(gzip.compress(inner)))


def test_a_file_of_many_members_is_read_whole() -> None:
    data = random.Random(2).randbytes(4_000_000)
    blocks = b"".join(gzip.compress(piece, 1) for piece in pieces(data, 1_000))  # as bgzip and concatenated logs are

    assert decoded("gzip", blocks, 1 << 18) == data


@pytest.mark.parametrize(("coding", "pack"), CODINGS)
def test_no_piece_is_larger_than_the_bound(coding: str, pack: Callable[[bytes], bytes]) -> None:
    decoding = Decoding(URL, coding, None, lambda: None)
    sizes = [len(piece) for part in pieces(pack(bytes(5_000_000)), 1 << 14) for piece in decoding.feed(part)]

    assert sum(sizes) == 5_000_000
    assert max(sizes) <= PIECE_BYTES


@given(
    data=st.binary(max_size=400), coding=st.sampled_from(["gzip", "deflate", "gzip, deflate"]), size=st.integers(1, 50)
)
def test_any_bytes_are_decoded_or_raise_one_of_our_errors(data: bytes, coding: str, size: int) -> None:
    try:
        decoded(coding, data, size)
    except FetchError:
        pass


@given(data=st.binary(max_size=3_000), flip=st.integers(0, 10_000), size=st.integers(1, 5_000))
def test_a_damaged_gzip_body_is_never_taken_for_a_whole_one(data: bytes, flip: int, size: int) -> None:
    packed = bytearray(gzip.compress(data, mtime=0))
    place = 10 + flip % (len(packed) - 10)  # behind the header, whose time and flags carry no data
    packed[place] ^= 1 << flip % 8

    try:
        assert decoded("gzip", bytes(packed), size) == data
    except FetchError:
        pass


def test_members_of_gzip_follow_each_other_and_garbage_after_the_last_is_ignored() -> None:
    two = gzip.compress(b"one ") + gzip.compress(b"two")

    for size in (1, 5, 1000):
        assert decoded("gzip", two, size) == b"one two"
        assert decoded("gzip", two + b"\0\0\0", size) == b"one two"
        assert decoded("gzip", two + b"\x1f", size) == b"one two"
        assert decoded("gzip", two + b"garbage", size) == b"one two"
    with pytest.raises(Incomplete):
        decoded("gzip", two[:-3])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_text_is_not_a_compressed_body(coding: str) -> None:
    for size in (1, 1000):
        with pytest.raises(BadAnswer, match="labelled"):
            decoded(coding, b"<html>plain text</html>", size)


@pytest.mark.parametrize("coding", ["", "identity", " , identity", "IDENTITY"])
def test_no_coding_needs_no_decoder(coding: str) -> None:
    assert decoders_for(URL, coding) == []


def clock_of(limits: Limits, read_s: float | None = None) -> ExchangeClock:
    return ExchangeClock(URL, limits, read_s, 100.0)


class TestPace:
    def test_a_wait_ends_at_the_deadline_the_silence_or_the_slice(self) -> None:
        clock = clock_of(Limits(deadline_s=10), 2)

        assert clock.wait_s(100.0, 0, 0) == SLICE_S
        assert clock.wait_s(101.9, 0, 0) == pytest.approx(0.1)
        assert clock.wait_s(109.9, 1, 0) == pytest.approx(0.1)
        with pytest.raises(TimedOut, match="deadline"):
            clock.wait_s(110.0, 2, 0)

    def test_movement_ends_the_silence(self) -> None:
        clock = clock_of(Limits(deadline_s=None), 2)

        assert all(clock.wait_s(100 + 1.9 * step, step, 0) > 0 for step in range(50))
        with pytest.raises(TimedOut, match="silent for 2 s"):
            clock.wait_s(100 + 1.9 * 49 + 2, 49, 0)

    def test_no_limits_mean_no_end(self) -> None:
        clock = clock_of(Limits(deadline_s=None))

        assert clock.wait_s(1e9, 0, 0) == SLICE_S
        assert math.isinf(clock.ends)

    def test_the_minimum_speed_counts_from_the_first_byte_of_the_body(self) -> None:
        clock = clock_of(Limits(deadline_s=None, min_speed_bytes_s=100, min_speed_for_s=10))

        clock.wait_s(150, 1, 0)  # a server that thinks is not slow
        clock.wait_s(150, 2, 500)
        clock.wait_s(160, 3, 1500)  # 1000 bytes in 10 s: just enough
        with pytest.raises(TimedOut, match="slower than 100 bytes/s"):
            clock.wait_s(170, 4, 2400)

    @given(
        steps=st.lists(st.tuples(st.floats(0.001, 5), st.integers(0, 1000)), max_size=40),
        deadline_s=st.floats(0.1, 60),
        read_s=st.floats(0.1, 10),
    )
    def test_a_wait_is_never_longer_than_what_is_left(
        self, steps: list[tuple[float, int]], deadline_s: float, read_s: float
    ) -> None:
        clock = clock_of(Limits(deadline_s=deadline_s, min_speed_bytes_s=1, min_speed_for_s=3), read_s)
        now, moved = 100.0, 0
        for passed_s, size in steps:
            now, moved = now + passed_s, moved + size
            try:
                wait_s = clock.wait_s(now, moved, moved)
            except TimedOut:
                return
            assert 0 < wait_s <= SLICE_S
            assert now + wait_s <= 100.0 + deadline_s + 1e-9


@pytest.mark.parametrize(
    ("given_", "expected"),
    [(None, (None, None)), (5, (5, 5)), (0.5, (0.5, 0.5)), ((1, 2.5), (1, 2.5)), ((None, 3), (None, 3))],
)
def test_a_timeout_is_one_number_or_two(given_: Any, expected: Any) -> None:
    assert timeouts(given_) == expected


@pytest.mark.parametrize("given_", ["5", (1, 2, 3), ("a", 1), object(), [1, 2]])
def test_any_other_value_is_not_a_timeout(given_: Any) -> None:
    with pytest.raises(TypeError, match="timeout"):
        timeouts(given_)

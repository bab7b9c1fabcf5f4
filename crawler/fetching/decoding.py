"""Undoes Content-Encoding piece by piece, so that no answer can grow large before it is counted.

Each decoder takes wire bytes and yields pieces of at most `PIECE_BYTES`. `Decoding` sends them through all codings of
an answer and bounds what a caller who sees only the end could not: bytes between two codings, streams that decode to
nothing, and time. gzip (many members) and deflate (with and without the zlib wrapper, since servers send both) are
always known, br and zstd where their modules are installed.

Choices: text labelled as gzip or deflate is a `BadAnswer`, as in browsers; a stream that starts well and breaks, or
ends early, is `Incomplete`, since another try may bring it whole; bytes after the last gzip member are ignored.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from crawler.errors import BadAnswer, Incomplete, TooLarge
from crawler.fetching.limits import CODINGS, MEMBERS

PIECE_BYTES = 256 * 1024
_STEP_BYTES = 16 * 1024  # decoded at once: what follows the end of a stream is copied, so it must be small


class Decoder(Protocol):
    """One coding of one body. Used by one thread."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode *data*; must be exhausted before the next call. An empty piece marks the end of a stream."""

    def finish(self) -> None:
        """The wire bytes have ended; raises `Incomplete` when the stream has not."""


class _Inflate:
    """deflate, and what gzip shares with it: zlib streams read with a bound on each step."""

    name = "deflate"
    many = False  # whether another stream may follow the first one

    def __init__(self, url: str) -> None:
        self._url = url
        self._start = b""  # a first byte that waits for the second one
        self._stream: Any = None  # None: before a stream
        self._any = False  # whether something was decoded
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._stream is None:
                data = self._start + data
                if len(data) < 2:
                    self._start = data
                    return
                self._start, self._stream = b"", self._open(data)
                if self._stream is None:
                    self._ended = True
                    return
            yield from self._inflate(data)
            if not self._stream.eof:
                return
            data, self._stream = self._stream.unused_data, None
            self._any, self._ended = True, not self.many
            yield b""

    def _open(self, data: bytes) -> Any:
        """A stream for what begins with *data* (2 bytes or more); None where *data* is to be ignored."""
        wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        stream = self._stream
        while not stream.eof:
            try:
                piece = stream.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                if self._any or self.many or "data check" in str(error):  # gzip has shown its magic number
                    raise Incomplete(self._url, f"damaged {self.name} data ({error})") from error
                raise BadAnswer(self._url, f"labelled {self.name}, but it is not") from error
            data = stream.unconsumed_tail
            if piece:
                self._any = True
                yield piece
            if not data and len(piece) < PIECE_BYTES:  # a full piece may leave more inside zlib
                return

    def finish(self) -> None:
        if self._stream is not None or (self._start and not self._any):
            raise Incomplete(self._url, f"the {self.name} data is cut off")


class _Gunzip(_Inflate):
    name = "gzip"
    many = True

    def _open(self, data: bytes) -> Any:
        if data[:2] == b"\x1f\x8b":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        if self._any:
            return None  # padding or garbage after the last member
        raise BadAnswer(self._url, "labelled gzip, but it is not")


class _Brotli:
    """Through the module brotli 1.2 or newer: older ones cannot bound their output."""

    def __init__(self, url: str, module: Any) -> None:
        self._url, self._stream, self._error, self._fed = url, module.Decompressor(), module.error, False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = True
        try:
            while not self._stream.is_finished():
                # The module's own sign of "nothing left" comes too early: only an empty piece is reliable.
                piece = self._stream.process(data, output_buffer_limit=PIECE_BYTES // 2)  # it may give up to twice that
                if not piece:
                    return
                yield piece
                data = b""
        except self._error as error:
            raise Incomplete(self._url, f"damaged brotli data ({error})") from error

    def finish(self) -> None:
        if self._fed and not self._stream.is_finished():
            raise Incomplete(self._url, "the brotli data is cut off")


class _Zstd:
    """Through compression.zstd of Python 3.14 or its backport; several frames may follow each other."""

    def __init__(self, url: str, module: Any) -> None:
        self._url, self._module, self._stream, self._fed = url, module, module.ZstdDecompressor(), False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = self._fed or bool(data)
        try:
            while data or not (self._stream.eof or self._stream.needs_input):
                if self._stream.eof:
                    self._stream = self._module.ZstdDecompressor()
                piece = self._stream.decompress(data, PIECE_BYTES)
                data = self._stream.unused_data if self._stream.eof else b""
                if piece or self._stream.eof:
                    yield piece
        except self._module.ZstdError as error:
            raise Incomplete(self._url, f"damaged zstd data ({error})") from error

    def finish(self) -> None:
        if self._fed and not self._stream.eof:
            raise Incomplete(self._url, "the zstd data is cut off")


def _module(*names: str, needs: str) -> Any:
    """The first of *names* that is installed and has the attribute path *needs*, or None."""
    for name in names:
        try:
            module: Any = importlib.import_module(name)
        except ImportError:
            continue
        if hasattr(getattr(module, needs.partition(".")[0], None), needs.partition(".")[2]):
            return module
    return None


_BROTLI = _module("brotli", "brotlicffi", needs="Decompressor.can_accept_more_data")
_ZSTD = _module("compression.zstd", "backports.zstd", needs="ZstdDecompressor.decompress")

_MAKERS: dict[str, Callable[[str], Decoder]] = {"gzip": _Gunzip, "x-gzip": _Gunzip, "deflate": _Inflate}
if _BROTLI is not None:
    _MAKERS["br"] = lambda url: _Brotli(url, _BROTLI)
if _ZSTD is not None:
    _MAKERS["zstd"] = lambda url: _Zstd(url, _ZSTD)

ACCEPT_ENCODING = "gzip, deflate, br" if _BROTLI is not None else "gzip, deflate"


def decoders_for(url: str, content_encoding: str) -> list[Decoder]:
    """Decoders in the order in which they undo *content_encoding*; an empty list for none.

    Raises:
        BadAnswer: More than `CODINGS` of them, or one that is not known here.
    """
    codings = [each for part in content_encoding.lower().split(",") if (each := part.strip()) not in ("", "identity")]
    if len(codings) > CODINGS:
        raise BadAnswer(url, f"{len(codings)} content encodings on top of each other, more than {CODINGS}")
    unknown = [each for each in codings if each not in _MAKERS]
    if unknown:
        raise BadAnswer(url, f"content encoding {unknown[0][:40]!r} is not supported")
    return [_MAKERS[each](url) for each in reversed(codings)]


class Decoding:
    """All codings of one body, undone within their limits. Used by one thread.

    Args:
        content_encoding: Value of the header, "" for none.
        max_bytes: Most that any of the codings may decode to; None for no limit.
        still: Raises when the time is up or the exchange was stopped; called between any two steps.
    Raises:
        BadAnswer: As `decoders_for`.
    """

    __slots__ = ("_decoded_bytes", "_decoders", "_max_bytes", "_members", "_still", "_url")

    def __init__(self, url: str, content_encoding: str, max_bytes: int | None, still: Callable[[], None]) -> None:
        self._url, self._max_bytes, self._still = url, max_bytes, still
        self._decoders = decoders_for(url, content_encoding)
        self._decoded_bytes = [0] * len(self._decoders)
        self._members = [0] * len(self._decoders)

    def __bool__(self) -> bool:
        return bool(self._decoders)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode the next wire bytes, piece by piece.

        Raises:
            TooLarge: One of the codings has decoded to more than is allowed, or consists of too many streams.
            BadAnswer, Incomplete: A coding is broken.
            FetchError: What *still* raises.
        """
        return self._through(0, data)

    def _through(self, level: int, data: bytes) -> Iterator[bytes]:
        decoder, last = self._decoders[level], level + 1 == len(self._decoders)
        whole = memoryview(data)
        for start in range(0, len(data), _STEP_BYTES):
            for piece in decoder.feed(bytes(whole[start : start + _STEP_BYTES])):
                self._still()
                self._count(level, piece)
                if last:
                    yield piece
                else:
                    yield from self._through(level + 1, piece)

    def _count(self, level: int, piece: bytes) -> None:
        self._decoded_bytes[level] += len(piece)
        if self._max_bytes is not None and self._decoded_bytes[level] > self._max_bytes:
            raise TooLarge(self._url, f"too large: more than {self._max_bytes} bytes")
        self._members[level] += not piece
        if self._members[level] > MEMBERS:
            raise TooLarge(self._url, f"too large: more than {MEMBERS} compressed streams one after another")

    def finish(self) -> None:
        """The wire bytes have ended; raises `Incomplete` when a coding has not."""
        for decoder in self._decoders:
            decoder.finish()

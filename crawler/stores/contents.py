"""Bodies of pages as the store keeps them: compressed, and identified by a digest. Pure."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

_LEVEL = 3  #: smaller than zlib's first level, in little more than half its time; the next ones cost twice as much


_NOT_WORTH_IT_BYTES = 1_000
_FRAME = b"\x28\xb5\x2f\xfd"  #: with which every coded text begins, and no UTF-8 does
_of_thread = threading.local()


@cache
def _zstd() -> Any:
    """The module, loaded when the first page is kept or read: most commands do neither."""
    try:
        return import_module("compression.zstd")  # Python 3.14
    except ImportError:
        return import_module("backports.zstd")


def digest(body: bytes) -> bytes:
    """Equal for equal bodies, and different for others."""
    return hashlib.blake2b(body, digest_size=20).digest()


def pack(body: bytes) -> tuple[str, bytes]:
    """The name of the coding, and the coded body."""
    return "zstd", _zstd().compress(body, _LEVEL)


def pack_text(text: str) -> bytes:
    """A short text, coded in a fraction of the time of `pack`: the compressor is reused, one for each thread.

    A very short one is kept as it is: coding it saves some hundred bytes, and costs a thread its turn.
    """
    plain = text.encode()
    if len(plain) <= _NOT_WORTH_IT_BYTES:
        return plain
    compressor = getattr(_of_thread, "compressor", None)
    if compressor is None:
        compressor = _of_thread.compressor = _zstd().ZstdCompressor(level=1)
    return bytes(compressor.compress(plain, compressor.FLUSH_FRAME))


def unpack_text(coded: bytes) -> str:
    """What `pack_text` was given. Raises ValueError: it is damaged."""
    return (unpack("zstd", coded) if coded.startswith(_FRAME) else coded).decode()


def unpack(coding: str, coded: bytes) -> bytes:
    """The body.

    Raises:
        ValueError: It is damaged, or coded in a way that this version does not know.
    """
    try:
        if coding == "zstd":
            return bytes(_zstd().decompress(coded))
        if coding == "zlib":  # as version 2 of the schema kept them
            return zlib.decompress(coded)
    except (_zstd().ZstdError, zlib.error) as error:
        raise ValueError(f"a kept page is damaged: {error}") from error
    raise ValueError(f"a kept page is encoded as {coding!r}, which this version does not know")


def head_bytes(lines: Sequence[tuple[str, str]]) -> bytes:
    """Header lines as they are kept."""
    return json.dumps(list(lines), separators=(",", ":")).encode()


def head_lines(kept: bytes) -> list[tuple[str, str]]:
    """The header lines that `head_bytes` was given."""
    return [(str(name), str(value)) for name, value in json.loads(kept)]

"""Bodies and heads that do not end, for tests of limits."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from rawserver import Connection

from crawler.fetching.limits import Limits

MEGABYTE = 1024 * 1024


SMALL = Limits(max_size_bytes=MEGABYTE)


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

"""The bytes of a sitemap before they are read: unzipped within a limit, ampersands made safe. Pure generators."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from crawler.errors import TooLarge

_CHUNK_BYTES: Final = 64 * 1024
_AMPERSAND: Final = re.compile(rb"&(?:(amp|lt|gt|quot|apos);|(?!#\d{1,7};|#[xX][0-9A-Fa-f]{1,6};))")
_NUMBERED: Final = {b"lt": b"&#60;", b"gt": b"&#62;", b"quot": b"&#34;", b"apos": b"&#39;"}
_LOOKAHEAD_BYTES: Final = 12  # longer than "<![CDATA[" and any reference


def decoded(body: bytes, url: str, max_bytes: int, warnings: list[str]) -> Iterator[bytes]:
    """*body* in pieces, unzipped when it is gzip, never more than *max_bytes*."""
    if not body.startswith(b"\x1f\x8b"):
        if len(body) > max_bytes:
            raise TooLarge(url, f"a sitemap of more than {max_bytes} bytes")
        for start in range(0, len(body), _CHUNK_BYTES):
            yield body[start : start + _CHUNK_BYTES]
        return
    total, pending = 0, body
    while pending.startswith(b"\x1f\x8b"):  # a gzip file may have several members
        unzip = zlib.decompressobj(wbits=31)
        while not unzip.eof:
            try:
                chunk = unzip.decompress(pending, _CHUNK_BYTES)
            except zlib.error as error:
                warnings.append(f"damaged gzip: {error}")
                return
            if not chunk and not unzip.unconsumed_tail and not unzip.eof:
                warnings.append("the gzip file is cut off")
                return
            pending = unzip.unconsumed_tail
            total += len(chunk)
            if total > max_bytes:
                raise TooLarge(url, f"a sitemap of more than {max_bytes} bytes when unzipped")
            yield chunk
        pending = unzip.unused_data


def numbered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """*chunks* with each ampersand outside of CDATA as ``&#38;``, each other named character likewise.

    Many sitemaps hold ``?a=1&b=2`` as it is; and after any error in a file, libxml2 loses ``&amp;`` but not numbers.
    Without this, such URLs would come out shorter than they are, and nobody would notice.
    """
    rest, in_cdata = b"", False
    for chunk in chain(chunks, (b"",)):
        rest += chunk
        end = len(rest) - _LOOKAHEAD_BYTES if chunk else len(rest)  # an empty one is the last
        position, out = 0, []
        while position < end:
            if in_cdata:
                found = rest.find(b"]]>", position)
                stop = found + 3 if 0 <= found < end else end
                out.append(rest[position:stop])
                in_cdata = stop == end and not (0 <= found < end)
            else:
                found = rest.find(b"<![CDATA[", position, end + 8)
                stop = found if found >= 0 else end
                for match in _AMPERSAND.finditer(rest, position):
                    if match.start() >= stop:
                        break
                    out += [rest[position : match.start()], _NUMBERED.get(match[1], b"&#38;")]
                    position = match.end()
                if found >= 0:
                    out.append(rest[position : found + 9])
                    stop, in_cdata = found + 9, True
                else:
                    out.append(rest[position:stop])
                    stop = max(stop, position)
            position = stop
        yield b"".join(out)
        rest = rest[position:]

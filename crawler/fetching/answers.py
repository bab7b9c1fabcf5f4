"""From header lines and body bytes to a `requests.Response`: the half of a transport that both transports share.

The head is read by our own rules, so that both refuse the same things: contradicting lengths, codings that nobody
knows, too many or too long lines. A body counts its decoded bytes while they come.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict

from crawler.errors import BadAnswer, Incomplete, TooLarge
from crawler.fetching.decoding import decode, decoders_for
from crawler.fetching.limits import INTERIM, LINE_BYTES, REDIRECT_BYTES, Limits

_STATUS_LINE = re.compile(rb"HTTP/(\d(?:\.\d)?) +([1-9]\d\d)(?: +(.*?))?\s*\Z", re.DOTALL)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)


@dataclass(slots=True)
class Head:
    """Status and header lines of the final answer.

    Attributes:
        lines: In their order, latin-1.
        fields: By lower-case name: the name as it was written first, and the values joined as `requests` does it.
        length_bytes: What Content-Length says, or None.
        chunked: The body has its own framing; a Content-Length beside it does not count.
    """

    version: str
    status: int
    reason: str
    lines: list[tuple[str, str]]
    fields: dict[str, tuple[str, str]]
    length_bytes: int | None
    chunked: bool

    def get(self, name: str) -> str | None:
        """The joined values of a header; *name* in lower case."""
        found = self.fields.get(name)
        return None if found is None else found[1]

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400 and "location" in self.fields

    @property
    def is_ambiguous(self) -> bool:
        """Its framing could be read in two ways: the connection must not be used again."""
        return self.chunked and self.length_bytes is not None


def parse_head(url: str, raw_lines: list[bytes], limits: Limits) -> Head:
    """Read the lines of all heads of an answer, 1xx ones first, up to the blank line of the final one.

    Args:
        raw_lines: Status lines, header lines and blank lines as they came, line ends included.
    Raises:
        BadAnswer: No HTTP, over a limit, contradicting lengths, or more 1xx answers than `INTERIM`.
        Incomplete: The lines stop before the blank line.
    """
    interim = 0
    start = 0
    while True:
        if start >= len(raw_lines):
            raise Incomplete(url, "the answer ended inside its head")
        found = _STATUS_LINE.match(raw_lines[start])
        if found is None:
            raise BadAnswer(url, f"the answer is no HTTP; it starts with {raw_lines[start][:40]!r}")
        if found[2][:1] != b"1":
            break
        if found[2] == b"101" or interim == INTERIM:
            raise BadAnswer(url, "the answer switches protocols" if found[2] == b"101" else "too many 1xx answers")
        interim += 1
        start = _blank(raw_lines, start + 1) + 1
    end = _blank(raw_lines, start + 1)
    if end >= len(raw_lines):
        raise Incomplete(url, "the answer ended inside its head")
    lines = _fields(url, raw_lines[start + 1 : end], limits)
    fields: dict[str, tuple[str, str]] = {}
    for pair in lines:
        lower = pair[0].lower()
        first = fields.get(lower)
        fields[lower] = pair if first is None else (first[0], f"{first[1]}, {pair[1]}")
    chunked = _is_chunked(url, fields.get("transfer-encoding"))
    length = _length(url, fields.get("content-length"))
    version = found[1].decode() if len(found[1]) > 1 else f"{found[1].decode()}.0"
    return Head(version, int(found[2]), (found[3] or b"").decode("latin-1"), lines, fields, length, chunked)


def is_interim(status_line: bytes) -> bool:
    """Whether it opens a 1xx answer, after which another head follows."""
    found = _STATUS_LINE.match(status_line)
    return found is not None and found[2][:1] == b"1" and found[2] != b"101"


def _blank(raw_lines: list[bytes], start: int) -> int:
    """Index of the first blank line from *start* on, or the number of lines."""
    for index in range(start, len(raw_lines)):
        if raw_lines[index] in (b"\r\n", b"\n"):
            return index
    return len(raw_lines)


def _fields(url: str, raw_lines: list[bytes], limits: Limits) -> list[tuple[str, str]]:
    if len(raw_lines) > limits.max_headers:
        raise BadAnswer(url, f"{len(raw_lines)} header lines, more than {limits.max_headers}")
    text = b"".join(raw_lines).decode("latin-1")
    if len(text) > limits.max_header_bytes:
        raise BadAnswer(url, f"{len(text)} bytes of headers, more than {limits.max_header_bytes}")
    lines: list[tuple[str, str]] = []
    for line in text.split("\n")[:-1]:
        name, colon, value = line.partition(":")
        value = value.strip(" \t\r")
        if len(line) > LINE_BYTES:
            raise BadAnswer(url, f"a header line of {len(line)} bytes, more than {LINE_BYTES}")
        if line[0] in " \t" and lines:  # folded. Source: RFC 9112, section 5.2
            name, value = lines[-1][0], f"{lines.pop()[1]} {line.strip()}".strip()
        elif not colon or not name.strip():
            raise BadAnswer(url, f"a header line that is none: {line[:40]!r}")
        if "\0" in value or "\r" in value:  # Source: RFC 9112, section 2.2: others may see two lines here
            raise BadAnswer(url, f"a header line with a control character: {line[:40]!r}")
        lines.append((name.strip(), value))
    return lines


def _length(url: str, field: tuple[str, str] | None) -> int | None:
    if field is None:
        return None
    digits = field[1]
    if "," in digits:
        lengths = {each.strip() for each in digits.split(",")}
        if len(lengths) > 1:
            raise BadAnswer(url, "contradicting lengths: more than one Content-Length")
        digits = lengths.pop()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise BadAnswer(url, f"a Content-Length that is none: {digits[:40]!r}")
    return int(digits)


def _is_chunked(url: str, field: tuple[str, str] | None) -> bool:
    if field is None or field[1].lower() == "identity":
        return False
    if field[1].lower() != "chunked":
        raise BadAnswer(url, f"transfer encoding {field[1][:40]!r} is not known here")
    return True


class Body:
    """Takes the bytes of a body and keeps the decoded ones, or writes them to a file. Used by one thread.

    Attributes:
        wire_bytes: Bytes taken so far, before decoding.
        cut: It has seen enough: the rest must not be read, and the connection must be closed.
    """

    __slots__ = (
        "_decoded_bytes",
        "_decoders",
        "_keep",
        "_max_bytes",
        "_sink",
        "_skip_bytes",
        "_url",
        "cut",
        "wire_bytes",
    )

    def __init__(self, url: str, head: Head, method: str, limits: Limits, sink: BinaryIO | None) -> None:
        """Prepare for the body of *head*.

        Args:
            sink: Takes the decoded bytes of a 2xx answer in constant memory; other answers stay in memory.
        Raises:
            BadAnswer: Its Content-Encoding cannot be undone.
            TooLarge: It says itself that it is larger than allowed.
        """
        self._url, self._max_bytes = url, limits.max_size_bytes
        self.wire_bytes = self._decoded_bytes = 0
        self._sink = sink if sink is not None and 200 <= head.status < 300 else None
        self._keep = io.BytesIO()
        self.cut, self._skip_bytes = False, -1
        coding = head.get("content-encoding") if method != "HEAD" else ""
        if head.is_redirect:
            self._decoders = []
            too_long = head.length_bytes is not None and head.length_bytes > REDIRECT_BYTES and not head.chunked
            self._skip_bytes = 0 if too_long else REDIRECT_BYTES
            if coding:
                self._keep.close()
            return
        self._decoders = decoders_for(url, coding) if coding else []
        honest = method != "HEAD" and not self._decoders and not head.chunked and head.status not in (204, 304)
        if honest and head.length_bytes is not None:
            self._count(head.length_bytes)
            self._decoded_bytes = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: More decoded bytes than allowed.
            BadAnswer, Incomplete: The coding is broken.
            OSError: The sink could not take them.
        """
        self.wire_bytes += len(data)
        if self._skip_bytes >= 0:
            self._write_redirect(data)
        elif self._decoders:
            for piece in decode(self._decoders, data):
                self._count(len(piece))
                (self._sink or self._keep).write(piece)
        else:
            self._count(len(data))
            (self._sink or self._keep).write(data)

    def _count(self, size_bytes: int) -> None:
        self._decoded_bytes += size_bytes
        if self._max_bytes is not None and self._decoded_bytes > self._max_bytes:
            raise TooLarge(self._url, f"too large: more than {self._max_bytes} bytes")

    def _write_redirect(self, data: bytes) -> None:
        """Never decoded, kept only while it is short: nobody reads the body of a redirect."""
        if self.wire_bytes > self._skip_bytes:
            self.cut = True
            self._keep.close()
        elif not self._keep.closed:
            self._keep.write(data)

    def finish(self) -> bytes:
        """The decoded body; empty when it went to the sink, or was that of a redirect and coded or long.

        Raises:
            Incomplete: A coding has not come to its end.
        """
        for decoder in self._decoders:
            decoder.finish()
        return b"" if self._keep.closed else self._keep.getvalue()  # shares its buffer: no second copy


class _Lines:
    """Header lines as the cookie code of the standard library asks for them."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def get_all(self, name: str, default: Any = None) -> Any:
        wanted = name.lower()
        return [value for each, value in self._lines if each.lower() == wanted] or default


class ReadBody:
    """What `Response.raw` is once the body has been read: a closed file that still knows its head."""

    closed = True
    version = 11

    def __init__(self, head: Head) -> None:
        self.status, self.reason, self._lines = head.status, head.reason, head.lines

    @property
    def headers(self) -> HTTPHeaderDict:
        return HTTPHeaderDict(self._lines)

    @property
    def msg(self) -> Any:
        return _Lines(self._lines)

    @property
    def _original_response(self) -> ReadBody:  # where requests looks for cookies
        return self

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        return b""

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        return iter(())

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is left to close."""

    def release_conn(self) -> None:
        """The connection went back long ago."""


class ResponseMaker:
    """Makes responses of one class. Safe from any thread."""

    def __init__(self, response_class: type[requests.Response]) -> None:
        self._class = response_class
        own_text = response_class.text is not requests.Response.text
        self._sets_encoding = not own_text  # a class that decodes by itself takes an encoding for its user's wish
        self._fills_cookies = not isinstance(getattr(response_class, "cookies", None), property)

    def make(
        self,
        adapter: BaseAdapter,
        request: requests.PreparedRequest,
        head: Head,
        content: bytes,
        *,
        elapsed_s: float,
        address: str,
        size_bytes: int,
    ) -> requests.Response:
        """A response whose body is read.

        Args:
            address: The connected IP address, that of the proxy where there is one.
            size_bytes: Of the body on the wire.
        """
        response: Any = self._class()
        response.status_code, response.reason = head.status, head.reason
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        for name, value in head.fields.values():
            headers[name] = value
        response.headers, response.raw_headers = headers, head.lines
        response.url, response.request, response.connection = request.url, request, adapter
        response._content, response._content_consumed = content, True
        response.raw = ReadBody(head)
        response.elapsed = timedelta(seconds=elapsed_s)
        response.address, response.size_bytes = address, size_bytes
        if self._sets_encoding:
            declared = _CHARSET.search(head.get("content-type") or "")
            response.encoding = declared[1] if declared else None
        if self._fills_cookies and "set-cookie" in head.fields:
            extract_cookies_to_jar(response.cookies, request, response.raw)  # type: ignore[no-untyped-call]
        return response  # type: ignore[no-any-return]

"""Heads of answers, read by our own rules, so that both transports refuse the same things.

Contradictory lengths, ambiguous framing, control characters, too many or too long lines: whatever libcurl and
http.client would each handle in their own way.
"""

from __future__ import annotations

import re

from crawler.errors import BadAnswer, ConnectFailed
from crawler.fetching.limits import INTERIM, LINE_BYTES, Limits
from crawler.quick_dataclass import quick_dataclass

_STATUS_LINE = re.compile(rb"HTTP/(\d\.\d|[23](?=[ ])) +([1-9]\d\d)(?=[ \t\r\n]|\Z)")  # without the reason
_WELL_FORMED = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*")
_FIELD = re.compile(r"^([^:\r\n]++):[ \t]*+([^\r\n]*+)\r\n", re.MULTILINE)  # of a well-formed head
_FRAMING = frozenset(("content-length", "transfer-encoding", "content-encoding", "connection"))


@quick_dataclass(frozen=False)
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
        BadAnswer: Not HTTP, over a limit, contradictory lengths, or more 1xx answers than `INTERIM`.
        ConnectFailed: The lines stop before the blank line.
    """
    interim = 0
    start = 0
    while True:
        if start >= len(raw_lines):
            raise ConnectFailed(url, "the connection broke inside the head of the answer")
        found = _STATUS_LINE.match(raw_lines[start])
        if found is None:
            raise BadAnswer(url, f"the answer is not HTTP; it starts with {raw_lines[start][:40]!r}")
        status_line = raw_lines[start].rstrip(b"\r\n")
        if b"\r" in status_line or b"\0" in status_line:
            raise BadAnswer(url, f"a status line with a control character: {raw_lines[start][:40]!r}")
        if found[2][:1] != b"1":
            break
        if found[2] == b"101" or interim == INTERIM:
            raise BadAnswer(url, "the answer switches protocols" if found[2] == b"101" else "too many 1xx answers")
        interim += 1
        end = _blank(raw_lines, start + 1)
        _fields(url, raw_lines[start + 1 : end], limits)
        start = end + 1
    end = _blank(raw_lines, start + 1)
    if end >= len(raw_lines):
        raise ConnectFailed(url, "the connection broke inside the head of the answer")
    lines = _fields(url, raw_lines[start + 1 : end], limits)
    fields = _joined(lines)
    chunked = _is_chunked(url, fields.get("transfer-encoding"))
    length = _length(url, fields.get("content-length"))
    reason = status_line[found.end() :].strip().decode("latin-1")
    return Head(found[1].decode(), int(found[2]), reason, lines, fields, length, chunked)


def is_interim(status_line: bytes) -> bool:
    """Whether the line opens a 1xx answer, after which another head follows."""
    found = _STATUS_LINE.match(status_line)
    return found is not None and found[2][:1] == b"1" and found[2] != b"101"


def switches(line: bytes) -> bool:
    """Whether it opens an answer after which the connection does not speak HTTP/1 any more, which we never ask for."""
    return line.startswith((b"HTTP/1.1 101", b"HTTP/1.0 101"))


def _joined(lines: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """By lower-case name: the name as written first, and all its values, which are put together once."""
    fields: dict[str, tuple[str, str]] = {}
    repeated: dict[str, list[str]] = {}
    for pair in lines:
        lower = pair[0].lower()
        if lower in fields:
            repeated.setdefault(lower, [fields[lower][1]]).append(pair[1])
        else:
            fields[lower] = pair
    for lower, values in repeated.items():
        fields[lower] = (fields[lower][0], ", ".join(values))
    return fields


def _blank(raw_lines: list[bytes], start: int) -> int:
    """Index of the first blank line from *start* on, or the number of lines."""
    end = len(raw_lines)
    for blank in (b"\r\n", b"\n"):
        if blank in raw_lines:
            try:
                end = raw_lines.index(blank, start, end)
            except ValueError:  # only before *start*
                continue
    return end


def _fields(url: str, raw_lines: list[bytes], limits: Limits) -> list[tuple[str, str]]:
    if len(raw_lines) > limits.max_headers:
        raise BadAnswer(url, f"{len(raw_lines)} header lines, more than {limits.max_headers}")
    text = b"".join(raw_lines).decode("latin-1")
    if len(text) > limits.max_header_bytes:
        raise BadAnswer(url, f"{len(text)} bytes of headers, more than {limits.max_header_bytes}")
    if len(text) <= LINE_BYTES and _WELL_FORMED.fullmatch(text):
        return [(name, value.rstrip(" \t")) for name, value in _FIELD.findall(text)]
    lines: list[tuple[str, list[str]]] = []  # a value has a part for each line that it is folded over
    for line in text.split("\n")[:-1]:
        name, colon, value = line.partition(":")
        value = value.strip(" \t\r")
        if len(line) > LINE_BYTES:
            raise BadAnswer(url, f"a header line of {len(line)} bytes, more than {LINE_BYTES}")
        if "\0" in line or line.find("\r", 0, -1) >= 0:  # Source: RFC 9112, section 2.2: others may see two lines here
            raise BadAnswer(url, f"a header line with a control character: {line[:40]!r}")
        if line[0] in " \t" and lines:  # folded. Source: RFC 9112, section 5.2
            lines[-1][1].append(line.strip())
            continue
        if not colon or not name.strip() or line[0] in " \t":
            raise BadAnswer(url, f"an invalid header line: {line[:40]!r}")
        if name[-1:].isspace():  # space before the colon: some readers would not recognise the name
            name = name.strip()
            if name.lower() in _FRAMING:
                raise BadAnswer(url, f"a space before the colon of {name[:40]!r}")
        lines.append((name, [value]))
    return [(name, " ".join(parts).strip()) for name, parts in lines]


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
        raise BadAnswer(url, f"an invalid Content-Length: {digits[:40]!r}")
    return int(digits)


def _is_chunked(url: str, field: tuple[str, str] | None) -> bool:
    if field is None or field[1].lower() == "identity":
        return False
    if field[1].lower() != "chunked":
        raise BadAnswer(url, f"transfer encoding {field[1][:40]!r} is not supported")
    return True

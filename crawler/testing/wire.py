"""HTTP/1.1 messages of the practice site: reading requests from a socket, writing answers in one piece.

The standard library's handler spends most of a request's time parsing its head with the email package; a practice site
that serves thousands of pages needs that time for its pages. Only what crawlers send is understood:
bodies by Content-Length or in chunks, `Expect: 100-continue`, HEAD, pipelining, HTTP/1.0.
"""

from __future__ import annotations

import json
import re
import socket
from dataclasses import field
from http import HTTPStatus
from urllib.parse import parse_qsl

from crawler.quick_dataclass import quick_dataclass

MAX_HEAD_BYTES = 256 * 1024
MAX_BODY_BYTES = 4 * 1024 * 1024
UNSAFE = re.compile(r"[\x00-\x20\x7f]")
HTML = "text/html; charset=utf-8"

REASONS = {status.value: status.phrase for status in HTTPStatus}


class BadCall(Exception):
    """The input is not a request that can be answered; the text becomes the reason in a 400."""


@quick_dataclass(frozen=False)
class WireRequest:
    """One request as received.

    Attributes:
        host: Address of the listener that received it.
        base: Scheme, address and port of that listener.
        method: In upper case.
        path: Without the query.
        query_text: After the question mark, or empty.
        headers: Names in lower case; repeated fields joined by a comma.
        body: The whole body.
        connection: Number of the connection.
        keep_alive: Whether the client wants to keep the connection.
    """

    host: str
    base: str
    method: str
    path: str
    query_text: str
    headers: dict[str, str]
    body: bytes
    connection: int
    keep_alive: bool

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query_text}" if self.query_text else self.path

    def query(self) -> dict[str, str]:
        """The query's parameters; the last of repeated ones counts."""
        return dict(parse_qsl(self.query_text, keep_blank_values=True)) if self.query_text else {}

    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def cookies(self) -> dict[str, str]:
        """The cookies of the request; the first of repeated names counts."""
        text = self.headers.get("cookie")
        found: dict[str, str] = {}
        if text:
            for pair in text.split(";"):
                name, _, value = pair.strip().partition("=")
                found.setdefault(name, value)
        return found


@quick_dataclass(frozen=False)
class Answer:
    """An answer to a request.

    Attributes:
        status: 200 to 599.
        body: Its bytes.
        content_type: Value of the header.
        headers: Further header fields, in order.
        reset_after: Reset the connection after this many bytes of the answer instead of sending the rest.
        close: Close the connection afterwards, and say so.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = HTML
    headers: list[tuple[str, str]] = field(default_factory=list)
    reset_after: int | None = None
    close: bool = False

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Answer:
        """A redirect with a short body; characters that would break out of the header line are percent-encoded."""
        location = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", location)
        return cls(status, b"<p>Moved.</p>", headers=[("Location", location)])

    @classmethod
    def json(cls, value: object, status: int = 200) -> Answer:
        """A JSON document."""
        return cls(status, json.dumps(value).encode(), "application/json")

    @classmethod
    def text(cls, text: str, status: int = 200) -> Answer:
        """Plain text."""
        return cls(status, text.encode(), "text/plain; charset=utf-8")

    def encoded(self, *, head_only: bool, keep_alive: bool, date: str) -> bytes:
        """The bytes of the answer."""
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}\r\nServer: practice\r\nDate: {date}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
        ]
        lines += [f"{name}: {value}\r\n" for name, value in self.headers]
        lines.append("\r\n" if keep_alive else "Connection: close\r\n\r\n")
        head = "".join(lines).encode("utf-8")
        return head if head_only else head + self.body


class CallReader:
    """Reads the requests of one connection, one after another; used by only one thread."""

    def __init__(self, connection: socket.socket, host: str, base: str, number: int) -> None:
        self._connection, self._host, self._base, self._number = connection, host, base, number
        self._buffer = b""

    def read(self) -> WireRequest | None:
        """The next request, or None if the other side has closed the connection.

        Raises:
            BadCall: It is not a request that can be answered; the connection can no longer be used.
            OSError: The connection broke.
        """
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadCall("the head is too large")
            if not self._more():
                return None
        head, self._buffer = self._buffer[:end].decode("latin-1"), self._buffer[end + 4 :]
        first, *lines = head.lstrip("\r\n").split("\r\n")
        try:
            method, target, version = first.split(" ")
        except ValueError:
            raise BadCall("not a request line") from None
        if not version.startswith("HTTP/1."):
            raise BadCall("not HTTP/1")
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name[-1] in " \t":
                raise BadCall("not a header field")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        wish = headers.get("connection", "").lower()
        body = self._read_body(headers)
        if target.startswith(("http://", "https://")):  # as sent to proxies; the host is ours anyway
            target = "/" + target.split("/", 3)[3] if target.count("/") >= 3 else "/"
        path, _, query = target.partition("?")
        keep_alive = wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"
        return WireRequest(self._host, self._base, method, path, query, headers, body, self._number, keep_alive)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length_text = headers.get("content-length")
        if not chunked and length_text is None:
            return b""
        if headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not chunked:
            if not (length_text or "").isdecimal():
                raise BadCall("Content-Length is not a number")
            return self._take(int(length_text or "0"))
        body = b""
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError:
                raise BadCall("not a chunk size") from None
            if size < 0 or len(body) + size > MAX_BODY_BYTES:
                raise BadCall("the body is too large")
            if size == 0:
                while self._line():  # trailers end with an empty line
                    pass
                return body
            body += self._take(size)
            self._line()

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES or not self._more():
                raise BadCall("a line without end")
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _take(self, count: int) -> bytes:
        if count > MAX_BODY_BYTES:
            raise BadCall("the body is too large")
        while len(self._buffer) < count:
            if not self._more():
                raise BadCall("the body ended early")
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _more(self) -> bool:
        chunk = self._connection.recv(65536)
        self._buffer += chunk
        return bool(chunk)

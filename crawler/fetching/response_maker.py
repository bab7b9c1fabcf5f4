"""From a head and the bytes of a body to a `requests.Response`: what both transports do with an answer.

A body counts its decoded bytes while they come, so that it never grows beyond its limit.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, BinaryIO

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPHeaderDict

from crawler.errors import ProxyRefused, TooLarge
from crawler.fetching.decoding import Decoding
from crawler.fetching.heads import Head
from crawler.fetching.limits import REDIRECT_BYTES, Limits
from crawler.fetching.outgoing import Outgoing
from crawler.headers import headers_of
from crawler.untyped import take_cookies

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';,]+)""", re.IGNORECASE)


class Body:
    """Takes the bytes of a body and keeps the decoded ones, or writes them to a file. Used by one thread.

    Attributes:
        wire_bytes: Bytes taken so far, before decoding.
        cut: It has seen enough: the rest must not be read, and the connection must be closed.
    """

    __slots__ = (
        "_decoded_bytes",
        "_decoding",
        "_keep",
        "_late",
        "_max_bytes",
        "_sink",
        "_skip_bytes",
        "_url",
        "cut",
        "wire_bytes",
    )

    def __init__(
        self,
        url: str,
        head: Head,
        method: str,
        limits: Limits,
        *,
        sink: BinaryIO | None = None,
        still: Callable[[], None] = lambda: None,
        late: bool = False,
    ) -> None:
        """Prepare for the body of *head*.

        Args:
            sink: Takes the decoded bytes of a 2xx answer in constant memory; other answers stay in memory. One that
                has a method ``begin`` is given the head first, and may refuse the body by raising a FetchError.
            still: Raises when the time is up or the exchange was stopped; called while the body is decoded.
            late: A coding is undone by `finish`, not while the bytes come; these count towards the limit, too.
        Raises:
            BadAnswer: Its Content-Encoding cannot be undone.
            TooLarge: It says itself that it is larger than allowed.
        """
        self._url, self._max_bytes = url, limits.max_size_bytes
        self.wire_bytes = self._decoded_bytes = 0
        self._sink = sink if sink is not None and 200 <= head.status < 300 else None
        self._keep = io.BytesIO()
        self._late: list[bytes] | None = [] if late else None
        self.cut, self._skip_bytes = False, -1
        coding = (head.get("content-encoding") or "") if method != "HEAD" else ""
        self._decoding = Decoding(url, "" if head.is_redirect else coding, limits.max_size_bytes, still)
        if head.is_redirect:
            too_long = head.length_bytes is not None and head.length_bytes > REDIRECT_BYTES and not head.chunked
            self._skip_bytes = 0 if too_long else REDIRECT_BYTES
            if coding:
                self._keep.close()
            return
        begin = getattr(self._sink, "begin", None) if self._sink is not None else None
        if begin is not None:
            begin(head)
        honest = method != "HEAD" and not self._decoding and not head.chunked and head.status not in (204, 304)
        if honest and head.length_bytes is not None:
            self._count(head.length_bytes)
            self._decoded_bytes = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: More decoded bytes than allowed, at the end or between two codings.
            BadAnswer, Incomplete: The coding is broken.
            FetchError: What *still* raises.
            OSError: The sink could not take them.
        """
        self.wire_bytes += len(data)
        if self._skip_bytes >= 0:
            self._write_redirect(data)
        elif self._decoding:
            if self._late is None:
                self._decode(data)
            elif self._max_bytes is not None and self.wire_bytes > self._max_bytes:
                raise TooLarge(self._url, f"too large: more than {self._max_bytes} bytes")
            else:
                self._late.append(data)
        else:
            self._count(len(data))
            (self._sink or self._keep).write(data)

    def _decode(self, data: bytes) -> None:
        for piece in self._decoding.feed(data):
            (self._sink or self._keep).write(piece)

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
        for data in self._late or ():
            self._decode(data)
        self._decoding.finish()
        return b"" if self._keep.closed else self._keep.getvalue()  # shares its buffer: no second copy


def check_proxy(asked: Outgoing, head: Head) -> None:
    """Raise Refused where it was the proxy that answered: only a proxy asks for credentials by 407."""
    if head.status == 407 and asked.proxy is not None:
        raise ProxyRefused(asked.url, f"the proxy {asked.proxy.place} wants other credentials (status 407)")


class _Lines:
    """Header lines as the cookie code of the standard library asks for them."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def get_all(self, name: str, default: Any = None) -> Any:
        wanted = name.lower()
        return [value for each, value in self._lines if each.lower() == wanted] or default


class ReadBody:
    """What `Response.raw` is once the body has been read: a closed file that still knows its head.

    After a call with ``stream=True`` it can be read once, as in requests; what it gives is decoded already.
    """

    def __init__(self, head: Head, content: bytes | None) -> None:
        self.version = int(f"{head.version}.0".replace(".", "")[:2])  # as in http.client: 11, and 20 for HTTP/2
        self.status, self.reason, self._lines = head.status, head.reason, head.lines
        self._rest = io.BytesIO(content) if content is not None else None
        self.decode_content = True  # callers set it; there is nothing left to decode

    @property
    def closed(self) -> bool:
        return self._rest is None

    @property
    def headers(self) -> HTTPHeaderDict:
        return HTTPHeaderDict(self._lines)

    @property
    def msg(self) -> Any:
        return _Lines(self._lines)

    @property
    def _original_response(self) -> ReadBody:  # where requests looks for cookies
        return self

    def read(self, amt: int | None = -1, decode_content: bool | None = None, **_: Any) -> bytes:
        return b"" if self._rest is None else self._rest.read(-1 if amt is None else amt)

    def readinto(self, buffer: Any) -> int:
        return 0 if self._rest is None else self._rest.readinto(buffer)

    def stream(self, amt: int | None = 65_536, decode_content: bool | None = None) -> Iterator[bytes]:
        while piece := self.read(amt):
            yield piece

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rest or ())

    def readable(self) -> bool:
        return self._rest is not None

    def isclosed(self) -> bool:
        return self._rest is None

    def close(self) -> None:
        """What was not read is dropped."""
        self._rest = None

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
        stream: bool = False,
    ) -> requests.Response:
        """A response whose body is read.

        Args:
            stream: Its `raw` can be read, as users of requests do.
            address: The connected IP address, that of the proxy where there is one.
            size_bytes: Of the body on the wire.
        """
        response: Any = self._class()
        response.status_code, response.reason = head.status, head.reason
        response.headers, response.raw_headers = headers_of(head.fields), head.lines
        response.url, response.request, response.connection = request.url, request, adapter
        response._content, response._content_consumed = content, True
        response.raw = ReadBody(head, content if stream else None)
        response.elapsed = timedelta(seconds=elapsed_s)
        response.address, response.size_bytes = address, size_bytes
        if self._sets_encoding:
            declared = _CHARSET.search(head.get("content-type") or "")
            response.encoding = declared[1] if declared else None
        if self._fills_cookies and "set-cookie" in head.fields:
            take_cookies(response.cookies, request, response.raw)
        made: requests.Response = response
        return made

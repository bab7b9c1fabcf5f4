"""A `requests.Response` whose text is read as browsers read it: the charset, and what headers say about the body."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import requests
from requests.cookies import RequestsCookieJar

from crawler.headers import headers_of, value_of
from crawler.pages import charsets
from crawler.pages.charsets import declared, usable
from crawler.pages.kinds import file_type
from crawler.untyped import take_cookies

#: what requests puts into a response, without what each response needs its own copy of
_BLANK = {
    name: value
    for name, value in vars(requests.Response()).items()
    if name not in ("cookies", "encoding", "headers", "history")
}
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<|(?:\xff\xfe)?(?:\s\0)*+<\0|(?:\xfe\xff)?(?:\0\s)*+\0<")


@lru_cache(maxsize=256)
def _kind_of(content_type: str) -> str:
    return content_type.partition(";")[0].partition(",")[0].strip().lower()


class ResponseText(requests.Response):
    """An answer as text: the part of `crawler.response.Response` below elements. Used by one thread at a time."""

    raw_headers: list[tuple[str, str]]
    _next: requests.PreparedRequest | None = None  # belongs to requests, whose stubs leave it out
    _encoding: str | None = None
    _text: str | None = None
    _charset: str | None = None
    _selector: Any = None  # made from the text by subclasses that read more than that
    _elements: Any = None  # the selector, where the page has elements
    _base: str | None = None
    _file_type: str | None = None

    def __init__(self) -> None:
        fields = self.__dict__  # as requests makes it, except for a cookie jar that is hardly ever looked at
        fields.update(_BLANK)
        fields["headers"], fields["history"] = headers_of({}), []
        self.raw_headers = []
        self.warnings: list[str] = []

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies that this answer has set, as in requests; what holds after redirects is in `session.cookies`."""
        jar: RequestsCookieJar | None = self.__dict__.get("_jar")
        if jar is None:
            jar = self._jar = RequestsCookieJar()
            if self.request is not None and any(name.lower() == "set-cookie" for name, _ in self.raw_headers):
                take_cookies(jar, self.request, self.raw)
                for cookie in jar:
                    cookie.value = _as_utf8(cookie.value)
        return jar

    @cookies.setter
    def cookies(self, jar: RequestsCookieJar) -> None:
        self._jar = jar

    @property
    def body(self) -> bytes:
        """The decoded body (an empty one for None)."""
        body: Any = self._content  # already there, as it nearly always is
        return (self.content if body is False else body) or b""

    @property
    def content_type(self) -> str:
        """Lower case, without parameters."""
        return _kind_of(str(value_of(self.headers, "content-type") or ""))

    @property
    def is_html(self) -> bool:
        """By its Content-Type, or by its first bytes where there is none."""
        kind = self.content_type
        if kind:
            return kind in ("text/html", "application/xhtml+xml") and not self.file_type
        return _MARKUP.match(self.body) is not None

    @property
    def file_type(self) -> str:
        """The media type of an answer that is a file and no text: an archive, a picture, a PDF; "" for text."""
        found = self._file_type
        if found is None:
            found = self._file_type = file_type(self.content_type, self.body)
        return found

    @property
    def encoding(self) -> str | None:  # an attribute of requests, which knows only the header
        """The charset of `text`: the one that was set here, else `charset`."""
        return self._encoding or self.charset

    @encoding.setter
    def encoding(self, charset: str | None) -> None:
        """Read the page in this charset from now on; None for its own again."""
        self._encoding, self._charset = charset, None
        self._text = self._selector = self._elements = self._base = None

    @property
    def text(self) -> str:
        """The body as text: by byte order mark, header, meta element, then UTF-8 or a guess. Never raises.

        Bytes that do not fit the declared charset give a warning in `warnings`.
        """
        if self._text is None:
            wanted = usable(self._encoding) if self._encoding is not None else None
            if wanted is not None:  # set by the user, as requests allows
                self._text, self._charset = self.body.decode(wanted, "replace"), wanted
            elif self.file_type:  # there is no charset to be guessed
                self._text, self._charset = self.body.decode(charsets.DEFAULT, "replace"), charsets.DEFAULT
            else:
                found = charsets.read(self.headers.get("Content-Type"), self.body)
                self._text, self._charset = found.text, found.charset
                if found.warning and found.warning not in self.warnings:
                    self.warnings.append(found.warning)
        return self._text

    @property
    def charset(self) -> str:
        """The codec that the body is read with, as Python names it."""
        if self._charset is None:
            if self._encoding is None and (self.is_plain_utf8 or self.file_type):
                self._charset = charsets.DEFAULT
            else:
                self._text = None
                _ = self.text
        return self._charset or charsets.DEFAULT

    def reads_as_utf8(self) -> None:
        """The parser has taken the bytes as they are."""
        self._charset = charsets.DEFAULT

    @property
    def is_plain_utf8(self) -> bool:
        """Whether a parser may take the bytes as they are: valid UTF-8 without NUL, and nothing says otherwise."""
        body = self.body
        if self._encoding is not None or self._text is not None:
            return False
        if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body:
            return False
        if declared(value_of(self.headers, "content-type"), body) not in (None, charsets.DEFAULT):
            return False
        if not body.isascii():
            try:
                body.decode()
            except UnicodeDecodeError:
                return False
        return True

    def text_bytes(self) -> bytes:
        """The text as UTF-8, without NUL and lone surrogates."""
        return self.text.strip().replace("\x00", "").encode("utf-8", "replace")


def _as_utf8(value: str | None) -> str | None:
    """A header is read as latin-1; a cookie of other bytes was meant as UTF-8."""
    if value is None or value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value

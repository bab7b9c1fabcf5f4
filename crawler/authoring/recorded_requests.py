"""Requests as a browser sent them: from a curl command, or from a HAR file. Pure.

The curl options that are understood are in `_UNDERSTOOD`, those that change nothing for a spider in `_HARMLESS`; any
other is named, so that nobody assumes that it was applied.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from crawler.errors import InvalidURL, UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.formats.curl_command import LONG_WITH_VALUE, PROMPT, SHORT_WITH_VALUE, shell_words
from crawler.sessions.formats.har import entries_of, headers_of_har
from crawler.urls import with_user

_SHORT: Final = {
    "A": "--user-agent", "b": "--cookie", "d": "--data", "e": "--referer", "F": "--form", "G": "--get",
    "H": "--header", "I": "--head", "k": "--insecure", "L": "--location", "u": "--user", "X": "--request",
    "x": "--proxy", "s": "--silent", "S": "--show-error", "i": "--include", "v": "--verbose", "f": "--fail",
    "o": "--output", "m": "--max-time", "O": "--remote-name", "N": "--no-buffer", "#": "--progress-bar",
    "w": "--write-out", "g": "--globoff",
}  # fmt: skip
_DATA: Final = ("--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode")
_UNDERSTOOD: Final = {
    *_DATA, "--json", "--form", "--form-string", "--get", "--head", "--header", "--cookie", "--user-agent",
    "--referer", "--user", "--oauth2-bearer", "--request", "--url",
}  # fmt: skip
_HARMLESS: Final = {
    "--location", "--compressed", "--silent", "--show-error", "--include", "--verbose", "--fail", "--output",
    "--max-time", "--connect-timeout", "--remote-name", "--no-buffer", "--progress-bar", "--write-out", "--globoff",
    "--http1.1", "--http2", "--retry", "--retry-delay", "--fail-with-body", "--tlsv1.2", "--basic", "--path-as-is",
}  # fmt: skip
_INSTEAD: Final = {"--insecure": "-s verify=false", "--proxy": "-s proxy=..."}
_TEXTUAL: Final = ("html", "json", "xml")


@quick_dataclass
class SentRequest:
    """One request and, if known, its answer. Its repr shows only the method.

    Attributes:
        headers: As they were sent, without the cookies.
        cookies: Names and values.
        fields: Form fields, in order; none for JSON.
        json: The parsed body if it is JSON.
        basic: User name and password for HTTP Basic.
        status: 0 if the answer is not known.
        kind: Content-Type of the answer, without parameters.
        answer: Its text.
    """

    method: str
    url: str = field(repr=False)
    headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    cookies: list[tuple[str, str]] = field(default_factory=list, repr=False)
    body: str | None = field(default=None, repr=False)
    fields: list[tuple[str, str]] = field(default_factory=list, repr=False)
    json: Any = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    status: int = 0
    kind: str = ""
    answer: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """The value of a header; "" if it was not sent."""
        return next((value for each, value in self.headers if each.lower() == name), "")


def from_curl(command: str) -> tuple[SentRequest, list[str]]:
    """The request of a curl command as browsers copy it ("Copy as cURL (bash)"), and what is left out.

    Raises:
        UsageError: It is not a curl command, or has no URL.
    """
    words = list(shell_words(PROMPT.sub("", command, count=1)))
    if not words or words[0].rsplit("/", 1)[-1] not in ("curl", "curl.exe"):
        raise UsageError("this is not a curl command: it should begin with the word curl")
    found = _Command()
    for option, value in _options(words[1:]):
        found.take(option, value)
    return found.request(), found.left_out


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a long option and its value; a URL has the option ""."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if equals and name in LONG_WITH_VALUE:
                yield name, value
            else:
                yield word, next(rest, "") if word in LONG_WITH_VALUE else ""
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], start=1):
                name = _SHORT.get(letter, f"-{letter}")
                if letter in SHORT_WITH_VALUE:
                    yield name, word[place + 1 :] or next(rest, "")
                    break
                yield name, ""
        else:
            yield "", word


class _Command:
    """The request that the options of one command describe."""

    def __init__(self) -> None:
        self.left_out: list[str] = []
        self._url = self._method = ""
        self._headers: list[tuple[str, str]] = []
        self._cookies: list[tuple[str, str]] = []
        self._data: list[str] = []
        self._form: list[tuple[str, str]] = []
        self._basic: tuple[str, str] | None = None
        self._in_query = self._is_json = False

    def take(self, option: str, value: str) -> None:
        """Apply one option."""
        if option in _HARMLESS:
            return
        if option not in _UNDERSTOOD and option:
            instead = f": `{_INSTEAD[option]}` does it" if option in _INSTEAD else ""
            self.left_out.append(f"option {option}{instead}")
        elif option in ("", "--url"):
            if self._url:
                self.left_out.append("a second address")
            else:
                self._url = value if "://" in value else f"http://{value}"
        elif option == "--request":
            self._method = value.upper()
        elif option in ("--get", "--head"):
            self._in_query = self._in_query or option == "--get"
            self._method = self._method or {"--get": "GET", "--head": "HEAD"}[option]
        elif option in _DATA or option == "--json":
            self._take_data(option, value)
        elif option in ("--form", "--form-string"):
            name, _, text = value.partition("=")
            if option == "--form" and text.startswith(("@", "<")):
                self.left_out.append(f"the file of form field {name}")
            else:
                self._form.append((name, text))
        else:
            self._take_header(option, value)

    def _take_data(self, option: str, value: str) -> None:
        self._is_json = self._is_json or option == "--json"
        if value.startswith("@") and option != "--data-raw":
            self.left_out.append("a body from a file")
        elif option == "--data-urlencode":
            name, equals, text = value.partition("=")
            self._data.append(f"{name}={quote_plus(text)}" if equals and name else quote_plus(text or name))
        else:
            self._data.append(value)

    def _take_header(self, option: str, value: str) -> None:
        if option == "--cookie":
            if "=" not in value:
                self.left_out.append("cookies from a file; `crawl sessions import` reads it")
            else:
                self._cookies += _pairs_of(value)
        elif option == "--user":
            name, _, password = value.partition(":")
            self._basic = (name, password)
        elif option == "--oauth2-bearer":
            self._headers.append(("Authorization", f"Bearer {value}"))
        elif option == "--header":
            name, _, text = value.partition(":")
            if name.strip().lower() == "cookie":
                self._cookies += _pairs_of(text)
            elif name.strip() and text.strip():
                self._headers.append((name.strip(), text.strip()))
        else:
            self._headers.append(({"--referer": "Referer", "--user-agent": "User-Agent"}[option], value))

    def request(self) -> SentRequest:
        """Put all of it together. Raises UsageError if there is no URL."""
        if not self._url:
            raise UsageError("the curl command names no URL")
        url, body = self._url, "&".join(self._data) if self._data else None
        if self._is_json:
            self._headers += [("Content-Type", "application/json"), ("Accept", "application/json")]
        if self._in_query and body is not None:
            url, body = f"{url}{'&' if '?' in url else '?'}{body}", None
        if self._form:
            body = urlencode(self._form)
        method = self._method or ("POST" if body is not None else "GET")
        return _request(method, url, self._headers, self._cookies, body, basic=self._basic)


def _request(
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    cookies: list[tuple[str, str]],
    body: str | None,
    **more: Any,
) -> SentRequest:
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    fields: list[tuple[str, str]] = []
    parsed: Any = None
    if body is not None and ("json" in kind or (not kind and body[:1] in "{[")):
        try:
            parsed = json.loads(body)
        except ValueError:
            parsed = None
    elif body is not None and ("x-www-form-urlencoded" in kind or "multipart" in kind or not kind):
        fields = parse_qsl(body, keep_blank_values=True)
    authorization = next((value for name, value in headers if name.lower() == "authorization"), "")
    if authorization.lower().startswith("basic ") and more.get("basic") is None:
        more["basic"] = _basic_of(authorization)
    if more.get("basic") is not None:
        headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
    try:
        parts = urlsplit(with_user("", url).partition("#")[0])
    except InvalidURL as error:
        raise UsageError(str(error)) from None
    if parts.username is not None:
        more.setdefault("basic", None)
        more["basic"] = more["basic"] or (unquote(parts.username), unquote(parts.password or ""))
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return SentRequest(method, address, headers, cookies, body, fields, parsed, **more)


def _basic_of(authorization: str) -> tuple[str, str] | None:
    try:
        name, colon, password = base64.b64decode(authorization[6:]).decode().partition(":")
    except (ValueError, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _pairs_of(text: str) -> list[tuple[str, str]]:
    pairs = (each.strip(" \t").partition("=") for each in text.split(";"))
    return [(name, value) for name, equals, value in pairs if equals and name]


def from_har(har: Any) -> tuple[list[SentRequest], list[str]]:
    """The requests of a recording, in order, and what is left out.

    Raises:
        UsageError: It is not a HAR file.
    """
    entries, left_out = entries_of(har)
    found: list[SentRequest] = []
    for url, entry in entries:
        request, answer = entry["request"], entry.get("response")
        if not url.startswith(("http://", "https://")):
            continue
        headers = [(name, value) for name, value in headers_of_har(request) if not name.startswith(":")]
        cookies = [pair for name, value in headers if name == "cookie" for pair in _pairs_of(value)]
        headers = [(name, value) for name, value in headers if name != "cookie"]
        content = answer.get("content") if isinstance(answer, Mapping) else None
        content = content if isinstance(content, Mapping) else {}
        kind = str(content.get("mimeType") or "").partition(";")[0].strip().lower()
        found.append(
            _request(
                str(request.get("method") or "GET").upper(),
                url,
                headers,
                cookies,
                _posted(request.get("postData")),
                status=_status(answer),
                kind=kind,
                answer=_answer(content) if any(word in kind for word in _TEXTUAL) else "",
            )
        )
    return found, left_out


def _status(answer: Any) -> int:
    """The status of an answer; 0 if none is given."""
    found = answer.get("status") if isinstance(answer, Mapping) else None
    return found if isinstance(found, int) else 0


def _posted(data: Any) -> str | None:
    if not isinstance(data, Mapping):
        return None
    if isinstance(data.get("text"), str) and data["text"]:
        return str(data["text"])
    listed = data.get("params")
    pairs = [
        (str(each.get("name", "")), str(each.get("value", "")))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, Mapping)
    ]
    return urlencode(pairs) if pairs else None


def _answer(content: Mapping[str, Any]) -> str:
    text = content.get("text")
    if not isinstance(text, str):
        return ""
    if content.get("encoding") == "base64":
        try:
            return base64.b64decode(text).decode("utf-8", "replace")
        except ValueError:
            return ""
    return text

"""Answers as a HAR file (1.2), the recording that the network panels of browsers write and read. Pure.

Source: http://www.softwareishard.com/blog/har-12-spec/
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import requests

from crawler.clock import unix_now
from crawler.late_pattern import late_pattern
from crawler.response import Response
from crawler.sessions.foreign_answers import set_cookie_lines
from crawler.sessions.secrets import hide, hide_in_page
from crawler.urls import HIDDEN, is_secret_name

_LEFT_OUT: Final = frozenset(
    {"cookie", "set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authentication-info"}
)
_FIELD: Final = late_pattern(r"<(?:input|meta)\b[^<>]{0,4000}>", re.IGNORECASE)
_NAME: Final = late_pattern(r"""\sname\s*=\s*["']?([^"'\s>]{1,200})""", re.IGNORECASE)
_VALUE: Final = late_pattern(r"""(\s(?:value|content)\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_LARGEST_BYTES: Final = 1024 * 1024  #: of a body; what is longer is cut
_IS_TEXT: Final = late_pattern(r"^text/|html|json|xml|javascript|x-www-form", re.IGNORECASE)
_VERSIONS: Final = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2.0", 30: "HTTP/3.0"}


def har_of(response: Response, *, ended: float, secrets: bool) -> dict[str, Any]:
    """A page with the redirects that led to it, as JSON values.

    Args:
        ended: When it had arrived, seconds since 1970.
        secrets: Write cookies, credentials and what looks like a secret; else cookies and the headers of credentials
            are left out, and the rest is masked, as browsers do when they export.
    """
    chain: list[Any] = [*response.history, response]
    entries: list[dict[str, Any]] = []
    for each in reversed(chain):
        ended -= each.elapsed.total_seconds()
        entries.insert(0, entry_of(each, ended, secrets=secrets))
    creator = {"name": "crawl-sessions", "version": version("crawl-sessions")}
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def entry_of(answer: requests.Response, began: float | None, *, secrets: bool) -> dict[str, Any]:
    """One exchange; *began* in seconds since 1970, None where it has just ended; *secrets* as in `har_of`."""
    took_s = answer.elapsed.total_seconds()
    took_ms, began = round(took_s * 1000, 3), unix_now() - took_s if began is None else began
    spoken = _VERSIONS.get(getattr(answer.raw, "version", 11), "HTTP/1.1")
    sent, came = _request(answer.request, spoken, secrets=secrets), _response(answer, spoken, secrets=secrets)
    address = getattr(answer, "address", "")
    return _timed(sent, came, began, took_ms) | ({"serverIPAddress": str(address)} if address else {})


def failed_entry(
    request: requests.PreparedRequest, error: BaseException, began: float, took_s: float, *, secrets: bool
) -> dict[str, Any]:
    """One request to which no answer came, as browsers write it: status 0, and why."""
    came: dict[str, Any] = {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": "x-unknown"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "_error": hide(f"{type(error).__name__}: {error}"),
    }
    return _timed(_request(request, "", secrets=secrets), came, began, round(took_s * 1000, 3))


def _timed(sent: dict[str, Any], came: dict[str, Any], began: float, took_ms: float) -> dict[str, Any]:
    return {
        "startedDateTime": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        "time": took_ms,
        "request": sent,
        "response": came,
        "cache": {},
        "timings": {"send": 0, "wait": took_ms, "receive": 0},
    }


def _request(request: requests.PreparedRequest, spoken: str, *, secrets: bool) -> dict[str, Any]:
    url, body = str(request.url), request.body
    headers: Mapping[str, Any] = request.headers or {}
    sent = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    shown = url if secrets else hide(url)
    found: dict[str, Any] = {
        "method": request.method or "GET",
        "url": shown,
        "httpVersion": spoken,
        "cookies": _cookies([str(headers.get("Cookie") or "")], secrets=secrets),
        "headers": _headers(list(headers.items()), secrets=secrets),
        "queryString": _pairs(parse_qsl(urlsplit(shown).query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": len(sent),
    }
    if sent:
        kind = str(headers.get("Content-Type") or "application/octet-stream")
        text = sent[:_LARGEST_BYTES].decode("utf-8", "replace")
        found["postData"] = {"mimeType": kind, "text": text if secrets else HIDDEN, "params": []}
    return found


def _response(answer: requests.Response, spoken: str, *, secrets: bool) -> dict[str, Any]:
    lines = list(getattr(answer, "raw_headers", None) or answer.headers.items())
    location = str(answer.headers.get("Location") or "")
    return {
        "status": answer.status_code,
        "statusText": answer.reason or "",
        "httpVersion": spoken,
        "cookies": _cookies(set_cookie_lines(answer), secrets=secrets),
        "headers": _headers(lines, secrets=secrets),
        "content": _content(answer, secrets=secrets),
        "redirectURL": location if secrets else hide(location),
        "headersSize": -1,
        "bodySize": -1,
    }


def _content(answer: requests.Response, *, secrets: bool) -> dict[str, Any]:
    body = answer.content or b""
    found: dict[str, Any] = {"size": len(body), "mimeType": str(answer.headers.get("Content-Type") or "x-unknown")}
    if len(body) > _LARGEST_BYTES:
        body = body[:_LARGEST_BYTES]
        found["comment"] = f"the first {_LARGEST_BYTES:,} of {found['size']:,} bytes"
    try:
        text = body.decode(answer.encoding or "utf-8", "ignore" if "comment" in found else "strict")
    except (UnicodeDecodeError, LookupError):
        if _IS_TEXT.search(found["mimeType"]) and not secrets:  # nothing is masked in what nobody can read
            text = body.decode("latin-1")
            return {**found, "text": _FIELD.sub(_masked_field, hide_in_page(text))}
        return {**found, "text": base64.b64encode(body).decode(), "encoding": "base64"}
    return {**found, "text": text if secrets else _FIELD.sub(_masked_field, hide_in_page(text))}


def _masked_field(tag: re.Match[str]) -> str:
    """A field or a meta tag, such as one with a CSRF token, without its value where its name tells of a secret."""
    name = _NAME.search(tag[0])
    return _VALUE.sub(rf'\1"{HIDDEN}"', tag[0]) if name is not None and is_secret_name(name[1]) else tag[0]


def _headers(lines: Sequence[tuple[str, str]], *, secrets: bool) -> list[dict[str, str]]:
    if secrets:
        return _pairs(lines)
    kept = [pair for pair in lines if pair[0].lower() not in _LEFT_OUT and not is_secret_name(pair[0])]
    return _pairs([(name, hide(str(value))) for name, value in kept])


def _pairs(lines: Sequence[tuple[str, Any]]) -> list[dict[str, str]]:
    return [{"name": str(name), "value": _text(value)} for name, value in lines]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _cookies(lines: Sequence[str], *, secrets: bool) -> list[dict[str, Any]]:
    if not secrets:
        return []
    found = []
    for line in lines:
        try:
            read: Mapping[str, Any] = SimpleCookie(line)
        except CookieError:  # a name that none may have; the header shows it
            continue
        for name, morsel in read.items():
            cookie: dict[str, Any] = {"name": name, "value": morsel.value}
            cookie |= {each: morsel[each] for each in ("path", "domain") if morsel[each]}
            cookie |= {"httpOnly": bool(morsel["httponly"]), "secure": bool(morsel["secure"])}
            found.append(cookie)
    return found

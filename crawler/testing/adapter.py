"""A `requests` adapter that answers from a script: unit tests of logins and spiders without a server."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import requests
from urllib3 import HTTPHeaderDict, HTTPResponse

Scripted = requests.Response | Exception | Callable[[requests.PreparedRequest], requests.Response]


def reply(
    body: str | bytes = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    cookies: Mapping[str, str] | None = None,
) -> requests.Response:
    """An answer for `ScriptedAdapter`.

    Args:
        body: Text is sent as UTF-8, and labelled so unless *headers* say otherwise.
        status: 100 to 599.
        headers: Header fields.
        cookies: Sent as Set-Cookie, with path ``/``.
    """
    fields = HTTPHeaderDict(headers or {})
    if isinstance(body, str):
        body = body.encode()
        fields.setdefault("Content-Type", "text/html; charset=utf-8")
    for name, value in (cookies or {}).items():
        fields.add("Set-Cookie", f"{name}={value}; Path=/")
    response = requests.Response()
    response.status_code = status
    response.raw = HTTPResponse(io.BytesIO(body), fields, status, preload_content=False)
    response.headers.update(fields)
    return response

"""Answers of adapters that are not ours: their cookies, what auth hooks made of them, and their form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from crawler.headers import fields_of
from crawler.response import Response
from crawler.sessions.cookies.view import SHORT_HEADER_BYTES
from crawler.untyped import dispatch_hook
from crawler.urls import absolute

TOO_LONG = frozenset({400, 413, 431})  # what servers say to a Cookie header above their limit


def refuses_cookies(status: int, request: requests.PreparedRequest) -> bool:
    """Whether an answer may be about the length of the Cookie header, so that a shorter one is worth a second try.

    A request that may change things is sent again only where the status says that its head was too long (431).
    """
    if status not in TOO_LONG or len(request.headers.get("Cookie") or "") <= SHORT_HEADER_BYTES:
        return False
    return status == 431 or (request.method in ("GET", "HEAD") and not request.body)


def set_cookie_lines(answer: requests.Response) -> list[str]:
    """Values of all Set-Cookie headers in their order, whichever adapter made the answer."""
    lines = getattr(answer, "raw_headers", None)
    if lines:
        fields = fields_of(answer.headers)
        if fields is not None and "set-cookie" not in fields:  # nearly always
            return []
        return [value for name, value in lines if name.lower() == "set-cookie"]
    headers = getattr(answer.raw, "headers", None)
    if headers is not None and hasattr(headers, "getlist"):
        return list(headers.getlist("Set-Cookie"))
    single = answer.headers.get("Set-Cookie")
    return [single] if single else []


def changes_cookies(answer: requests.Response) -> bool:
    """Whether an answer sets a cookie to another value than the one that was sent with its request."""
    lines = set_cookie_lines(answer)
    if not lines:
        return False
    sent = {each.strip() for each in str(answer.request.headers.get("Cookie") or "").split(";")}
    return any(line.partition(";")[0].strip() not in sent for line in lines)


def own_copy(hooks: Any) -> dict[str, Any]:
    """Hooks of one request: an auth adds its own to them, which must not end up on the session."""
    return {"response": [], **{event: list(hooked) for event, hooked in hooks.items()}}


def late_answers(
    answer: requests.Response, request: requests.PreparedRequest, options: dict[str, Any]
) -> Iterator[requests.Response]:
    """Answers that the request's hooks made of it (digest auth asks again)."""
    if any(request.hooks.values()):
        changed = dispatch_hook("response", request.hooks, answer, **options)
        if changed is not answer and changed is not None:
            yield changed


def as_ours(answer: requests.Response) -> Response:
    """A `Response` of what a user's adapter returned; its body is read."""
    ours = Response()
    answer.content  # noqa: B018 - reads the body
    for name, value in vars(answer).items():
        setattr(ours, name, value)
    ours.raw_headers, ours.warnings = [], []
    ours.url = absolute("", str(answer.url)) if answer.url else ""
    return ours

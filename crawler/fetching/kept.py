"""Pages that are kept: from a response to what is kept of it, and back. Pure."""

from __future__ import annotations

from crawler.headers import headers_of
from crawler.outcome import KeptPage
from crawler.redaction import is_secret_name
from crawler.request import Request
from crawler.response import Response

_SECRET = frozenset({"set-cookie", "set-cookie2", "www-authenticate", "proxy-authenticate", "authentication-info"})


def page_of(response: Response) -> KeptPage:
    """What is kept of an answer: no cookies, nothing that proves who we are."""
    lines = [
        (name, value)
        for name, value in response.raw_headers
        if name.lower() not in _SECRET and not is_secret_name(name)
    ]
    return KeptPage(response.body, lines, response.url, response.status_code)


def response_of(page: KeptPage, request: Request, session: str) -> Response:
    """A kept page as the response that it was, for a callback. Nothing is sent for it."""
    response = Response()
    response.status_code, response.reason = page.status, ""
    response.url, response.raw_headers = page.url or request.url, list(page.head)
    fields: dict[str, tuple[str, str]] = {}
    for name, value in page.head:
        before = fields.get(name.lower())
        fields[name.lower()] = (name, value) if before is None else (before[0], f"{before[1]}, {value}")
    response.headers = headers_of(fields)
    response.__dict__.update(_content=page.body, _content_consumed=True)
    response.asked, response.session_name = request, session
    return response

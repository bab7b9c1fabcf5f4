"""Pages whose signs are looked for."""

from __future__ import annotations

from typing import Any

from crawler.response import Response
from crawler.sessions.login.signs import logged_out_sign

URL = "https://shop.example/orders"
LOGIN_FORM = (
    '<form action="/s" method="post"><input name="user"><input type="password" name="p"><button>Go</button></form>'
)
LOGOUT = '<nav><a href="/logout">Log out</a></nav>'
FILLER = "<p>" + "Lorem ipsum dolor sit amet. " * 300 + "</p>"


def page(
    markup: str | bytes = "<h1>Orders</h1>",
    url: str = URL,
    status: int = 200,
    content_type: str = "text/html; charset=utf-8",
    through: tuple[str, ...] = (),
) -> Response:
    response = Response()
    response._content = markup if isinstance(markup, bytes) else markup.encode()
    response.url, response.status_code = url, status
    response.headers["Content-Type"] = content_type
    response.history = [page(url=each, status=302) for each in through]
    return response


def sign(response: Response, asked_url: str = URL, **rules: Any) -> str | None:
    return logged_out_sign(response, asked_url=asked_url, **rules)

"""Copies in Datasette, for holders of the token, on this machine and nowhere else.

Every request passes `Guard` first: it admits requests that bring the token and use this machine's own names. A page of
another site that sends the browser here (by a name of its own that leads to 127.0.0.1) has neither.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from html import escape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from crawler.errors import UsageError
from crawler.output.browse.copying import Copies
from crawler.output.export.formats import require

HOST = "127.0.0.1"
_COOKIE = "crawl_browse"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Admits holders of the token: first in the address, from then on in a session cookie of the browser.

    Args:
        app: What is guarded.
        pages: Path to an HTML page of our own, guarded as well.
        port: The port that is listened on.
    """

    def __init__(self, app: App, pages: Mapping[str, str], *, token: str, port: int) -> None:
        self._app, self._pages, self._token = app, dict(pages), token
        self._names = {f"{name}:{port}" for name in (HOST, "localhost")}
        self._cookie = f"{_COOKIE}_{port}"  # cookies ignore ports: two of these side by side need one each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no WebSocket is answered
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = parse_qs(scope["query_string"].decode("latin-1")).get("enter", [""])[0]
        if headers.get("host", "") not in self._names:
            await _answer(send, 403, "This page is for this machine alone.")
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, "Nothing can be changed here.")
        elif given and self._is_token(given):
            cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, "", [("location", scope["path"]), ("set-cookie", cookie)])
        elif not self._is_token(self._brought(headers.get("cookie", ""))):
            await _answer(send, 403, "Open the address that `crawl browse` has printed: it has the token.")
        elif scope["path"] in self._pages:
            await _answer(send, 200, self._pages[scope["path"]])
        else:
            await self._app(scope, receive, send)

    def _brought(self, text: str) -> str:
        try:
            found = SimpleCookie(text).get(self._cookie)
        except Exception:  # noqa: BLE001 - whatever a stranger sends
            return ""
        return found.value if found is not None else ""

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())


async def _answer(send: Send, status: int, text: str, more: list[tuple[str, str]] | None = None) -> None:
    page = text if text.startswith("<!doctype") else f"<!doctype html><meta charset=utf-8><p>{escape(text)}"
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        *(more or []),
    ]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": page.encode()})


def application(copies: Copies, *, token: str, port: int) -> App:
    """Datasette over the copies, with the charts at ``/charts``.

    Raises:
        UsageError: The extra is not installed.
    """
    require("crawl browse", "explore", ("datasette", "uvicorn"))
    from datasette.app import Datasette

    shown = Datasette(
        immutables=[str(path) for path in copies.files],
        metadata=_metadata(copies),
        settings={"allow_download": False, "default_page_size": 50, "allow_facet": True},
    )
    return Guard(shown.app(), {"/charts": copies.charts}, token=token, port=port)


def _metadata(copies: Copies) -> dict[str, Any]:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(copies.made_at))
    databases = {
        stem: {
            "tables": {
                table: {"facets": facets, **({"sort_desc": "at"} if table == "changes" else {})}
                for table, facets in tables.items()
            }
        }
        for stem, tables in copies.facets.items()
    }
    return {
        "title": copies.spider,
        "description_html": f'<a href="/charts">Charts of the runs</a>. As of {made}; addresses are masked.',
        "databases": databases,
    }


def listening(port: int) -> socket.socket:
    """A socket on this machine only.

    Args:
        port: 0 for a free one.
    Raises:
        UsageError: It is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise UsageError(f"--port {port}: {error.strerror or error}") from None
    return listener


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(24)


def serve(app: App, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])

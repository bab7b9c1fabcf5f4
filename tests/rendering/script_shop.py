"""A shop whose pages are empty until their scripts have fetched what is on them; behind a login by a form."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PER_PAGE = 5

APP = """
async function show() {
  document.cookie = 'seen=' + location.pathname.length + '; path=/';
  localStorage.setItem('visits', String(Number(localStorage.getItem('visits') || 0) + 1));
  sessionStorage.setItem('last', location.pathname);
  const page = new URLSearchParams(location.search).get('page') || 1;
  const token = localStorage.getItem('token') || '';
  const answer = await fetch('/api/orders?page=' + page, {headers: {'X-Token': token}});
  if (answer.status === 401) { location.href = '/login'; return; }
  const found = await answer.json();
  const list = document.querySelector('#list');
  for (const order of found.orders) {
    const row = document.createElement('li');
    row.className = 'order';
    row.textContent = order;
    list.append(row);
  }
  if (found.next) list.insertAdjacentHTML('afterend', `<a class="next" href="/orders?page=${found.next}">next</a>`);
  fetch('/api/logout', {method: 'POST'}).catch(() => {});
  fetch('/hidden/data').catch(() => {});
  fetch('http://elsewhere.example/data').catch(() => {});
  navigator.sendBeacon('/beacon', 'here');
  try { new WebSocket('ws://' + location.host + '/live'); } catch (_) {}
}
show();
"""

PAGE = (
    '<!doctype html><title>Orders</title><script src="/app.js" defer></script>'
    '<link rel=stylesheet href="/style.css"><img src="/picture.png" alt="">'
    '<ul id="list"></ul><a href="/signout">Sign out</a>'
    '<script src="https://www.google-analytics.com/analytics.js"></script>'
)
LOGIN = (
    '<!doctype html><title>Log in</title><form method=post action="/login">'
    "<input name=user><input name=password type=password><button>Log in</button></form>"
)


class ScriptShop:
    """The server, and what it has seen. Safe from any thread.

    Attributes:
        orders: How many there are.
        asked: Method and path of each request, counted.
        cookies: Cookie headers of requests to the API, in their order.
        logins: Those that succeeded.
        most: Requests under way at once.
    """

    def __init__(self, orders: int = 12) -> None:
        self.orders, self.logins = orders, 0
        self.asked: Counter[str] = Counter()
        self.cookies: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.live: set[str] = set()
        self.expire_after = 0
        self.pages: dict[str, tuple[int, dict[str, str], str]] = {}  #: more of them, by path
        self._lock = threading.Lock()
        self.most = self._under_way = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def truth(self) -> list[str]:
        """All orders."""
        return [f"order-{number}" for number in range(1, self.orders + 1)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, method: str, path: str, headers: Any) -> None:
        with self._lock:
            self.asked[f"{method} {path}"] += 1
            if path.startswith("/api/"):
                self.cookies.append(headers.get("Cookie", ""))
                self.headers.append({name.lower(): value for name, value in headers.items()})

    def come_and_go(self, step: int) -> None:
        """A request has come, or its answer is about to go."""
        with self._lock:
            self._under_way += step
            self.most = max(self.most, self._under_way)

    def answer(self, method: str, path: str, query: dict[str, list[str]], cookie: str, body: str) -> Any:
        """Status, headers and body of an answer."""
        sid = next((each.partition("=")[2] for each in cookie.split("; ") if each.startswith("sid=")), "")
        if path in self.pages:
            return self.pages[path]
        if path == "/login" and method == "POST":
            if "password=secret" not in body:
                return 200, {}, LOGIN
            with self._lock:
                self.logins += 1
                self.live = {f"s{self.logins}"}
            return 303, {"Location": "/orders?page=1", "Set-Cookie": f"sid=s{self.logins}; Path=/; HttpOnly"}, ""
        if path == "/login":
            return 200, {}, LOGIN
        if path == "/orders":
            return (200, {}, PAGE) if sid in self.live else (303, {"Location": "/login"}, "")
        if path == "/app.js":
            return 200, {"Content-Type": "text/javascript"}, APP
        if path == "/api/orders":
            return self._orders(int(query.get("page", ["1"])[0]), sid)
        if path in ("/signout", "/api/logout"):
            self.live.discard(sid)
            return 200, {}, "bye"
        if path == "/robots.txt":
            return 200, {"Content-Type": "text/plain"}, "User-agent: *\nDisallow: /hidden/\n"
        return 404, {}, "nothing"

    def _orders(self, page: int, sid: str) -> Any:
        with self._lock:
            if self.expire_after and self.asked["GET /api/orders"] == self.expire_after:
                self.live.clear()  # it is lost while the page is rendered
            if sid not in self.live:
                return 401, {"Content-Type": "application/json"}, '{"error": "log in"}'
        last = page * PER_PAGE >= self.orders
        orders = self.truth[(page - 1) * PER_PAGE : page * PER_PAGE]
        data = {"orders": orders, "next": None if last else page + 1}
        headers = {"Content-Type": "application/json", "Set-Cookie": f"api=p{page}; Path=/"}
        return 200, headers, json.dumps(data)

    def _handler(shop) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                shop.note(self.command, address.path, self.headers)
                cookie = self.headers.get("Cookie", "")
                shop.come_and_go(1)
                status, headers, text = shop.answer(self.command, address.path, parse_qs(address.query), cookie, body)
                content = text.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                shop.come_and_go(-1)
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler


@contextmanager
def open_shop(orders: int = 12) -> Iterator[ScriptShop]:
    """A shop that is closed afterwards."""
    shop = ScriptShop(orders)
    try:
        yield shop
    finally:
        shop.close()

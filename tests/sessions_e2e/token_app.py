"""An app as new portals are: a page of scripts, a token in the browser's storage, an API that wants it."""

from __future__ import annotations

import itertools
import json
import threading

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

PAGES, PER_PAGE = 12, 5
PASSWORD = "correct horse 42"

PAGE = """<!doctype html><title>Portal</title>
<form id=f><input name=user><input name=pass type=password><button>Sign in</button></form>
<script>
const keep = %(keep)s;
async function enter(event) {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  const given = await (await fetch("/login", {method: "POST", body})).json();
  if (!given.access_token) { document.title = "Wrong"; return; }
  await keep(given);
  const me = await (await fetch("%(api)s/api/me", {headers: {Authorization: "Bearer " + given.access_token}})).json();
  document.body.innerHTML = "<p id=ready>Hello " + me.name + "</p><a href=#out>Log out</a>";
}
document.getElementById("f").addEventListener("submit", enter);
</script>"""

KEEPS = {
    "localStorage": "async given => { localStorage.setItem('auth', JSON.stringify(given)); }",
    "sessionStorage": "async given => { sessionStorage.setItem('auth', JSON.stringify(given)); }",
    "plain": "async given => { localStorage.setItem('token', given.access_token); }",
    "indexedDB": """given => new Promise(done => {
      const asked = indexedDB.open("vault", 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore("keys", {keyPath: "id"});
      asked.onsuccess = () => {
        const write = asked.result.transaction("keys", "readwrite");
        write.objectStore("keys").put({id: "me", held: given});
        write.oncomplete = () => { asked.result.close(); done(); };
      };
    })""",
}


class TokenApp:
    """The app and its API on one server.

    Attributes:
        logins, refreshes: How often they were asked for, in vain too.
        uses: How many requests a token is good for.
        revoke_after: After so many pages of orders all tokens end, once; 0 for never.
    """

    def __init__(self, server: HTTPServer, keep: str, *, uses: int = 10_000) -> None:
        self.url = server.url_for("").rstrip("/")
        self.logins = self.refreshes = 0
        self.uses = uses
        self.revoke_after = 0
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._left: dict[str, int] = {}
        self._refresh = ""
        page = PAGE % {"keep": KEEPS[keep], "api": ""}
        server.expect_request("/app").respond_with_data(page, content_type="text/html")
        server.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
        server.expect_request("/login", method="POST").respond_with_handler(self._login)
        server.expect_request("/token", method="POST").respond_with_handler(self._renew)
        server.expect_request("/api/me").respond_with_handler(self._me)
        server.expect_request("/api/orders").respond_with_handler(self._orders)

    @property
    def secrets(self) -> list[str]:
        """Every token that was ever given."""
        with self._lock:
            return [*self._left, self._refresh]

    def revoke(self) -> None:
        """End every token, the refresh token too."""
        with self._lock:
            self._left, self._refresh = {}, ""

    def _given(self) -> Response:
        number = next(self._numbers)
        access, self._refresh = f"access-{number:04d}-k3J9xQ", f"refresh-{number:04d}-Zw81pL"
        self._left[access] = self.uses
        return _json({"access_token": access, "refresh_token": self._refresh, "token_type": "Bearer"})

    def _login(self, request: Request) -> Response:
        with self._lock:
            self.logins += 1
            return self._given() if request.form.get("pass") == PASSWORD else _json({"error": "wrong"}, 401)

    def _renew(self, request: Request) -> Response:
        with self._lock:
            self.refreshes += 1
            if not self._refresh or request.form.get("refresh_token") != self._refresh:
                return _json({"error": "invalid_grant"}, 400)
            return self._given()

    def _allowed(self, request: Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            left = self._left.get(token, 0)
            if left:
                self._left[token] = left - 1
            return left > 0

    def _me(self, request: Request) -> Response:
        return _json({"name": "Ann"}) if self._allowed(request) else _json({"error": "who are you"}, 401)

    def _orders(self, request: Request) -> Response:
        if not self._allowed(request):
            return _json({"error": "who are you"}, 401)
        page = int(request.args.get("page", 1))
        if page == self.revoke_after:
            self.revoke_after = 0
            self.revoke()
        numbers = range((page - 1) * PER_PAGE + 1, page * PER_PAGE + 1)
        return _json({"orders": [f"A-{each}" for each in numbers], "next": page + 1 if page < PAGES else None})


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, mimetype="application/json")

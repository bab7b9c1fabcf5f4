"""A portal whose token only its own page renews, with a cookie that no script may read and that changes each time."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.logins.pages import PASSWORD, SHOWN, USER, json_answer

PAGES = 100
ORDERS = [f"A-{number}" for number in range(1, PAGES + 1)]

PAGE = """<!doctype html><title>Portal</title><main id=place></main><script>
const place = document.getElementById("place");
SHOWNasync function keep(answer) {
  if (answer.status !== 200) return false;
  localStorage.setItem("auth", JSON.stringify({held: await answer.json()}));
  return true;
}
function ask() {
  place.innerHTML = "<form><input name=user><input name=pass type=password><button>Sign in</button></form>";
  place.firstChild.onsubmit = async event => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(event.target));
    if (await keep(await fetch("/login", {method: "POST", body}))) await shown();
  };
}
(async () => {
  if (await shown()) return;
  if (kept() && await keep(await fetch("/refresh", {method: "POST"})) && await shown()) return;
  ask();
})();
</script>""".replace("SHOWN", SHOWN)


class RenewingPortal:
    """App and API on one server.

    A cookie for renewals that was used before ends all of them, as RFC 9700 has it for refresh tokens.

    Attributes:
        logins: How many were good.
        renewed: How many tokens the cookie brought.
        ended: Tokens that were shown when they had ended.
        uses: How many requests a token is good for.
        life_s: For how many seconds; the token says so (JWT). 0 for no end, and a token that says nothing.
        broken: So many of the next renewals are answered with 503.
    """

    def __init__(self, server: HTTPServer, *, uses: int = 10_000, life_s: float = 0.0) -> None:
        self.url = server.url_for("").rstrip("/")
        self.logins = self.renewed = self.broken = 0
        self.uses, self.life_s = uses, life_s
        self.ended: set[str] = set()
        self.secrets: set[str] = set()
        self._left: dict[str, tuple[int, float]] = {}
        self._cookie, self._lock, self._numbers = "", threading.Lock(), itertools.count(1)
        server.expect_request("/app").respond_with_data(PAGE, content_type="text/html")
        server.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
        server.expect_request("/login", method="POST").respond_with_handler(self._login)
        server.expect_request("/refresh", method="POST").respond_with_handler(self._refresh)
        server.expect_request("/api/me").respond_with_handler(self._me)
        server.expect_request("/api/orders").respond_with_handler(self._orders)

    def revoke(self) -> None:
        """An administrator ends everything."""
        with self._lock:
            self._left, self._cookie = {}, ""

    def end_tokens(self) -> None:
        """All tokens end; they can be renewed."""
        with self._lock:
            self._left = {}

    def _fresh_token(self) -> str:
        number, ends = next(self._numbers), time.time() + (self.life_s or 86_400.0)
        token = f"access-{number:04d}-k3J9xQ"
        if self.life_s:
            claims = json.dumps({"sub": USER, "jti": token, "iat": time.time(), "exp": ends}).encode()
            token = f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2lnbmVk"
        self._left[token] = self.uses, ends
        self.secrets.add(token)
        return token

    def _given(self) -> Response:
        token = self._fresh_token()
        self._cookie = f"renews-{next(self._numbers):04d}-Zw81pL"
        self.secrets.add(self._cookie)
        answer = json_answer({"access_token": token})
        answer.set_cookie("renews", self._cookie, httponly=True, samesite="Strict", path="/refresh", max_age=86_400)
        return answer

    def _login(self, request: Request) -> Response:
        with self._lock:
            if (request.form.get("user"), request.form.get("pass")) != (USER, PASSWORD):
                return json_answer({"error": "wrong"}, 401)
            self.logins += 1
            return self._given()

    def _refresh(self, request: Request) -> Response:
        with self._lock:
            if self.broken:
                self.broken -= 1
                return json_answer({"error": "busy"}, 503)
            if request.headers.get("Authorization"):
                return json_answer({"error": "a token is not asked for here"}, 400)
            if not self._cookie or request.cookies.get("renews") != self._cookie:
                self._left, self._cookie = {}, ""
                return json_answer({"error": "log in"}, 401)
            self.renewed += 1
            return self._given()

    def _allowed(self, request: Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            left, ends = self._left.get(token, (0, 0.0))
            good = left > 0 and time.time() < ends
            if good:
                self._left[token] = left - 1, ends
            elif token:
                self.ended.add(token)
            return good

    def _me(self, request: Request) -> Response:
        return json_answer({"name": "Ann"}) if self._allowed(request) else json_answer({"error": "who are you"}, 401)

    def _orders(self, request: Request) -> Response:
        if not self._allowed(request):
            return json_answer({"error": "who are you"}, 401)
        page = int(request.args.get("page", 1))
        return json_answer({"orders": [f"A-{page}"], "pages": PAGES})

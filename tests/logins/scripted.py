"""Logins that need a browser and end with a cookie: in a frame of another host, behind a click, in a second window,
with a meta refresh on the way; and one that asks for a passkey.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.logins.pages import PASSWORD, USER, json_answer, page_of_orders

#: the host of the logins answers with a ticket, and its script hands that to the page around it, or that has opened it
DOOR = """<!doctype html><title>Door</title><form id=f>
<input name=user><input name=pass type=password><button>Enter</button></form><p id=said></p><script>
document.getElementById("f").onsubmit = async event => {
  event.preventDefault();
  const answer = await fetch("/check", {method: "POST", body: new URLSearchParams(new FormData(event.target))});
  const given = await answer.json();
  if (!given.ticket) { document.getElementById("said").textContent = "Wrong user name or password."; return; }
  (window.opener || window.parent).postMessage(given.ticket, "%(app)s");
  if (window.opener) window.close();
};
</script>"""

TAKES = """<script>
addEventListener("message", async event => {
  if (event.origin !== "%(door)s") return;
  await fetch("/session", {method: "POST", body: new URLSearchParams({ticket: event.data})});
  location = "/account";
});
</script>"""

FRAME = "<!doctype html><title>Portal</title><h1>Portal</h1><iframe src=%(door)s/door></iframe>" + TAKES
POPUP = (
    "<!doctype html><title>Portal</title><h1>Portal</h1>"
    "<button id=in onclick=\"window.open('%(door)s/door')\">Sign in</button>" + TAKES
)
#: the form is made by a click of a person; its proof is worked out from what the server gave
CLICK = """<!doctype html><title>Portal</title><canvas id=enter width=200 height=40></canvas><script>
document.getElementById("enter").onclick = async event => {
  if (!event.isTrusted) return;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("%(nonce)s"));
  const proof = [...new Uint8Array(hash)].map(each => each.toString(16).padStart(2, "0")).join("");
  const form = document.createElement("form");
  form.method = "POST"; form.action = "/session";
  form.innerHTML = "<input name=user><input name=pass type=password><input type=hidden name=proof value=" + proof
    + "><button>Enter</button>";
  document.body.append(form);
};
</script>"""
SENDS_ON = '<meta http-equiv=refresh content="0; url=/account"><p>One moment ...</p>'
PASSKEY = """<!doctype html><title>Portal</title><button id=in>Sign in with a passkey</button><script>
document.getElementById("in").onclick = () => navigator.credentials.get({publicKey: {challenge: new Uint8Array(32)}});
</script>"""


class ScriptedLogins:
    """One app with all of them, and the host of the logins beside it.

    Attributes:
        logins: How many were good.
        revoke_after: With the page of orders of this number all sessions end, once; 0 for never.
        secrets: Every ticket, proof and session that was ever given.
    """

    def __init__(self, app: HTTPServer, door: HTTPServer) -> None:
        self.url, self.door = app.url_for("").rstrip("/"), door.url_for("").rstrip("/")
        self.logins, self.revoke_after = 0, 0
        self.secrets: set[str] = set()
        self._good: set[str] = set()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards all of these
        places = {"app": self.url, "door": self.door}
        for path, page in (("/frame", FRAME), ("/popup", POPUP), ("/passkey", PASSKEY)):
            app.expect_request(path).respond_with_data(page % places, content_type="text/html")
        app.expect_request("/click").respond_with_handler(self._click)
        app.expect_request("/session", method="POST").respond_with_handler(self._enter)
        app.expect_request("/account").respond_with_handler(self._account)
        app.expect_request("/api/orders").respond_with_handler(self._orders)
        app.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
        door.expect_request("/door").respond_with_data(DOOR % places, content_type="text/html")
        door.expect_request("/check", method="POST").respond_with_handler(self._check)

    def end_all(self) -> None:
        """All sessions end."""
        with self._lock:
            self._good.clear()

    def _secret(self, kind: str) -> str:
        with self._lock:
            made = f"{kind}-{next(self._numbers):04d}-k3J9xQ"
            self.secrets.add(made)
            return made

    def _click(self, request: Request) -> Response:
        nonce = self._secret("nonce")
        with self._lock:
            self._good.add(hashlib.sha256(nonce.encode()).hexdigest())
        return Response(CLICK % {"nonce": nonce}, mimetype="text/html")

    def _check(self, request: Request) -> Response:
        if (request.form.get("user"), request.form.get("pass")) != (USER, PASSWORD):
            return json_answer({"error": "wrong"}, 403)
        ticket = self._secret("ticket")
        with self._lock:
            self._good.add(ticket)
        return json_answer({"ticket": ticket})

    def _enter(self, request: Request) -> Response:
        """Whoever brings a ticket, or the password with the proof of a click; by way of a page that only sends on."""
        typed = (request.form.get("user"), request.form.get("pass")) == (USER, PASSWORD)
        shown = request.form.get("ticket") or (request.form.get("proof") if typed else None)
        with self._lock:
            good = shown in self._good
            self._good.discard(shown or "")
        if not good:
            return Response("<title>Portal</title><p>Wrong user name or password.</p>", 403, mimetype="text/html")
        sid = self._secret("sid")
        with self._lock:
            self.logins += 1
            self._good.add(sid)
        made = Response(SENDS_ON, mimetype="text/html")
        made.set_cookie("sid", sid, httponly=True)
        return made

    def _is_in(self, request: Request) -> bool:
        with self._lock:
            return request.cookies.get("sid") in self._good

    def _account(self, request: Request) -> Response:
        if not self._is_in(request):
            return Response("<title>Portal</title><p>Sign in first.</p>", 401, mimetype="text/html")
        return Response("<title>Portal</title><p id=ready>Hello</p><a href=/out>Log out</a>", mimetype="text/html")

    def _orders(self, request: Request) -> Response:
        if not self._is_in(request):
            return json_answer({"error": "who are you"}, 401)
        with self._lock:
            ends = self.revoke_after and request.args.get("page") == str(self.revoke_after)
            self.revoke_after = 0 if ends else self.revoke_after
        if ends:
            self.end_all()
        return page_of_orders(request)


@contextmanager
def scripted_logins() -> Iterator[ScriptedLogins]:
    """App and door, on two hosts, as long as the block."""
    with HTTPServer(host="127.0.0.1", threaded=True) as app, HTTPServer(host="127.0.0.2", threaded=True) as door:
        yield ScriptedLogins(app, door)

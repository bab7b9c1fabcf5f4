"""The portal of `renewing`, with its logins at another host: a hidden frame there renews what the app has.

The other host knows the browser by a cookie that changes each time, and sends the frame back to the app with a code.
Both pages of the app load one script: so does what the frame comes back to.
"""

from __future__ import annotations

import itertools
from urllib.parse import urlencode

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.logins.pages import PASSWORD, SHOWN, USER, json_answer
from tests.logins.renewing import RenewingPortal

PAGE = "<!doctype html><title>Portal</title><main id=place></main><script src=/app.js></script>"
SCRIPT = """
const identity = "%(identity)s", place = document.getElementById("place");
%(shown)s
const asked = what => `${identity}/authorize?` + new URLSearchParams({...what, back: location.origin + what.back});
async function exchange(code) {
  const answer = await fetch(`${identity}/token`, {method: "POST", body: new URLSearchParams({code})});
  if (answer.status !== 200) return false;
  localStorage.setItem("auth", JSON.stringify({held: await answer.json()}));
  return true;
}
function silently() {
  return new Promise(done => {
    const frame = document.createElement("iframe"), state = crypto.getRandomValues(new Uint32Array(1))[0].toString();
    frame.hidden = true;
    addEventListener("message", event => {
      if (event.origin !== location.origin || event.source !== frame.contentWindow) return;
      const told = new URLSearchParams(event.data);
      frame.remove();
      done(told.get("state") === state && told.has("code") ? exchange(told.get("code")) : false);
    });
    frame.src = asked({prompt: "none", back: "/silent", state});
    document.body.append(frame);
  });
}
function ask() {
  place.innerHTML = "<p>Nobody is here.</p><button id=in>Sign in</button>";
  document.getElementById("in").onclick = () => { location.href = asked({prompt: "login", back: "/app", state: "0"}); };
}
(async () => {
  const code = new URLSearchParams(location.search).get("code");
  if (location.pathname === "/silent") return parent.postMessage(location.search, location.origin);
  if (code && await exchange(code)) history.replaceState(null, "", "/app");
  if (await shown() || (kept() && await silently() && await shown())) return;
  ask();
})();
"""
FORM = (
    "<!doctype html><title>Identity</title><form method=post><input name=user><input name=pass type=password><button>"
)
STEPS = """
page.click("#in")
page.fill("input[name=user]", user)
page.fill("input[name=pass]", password)
page.click("button")
"""


class FramedPortal(RenewingPortal):
    """App and API on one host, the identity server on another; no endpoint of the app renews anything.

    Attributes:
        in_vain: How often a frame was told to log in.
    """

    def __init__(self, server: HTTPServer, identity: HTTPServer, *, uses: int = 10_000) -> None:
        super().__init__(server, uses=uses)
        self.in_vain = 0
        self._codes: dict[str, bool] = {}
        self._code_numbers = itertools.count(1)
        server.clear()
        for path in ("/app", "/silent"):
            server.expect_request(path).respond_with_data(PAGE, content_type="text/html")
        script = SCRIPT % {"identity": identity.url_for("").rstrip("/"), "shown": SHOWN}
        server.expect_request("/app.js").respond_with_data(script, content_type="text/javascript")
        server.expect_request("/api/me").respond_with_handler(self._me)
        server.expect_request("/api/orders").respond_with_handler(self._orders)
        for each in (server, identity):
            each.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
        identity.expect_request("/authorize").respond_with_handler(self._authorize)
        identity.expect_request("/token", method="POST").respond_with_handler(self._token)

    def _authorize(self, request: Request) -> Response:
        back, state = request.args["back"], request.args["state"]
        with self._lock:
            if request.method == "POST":
                if (request.form.get("user"), request.form.get("pass")) != (USER, PASSWORD):
                    return Response(FORM, 401, mimetype="text/html")
                return self._sent_back(back, state, silent=False)
            if request.args["prompt"] == "login":
                return Response(FORM, mimetype="text/html")
            if not self._cookie or request.cookies.get("signed-on") != self._cookie:
                self._left, self._cookie = {}, ""
                self.in_vain += 1
                return Response(
                    "", 302, {"Location": f"{back}?{urlencode({'error': 'login_required', 'state': state})}"}
                )
            return self._sent_back(back, state, silent=True)

    def _sent_back(self, back: str, state: str, *, silent: bool) -> Response:
        code = f"code-{next(self._code_numbers):04d}-vB7nRt"
        self._codes[code], self._cookie = silent, f"signed-on-{code[5:]}"
        self.secrets |= {code, self._cookie}
        answer = Response("", 302, {"Location": f"{back}?{urlencode({'code': code, 'state': state})}"})
        answer.set_cookie("signed-on", self._cookie, httponly=True, samesite="Lax", path="/authorize", max_age=86_400)
        return answer

    def _token(self, request: Request) -> Response:
        with self._lock:
            silent = self._codes.pop(request.form.get("code", ""), None)
            if silent is None:
                answer = json_answer({"error": "invalid_grant"}, 400)
            else:
                self.renewed += silent
                self.logins += not silent
                answer = json_answer({"access_token": self._fresh_token()})
        answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer

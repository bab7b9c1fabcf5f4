"""An app whose login is OpenID Connect (authorization code with PKCE) at a server on another host. Both sides are
programs of others: `oidc-provider` on node, `oidc-client-ts` in the page. `make logins` installs them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.logins.pages import PASSWORD, USER, json_answer, page_of_orders

HERE = Path(__file__).parent
MODULES = Path(os.environ.get("CRAWL_NODE_MODULES", HERE.parents[1] / ".venv" / ".node" / "node_modules"))
SCRIPT = MODULES / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"

PAGE = """<!doctype html><title>Portal</title><main><button id=in>Sign in</button></main>
<script src=/oidc.js></script><script>
const users = new oidc.UserManager({
  authority: "%(identity)s", client_id: "web", redirect_uri: location.origin + "/app", response_type: "code",
  scope: "openid offline_access", userStore: new oidc.WebStorageStateStore({store: localStorage}),
  automaticSilentRenew: false,
});
document.getElementById("in").onclick = () => users.signinRedirect();
if (new URLSearchParams(location.search).has("code")) users.signinRedirectCallback().then(async user => {
  history.replaceState(null, "", "/app");
  const me = await fetch("/api/me", {headers: {Authorization: "Bearer " + user.access_token}});
  document.querySelector("main").innerHTML = "<p id=ready>Hello " + (await me.json()).sub + "</p><a href=#>Log out</a>";
});
</script>"""

#: no refresh token: a hidden frame asks the identity server, which knows the browser by its cookie
SILENT_PAGE = """<!doctype html><title>Portal</title><main><button id=in>Sign in</button></main>
<script src=/oidc.js></script><script>
const users = new oidc.UserManager({
  authority: "%(identity)s", client_id: "web", redirect_uri: location.origin + "/app", response_type: "code",
  scope: "openid", userStore: new oidc.WebStorageStateStore({store: localStorage}),
  silent_redirect_uri: location.origin + "/silent", automaticSilentRenew: false,
});
document.getElementById("in").onclick = () => users.signinRedirect();
async function shown(user) {
  const answer = await fetch("/api/me", {headers: {Authorization: "Bearer " + user.access_token}});
  if (answer.status !== 200) return false;
  document.querySelector("main").innerHTML =
    "<p id=ready>Hello " + (await answer.json()).sub + "</p><a href=#>Log out</a>";
  return true;
}
(async () => {
  if (location.pathname === "/silent") return users.signinSilentCallback();
  const comes = new URLSearchParams(location.search).has("code");
  const user = comes ? await users.signinRedirectCallback() : await users.getUser();
  if (comes) history.replaceState(null, "", "/app");
  if (user && !await shown(user)) shown(await users.signinSilent());
})();
</script>"""


def why_not() -> str:
    """Why it cannot be run here; "" when it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    return "" if SCRIPT.exists() else "oidc-provider and oidc-client-ts are not installed: run `make logins` once"


class SingleSignOn:
    """App and API on one host, the identity server on another.

    Attributes:
        grants: How many codes and refresh tokens the identity server took, by type.
        uses: How many requests a token is good for; then it is ended as if its time were over.
        revoke_after: With the page of orders of this number all tokens end, once; 0 for never.
        secrets: All tokens that the API was shown, or the app keeps.
        ended: Those of them that had ended then.
    """

    def __init__(self, server: HTTPServer, identity: str, page: str = PAGE) -> None:
        self.url, self.identity = server.url_for("").rstrip("/"), identity
        self.grants: Counter[str] = Counter()
        self.uses, self.revoke_after = 10_000, 0
        self._used: Counter[str] = Counter()
        self._lock = threading.Lock()  # guards _used
        self.secrets: set[str] = set()
        self.ended: set[str] = set()
        self._http = requests.Session()
        self._http.trust_env = False
        for path in ("/app", "/silent"):
            server.expect_request(path).respond_with_data(page % {"identity": identity}, content_type="text/html")
        server.expect_request("/oidc.js").respond_with_data(SCRIPT.read_bytes(), content_type="text/javascript")
        server.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
        server.expect_request("/api/me").respond_with_handler(self._me)
        server.expect_request("/api/orders").respond_with_handler(self._orders)

    @property
    def logins(self) -> int:
        """How often a code was exchanged."""
        return self.grants["authorization_code"]

    def listen(self, lines: Iterable[str]) -> None:
        """Count the grants that the identity server writes down, among other things that it says."""
        self.grants.update(json.loads(line) for line in lines if line.startswith('"'))

    def end_all(self) -> None:
        """An administrator ends all tokens of everybody."""
        assert self._http.get(f"{self.identity}/end-all").status_code == 200

    def end_sessions(self) -> None:
        """An administrator signs everybody out at the identity server."""
        assert self._http.get(f"{self.identity}/end-sessions").status_code == 200

    def _who(self, request: Request) -> dict[str, str] | None:
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bearer ")
        self.secrets.add(token)
        with self._lock:
            self._used[token] += 1
            spent = self._used[token] == self.uses + 1
        if spent:
            assert self._http.get(f"{self.identity}/end-one?{token}").status_code == 200
        answer = self._http.get(f"{self.identity}/me", headers={"Authorization": header})
        if answer.status_code != 200:
            self.ended.add(token)
        found: dict[str, str] | None = answer.json() if answer.status_code == 200 else None
        return found

    def _me(self, request: Request) -> Response:
        who = self._who(request)
        return json_answer(who) if who else json_answer({"error": "invalid_token"}, 401)

    def _orders(self, request: Request) -> Response:
        if self._who(request) is None:
            return json_answer({"error": "invalid_token"}, 401)
        if self.revoke_after and request.args.get("page") == str(self.revoke_after):
            self.revoke_after = 0
            self.end_all()
        return page_of_orders(request)


@contextmanager
def single_sign_on(*, silent: bool = False) -> Iterator[SingleSignOn]:
    """Both hosts, as long as the block.

    Args:
        silent: There are no refresh tokens: a frame of the app renews what it has.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with HTTPServer(host="127.0.0.2", threaded=True) as server:
        app = SingleSignOn(server, f"http://127.0.0.1:{port}", SILENT_PAGE if silent else PAGE)
        (MODULES.parent / "identity.mjs").write_text((HERE / "identity.mjs").read_text())  # beside its modules
        node = shutil.which("node")
        assert node is not None
        words = [node, str(MODULES.parent / "identity.mjs"), str(port), app.url, USER, PASSWORD]
        words += ["silent"] if silent else []
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline()) == "listening"
            listener = threading.Thread(target=app.listen, args=(process.stdout,), daemon=True)
            listener.start()
            yield app
        finally:
            process.kill()
            process.wait()
            listener.join(5)
            process.stdout.close()

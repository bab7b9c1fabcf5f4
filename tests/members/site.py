"""A site for members whose sessions end: by requests, by time, by pages that log out; and say so in many ways."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs

USER, PASSWORD = "anna", "right horse"

Showing = Literal[
    "form", "quiet form", "redirect", "home", "401", "401 json", "403", "404", "419", "440", "json error", "short page"
]


@dataclass(frozen=True)
class Rules:
    """How the site behaves.

    Attributes:
        pages: Pages for members, ``/p/0`` to ``/p/N-1``.
        requests: Requests of a session after which it is gone; 0 for any number.
        seconds: Seconds after which it is gone; 0 for ever.
        showing: What a guest gets instead of a page.
        kind: Pages are HTML, or JSON that says nothing of the user.
        link: Pages have a way to log out.
        login: By a form, HTTP Basic, or a token of an API.
        quits: Pages that end the session when they are fetched, and say good-bye or lead home.
        forbidden: Pages that members may not see either: 403.
        latency_s: Seconds that each page takes.
        slow: Pages that take longer, and how many seconds.
        cookie: Whether it is set anew with each page: with the same value; with a new one, the old one being good, too;
            with a new one, the old one being refused; or so that the old one, when it comes again, ends the session.
        odd: Pages that show the login form to members, too.
        address: Of a page in links, with its number ``{n}`` and the id of the session ``{id}``; the cookie counts.
    """

    pages: int = 100
    requests: int = 0
    seconds: float = 0.0
    showing: Showing = "form"
    kind: Literal["html", "json"] = "html"
    link: bool = True
    login: Literal["form", "basic", "token"] = "form"
    quits: Mapping[int, Literal["good-bye", "home", "page"]] = field(default_factory=dict)
    forbidden: frozenset[int] = frozenset()
    latency_s: float = 0.0
    slow: Mapping[int, float] = field(default_factory=dict)
    cookie: Literal["once", "the same", "changes", "rotates", "rotates strictly"] = "once"
    odd: frozenset[int] = frozenset()
    address: str = "/p/{n}"


FORM = (
    "<html><title>Welcome</title><body><form method=post action=/login><input name=user>"
    "<input type=password name=password><button>Enter</button></form></body></html>"
)


class Members:
    """The site, on a free port of loopback, from `__enter__` to `__exit__`.

    Attributes:
        counts: "logins", "refused", "pages" (for members), "out" (answers to guests).
        fetched: Page number to how often a member got it.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.counts: Counter[str] = Counter()
        self.fetched: Counter[int] = Counter()
        self._alive: dict[str, tuple[int, float]] = {}  # session to requests made, and its end
        self._follows: dict[str, str] = {}  # a key that was replaced to the one in its place
        self.hangs_after = -1  # so many pages for members, then no answer any more
        self._lock = threading.Lock()  # guards all of the above
        site = self

        class Handler(_Handler):
            members = site

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Members:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def begin(self) -> str:
        with self._lock:
            self.counts["logins"] += 1
            key = secrets.token_hex(8)
            self._alive[key] = (0, time.monotonic() + (self.rules.seconds or 1e9))
            return key

    def refuse(self) -> None:
        with self._lock:
            self.counts["refused"] += 1

    def may(self, key: str) -> bool:
        """Whether a request of this session is answered as one of a member."""
        with self._lock:
            made, end = self._alive.get(key, (0, 0.0))
            last = self.rules.requests
            if key not in self._alive or time.monotonic() > end or (last and made + 1 >= last):
                self._alive.pop(key, None)
                self.counts["out"] += 1
                return False
            self._alive[key] = (made + 1, end)
            return True

    def end(self, key: str) -> None:
        with self._lock:
            self._alive.pop(key, None)

    def hangs(self) -> bool:
        """Whether this request is never answered in time."""
        with self._lock:
            return 0 <= self.hangs_after <= sum(self.fetched.values())

    def end_all(self) -> None:
        with self._lock:
            self._alive.clear()

    def renewed(self, key: str) -> str:
        """The key that the next request has to bring; "" where the cookie stays as it is."""
        with self._lock:
            if self.rules.cookie == "once" or key not in self._alive:
                return ""
            if self.rules.cookie in ("the same", "changes"):
                return key if self.rules.cookie == "the same" else f"{key}.{secrets.token_hex(4)}"
            following = secrets.token_hex(8)
            self._alive[following] = self._alive.pop(key)
            self._follows[key] = following
            return following

    def meets_old(self, key: str) -> None:
        """A key that is not good any more: where the rules are strict, its session is over."""
        with self._lock:
            while self.rules.cookie == "rotates strictly" and key in self._follows:
                key = self._follows[key]
            self._alive.pop(key, None)

    def count(self, number: int) -> None:
        with self._lock:
            self.counts["pages"] += 1
            self.fetched[number] += 1


class _Server(ThreadingHTTPServer):
    request_queue_size, daemon_threads = 100, True


class _Handler(BaseHTTPRequestHandler):
    members: Members
    _renewed = ""  # what the answer under way sets as the cookie
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: else each answer waits 40 ms for an acknowledgement

    def log_message(self, *args: Any) -> None: ...

    def _say(self, status: int, body: str, headers: Mapping[str, str] | None = None, kind: str = "text/html") -> None:
        raw = body.encode()
        self.send_response(status)
        renewed, self._renewed = self._renewed, ""
        given = {"Set-Cookie": f"sid={renewed}; Path=/"} if renewed else {}
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **given, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def _data(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self._say(status, json.dumps(value), headers, "application/json")

    def do_POST(self) -> None:
        given = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        if given.get("user") != [USER] or given.get("password") != [PASSWORD]:
            self.members.refuse()
            self._say(200, FORM.replace("<form", "<p>Wrong user name or password.</p><form"))
        elif self.members.rules.login == "token":
            self._data(200, {"access_token": self.members.begin()})
        else:
            self._enter()

    def _enter(self) -> None:
        self._say(302, "", {"Location": "/p/0", "Set-Cookie": f"sid={self.members.begin()}; Path=/"})

    def do_GET(self) -> None:
        rules = self.members.rules
        if self.path == "/robots.txt":
            self._say(404, "")
        elif self.path == "/login":
            self._login_page(rules)
        elif self.path == "/":
            self._say(200, "<html><title>Home</title><p>A site for everybody, with news of all kinds.</html>")
        else:
            self._page(rules, int(self.path.partition("/p/")[2].partition("?")[0].partition(";")[0].partition("/")[0]))

    def _login_page(self, rules: Rules) -> None:
        if rules.login != "basic":
            self._say(200, FORM)
            return
        right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {right}":
            self._enter()
        else:
            if self.headers.get("Authorization"):
                self.members.refuse()
            self._say(401, "<h1>401</h1>", {"WWW-Authenticate": 'Basic realm="members"'})

    def _key(self) -> str:
        bearer = self.headers.get("Authorization", "")
        if bearer.startswith("Bearer "):
            return bearer[7:]
        pairs = (each.strip().partition("=") for each in self.headers.get("Cookie", "").split(";"))
        return next((value.partition(".")[0] for name, _, value in pairs if name == "sid"), "")

    def _page(self, rules: Rules, number: int) -> None:
        if self.members.hangs():
            time.sleep(5)
        if seconds := rules.slow.get(number, rules.latency_s):
            time.sleep(seconds)
        key = self._key()
        if not self.members.may(key):
            self.members.meets_old(key)
            self._show_out(rules.showing)
            return
        self._renewed = self.members.renewed(key)
        if number in rules.quits:
            self.members.end(key)
            self._quit(rules, rules.quits[number], number)
            return
        if number in rules.odd:
            self._say(200, FORM)
            return
        if number in rules.forbidden:
            self._say(403, "<html><title>No</title><p>This is for others.</html>")
            return
        self.members.count(number)
        self._member_page(rules, number)

    def _quit(self, rules: Rules, how: str, number: int) -> None:
        if how == "good-bye":
            self._say(
                200, "<html><title>Good-bye</title><p>Come again.</html>", {"Set-Cookie": "sid=; Max-Age=0; Path=/"}
            )
        elif how == "home":
            self._say(302, "", {"Location": "/"})
        else:
            self._member_page(rules, number)

    def _member_page(self, rules: Rules, number: int) -> None:
        if rules.kind == "json":
            self._data(200, {"n": number, "pages": rules.pages if number == 0 else 0})
            return
        way_out = "<a href=/logout>Log out</a>" if rules.link else ""
        numbers = range(1, rules.pages) if not number or rules.address != "/p/{n}" else ()
        key = self._key()
        links = "".join(f"<a class=p href='{rules.address.format(n=n, id=key)}'>{n}</a> " for n in numbers)
        self._say(200, f"<html><title>{number}</title>{way_out}<p id=n>{number}</p>{links}</html>")

    def _show_out(self, showing: Showing) -> None:
        if showing in ("form", "quiet form"):
            self._say(200, FORM, {"Set-Cookie": "sid=; Path=/; Max-Age=0"} if showing == "form" else None)
        elif showing in ("redirect", "home"):
            self._say(302, "", {"Location": "/login" if showing == "redirect" else "/"})
        elif showing == "401 json":
            self._data(401, {"error": "token expired"}, {"WWW-Authenticate": "Bearer"})
        elif showing == "json error":
            self._data(200, {"error": "login"})
        elif showing == "short page":
            self._say(200, "<html><title>Over</title><p>Your session has expired. Please log in.</html>")
        else:
            self._say(int(showing), "<html><title>Error</title><h1>No</h1><p>You need a right for this.</html>")

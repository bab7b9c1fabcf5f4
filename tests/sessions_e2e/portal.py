"""A portal whose login goes wrong as it is told, for whole crawls: it counts what was posted to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from crawler import Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest

FORM = (
    b"<title>Portal</title><form method=post action=/login><input name=user><input type=password name=password>"
    b"<button>Go</button></form>"
)
CODE = b"<title>Portal</title><form method=post action=/code><input name=otp autocomplete=one-time-code></form>"
HOME = b'<title>Home</title><p class=x>hello</p><a href="/logout">Log out</a>'

Refusal = Callable[[], Answer]


def again(words: str = "", more: bytes = b"") -> Refusal:
    """The form once more, with or without a word about it."""
    said = f"<p class=error>{words}</p>".encode() if words else b""
    return lambda: Answer(body=said + FORM + more)


class Portal:
    """Answers as an application does whose members log in by a form, and perhaps a code.

    Args:
        refusal: What a wrong password is answered with.
        password: The right one.
        allowed: Members' pages that the account may see.
        limit: Most posts in so many seconds, in a fixed window; more are answered 429.
        busy: Answers for the next posts, before anything else is looked at.
    """

    def __init__(
        self,
        *,
        refusal: Refusal = again("Wrong password."),
        password: str = "pa55-of-ann",
        allowed: tuple[str, ...] = ("/home",),
        with_code: bool = False,
        limit: tuple[int, float] | None = None,
        busy: list[Answer] | None = None,
    ) -> None:
        self.refusal, self.password, self.allowed = refusal, password, allowed
        self.with_code, self.limit = with_code, limit
        self.busy = list(busy or [])
        self.posts: list[float] = []
        self.refused = 0
        self.lives: dict[str, int] = {}  # session: pages that it may still see
        self.pages_each = 1_000_000
        self._window = (0.0, 0)

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404, b"")
        if call.method == "POST" and call.path in ("/login", "/token"):
            return self._posted(call)
        if call.method == "POST" and call.path == "/code":
            return self._let_in() if call.form().get("otp") == "123456" else Answer(body=CODE)
        if call.path == "/login":
            return Answer(body=FORM)
        sid = call.cookies().get("sid", "") or call.headers.get("authorization", "").removeprefix("Bearer ")
        if self.lives.get(sid, 0) <= 0 or call.path not in self.allowed:
            return Answer.redirect("/login")
        self.lives[sid] -= 1
        return Answer(body=HOME)

    def _posted(self, call: WireRequest) -> Answer:
        self.posts.append(time.monotonic())
        if self.busy:
            return self.busy.pop(0)
        if self.limit is not None:
            start, count = self._window
            now = time.monotonic()
            start, count = (now, 0) if now - start > self.limit[1] else (start, count)
            self._window = start, count + 1
            if count + 1 > self.limit[0]:
                self.refused += 1
                return Answer(429, b"<h1>Too many requests</h1>")
        if call.form().get("password") != self.password:
            return self.refusal()
        if self.with_code:
            return Answer(body=CODE)
        return self._let_in(as_token=call.path == "/token")

    def _let_in(self, *, as_token: bool = False) -> Answer:
        sid = f"s{len(self.lives)}"
        self.lives[sid] = self.pages_each
        if as_token:
            return Answer(body=f'{{"access": "{sid}"}}'.encode(), content_type="application/json")
        return Answer(302, b"", headers=[("Location", "/welcome"), ("Set-Cookie", f"sid={sid}; Path=/")])


class Home(Spider):
    """Logs in by the form, and reads the home page."""

    name = "home"
    page = "/home"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + self.page]

    def login(self, session: Session) -> None:
        page = session.get(self.arguments["site"] + "/login")
        answer = session.submit(page.form(), {"user": session.account.username, "password": session.account.password})
        self.goes_on(session, answer)

    def goes_on(self, session: Session, answer: Response) -> None:
        """What the step does after the password."""

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"text": response.css("p.x::text").get()}

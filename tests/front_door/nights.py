"""The practice site, night after night: what a site does to a crawler that is left alone for months."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from crawler.testing.server import Server
from crawler.testing.site_application import PracticeApplication
from crawler.testing.site_options import SiteOptions
from crawler.testing.wire import Answer, WireRequest

BOOKS = 20
Edit = Callable[[WireRequest, Answer], None]


class NightlySite:
    """The practice bookshop, whose pages can be edited on their way out, and which can go down and come up again.

    Attributes:
        told: What came to the webhook that is told of its crawls.
        edit: Changes an answer; None leaves all as they are.
        url: Its address, the same after it was down.
    """

    def __init__(self) -> None:
        self.edit: Edit | None = None
        self.told: list[WireRequest] = []
        self._application = PracticeApplication(SiteOptions(books=BOOKS, per_page=5), threading.Event())
        self._server = Server(self, threading.Event())
        self._port = self._server.listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._port}"
        self._application.listening(self.url, self.url)

    @property
    def account(self) -> tuple[str, str]:
        """Name and password of the first customer."""
        first = self._application.options.accounts[0]
        return first.username, first.password

    def down(self) -> None:
        """Nobody answers any more."""
        self._server.close()

    def up(self) -> None:
        """It is there again, at the same address."""
        self._server = Server(self, threading.Event())
        self._server.listen("127.0.0.1", self._port)

    def forget_sessions(self) -> None:
        """Everybody has to log in again, as after a night."""
        self._application.sessions.revoke()

    # --- what the server asks -------------------------------------------------------------------------------------
    def connected(self, host: str) -> int:
        return self._application.connected(host)

    def answers_left(self, answered: int) -> bool:
        return True

    def date_offset_s(self) -> float:
        return 0.0

    def answer(self, call: WireRequest) -> Answer:
        answer = self._application.answer(call)
        if self.edit is not None:
            answer.body = bytes(answer.body)
            self.edit(call, answer)
        return answer


def refuse_logins(call: WireRequest, answer: Answer) -> None:
    """Logins are answered with an error of the server."""
    if call.method == "POST" and call.path == "/login":
        answer.status, answer.body, answer.headers = 403, b"<h1>Suspended</h1>", []


def half_of_the_books(call: WireRequest, answer: Answer) -> None:
    """The list ends after half of its pages."""
    if call.path.startswith("/members/") and call.query().get("page") == str(BOOKS // 5 // 2):
        answer.body = re.sub(rb'<a class="(next|last)"[^>]*>', b"<a>", answer.body)


def empty_prices(call: WireRequest, answer: Answer) -> None:
    """The price is there and has another class."""
    answer.body = answer.body.replace(b'class="price"', b'class="amount"')


def no_books(call: WireRequest, answer: Answer) -> None:
    """The links to the books have another class: the pages come, and nothing follows."""
    answer.body = answer.body.replace(b'class="book"', b'class="card"')


def redesign(call: WireRequest, answer: Answer) -> None:
    """Every class has another name but those of the links: each book is found, and every field of it is empty."""
    if call.path.startswith("/members/book/"):
        answer.body = re.sub(rb'class="(\w+)"', rb'class="new-\1"', answer.body)

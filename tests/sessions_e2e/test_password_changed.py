"""A password that is changed on the site while a crawl is under way: how often the old one is sent from then on.

Sites lock accounts after three to five refused passwords, and some refuse without a word: by the form once more, or by
leading to the wanted page, which leads back to the form.
"""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from crawler import Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl
from tests.hosts import Net, net, quick_net
from tests.sessions_e2e.one_account import _account

__all__ = ["_account", "net", "quick_net"]  # fixtures

FORM = b"<title>Sign in</title><form method=post action=/login><input name=user><input type=password name=word></form>"
AFTER = 15  #: pages until the sessions end and the password is another one


class Site:
    """Forty pages behind a login.

    Args:
        leads_to: Where a refused password leads; "" for the form itself.
        cookie: A refusal comes with a new cookie.
    """

    def __init__(self, leads_to: str, cookie: bool) -> None:
        self._leads_to, self._cookie = leads_to, cookie
        self._lock = threading.Lock()  # guards the rest
        self._sessions: set[str] = set()
        self.pages, self.let_in, self.refused = 0, 0, 0

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        with self._lock:
            if call.method == "POST":
                return self._login(call)
            if call.path == "/login":
                return Answer(body=FORM)
            if call.cookies().get("sid") not in self._sessions:
                return Answer(302, b"", headers=[("Location", "/login")])
            self.pages += 1
            if self.pages == AFTER:
                self._sessions.clear()
            links = b"".join(b"<a href='/item/%d'>item</a>" % number for number in range(40))
            return Answer(body=b"<title>List</title><a href='/logout'>Log out</a>" + links)

    def _login(self, call: WireRequest) -> Answer:
        session = ("Set-Cookie", f"sid={secrets.token_hex(8)}; Path=/")
        if self.pages < AFTER and parse_qs(call.body.decode())["word"] == ["pa55-of-ann"]:
            self.let_in += 1
            self._sessions.add(session[1].partition("=")[2].partition(";")[0])
            return Answer(302, b"", headers=[("Location", "/list"), session])
        self.refused += 1
        headers = [session] if self._cookie else []
        if not self._leads_to:
            return Answer(body=FORM, headers=headers)
        return Answer(302, b"", headers=[("Location", self._leads_to), *headers])


class Items(Spider):
    name = "items"

    def __init__(self, site: str) -> None:
        self.start_urls = [f"{site}/list"]
        self.site = site

    def login(self, session) -> None:  # type: ignore[no-untyped-def]
        page = session.get(f"{self.site}/login")
        session.submit(page.form(), {"user": session.account.username, "word": session.account.password})

    def parse(self, response):  # type: ignore[no-untyped-def]
        yield {"url": response.url}
        yield from response.follow_all(css="a[href^='/item']")


@pytest.mark.parametrize(
    ("leads_to", "cookie", "first", "then"),
    [("", False, 1, 1), ("", True, 1, 1), ("/login", False, 1, 1), ("/list", False, 1, 1), ("/list", True, 3, 0)],
    ids=["the-form", "the-form-and-a-cookie", "to-the-form", "to-the-page", "to-the-page-with-a-cookie"],
)
def test_the_old_password_is_sent_once_where_the_answer_differs_from_that_of_a_good_login(
    leads_to: str, cookie: bool, first: int, then: int, quick_net: Net, tmp_path: Path
) -> None:
    """With a new cookie, and led to the wanted page, a refusal looks like a session that was ended at once."""
    site = Site(leads_to, cookie)
    own = quick_net.host({"*": site})

    refused = []
    for _ in range(3):
        run = crawl(Items, own.url, tmp_path, login_budget=3)
        assert run.exit_code == 3
        refused.append(site.refused)

    assert site.let_in == 1
    assert refused == [first, first + then, first + then]

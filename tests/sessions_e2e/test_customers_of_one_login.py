"""One login leads to several customers, and the site keeps in the session whose pages it shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Net, quick_net

from .portal import FORM

__all__ = ["quick_net"]

CUSTOMERS = ("K100", "K200", "K300")
SWITCH = b'<form id=switch method=post action=/switch><input name=customer></form><a href="/logout">Log out</a>'


class Customers:
    """Pages show the customer that the session was switched to last; the first one where it was not.

    Attributes:
        posts: Passwords that were posted.
        most_at_once: Most of these posts that were under way at one time.
    """

    def __init__(self, password: str = "pa55-of-ann") -> None:
        self.password, self.posts, self.most_at_once = password, 0, 0
        self._shown: dict[str, str] = {}
        self._under_way, self._lock = 0, threading.Lock()

    def __call__(self, call: WireRequest) -> Answer:
        sid = call.cookies().get("sid", "")
        if call.path == "/login":
            return self._posted(call) if call.method == "POST" else Answer(body=FORM)
        if sid not in self._shown:
            return Answer.redirect("/login")
        if call.method == "POST":
            self._shown[sid] = call.form()["customer"]
        return Answer(body=b"<p class=customer>" + self._shown[sid].encode() + b"</p>" + SWITCH)

    def _posted(self, call: WireRequest) -> Answer:
        with self._lock:
            self.posts, self._under_way = self.posts + 1, self._under_way + 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        time.sleep(0.05)  # so that logins at one time are seen as such
        with self._lock:
            self._under_way -= 1
            if call.form().get("password") != self.password:
                return Answer(body=b"<p class=error>Wrong password.</p>" + FORM)
            sid = f"s{len(self._shown)}"
            self._shown[sid] = CUSTOMERS[0]
        return Answer(302, b"", headers=[("Location", "/orders"), ("Set-Cookie", f"sid={sid}; Path=/")])


class Orders(Spider):
    name = "orders"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/orders"]

    def login(self, session: Session) -> None:
        page = session.get(self.arguments["site"] + "/login")
        page = session.submit(page.form(), {"user": session.account.username, "password": session.account.password})
        self.switch(session, page)

    def switch(self, session: Session, page: Response) -> None:
        """Choose nothing."""

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"session": response.session_name, "customer": response.css("p.customer::text").get()}


class BySessionName(Orders):
    sessions = ("k100", "k200", "k300")

    def switch(self, session: Session, page: Response) -> None:
        session.submit(page.form(id="switch"), {"customer": session.name.upper()})


class ByField(BySessionName):
    def switch(self, session: Session, page: Response) -> None:
        session.submit(page.form(id="switch"), {"customer": session.account.get("customer")})


class ByAttribute(Orders):
    customer = "K100"

    def switch(self, session: Session, page: Response) -> None:
        session.submit(page.form(id="switch"), {"customer": self.customer})


class OfAnother(ByAttribute):
    name = "another"
    customer = "K200"


class ByArgument(Orders):
    def switch(self, session: Session, page: Response) -> None:
        session.submit(page.form(id="switch"), {"customer": self.arguments["customer"]})


class ByWord(Orders):
    name = "word"

    def switch(self, session: Session, page: Response) -> None:
        session.submit(page.form(id="switch"), {"customer": "K300"})


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEFAULT", *CUSTOMERS):
        monkeypatch.setenv(f"CRAWL_{name}_USERNAME", "ann")
        monkeypatch.setenv(f"CRAWL_{name}_PASSWORD", "pa55-of-ann")
        monkeypatch.setenv(f"CRAWL_{name}_CUSTOMER", name)


@pytest.mark.parametrize("spider", [BySessionName, ByField])
def test_sessions_of_one_account_that_switch_to_a_customer_each_show_their_own(
    spider: type[Spider], quick_net: Net, tmp_path: Path
) -> None:
    site = Customers()
    own = quick_net.host({"*": site})

    first, second = crawl(spider, own.url, tmp_path), crawl(spider, own.url, tmp_path)

    assert (first.exit_code, second.exit_code, site.posts) == (0, 0, 3)
    rows = [(row["session"], row["customer"]) for row in stored(tmp_path, "session", "customer")]
    assert sorted(rows) == sorted(2 * [(name.lower(), name) for name in CUSTOMERS])


def test_spiders_and_arguments_that_choose_another_customer_do_not_take_over_a_session(
    quick_net: Net, tmp_path: Path
) -> None:
    site = Customers()
    own = quick_net.host({"*": site})

    for spider in (ByAttribute, OfAnother, ByWord, ByAttribute):
        assert crawl(spider, own.url, tmp_path, processes=1).exit_code == 0
    shown = [row["customer"] for row in stored(tmp_path, "customer")]

    assert (shown, site.posts) == (["K100", "K200", "K300", "K100"], 3)


def test_an_argument_that_the_login_reads_has_a_session_and_one_that_it_does_not_read_has_none(
    quick_net: Net, tmp_path: Path
) -> None:
    from crawler import run

    site = Customers()
    own = quick_net.host({"*": site})
    settings = {"store": str(tmp_path / "crawl.db"), "min_speed": 0}

    for customer, since in (("K200", "monday"), ("K300", "monday"), ("K200", "tuesday")):
        arguments = {"site": own.url, "customer": customer, "since": since}
        assert run(ByArgument, arguments=arguments, settings=settings).exit_code == 0

    assert [row["customer"] for row in stored(tmp_path, "customer")] == ["K200", "K300", "K200"]
    assert site.posts == 2


def test_spiders_whose_logins_choose_nothing_still_share_one(quick_net: Net, tmp_path: Path) -> None:
    class Invoices(Orders):
        name = "invoices"

    site = Customers()
    own = quick_net.host({"*": site})

    assert [crawl(each, own.url, tmp_path).exit_code for each in (Orders, Invoices)] == [0, 0]
    assert site.posts == 1


def test_a_wrong_password_of_several_sessions_is_sent_once(quick_net: Net, tmp_path: Path) -> None:
    site = Customers(password="another")
    own = quick_net.host({"*": site})

    codes = [crawl(BySessionName, own.url, tmp_path).exit_code for _ in range(2)]

    assert (codes, site.posts) == ([3, 3], 1)


def test_sessions_of_one_account_log_in_one_after_the_other(quick_net: Net, tmp_path: Path) -> None:
    site = Customers()
    own = quick_net.host({"*": site})

    assert crawl(BySessionName, own.url, tmp_path).exit_code == 0
    assert (site.posts, site.most_at_once) == (3, 1)

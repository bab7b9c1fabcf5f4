"""A session that the spider itself gives cookies or credentials: watched like any login, without a login step."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

ITEMS = 30
SPIDER = """
import os

from crawler import Identity, Spider

SID = os.environ["SID"]


class Orders(Spider):
    name = "orders"
    start_urls = ["URL/p/list"]
    key = "url"
    {gives}

    def parse(self, response):
        yield from response.follow_all(css="a.o", callback=self.order)

    def order(self, response):
        yield {{"url": response.url, "order": response.css("h1::text").get()}}
"""
HEADER = 'sessions = [Identity("default", headers={"Cookie": f"lang=en; sid={SID}"})]'
GIVES = {
    "a header of the identity": HEADER,
    "a header of the settings": 'custom_settings = {"headers": {"Cookie": f"sid={SID}"}}',
    "set_up_session": """
    def set_up_session(self, session):
        session.cookies.set("sid", SID, domain="127.0.0.1", path="/")
""",
}
BASIC = 'sessions = [Identity("default", auth=("ann", SID))]'
FORM = b"<h1>Shop</h1><form method=post><input name=u><input type=password name=p></form>"


class Shop:
    """Orders for who has the session cookie or the password of now; others are led to the login page."""

    def __init__(self) -> None:
        self.sid, self.good_for, self.public = "first", 10_000, False
        self.asked: list[str] = []
        self.refused = 0
        self._lock = threading.Lock()  # guards all of these

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        if call.path == "/login":
            return Answer(body=FORM)
        with self._lock:
            self.asked.append(call.path)
            sent = call.headers.get("authorization", "")
            pair = base64.b64encode(f"ann:{self.sid}".encode()).decode()
            good = f"sid={self.sid}" in call.headers.get("cookie", "") or sent == f"Basic {pair}"
            self.good_for -= good
            if self.good_for < 0 and self.sid == "first":
                good = False
            if not good and not self.public:
                self.refused += bool(sent)
                return Answer(401) if sent else Answer(302, headers=[("Location", f"/login?next={call.path}")])
        links = "".join(f"<a class=o href=/p/{number}>o</a>" for number in range(ITEMS)) if "list" in call.path else ""
        head = FORM.replace(b"<h1>Shop</h1>", b"").decode() if self.public else ""
        return Answer(body=f"{head}<h1>Order {call.path}</h1>{links}".encode())


@pytest.fixture
def shop(quick_net: Net, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Shop]:
    """Puts up the shop, and a spider whose session gets something from the spider."""

    def make(gives: str) -> Shop:
        made = Shop()
        url = quick_net.host({"*": made}).url
        (project / "spiders").mkdir()
        source = SPIDER.format(gives=gives).replace("URL", url)
        (project / "spiders" / "orders.py").write_text(source, encoding="utf-8")
        monkeypatch.setenv("SID", "first")
        return made

    return make


def rows(command: Crawl) -> str:
    return command("export", "orders", "-o", "-").out


@pytest.mark.parametrize("gives", GIVES)
def test_L1_no_login_page_is_stored_when_a_session_of_the_spider_itself_ends_and_new_cookies_go_on(
    shop: Callable[[str], Shop], command: Crawl, monkeypatch: pytest.MonkeyPatch, gives: str
) -> None:
    made = shop(GIVES[gives])
    made.good_for = 15

    nights = [command("run", "orders") for _ in range(2)]

    assert [night.code for night in nights] == [7, 7]
    assert "the cookies or credentials that the spider gives the session do not let it in" in nights[1].err
    assert "login" not in rows(command)
    assert "Shop" not in rows(command)

    made.sid = "second"
    monkeypatch.setenv("SID", "second")
    assert command("run", "orders", "--quiet").code == 0
    assert rows(command).count("Order /p/") == ITEMS
    assert command("run", "orders", "--quiet").code == 0, "the next night needs nobody"


def test_a_cookie_that_opens_nothing_changes_nothing_but_one_request(
    shop: Callable[[str], Shop], command: Crawl
) -> None:
    made = shop(HEADER)
    made.public = True  # and each page has a login form in its head

    assert command("run", "orders", "--quiet").code == 0

    assert rows(command).count("Order /p/") == ITEMS
    assert sorted(made.asked) == sorted(["/p/list"] * 2 + [f"/p/{number}" for number in range(ITEMS)])


@pytest.mark.parametrize(
    ("mark", "sent"),
    [
        ('logged_in_text = "<h1>Order"', 1),
        ('logged_out_css = "input[type=password]"', 1),
        ("is_logged_out = lambda self, response: response.status == 401", 1),
        ('login_url = "URL/login"', 2),  # no sign: only the first page that is refused says something
    ],
)
def test_with_a_sign_of_the_spider_credentials_of_its_identity_are_a_login(
    shop: Callable[[str], Shop], command: Crawl, monkeypatch: pytest.MonkeyPatch, mark: str, sent: int
) -> None:
    made = shop(f"{BASIC}; {mark}")

    assert command("run", "orders", "--quiet").code == 0
    assert rows(command).count("Order /p/") == ITEMS

    monkeypatch.setenv("SID", "wrong")
    codes = [command("run", "orders", "--quiet").code for _ in range(3)]

    assert codes == [3, 3, 3]
    assert made.refused == sent


def test_a_run_whose_pages_mostly_ask_to_log_in_is_not_finished(
    shop: Callable[[str], Shop], command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_request = """
    def start(self):
        from crawler import Request

        for number in range(20):
            yield Request(f"URL/p/{number}", cookies={"sid": SID}, callback=self.order)
"""
    made = shop(by_request)
    made.good_for = 5

    run = command("run", "orders")

    assert run.code == 1
    assert "15 of 20 pages ask to log in, and the spider has no `login` method" in run.out
    Path("rows.jsonl").write_text("good\n", encoding="utf-8")
    assert command("export", "orders", "-o", "rows.jsonl").code == 10, "a good file stays"
    assert command("run", "orders", "--fresh", "--max-error-rate", "1", "--quiet").code in (0, 11)


def test_where_cookies_of_the_spider_were_never_good_a_sign_says_so_before_anything_is_stored(
    shop: Callable[[str], Shop], command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(f'{HEADER}; logged_out_css = "input[type=password]"')
    monkeypatch.setenv("SID", "stale")

    run = command("run", "orders")

    assert run.code == 7
    assert "the cookies or credentials that the spider gives the session do not let it in" in run.err
    assert "Shop" not in rows(command)

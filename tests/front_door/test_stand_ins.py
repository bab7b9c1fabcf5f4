"""A page in place of another, with status 200 and in a good session: terms of use, maintenance, "please slow down"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from crawler import QuotaSpent, Spider
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host

PAGES, ROWS, AT = 8, 5, 6
OUT = "<a href=/logout>Log out</a>"
LOGIN = "<form method=post action=/login><input name=user><input type=password name=word><button>Log in</button></form>"
TERMS = f"<p>{OUT}<h1>Terms of use</h1><form method=post action=/terms><input type=checkbox name=yes></form>"


class Portal:
    """A list of orders in a chain of pages behind a login.

    Attributes:
        instead: What page `AT` is answered with; None for its orders.
    """

    def __init__(self) -> None:
        self.instead: Callable[[], Answer] | None = None
        self.logins = 0
        self.host = Host({"/login": self.login, "/terms": self.terms, "*": self.page}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if b"word=right" in call.body:
            self.logins += 1
            return Answer(302, headers=[("Location", "/orders/1"), ("Set-Cookie", f"sid={self.logins}; Path=/")])
        return Answer(body=f"<html><title>Log in</title>{LOGIN}</html>".encode())

    def terms(self, call: WireRequest) -> Answer:
        return Answer(body=f"<html>{TERMS}</html>".encode())

    def page(self, call: WireRequest) -> Answer:
        if call.path == "/away":
            return Answer(body=b"<html><title>Portal</title><p>You have been away for a while.</p></html>")
        if f"sid={self.logins}" not in call.headers.get("cookie", "") or not self.logins:
            return Answer(302, headers=[("Location", "/away" if "sid" in call.headers.get("cookie", "") else "/login")])
        if not call.path.startswith("/orders/"):
            return Answer(404, b"no")
        number = int(call.path.rpartition("/")[2])
        if number == AT and self.instead is not None:
            return self.instead()
        rows = "".join(f"<p class=order>{number * 100 + row}</p>" for row in range(ROWS))
        more = f"<a class=next href=/orders/{number + 1}>next</a>" if number < PAGES else ""
        search = "<form method=post action=/search><input name=q></form>"
        search += f"<form method=post action=/orders/{number}/print><input name=copies></form>"
        return Answer(body=f"<html><h1>Orders</h1>{OUT}{search}{rows}{more}</html>".encode())


class Orders(Spider):
    name = "orders"
    key = "id"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/orders/1"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"user": session.account.username, "word": session.account.password})

    def parse(self, response: Any) -> Any:
        yield from ({"id": order} for order in response.css("p.order::text").getall())
        yield from response.follow_all(css="a.next")


class Patient(Orders):
    """As the page about logins that break has it."""

    name = "patient"

    def is_logged_out(self, response: Any) -> Any:
        return response.css("form[action='/login'], form[action='/terms']")

    def on_response(self, response: Any) -> Any:
        if response.css("title::text").re("slow down|maintenance"):
            raise QuotaSpent("the site asks for patience", wait_s=1)
        return response


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Portal()
    yield site
    site.host.close()


def shown(text: str) -> Callable[[], Answer]:
    return lambda: Answer(body=f"<html>{text}</html>".encode())


INSTEAD: dict[str, tuple[Callable[[], Answer], str]] = {
    "led to the terms": (lambda: Answer(302, headers=[("Location", "/terms")]), "it came from"),
    "terms at its address": (shown(TERMS), "it has a form to send, to /terms"),
    "maintenance": (shown(f"<h1>Scheduled maintenance</h1>{OUT}<p>until 04:00"), "it says 'Scheduled maintenance'"),
    "slow down": (shown(f"<title>Please slow down</title>{OUT}<p>Too fast."), "it says 'Please slow down'"),
    "in German": (shown(f"<h2>Wartungsarbeiten bis 4 Uhr</h2>{OUT}"), "it says 'Wartungsarbeiten bis 4 Uhr'"),
    "nothing at all": (lambda: Answer(body=b""), "an empty answer: status 200"),
    "a blank": (lambda: Answer(202, b" \n"), "an empty answer: status 202"),
}


@pytest.mark.parametrize(("instead", "said"), INSTEAD.values(), ids=INSTEAD.keys())
def test_a_page_in_place_of_a_list_ends_no_good_crawl_and_marks_nothing_as_gone(
    instead: Callable[[], Answer], said: str, portal: Portal, tmp_path: Path
) -> None:
    assert crawl(Orders, portal.host.url, tmp_path).exit_code == 0
    portal.instead = instead

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert (summary.exit_code, summary.reason, summary.complete) == (11, "stand-ins", False)
    assert said in summary.why
    assert f"/orders/{AT}" in summary.why
    assert not summary.changes.get("items", {}).get("gone")
    assert len(stored(tmp_path, "id")) == PAGES * ROWS

    portal.instead = None
    assert crawl(Orders, portal.host.url, tmp_path).exit_code == 0  # the night after is compared with good ones


@pytest.mark.parametrize("kind", ["terms at its address", "maintenance"])
def test_a_run_that_goes_on_and_meets_nothing_else_knows_what_pages_were_like(
    kind: str, portal: Portal, tmp_path: Path
) -> None:
    crawl(Orders, portal.host.url, tmp_path)
    assert crawl(Orders, portal.host.url, tmp_path, max_pages=AT - 1).exit_code == 5
    portal.instead = INSTEAD[kind][0]

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert (summary.pages, summary.exit_code, summary.reason) == (1, 11, "stand-ins")
    assert len(stored(tmp_path, "id")) == PAGES * ROWS, "none is marked as gone"


def test_a_page_that_was_fetched_again_after_a_login_counts_as_what_came_then(portal: Portal, tmp_path: Path) -> None:
    crawl(Orders, portal.host.url, tmp_path)

    def lose() -> Answer:
        portal.logins, portal.instead = portal.logins + 1, None
        return Answer(302, headers=[("Location", "/away")])

    portal.instead = lose

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert (summary.exit_code, summary.logins, len(stored(tmp_path, "id"))) == (0, 1, PAGES * ROWS)


def test_it_is_told_on_the_first_night_too(portal: Portal, tmp_path: Path) -> None:
    portal.instead = INSTEAD["terms at its address"][0]

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert summary.exit_code == 0
    assert any("nothing came of it, unlike of other pages" in message for message in summary.messages)


def test_what_is_so_every_night_or_was_accepted_is_told_and_ends_well(portal: Portal, tmp_path: Path) -> None:
    portal.instead = INSTEAD["terms at its address"][0]
    codes = [crawl(Orders, portal.host.url, tmp_path).exit_code for _ in range(2)]
    portal.instead = None
    codes.append(crawl(Orders, portal.host.url, tmp_path).exit_code)

    assert codes == [0, 0, 0]


def test_a_person_may_accept_it(portal: Portal, tmp_path: Path) -> None:
    crawl(Orders, portal.host.url, tmp_path)
    portal.instead = INSTEAD["led to the terms"][0]

    nights = [crawl(Orders, portal.host.url, tmp_path, accept=accept) for accept in (True, False)]

    assert [each.exit_code for each in nights] == [0, 0]


@pytest.mark.parametrize(
    "instead",
    [
        shown(f"<h1>Orders</h1>{OUT}<p>no orders<form method=post action=/search><input name=q></form>"),
        shown(f"<h1>Orders</h1>{OUT}<p>none<form method=post action=/orders/{AT}/print><input name=copies></form>"),
        shown(f"<h1>Orders</h1>{OUT}<p>We had to slow down deliveries; maintenance of the belt.</p>"),
    ],
    ids=["an empty list", "with a form that has the page in its path", "words in a text"],
)
def test_an_empty_list_is_an_empty_list(instead: Callable[[], Answer], portal: Portal, tmp_path: Path) -> None:
    crawl(Orders, portal.host.url, tmp_path)
    portal.instead = instead

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert (summary.exit_code, summary.messages) == (0, [])
    assert summary.changes["items"]["gone"] == (PAGES - AT + 1) * ROWS


def test_a_login_in_the_time_of_maintenance_says_what_the_site_says(portal: Portal, tmp_path: Path) -> None:
    portal.host.routes["/login"] = Answer(body=b"<html><title>Portal</title><h1>Scheduled maintenance</h1></html>")

    summary = crawl(Orders, portal.host.url, tmp_path)

    assert summary.exit_code == 3
    assert any("The page says 'Scheduled maintenance'" in message for message in summary.messages), summary.messages


def test_a_spider_that_says_what_such_pages_mean_brings_all_rows_in_one_run(portal: Portal, tmp_path: Path) -> None:
    answers = [INSTEAD["slow down"][0], INSTEAD["terms at its address"][0]]

    def once() -> Answer:
        answer = answers.pop(0)
        if not answers:
            portal.instead = None
        return answer()

    portal.instead = once

    summary = crawl(Patient, portal.host.url, tmp_path)

    assert (summary.exit_code, summary.failed, len(stored(tmp_path, "id"))) == (0, 0, PAGES * ROWS)


def test_an_empty_answer_of_which_a_callback_makes_a_row_without_values_is_no_good_end(
    portal: Portal, tmp_path: Path
) -> None:
    class Rows(Orders):
        key = None

        def parse(self, response: Any) -> Any:
            yield {"id": response.css("p.order::text").get(), "title": response.css("h1::text").get()}
            yield from response.follow_all(f"/orders/{number}" for number in range(2, PAGES + 1))

    assert crawl(Rows, portal.host.url, tmp_path).exit_code == 0
    portal.instead = INSTEAD["nothing at all"][0]

    summary = crawl(Rows, portal.host.url, tmp_path)

    assert (summary.exit_code, summary.reason) == (11, "stand-ins")


def test_a_callback_that_always_gets_nothing_ends_well(portal: Portal, tmp_path: Path) -> None:
    class Pings(Orders):
        def parse(self, response: Any) -> Any:
            yield {"id": "1"}
            yield response.follow(f"/orders/{AT}", self.parse_ping)

        def parse_ping(self, response: Any) -> Any:
            yield {"id": "2"}

    portal.instead = INSTEAD["nothing at all"][0]

    assert [crawl(Pings, portal.host.url, tmp_path).exit_code for _ in range(2)] == [0, 0]


# --- data, and sites without a login ----------------------------------------------------------------------------------


class DataPortal(Portal):
    """The same orders as JSON."""

    def page(self, call: WireRequest) -> Answer:
        page = super().page(call)
        number = call.path.rpartition("/")[2]
        if page.status != 200 or call.path == "/away" or (int(number) == AT and self.instead is not None):
            return page
        orders = [int(number) * 100 + row for row in range(ROWS)]
        after = int(number) + 1 if int(number) < PAGES else None
        return Answer.json({"orders": orders, "count": ROWS, "next": after, "error": None})


class DataOrders(Orders):
    name = "data"

    def parse(self, response: Any) -> Any:
        said = response.json() if "json" in response.headers["Content-Type"] else {}
        yield from ({"id": order} for order in said.get("orders") or [])
        if said.get("next"):
            yield response.follow(f"/orders/{said['next']}")


@pytest.fixture
def data_portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataPortal]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = DataPortal()
    yield site
    site.host.close()


DATA_INSTEAD: dict[str, tuple[Any, str]] = {
    "an error": ({"error": "rate_limited"}, "it holds 'error', they hold 'count', 'next', 'orders'"),
    "an error beside nothing": (
        {"orders": None, "next": None, "errors": [{"message": "Slow down, please"}]},
        "it holds 'errors' ('Slow down, please'), they hold 'count', 'next', 'orders'",
    ),
    "an error that is null elsewhere": ({"orders": [], "error": "rate_limited"}, "it holds 'error'"),
    "a message": ({"message": "Come back at 4", "code": 17}, "it holds 'code', 'message' ('Come back at 4')"),
    "no success": ({"success": False, "message": "Busy"}, "it holds 'message' ('Busy')"),
}


@pytest.mark.parametrize(("instead", "said"), DATA_INSTEAD.values(), ids=DATA_INSTEAD.keys())
def test_data_in_place_of_a_list_of_data_ends_no_good_crawl(
    instead: Any, said: str, data_portal: DataPortal, tmp_path: Path
) -> None:
    assert crawl(DataOrders, data_portal.host.url, tmp_path).exit_code == 0
    data_portal.instead = lambda: Answer.json(instead)

    summary = crawl(DataOrders, data_portal.host.url, tmp_path)

    assert (summary.exit_code, summary.reason) == (11, "stand-ins")
    assert said in summary.why
    assert not summary.changes.get("items", {}).get("gone")


def test_a_page_of_html_in_place_of_data_ends_no_good_crawl(data_portal: DataPortal, tmp_path: Path) -> None:
    crawl(DataOrders, data_portal.host.url, tmp_path)
    data_portal.instead = shown(f"<h1>News</h1>{OUT}<p>We have a new portal.")

    summary = crawl(DataOrders, data_portal.host.url, tmp_path)

    assert (summary.exit_code, summary.reason) == (11, "stand-ins")
    assert "it is HTML, they are JSON" in summary.why


@pytest.mark.parametrize(
    "empty",
    [
        {"orders": [], "next": None},
        {"orders": []},
        {},
        [],
        {"orders": [], "error": None},
        {"orders": [], "total": 0},
        {"orders": [], "count": 0, "page": 6},
        {"notes": ["none"], "message": "of another kind"},
    ],
    ids=str,
)
def test_an_empty_list_of_data_is_an_empty_list(empty: Any, data_portal: DataPortal, tmp_path: Path) -> None:
    crawl(DataOrders, data_portal.host.url, tmp_path)
    data_portal.instead = lambda: Answer.json(empty)

    class Lists(DataOrders):
        def parse(self, response: Any) -> Any:
            yield from super().parse(response) if isinstance(response.json(), dict) else ()

    summary = crawl(Lists, data_portal.host.url, tmp_path)

    assert (summary.exit_code, summary.messages) == (0, [])


class Public(Orders):
    name = "public"
    login = Spider.login


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        (INSTEAD["slow down"][0], 11),
        (INSTEAD["maintenance"][0], 11),
        (INSTEAD["nothing at all"][0], 11),
        (INSTEAD["terms at its address"][0], 0),
    ],
    ids=["slow down", "maintenance", "nothing at all", "another form is nothing odd on a public site"],
)
def test_a_page_that_says_that_a_site_is_away_counts_without_a_login_too(
    instead: Callable[[], Answer], code: int, portal: Portal, tmp_path: Path
) -> None:
    guest = OpenPortal()
    try:
        assert crawl(Public, guest.host.url, tmp_path).exit_code == 0
        guest.instead = instead
        assert crawl(Public, guest.host.url, tmp_path).exit_code == code
    finally:
        guest.host.close()


class OpenPortal(Portal):
    """The same list for everybody."""

    def page(self, call: WireRequest) -> Answer:
        self.logins = 1
        call.headers["cookie"] = "sid=1"
        return super().page(call)


class Repository:
    """Records of an archive by OAI-PMH, in five portions; a token is good for one request.

    Attributes:
        tokens: Which are good, and the portion that each leads to.
        asked: Portions that were asked for.
    """

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self.asked = 0
        self.loses = 0
        self.host = Host({"*": self.answer}, "127.0.0.1", None)

    def answer(self, call: WireRequest) -> Answer:
        if not call.path.startswith("/oai"):
            return Answer(404, b"no")
        self.asked += 1
        token = parse_qs(call.query_text).get("resumptionToken", [""])[0]
        number = self.tokens.pop(token, 0) if token else 1
        if number and self.asked == self.loses:
            number = 0
        head = "<?xml version='1.0'?><OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><request>x</request>"
        if not number:
            body = f"{head}<error code='badResumptionToken'>The token is not good any more</error></OAI-PMH>"
            return Answer(200, body.encode(), "text/xml")
        rows = "".join(f"<record><header><identifier>{number}{row}</identifier></header></record>" for row in range(4))
        more = ""
        if number < 5:
            self.tokens[f"t{self.asked}"] = number + 1
            more = f"<resumptionToken>t{self.asked}</resumptionToken>"
        body = f"{head}<ListRecords>{rows}{more}</ListRecords></OAI-PMH>"
        return Answer(200, body.encode(), "text/xml")


class Harvest(Spider):
    name = "harvest"
    key = "id"
    start_urls: list[str] = []

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/oai?verb=ListRecords"]

    def parse(self, response: Any) -> Any:
        response.selector.remove_namespaces()
        yield from ({"id": each} for each in response.css("identifier::text").getall())
        for token in response.css("resumptionToken::text").getall():
            yield response.follow(f"?verb=ListRecords&resumptionToken={token}")


@pytest.mark.parametrize("resumed", [False, True], ids=["in one run", "alone in a run that goes on"])
def test_an_error_in_xml_ends_no_good_crawl_and_marks_nothing_as_gone(resumed: bool, tmp_path: Path) -> None:
    site = Repository()
    try:
        assert crawl(Harvest, site.host.url, tmp_path).exit_code == 0
        if resumed:
            assert crawl(Harvest, site.host.url, tmp_path, max_pages=4).exit_code == 5
            site.tokens.clear()  # as if the last one had been asked for by a run that was killed
        else:
            site.loses = site.asked + 5

        summary = crawl(Harvest, site.host.url, tmp_path)
    finally:
        site.host.close()

    assert site.asked in (9, 10)
    assert (summary.exit_code, summary.reason, summary.complete) == (11, "stand-ins", False)
    assert "it holds 'error' ('The token is not good any more')" in summary.why
    assert len(stored(tmp_path, "id")) == 20

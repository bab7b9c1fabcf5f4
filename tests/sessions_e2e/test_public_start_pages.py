"""A spider whose first start page everybody may see: it proves nothing of the session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Net, net, quick_net

__all__ = ["net", "quick_net"]

PAGES = 30
FORM = b"<form method=post action=/login><input name=user><input type=password name=password><button>Go</button></form>"


class Shop:
    """A public front page, and pages of members. Sessions can be ended; some pages nobody of ours may see."""

    def __init__(self, *, forbidden: int = 0, lives: int = 10_000, refusal: Answer | None = None) -> None:
        self.forbidden, self.lives, self.refusal = forbidden, lives, refusal
        self.logins = 0
        self.left: dict[str, int] = {}

    def end_all(self) -> None:
        self.left.clear()

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404, b"")
        if call.path == "/":
            links = "".join(f"<a class=page href=/m/{number}>{number}</a>" for number in range(PAGES))
            return Answer(body=f"<h1>Welcome to the shop</h1>{links}".encode())
        if call.path == "/login" and call.method == "POST":
            self.logins += 1
            if self.refusal is not None:
                return self.refusal
            self.left[f"s{self.logins}"] = self.lives
            return Answer(302, b"", headers=[("Location", "/"), ("Set-Cookie", f"sid=s{self.logins}; Path=/")])
        if call.path == "/login":
            return Answer(body=FORM)
        sid = call.cookies().get("sid", "")
        number = int(call.path.removeprefix("/m/"))
        if self.left.get(sid, 0) <= 0 or number < self.forbidden:
            return Answer.redirect("/login")
        self.left[sid] -= 1
        return Answer(body=f"<p class=x>{number}</p>".encode())


class Members(Spider):
    name = "members"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def login(self, session: Session) -> None:
        page = session.get(self.arguments["site"] + "/login")
        session.submit(page.form(), {"user": session.account.username, "password": session.account.password})

    def parse(self, response: Response) -> Iterator[Any]:
        yield from response.follow_all(css="a.page", callback=self.parse_page)

    def parse_page(self, response: Response) -> Iterator[Any]:
        yield {"id": response.css("p.x::text").get()}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55-of-ann")


def test_a_stored_session_that_ended_is_renewed_each_night(quick_net: Net, tmp_path: Path) -> None:
    shop = Shop()
    host = quick_net.host({"*": shop})

    runs = []
    for _ in range(3):
        runs.append(crawl(Members, host.url, tmp_path, fresh=True, processes=1))
        shop.end_all()

    assert [run.exit_code for run in runs] == [0, 0, 0]
    assert [run.items for run in runs] == [{"items": PAGES}] * 3
    assert shop.logins == 3


def test_a_session_that_ends_in_mid_crawl_is_renewed(quick_net: Net, tmp_path: Path) -> None:
    shop = Shop(lives=20)
    host = quick_net.host({"*": shop})

    summary = crawl(Members, host.url, tmp_path, processes=1)

    assert summary.exit_code == 0
    assert sorted(int(row["id"]) for row in stored(tmp_path, "id")) == list(range(PAGES))
    assert shop.logins <= 4


def test_pages_that_are_forbidden_to_the_account_cost_one_login_in_all(quick_net: Net, tmp_path: Path) -> None:
    shop = Shop(forbidden=5)
    host = quick_net.host({"*": shop})

    summary = crawl(Members, host.url, tmp_path, processes=1)

    assert summary.items == {"items": PAGES - 5}
    assert summary.exit_code == 1
    assert shop.logins <= 2


@pytest.mark.parametrize(
    ("refusal", "logins", "said"),
    [
        pytest.param(Answer(body=b"<p>Sorry</p>" + FORM), 1, "showed the password form again", id="form"),
        pytest.param(Answer.redirect("/login"), 1, "showed the password form again", id="led back to the form"),
        pytest.param(Answer(401, b"no"), 1, "refused the user name or password", id="401"),
        pytest.param(Answer(403, b"no token"), 2, "the site answered 403 to the login", id="403"),
    ],
)
def test_a_refused_password_is_told_although_everybody_gets_the_start_page(
    quick_net: Net, tmp_path: Path, refusal: Answer, logins: int, said: str
) -> None:
    shop = Shop(refusal=refusal)
    host = quick_net.host({"*": shop})

    runs = [crawl(Members, host.url, tmp_path, processes=1) for _ in range(2)]

    assert [(run.exit_code, run.items) for run in runs] == [(3, {})] * 2
    assert any(said in each for each in runs[0].messages)
    assert shop.logins <= logins, "a refused password is sent once"


def test_a_login_that_leads_back_to_the_page_of_its_form_with_a_cookie_is_good(quick_net: Net, tmp_path: Path) -> None:
    shop = Shop()

    def leads_back(call: WireRequest) -> Answer:
        answer = shop(call)
        return replace(answer, headers=[("Location", "/front"), *answer.headers[1:]])

    class FromTheFront(Members):
        name = "front"

        def login(self, session: Session) -> None:
            page = session.get(self.arguments["site"] + "/front")
            session.submit(page.form(), {"user": session.account.username, "password": session.account.password})

    host = quick_net.host({"/front": Answer(body=b"<h1>News</h1>" + FORM), "/login": leads_back, "*": shop})

    summary = crawl(FromTheFront, host.url, tmp_path, processes=1)

    assert (summary.exit_code, summary.items, shop.logins) == (0, {"items": PAGES}, 1)


def test_a_login_step_that_does_nothing_is_told_although_everybody_gets_the_start_page(
    quick_net: Net, tmp_path: Path
) -> None:
    class Looks(Members):
        name = "looks"

        def login(self, session: Session) -> None:
            session.get(self.arguments["site"] + "/login")

    host = quick_net.host({"*": Shop()})

    summary = crawl(Looks, host.url, tmp_path, processes=1)

    assert summary.exit_code == 3
    assert any("the login step sent nothing, and its last page asks to log in" in each for each in summary.messages)


def test_a_login_step_that_sets_a_cookie_after_it_has_seen_the_form_is_taken(quick_net: Net, tmp_path: Path) -> None:
    class Brings(Members):
        name = "brings"

        def login(self, session: Session) -> None:
            session.get(self.arguments["site"] + "/login")
            session.cookies.set("sid", "s1")

    shop = Shop()
    shop.left["s1"] = 10_000
    host = quick_net.host({"*": shop})

    assert crawl(Brings, host.url, tmp_path, processes=1).items == {"items": PAGES}

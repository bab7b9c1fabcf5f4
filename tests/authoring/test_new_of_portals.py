"""`crawl new` of portals as frameworks build them: grids whose pages a script turns, and pages that say "expired"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

ROWS, PER_PAGE = 27, 5
WORD = "of-the-clerk"
LOGIN = (
    "<form method=post action=/login.do><input name=j_user><input type=password name=j_word><button>On</button></form>"
)
EXPIRED = "<p>Your session has expired. Please <a href=/login.do>click here</a> to continue.<p>Supplier portal v3"


class Portal:
    """Orders behind a login.

    Attributes:
        styles: Classes of the rows of the grid, in turn.
        names_next: The pager names "Next" alone, and no numbers.
        refusal: What a stranger is shown in place of the grid; "": the login page.
    """

    def __init__(self) -> None:
        self.styles, self.names_next, self.refusal = ("row", "alt"), False, ""
        self.host = Host({"/robots.txt": Answer(404), "/login.do": self.login, "*": self.grid}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if WORD.encode() in call.body:
            return Answer(302, headers=[("Location", "/grid.aspx"), ("Set-Cookie", "sid=1; Path=/")])
        return Answer(body=f"<html><title>Portal</title>{LOGIN}</html>".encode())

    def grid(self, call: WireRequest) -> Answer:
        if call.path != "/grid.aspx":
            return Answer(404, b"no")
        if "sid=1" not in call.headers.get("cookie", ""):
            if self.refusal:
                return Answer(body=f"<html><title>Portal</title>{self.refusal}</html>".encode())
            return Answer(302, headers=[("Location", "/login.do")])
        sent = call.form() if call.method == "POST" else {}
        turned = sent.get("__EVENTARGUMENT", "Page$1").removeprefix("Page$")
        page = int(sent["__VIEWSTATE"]) + 1 if turned == "Next" else int(turned)
        first = (page - 1) * PER_PAGE
        rows = "".join(
            f"<tr class='{self.styles[n % 2]}'><td>PO-{n:03}<td>{2 * n}.50</tr>"
            for n in range(first, min(first + PER_PAGE, ROWS))
        )
        last = first + PER_PAGE >= ROWS
        targets = ["Next"] * (not last) if self.names_next else [str(each) for each in range(1, 7) if each != page]
        pager = "".join(f"<a href=\"javascript:__doPostBack('g','Page${to}')\">{to}</a>" for to in targets)
        hidden = "".join(f"<input type=hidden name={each}>" for each in ("__EVENTTARGET", "__EVENTARGUMENT"))
        hidden += f"<input type=hidden name=__VIEWSTATE value={page}>"
        table = f"<table id=g><tr><th>No<th>Total</tr>{rows}<tr class=pager><td>{pager}</tr></table>"
        return Answer(body=f"<html><form method=post action=/grid.aspx>{hidden}{table}</form></html>".encode())


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "clerk")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", WORD)
    made = Portal()
    with closing(made.host):
        yield made


@pytest.mark.parametrize("names_next", [False, True], ids=["numbers", "next alone"])
@pytest.mark.parametrize("styles", [("row", "alt"), ("", "alt"), ("", "")], ids=["both", "every second", "none"])
def test_all_rows_of_a_grid_on_all_its_pages_are_read_by_the_spider_that_is_made(
    portal: Portal, project: Path, crawl: Crawl, styles: tuple[str, str], names_next: bool
) -> None:
    portal.styles, portal.names_next = styles, names_next

    made = crawl("new", "orders", f"{portal.host.url}/grid.aspx")
    run = crawl("run", "orders", "--json")

    assert f"{PER_PAGE} x response." in made.out, made.out
    assert "next page: its script submits the form" in made.out
    assert (run.code, json.loads(run.out)["items"]) == (0, {"items": ROWS})
    exported = crawl("export", "orders", "-o", "-", "--format", "jsonl").out
    assert {json.loads(line)["no"] for line in exported.splitlines()} == {f"PO-{n:03}" for n in range(ROWS)}


def test_a_page_that_only_says_that_the_session_has_expired_is_behind_the_login(
    portal: Portal, project: Path, crawl: Crawl
) -> None:
    portal.refusal = EXPIRED

    made = crawl("new", "orders", f"{portal.host.url}/grid.aspx")

    assert f"{PER_PAGE} x response." in made.out, made.out
    assert json.loads(crawl("run", "orders", "--json").out)["items"] == {"items": ROWS}


def test_a_spider_without_a_login_that_is_told_of_an_expired_session_has_not_finished_well(
    portal: Portal, project: Path, crawl: Crawl
) -> None:
    portal.refusal = EXPIRED
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "plain.py").write_text(
        "from crawler import Spider\n\n\nclass Plain(Spider):\n    name = 'plain'\n"
        f"    start_urls = ['{portal.host.url}/grid.aspx']\n\n"
        "    def parse(self, response):\n        yield {'title': response.css('title::text').get()}\n"
    )

    run = crawl("run", "plain", "--json")

    assert run.code == 1
    assert "asks to log in" in json.loads(run.out)["why"]


def test_the_login_page_itself_is_no_page_to_crawl_and_nobody_is_told_that_the_password_is_missing(
    portal: Portal, project: Path, crawl: Crawl
) -> None:
    made = crawl("new", "orders", f"{portal.host.url}/login.do")

    assert "it is the login page itself; name a page that is seen after the login" in made.out, made.out
    assert "no password was found" not in made.out + made.err
    assert "CRAWL_DEFAULT" not in made.err

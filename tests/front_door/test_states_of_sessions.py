"""Pages turned by forms whose state ends with the session (ASP.NET's `__VIEWSTATE`, CSRF fields): begun anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import Request, Response, Spider
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, opened
from tests.hosts import Host

PAGES, ROWS = 6, 4
LOGIN = "<form method=post action=/login><input name=user><input type=password name=word><button>Log in</button></form>"


class Grid:
    """A list whose next page is asked for with the state of the one before, good for one session.

    Attributes:
        ends_at: Pages at which the session ends, each once.
    """

    def __init__(self) -> None:
        self.ends_at: list[int] = []
        self.logins = 0
        self.host = Host({"/robots.txt": Answer(404), "/login": self.login, "*": self.grid}, "127.0.0.1", None)

    def login(self, call: WireRequest) -> Answer:
        if b"word=right" in call.body:
            self.logins += 1
            return Answer(302, headers=[("Location", "/grid"), ("Set-Cookie", f"sid={self.logins}; Path=/")])
        return Answer(body=f"<html><title>Log in</title>{LOGIN}</html>".encode())

    def grid(self, call: WireRequest) -> Answer:
        page = int(call.form()["page"]) if call.method == "POST" else 1
        if page in self.ends_at:
            self.ends_at.remove(page)
            self.logins += 1
        if call.headers.get("cookie", "") != f"sid={self.logins}":
            return Answer(302, headers=[("Location", "/login")])
        if call.method == "POST" and call.form()["state"] != str(self.logins):
            return Answer(500, body=b"<html>Validation of viewstate MAC failed.</html>")
        rows = "".join(f"<p>{page}-{row}</p>" for row in range(ROWS))
        form = (
            f"<form method=post action=/grid><input name=page><input type=hidden name=state value={self.logins}></form>"
        )
        return Answer(body=f"<html><a href=/logout>Log out</a>{rows}{form if page < PAGES else ''}</html>".encode())


class Rows(Spider):
    """As the page about posting forms has it."""

    name = "rows"
    key = "id"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/grid"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"user": session.account.username, "word": session.account.password})

    def parse(self, response: Response, number: int = 1, begun: int = 1) -> Iterator[Any]:
        if response.status == 500:  # the state belongs to a session that has ended
            if begun == 5:
                raise ValueError(f"page {number} was refused in {begun} sessions")
            yield Request(self.start_urls[0], dont_filter=True, cb_kwargs={"begun": begun + 1})
            return
        yield from ({"id": row} for row in response.css("p::text").getall())
        if response.css("form"):
            filled = response.form().fill({"page": str(number + 1)}, click=False)
            arguments = {"number": number + 1, "begun": begun}
            yield filled.request(self.parse, cb_kwargs=arguments, meta={"handle_httpstatus_list": [500]})


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch) -> Iterator[Grid]:
    credentials(monkeypatch, default=Account("ann", "right"))
    made = Grid()
    with closing(made.host):
        yield made


@pytest.mark.parametrize("ends_at", [[], [3], [6], [2, 5]], ids=str)
def test_a_list_whose_state_ended_with_the_session_is_begun_anew_and_each_row_is_there_once(
    ends_at: list[int], grid: Grid, tmp_path: Path
) -> None:
    grid.ends_at = list(ends_at)

    summary = crawl(Rows, grid.host.url, tmp_path)

    assert (summary.exit_code, summary.failed, summary.logins) == (0, 0, 1 + len(ends_at))
    with opened(tmp_path) as database:
        rows = sorted(str(row[0]) for row in database.execute("SELECT id FROM items").fetchall())
    assert rows == [f"{page}-{row}" for page in range(1, PAGES + 1) for row in range(ROWS)]

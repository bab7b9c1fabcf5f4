"""What login scripts take out of answers works in a crawl, too, with the default settings and on both transports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response as Answer

from crawler import Response, Session, Spider, run


def members(asked: Asked) -> Answer:
    """Lets in who sends the token of the login page's cookie in the form and in a header."""
    if asked.path == "/robots.txt":
        return Answer(status=404)
    if asked.path == "/login" and asked.method == "GET":
        return Answer("<title>Login</title>", headers={"Set-Cookie": "csrftoken=T1; Path=/"}, content_type="text/html")
    if asked.path == "/login":
        if asked.form.get("csrf") == asked.headers.get("X-CSRFToken") == "T1":
            return Answer(status=302, headers={"Location": "/home", "Set-Cookie": "sid=ok; Path=/"})
        return Answer("CSRF verification failed", status=403)
    if asked.cookies.get("sid") != "ok":
        return Answer(status=302, headers={"Location": "/login"})
    page = '<p>members</p><a href="/logout">Log out</a>'
    return Answer(
        page, headers={"Set-Cookie": "last=\u00fc1; Path=/".encode().decode("latin-1")}, content_type="text/html"
    )


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with HTTPServer(threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(members)
        yield server.url_for("").rstrip("/")


class Members(Spider):
    """Logs in as scripts for requests do."""

    name = "members"
    got: ClassVar[list[dict[str, Any]]]

    def login(self, session: Session) -> None:
        token = session.get(self.start_urls[0].replace("home", "login")).cookies["csrftoken"]
        entry = session.post(
            self.start_urls[0].replace("home", "login"), data={"csrf": token}, headers={"X-CSRFToken": token}
        )
        entry.raise_for_status()
        assert entry.history[0].cookies["sid"] == session.cookies["sid"] == "ok"

    def parse(self, response: Response) -> None:
        self.got.append(dict(response.cookies))


@pytest.mark.parametrize("transport", ["curl", "urllib3"])
def test_a_login_takes_its_token_out_of_the_cookies_of_an_answer(site: str, tmp_path: Path, transport: str) -> None:
    spider = type("Members", (Members,), {"start_urls": [f"{site}/home"], "got": []})

    summary = run(spider, settings={"store": str(tmp_path / "crawl.db"), "transport": transport, "min_items": 0})

    assert (summary.ending, summary.logins, spider.got) == ("finished", 1, [{"last": "\u00fc1"}])


def test_a_login_step_catches_what_requests_raises_and_goes_on(site: str, tmp_path: Path) -> None:
    caught: list[str] = []

    class Careful(Members):
        def login(self, session: Session) -> None:
            try:
                session.get("http://localhost:9/sso")
            except requests.ConnectionError as error:
                caught.append(type(error).__name__)
            super().login(session)

    spider = type("Members", (Careful,), {"start_urls": [f"{site}/home"], "got": []})

    summary = run(spider, settings={"store": str(tmp_path / "crawl.db"), "min_items": 0})

    assert (summary.ending, summary.logins, caught) == ("finished", 1, ["Unreachable"])

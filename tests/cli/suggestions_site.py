"""The site at which messages are met and what they say is done."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response as Answer

FORM = (
    '<form method="post" action="/login"><input name="u"><input type="password" name="p">'
    '<input name="pin" value="0" disabled><select name="place"><option>1</select><button name="go">Go</button></form>'
    '<input name="loose">'
)


OUTSIDE = '<form method="post" action="{elsewhere}/login"><input name="u"><input type="password" name="p"></form>'


class Site:
    """A members' site, and another one on the next address."""

    def __init__(self) -> None:
        self.one = HTTPServer(host="127.0.0.1", threaded=True)
        self.two = HTTPServer(host="127.0.0.2", threaded=True)
        self.three = HTTPServer(host="127.0.0.1", threaded=True)
        self._healed = False
        self._live: set[str] = set()
        self.sent: dict[str, str] = {}  # what the last login sent
        for each in (self.one, self.two, self.three):
            each.expect_request(re.compile(".*")).respond_with_handler(self._answer)
            each.start()
        self.url, self.elsewhere = (each.url_for("").rstrip("/") for each in (self.one, self.two))
        self.port = self.three.url_for("").rstrip("/")

    def close(self) -> None:
        self.one.stop()
        self.two.stop()
        self.three.stop()

    def _answer(self, asked: Asked) -> Answer:
        page, cookie = asked.path, asked.cookies.get("sid")
        if page == "/login" and asked.method == "POST":
            self.sent = asked.form.to_dict()
        if page == "/robots.txt":
            return Answer("User-agent: *\nDisallow: /forbidden\n", content_type="text/plain")
        if page in ("/moved", "/far"):
            return Answer(status=302, headers={"Location": f"{self.elsewhere}/public"})
        if page == "/link":
            return Answer(f'<a href="{self.elsewhere}/public">on</a>', content_type="text/html")
        if page == "/heals" and self._healed:
            return Answer("<p>hello</p>", content_type="text/html")
        if page in ("/missing", "/heals"):
            self._healed = self._healed or page == "/heals"
            return Answer("<p>no such page", status=404, content_type="text/html")
        if page in ("/public", "/forbidden"):
            return Answer("<p>hello</p>", content_type="text/html")
        if page == "/outside":
            return Answer(OUTSIDE.format(elsewhere=self.port), content_type="text/html")
        if page == "/login" and asked.form.get("p") == "right-1":
            value = secrets.token_hex(8)
            self._live.add(value)
            return Answer(status=302, headers={"Location": "/orders", "Set-Cookie": f"sid={value}; Path=/"})
        if page == "/bye":
            self._live.discard(cookie or "")
        if page == "/login" or cookie not in self._live:
            wrong = "<p class=error>Wrong password</p>" if asked.method == "POST" else ""
            return Answer(wrong + FORM, content_type="text/html")
        return Answer('<a href="/logout">Log out</a>', content_type="text/html")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()

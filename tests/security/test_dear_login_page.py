"""A login page that is expensive for its size does not delay a run: through `crawler.run` with default settings."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.testing.wire import Answer
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]

FIELDS = "<input name=u><input type=password name=p>"
FORM = f"<form action=/in method=post>{FIELDS}</form>"
LIMIT = "forms of .* most [0-9]+,000"
PAGES = {  # and how the run ends: "" for well, else what the message says
    "300,000 forms, and the login": (FORM + "<form>" * 300_000, LIMIT),
    "the login behind 300,000 forms": ("<form></form>" * 300_000 + FORM, LIMIT),
    "the login behind 50,000 forms": ("<form></form>" * 50_000 + FORM, ""),
    "300,000 fields": (FORM.replace("</form>", "<input name=a>" * 300_000), LIMIT),
    "20,000 fields": (FORM.replace("</form>", "<input name=a>" * 20_000), ""),
    "100,000 boxes around it": ("<b>" * 100_000 + FORM, LIMIT),
    "200,000 refusals": (FORM + "<p>wrong token</p>" * 200_000, LIMIT),
}


class Members(crawler.Spider):
    name = "members"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/page"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(css="form[action]"), {"u": "ann", "p": "right"})

    def parse(self, response: crawler.Response) -> Any:
        yield {"said": response.css("p::text").get()}


@pytest.mark.parametrize("name", PAGES)
def test_a_login_page_of_any_shape_is_dealt_with_in_seconds(name: str, quick_net: Net, tmp_path: Path) -> None:
    markup, limit = PAGES[name]

    def answer(call: Any) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        if call.path == "/in":
            return Answer(302, headers=[("Location", "/page"), ("Set-Cookie", "sid=1")])
        if "sid=1" in call.headers.get("cookie", ""):
            return Answer(body=b"<a href=/logout>Log out</a><p>orders</p>")
        if call.path == "/page":
            return Answer(302, headers=[("Location", "/login")])
        return Answer(body=markup.encode())

    site = quick_net.host({"*": answer})
    began = time.process_time()

    summary = crawler.run(
        Members, arguments={"site": site.url}, settings={"store": str(tmp_path / "crawl.db"), "max_time": 100}
    )

    assert time.process_time() - began < 15
    if limit:
        assert (summary.ending, summary.pages) == ("login failed", 0)
        assert re.search(limit, summary.messages[0])
        assert not site.seen("/in"), "nothing was sent that counts against the account"
    else:
        assert (summary.ending, summary.pages) == ("finished", 1), summary.messages

"""Marks of a login are checked when the spider is loaded: nothing is sent for one that cannot be looked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Spider


class Parent(Spider):
    start_urls = ["{url}/home"]
    logged_in_css = "div.menu"

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"user": "a", "pw": "b"}})

    def parse(self, response):
        yield {{"title": response.css("h1::text").get()}}


class Own(Parent):
    name = "own"
{lines}
"""
FORM = b"<form method=post action=/in><input name=user><input type=password name=pw><button>in</button></form>"


@pytest.fixture
def site() -> Iterator[Host]:
    """A members' page without the parent's mark, and a login."""

    def page(call: WireRequest) -> Answer:
        signed = "sid=1" in call.headers.get("cookie", "")
        if call.path == "/in":
            return Answer(303, b"", headers=[("Location", "/home"), ("Set-Cookie", "sid=1")])
        if call.path == "/home" and not signed:
            return Answer(302, b"", headers=[("Location", "/login")])
        if call.path == "/robots.txt":
            return Answer(404)
        return Answer(body=b"<h1>Home</h1><a href=/logout>Log out</a>" if signed else FORM)

    host = Host({"*": page}, "127.0.0.1", None)
    yield host
    host.close()


def write(folder: Path, site: Host, lines: str) -> None:
    (folder / "spiders").mkdir()
    (folder / "spiders" / "own.py").write_text(SPIDER.format(url=site.url, lines=lines))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('    logged_in_css = "div..menu"', "Own.logged_in_css = 'div..menu' is no CSS selector: Expected ident"),
        ('    logged_out_css = "p:nth(x"', "Own.logged_out_css = 'p:nth(x' is no CSS selector: "),
        ('    logged_out_css = "a:colour"', "Own.logged_out_css = 'a:colour' is no CSS selector: "),
        ('    logged_in_text = ["Log out"]', "Own.logged_in_text is list, not a text"),
        (
            '    def __init__(self, **given):\n        super().__init__(**given)\n        self.logged_in_css = "[x"',
            "Own.logged_in_css = '[x' is no CSS selector: ",
        ),
    ],
    ids=["dots", "bracket", "pseudo-class", "list", "set-in-init"],
)
def test_a_mark_that_is_no_selector_is_refused_before_anything_is_sent(
    site: Host, project: Path, crawl: Crawl, lines: str, said: str
) -> None:
    write(project, site, lines)

    result = crawl("run", "own")

    assert (result.code, len(result.err.strip().splitlines())) == (2, 1)
    assert said in result.err
    assert site.calls == []
    if "__init__" not in lines:
        assert said in crawl("list").err


@pytest.mark.parametrize("mark", ['""', '" "', "None"])
def test_an_empty_mark_switches_off_that_of_a_parent(site: Host, project: Path, crawl: Crawl, mark: str) -> None:
    write(project, site, f"    logged_in_css = {mark}")

    assert crawl("run", "own").code == 0

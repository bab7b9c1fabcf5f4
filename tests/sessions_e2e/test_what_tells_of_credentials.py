"""Which answers say something of credentials that go with every request, on sites where most of them say nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]  # a fixture

ITEMS = 40
SPIDER = """
import json

from crawler import BearerAuth, IgnoreRequest, Request, Spider
from crawler.spider import Identity


class Orders(Spider):
    name = "orders"
    sessions = [Identity("default", {identity})]
    {more}

    def parse(self, response):
        yield {{"page": response.css("h1::text").get()}}
        yield from response.follow_all(css="a.o"{options})
"""
TOKEN = 'auth=BearerAuth("WORD")'
BY_POST = f"""
    def start(self):
        for number in range({ITEMS}):
            yield Request("URL/search", method="POST", body=json.dumps({{"page": number}}))
"""
By = Callable[[str, bool, WireRequest], Answer]  # by path, and whether the credentials are good
NO = Answer(401, b"no")


def page(path: str, *links: str) -> Answer:
    return Answer(body=f"<h1>{path}</h1>{''.join(f'<a class=o href={link}>o</a>' for link in links)}".encode())


class Site:
    """Answers by path; counts the requests whose credentials were wrong."""

    def __init__(self, answers: By) -> None:
        self._answers, self._lock = answers, threading.Lock()  # guards the rest
        self.asked: list[str] = []
        self.wrong: list[str] = []

    def __call__(self, call: WireRequest) -> Answer:
        if call.path == "/robots.txt":
            return Answer(404)
        sent = call.headers.get("authorization", "")
        with self._lock:
            self.asked.append(call.path)
            if sent not in ("", "Bearer good"):
                self.wrong.append(call.path)
        return self._answers(call.path, sent == "Bearer good", call)


@pytest.fixture
def site(quick_net: Net, project: Path) -> Callable[..., Site]:
    """Puts up a site, and a spider for it."""

    def make(answers: By, more: str, *, word: str = "good", identity: str = TOKEN, options: str = "") -> Site:
        made = Site(answers)
        url = quick_net.host({"*": made}).url
        (project / "spiders").mkdir()
        source = SPIDER.format(identity=identity, more=more, options=options)
        (project / "spiders" / "orders.py").write_text(
            source.replace("URL", url).replace("WORD", word), encoding="utf-8"
        )
        return made

    return make


@pytest.mark.parametrize("options", ["", ', headers={"Accept": "application/json"}', ', cb_kwargs={}, meta={"a": 1}'])
def test_a_wrong_token_is_sent_by_what_was_under_way_whatever_headers_the_pages_want(
    site: Callable[..., Site], command: Crawl, options: str
) -> None:
    links = [f"/t/{number}" for number in range(ITEMS)]
    made = site(
        lambda path, good, call: page(path, *links) if path == "/list" else page(path) if good else NO,
        'start_urls = ["URL/list"]',
        word="bad",
        options=options,
    )

    assert command("run", "orders", "--quiet").code == 3
    assert len([path for path in made.wrong if path != "/list"]) <= 10


def test_a_wrong_token_of_an_api_that_is_asked_by_post_is_sent_three_times(
    site: Callable[..., Site], command: Crawl
) -> None:
    made = site(lambda path, good, call: page(path) if good else NO, BY_POST, word="bad")

    codes = [command("run", "orders", "--quiet").code for _ in range(2)]

    assert codes == [3, 3]
    assert len(made.wrong) == 3, "the first one, that one once more, and another one"


def test_posts_that_refuse_a_good_token_fail_alone(site: Callable[..., Site], command: Crawl) -> None:
    refused = {f'{{"page": {number}}}'.encode() for number in range(3, ITEMS, 4)}
    site(lambda path, good, call: page(path) if good and call.body not in refused else NO, BY_POST)

    assert command("run", "orders", "--quiet").code == 1
    assert f"{ITEMS} known = 30 done + 10 failed" in command("status", "orders").out


def test_a_page_that_refuses_a_good_token_fails_alone_although_the_last_page_is_for_everybody(
    site: Callable[..., Site], command: Crawl
) -> None:
    links = [*(f"/t/{number}" for number in range(5)), "/news", "/t/own", *(f"/u/{number}" for number in range(20))]

    def answers(path: str, good: bool, call: WireRequest) -> Answer:
        if path in ("/list", "/news"):
            return page(path, *links) if path == "/list" else page(path)
        return page(path) if good and path != "/t/own" else NO

    site(answers, 'start_urls = ["URL/list"]; custom_settings = {"per_host": 1}')

    assert command("run", "orders", "--quiet").code == 1
    assert f"{len(links) + 1} known = {len(links)} done + 1 failed" in command("status", "orders").out


def test_a_start_page_that_never_comes_does_not_keep_a_session_waiting(
    site: Callable[..., Site], command: Crawl
) -> None:
    links = [*(f"/t/{number}" for number in range(20)), "/own"]

    def answers(path: str, good: bool, call: WireRequest) -> Answer:
        if path == "/dead":
            return Answer(500)
        if path == "/list":
            return page(path, *links)
        return page(path) if good and path != "/own" else NO

    site(answers, 'start_urls = ["URL/dead", "URL/list"]; custom_settings = {"retries": 0}')

    run = command("run", "orders")

    assert run.code == 1
    assert "goes on in" not in run.err
    assert "23 known = 21 done + 2 failed" in command("status", "orders").out


def test_a_first_request_that_was_left_out_says_nothing_so_the_next_one_goes_alone(
    site: Callable[..., Site], command: Crawl
) -> None:
    more = f"""
    start_urls = ["URL/left-out", *(f"URL/t/{{number}}" for number in range({ITEMS}))]

    def on_request(self, request):
        if request.url.endswith("/left-out"):
            raise IgnoreRequest("not wanted")
        return request
"""
    made = site(lambda path, good, call: page(path) if good else NO, more, word="bad")

    assert command("run", "orders", "--quiet").code == 3
    assert len(made.wrong) == 2


BOX = b"<form action=/login method=post><input name=u><input type=password name=p></form>"


@pytest.mark.parametrize("box", [BOX, b""], ids=["with a login form in each head", "without one"])
def test_a_cookie_that_answers_a_question_for_consent_makes_no_login_of_a_public_site(
    site: Callable[..., Site], command: Crawl, box: bytes
) -> None:
    links = [*(f"/p/{number}" for number in range(20)), "/posts/17/like"]

    def answers(path: str, good: bool, call: WireRequest) -> Answer:
        if "consent=yes" not in call.headers.get("cookie", ""):
            return page(path) if path == "/consent" else Answer(302, headers=[("Location", "/consent")])
        made = page(path, *links) if path == "/list" else page(path)
        return Answer(body=box + made.body)

    site(answers, 'start_urls = ["URL/list"]', identity='headers={"Cookie": "consent=yes"}')

    assert command("run", "orders", "--quiet").code == 0
    assert f"{len(links) + 1} known = {len(links) + 1} done" in command("status", "orders").out, (
        "nor is a link left out"
    )

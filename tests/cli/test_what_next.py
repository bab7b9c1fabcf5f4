"""What a person is told to type next works as it stands, and `crawl status` says why a run stopped."""

from __future__ import annotations

import io
import json
import re
import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from rich.console import Console
from rich.progress import Progress
from werkzeug import Request as Asked
from werkzeug import Response as Answer

from crawler import events
from crawler.cli.progress import LiveProgress
from crawler.runs.ending import options_again, store_again

from .conftest import Crawl

SPIDER = """
from crawler import Spider

class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders", "{url}/orders?page=2", "{url}/orders?page=3"]

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"u": session.account.username, "p": session.account.password}})

    def parse(self, response):
        yield {{"day": getattr(self, "day", ""), "url": response.url}}
"""
OTHER = """
from crawler import Spider

class Other(Spider):
    name = "other"
    start_urls = ["{url}/public"]

    def parse(self, response):
        yield {{"url": response.url}} if hasattr(self, "good") else response.follow_all(css="a")
"""
FORM = '<form method="post" action="/login"><input name="u"><input type="password" name="p"></form>'


GOOD = {"sid": "value-1"}


def pages(asked: Asked) -> Answer:
    if asked.path == "/robots.txt":
        return Answer(status=404)
    if asked.path == "/public":
        return Answer('<a href="/public?x">x</a>', content_type="text/html")
    if asked.path == "/login" and asked.form.get("p") == "right-1":
        return Answer(status=302, headers={"Location": "/orders", "Set-Cookie": "sid=value-1; Path=/"})
    if asked.path == "/login" or asked.cookies.get("sid") != GOOD["sid"]:
        wrong = "<p class=error>Wrong password</p>" if asked.method == "POST" else ""
        return Answer(wrong + FORM, content_type="text/html")
    return Answer('<a href="/logout">Log out</a>', content_type="text/html")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(pages)
        yield server.url_for("").rstrip("/")


@pytest.fixture
def shop(project: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=url))
    (project / "spiders" / "other.py").write_text(OTHER.format(url=url))
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong-1")
    return project


TYPED = ("-a", "day=mon tue", "--store", "x.db", "-s", "delay=0", "-s", "workers=2")
AGAIN = " -a 'day=mon tue' -s delay=0 -s workers=2 --store x.db"


def line(out: str, label: str) -> str:
    return next((each.partition("  ")[2].strip() for each in out.splitlines() if each.startswith(f"{label}  ")), "")


def test_after_a_failed_login_the_command_has_all_that_was_typed_and_status_says_the_same(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = crawl("run", "orders", *TYPED)
    shown = crawl("status", "orders", "--store", "x.db")

    assert ran.code == 3
    command = line(ran.out, "next")
    assert command == f"crawl login orders --session default{AGAIN}"
    assert "could not log in" in ran.err
    assert "1970" not in shown.out
    assert "refused the user name or password" in line(shown.out, "note")
    assert line(shown.out, "then") == command

    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right-1")
    words = shlex.split(command)
    assert crawl(*words[1:]).code == 0  # as it stands
    assert crawl("run", "orders", *TYPED).code == 0
    assert line(crawl("status", "orders", "--store", "x.db").out, "note") == ""


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("proxy=http://me:pa55word@127.0.0.1:9", "-s 'proxy=http://***@127.0.0.1:9'"),
        ('headers={"X-Api-Key": "k3y-of-mine"}', '-s \'headers={"X-Api-Key": "***"}\''),
    ],
)
def test_a_secret_in_a_command_is_replaced_by_a_word_that_is_not_taken_for_the_secret(
    shop: Path, crawl: Crawl, typed: str, shown: str
) -> None:
    failed = crawl("run", "other", "-s", typed, "-s", "retries=0")
    status = crawl("status", "other").out
    command = line(failed.out, "next")
    again = crawl(*shlex.split(command)[1:])

    assert failed.code != 0
    assert shown in command
    assert "pa55word" not in failed.out + failed.err + status
    assert "k3y-of-mine" not in failed.out + failed.err + status
    assert "*** in the proposed command stands for a secret" in failed.out
    assert "*** in the proposed command stands for a secret" in status
    assert (again.code, "*** stands for a secret" in again.err) == (2, True)


def test_after_failures_the_command_has_all_that_was_typed(shop: Path, crawl: Crawl) -> None:
    failed = crawl("run", "other", *TYPED)

    assert failed.code == 1
    assert line(failed.out, "next") == f"crawl retry other{AGAIN}"


def test_a_limit_is_named_once_and_waiting_pages_have_no_date_of_1970(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right-1")

    ran = crawl("run", "orders", "--limit-pages", "1", "-s", "workers=1")
    shown = crawl("status", "orders")

    assert ran.code == 5
    assert ran.out.splitlines()[0].endswith("limit reached (max_pages 1), run 1")
    assert line(ran.out, "next") == "crawl run orders -s workers=1"
    assert "1970" not in shown.out
    assert line(shown.out, "waiting").startswith("2 x ")


def test_the_last_proof_is_the_last_one_and_other_spiders_sessions_are_not_listed(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right-1")
    crawl("run", "orders", "-q")
    with closing(sqlite3.connect(shop / "data" / "crawl.db")) as database, database:
        database.execute("UPDATE crawl_sessions SET proved_at = proved_at - 86400")
    first = crawl("status", "orders").out.splitlines()[-3]

    crawl("run", "orders", "-q")
    second = crawl("status", "orders").out.splitlines()[-3]
    crawl("run", "other", "-a", "good=1", "-q")
    other = crawl("status", "other").out

    assert first.split()[:4] == second.split()[:4]
    assert first < second
    assert "last proof" not in other
    assert "account|ann" not in other


def test_the_status_of_a_killed_run_lists_no_sessions_of_other_spiders(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right-1")
    crawl("run", "orders", "-q")
    crawl("run", "orders", "--fresh", "-q")
    crawl("run", "other", "-a", "good=1", "-q")
    with closing(sqlite3.connect(shop / "data" / "crawl.db")) as database, database:  # as SIGKILL leaves them
        database.execute("UPDATE crawl_runs SET ended_at = NULL, ending = '', summary = '{}' WHERE id > 1")

    other, orders = crawl("status", "other").out, crawl("status", "orders").out

    assert "killed" in other
    assert "last proof" not in other
    assert "account|ann" in orders, "its earlier run had it"


def test_refused_credentials_are_listed_with_the_moment_from_which_they_are_tried_again(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "right-1")
    crawl("run", "orders", "-q")
    lives = crawl("sessions", "list")
    monkeypatch.setitem(GOOD, "sid", "value-2")  # the site has ended it
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong-2")
    assert crawl("run", "orders", "--fresh", "-q").code == 3

    listed, told = crawl("sessions", "list").out, json.loads(crawl("sessions", "list", "--json").out)

    assert "refused" not in lives.out
    assert listed.splitlines()[1].split()[2] == "refused"
    assert "default: the site refused its credentials: a run sends them no more, and tries them again after" in listed
    assert "changed ones at once" in listed
    assert told["refused_until"] > time.time() + 80_000


def test_links_yielded_as_one_object_are_reported_in_plain_words(shop: Path, crawl: Crawl) -> None:
    crawl("run", "other", "-q")

    shown = crawl("status", "other").out

    assert "Followed" not in shown
    assert "write `yield from` before it" in shown


def test_a_project_elsewhere_is_part_of_the_command(
    shop: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    ran = crawl("-C", str(shop), "run", "other")

    assert line(ran.out, "next") == f"crawl -C {shop} retry other"


def test_traceback_shows_the_whole_trace_of_a_page_and_of_a_login_step(shop: Path, crawl: Crawl, url: str) -> None:
    deep = "def deep(n):\n    return deep(n - 1) if n else {}['missing']\n\n"
    source = deep + SPIDER.format(url=url).replace(
        "        page = session.get", "        deep(9)\n        page = session.get"
    )
    (shop / "spiders" / "orders.py").write_text(source)
    (shop / "spiders" / "other.py").write_text(deep + OTHER.format(url=url).replace("yield {", "yield deep(9) or {"))

    login = crawl("run", "orders", "--traceback")
    page = crawl("run", "other", "-a", "good=1", "--traceback")
    short = crawl("run", "other", "--fresh", "-a", "good=1")

    for shown in (login.err, page.err):
        assert "Traceback (most recent call last)" in shown
        assert "in deep" in shown
        assert "KeyError: 'missing'" in shown
    assert "Traceback" not in short.err


def test_a_schedule_needs_no_time(shop: Path, crawl: Crawl) -> None:
    done = crawl("schedule", "orders")

    assert done.code == 0
    assert done.out.startswith("0 3 * * * cd ")


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        ({}, {}, ""),
        ({"a": "x y"}, {}, " -a 'a=x y'"),
        ({}, {"max_pages": 3, "max_time": 1.0}, ""),
        ({}, {"workers": 4, "robots": False}, " -s workers=4 -s robots=false"),
        ({}, {"headers": {"A": "b"}}, ' -s \'headers={"A": "b"}\''),
        ({}, {"store": "my file.db"}, " --store 'my file.db'"),
    ],
)
def test_options_are_written_as_a_shell_takes_them(
    arguments: dict[str, str], settings: dict[str, object], words: str
) -> None:
    assert options_again(arguments, settings) == words
    assert store_again(f" -a x=--y{words}") == (words if "store" in settings else "")


def test_the_bar_of_a_run_that_goes_on_begins_at_nothing() -> None:
    with Progress(console=Console(file=io.StringIO(), force_terminal=True), auto_refresh=False) as shown:
        live = LiveProgress(shown, "orders")
        live(events.RunStarted(0.0, 2, "orders", True, 100))
        live(events.Progress(0.0, 0, 100, 50, 0, 0, 0.0))
        assert (shown.tasks[0].completed, shown.tasks[0].total) == (0, None), "no end is in sight"
        live(events.Progress(20.0, 20, 79, 51, 0, 0, 1.0))
        assert (shown.tasks[0].completed, shown.tasks[0].total) == (21, 100)


MISTAKES = {
    "a bug": ("self.nothing", "has no attribute 'nothing'"),
    "a bad selector": ('response.css("tr..order[").get()', "Expected ident, got <DELIM '.' at 3> in 'tr..order['"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_callback_is_reported_with_its_line_wherever_the_run_is_reported(
    mistake: str, shop: Path, crawl: Crawl
) -> None:
    wrong, error = MISTAKES[mistake]
    file = shop / "spiders" / "other.py"
    file.write_text(file.read_text().replace('yield {"url": response.url} if', f"yield {wrong} if"))
    mend = "fix spiders/other.py, line 9, then crawl retry other"

    ran = crawl("run", "other", "-a", "good=1")
    shown = crawl("status", "other").out, crawl("runs", "show", "1").out
    mail = crawl("retry", "other", "-a", "good=1", "--quiet").err

    assert f"{error} at spiders/other.py, line 9, in parse" in ran.out.splitlines()[0]
    assert line(ran.out, "next") == f"{mend} -a good=1"
    assert [line(each, "then") for each in shown] == [f"{mend} -a good=1"] * 2
    assert f"{error} at spiders/other.py, line 9, in parse" in mail
    assert mail.endswith(f"; next: {mend} -a good=1\n")
    assert f"{mend} --cause " in crawl("failures", "other").err


def test_failures_name_the_requests_left_by_a_refused_login_and_how_to_go_on_with_them(
    shop: Path, crawl: Crawl
) -> None:
    crawl("run", "orders")

    listed = crawl("failures", "orders")

    assert listed.err.startswith("crawl: 3 requests are parked: their session could not be used")
    assert listed.err.endswith("next: crawl login orders --session default\n")
    assert "nothing failed" not in listed.err


def test_a_parse_method_with_another_name_is_reported_before_anything_is_sent(
    shop: Path, crawl: Crawl, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop / "spiders" / "orders.py"
    file.write_text(file.read_text().replace("def parse", "def prase").replace(url, "http://127.0.0.1:1"))

    refused = crawl("run", "orders", "-s", "retries=0")

    assert refused.code == 2
    assert refused.err == "crawl: Orders has no parse method; it has `prase`; write `def parse(self, response)`\n"


def test_rules_of_a_spider_that_follows_none_are_reported_before_anything_is_sent(
    shop: Path, crawl: Crawl, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop / "spiders" / "orders.py"
    text = file.read_text().replace("def parse", "rules = [Rule(LinkExtractor(), 'page')]\n\n    def page")
    file.write_text(f"from crawler import LinkExtractor, Rule\n{text}".replace(url, "http://127.0.0.1:1"))

    refused = crawl("run", "orders", "-s", "retries=0")

    assert refused.code == 2
    assert refused.err == (
        "crawl: Orders has rules and no parse method: rules are followed by a CrawlSpider; write"
        " `class Orders(CrawlSpider)`\n"
    )


def test_a_selector_that_finds_nothing_leads_to_a_prompt_on_the_page(shop: Path, crawl: Crawl) -> None:
    file = shop / "spiders" / "other.py"
    head, _, _ = file.read_text().partition("        yield")
    file.write_text(head + '        yield from response.css("tr.order")\n')

    assert line(crawl("run", "other").out, "next") == "crawl shell other"
    assert line(crawl("status", "other").out, "then") == "crawl shell other"


def test_scheduling_a_spider_points_to_the_file_of_accounts_only_while_it_is_empty(
    shop: Path, crawl: Crawl, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = crawl("schedule", "add", "orders", "@daily")
    monkeypatch.setattr("sys.stdin", io.StringIO("right-1\n"))
    added = crawl("accounts", "add", url, "-u", "ann")
    after = crawl("schedule", "add", "orders", "@hourly")

    assert (before.code, added.code, after.code) == (0, 0, 0), before.err + added.err + after.err
    assert "put the credentials into the file of accounts" in before.err
    assert "put the credentials" not in after.err

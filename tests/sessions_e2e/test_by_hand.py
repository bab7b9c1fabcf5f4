"""A session that a person put into the store, for a spider without a login step: proved, and asked for when dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Host, Net

SPIDER = """
from crawler import Identity, Spider


class Rows(Spider):
    name = "rows"
    start_urls = ["{url}/home"]
    {more}

    def parse(self, response):
        yield from ({{"row": row}} for row in response.css("p.row::text").getall())
        yield from response.follow_all(css="a")
"""
FORM = b"<form method=post action=/login><input name=u><input type=password name=p></form>"
COOKIES = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{value}\n"


class Members:
    """Pages for who has the cookie that is good now; the others are shown the door in one of several ways."""

    def __init__(self) -> None:
        self.good, self.door, self.ends_after = "one", "redirect", 0
        self.asked: list[str] = []
        self.let_in: list[str] = []

    def __call__(self, call: WireRequest) -> Answer:
        self.asked.append(call.path)
        if call.path == "/login":
            return Answer(body=FORM)
        if call.cookies().get("sid") != self.good:
            doors = {"redirect": Answer.redirect("/login"), "401": Answer(401, b"who?"), "form": Answer(body=FORM)}
            return doors[self.door]
        self.let_in.append(call.path)
        if self.ends_after and len(self.asked) >= self.ends_after:
            self.good = "another"
        links = "".join(f"<a href=/{number}>{number}</a>" for number in range(6)) + "<a href=/logout>Log out</a>"
        return Answer(body=f"<p class=row>{call.path}</p>{links}".encode())


@pytest.fixture
def members() -> Members:
    return Members()


@pytest.fixture
def site(project: Path, members: Members) -> Iterator[Host]:
    net = Net()
    own = net.host({"/robots.txt": Answer(404), "*": members})
    write(project, own)
    yield own
    net.close()


def write(project: Path, own: Host, more: str = "") -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "rows.py").write_text(SPIDER.format(url=own.url, more=more))


def put_in(project: Path, command: Crawl, value: str) -> None:
    (project / "cookies.txt").write_text(COOKIES.format(value=value))
    assert command("sessions", "import", "rows", "cookies.txt").code == 0


@pytest.mark.parametrize("door", ["redirect", "401", "form"])
def test_a_dead_session_ends_with_code_7_and_the_command(
    door: str, site: Host, members: Members, project: Path, command: Crawl
) -> None:
    members.door = door
    put_in(project, command, "dead")

    done = command("run", "rows", "--quiet")

    assert done.code == 7
    assert "crawl login rows" in done.err
    assert "--browser" in done.err
    assert "crawl sessions import rows" in done.err
    assert command("run", "rows", "--quiet").code == 7, "however often it is tried"


def test_a_session_that_ends_while_the_crawl_runs_does_so_too_and_a_new_one_goes_on(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    put_in(project, command, "one")
    members.ends_after = 4

    assert command("run", "rows", "--quiet", "-s", "workers=1").code == 7
    members.ends_after, members.good = 0, "two"
    put_in(project, command, "two")

    done = command("run", "rows", "--quiet")

    assert done.code == 0, done.err
    command("export", "rows", "-o", "rows.jsonl")
    assert len((project / "rows.jsonl").read_text().splitlines()) == 7


def test_a_good_session_is_used_and_does_not_log_itself_out(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    put_in(project, command, "one")

    done = command("run", "rows", "--quiet")

    assert (done.code, done.err) == (0, "")
    assert "/logout" not in members.asked
    told = command("status", "rows").out
    assert f"such as {site.url}/logout" in told, "what the guard left out is named"


def test_a_session_without_a_login_by_its_identity_is_not_watched(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    write(project, site, 'sessions = [Identity("default", login=False)]')
    members.door = "form"
    put_in(project, command, "dead")

    assert command("run", "rows", "--quiet").code == 9, "pages are taken as they are; no item came of them"


def test_a_public_spider_without_a_stored_login_needs_nobody(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    members.door = "form"

    assert command("run", "rows", "--quiet").code == 9
    assert command("run", "rows", "--quiet").code == 9, "nor does its second run, whose cookies are stored"


PUBLIC = """
from crawler import Spider


class Cat(Spider):
    name = "cat"
    start_urls = ["{url}/home"]

    def parse(self, response):
        yield {{"page": response.url}}
"""


def health(command: Crawl) -> dict[str, tuple[str, str]]:
    """Health and state of each stored session, by the last part of its key."""
    rows = map(json.loads, command("sessions", "list", "--json").out.splitlines())
    return {row["key"].rpartition("|")[2]: (row["health"], row["state"]) for row in rows}


def test_a_spider_without_a_login_does_not_send_what_was_imported_for_another_one(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    (project / "spiders" / "cat.py").write_text(PUBLIC.format(url=site.url))
    put_in(project, command, "one")
    members.door = "form"

    done = command("run", "cat", "--quiet")
    seen = list(members.let_in)

    assert (done.code, seen) == (0, []), "the guest's page"
    assert command("run", "rows", "--quiet").code == 0
    assert members.let_in, "the spider for which it was imported is logged in"
    assert health(command) == {"rows": ("good", "ready")}


def test_a_session_that_a_run_found_lost_is_not_called_good(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    put_in(project, command, "one")
    assert command("run", "rows", "--quiet").code == 0
    members.good = "another"

    assert command("run", "rows", "--quiet", "--fresh").code == 7

    assert health(command) == {"rows": ("over", "expired")}
    listed = command("sessions", "list").out
    assert "imported" in listed, "it was not logged in here"


def test_a_spider_that_names_a_login_page_and_has_no_session_asks_for_a_person_at_once(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    write(project, site, f'login_url = "{site.url}/login"')
    members.door = "form"

    done = command("run", "rows", "--quiet")

    assert done.code == 7
    assert "`crawl login rows --browser`" in done.err
    assert [path for path in members.asked if path != "/robots.txt"] == []


def test_credentials_that_go_with_each_request_need_no_login_page(project: Path, command: Crawl) -> None:
    asked = list[str]()

    def page(call: WireRequest) -> Answer:
        asked.append(call.headers.get("authorization", ""))
        return Answer(body=b"<p class=row>one</p>") if asked[-1] else Answer(401)

    net = Net()
    try:
        own = net.host({"/robots.txt": Answer(404), "*": page})
        auth = 'sessions = [Identity("default", auth=("anna", "secret"))]'
        write(project, own, f'login_url = "{own.url}/login"\n    {auth}')
        done = command("run", "rows", "--quiet")
    finally:
        net.close()

    assert done.code == 0, done.err
    assert asked
    assert all(asked)


def test_a_token_that_a_browser_has_to_bring_first_waits_for_a_person(
    site: Host, members: Members, project: Path, command: Crawl
) -> None:
    auth = f'sessions = [Identity("default", auth=BearerAuth.from_storage("{site.url}", "token"))]'
    write(project, site, f'login_url = "{site.url}/login"\n    {auth}')
    file = project / "spiders" / "rows.py"
    file.write_text("from crawler import BearerAuth\n" + file.read_text())

    done = command("run", "rows", "--quiet")

    assert done.code == 7
    assert "`crawl login rows --browser`" in done.err
    assert [path for path in members.asked if path != "/robots.txt"] == []

"""`crawl accounts add`: credentials where jobs find them, for their owner alone, and nothing overwritten."""

from __future__ import annotations

import io
import json
import stat
import tomllib
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from crawler.sessions.accounts_file import account_place, table_name, tables_of_site
from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl
from tests.hosts import Host


def typing(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What comes on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_credentials_are_added_beside_what_is_there_and_shown_to_nobody(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    password = 'p"\\w\x7f \u20ac'

    typing(monkeypatch, f"ann\n{password}\n")
    one = crawl("accounts", "add", "https://www.shop.co.uk/login")
    typing(monkeypatch, "other-password\n")
    two = crawl("accounts", "add", "shop.co.uk", "-u", "otto", "--session", "auditor 2")
    typing(monkeypatch, f"{password}\n")
    again = crawl("accounts", "add", "shop.co.uk", "-u", "ann")

    assert (one.code, two.code, again.code) == (0, 0, 0), one.err + two.err + again.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {
        "sites": {
            "shop.co.uk": {
                "default": {"username": "ann", "password": password},
                "auditor 2": {"username": "otto", "password": "other-password"},
            }
        }
    }
    assert "other-password" not in one.out + two.out + one.err + two.err


PORTAL = """
from crawler import Spider


class {kind}(Spider):
    name = "{name}"
    start_urls = ["{url}/"]

    def login(self, session):
        session.get("{url}/login", headers={{"X-User": session.account.username}})

    def parse(self, response):
        yield {{"text": response.css("p::text").get()}}
"""


def test_two_programs_at_two_ports_of_a_host_have_an_account_each_and_the_host_one_for_all_others(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: dict[str, list[str]] = {}
    (project / "spiders").mkdir()
    with ExitStack() as stack:
        for name, user in (("one", "ann"), ("two", "otto"), ("three", "")):
            host = stack.enter_context(closing(Host({"/robots.txt": Answer(404)}, "127.0.0.1", None)))
            text = PORTAL.format(kind=name.capitalize(), name=name, url=host.url)
            (project / "spiders" / f"{name}.py").write_text(text)
            typing(monkeypatch, f"pass-of-{name}\n")
            where = f"{host.url}/login" if user else "127.0.0.1"
            added = crawl("accounts", "add", where, "-u", user or "root")
            assert added.code == 0, added.err
            crawl("run", name, "-q")
            users[name] = [call.headers.get("x-user", "") for call in host.seen("/login")]
            assert (f"127.0.0.1:{host.port}" in added.out) == bool(user)

    assert users == {"one": ["ann"], "two": ["otto"], "three": ["root"]}


def test_sessions_of_the_same_user_at_two_ports_of_a_host_are_kept_apart(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "spiders").mkdir()
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "admin")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "pa55word")
    page = Answer(body=b"<p>in</p>", headers=[("Set-Cookie", "sid=of-this-port")])
    routes = {"/robots.txt": Answer(404), "*": page}
    with closing(Host(routes, "127.0.0.1", None)) as one, closing(Host(routes, "127.0.0.1", None)) as two:
        for name, host in (("one", one), ("two", two)):
            text = PORTAL.format(kind=name.capitalize(), name=name, url=host.url)
            (project / "spiders" / f"{name}.py").write_text(text)
        ended = [crawl("run", name, "-q").code for name in ("one", "two", "one", "two")]

    keys = sorted(json.loads(each)["key"] for each in crawl("sessions", "list", "--json").out.splitlines())
    assert ended == [0, 0, 0, 0]
    assert keys == sorted(f"127.0.0.1:{host.port}|account|admin" for host in (one, two))
    assert (len(one.seen("/login")), len(two.seen("/login"))) == (1, 1), "neither has logged the other one out"
    assert crawl("sessions", "show", f"127.0.0.1:{one.port}").code == 0
    assert "2 sessions are called '127.0.0.1'" in crawl("sessions", "show", "127.0.0.1").err


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://www.shop.co.uk/login", "shop.co.uk"),
        ("https://www.shop.co.uk:443/", "shop.co.uk"),
        ("http://shop.co.uk:8443/", "shop.co.uk:8443"),
        ("http://[::1]:8001/", "[::1]:8001"),
        ("http://[::1]/", "::1"),
    ],
)
def test_an_account_belongs_to_a_site_and_an_unusual_port(url: str, place: str) -> None:
    tables = {"sites": {table_name({}, place): {"default": {"username": "ann"}}}}

    assert account_place(url) == place
    assert tables_of_site(tables, place) == {"default": {"username": "ann"}}


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        pytest.param(["shop.test"], "ann\n", "no password was given", id="no-password"),
        pytest.param(["shop.test"], "", "no user name was given", id="nothing"),
        pytest.param(["ftp://shop.test"], "a\nb\n", "ftp://shop.test", id="no-site"),
        pytest.param(["shop.test", "-u", "other"], "secret-word\n", "already, with other values", id="there"),
    ],
)
def test_invalid_arguments_are_one_line_and_change_nothing(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, words: list[str], given: str, said: str
) -> None:
    typing(monkeypatch, "the-first\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    file = project.parent / "config" / "crawl" / "accounts.toml"
    before = file.read_text()
    typing(monkeypatch, given)

    done = crawl("accounts", "add", *words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err
    assert "secret-word" not in done.err
    assert file.read_text() == before


def test_a_refused_password_is_replaced_and_everything_else_stays(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    typing(monkeypatch, "mistyped\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    others = '[buyer]\npassword = "of another"\n\n# of my own\n'
    table = '[ sites."shop.test".default ] # mine\n"username" = "ann"\nproxy = "http://p.test:8080"\n'
    table += 'password = "mistyped"\n'
    file.write_text(f'{others}{table}\n[sites."shop.test".second]\npassword = "theirs"\n')

    typing(monkeypatch, "right\n")
    done = crawl("accounts", "add", "shop.test", "-u", "anna", "--replace")

    assert done.code == 0, done.err
    assert file.read_text().startswith(others)
    assert "# mine\n" in file.read_text()
    assert tomllib.loads(file.read_text()) == {
        "buyer": {"password": "of another"},
        "sites": {
            "shop.test": {
                "default": {"username": "anna", "password": "right", "proxy": "http://p.test:8080"},
                "second": {"password": "theirs"},
            }
        },
    }


def test_a_table_that_cannot_be_found_in_the_text_is_left_to_its_owner(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project.parent / "config" / "crawl" / "accounts.toml"
    typing(monkeypatch, "mistyped\n")
    crawl("accounts", "add", "shop.test", "-u", "ann")
    before = '[sites]\n"shop.test" = { default = { username = "ann", password = "old" } }\n'
    file.write_text(before)

    typing(monkeypatch, "right\n")
    done = crawl("accounts", "add", "shop.test", "-u", "ann", "--replace")

    assert (done.code, file.read_text()) == (2, before)
    assert "write it yourself" in done.err

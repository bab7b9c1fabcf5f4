"""A session goes to another program or machine and comes from a browser: every format, by the commands."""

from __future__ import annotations

import io
import json
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl

from .conftest import MakeSite, write_spider

FORMATS = ["json", "storage-state", "cookies.txt", "curl"]


@pytest.fixture
def paste(monkeypatch: pytest.MonkeyPatch, command: Crawl) -> Any:
    """``crawl sessions import NAME ...`` with a text on standard input."""

    def run(text: str, *words: str) -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return command("sessions", "import", *words)

    return run


def logged_in_pairs(command: Crawl) -> dict[str, str]:
    """Cookies of a session that somebody else has: alice's, taken out of the store."""
    assert command("login", "orders", "--store", "elsewhere.db").code == 0
    found = json.loads(command("sessions", "export", "default", "--store", "elsewhere.db").out)
    return {each["name"]: each["value"] for each in found["cookies"]}


def taken_over(site: PracticeSite, command: Crawl, *words: str) -> bool:
    """Whether a run with the imported session is complete without a login of its own."""
    logins = site.record.logins.copy()
    done = command("run", "orders", "--json", *words)
    assert done.code == 0, done.err
    return json.loads(done.out)["logins"] == 0 and site.record.logins == logins


def write_api_spider(project: Path, shop: PracticeSite) -> None:
    (project / "spiders" / "api.py").write_text(
        f"""from crawler import BearerAuth, Spider

URL = {shop.url!r}


class Api(Spider):
    name = "api"
    start_urls = [URL + "/api/books?page=1"]
    probe_url = URL + "/api/me"

    def login(self, session):
        account = session.account
        found = session.post(URL + "/api/login", json={{"username": account.username, "password": account.password}})
        session.auth = BearerAuth(found.json()["access_token"])
        session.note["tenant"] = "north"

    def parse(self, response):
        yield {{"url": response.url}}
"""
    )


@pytest.mark.parametrize("form", FORMATS)
def test_what_one_machine_exports_logs_another_one_in(
    form: str, shop: PracticeSite, command: Crawl, project: Path, paste: Any
) -> None:
    command("login", "orders")
    options = ["--url", f"{shop.url}/orders/"] if form == "curl" else []

    exported = command("sessions", "export", "default", "--format", form, "-o", "moved", *options)
    imported = command("sessions", "import", "orders", "moved", "--store", "other.db")

    assert (exported.code, imported.code) == (0, 0), exported.err + imported.err
    assert stat.S_IMODE((project / "moved").stat().st_mode) == 0o600
    assert taken_over(shop, command, "--store", "other.db")
    again = paste(command("sessions", "export", "default", "--format", form, *options).out, "orders", "--store", "3.db")
    assert again.code == 0, again.err
    assert taken_over(shop, command, "--store", "3.db")


def test_what_an_app_keeps_in_a_browser_is_imported_named_and_shown_without_a_value(
    shop: PracticeSite, command: Crawl, project: Path
) -> None:
    kept = [{"name": "auth", "value": '{"access_token": "token-of-alice-0815"}'}]
    state = {"cookies": [], "origins": [{"origin": shop.url, "localStorage": kept}]}
    cookie = {"name": "theme", "value": "dark", "domain": "127.0.0.1", "path": "/"}
    (project / "state.json").write_text(json.dumps({**state, "cookies": [cookie]}))

    imported = command("sessions", "import", "orders", "state.json")
    shown = command("sessions", "show", "default")

    assert f"has 1 cookie and the storage of {shop.url} now" in imported.out, imported.err
    assert [shop.url, "localStorage", "auth"] in [line.split() for line in shown.out.splitlines()]
    assert "token-of-alice" not in imported.out + shown.out


def test_an_export_for_curl_is_a_command_that_works(shop: PracticeSite, command: Crawl) -> None:
    command("login", "orders")

    text = command("sessions", "export", "default", "--format", "curl", "--url", f"{shop.url}/account/").out
    words = shlex.split(text)
    done = subprocess.run([*words, "--silent", "--max-time", "10"], capture_output=True, text=True, check=True)

    assert words[0] == "curl"
    assert '<p class="name">alice</p>' in done.stdout


def test_an_export_for_curl_fetches_the_site_itself_when_nothing_is_named(shop: PracticeSite, command: Crawl) -> None:
    command("login", "orders")

    assert shlex.split(command("sessions", "export", "default", "--format", "curl").out)[1] == f"{shop.url}/"


def test_an_export_for_curl_of_a_session_that_met_no_login_page_has_the_address_of_its_spider(
    shop: PracticeSite, command: Crawl, project: Path
) -> None:
    cookie = {"name": "sid", "value": "one", "domain": "127.0.0.1", "path": "/"}
    (project / "cookies.json").write_text(json.dumps({"cookies": [cookie]}))
    command("sessions", "import", "orders", "cookies.json")

    assert shlex.split(command("sessions", "export", "default", "--format", "curl").out)[1] == f"{shop.url}/"


@pytest.mark.parametrize("form", ["json", "curl"])
def test_a_session_of_a_token_moves_too(
    form: str, shop: PracticeSite, command: Crawl, project: Path, paste: Any
) -> None:
    write_api_spider(project, shop)
    assert command("login", "api").code == 0

    exported = command("sessions", "export", "default", "--format", form, "--url", f"{shop.url}/api/me", "-o", "moved")
    imported = command("sessions", "import", "api", "moved", "--store", "other.db")
    done = command("run", "api", "--json", "--store", "other.db")

    assert (exported.code, imported.code, done.code) == (0, 0, 0), exported.err + imported.err + done.err
    assert json.loads(done.out)["logins"] == 0
    assert shop.record.logins == {"alice": 1}
    again = json.loads(command("sessions", "export", "default", "--store", "other.db").out)
    assert again.get("note") == ({"tenant": "north"} if form == "json" else None)


def test_B3_a_curl_command_for_another_site_holds_nothing_of_the_session(
    shop: PracticeSite, command: Crawl, project: Path
) -> None:
    write_api_spider(project, shop)
    command("login", "api")

    told = command("sessions", "export", "default", "--format", "curl", "--url", "https://other.example/")

    assert shlex.split(told.out)[:2] == ["curl", "https://other.example/"]
    assert "uthorization" not in told.out
    assert "is not on this session's site" in told.err


def test_what_a_format_cannot_hold_is_reported_and_no_password_is_exported(
    shop: PracticeSite, command: Crawl, project: Path, paste: Any
) -> None:
    write_api_spider(project, shop)
    command("login", "api")
    token = json.loads(command("sessions", "export", "default").out)["auth"]["token"]
    shown = command("sessions", "show", "default").out
    assert "auth: token" in shown
    assert token not in shown

    poor = command("sessions", "export", "default", "--format", "cookies.txt")

    assert "json and curl take a token along" in poor.err
    assert token not in poor.out + poor.err
    nothing = paste(poor.out, "api", "--store", "other.db")
    assert (nothing.code, "no usable cookie or token" in nothing.err) == (2, True)


@pytest.mark.parametrize("style", ["chrome", "firefox", "windows"])
def test_a_curl_command_copied_from_a_browser_is_pasted(
    style: str, member_site: MakeSite, project: Path, command: Crawl, paste: Any
) -> None:
    site = member_site(bind_user_agent=True)
    agent = "Mozilla/5.0 (X11; Linux x86_64) Shop/1.0"
    write_spider(project, site, more=f'custom_settings = {{"user_agent": "{agent}"}}')
    pairs = logged_in_pairs(command)
    write_spider(project, site)  # from here on the spider itself names no User-Agent
    cookies = "; ".join(f"{name}={value}" for name, value in pairs.items())
    text = {
        "chrome": f"curl '{site.url}/orders/?page=1' \\\n  -H 'accept: text/html' \\\n  -b '{cookies}' \\\n"
        f"  -H 'user-agent: {agent}' \\\n  --insecure",
        "firefox": f"curl --compressed '{site.url}/orders/?page=1' -H 'User-Agent: {agent}' -H 'Cookie: {cookies}'",
        "windows": f'curl "{site.url}/orders/?page=1" ^\n  -H "Cookie: {cookies}" ^\n  -H "User-Agent: {agent}"',
    }[style]

    done = paste(text, "orders")

    assert done.code == 0, done.err
    assert not [value for value in pairs.values() if value in done.out + done.err]
    assert taken_over(site, command)
    assert site.record.refused["user-agent"] == 0


def test_a_har_is_pasted(shop: PracticeSite, command: Crawl, paste: Any) -> None:
    pairs = logged_in_pairs(command)
    entry = {
        "startedDateTime": "2026-11-23T03:00:00.000Z",
        "request": {
            "method": "GET",
            "url": f"{shop.url}/orders/?page=1",
            "headers": [{"name": "Cookie", "value": "; ".join(f"{name}={value}" for name, value in pairs.items())}],
            "cookies": [],
        },
        "response": {"status": 200, "headers": [], "cookies": []},
    }

    done = paste(json.dumps({"log": {"version": "1.2", "entries": [entry]}}), "orders")

    assert done.code == 0, done.err
    assert taken_over(shop, command)


def test_L15_cookies_txt_of_a_browser_extension_is_taken_with_its_session_cookies(
    shop: PracticeSite, command: Crawl, project: Path
) -> None:
    pairs = logged_in_pairs(command)
    lines = ["# Netscape HTTP Cookie File"]
    lines += [f"#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\t{name}\t{value}" for name, value in pairs.items()]
    (project / "cookies.txt").write_text("\n".join(lines) + "\n")

    done = command("sessions", "import", "orders", "cookies.txt")

    assert done.code == 0, done.err
    assert taken_over(shop, command)
    exported = command("sessions", "export", "default", "--format", "cookies.txt").out
    assert f"#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{pairs['sid']}" in exported.splitlines()


def test_an_imported_session_that_is_dead_is_proved_so_and_costs_one_login(
    shop: PracticeSite, command: Crawl, paste: Any
) -> None:
    paste(f"curl '{shop.url}/orders/' -b 'sid=of-yesterday'", "orders")

    done = command("run", "orders", "--json")

    assert (done.code, json.loads(done.out)["logins"]) == (0, 1)


def test_what_holds_no_cookie_is_one_line(shop: PracticeSite, command: Crawl, paste: Any) -> None:
    for text in ("", "hello", f"curl '{shop.url}/orders/'", "{}"):
        done = paste(text, "orders")
        assert done.code == 2
        assert len(done.err.strip().splitlines()) == 1

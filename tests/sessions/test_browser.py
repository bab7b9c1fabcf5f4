"""Logging in with a real browser, and going on without it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from crawler.errors import LoginFailed, NeedsHuman, NotEquipped
from crawler.sessions.browser import BrowserWindow, browser_login
from crawler.sessions.browser_pages import offers_logout
from crawler.sessions.browser_program import find_browser, playwright_proxy
from crawler.sessions.secrets import Secret
from crawler.testing import PracticeSite, totp


def playwright_is_missing() -> str:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "the extra 'browser' (Playwright) is not installed"
    return "" if find_browser()[0] else "no Chromium, Chrome or Edge is installed"


WHY_NOT = playwright_is_missing()
with_browser = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")

HEADLESS = BrowserWindow(headless=True, timeout_s=30)
MakeSite = Callable[..., PracticeSite]


def type_in(site: PracticeSite, page: Any, password: str | None = None) -> None:
    account = site.accounts[0]
    page.fill("input[name=username]", account.username)
    page.fill("input[name=password]", account.password if password is None else password)
    page.click("button[value=sign-in]")


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


# --- with a browser ---------------------------------------------------------------------------------------------------


@with_browser
def test_L13_a_driven_login_goes_on_over_plain_http_with_the_same_user_agent(
    make_practice_site: MakeSite, http: requests.Session, tmp_path: Path
) -> None:
    site = make_practice_site(bind_user_agent=True, one_time_code="totp")

    def drive(page: Any) -> None:
        type_in(site, page)
        page.fill("input[name=code]", totp(site.accounts[0].totp_secret))
        page.click("button[value=sign-in]")

    picture = tmp_path / "pictures" / "after.png"
    found = browser_login(f"{site.url}/login?next=/orders/", BrowserWindow(headless=True, picture=picture), drive=drive)

    assert found.recognised
    assert found.url == f"{site.url}/orders/"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert site.record.logins == {"alice": 1}
    http.headers["User-Agent"] = found.user_agent
    http.headers["Cookie"] = "; ".join(f"{each['name']}={each['value']}" for each in found.cookies())
    assert http.get(f"{site.url}/members/?page=1", allow_redirects=False).status_code == 200
    assert {each["http_only"] for each in found.cookies()} == {True}
    assert found.cookies()[0]["value"] not in repr(found)


@with_browser
def test_a_person_is_watched_until_the_page_offers_to_log_out(practice_site: PracticeSite) -> None:
    looks: list[bool] = []

    def person_and_look(page: Any) -> bool:
        if not looks:  # the person: types between two looks
            type_in(practice_site, page)
            page.wait_for_url("**/account/")
        looks.append(offers_logout(page))
        return looks[-1]

    found = browser_login(f"{practice_site.url}/login", HEADLESS, done=person_and_look)

    assert found.recognised
    assert looks[-2:] == [True, True]  # seen twice: a page on its way may look like anything
    assert practice_site.record.logins == {"alice": 1}


@with_browser
def test_a_person_may_close_the_window_and_a_known_device_stays_known(practice_site: PracticeSite) -> None:
    looks = 0

    def person(page: Any) -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            page.close()
        return False

    known = {"name": "device", "value": "known", "domain": "127.0.0.1", "path": "/"}
    known |= {"expires": -1, "httpOnly": False, "secure": False, "sameSite": "Lax"}
    found = browser_login(
        f"{practice_site.url}/login",
        BrowserWindow(
            headless=True,
            timeout_s=30,
            start_with={"cookies": [known], "origins": []},
            user_agent="Mozilla/5.0 (as asked)",
        ),
        done=person,
    )

    assert not found.recognised
    assert ("device", "known") in [(each["name"], each["value"]) for each in found.cookies()]
    assert found.user_agent == "Mozilla/5.0 (as asked)"


@with_browser
def test_X9_a_login_that_fails_says_where_and_shows_no_password(practice_site: PracticeSite) -> None:
    password = Secret("hunter22-secret")

    def drive(page: Any) -> None:
        page.set_default_timeout(300)
        page.fill("input[name=no-such-field]", password)

    with pytest.raises(LoginFailed) as caught:
        browser_login(f"{practice_site.url}/login?token=k9w8x7", HEADLESS, drive=drive, session="buyer")
    text = str(caught.value)
    assert text.startswith("session 'buyer': the browser login stopped at http://127.0.0.1")
    assert "hunter22" not in text
    assert "k9w8x7" not in text
    assert "\n" not in text

    def ask(page: Any) -> None:
        raise NeedsHuman("code from the mail")

    with pytest.raises(NeedsHuman, match="code from the mail"):
        browser_login(f"{practice_site.url}/login", HEADLESS, drive=ask)


@with_browser
def test_where_nobody_logs_in_the_time_ends(practice_site: PracticeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    passed_s = 0.0

    def look(page: Any) -> bool:
        nonlocal passed_s
        passed_s = 31.0
        return False

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed_s, time=time.time)
    monkeypatch.setattr("crawler.sessions.browser.time", clock)

    with pytest.raises(LoginFailed, match="nobody logged in in time"):
        browser_login(f"{practice_site.url}/login", HEADLESS, done=look)


# --- without one ------------------------------------------------------------------------------------------------------


def test_without_playwright_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    with pytest.raises(NotEquipped, match=r"crawl-sessions\[browser\]"):
        browser_login("https://shop.example/login", HEADLESS)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there is always a screen there")
def test_without_a_screen_the_error_says_what_else_can_be_done() -> None:
    pytest.importorskip("playwright", reason="the extra 'browser' is not installed")

    with pytest.raises(NotEquipped, match=r"--headless.*crawl sessions import"):
        browser_login("https://shop.example/login", BrowserWindow(environ={}))


def test_without_a_browser_the_error_names_the_variable(tmp_path: Path) -> None:
    pytest.importorskip("playwright", reason="the extra 'browser' is not installed")

    with pytest.raises(NotEquipped, match=r"there is no browser 'nonesuch': install Chromium.*CRAWL_BROWSER"):
        browser_login("https://shop.example/login", BrowserWindow(headless=True, executable="nonesuch"))


def program(folder: Path, name: str) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_a_browser_is_found_by_argument_then_variable_then_name(tmp_path: Path) -> None:
    chromium, edge = program(tmp_path, "chromium"), program(tmp_path, "microsoft-edge")
    environ = {"PATH": str(tmp_path)}

    assert find_browser(environ=environ) == ("path", chromium)
    assert find_browser(environ={**environ, "CRAWL_BROWSER": "microsoft-edge"}) == ("path", edge)
    assert find_browser(environ={**environ, "CRAWL_BROWSER": edge}) == ("path", edge)
    assert find_browser("chromium", {**environ, "CRAWL_BROWSER": edge}) == ("path", chromium)
    assert find_browser("msedge", environ) == ("channel", "msedge")
    assert find_browser("no-such-browser", environ) == ("", "")


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ("", None),
        ("http://127.0.0.1:3128", {"server": "http://127.0.0.1:3128"}),
        ("socks5://[::1]:1080", {"server": "socks5://[::1]:1080"}),
        (
            "http://us%40er:p%3Aw@proxy.example",
            {"server": "http://proxy.example", "username": "us@er", "password": "p:w"},
        ),
    ],
)
def test_the_proxy_of_the_session_is_the_browsers_too(proxy: str, expected: object) -> None:
    assert playwright_proxy(proxy) == expected
    assert json.dumps(expected)  # plain values: they cross to Playwright's process

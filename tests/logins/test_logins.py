"""Logins that plain HTTP cannot do, with default settings: the run drives a browser when it needs a login, and crawls
without one. ``make logins`` plays them all; here are those that the tests of tokens (`tests/sessions_e2e`) do not have.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import LoginFailed, NeedsHuman
from crawler.sessions.browser import BrowserSession, BrowserWindow, browser_login
from tests.cli.conftest import Crawl
from tests.logins import single_sign_on
from tests.logins.pages import PASSWORD, USER
from tests.logins.play import app_of, play
from tests.long_form import LONG_FORM
from tests.sessions_e2e.test_browser_login import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)


@pytest.mark.parametrize("kind", ["frame", pytest.param("click", marks=LONG_FORM)])
def test_one_login_serves_all_runs_and_one_more_is_made_when_the_session_ends_in_the_middle(
    kind: str, project: Path, command: Crawl
) -> None:
    with app_of(kind) as app:
        played = play(kind, app, project, command)

    assert played.exact == (True, True, True)
    assert (played.logins, played.at_server) == ((1, 0, 1), 2)
    assert played.leaks == ()


@LONG_FORM
@pytest.mark.skipif(bool(single_sign_on.why_not()), reason=single_sign_on.why_not() or "-")
def test_openid_connect_with_pkce_over_two_hosts_is_logged_in_renewed_and_logged_in_again(
    project: Path, command: Crawl
) -> None:
    with app_of("OpenID Connect") as app:
        played = play("OpenID Connect", app, project, command, uses=5)

    assert played.exact == (True, True, True)
    assert (played.logins, played.at_server) == ((1, 0, 1), 2)
    assert played.renewed > 0
    assert played.leaks == ()


def driven(path: str, drive: Callable[[Any], object]) -> BrowserSession:
    """One login in a browser, at a page of the app."""
    with app_of("frame") as app:
        return browser_login(f"{app.url}/{path}", BrowserWindow(headless=True, timeout_s=30), drive=drive)


def by_second_window(page: Any) -> None:
    with page.expect_popup() as opened:
        page.click("#in")
    window = opened.value
    window.fill("input[name=user]", USER)
    window.fill("input[name=pass]", PASSWORD)
    window.click("button")
    page.wait_for_selector("#ready")


@LONG_FORM
def test_a_login_in_a_second_window_that_goes_on_by_a_meta_refresh_is_taken_along() -> None:
    found = driven("popup", by_second_window)

    assert found.recognised
    assert [each["name"] for each in found.cookies()] == ["sid"]


def in_front_of_a_frame(page: Any) -> None:
    page.fill("input[name=user]", USER, timeout=300)


def in_front_of_a_second_window(page: Any) -> None:
    with page.expect_popup() as opened:
        page.click("#in")
    opened.value.wait_for_selector("input")
    page.fill("input[name=user]", USER, timeout=300)


def in_front_of_a_passkey(page: Any) -> None:
    page.click("#in")
    page.wait_for_selector("#ready", timeout=300)


@pytest.mark.parametrize(
    ("path", "drive", "error", "says"),
    [
        ("frame", in_front_of_a_frame, LoginFailed, "in a frame of the page .*frame_locator"),
        pytest.param(
            "popup", in_front_of_a_second_window, LoginFailed, "in a second window .*expect_popup", marks=LONG_FORM
        ),
        ("passkey", in_front_of_a_passkey, NeedsHuman, "asks for a passkey"),
    ],
    ids=["frame", "second window", "passkey"],
)
def test_where_a_program_stops_the_error_names_what_the_page_wants_and_what_to_do(
    path: str, drive: Callable[[Any], object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        driven(path, drive)

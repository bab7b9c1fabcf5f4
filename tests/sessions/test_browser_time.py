"""A login in a browser takes no longer than it may, whichever part of it does not end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import LoginFailed, SessionError, SiteUnreachable
from crawler.process_tree import command_of, descendants
from crawler.sessions.browser import BrowserWindow, browser_login
from crawler.sessions.browser_time import LoginTime
from crawler.testing import PracticeSite
from tests.sessions.test_browser import with_browser

LATE_S = 60.0  # of a busy machine, on which a browser takes its time to start


def stopped(url: str, most_s: float, drive: Callable[[Any], object], kind: type[SessionError]) -> str:
    """What a login says that does not end, which it does in time and without leaving a process."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        browser_login(url, BrowserWindow(headless=True, timeout_s=most_s), drive=drive, session="buyer")
    assert time.monotonic() - began < most_s + LATE_S
    ends = time.monotonic() + LATE_S
    while left := [command_of(pid) for pid in descendants(os.getpid()) if "run-driver" in command_of(pid)]:
        assert time.monotonic() < ends, left
    return str(caught.value)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Path]:
    """A program that does nothing for a long time."""
    path = tmp_path / "sleeper"
    path.write_text("#!/bin/sh\nsleep 600\n")
    path.chmod(0o700)
    yield path
    assert not [pid for pid in descendants(os.getpid()) if str(path) in command_of(pid)]


def test_a_login_that_took_too_long_says_which_part_took_how_long() -> None:
    now = 100.0
    login = LoginTime(20.0, lambda: now)
    for part, took_s in (("starting Playwright took", 1.5), ("starting the browser", 12.25), ("opening the page", 6.5)):
        login.begins(part)
        now += took_s

    assert login.is_over()
    assert 0 < login.left_s() < 0.01, "0 would be no limit"
    assert login.told() == (
        "the browser login was not finished after 20 s: starting Playwright took 1.5 s, starting the browser 12.2 s, "
        "opening the page 6.5 s so far"
    )


@with_browser
def test_a_browser_that_does_not_start_is_named_and_gone(sleeper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_BROWSER", str(sleeper))

    told = stopped("http://127.0.0.1:9/", 5.0, lambda page: None, SiteUnreachable)

    assert "the browser login was not finished after 5 s: starting Playwright took" in told
    assert "starting the browser" in told


@with_browser
def test_a_driver_that_does_not_start_is_named_and_gone(sleeper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", str(sleeper))

    told = stopped("http://127.0.0.1:9/", 1.0, lambda page: None, SiteUnreachable)

    assert "was not finished after 1 s: starting Playwright took" in told
    assert "starting the browser" not in told


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds of a login pass; the browser may take its time to start."""
    passed_s = 0.0

    def pass_s(more_s: float) -> None:
        nonlocal passed_s
        passed_s += more_s

    monkeypatch.setattr(
        "crawler.sessions.browser.LoginTime", partial(LoginTime, clock=lambda: time.monotonic() + passed_s)
    )
    return pass_s


@with_browser
def test_steps_that_each_end_soon_and_together_never_are_named(
    practice_site: PracticeSite, pass_time: Callable[[float], None]
) -> None:
    def drive(page: Any) -> None:
        pass_time(181.0)
        while True:
            page.wait_for_timeout(100)

    told = stopped(f"{practice_site.url}/login?token=k9w8x7", 180.0, drive, LoginFailed)

    assert "was not finished after 180 s: starting Playwright took" in told
    assert re.search("the steps of `login_browser` 18[1-9]", told), told
    assert "k9w8x7" not in told


@with_browser
def test_steps_that_go_on_without_their_browser_are_named_too(
    practice_site: PracticeSite, pass_time: Callable[[float], None]
) -> None:
    def drive(page: Any) -> None:
        pass_time(181.0)
        while not page.is_closed():
            with suppress(Exception):
                page.wait_for_timeout(100)

    told = stopped(f"{practice_site.url}/login", 180.0, drive, LoginFailed)

    assert "the steps of `login_browser`" in told

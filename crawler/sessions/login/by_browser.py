"""Log in once in a real browser; the crawl goes on over plain HTTP with its cookies and its User-Agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from crawler.clock import unix_now
from crawler.errors import (
    LoginFailed,
    NotEquipped,
    SessionError,
    SiteUnreachable,
    SpiderError,
    UsageError,
    WrongPassword,
)
from crawler.sessions.browser import BrowserSession, browser_login
from crawler.sessions.browser_offers import offers
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.manager import LoginManager
from crawler.spider import Spider
from crawler.urls import redact


def login_in_browser(
    manager: LoginManager, spider: Spider, *, headless: bool, picture: Path | None, force: bool
) -> list[str]:
    """Open the login page, let a person or the spider's `login_browser` log in, prove the session and keep it.

    Where a program types the password, the login counts: the budget and refused credentials hold as for any other.

    Args:
        force: Credentials that the site has refused are tried once more.
    Returns:
        How the app signs its requests, where its scripts do: lines for a person.
    Raises:
        WrongPassword, LoginBudgetSpent: The program may not log in now, or the site refused what it typed.
        LoginFailed: Nobody logged in, or the probe still shows the logged-out page.
        NotEquipped, SiteUnreachable: No browser or no screen; the site could not be opened.
        UsageError: The spider names no page to begin at, or nothing that drives a browser without a window.
    """
    session = manager.session
    url = spider.login_url or manager.probe_url
    if url is None:
        raise SpiderError(f"{spider.name} names no login_url to open in the browser")
    drives = type(spider).login_browser is not Spider.login_browser
    if headless and not drives:
        raise UsageError("--headless needs a method login_browser(self, page) on the spider")
    if not drives:
        found = _in_window(manager, url, headless=headless, picture=picture, drive=None)
        _take_over(manager, found, claimed=False)
        return offers(found, session.name, session.storage)
    credentials = session.account.mark()
    _claim(manager, credentials, force=force)
    try:
        found = _in_window(
            manager,
            url,
            headless=headless,
            picture=picture,
            drive=lambda page: spider.login_browser(page, session),
        )
        try:
            _take_over(manager, found, claimed=True)
        except LoginFailed:
            if found.refused:
                why = f"the site refused the user name or password, saying {found.refused!r}"
                raise WrongPassword(session.name, why) from None
            raise
    except BaseException as error:
        why = error.why if isinstance(error, SessionError) else redact(str(error))
        outcome: Literal["refused", "failed", "unsent"] = "refused" if isinstance(error, WrongPassword) else "failed"
        if isinstance(error, NotEquipped | SiteUnreachable):
            outcome = "unsent"
        manager.desk.end_login(session.key, LoginEnd(outcome, why, credentials))
        raise
    return offers(found, session.name, session.storage)


def _claim(manager: LoginManager, credentials: str, *, force: bool) -> None:
    session, row = manager.session, manager.desk.load(manager.session.key)
    epoch = row.epoch if row is not None else 0
    claim = manager.desk.claim(session.key, epoch, credentials=credentials, force=force)
    if claim.refused:
        raise manager.blocked_by(claim)
    if not claim.granted:
        raise LoginFailed(session.name, "another process is logging this session in: try again in a moment")


def _in_window(
    manager: LoginManager, url: str, *, headless: bool, picture: Path | None, drive: Callable[[Any], object] | None
) -> BrowserSession:
    session = manager.session
    return browser_login(
        url,
        session=session.name,
        headless=headless,
        drive=drive,
        user_agent=session.identity.user_agent or None,
        proxy=session.proxies.get("https", "") if isinstance(session.proxies, dict) else "",
        verify=session.verify is not False,
        picture=picture,
    )


def _take_over(manager: LoginManager, found: BrowserSession, *, claimed: bool) -> None:
    session = manager.session
    jar = session.cookies.fresh()
    jar.load(found.cookies(), now=unix_now())
    session.cookies = jar
    session.storage.load(found.storage())
    session.headers["User-Agent"] = found.user_agent  # the server may bind the session to it
    if found.accept_language:
        session.headers["Accept-Language"] = found.accept_language
    manager.adopt_manually(url="browser", claimed=claimed)

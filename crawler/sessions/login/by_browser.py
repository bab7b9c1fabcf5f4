"""Log in once in a real browser; the crawl goes on over plain HTTP with its cookies and its User-Agent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from crawler.errors import (
    LoginFailed,
    NeedsHuman,
    NotEquipped,
    SessionError,
    SiteUnreachable,
    UsageError,
    WrongPassword,
)
from crawler.sessions.browser_offers import offers
from crawler.sessions.desk import LoginEnd
from crawler.sessions.login.in_browser import begins_at, drives, in_window, take_along
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
    url = begins_at(spider, manager.probe_url)
    if headless and not drives(spider):
        raise UsageError("--headless needs a method login_browser(self, page) on the spider")
    if not drives(spider):
        found = in_window(session, spider, url, headless=headless, picture=picture)
        take_along(session, found)
        manager.adopt_manually(url="browser")
        return offers(found, session.name, session.storage)
    credentials = session.account.mark()
    _claim(manager, credentials, force=force)
    try:
        found = in_window(session, spider, url, headless=headless, picture=picture)
        take_along(session, found)
        try:
            manager.adopt_manually(url="browser", claimed=True)
        except LoginFailed as error:
            if found.refused:
                why = f"the site refused the user name or password, saying {found.refused!r}"
                raise WrongPassword(session.name, why) from None
            if found.wanted:
                kind = NeedsHuman if found.wants_person else LoginFailed
                raise kind(session.name, f"{error.why}; {found.wanted}") from None
            raise
    except BaseException as error:
        why = error.why if isinstance(error, SessionError) else redact(str(error))
        outcome: Literal["refused", "failed", "unsent", "human"] = "failed"
        if isinstance(error, WrongPassword):
            outcome = "refused"
        elif isinstance(error, NeedsHuman):
            outcome = "human"
        elif isinstance(error, NotEquipped | SiteUnreachable):
            outcome = "unsent"
        manager.desk.end_login(session.key, LoginEnd(outcome, why, credentials))
        raise
    return offers(found, session.name, session.storage)


def _claim(manager: LoginManager, credentials: str, *, force: bool) -> None:
    session, row = manager.session, manager.desk.load(manager.session.key)
    epoch = row.epoch if row is not None else 0
    claim = manager.desk.claim(session.key, epoch, credentials=credentials, force=force)
    if claim.refused:
        raise manager.blocked_by(claim.kind, claim.refused)
    if not claim.granted:
        raise LoginFailed(session.name, "another process is logging this session in: try again in a moment")

"""What a session takes over from a login in a browser; and such a login without a person, by `login_browser`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.clock import unix_now
from crawler.errors import NeedsHuman, SpiderError
from crawler.sessions.browser_program import is_equipped
from crawler.sessions.session import Session
from crawler.spider import Spider

if TYPE_CHECKING:
    from crawler.sessions.browser import BrowserSession

_ALONE_S = 180.0  #: for a login that nobody watches


def drives(spider: Spider) -> bool:
    """Whether it says how to log in with a browser."""
    return type(spider).login_browser is not Spider.login_browser


def logs_in_alone(spider: Spider) -> bool:
    """Whether a run can log in without a person: by a login step, or by a browser that is driven and installed here."""
    return type(spider).login is not Spider.login or (drives(spider) and is_equipped())


def begins_at(spider: Spider, probe_url: str | None) -> str:
    """The page that a browser is opened at. Raises SpiderError where the spider names none."""
    url = spider.login_url or probe_url
    if url is None:
        raise SpiderError(f"{spider.name} names no login_url to open in the browser")
    return url


def in_window(
    session: Session,
    spider: Spider,
    url: str,
    *,
    headless: bool,
    picture: Path | None = None,
    timeout_s: float = 600.0,
) -> BrowserSession:
    """Log in with a browser that uses the proxy, the certificates and the User-Agent of the session.

    The spider's `login_browser` drives it; where there is none, a person does.
    """
    from crawler.sessions.browser import BrowserWindow, browser_login  # few runs drive a browser

    def drive(page: Any) -> None:
        spider.login_browser(page, session)

    window = BrowserWindow(
        headless=headless,
        user_agent=session.identity.user_agent or None,
        proxy=session.proxies.get("https", "") if isinstance(session.proxies, dict) else "",
        verify=session.verify is not False,
        picture=picture,
        timeout_s=timeout_s,
        by_hand=f"crawl login {spider.name} --session {session.name} --browser",
    )
    return browser_login(
        url,
        window,
        session=session.name,
        drive=drive if drives(spider) else None,
        alive=session.is_logging_in,
    )


def take_along(session: Session, found: BrowserSession) -> None:
    """Give the session what the browser has: cookies, storage, User-Agent and languages."""
    jar = session.cookies.fresh()
    jar.load(found.cookies(), now=unix_now())
    session.cookies = jar
    session.storage.load(found.storage())
    session.headers["User-Agent"] = found.user_agent  # the server may bind the session to it
    if found.accept_language:
        session.headers["Accept-Language"] = found.accept_language


def log_in_alone(session: Session, spider: Spider, probe_url: str | None) -> None:
    """A login step by `login_browser`: the session has what the browser brought, and its last page.

    Raises:
        NeedsHuman: It stopped at what only a person can give.
        SessionError: It did not come to an end, or no browser started.
        Exception: What the spider raises.
    """
    try:
        found = in_window(session, spider, begins_at(spider, probe_url), headless=True, timeout_s=_ALONE_S)
    finally:
        session.sent.credentials = session.sent.credentials or session.account.gave_password
    take_along(session, found)
    session.last_answer = found.page
    if found.wants_person and not found.refused:
        raise NeedsHuman(session.name, found.wanted)

"""Log in once in a real browser; the crawl goes on over plain HTTP with its cookies and its User-Agent."""

from __future__ import annotations

from pathlib import Path

from crawler.clock import unix_now
from crawler.errors import LoginFailed
from crawler.sessions.browser import browser_login
from crawler.sessions.login.keeper import Keeper
from crawler.spider import Spider


def login_in_browser(keeper: Keeper, spider: Spider, *, headless: bool, picture: Path | None) -> None:
    """Open the login page, let a person or the spider's `login_browser` log in, prove the session and keep it.

    Raises:
        LoginFailed: No browser, nobody logged in, or the probe still shows the logged-out page.
    """
    session = keeper.session
    url = spider.login_url or keeper.probe_url
    if url is None:
        raise LoginFailed(session.name, "the spider names no login_url to open")
    drives = type(spider).login_browser is not Spider.login_browser
    if headless and not drives:
        raise LoginFailed(session.name, "--headless needs a method login_browser(self, page) on the spider")
    drive = (lambda page: spider.login_browser(page, session)) if drives else None
    found = browser_login(
        url,
        session=session.name,
        headless=headless,
        drive=drive,
        user_agent=session.identity.user_agent or None,
        proxy=session.proxies.get("https", "") if isinstance(session.proxies, dict) else "",
        verify=session.verify is not False,
        picture=picture,
    )
    jar = session.cookies.fresh()
    jar.load(found.cookies(), now=unix_now())
    session.cookies = jar
    session.headers["User-Agent"] = found.user_agent  # the server may bind the session to it
    if found.accept_language:
        session.headers["Accept-Language"] = found.accept_language
    keeper.adopt_manually(url="browser")

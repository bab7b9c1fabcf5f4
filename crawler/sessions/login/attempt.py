"""One login: the spider's step, what a browser would do after its last page, and what else shows that it is good."""

from __future__ import annotations

import logging

from crawler.errors import CrawlError, NeedsHuman, UsageError
from crawler.sessions.login import signs
from crawler.sessions.login.errors import Sight, last_sight
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import redact

_log = logging.getLogger("crawler.sessions")


def take_steps(session: Session, spider: Spider, *, probe_url: str | None) -> None:
    """Run the login step. It is over, too, when it wants a form on a page of the logged in: the probe decides.

    Sites ask for a code now and then only, or for nothing at all on a device that they know.

    Raises:
        NeedsHuman: The spider has no login step: a person logs in with a browser.
        Exception: Whatever the step raises.
    """
    if type(spider).login is Spider.login:
        raise NeedsHuman(session.name, f"log in with `crawl login {spider.name} --browser`")
    try:
        spider.login(session)
    except UsageError as error:
        if probe_url is None or last_sight(session) is not Sight.INSIDE:
            raise
        name, where = session.name, session.stopped_at
        _log.info("session %s: let in before step %r was over (%s)", name, where, redact(str(error)))
    if session.last_answer is not None:
        session.refreshed(session.last_answer)


def alive_at(session: Session, spider: Spider) -> str:
    """The last page of the login when, asked for again, it still shows that we are logged in; "" when it does not.

    Then the probe page is not for this account. Else the session is gone: somebody has ended it at once.
    """
    last = session.last_answer
    if last is None or last_sight(session) is Sight.NOTHING:
        return ""
    try:
        again = session.get(last.url)
        out = logged_out_reason(spider, session, again, last.url)
    except CrawlError:
        return ""
    if out is not None or again.status_code >= 400 or again.url != last.url:
        return ""
    return again.url if signs.logged_in_sign(again, css=spider.logged_in_css, text=spider.logged_in_text) else ""

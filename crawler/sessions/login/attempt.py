"""One login: the spider's step, what a browser would do after its last page, and what else shows that it is good."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress

import requests

from crawler import habits
from crawler.errors import CrawlError, LoginMiswritten, NeedsHuman, UsageError
from crawler.request import Request
from crawler.sessions.login import signs
from crawler.sessions.login.in_browser import log_in_alone, logs_in_alone
from crawler.sessions.login.login_errors import new_password_wanted
from crawler.sessions.login.page_marks import has_new_password_form
from crawler.sessions.login.sight import Sight, last_sight
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import redact

_log = logging.getLogger("crawler.sessions")


def take_steps(session: Session, spider: Spider, *, probe_url: str | None) -> None:
    """Run the login step. It also ends when it wants a form on a page for logged-in users: then the probe decides.

    Sites may ask for a code only now and then, or for nothing at all on a device that they know; and they may put a
    reminder in between, that a password is about to end.

    Raises:
        NeedsHuman: The spider has no login step that can be run here: a person logs in with a browser.
        LoginMiswritten: It returns what it should have sent.
        Exception: Whatever the step raises.
    """
    if type(spider).login is Spider.login:
        if logs_in_alone(spider):
            log_in_alone(session, spider, probe_url)
            return
        raise NeedsHuman(session.name, f"log in with `crawl login {spider.name} --browser`")
    step: Callable[[Session], object] = spider.login  # by its type it returns nothing; people do not read types
    try:
        returned = step(session)
    except UsageError as error:
        if probe_url is None or not (
            last_sight(session) is Sight.INSIDE or _was_only_reminded(session, spider, probe_url)
        ):
            raise
        name, where = session.name, session.stopped_at
        returned = None
        _log.info("session %s: logged in before step %r was over (%s)", name, where, redact(str(error)))
    if (kind := unsent(returned)) is not None:
        what, instead = habits.RETURNED[kind]
        raise LoginMiswritten(
            session.name, f"{type(spider).__name__}.login returns {what}, which is never sent; {instead}"
        )
    if session.last_answer is not None:
        session.refreshed(session.last_answer)


def _was_only_reminded(session: Session, spider: Spider, probe_url: str) -> bool:
    """Whether the login led to a form for a new password, and is good all the same, as the probe page shows."""
    last = session.last_answer
    if new_password_wanted(last, session) is None:
        return False
    with suppress(CrawlError):
        page = session.get(probe_url)
        is_good = page.status_code < 400 and logged_out_reason(spider, session, page, probe_url) is None
        if is_good and not has_new_password_form(page):
            return True
    session.last_answer = last  # what the step saw says what is wrong
    return False


def unsent(returned: object) -> str | None:
    """What kind of thing a login step has returned instead of sending it, a key of `habits.RETURNED`; or None."""
    from crawler.pages.filled import Filled
    from crawler.pages.forms import Form  # with its parser: not loaded without a login or a form

    first = next(iter(returned), None) if isinstance(returned, list | tuple | set) else returned
    if isinstance(first, Request | requests.Request | requests.PreparedRequest):
        return "request"
    if isinstance(first, Filled | Form):
        return "form"
    if isinstance(first, Coroutine):
        first.close()  # or Python warns that it was never awaited
        return "coroutine"
    return "generator" if isinstance(first, Iterator | AsyncIterator) else None


def alive_at(session: Session, spider: Spider) -> str:
    """The last page of the login when, asked for again, it still shows that we are logged in; "" when it does not.

    Then the probe page is not for this account. Otherwise the session is gone: somebody has ended it at once.
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

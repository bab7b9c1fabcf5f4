"""Which error a login that did not succeed ends with: pure. Its text says where it stopped and what to do."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from crawler.errors import (
    InvalidURL,
    LoginFailed,
    NoCredentials,
    SessionError,
    SpiderError,
    StatusError,
    Transient,
    WrongPassword,
)
from crawler.loading import place_in_spider
from crawler.messages import Response
from crawler.sessions.login import signs
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import absolute, redact

_SOME = 3
_MANY = 20  #: the budget of logins is enough of a limit
_ONCE_MORE = 2


def said_at_last(session: Session) -> str | None:
    """Why the login step failed by its own last page; None when it says nothing. For want of a page to be proved at."""
    last = session.last_answer
    said = signs.wrong_password_sign(last) if last is not None else None
    return f"the last page of the login says {said!r}" if said is not None else None


def still_out(session: Session, reason: str, *, probe_url: str | None, spider_name: str) -> SessionError | StatusError:
    """The login step came to its end, but the probe page shows for *reason* that nobody is logged in."""
    last = session.last_answer
    if last is not None:
        if _is_trouble(last.status_code):
            return StatusError(redact(last.url), last.status_code)
        said = signs.wrong_password_sign(last)
        if said is not None:
            return WrongPassword(session.name, f"the site refused the user name or password, saying {said!r}")
    return LoginFailed(
        session.name,
        f"after the login step the probe page {redact(probe_url or '')} still shows that we are logged out"
        f" ({reason}); check the login step with `crawl fetch URL --spider {spider_name}`",
    )


class Sight(IntEnum):
    """How well the last page of a login step shows that the login succeeded, although nobody is logged in now.

    Then somebody has ended the session at once: an administrator, another login of the same account.
    """

    NOTHING = 0
    SENT_ON = 1  #: the site led away from the form, to a page that is none for logging in
    INSIDE = 2  #: it was a page for somebody who is logged in


def last_sight(session: Session) -> Sight:
    """What the last page of the login step shows."""
    last = session.last_answer
    if last is None or signs.wrong_password_sign(last) is not None:
        return Sight.NOTHING
    if signs.logged_in_sign(last):
        return Sight.INSIDE
    return Sight.SENT_ON if any(_sent_on(each) for each in last.history) else Sight.NOTHING


def _sent_on(answer: Any) -> bool:
    """Whether the answer to a form leads away from it, and not to another page for logging in."""
    location, request = answer.headers.get("Location"), answer.request
    if request is None or request.method != "POST" or not location:
        return False
    try:
        target = absolute(answer.url, location).partition("?")[0]
    except InvalidURL:
        return False
    form = str(request.headers.get("Referer") or "").partition("?")[0]
    return target not in (form, answer.url.partition("?")[0]) and not signs.looks_like_login(target)


def tries(error: Exception, sight: Sight, *, known_good: bool, let_in: bool) -> int:
    """How many logins in a row may end with *error*: a second attempt with a wrong password is not to be made.

    Args:
        sight: What the last page of the login step shows.
        known_good: The credentials have let us in before.
        let_in: They did so in this run: the session may have been ended before it showed us a page.
    """
    if sight is not Sight.NOTHING:
        return _MANY if known_good else _SOME
    return _ONCE_MORE if let_in and not isinstance(error, WrongPassword) else 1


def may_pass(error: Exception, session: Session) -> bool:
    """Whether the cause is of the kind that passes by itself: no connection, a server in trouble."""
    if isinstance(error, Transient | StatusError):
        return True
    last = session.last_answer
    return not isinstance(error, SessionError) and last is not None and _is_trouble(last.status_code)


def failure(error: Exception, session: Session, spider: Spider) -> SessionError:
    """What the login step of *spider* raised, as the error that the run ends with."""
    if isinstance(error, WrongPassword | NoCredentials | LoginFailed):
        return error if error.session else type(error)(session.name, error.why)
    place = place_in_spider(error, spider) or place_in_spider(error.__cause__, spider)  # a check of it that failed
    line = f" ({place})" if place else ""
    where = (f" at step {session.stopped_at!r}" if session.stopped_at else "") + line
    last = session.last_answer
    what = f"{type(error).__name__}: {redact(str(error))}"
    if isinstance(error, SpiderError):
        why = f"{error}{line}"
    elif isinstance(error, StatusError) and _is_trouble(error.status):
        why = f"the site is in trouble: {redact(str(error))}"
    elif last is not None and _is_trouble(last.status_code):  # that a form is missing says little then
        why = (
            f"the site is in trouble: {last.status_code} from {redact(last.url)}; the login step stopped{where}: {what}"
        )
    else:
        seen = f"; last answer: {last.status_code} from {redact(last.url)}" if last is not None else ""
        why = f"the login step stopped{where}: {what}{seen}"
    found = LoginFailed(session.name, why)
    found.__cause__ = error
    return found


def asked_to_wait_s(
    error: Exception, answer: Response | None, retry_after_s: Callable[[str | None], float | None]
) -> float:
    """How long the site asks to be left alone, in seconds; 0 for nothing.

    Args:
        error: Says so itself where it is of a single answer.
        answer: The last one of the login step, if any.
        retry_after_s: Understands the header Retry-After.
    """
    if isinstance(error, StatusError) and error.retry_after_s is not None:
        return error.retry_after_s
    if answer is None or answer.status_code not in (429, 503):
        return 0.0
    return retry_after_s(answer.headers.get("Retry-After")) or 0.0


def _is_trouble(status: int) -> bool:
    return status >= 500 or status == 429

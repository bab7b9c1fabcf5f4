"""What the last page of a login step shows where the probe shows nobody, and how often one logs in again. Pure."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

from crawler.errors import InvalidURL, StatusError, WrongPassword
from crawler.sessions.foreign_answers import set_cookie_lines
from crawler.sessions.login import signs
from crawler.sessions.login.page_marks import has_login_form
from crawler.sessions.session import Session
from crawler.urls import absolute

_MANY = 20  #: somebody ends the session again and again before it has shown a page; that will not go on for ever
_ONCE_MORE = 2
_NOTE = re.compile(
    r"flash|notice|alert|messag|\bmsg|error|fail|csrf|xsrf|lang|locale", re.IGNORECASE
)  #: in names of cookies


class Sight(IntEnum):
    """How well the last page of a login step shows that the login succeeded, although nobody is logged in now.

    Then somebody has ended the session at once: an administrator, another login of the same account.
    """

    NOTHING = 0
    SENT_ON = 1  #: the site led away from the form, to a page that is not for logging in
    LET_IN = 2  #: it did so with a cookie that the form was sent without, and took that page away before it was read
    INSIDE = 3  #: it was a page for somebody who is logged in


def last_sight(session: Session) -> Sight:
    """What the last page of the login step shows."""
    last = session.last_answer
    if last is None or signs.wrong_password_sign(last) is not None:
        return Sight.NOTHING
    if signs.logged_in_sign(last):
        return Sight.INSIDE
    hops = [each for each in last.history if sent_on(each)]
    if has_login_form(last) and any(brings_a_session(each) for each in hops):
        return Sight.LET_IN
    return Sight.SENT_ON if hops else Sight.NOTHING


def brought_by(session: Session) -> frozenset[str]:
    """Names of the cookies that came where the last login step was led away from its form."""
    last = session.last_answer
    hops = last.history if last is not None else ()  # an answer of status 400 and more is false
    return frozenset(name for each in hops if sent_on(each) for name in _new_cookies(each))


def brings_a_session(answer: Any) -> bool:
    """Whether a cookie comes with the answer that was not there before, and is not a note for the next page."""
    return bool(_new_cookies(answer))


def _new_cookies(answer: Any) -> set[str]:
    sent = {pair.partition("=")[0].strip() for pair in str(answer.request.headers.get("Cookie") or "").split(";")}
    given = {line.partition("=")[0].strip() for line in set_cookie_lines(answer)}
    return {name for name in given - sent if not _NOTE.search(name)}


def sent_on(answer: Any) -> bool:
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


def tries_of(error: Exception, sight: Sight, *, let_in: bool, alike: bool | None) -> int:
    """How many logins in a row may end with *error*: there must be no second attempt with a wrong password.

    Args:
        sight: What the last page of the login step shows.
        let_in: The credentials have let us in during this run: the session may have been ended before it showed a page.
        alike: This login brought the cookies that one brings which lets us in; None where that is not known.
    """
    if isinstance(error, WrongPassword | StatusError):
        return 1
    if sight is Sight.INSIDE:
        return _MANY
    if alike is False:
        return 1
    if sight is Sight.NOTHING:
        return _ONCE_MORE if let_in else 1
    return _MANY if let_in and (alike or sight is Sight.LET_IN) else _ONCE_MORE

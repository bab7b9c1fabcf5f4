"""Whether a login succeeded where the probe page may be one that everybody sees: by what the login step met. Pure."""

from __future__ import annotations

from crawler.errors import LoginFailed, StatusError
from crawler.response import Response
from crawler.sessions.foreign_answers import set_cookie_lines
from crawler.sessions.login.always_sent import sends_credentials
from crawler.sessions.login.login_errors import is_form_back
from crawler.sessions.login.page_marks import has_login_form
from crawler.sessions.login.sight import brings_a_session
from crawler.sessions.session import Session
from crawler.urls import redact

_ADVICE = (
    "; the probe page {probe} says nothing of it, since everybody may see it: name one for members alone in `probe_url`"
)


def not_let_in(session: Session, probe_url: str) -> LoginFailed | StatusError | None:
    """What speaks against a login whose probe page shows neither a login form nor a way to log out; None for nothing.

    A page that the answer to the password led on to speaks for the login, whatever its status is: it may be broken.
    """
    answer, last = session.sent.answer, session.last_answer
    if is_form_back(session) and not _may_have_been_let_in(session):
        why = "the site showed the password form again"
    elif answer is not None and answer.status_code >= 400 and not answer.history:
        if answer.status_code >= 500 or answer.status_code == 429:
            return StatusError(redact(answer.url), answer.status_code)
        why = f"the site answered {answer.status_code} to the login ({redact(answer.url)})"
    elif last is not None and has_login_form(last) and _has_done_nothing(session, last):
        why = f"the login step sent nothing, and its last page asks to log in ({redact(last.url)})"
    else:
        return None
    return LoginFailed(session.name, f"{why}{_ADVICE.format(probe=redact(probe_url))}")


def _has_done_nothing(session: Session, last: Response) -> bool:
    """Whether the login step has neither sent nor set anything: all cookies came with its last page."""
    if session.sent.credentials or sends_credentials(session):
        return False
    came = {line.partition("=")[0].strip() for each in (*last.history, last) for line in set_cookie_lines(each)}
    return came.issuperset(cookie.name for cookie in session.cookies)


def _may_have_been_let_in(session: Session) -> bool:
    """Whether a cookie came where the answer to the password led on, or with a page that scripts make.

    Some sites lead back to the page with the form, and have it in the head of each page, for everybody.
    """
    answer = session.sent.answer
    if answer is None:
        return False
    return any(map(brings_a_session, (*answer.history, answer) if session.sent.is_back else answer.history))

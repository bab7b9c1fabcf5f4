"""Which error a login that did not succeed ends with: pure. Its text says where it stopped and what to do."""

from __future__ import annotations

from typing import Literal

from crawler.errors import (
    BadAnswer,
    FetchError,
    LoginBudgetSpent,
    LoginFailed,
    LoginMiswritten,
    NeedsHuman,
    NoCredentials,
    NotEquipped,
    Refused,
    SessionError,
    SiteUnreachable,
    SpiderError,
    StatusError,
    TLSFailed,
    Transient,
    UnknownHost,
    UsageError,
    WrongPassword,
)
from crawler.loading import place_in_spider
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response
from crawler.sessions.foreign_answers import set_cookie_lines
from crawler.sessions.login import signs
from crawler.sessions.login.always_sent import has_fixed_auth, mark_of, sends_credentials, sent_nothing_else
from crawler.sessions.login.login_answers import captcha_sign, one_time_code_sign, speaks_of_something_else
from crawler.sessions.login.page_marks import has_login_form, has_new_password_form, refresh_of
from crawler.sessions.login.patience import RetryAfter, asked_to_wait_s
from crawler.sessions.login.sent_forms import shown_forms
from crawler.sessions.login.sight import sent_on
from crawler.sessions.login.standing import KnownCredentials
from crawler.sessions.session import Session
from crawler.spider import Spider
from crawler.urls import canonical, redact

_ASKS_FOR_PATIENCE = frozenset({429, 503})
_REFUSES_WHAT_WAS_SENT = frozenset({400, 422})  # 403 may as well be a token that is too old, or a wall before the site


@quick_dataclass
class Ended:
    """What came of a login that did not succeed.

    Attributes:
        error: What the run ends with when nobody may try again.
        outcome: As in `stores.login_policy`.
        asked_s: Seconds that the site asks us to stay away.
    """

    error: SessionError
    outcome: Literal["refused", "failed", "code", "broken", "busy", "absent", "human", "unsent"]
    asked_s: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether it passes by itself: a site in trouble, or one that asks for patience."""
        return self.outcome in ("broken", "busy", "absent")


def ended(
    error: Exception,
    session: Session,
    spider: Spider,
    *,
    known: KnownCredentials,
    retry_after_s: RetryAfter,
) -> Ended:
    """What came of a login whose step or check raised *error*.

    That the site has refused the password counts more than what the next line of the step made of it.

    Args:
        known: What is known of the credentials. Where they have let us in during this run, and the page of the step has
            no form now, the site may be starting again.
        retry_after_s: Understands the header Retry-After.
    """
    sent = session.sent.credentials
    if isinstance(error, NotEquipped | NoCredentials):
        return Ended(_named(error, session), "unsent")
    if isinstance(error, LoginMiswritten):
        return Ended(error, "failed" if sent else "unsent")
    if isinstance(error, SiteUnreachable):  # of a browser that could not open the page
        return Ended(_named(error, session), "broken" if sent else "absent")
    refusal = refused_by(session, known_good=known.known_good)
    last = session.last_answer
    if isinstance(error, NeedsHuman) and (refusal is None or (last is not None and captcha_sign(last))):
        return Ended(NeedsHuman(session.name, error.why), "human" if sent else "unsent")
    if isinstance(error, WrongPassword):
        return Ended(_named(error, session), "refused")
    if refusal is not None:
        wrong = WrongPassword if refusal.surely else LoginFailed
        return Ended(wrong(session.name, refusal.why + _place(error, session, spider)), refusal.outcome)
    if (wanted := new_password_wanted(last, session)) is not None:
        return Ended(NeedsHuman(session.name, wanted), "human")
    found = failure(error, session, spider)
    if isinstance(error, FetchError) and not isinstance(error, StatusError):
        return _no_answer(error, found, session)
    status = error.status if isinstance(error, StatusError) else last.status_code if last is not None else 0
    passing = isinstance(error, StatusError) or not isinstance(error, SessionError)
    if passing and status in _ASKS_FOR_PATIENCE:
        return Ended(found, "busy", asked_to_wait_s(error, last, retry_after_s))
    if passing and status >= 500:
        return Ended(found, "broken" if sent else "absent")
    if known.let_in and not sent and isinstance(error, StatusError | UsageError) and _has_no_form(last):
        return Ended(found, "absent")
    asks_again = last is not None and session.account.gave_code and one_time_code_sign(last) is not None
    sent_outcome: Literal["code", "failed"] = "code" if asks_again else "failed"
    return Ended(found, sent_outcome if sent or _may_have_sent(error, session) else "unsent")


def _has_no_form(last: Response | None) -> bool:
    return last is None or not has_login_form(last)


def _no_answer(error: FetchError, found: SessionError, session: Session) -> Ended:
    """No usable answer came to a request of the login."""
    sent = session.sent.credentials
    known = isinstance(error, Transient) or (isinstance(error, UnknownHost) and session.epoch > 0)
    if known:
        unreachable = SiteUnreachable(session.name, found.why)
        unreachable.__cause__ = error
        return Ended(found if sent else unreachable, "broken" if sent else "absent")
    if isinstance(error, UnknownHost | TLSFailed) and not sent:
        unreachable = SiteUnreachable(session.name, found.why)
        unreachable.__cause__ = error
        return Ended(unreachable, "unsent")
    return Ended(found, "failed" if sent else "unsent")


def _may_have_sent(error: Exception, session: Session) -> bool:
    """A step that had the password and ended with something foreign may have sent it by other means than the session.

    An error of this project tells where it stopped: nothing had been sent.
    """
    told = isinstance(error, UsageError | FetchError | SessionError)
    return session.account.gave_password and not told


@quick_dataclass
class LoginRefusal:
    """The site has refused what it was sent: *surely*, or by all that is known."""

    why: str
    surely: bool

    @property
    def outcome(self) -> Literal["refused", "failed"]:
        return "refused" if self.surely else "failed"


def refused_by(session: Session, *, known_good: bool) -> LoginRefusal | None:
    """Why the site is taken to have refused the password; None when it did not, or was not sent any.

    A form that comes back without a word may mean something else (a token too old); where the same credentials were
    good before, or the page speaks of something else, it is a failure and no refusal.
    """
    answer = session.sent.answer
    if answer is None or _is_trouble(answer.status_code):
        return None
    said = signs.wrong_password_sign(answer)
    if said is not None:
        return LoginRefusal(f"{_refused_so(answer, said)}{_captcha(answer)}{came_from(session)}", True)
    surely = not known_good and not speaks_of_something_else(answer) and not _let_in_and_lost(answer)
    if answer.status_code in _REFUSES_WHAT_WAS_SENT:
        return LoginRefusal(
            f"the site answered {answer.status_code} to the password ({redact(answer.url)}): it is wrong, or the login"
            " step leaves out a field of the form (`session.submit(page.form(), ...)` sends the hidden ones, too)"
            f"{came_from(session)}",
            surely,
        )
    if signs.logged_in_sign(answer):
        return None
    if session.sent.is_back:
        why = (
            f"the site led back to its login page ({redact(answer.url)}) after the password was sent: user name or"
            " password are wrong, or the login step leaves out what the scripts of that page send"
            f"{_captcha(answer)}{came_from(session)}"
        )
        return LoginRefusal(why, surely)
    if not has_login_form(answer) and not _calls_it_new(answer, session):
        return None
    why = (
        f"the site showed the password form again ({redact(answer.url)}) after it was sent: user name or password are"
        f" wrong, or the form needs something that the login step leaves out{_captcha(answer)}{came_from(session)}"
    )
    return LoginRefusal(why, surely)


def is_form_back(session: Session) -> bool:
    """Whether the answer to the password is the form once more, and nothing led away from it: as to a wrong one."""
    answer = session.sent.answer
    return (
        answer is not None
        and refused_by(session, known_good=True) is not None
        and not any(sent_on(each) for each in answer.history)
    )


def _let_in_and_lost(answer: Response) -> bool:
    """Whether the site led away from the form with a new cookie, as after a good password: then somebody ended it."""
    return any(sent_on(each) and set_cookie_lines(each) for each in answer.history)


def _refused_so(answer: Response, said: str) -> str:
    how = f"with status 401 ({redact(answer.url)})" if answer.status_code == 401 else f"saying {said!r}"
    return f"the site refused the user name or password, {how}"


def came_from(session: Session) -> str:
    """Where the password came from, and where the right one belongs."""
    place = session.account.place("password")
    return f"; the right one belongs where this one came from, {place}" if place else ""


def _captcha(answer: Response) -> str:
    return "; the page shows a captcha, which a person has to answer" if captcha_sign(answer) else ""


def new_password_wanted(last: Response | None, session: Session) -> str | None:
    """What to tell a person where the last page of a login has a form for a new password; None where it has none.

    It may be a mere reminder, which comes once after a good login: then the probe shows that we are logged in.
    """
    if last is None or last.status_code >= 400 or not has_new_password_form(last) or _calls_it_new(last, session):
        return None
    return (
        f"the site wants a new password to be chosen ({redact(last.url)}): choose one in a browser, and put it where"
        " the old one is"
    )


def _calls_it_new(last: Response, session: Session) -> bool:
    """Whether it is the form of the password once more, which calls that new."""
    return has_new_password_form(last) and bool(shown_forms(last, session.sent.with_password()))


def _named(error: SessionError, session: Session) -> SessionError:
    return error if error.session else type(error)(session.name, error.why)


def said_at_last(session: Session) -> str | None:
    """Why the login step failed by its own last page; None when that says nothing. Used when no page proves it."""
    last = session.last_answer
    said = signs.wrong_password_sign(last) if last is not None else None
    if said is not None:
        return f"the last page of the login says {said!r}"
    return "the password form came back" if refused_by(session, known_good=False) is not None else None


def refused_at_last(session: Session, nothing: str) -> str | None:
    """Why a login whose probe page proves *nothing* does not count; None when its own last page is in order."""
    last = session.last_answer
    if last is None or last.status_code < 400:
        return said_at_last(session)
    return f"{nothing}, and the last page of the login answers with status {last.status_code}"


def still_out(
    session: Session, reason: str, *, probe_url: str | None, spider_name: str, alive_at: str = ""
) -> SessionError | StatusError:
    """The login step came to its end, but the probe page shows for *reason* that nobody is logged in.

    Args:
        alive_at: Another page that shows that we are, "" for none.
    """
    last = session.last_answer
    probe = redact(probe_url or "")
    if alive_at and probe_url and alive_at != probe_url and canonical(alive_at) == canonical(probe_url):
        return LoginFailed(
            session.name,
            f"the login is good ({redact(alive_at)} shows it), but the site writes the session into the addresses of"
            f" its pages and sets no cookie for it, so {probe} is requested without it. Many sites do that only for"
            " clients that do not look like a browser: set `user_agent`. If it is an argument of the URL, let the login"
            " step put it into session.params",
        )
    if alive_at:
        return LoginFailed(
            session.name,
            f"the login is good ({redact(alive_at)} shows it), but {probe} is not for this account ({reason}): it may"
            " lack permission for that page; name one that it may see in `probe_url`, and start there (`start_urls`)",
        )
    if last is not None:
        if _is_trouble(last.status_code):
            return StatusError(redact(last.url), last.status_code)
        said = signs.wrong_password_sign(last)
        if said is not None:
            return WrongPassword(session.name, _refused_so(last, said) + came_from(session))
    alone = sent_nothing_else(session) and sends_credentials(session)
    if reason == "status 401" and (has_fixed_auth(session) or alone):
        return refused_auth(session, probe)
    return LoginFailed(
        session.name,
        f"after the login step the probe page {probe} still shows that we are logged out"
        f" ({reason}){seen_at_last(last)}; check the login step with `crawl fetch URL --spider {spider_name}`",
    )


def refused_auth(session: Session, url: str) -> WrongPassword:
    """What goes with every request was refused."""
    why = f"the site refused the credentials in `auth` or the headers: 401 from {redact(url)}"
    return WrongPassword(session.name, why + (came_from(session) if is_of_account(session) else ""))


def is_of_account(session: Session) -> bool:
    """Whether what goes with every request, if anything does, is the account's own name and password."""
    return mark_of(session) in ("", session.account.mark())


def seen_at_last(last: Response | None) -> str:
    """What the last page of a login wants that the step did not give it; "" for nothing."""
    if last is None:
        return ""
    target = refresh_of(last)
    if target is not None:
        return f"; the last answer sends the browser on to {redact(target)} with a meta refresh: session.get() it"
    if (sign := one_time_code_sign(last)) is not None:
        return f"; the last page asks for a one-time code ({sign}): none was sent, or it was wrong or too late"
    return "; the last page shows a captcha, which a person has to answer" if captcha_sign(last) else ""


def unproved(session: Session, error: Exception) -> SessionError:
    """The probe of a stored session ended with *error*: nothing is known of the session."""
    why = f"the probe failed: {redact(str(error))}"
    if isinstance(error, FetchError) and not isinstance(error, StatusError | Refused | BadAnswer):
        return SiteUnreachable(session.name, why)
    return LoginFailed(session.name, why)


def by_hand_again(spider: Spider, *reasons: str) -> str:
    """What a person has to do for a spider without a login step, after the *reasons* why that is so."""
    why = "".join(f"{each}; " for each in reasons if each)
    return (
        f"{why}the spider has no login step: log in with `crawl login {spider.name} --browser`, or take a session from"
        f" elsewhere with `crawl sessions import {spider.name}`"
    )


def nothing_lasts(session: Session, logins: int) -> LoginBudgetSpent:
    """Logins that are good and bring nothing: something ends the session before it has fetched a page."""
    return LoginBudgetSpent(
        session.name,
        f"the last {logins} logins were good, and each session was gone before it had brought a page: another program"
        " may log in with the same account, the site may allow few requests a session, or it may change its cookie with"
        f" each answer (`Identity({session.name!r}, serial=True)`)",
    )


def failure(error: Exception, session: Session, spider: Spider) -> SessionError:
    """What the login step of *spider* raised, as the error that the run ends with."""
    if isinstance(error, NoCredentials | LoginFailed):
        return _named(error, session)
    where, line = _place(error, session, spider), _line(error, spider)
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
        why = f"the login step stopped{where}: {what}{seen}{seen_at_last(last)}"
    found = LoginFailed(session.name, why)
    found.__cause__ = error
    return found


def _line(error: Exception, spider: Spider) -> str:
    place = place_in_spider(error, spider) or place_in_spider(error.__cause__, spider)  # a check of it that failed
    return f" ({place})" if place else ""


def _place(error: Exception, session: Session, spider: Spider) -> str:
    """Where the step stopped: " at step 'code' (spiders/orders.py, line 12)"; "" where it came to its end."""
    return (f" at step {session.stopped_at!r}" if session.stopped_at else "") + _line(error, spider)


def _is_trouble(status: int) -> bool:
    return status >= 500 or status == 429

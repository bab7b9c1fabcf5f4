"""When an account may log in: pure. Every store decides by it; `now` is an argument, nothing is read or written.

Sites lock accounts after a few failed logins, and refuse clients that come too often. So attempts are recorded in a
book, for all runs and spiders that use one account:

- Credentials that the site has refused wait for days. All of the last ones are remembered, not only the newest.
- Attempts that sent credentials and did not succeed are bounded in any hour, and the pauses between them grow.
- Problems that pass by themselves (an overloaded site, no answer) are waited out, no longer than needed: for
  Retry-After, or for growing pauses. How many logins a site tolerates in what time is learned from its answers.
- Logins that succeeded cost nothing; neither do attempts that sent nothing.
- A renewal by a page of the app sends no credentials: only a site in trouble stands in its way, and it is not counted.

After a change of the spider or the account logins may go on at once, and so they may if a person insists: what was
tried before says nothing about what will be tried now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from crawler.quick_dataclass import quick_dataclass

Ending = Literal[
    "", "ok", "refused", "failed", "code", "lost", "broken", "busy", "absent", "human", "unsent", "renewed"
]
"""How an attempt ended:

- "": not yet, or its process was killed; "ok": it succeeded; "lost": so it did, and was gone before it showed a page
- "refused": the site refused the credentials; "failed": credentials were sent, and no session came of it
- "code": the same, and a one-time code that was sent was asked for again; twice in a row is a refusal
- "broken": credentials were sent, and no usable answer came; "absent": no usable answer, and nothing was sent
- "busy": the site asks for patience (429, 503)
- "human": a person is needed, and credentials were sent; "unsent": it stopped before it had sent any
- "renewed": a page of the app has renewed the session; no credentials were sent
"""

Kind = Literal["", "refused", "spent", "passing", "human"]

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_COUNTED: Final = frozenset({"", "refused", "failed", "code", "lost", "broken", "human"})  #: may count against it
_REFUSED_S: Final = (_DAY_S, 3 * _DAY_S, 7 * _DAY_S)  #: after so many refusals of the same credentials
_FAILED_S: Final = (0.0, 600.0, _HOUR_S, 6 * _HOUR_S, _DAY_S)  #: after so many failures in a row
_PASSING_S: Final = {
    "busy": (2.0, 10.0, 30.0, 60.0, 120.0, 300.0),
    "broken": (2.0, 15.0, 60.0, 300.0, 900.0),
    "absent": (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0),
}  #: the same for problems that pass by themselves
_MARGIN_S: Final = 1.0  #: a Retry-After may have been rounded down by this much; twice as long each time it was
_MOST_LEARNED_S: Final = 900.0
_NEAR_S: Final = 60.0  #: logins this shortly before a pause certainly have to do with it
_KIND: Final = re.compile(r"\|account\+[a-z0-9+]+\|")
_KIND_OF_THE_LAST: Final[dict[str, Kind]] = {"broken": "passing", "human": "human"}
_GONE_AT_ONCE: Final = (
    "; sessions were gone before they had shown a page: another program may log in with the same account, sessions may"
    " be very short, or the cookie may change with each answer (Identity(..., serial=True))"
)
MOST_ATTEMPTS: Final = 60
MOST_REFUSALS: Final = 12


@quick_dataclass
class Trying:
    """What is about to log in, and with what.

    Attributes:
        spider: Its name.
        steps: What identifies this version of its code; "" when not known.
        credentials: What identifies these credentials; "" when not known.
        force: A person insists.
        budget: Most attempts in any hour that sent credentials and did not succeed.
        renews: A page of the app is to renew the session, and no credentials are sent.
    """

    spider: str = ""
    steps: str = ""
    credentials: str = ""
    force: bool = False
    budget: int = 6
    renews: bool = False


@quick_dataclass
class Attempt:
    """One login, as recorded. Times are seconds since 1970; the other fields are as in `Trying`."""

    began: float
    ended: float
    ending: Ending = ""
    token: int = 0
    asked_s: float = 0.0
    spider: str = ""
    steps: str = ""
    credentials: str = ""
    renews: bool = False


@quick_dataclass
class RefusedCredentials:
    """Credentials that the site has refused: how often, when last, in which login, and to which spider."""

    credentials: str
    at: float
    times: int = 1
    token: int = 0
    spider: str = ""
    steps: str = ""


@quick_dataclass
class LoginBook:
    """What is known about the logins of one account, oldest first."""

    attempts: tuple[Attempt, ...] = ()
    refusals: tuple[RefusedCredentials, ...] = ()


@quick_dataclass
class Decision:
    """Whether a login may begin.

    Attributes:
        until: Seconds since 1970 before which it may not; 0 for: it may now.
        why: The reason, for a person; "" where it may.
        kind: "refused": because of the credentials; "spent": too many attempts failed; "passing": it passes by itself;
            "human": too many attempts, and what they lack is a person.
    """

    until: float = 0.0
    why: str = ""
    kind: Kind = ""


def may_begin(book: LoginBook, trying: Trying, now: float) -> Decision:
    """Whether *trying* may log in now. A clock that was set back locks nobody out."""
    if trying.force:
        return Decision()
    if trying.renews:
        return _passing(book, now)
    decisions = (
        _refused(book, trying, now),
        _spent(book, trying, now),
        _failed(book, trying, now),
        _passing(book, now),
    )
    return next((each for each in decisions if each.until > now), Decision())


def are_refused(book: LoginBook, trying: Trying, now: float) -> Decision:
    """Whether the site has refused the credentials of *trying*: then they are not sent by anything else, either."""
    return _refused(book, trying, now)


def refused_until(book: LoginBook, now: float) -> float:
    """Until when credentials that the site has refused are not tried again, unless they or the spider are changed.

    Seconds since 1970; 0 where the site has refused none of late, or a login has succeeded since.
    """
    good = max((each.ended for each in book.attempts if each.ending == "ok"), default=0.0)
    ends = [
        min(each.at, now) + _REFUSED_S[min(each.times, len(_REFUSED_S)) - 1]
        for each in book.refusals
        if each.at >= good
    ]
    until = max(ends, default=0.0)
    return until if until > now else 0.0


def begun(book: LoginBook, trying: Trying, *, token: int, now: float) -> LoginBook:
    """*book* with a login that begins now; *token* identifies it."""
    attempt = Attempt(now, now, "", token, 0.0, trying.spider, trying.steps, trying.credentials, trying.renews)
    return replace(book, attempts=(*book.attempts, attempt)[-MOST_ATTEMPTS:])


def ended(
    book: LoginBook, ending: Ending, *, token: int, now: float, asked_s: float = 0.0, credentials: str = ""
) -> LoginBook:
    """*book* with the end of the login of that *token*.

    Args:
        asked_s: How long the site asks to be left alone, in seconds.
        credentials: What was eventually sent, where that was not known when it began.
    """
    place = next((at for at, each in reversed(list(enumerate(book.attempts))) if _is_open(each, token)), None)
    if place is None:
        return book
    if ending == "renewed":  # a short token is renewed more often than the book has room for
        return replace(book, attempts=(*book.attempts[:place], *book.attempts[place + 1 :]))
    one = book.attempts[place]
    one = replace(one, ended=now, ending=ending, asked_s=asked_s, credentials=credentials or one.credentials)
    refusals = book.refusals
    if ending == "code" and _asked_again_before(book.attempts[:place], one):
        one, ending = replace(one, ending="refused"), "refused"
    if ending == "ok":
        refusals = tuple(
            each for each in refusals if each.token > token or (one.credentials and each.credentials != one.credentials)
        )
    elif ending == "refused" and one.credentials:
        refusals = _with_refusal(refusals, one, now)
    return LoginBook((*book.attempts[:place], one, *book.attempts[place + 1 :]), refusals)


def _asked_again_before(attempts: Sequence[Attempt], one: Attempt) -> bool:
    """Whether the login with the same credentials before this one had its code asked for again, too.

    One that comes too late is no sign of a wrong secret; two are, and sites lock accounts after three.
    """
    before = next(
        (each for each in reversed(attempts) if each.credentials == one.credentials and not each.renews), None
    )
    return bool(one.credentials) and before is not None and before.ending == "code"


def _is_open(attempt: Attempt, token: int) -> bool:
    return attempt.token == token and not attempt.ending


def _with_refusal(refusals: Sequence[RefusedCredentials], one: Attempt, now: float) -> tuple[RefusedCredentials, ...]:
    same = [each for each in refusals if each.credentials == one.credentials and each.spider == one.spider]
    times = max((each.times for each in same if each.steps == one.steps), default=0) + 1
    others = [each for each in refusals if each not in same or each.steps != one.steps]
    return (*others, RefusedCredentials(one.credentials, now, times, one.token, one.spider, one.steps))[-MOST_REFUSALS:]


# --- the rules --------------------------------------------------------------------------------------------------------


def _refused(book: LoginBook, trying: Trying, now: float) -> Decision:
    """The site has refused these credentials, and neither they nor the spider that sent them have changed since."""
    found = Decision()
    for each in book.refusals:
        if not trying.credentials or each.credentials != trying.credentials or _was_changed(each, trying):
            continue
        at = min(each.at, now)
        until = at + _REFUSED_S[min(each.times, len(_REFUSED_S)) - 1]
        if until > max(found.until, now):
            found = Decision(until, f"the site refused these credentials on {clock_time(at, now, day=True)}", "refused")
    return found


def _spent(book: LoginBook, trying: Trying, now: float) -> Decision:
    ends = [
        min(each.began, now)
        for each in _of_the_same(book, trying)
        if each.ending in _COUNTED and now - _HOUR_S < each.began
    ]
    if not trying.budget or len(ends) < trying.budget:
        return Decision()
    counted = [each for each in book.attempts if each.ending in _COUNTED and not each.renews]
    many = f"{len(ends)} logins" if len(ends) > 1 else "1 login"
    why = f"{many} of the last hour did not succeed, {trying.budget} allowed (login_budget)"
    if any(each.ending == "lost" for each in counted[-trying.budget :]):
        why += _GONE_AT_ONCE
    kind = _KIND_OF_THE_LAST.get(counted[-1].ending, "spent")
    return Decision(ends[-trying.budget] + _HOUR_S, why, kind)


def _failed(book: LoginBook, trying: Trying, now: float) -> Decision:
    failures, last = 0, 0.0
    for each in reversed(list(_of_the_same(book, trying))):
        if each.ending == "ok":
            break
        if each.ending in ("failed", "code") or (
            each.ending == "refused" and not (each.credentials and trying.credentials)
        ):
            failures, last = failures + 1, last or min(each.ended, now)
        elif each.ending == "lost" and failures:  # nothing was seen of its session: it may have been refused as well
            failures += 1
    if not failures:
        return Decision()
    many = f"the last {failures} logins failed" if failures > 1 else "the last login failed"
    return Decision(last + _FAILED_S[min(failures, len(_FAILED_S)) - 1], many, "spent")


def _passing(book: LoginBook, now: float) -> Decision:
    """The site is in trouble, or it asks for patience: it is too early for any login."""
    kind, row = "", 0
    for each in reversed(book.attempts):
        if each.ending in ("human", "unsent", ""):
            continue  # says nothing about the site
        if each.ending not in _PASSING_S or (kind and each.ending != kind):
            break
        kind, row = each.ending, row + 1
    if kind:
        last = next(each for each in reversed(book.attempts) if each.ending == kind)
        pause_s = _PASSING_S[kind][min(row, len(_PASSING_S[kind])) - 1]
        if last.asked_s:
            pause_s = last.asked_s + _MARGIN_S * 2.0 ** (min(row, 8) - 1)
        words = {"busy": "the site asks for patience", "broken": "no usable answer came to the last login"}
        return Decision(min(last.ended, now) + pause_s, words.get(kind, "the site gave no usable answer"), "passing")
    limit = learned_limit(book)
    if limit is None:
        return Decision()
    number, window_s = limit
    sent = [
        min(each.began, now)
        for each in book.attempts
        if each.ending not in ("unsent", "absent", "busy") and not each.renews
    ]
    if len(sent) < number:
        return Decision()
    why = f"the site accepts no more than {number} logins in {window_s:,.0f} s"
    return Decision(sent[-number] + window_s, why, "passing")


def learned_limit(book: LoginBook) -> tuple[int, float] | None:
    """How many logins a site tolerates in how many seconds, as its last pause showed; None if there never was one.

    The logins shortly before it said "too many" left no room for one more, and when the next was let in, the time was
    over. Logins further back than the pause was long have nothing to do with it: then it was trouble, not a limit.
    """
    attempts = [each for each in book.attempts if each.ending not in ("unsent", "absent") and not each.renews]
    after = next((at for at in range(len(attempts) - 1, 0, -1) if _ends_a_pause(attempts, at)), None)
    if after is None:
        return None
    first_busy = next(at + 1 for at in range(after - 1, -2, -1) if at < 0 or attempts[at].ending != "busy")
    over, said = attempts[after].began, attempts[first_busy].began
    near_s = max(_NEAR_S, 2 * (over - said))
    counted: list[Attempt] = []
    for each in reversed(attempts[:first_busy]):
        if each.ending == "busy" or said - each.began > near_s:
            break
        counted.append(each)
    window_s = over - counted[-1].began if counted else 0.0
    return (len(counted), window_s) if 0.0 < window_s <= _MOST_LEARNED_S else None


def _ends_a_pause(attempts: Sequence[Attempt], at: int) -> bool:
    return attempts[at].ending == "ok" and attempts[at - 1].ending == "busy"


def _of_the_same(book: LoginBook, trying: Trying) -> Iterator[Attempt]:
    """Attempts with what is about to be tried: not those from before the spider or the account was changed."""
    for each in (each for each in book.attempts if not each.renews):
        other = each.credentials and trying.credentials and each.credentials != trying.credentials
        if not other and not _was_changed(each, trying):
            yield each


def _was_changed(each: Attempt | RefusedCredentials, trying: Trying) -> bool:
    return each.spider == trying.spider and each.steps != trying.steps


def account_of(key: str) -> str:
    """The key of the account of a session: one account may have sessions of several kinds, and for several choices."""
    return _KIND.sub("|account|", key, count=1)


def clock_time(moment: float, now: float, *, day: bool = False) -> str:
    """A moment as local time, with the day if it is not today."""
    form = "%Y-%m-%d %H:%M" if day or abs(moment - now) > _DAY_S / 2 else "%H:%M:%S"
    return datetime.fromtimestamp(moment).astimezone().strftime(form)

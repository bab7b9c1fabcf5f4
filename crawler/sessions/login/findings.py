"""What becomes of a page after a probe or a trial: its final verdict, and what is reported about it."""

from __future__ import annotations

from typing import Protocol

from crawler.built_forms import ENDED, is_of_ended_session
from crawler.judge import ProbeSaid, judge_probed
from crawler.outcome import Outcome
from crawler.sessions.login.suspects import Finding
from crawler.urls import redact


class Bans(Protocol):
    """Where pages are noted that end a session, for later runs."""

    def ban(self, url: str, why: str, now: float) -> object: ...


def fail_logged_out(outcome: Outcome, *, serial: bool) -> None:
    """A page that shows the logged-out sign although the session is good."""
    hint = f"; if this site changes its cookie with most answers: Identity({outcome.session_name!r}, serial=True)"
    may_rotate = outcome.changes_cookies and not serial
    hint = hint if may_rotate else ""
    if is_of_ended_session(outcome.request, outcome.login_wanted or outcome.epoch):
        hint = f"; {ENDED}"
    outcome.settle(judge_probed(ProbeSaid.SESSION_LIVES, outcome.error, hint))


def convict(answer: Outcome, finding: Finding, bans: Bans | None, spider_name: str, now: float) -> str:
    """A page that ended the session whenever it was fetched alone: it is left alone, or fails.

    Args:
        bans: Takes it for later runs; None where the setting switches the logout guard off.
        now: Seconds since 1970.
    Returns:
        What to report of a new ban, or "".
    """
    answer.items, answer.found = [], ()
    answer.session_key = ""  # it has ended its login itself: the end of this one takes nothing back
    if finding is Finding.GUILTY and bans is not None:
        why = "fetched alone between two probes, it ended the session each time"
        bans.ban(answer.request.url, why, now)
        answer.settle(judge_probed(ProbeSaid.ENDS_IT_BANNED))
        return (
            f"{redact(answer.request.url)} ended the session each time it was fetched alone, and is left alone from now"
            f" on; see `crawl guard {spider_name}`, which takes that back or confirms it"
        )
    answer.settle(judge_probed(ProbeSaid.ENDS_IT if finding is Finding.GUILTY else ProbeSaid.UNTOLD))
    return ""


def goes_in_turn(session: str) -> str:
    """What to report of a session that sends one request at a time from now on."""
    return (
        f"session {session!r}: the site changes its cookie with each answer and refuses the one before, so the session"
        f" went on with one request at a time; Identity({session!r}, serial=True) says so from the beginning"
    )

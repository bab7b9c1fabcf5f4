"""Refusals because of what the account has sent, for pages and files alike."""

from __future__ import annotations

from crawler.errors import StatusError
from crawler.fetching.fetcher import Fetched
from crawler.outcome import Outcome
from crawler.sessions.session import Session


def account_has_to_rest(outcome: Outcome, fetched: Fetched, session: Session) -> bool:
    """Whether a refusal is due to what the account has sent: then it rests, and the host is not blamed."""
    response, error = fetched.response, fetched.error
    if not isinstance(error, StatusError) or session.sending.allowance is None or response is None:
        return False
    rests_s = session.sending.allowance.asks_for_rest(error.status, response.headers, error.retry_after_s)
    if rests_s is not None:
        outcome.host_fault, outcome.pause_slot_until = False, None
    return rests_s is not None

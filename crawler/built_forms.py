"""Forms that a callback has built from a page of one login, and that are good for that login only.

A field against forged requests, or the state of a page (`__VIEWSTATE`), belongs to the session whose page held it. Sent
after another login it is refused, however often: only the page itself, fetched again, gives a form that is good.
The row of such a request notes the epoch of that page, beside what is sent. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from crawler.late_pattern import late_pattern
from crawler.outcome import Found, Leased

_NOTE: Final = late_pattern(r',"built_in":(\d+)\}\Z')
ENDED: Final = "its form is of a session that has ended since; `crawl retry` fetches the page that made it again"
_FROM: Final = late_pattern(r" from (?=https?://\S+\Z)")


def noted(row: Found, epoch: int) -> Found:
    """The row of a request with a body, built from a page that was fetched in the login of *epoch*."""
    return replace(row, extras=f'{row.extras[:-1]},"built_in":{epoch}}}') if row.extras and epoch else row


def is_of_ended_session(row: Leased, epoch: int) -> bool:
    """Whether its form was built in an earlier login than the one of *epoch*, with which it was sent."""
    found = _NOTE.search(row.extras)
    return found is not None and int(found[1]) < epoch


def told(error: str) -> str:
    """*error* of such a request, with the cause; a URL stays at its end."""
    found = _FROM.search(error)
    return f"{error[: found.start()]} ({ENDED}){error[found.start() :]}" if found is not None else f"{error}; {ENDED}"

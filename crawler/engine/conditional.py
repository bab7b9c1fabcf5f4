"""Asking for a page that an earlier crawl has seen: whether it has changed, and as a whole where that answer is no use.

The steps of a request as a flow (`sessions.flow`); `engine.revisits` decides, `engine.page_work` goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from crawler.engine.revisits import Asking
from crawler.fetching import validators
from crawler.fetching.fetcher import Fetched
from crawler.outcome import Page
from crawler.request import Request
from crawler.sessions.flow import Call, Flow
from crawler.sessions.session import Session

NOT_MODIFIED = 304


@dataclass(slots=True)
class Answered:
    """What came.

    Attributes:
        fetched: How the request went.
        unchanged: The page is what it was at the visit.
        page: That page, where the spider of today has to read it.
    """

    fetched: Fetched
    unchanged: bool = False
    page: Page | None = None


def ask(
    fetch: Callable[[Request], Flow[Fetched]],
    request: Request,
    asking: Asking,
    session: Session,
    kept: Callable[[int], Page | None],
) -> Flow[Answered]:
    """Send *request* with the conditions of *asking*; a 304 that does not confirm them is not believed.

    Args:
        fetch: Sends one request.
        kept: The kept page of a request of an earlier crawl.
    """
    fetched = yield from fetch(request.replace(headers={**(request.headers or {}), **asking.conditions}))
    response = fetched.response
    if response is not None:
        response.asked = request
    if response is None or response.status_code != NOT_MODIFIED:
        return Answered(fetched)
    if fetched.error is None and validators.confirms(response, asking.visit, request.url):
        page = kept(asking.visit.request) if asking.reads_again else None
        if page is not None or not asking.reads_again:
            return Answered(fetched, True, page)
    if session.pace is not None:
        yield Call(partial(session.pace, request.url))
    whole = yield from fetch(request)
    whole.tries += fetched.tries
    return Answered(whole)

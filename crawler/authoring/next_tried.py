"""Whether the next page is asked for as a new spider guesses: its request is sent once, and what comes is compared."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from crawler.authoring.exploring import fetch_as_allowed, pause_s
from crawler.authoring.guests import guest
from crawler.engine.application import visitor
from crawler.errors import FetchError, Refused, SessionError
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.response import Response
from crawler.settings import load
from crawler.spider import Spider

_MOST_TOLD: Final = 80  # characters of an error


@quick_dataclass
class Tried:
    """What came of it.

    Attributes:
        said: For the person; "" where nothing was tried.
        is_wrong: The guess brought the same rows again.
    """

    said: str = ""
    is_wrong: bool = False


def try_next(spider: type[Spider], page: Response, *, settings: Mapping[str, Any]) -> Tried:
    """Send the request that the spider makes on its first page for the next one.

    Args:
        page: The first page.
        settings: Of the command line.
    """
    rows, request = _given(spider(), page)
    if request is None or request.method != "GET":
        return Tried()
    logs_in = spider.login is not Spider.login
    try:
        with visitor(spider, settings=settings) if logs_in else guest(page.url, settings=settings) as visiting:
            time.sleep(pause_s(visiting, page.url, load(command_line=settings)))
            following = fetch_as_allowed(visiting, request)
    except (FetchError, Refused, SessionError) as error:
        return Tried(f"the next page was tried, and did not come: {str(error)[:_MOST_TOLD]}")
    if following.status_code >= 400:
        return Tried(f"the next page was tried, and answers {following.status_code}")
    try:
        more, _ = _given(spider(), following)
    except Exception as error:  # noqa: BLE001 - it has other fields than the first page
        return Tried(f"the next page was tried, and is not read like the first one: {type(error).__name__}: {error}")
    if more == rows:
        return Tried(
            "the next page was tried, and has the same rows: it is asked for in another way, see the TODO in parse",
            True,
        )
    return Tried(f"the next page was tried, and has {len(more)} other objects")


def _given(spider: Spider, page: Response) -> tuple[list[Any], Request | None]:
    """The rows that the spider reads on a page, and the first request that it makes of it."""
    given = list(spider.parse(page) or ())
    requests = [each for each in given if isinstance(each, Request)]
    return [each for each in given if not isinstance(each, Request)], requests[0] if requests else None

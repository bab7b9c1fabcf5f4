"""One page to be shown, and how that can stop. No browser and nothing of its requests: each run loads this file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import requests

from crawler.quick_dataclass import quick_dataclass
from crawler.render import Render
from crawler.response import Response

OVERTAKEN: Final = "its session logged in anew while the page was rendered"


@quick_dataclass
class Showing:
    """One page that is to be shown.

    Attributes:
        document: As it came.
        wanted: How it is rendered.
        guard: The logout guard, for a session that is logged in.
        until: A condition on its session, waited for at the end as long as for an element; None for nothing.
        ours_until: Until when no other process may request it, seconds since 1970; checked before each of its requests.
    """

    document: Response
    wanted: Render
    guard: Callable[[str, str, str], str | None] | None = None
    until: Callable[[], bool] | None = None
    ours_until: Callable[[], float] = lambda: math.inf


class RenderingStopped(Exception):
    """The crawl ends before a page was rendered: it is given back as it was, and no try is counted."""


class AsItIs:
    """The auth of a request that a script has signed itself, or could have: it has the token at hand."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request

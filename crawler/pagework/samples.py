"""Pages kept for inspection: the first one that failed for each cause, and a good one for each callback.

When a selector no longer finds anything, the page where it fails and an earlier one show which, without a request.
Kept are headers without cookies and credentials, and bodies and causes with known secrets masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from crawler.fetching.kept import page_of, response_of
from crawler.outcome import KeptPage, Outcome, PageSample
from crawler.output.figures import is_filled
from crawler.output.reasons import kind_of_failure
from crawler.pagework.stand_ins import StandIns
from crawler.request import Request
from crawler.response import Response
from crawler.sessions.secrets import hide, hide_in_page
from crawler.urls import HIDDEN, is_secret_name

CUT = "X-Crawl-Cut"  #: a header line of our own, for a page that was too large to be kept whole
_LARGEST_BYTES = 1024 * 1024
_CAUSES = 20  #: of one run in one process


class Samples:
    """Which pages of a run are kept. Safe from any thread: a page too many does no harm.

    Args:
        kept: A good page of a callback, of an earlier run.

    Attributes:
        stand_ins: Tells pages that came in place of others.
    """

    def __init__(self, kept: Callable[[str], KeptPage | None]) -> None:
        self.stand_ins = StandIns(lambda callback: _as_it_came(kept(callback)))
        self.seen: set[str] = set()  #: callbacks of which a page is kept
        self._causes: set[tuple[str, str]] = set()

    def parsed(self, outcome: Outcome, page: Response) -> None:
        """The first page of each callback; the store knows whether it is as good as those before it."""
        self.seen.add(outcome.request.callback)
        values = [
            (f"{item.table}.{name}", is_filled(value)) for item in outcome.items for name, value in item.fields.items()
        ]
        filled = list(dict.fromkeys(name for name, says_something in values if says_something))
        lacks = [name for name in dict.fromkeys(name for name, _ in values) if name not in filled]
        score = sum(says_something for _, says_something in values) + outcome.requests
        outcome.sample = PageSample("", masked(page), score, filled, lacks, _given(outcome))

    def failed(self, outcome: Outcome, page: Response | None, error: str) -> None:
        """The first page of each cause; a spider may have written a secret into the cause."""
        key = outcome.request.callback, kind_of_failure(hide(error))
        if page is None or key in self._causes or len(self._causes) >= _CAUSES:
            return
        self._causes.add(key)
        outcome.sample = PageSample(key[1], masked(page), 0, given=_given(outcome))


def _as_it_came(page: KeptPage | None) -> Response | None:
    return response_of(page, Request(page.url), "") if page is not None else None


def _given(outcome: Outcome) -> str:
    """What the callback was given besides the page, secrets masked."""
    if not outcome.request.extras:
        return ""
    extras = json.loads(outcome.request.extras)
    given = {name: _masked_value(extras[name]) for name in ("cb_kwargs", "meta") if extras.get(name)}
    return json.dumps(given) if given else ""


def _masked_value(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return HIDDEN if is_secret_name(name) else hide(value)
    if isinstance(value, list):
        return [_masked_value(each, name) for each in value]
    if isinstance(value, dict):
        return {key: _masked_value(each, key) for key, each in value.items()}
    return value


def masked(response: Response, largest_bytes: int = _LARGEST_BYTES) -> KeptPage:
    """What is kept of a page: without known secrets and what looks like one; if it is cut, it says so."""
    page = page_of(response)
    text = hide_in_page(page.body[:largest_bytes].decode("utf-8", "surrogateescape"))
    head = [(name, hide(value)) for name, value in page.head]
    if len(page.body) > largest_bytes:
        head.append((CUT, f"the first {largest_bytes:,} of {len(page.body):,} bytes"))
    return replace(page, body=text.encode("utf-8", "surrogateescape"), head=head, url=hide(page.url))

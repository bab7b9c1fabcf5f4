"""Calls errbacks: of requests that were sent and failed, and of those that fail unsent, since their host is given up.

An errback gets the error, with the request and the answer (or None) as attributes.
"""

from __future__ import annotations

from typing import Any

from crawler import errors
from crawler.errors import CrawlError, FetchError
from crawler.frontier.admission import Admission
from crawler.judge import IN_ERRBACK, describe
from crawler.outcome import Outcome, Verdict
from crawler.output.reasons import kind_of_failure
from crawler.pagework.given import Bare, CallbackResults, StoppedAtItem
from crawler.pagework.spider_steps import SpiderSteps
from crawler.request import Request
from crawler.response import Response
from crawler.spider import Spider


class Errbacks:
    """Calls the errbacks of one spider. Safe from any thread: it keeps nothing between pages.

    Attributes:
        given: What collects what callbacks and errbacks give.
    """

    def __init__(self, spider: Spider, given: CallbackResults, admission: Admission, steps: SpiderSteps) -> None:
        self._spider, self.given, self._admission, self._steps = spider, given, admission, steps

    def call(
        self, outcome: Outcome, request: Request, error: CrawlError, response: Response | None, bare: Bare
    ) -> None:
        """Add what the errback of *request* gives to *outcome*.

        Raises:
            Exception: What it raised itself, with a note of what it was called for.
        """
        try:
            self._call(outcome, request, error, response, bare)
        except Exception as raised:
            raised.add_note(f"{IN_ERRBACK} {kind_of_failure(describe(error))}")
            raise

    def _call(
        self, outcome: Outcome, request: Request, error: CrawlError, response: Response | None, bare: Bare
    ) -> None:
        said: Any = error
        said.__dict__["request"], said.__dict__["response"] = request, response
        stopped: Exception | None = None
        try:
            method = self._spider.callback(request.errback)
            step = self._steps.item_step(response)
            keyed = self.given.collect(outcome, request, lambda: method(error), bare, step=step)
        except StoppedAtItem as stop:
            keyed, stopped = stop.keyed, stop.error
        for link in keyed:  # whether it is held is seen when its turn comes
            row = self._admission.admit(
                link, depth=request.depth + 1, session=request.session, parent=outcome.request.id
            )
            if row is not None:
                outcome.found = [*outcome.found, row]
        if stopped is not None:
            raise stopped

    def of_unsent(self, outcome: Outcome, bare: Bare) -> None:
        """The same for a request that fails without an answer of its own; *outcome* says why.

        Raises:
            Exception: What `call` raises.
        """
        request = Request.of_row(outcome.request)
        if request.errback:
            self.call(outcome, request, error_of(outcome.error, request.url), None, bare)


def waits_for_errback(outcome: Outcome) -> bool:
    """Whether a request fails whose errback has not been called."""
    return outcome.verdict is Verdict.FAIL and not outcome.is_answered and '"errback":' in outcome.request.extras


def error_of(text: str, url: str) -> FetchError:
    """The error of which `judge.describe` has made *text*, for the request of *url*."""
    name, _, said = kind_of_failure(text).partition(": ")
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, FetchError) and "__init__" not in vars(kind):
        return kind(url, said)
    return FetchError(url, said or name)

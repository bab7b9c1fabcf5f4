"""The steps that a spider and its plugins add to the work on a page: `on_request`, `on_response`, `on_item`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from crawler.errors import IgnoreRequest, QuotaSpent, SpiderError
from crawler.frontier.admission import slot_of
from crawler.items import is_item, made
from crawler.plain_values import class_name_of
from crawler.plugins import Plugin
from crawler.request import Request
from crawler.response import Response
from crawler.spider import Spider
from crawler.urls import of_spider

_log = logging.getLogger("crawler.pages")


class SpiderSteps:
    """Those of one spider: its own first, then those of its plugins. Safe from any thread: it keeps nothing.

    Attributes:
        items, requests, responses: Whether there are any: a spider without them pays nothing for them.
    """

    def __init__(self, spider: Spider) -> None:
        owners: tuple[Spider | Plugin, ...] = (spider, *spider.active_plugins)
        self._items = [each.on_item for each in owners if type(each).on_item not in (Spider.on_item, Plugin.on_item)]
        self._requests = [
            each.on_request for each in owners if type(each).on_request not in (Spider.on_request, Plugin.on_request)
        ]
        self._responses = [
            each.on_response
            for each in owners
            if type(each).on_response not in (Spider.on_response, Plugin.on_response)
        ]
        self.items, self.requests, self.responses = bool(self._items), bool(self._requests), bool(self._responses)

    def item(self, produced: Any, response: Response | None) -> Any:
        """What is to be kept in the place of something that a callback yielded.

        Raises:
            DropItem: Nothing is.
            NotStorable: Its class refuses what it was to be made from.
            SpiderError: A step returned None.
        """
        item = made(produced)
        if not is_item(item):
            return item  # reported as what it is
        for step in self._items:
            item = step(item, response)
            if item is None:
                raise SpiderError(
                    f"{_name(step)} returned None; return the item, or raise DropItem('why') to leave it out"
                )
        return item

    def item_step(self, response: Response | None) -> Callable[[Any], Any] | None:
        """`item` for one page; None where there is no step."""
        return (lambda produced: self.item(produced, response)) if self.items else None

    def request(self, request: Request) -> tuple[str, Request]:
        """A rule by which the request is left out, "" for none; and what is sent.

        Raises:
            SpiderError: A step returned something else, or a request to another host: that waits for its own turn.
        """
        sent, url, slot = request, request.url, slot_of(request.url)
        kept = request.depth, request.session, request.file
        try:
            for step in self._requests:
                given = step(sent)
                if not isinstance(given, Request):
                    raise SpiderError(f"{_name(step)} returned {_kind(given)}; return the request")
                if given.url != url and slot_of(of_spider(given.url)) != slot:
                    raise SpiderError(f"{_name(step)} leads to another host; yield that request from a callback")
                sent = given
        except IgnoreRequest as why:
            return f"on_request: {why}", sent
        sent.depth, sent.session, sent.file = kept
        return "", sent

    def response(self, response: Response) -> tuple[str, Response]:
        """A rule by which the page is left out, "" for none; and what its callback is given.

        Raises:
            SpiderError: A step returned something else.
        """
        page = response
        try:
            for step in self._responses:
                given = step(page)
                if not isinstance(given, Response):
                    raise SpiderError(f"{_name(step)} returned {_kind(given)}; return the response")
                page = given
        except IgnoreRequest as why:
            return f"on_response: {why}", page
        return "", page

    def page_for_a_file(self, response: Response) -> None:
        """Show a web page that came in place of a file: it may say that the account may fetch no more for now.

        Whatever else a step makes of it does not count: the page may be that of a login.

        Raises:
            QuotaSpent: A step says so.
        """
        try:
            self.response(response)
        except QuotaSpent:
            raise
        except Exception as error:  # noqa: BLE001 - users' code, which expects a page of another kind
            _log.debug("on_response of a page in place of a file: %s", error)


def _name(step: Callable[..., Any]) -> str:
    return step.__qualname__


def _kind(given: Any) -> str:
    return "None" if given is None else f"a {class_name_of(given)}"

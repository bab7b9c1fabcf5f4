"""Runs a callback on one page, without a store and without a request; gives its results as plain values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from crawler.authoring.recorded import RecordedPage, Yielded
from crawler.fetching.kept import response_of
from crawler.frontier.known import KnownLinks
from crawler.judge import describe
from crawler.outcome import Found, Leased, Outcome, Verdict
from crawler.pagework.given import Admits, CallbackResults, CallbackWatch
from crawler.replay.kept_pages import as_stored
from crawler.request import Request
from crawler.sessions.secrets import hide
from crawler.settings import Settings
from crawler.spider import Spider
from crawler.urls import HIDDEN, is_secret_name


class _AllOfThem(Admits):
    """Stands in for a crawl's admission: every request is accepted, and none is already known."""

    def __init__(self) -> None:
        self.known = KnownLinks()

    def session_of(self, session: str | None) -> str:
        """The session that sends a request."""
        return session or ""

    def admit(self, request: Request, *, depth: int, session: str | None = None, parent: int = 0) -> Found:
        """The request as a database row."""
        by, extras = self.session_of(request.session or session), request.extras()
        words = json.dumps([request.url, request.callback, by, extras])
        mark = hashlib.blake2b(words.encode(), digest_size=16).digest()
        return Found(mark, request.url, "", by, request.callback, request.priority, depth, extras)


def given_by(spider: Spider, settings: Settings, case: RecordedPage) -> Yielded:
    """Run the callback of a recorded page; an exception is part of the result. Nothing is sent.

    Args:
        spider: Made with the arguments of the page (`build_spider`).
    """
    early: list[Found] = []
    watch = CallbackWatch(settings.callback_time, lambda url, running_s: None)
    admission = _AllOfThem()
    collected = CallbackResults(spider, settings, admission, portion=early.extend, watch=watch)
    leased = Leased(0, case.url, "", case.session, case.callback, 0, 0, "", attempt=0, send_at=0.0, token=0)
    outcome = Outcome(leased, Verdict.ACCEPT, session_name=case.session, final_url=case.page.url)
    try:
        request = Request(
            case.url, case.callback, cb_kwargs=case.cb_kwargs or None, meta=case.meta or None, session=case.session
        )
        method = spider.callback(case.callback)
        response = response_of(case.page, request, case.session)
        keyed = collected.collect(outcome, request, lambda: method(response, **(request.cb_kwargs or {})), None)
        found = [*early, *outcome.found, *(admission.admit(each, depth=1, session=case.session) for each in keyed)]
    except Exception as error:  # noqa: BLE001 - users' code; its failure is the result
        return Yielded(error=hide(describe(error)))
    return Yielded(
        items=[as_stored(item) for item in outcome.items],
        requests=[_as_json(row, case.session) for row in found],
        kept_aside=[hide(f"{each.kind}: {each.reason}") for each in outcome.rejected],
    )


def _as_json(row: Found, session: str) -> dict[str, Any]:
    """A request as written to a file, without defaults and with possible secrets masked."""
    found: dict[str, Any] = {"url": hide(row.url)}
    if row.callback and row.callback != "parse":
        found["callback"] = row.callback
    if row.session != session:
        found["session"] = row.session
    if row.priority:
        found["priority"] = row.priority
    extras: dict[str, Any] = json.loads(row.extras) if row.extras else {}
    for name, value in extras.items():
        if name == "headers":
            value = {key: HIDDEN if is_secret_name(key) else hide(text) for key, text in value.items()}
        elif name == "cookies":
            value = dict.fromkeys(value, HIDDEN)
        elif name == "body":
            value = hide(value)
        found[name] = value
    return found

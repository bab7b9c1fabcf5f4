"""Turns pages into test cases: requested as the spider does, from a failure, or from pages that a crawl has kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from crawler.authoring import recorded
from crawler.authoring.callback_run import given_by
from crawler.authoring.checking import filled_fields
from crawler.authoring.recorded import RecordedPage, StillWanted, Yielded
from crawler.engine.application import visitor
from crawler.errors import SessionError, StatusError, UsageError
from crawler.fetching.kept import response_of
from crawler.outcome import KeptPage
from crawler.pagework.assembly import build_spider
from crawler.pagework.samples import masked
from crawler.quick_dataclass import quick_dataclass
from crawler.replay.kept_pages import run_of
from crawler.request import Request
from crawler.response import Response
from crawler.runs.opening import argument_key
from crawler.sessions.credential_places import Ask
from crawler.sessions.login.watch import logged_out_reason
from crawler.sessions.secrets import hide
from crawler.settings import load
from crawler.spider import Spider
from crawler.stores.base import Store
from crawler.stores.told import KeptSample
from crawler.urls import redact

_LARGEST_BYTES: Final = 16 * 1024 * 1024  #: largest body; test cases are kept with the code


@quick_dataclass
class HowAsked:
    """How pages are requested, and what their callback receives.

    Attributes:
        callback: Name of the method.
        session: None for the spider's first.
        arguments: Spider arguments (``-a``).
        settings: Settings from the command line.
        ask: Asks a person for credentials; None when there is nobody to ask.
    """

    callback: str = "parse"
    session: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    cb_kwargs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    ask: Ask | None = None

    def with_arguments(self, arguments: Mapping[str, str]) -> HowAsked:
        """The same with other spider arguments."""
        return replace(self, arguments=arguments)

    def given(self, more: Mapping[str, Any]) -> HowAsked:
        """The same with the input of a kept page's callback."""
        return replace(self, cb_kwargs=more.get("cb_kwargs") or {}, meta=more.get("meta") or {})

    def case(self, spider: str, url: str, page: KeptPage, session: str) -> RecordedPage:
        """The page at *url*, without expected results so far."""
        return RecordedPage(
            spider,
            hide(url),
            page,
            Yielded(),
            callback=self.callback,
            session=session,
            arguments=self.arguments,
            cb_kwargs=self.cb_kwargs,
            meta=self.meta,
        )


def record_pages(spider: type[Spider], urls: Sequence[str], asked: HowAsked, folder: Path) -> Iterator[RecordedPage]:
    """Fetch pages as the spider does, logged in if it logs in, and write each as a test case.

    One at a time, with the spider's `delay` between them.

    Raises:
        StatusError: The callback would never see this answer.
        SessionError: The session is logged out on that page.
        FetchError: There is no answer.
    """
    settings = load(spider=spider.custom_settings, command_line=asked.settings)
    with visitor(spider, arguments=asked.arguments, settings=asked.settings, ask=asked.ask) as visiting:
        made = visiting.spider
        for number, url in enumerate(urls):
            if number and settings.delay:
                time.sleep(settings.delay)
            response = visiting.fetch(url, session=asked.session)
            session = visiting.session(asked.session)
            _check_status(made, response)
            if made.wants_login() and (reason := logged_out_reason(made, session, response, url)):
                raise SessionError(session.name, f"{redact(url)} was not recorded: logged out there ({reason})")
            if len(response.body) > _LARGEST_BYTES:
                raise UsageError(f"{redact(url)} has {len(response.body):,} bytes, more than a test case should have")
            case = asked.case(made.name, url, masked(response, _LARGEST_BYTES), session.name)
            yield _written(case, given_by(made, settings, case), folder)


def _check_status(spider: Spider, response: Response) -> None:
    if response.status_code >= 400 and response.status_code not in spider.handle_httpstatus_list:
        raise StatusError(redact(response.url), response.status_code)


def _written(case: RecordedPage, given: Yielded, folder: Path) -> RecordedPage:
    """Write it with its results; a page whose callback fails is required to give something later."""
    expected: Yielded | StillWanted = StillWanted(given.error) if given.error else given
    return recorded.write(replace(case, expected=expected), folder)


def record_failure(
    spider: type[Spider], bad: KeptSample, good: KeptSample | None, asked: HowAsked, folder: Path
) -> RecordedPage:
    """Write a failed page as a test case that fails until the spider is repaired.

    Args:
        bad: The page, as `crawl failures` lists it.
        good: The last good page of the same callback: fields filled there have to be filled on the bad page.
        asked: Its callback is ignored: the page's own is used.
    """
    settings = load(spider=spider.custom_settings, command_line=asked.settings)
    made = build_spider(spider, asked.arguments, settings)
    asked = replace(asked, callback=bad.callback or "parse").given(bad.given)
    session = asked.session or made.identities()[0].name
    fields: dict[str, list[str]] = {}
    if good is not None:
        before = asked.given(good.given).case(made.name, good.page.url, good.page, session)
        fields = filled_fields(given_by(made, settings, before))
    case = asked.case(made.name, bad.page.url, bad.page, session)
    return recorded.write(replace(case, expected=StillWanted(bad.cause, fields)), folder)


def record_kept(
    spider: type[Spider], urls: Sequence[str], asked: HowAsked, folder: Path, store: Store
) -> Iterator[RecordedPage]:
    """Write pages that the last crawl has kept (`keep_pages`) as test cases, with the same callback.

    Raises:
        UsageError: A page is not kept.
    """
    settings = load(spider=spider.custom_settings, command_line=asked.settings)
    made = build_spider(spider, asked.arguments, settings)
    run = run_of(store, made.name, None, argument_key(asked.arguments))
    wanted = dict.fromkeys(Request(url).url for url in urls)
    for kept in store.kept.all(run.frontier):
        leased, page = kept.request, kept.page
        if page is None or leased.url not in wanted:
            continue
        del wanted[leased.url]
        request = Request.of_row(leased)
        clean = masked(response_of(page, request, leased.session), _LARGEST_BYTES)
        how = replace(asked, callback=leased.callback or "parse", cb_kwargs=request.cb_kwargs or {}, meta=request.meta)
        case = how.case(made.name, leased.url, clean, leased.session)
        yield _written(case, given_by(made, settings, case), folder)
    for url in wanted:
        raise UsageError(
            f"{redact(url)} is not kept by crawl {run.frontier} of {made.name};"
            f" `crawl run {made.name} -s keep_pages=true` keeps pages"
        )

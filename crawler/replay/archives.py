"""Exports kept pages as WARC, and imports the pages of a WARC file into a new crawl. Nothing is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from crawler.errors import UsageError
from crawler.events import Summary
from crawler.frontier.admission import Admission
from crawler.outcome import Found, KeptPage
from crawler.output.warc import read_warc, write_warc
from crawler.pagework.assembly import Assembly, build_spider
from crawler.pagework.session_maker import Around
from crawler.replay.kept_pages import run_of
from crawler.request import Request
from crawler.settings import load
from crawler.spider import Spider
from crawler.stores.calls import StoreCalls, new_owner
from crawler.stores.policy.login_policy import Trying
from crawler.stores.project import open_project_store
from crawler.stores.session_desk import SessionDesk

_PORTION = 100


def export_warc(
    spider: type[Spider],
    target: Path,
    *,
    crawl: int | None = None,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[int, int]:
    """Write the kept pages of a crawl to a WARC file.

    Returns:
        How many there were, and how many files the spider holds besides: these are not in it.

    Raises:
        UsageError: There is no such crawl, it has kept no pages, or the extra is not installed.
        NotWritten: The file cannot be written.
    """
    merged = load(spider=spider.custom_settings, command_line=settings)
    store = open_project_store(merged, create=False)
    try:
        run = run_of(store, spider.name, crawl, json.dumps(dict(arguments or {}), sort_keys=True, ensure_ascii=False))
        pages = (
            (each.request.url, each.page, each.at) for each in store.kept.all(run.frontier) if each.page is not None
        )
        first = list(islice(pages, 1))
        if not first:
            raise UsageError(f"crawl {run.frontier} of {spider.name} has kept no pages; `keep_pages` keeps them")
        written = write_warc((each for part in (first, pages) for each in part), target, crawl=run.frontier)
        return written, sum(1 for _ in store.files.all(spider.name))
    finally:
        store.close()


def import_warc(
    spider: type[Spider],
    source: Path,
    *,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[int, int, int]:
    """Put the pages of a WARC file that belong to a spider into a new crawl of it, as done and kept.

    Returns:
        Number of the crawl, pages that were taken, and pages that were passed over: of other sites, refused by a rule,
        or there twice.
    Raises:
        UsageError: It is not a WARC file, or the extra is not installed.
        AlreadyRunning: The spider is running.
    """
    merged = load(spider=spider.custom_settings, command_line=settings)
    made = build_spider(spider, arguments, merged)
    pages = read_warc(source)
    first = list(islice(pages, 1))  # a file that is not WARC is found before a crawl is begun
    if not first:
        raise UsageError(f"{source} contains no page: no WARC record of an answer with status 200")
    store = open_project_store(merged)
    try:
        args = json.dumps(dict(arguments or {}), sort_keys=True, ensure_ascii=False)
        run = store.runs.open(spider.name, args=args, fresh=True, process="crawl warc read")
        trying = Trying(spider.name, "", budget=merged.login_budget)
        desk = SessionDesk(
            StoreCalls(store, lambda call: call()), run=None, owner=new_owner("warc"), lease_s=1.0, trying=trying
        )
        parts = Assembly(made, merged, desk, Around(threading.Event()))
        taken = seen = 0
        try:
            rest = (each for part in (first, pages) for each in part)
            while portion := list(islice(rest, _PORTION)):
                seen += len(portion)
                found = [row for row in (_admitted(parts.admission, *each) for each in portion) if row is not None]
                taken += store.kept.take(run, found) if found else 0
        finally:
            parts.close()
        summary = Summary(spider.name, run=run.id, ending="finished", pages=taken, known=taken, store=store.path)
        store.runs.end(run.id, ending="finished", exit_code=0, summary=json.dumps(summary.as_dict()))
    finally:
        store.close()
    return run.frontier, taken, seen - taken


def _admitted(admission: Admission, url: str, page: KeptPage) -> tuple[Found, KeptPage] | None:
    row = admission.admit(Request(url), depth=0)
    return (row, page) if row is not None and not row.skipped else None

"""Runs today's spider over the kept pages of a crawl, without any request, and compares the results with the store.

Items are compared as they read back from the store, links by the requests that the page was the first to give. With
*write* what differs replaces what is stored, page by page in whole transactions; new links wait for the next run.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from crawler.errors import UsageError
from crawler.fetching.kept import response_of
from crawler.frontier.admission import Admission
from crawler.judge import judge_callback
from crawler.outcome import Found, ItemRow, Outcome, Verdict
from crawler.pagework.assembly import Assembly, build_spider
from crawler.pagework.given import Admits, CallbackResults, CallbackWatch
from crawler.pagework.landings import sent_on_by, take_sent_on
from crawler.pagework.session_maker import Around
from crawler.pagework.spider_steps import SpiderSteps
from crawler.quick_dataclass import quick_dataclass
from crawler.request import Request
from crawler.runs.knowledge import Knowledge
from crawler.settings import Settings, load
from crawler.spider import Spider
from crawler.stores.base import RunRow, Store
from crawler.stores.calls import StoreCalls, new_owner
from crawler.stores.policy.login_policy import Trying
from crawler.stores.project import open_project_store
from crawler.stores.rows import read_back
from crawler.stores.session_desk import SessionDesk
from crawler.stores.told_pages import Kept, StoredItem

_GROUP = 64  #: pages of one transaction
_MOST_LINKS = 100_000  #: that are remembered while kept pages are read
_MOST_TOLD = 1_000  #: pages for which the differences are reported


@quick_dataclass
class ItemChange:
    """An item that reads differently: field to value before and now."""

    table: str
    key: str
    fields: Mapping[str, tuple[Any, Any]]


@quick_dataclass(frozen=False)
class Difference:
    """What differs on one page.

    Attributes:
        gone, new: Items that only the store has, and those that only today's spider finds.
        changed: Items that have other values now.
        lost_links, new_links: URLs that the page gave, and gives now.
        rejected: How many things were kept aside, and are now; None where that is the same.
        error: Why the callback failed; "" when it did not.
    """

    url: str
    gone: list[StoredItem] = field(default_factory=list)
    new: list[StoredItem] = field(default_factory=list)
    changed: list[ItemChange] = field(default_factory=list)
    lost_links: list[str] = field(default_factory=list)
    new_links: list[str] = field(default_factory=list)
    rejected: tuple[int, int] | None = None
    error: str = ""

    def __bool__(self) -> bool:
        parts = (self.gone, self.new, self.changed, self.lost_links, self.new_links, self.error)
        return any(parts) or self.rejected is not None


@quick_dataclass(frozen=False)
class Reading:
    """How it went.

    Attributes:
        crawl: Number of the crawl.
        pages: Kept pages that were read.
        differ: Those on which something differs; failed ones are among them.
        failed: Those whose callback failed: what is stored for them stays.
        unreadable: Pages whose request cannot be read with the keys at hand.
        items: Table to the number of items before and now.
        differences: Of the first pages that differ.
        written: The differences were stored.
        elapsed_s: Seconds that it took.
    """

    spider: str
    crawl: int
    pages: int = 0
    differ: int = 0
    failed: int = 0
    unreadable: int = 0
    items: dict[str, tuple[int, int]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    written: bool = False
    elapsed_s: float = 0.0


def parse_kept(
    spider: type[Spider],
    *,
    crawl: int | None = None,
    write: bool = False,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Reading:
    """Run a spider's callbacks over the pages that a crawl has kept; nothing is sent.

    Args:
        crawl: Its number; None for the last one with these *arguments*. A crawl brings its own arguments.
        write: Put what differs in the place of what is stored. Only for the last crawl: later build on earlier.
    Raises:
        UsageError: There is no such crawl, it has kept no pages, or it is not the last one and *write* is set.
        AlreadyRunning: It is to be written, and the spider is running.
    """
    merged = load(spider=spider.custom_settings, command_line=settings)
    store = open_project_store(merged, create=False)
    try:
        run = run_of(store, spider.name, crawl, json.dumps(dict(arguments or {}), sort_keys=True, ensure_ascii=False))
        if write:
            last = next(row for row in store.runs.last(spider.name, limit=1_000) if row.args == run.args)
            if last.frontier != run.frontier:
                raise UsageError(f"crawl {run.frontier} is not the last one of {spider.name}: only that can be written")
            store.runs.hold(spider.name, process="crawl parse --write")
        made = build_spider(spider, json.loads(run.args), merged)
        reading = _KeptReader(made, merged, store, run).read(write=write)
        if write and reading.differ > reading.failed:
            store.runs.set_summary(run.id, _mended_summary(run.summary, reading.differ - reading.failed, store.now()))
    finally:
        store.close()
    if not reading.pages:
        raise UsageError(
            f"crawl {run.frontier} of {spider.name} has kept no pages; `crawl run {spider.name} -s keep_pages=true`"
            " keeps them"
        )
    return reading


def _mended_summary(summary: str, pages: int, now: float) -> str:
    """The summary of a run, noting that its crawl was mended; pages of several times add up."""
    told = json.loads(summary or "{}")
    before = told.get("mended", {}).get("pages", 0)
    return json.dumps({**told, "mended": {"pages": before + pages, "at": now}})


def run_of(store: Store, spider: str, crawl: int | None, args: str) -> RunRow:
    """The last run of the crawl that is meant."""
    for row in store.runs.last(spider, limit=100_000):
        if row.frontier == crawl or (crawl is None and row.args == args):
            return row
    which = f"crawl {crawl}" if crawl is not None else "crawl"
    raise UsageError(f"there is no {which} of {spider} in {store.path}; `crawl runs {spider}` lists them")


class _Admitted(Admits):
    """Admission that looks at each plain link once: the pages of a site name the same ones over and over."""

    def __init__(self, admission: Admission) -> None:
        self._admission, self.known = admission, admission.known
        self._rows: dict[tuple[str, str, str, int], Found] = {}

    def session_of(self, session: str | None) -> str:
        """As `Admission.session_of`."""
        return self._admission.session_of(session)

    def admit(self, request: Request, *, depth: int, session: str | None = None, parent: int = 0) -> Found | None:
        """As `Admission.admit`."""
        if request.is_more_than_plain or request.priority or request.file is not None:
            return self._admission.admit(request, depth=depth, session=session, parent=parent)
        key = request.url, self.session_of(request.session or session), request.callback, depth
        known = self._rows.get(key)
        if known is not None:
            return replace(known, parent=parent)
        row = self._admission.admit(request, depth=depth, session=session, parent=parent)
        if row is not None and not row.skipped and len(self._rows) < _MOST_LINKS:
            self._rows[key] = row
        return row


class _KeptReader:
    """Reads the kept pages of one crawl. Used by one thread."""

    def __init__(self, spider: Spider, settings: Settings, store: Store, run: RunRow) -> None:
        self._spider, self._store, self._run = spider, store, run
        desk = SessionDesk(
            StoreCalls(store, lambda call: call()),
            run=None,
            owner=new_owner("parse"),
            lease_s=1.0,
            trying=Trying(spider.name, "", budget=settings.login_budget),
        )
        self._parts = Assembly(spider, settings, desk, Around(threading.Event()))
        knowledge = Knowledge(store, run, guard=self._parts.guard, robots=None)
        knowledge.load()
        self._parts.learn_start(knowledge.seeded() or ())
        self._steps = SpiderSteps(spider)
        self._early: list[Found] = []  # those of a page with very many links
        self._given = CallbackResults(
            spider,
            settings,
            _Admitted(self._parts.admission),
            portion=self._early.extend,
            watch=CallbackWatch(settings.callback_time, lambda url, running_s: None),
        )

    def read(self, *, write: bool) -> Reading:
        started = time.monotonic()
        reading = Reading(self._spider.name, self._run.frontier, written=write)
        changed: list[Outcome] = []
        try:
            for kept in self._store.kept.all(self._run.frontier):
                if kept.page is None:
                    reading.unreadable += 1
                    continue
                outcome = self._outcome(kept)
                difference = self._difference(kept, outcome)
                self._count(reading, kept, outcome, difference)
                if write and difference and outcome.verdict is Verdict.ACCEPT:
                    changed.append(outcome)
                if len(changed) >= _GROUP:
                    self._store.kept.rewrite(self._run, changed)
                    changed = []
            self._store.kept.rewrite(self._run, changed)
        finally:
            self._parts.close()
        reading.elapsed_s = time.monotonic() - started
        return reading

    def _outcome(self, kept: Kept) -> Outcome:
        """What today's spider makes of a page."""
        leased, page = kept.request, kept.page
        assert page is not None
        outcome = Outcome(leased, Verdict.ACCEPT, session_name=leased.session, final_url=page.url, status=page.status)
        self._early.clear()
        try:
            request = Request.of_row(leased)
            method = self._spider.callback(request.callback)
            response = response_of(page, request, leased.session)
            if self._steps.responses:
                rule, response = self._steps.response(response)
                if rule:
                    return outcome  # today's steps would have left it out: it gives nothing
            sent_on = sent_on_by(response, request)
            keyed = self._given.collect(
                outcome,
                request,
                lambda: () if sent_on is not None and sent_on.alone else method(response, **(request.cb_kwargs or {})),
                None,
                step=self._steps.item_step(response),
            )
            if sent_on is not None:
                take_sent_on(sent_on, request, outcome, self._parts.admission, None)
            admit = self._parts.admission.admit
            files = (admit(each, depth=leased.depth + 1, session=leased.session, parent=leased.id) for each in keyed)
            outcome.found = [*self._early, *outcome.found, *(row for row in files if row is not None)]
        except Exception as error:  # noqa: BLE001 - users' code
            outcome.settle(judge_callback(error))
            outcome.items, outcome.found, outcome.rejected = [], (), ()
        return outcome

    def _difference(self, kept: Kept, outcome: Outcome) -> Difference:
        difference = Difference(kept.request.url, error=outcome.error)
        if outcome.error:
            return difference
        compare_items(kept.items, [as_stored(item) for item in outcome.items], difference)
        found = {row.fingerprint: row.url for row in outcome.found}
        if lost := kept.links - found.keys():
            difference.lost_links = self._store.frontier.urls_of(self._run.frontier, list(lost))
        if more := found.keys() - kept.links:
            new = more - self._store.frontier.known_among(self._run.frontier, list(more))
            difference.new_links = [url for mark, url in found.items() if mark in new]
        if kept.rejected != len(outcome.rejected):
            difference.rejected = kept.rejected, len(outcome.rejected)
        return difference

    def _count(self, reading: Reading, kept: Kept, outcome: Outcome, difference: Difference) -> None:
        reading.pages += 1
        reading.differ += bool(difference)
        reading.failed += outcome.verdict is Verdict.FAIL
        before, now = Counter(each.table for each in kept.items), Counter(each.table for each in outcome.items)
        for table in before | now:
            one, other = reading.items.get(table, (0, 0))
            reading.items[table] = one + before[table], other + now[table]
        if difference and len(reading.differences) < _MOST_TOLD:
            reading.differences.append(difference)


def as_stored(item: ItemRow) -> StoredItem:
    """An item as it reads back from the store."""
    return StoredItem(item.table, {name: read_back(value) for name, value in item.fields.items()}, item.key)


def compare_items(before: list[StoredItem], now: list[StoredItem], difference: Difference) -> None:
    """Pair items by table and key, those without a key by content and then by position."""
    for (table, key), pairs in _paired(before, now):
        for old, new in pairs:
            if old is None and new is not None:
                difference.new.append(new)
            elif new is None and old is not None:
                difference.gone.append(old)
            elif old is not None and new is not None and (fields := _differing(old.fields, new.fields)):
                difference.changed.append(ItemChange(table, key, fields))


def _paired(
    before: list[StoredItem], now: list[StoredItem]
) -> Iterator[tuple[tuple[str, str], list[tuple[StoredItem | None, StoredItem | None]]]]:
    groups: dict[tuple[str, str], tuple[list[StoredItem], list[StoredItem]]] = {}
    for place, items in enumerate((before, now)):
        for item in items:
            groups.setdefault((item.table, item.key), ([], []))[place].append(item)
    for name, (olds, news) in groups.items():
        left = list(news)
        unpaired = []
        for old in olds:
            same = next((new for new in left if not _differing(old.fields, new.fields)), None)
            if same is None:
                unpaired.append(old)
            else:
                left.remove(same)
        length = max(len(unpaired), len(left))
        yield (
            name,
            [(unpaired[n] if n < len(unpaired) else None, left[n] if n < len(left) else None) for n in range(length)],
        )


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields whose values differ; one that an item lacks is None."""
    return {
        name: (old.get(name), new.get(name))
        for name in [*old, *(name for name in new if name not in old)]
        if _unlike(old.get(name), new.get(name))
    }


def _unlike(old: Any, new: Any) -> bool:
    """Whether two values differ, kinds included; NaN equals NaN, wherever it stands."""
    if type(old) is not type(new):
        return True
    if isinstance(old, list):
        return len(old) != len(new) or any(map(_unlike, old, new))
    if isinstance(old, dict):
        return old.keys() != new.keys() or any(_unlike(value, new[name]) for name, value in old.items())
    return bool(old != new and not (old != old and new != new))

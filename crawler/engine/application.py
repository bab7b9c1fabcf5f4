"""Entry points for the command line and users' programs: run a spider, visit a page, open the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from crawler.engine.crawl import Crawl
from crawler.engine.parts import Caller
from crawler.engine.processes import Main, Members, cores, how_many
from crawler.engine.stopping import handled_signals
from crawler.engine.store_thread import Member
from crawler.errors import StoreError, UsageError
from crawler.events import Observer, Summary
from crawler.fetching import freshness
from crawler.loading import code_mark
from crawler.pagework.assembly import build_spider
from crawler.pagework.single_page import Visitor, make_visitor
from crawler.plugins import own_observers
from crawler.quick_dataclass import quick_dataclass
from crawler.runs.begun_with import BegunWith, begun_with, keep
from crawler.runs.earlier import summary_of
from crawler.runs.ending import options_again
from crawler.runs.joining import REPLACED, Search, of_another_version, settings_for
from crawler.runs.opening import How, IfRunning, argument_key, ended_by_others, last_run, open_run
from crawler.runs.pulse import Pulse
from crawler.runs.start_marks import begins_anew
from crawler.runs.stats import wants_pages
from crawler.runs.telling import Left, Telling, left_by, watchers
from crawler.sessions.credential_places import Ask
from crawler.settings import Settings, field_names, load
from crawler.signal_event import SignalEvent
from crawler.spider import Spider
from crawler.stores import is_shared
from crawler.stores.base import RunRow, Store
from crawler.stores.calls import new_owner, process_name
from crawler.stores.project import open_project_store

__all__ = ["Joining", "Visitor", "open_project_store", "run", "visitor", "work"]

log = logging.getLogger("crawler.engine")


def run(
    spider: type[Spider],
    *,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    fresh: bool = False,
    retry: bool | Sequence[str] = False,
    if_running: IfRunning = "fail",
    observers: Iterable[Observer] = (),
    signals: bool = False,
    ask: Ask | None = None,
    **others: Any,
) -> Summary:
    """Run a spider until its frontier is empty, continuing where the last run stopped.

    Args:
        spider: The class.
        arguments: What ``-a name=value`` gives; runs with different ones have different frontiers.
        settings: What ``-s`` gives; overrides all other sources.
        fresh: Forget the unfinished frontier and start over.
        retry: Try failed requests of the last frontier again first: all, or those that failed for one of these causes.
        if_running: What to do when another process runs this spider: "fail" raises, "wait" waits, "skip" returns a
            summary with the ending "skipped".
        observers: Called with each event, on this thread.
        signals: Handle SIGINT, SIGTERM and SIGHUP while it runs: the first stops softly, the second at once.
        ask: Asks a person for credentials; None when nobody is there.
        others: Takes nothing: a setting passed by its name is refused, with the right way to write it.
    Returns:
        How it went; `exit_code` is what the command would return.
    Raises:
        UsageError: Spider or settings are wrong; nothing was sent.
        AlreadyRunning: Another process runs this spider on this store.
        StoreError: The database failed; what was committed is kept.
    """
    _check_call(spider, others)
    merged = load(spider=spider.custom_settings, command_line=settings)
    if merged.http_cache == "rfc":
        freshness.rules()  # a missing library is found here, before a run is opened
    telling = Telling(spider.name or spider.__name__, merged)
    made = build_spider(spider, arguments, merged)
    processes = how_many(merged, made, automatic=cores() if signals else 1)
    watching = watchers(telling.spider, merged)
    observers = [*observers, *own_observers(made), *([telling] if telling.listens else []), *watching]
    also = options_again(arguments or {}, settings or {}) if signals else ""  # a person typed it
    main = _member_of(spider, arguments, merged, also)
    members = Members(processes - 1, main, tells_pages=wants_pages(observers)) if processes > 1 else None
    try:
        how = How(argument_key(arguments or {}), fresh, retry, if_running, merged.max_pages, also)
        summary, left = _run(made, merged, how, Caller(observers, ask, also), members, signals)
    except Exception as error:
        telling.broke(error)
        raise
    finally:
        if members is not None:
            members.end()
        for each in watching:
            each.close()
    if left is not None:  # nor is a sign of life sent for a run of another process: it may hang
        telling.ended(summary, left)
    return summary


def _check_call(spider: Any, others: Mapping[str, Any]) -> None:
    """Raise UsageError, showing the right way to write it, for what `run` does not take."""
    if isinstance(spider, Spider):
        name = type(spider).__name__
        raise UsageError(f"run() takes the class: run({name}), not run({name}()); its arguments: arguments={{...}}")
    if not isinstance(spider, type) or not issubclass(spider, Spider):
        shown = repr(spider) if isinstance(spider, str) else f"a {type(spider).__name__}"
        raise UsageError(
            f"run() takes a spider's class, not {shown}: run(Orders); by its name, from spiders/:"
            " from crawler.loading import find_spider; run(find_spider('orders'))"
        )
    for name, value in others.items():
        if name in field_names():
            raise UsageError(
                f"run() takes settings as a dict: run({spider.__name__}, settings={{{name!r}: {value!r}}})"
            )
        raise UsageError(f"run() takes no {name!r}; settings={{...}} and arguments={{...}} are dicts")


def _run(
    spider: Spider, settings: Settings, how: How, caller: Caller, members: Members | None, signals: bool
) -> tuple[Summary, Left | None]:
    store = open_project_store(settings)
    try:
        anew = "" if how.fresh or how.retry else begins_anew(store, spider, last_run(store, spider.name, how))
        row = open_run(store, spider.name, replace(how, fresh=True) if anew else how)
        if row is None:
            return Summary(spider.name, ending="skipped", store=store.path), None
        if row.id in how.helped:  # workers go on with it, and the process that began it is dead: join them
            return _help(store, spider, row, settings, caller, signals)
        if is_shared(settings.store):
            keep(store.values, row, BegunWith.here(code_mark(spider), process_name(), settings))
        member = Member(store, row, new_owner(f"run-{row.id}"), settings, joined_at=store.now())
        crawl = Crawl(spider, member, caller, members)
        if not how.fresh and (note := ended_by_others(store, row)):
            log.info("%s", note)
        if anew:
            log.warning("%s", anew)
            crawl.summary.messages.append(anew)
        with handled_signals(crawl.interrupt) if signals else nullcontext():
            summary = crawl.run()
        return summary, None if crawl.handed_over else left_by(store, row.id, summary)
    finally:
        store.close()


def _help(
    store: Store, spider: Spider, row: RunRow, settings: Settings, caller: Caller, signals: bool
) -> tuple[Summary, Left | None]:
    """Work on a run that workers continue; ending, exit code and messages are those of the run."""
    begun = begun_with(store.values, row)
    if begun is not None and not begun.is_of(code_mark(spider)):
        raise UsageError(of_another_version(row, begun))
    crawl = Crawl(spider, _joined(store, row, settings_for(store, row, settings), ""), caller)
    with handled_signals(crawl.interrupt) if signals else nullcontext():
        summary = crawl.run()
    ended = store.runs.get(row.id)
    if not crawl.recorded and ended.exit_code is not None and summary.ending != "interrupted":
        summary.ending, summary.exit_code = ended.ending, ended.exit_code
        told = summary_of(ended)
        summary.reason, summary.why = str(told.get("reason") or ""), str(told.get("why") or "")
        summary.next_command = str(told.get("next_command") or "")
        summary.messages += [each for each in told.get("messages") or () if each not in summary.messages]
    return summary, left_by(store, row.id, summary) if crawl.recorded else None


def _member_of(spider: type[Spider], arguments: Mapping[str, str] | None, settings: Settings, also: str) -> Main:
    """What a further process does: its own spider object, store and crawl; *also* as for `Caller`."""

    def main(run: int, tell: Observer, on_parent_gone: Callable[[Callable[[str], None]], None]) -> Summary:
        store = open_project_store(settings)
        try:
            row, owner = store.runs.join(run), new_owner(f"run-{run}")
            made = build_spider(spider, arguments, settings)
            number = store.members.join(run, owner=owner, process=process_name())
            member = Member(store, row, owner, settings, number, joined_at=store.now(), forked=True)
            crawl = Crawl(made, member, Caller([tell], also=also))
            on_parent_gone(crawl.stop)
            with handled_signals(crawl.interrupt, only_term=True):
                return crawl.run()
        except StoreError as error:
            return Summary(spider.name, ending="store", messages=[str(error)])
        finally:
            store.close()

    return main


@quick_dataclass
class Joining:
    """How a worker takes part.

    Attributes:
        name: What a person calls it; "" for nothing.
        wait: Until a run is begun.
        stay: When the run is over, wait for the next one, until told to leave.
    """

    name: str = ""
    wait: bool = False
    stay: bool = False


def work(
    spider: type[Spider],
    *,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    joining: Joining | None = None,
    observers: Iterable[Observer] = (),
    signals: bool = False,
) -> Summary:
    """Join a crawl that a process on another machine has begun, until nothing is waiting any more.

    Args:
        arguments: Those of the run.
        signals: SIGTERM and SIGINT finish the pages under way and give the others back; the second stops at once.
    Returns:
        What this process did; or the whole run, if this process recorded its end because the leader has gone. The
        ending "replaced" means that the spider's files are no longer the version that this process has loaded, and a
        run of the new version waits for it: begin anew.
    Raises:
        UsageError: No such run is going on, it is of another version of the spider, or its store is not a database
            that machines share.
        StoreError: The database failed; what was committed is kept.
    """
    _check_call(spider, {})
    merged = load(spider=spider.custom_settings, command_line=settings)
    if not is_shared(merged.store):
        raise UsageError(
            f"{merged.store}: a worker joins a crawl in a database that machines share (--store postgresql://...);"
            " on one machine `crawl run --processes N` does the same"
        )
    how = joining or Joining()
    pulse = Pulse(merged.store, spider.name or spider.__name__, how.name)
    also = options_again(arguments or {}, settings or {}) if signals else ""
    telling, told = Telling(spider.name or spider.__name__, merged), SignalEvent()
    summary = Summary(telling.spider, ending="interrupted")

    def leave(signal_number: int) -> None:
        if told.is_set():
            raise KeyboardInterrupt
        told.set()

    with pulse, handled_signals(leave) if signals else nullcontext():
        made = build_spider(spider, arguments, merged)
        key, on_disk = argument_key(arguments or {}), partial(code_mark, made)
        search = Search(made.name, key, how.wait, told, pulse.beat, on_disk(), on_disk)
        while not told.is_set():
            store = open_project_store(merged)
            watching = watchers(telling.spider, merged)
            try:
                row = search.run(store)
                if row is None:
                    break
                chosen = settings_for(store, row, merged)
                made = build_spider(spider, arguments, chosen)
                caller = Caller([*observers, *own_observers(made), *watching], None, also, pulse.beat)
                try:
                    member = _joined(store, row, chosen, how.name)
                except StoreError:
                    if not store.runs.get(row.id).ending:
                        raise
                    continue  # it has just ended, or another process continues it in a run of its own
                crawl = Crawl(made, member, caller)
                with handled_signals(crawl.interrupt) if signals else nullcontext():
                    summary = crawl.run()
                if crawl.recorded:
                    telling.ended(summary, left_by(store, row.id, summary))
                newest = store.runs.last(made.name, limit=1)[0]
                goes_on = newest.id != row.id and newest.frontier == row.frontier and newest.ended_at is None
            finally:
                for each in watching:
                    each.close()
                store.close()
            if not (how.stay or goes_on) or summary.ending == "interrupted" or crawl.was_told_to_stop:
                break
    if search.is_replaced:
        summary = Summary(telling.spider, ending=REPLACED)
    return summary


def _joined(store: Store, row: RunRow, settings: Settings, name: str) -> Member:
    joined, owner = store.runs.join(row.id), new_owner("worker")
    number = store.members.join(row.id, owner=owner, process=process_name())
    return Member(store, joined, owner, settings, number, name, store.now())


@contextmanager
def visitor(
    spider: type[Spider] | None,
    *,
    arguments: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    ask: Ask | None = None,
    code: str | None = None,
) -> Iterator[Visitor]:
    """For single pages: fetch, look around, log in. Sessions are restored and saved as in a crawl.

    Args:
        code: `loading.mark_of` the file that will contain *spider*, where it is not written yet.
    Raises:
        UsageError: Spider or settings are wrong.
        StoreError: The database cannot be used.
    """
    merged: Settings = load(spider=spider.custom_settings if spider else {}, command_line=settings)
    made = build_spider(spider or _Passer, arguments, merged)
    store = open_project_store(merged)
    try:
        visiting = make_visitor(made, merged, store, ask, code=code)
        try:
            yield visiting
        finally:
            visiting.close()
    finally:
        store.close()


class _Passer(Spider):
    """Stands for "no spider": one session, no login."""

    name = "fetch"

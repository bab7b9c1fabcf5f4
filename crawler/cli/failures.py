"""`crawl failures NAME`: why requests of the last crawl failed, by cause, and how to try those of one cause again."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, never_ran, stored
from crawler.cli.text import columns, local_time, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.outcome import KeptPage
    from crawler.stores.base import Store
    from crawler.stores.told import KeptSample

Name = Annotated[str, typer.Argument(metavar="NAME|show", help="A spider's name; or `show`, to look at page N.")]
Number = Annotated[int | None, typer.Argument(metavar="[N]", min=1, help="Number of a kept page.")]


def failures(
    name: Name,
    number: Number = None,
    body: Annotated[bool, typer.Option("--body", help="With show: print the failed page itself.")] = False,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List why requests of the last crawl failed, by cause. Most first, each with a URL and how to try them again.

    `crawl failures show N` looks at a page that was kept for a cause: which selectors of its callback find nothing on
    it, but something on the last good page. No request is sent.
    """
    from crawler.output.reasons import next_step
    from crawler.output.run_report import causes_of, run_report
    from crawler.stores.base import ALL_RUNS
    from crawler.stores.told import NO_KEY

    if number is not None:
        if name != "show":
            raise UsageError(f"crawl failures {name} {number}: write `crawl failures show {number}`")
        _show(number, store, as_json, body)
        return
    spider = checked(name) or ""
    with stored(options.typed_settings(None, store=store)) as source:
        newest = next(iter(source.runs.last(spider, limit=1)), None)
        if newest is None:
            raise never_ran(source, spider)
        found = causes_of(source.reports, newest)
        parked = source.frontier.counts(newest.frontier).parked
        next_command = run_report(source, newest.id).next_command if parked else ""
        reasons = {each.text for each in source.reports.put_aside(newest.frontier)} if parked else set()
        of_crawl = {run.id for run in source.runs.last(spider, limit=ALL_RUNS) if run.frontier == newest.frontier}
        kept = [each for each in source.samples.of(spider) if each.cause and each.run in of_crawl]
    if as_json:
        for cause in found:
            say(json.dumps(cause.as_dict()))
        return
    if parked:
        what = "request is" if parked == 1 else "requests are"
        why = (
            f"{NO_KEY}, and a run that has it"
            if reasons == {NO_KEY}
            else "their session could not be used, and the next run"
        )
        tell(f"crawl: {parked:,} {what} parked: {why} sends them; next: {safe(options.here(next_command))}")
    if not found and not kept:
        if parked:
            return
        tell(f"crawl: nothing failed in the last crawl of {spider}")
        return
    rows = [(f"{cause.count:,}", safe(cause.text), safe(cause.url)) for cause in found]
    for line in columns(rows, ("failed", "cause", "such as")) if rows else ():
        say(line)
    pages = [(each.id, each.run, each.callback or "parse", safe(each.cause), safe(each.page.url)) for each in kept]
    if pages:
        say()
        for line in columns(pages, ("page", "run", "callback", "cause", "url")):
            say(line)
        tell(f"crawl: `{options.here(f'crawl failures show {kept[0].id}')}` compares a page with the last good one")
    for cause in found[:1]:
        command = f"crawl retry {spider} --cause {shlex.quote(cause.word)}{cause.again}"
        step = next_step(command, [{"cause": cause.text}])
        tries = " tries those of the first cause again" if step == command else ""
        tell(f"crawl: {safe(options.here(step))}{tries}")


def cut_of(page: KeptPage) -> str:
    """How much of a page was kept, where it was too large to be kept whole; "" for all of it."""
    from crawler.pagework.samples import CUT

    return next((value for name, value in page.head if name == CUT), "")


def failed_and_good(source: Store, number: int) -> tuple[KeptSample, KeptSample | None, dict[str, str]]:
    """A page kept from a failure, the last good page of its callback, and the arguments of its run.

    Raises:
        UsageError: No such page is kept.
    """
    bad = source.samples.get(number)
    if bad is None or not bad.cause:
        raise UsageError(f"no page {number} is kept from a failure; `crawl failures NAME` lists those that are")
    same = [each for each in source.samples.of(bad.spider) if each.callback == bad.callback]
    return bad, next((each for each in same if not each.cause), None), json.loads(source.runs.get(bad.run).args or "{}")


def _show(number: int, store: str | None, as_json: bool, body: bool) -> None:
    from crawler.pagework.assembly import build_spider
    from crawler.replay.comparing_pages import look, lost

    with stored(options.typed_settings(None, store=store)) as source:
        bad, good, args = failed_and_good(source, number)
    if body:
        say(bad.page.body.decode("utf-8", "replace"))
        return
    kind = options.find(bad.spider)
    spider = build_spider(kind, args, options.settings_of(kind, {}))
    now = look(spider, bad.callback, bad.page, bad.given)
    then = look(spider, bad.callback, good.page, good.given) if good is not None else None
    missing = lost(now, then) if then is not None else []
    if as_json:
        facts = {"page": number, "cause": bad.cause, "url": bad.page.url, "status": bad.page.status}
        facts |= {"error": now.error, "good": good.page.url if good is not None else None}
        say(json.dumps({**facts, "lost": [{"selector": query, "found": count} for query, count in missing]}))
        return
    rows = [
        (bad.spider, f"page {number}, run {bad.run}, {bad.callback or 'parse'}: {bad.cause}"),
        ("failed", f"{bad.page.status} {bad.page.url}, {len(bad.page.body):,} bytes, kept {local_time(bad.at)}"),
        ("gives", f"{now.items} items, {now.requests} requests{f'; {now.error}' if now.error else ''}"),
    ]
    if cut := cut_of(bad.page):
        rows.append(("kept", f"{cut}: what comes after them is not seen"))
    if good is not None and then is not None:
        rows.append(("good", f"{good.page.status} {good.page.url}, run {good.run}, kept {local_time(good.at)}"))
        rows.append(("gives", f"{then.items} items, {then.requests} requests{f'; {then.error}' if then.error else ''}"))
        rows += [
            ("nothing for" if place == 0 else "", f"{query} (on the good page: {count:,})")
            for place, (query, count) in enumerate(missing)
        ] or [("", "every selector that finds something on the good page finds something on the failed one")]
    else:
        rows.append(("good", "no good page of this callback is kept"))
    for line in columns([(label, safe(text)) for label, text in rows]):
        say(line)


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(failures)

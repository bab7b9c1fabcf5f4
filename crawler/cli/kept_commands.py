"""`crawl parse`, `crawl page`: kept pages, parsed again or shown. Nothing is sent."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import exits, options
from crawler.cli.logs import set_up_logging
from crawler.cli.status_commands import stored
from crawler.cli.text import columns, counted, duration, local_time, safe, say, size
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.replay.kept_pages import Reading
    from crawler.stores.told_pages import KnownPage

_MOST_PAGES = 20  #: whose differences are shown

CrawlNumber = Annotated[
    int | None, typer.Option("--crawl", metavar="N", help="Number of the crawl; the last one if not given.")
]


def parse(
    spider: options.SpiderName,
    crawl: CrawlNumber = None,
    write: Annotated[
        bool, typer.Option("--write", help="Replace what is stored where it differs; for the last crawl only.")
    ] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Run NAME over its kept pages, without a request. Says what differs from what is stored."""
    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    set_up_logging(options.settings_of(found, typed).log_level)
    from crawler.replay.kept_pages import parse_kept

    reading = parse_kept(found, crawl=crawl, write=write, arguments=options.pairs(argument, "-a"), settings=typed)
    if as_json:
        say(json.dumps(dataclasses.asdict(reading), default=str))
    else:
        for line in reading_lines(reading):
            say(line)
    if reading.failed:
        raise typer.Exit(exits.FAILURES)


def reading_lines(reading: Reading) -> list[str]:
    """The outcome, and what differs on the first pages."""
    from crawler.authoring.telling_differences import difference_lines

    pages = f"{counted(reading.pages, 'kept page')} read in {duration(reading.elapsed_s)}, no request"
    rows = [(f"{reading.spider}, crawl {reading.crawl}", pages)]
    for table, (before, now) in sorted(reading.items.items()):
        rows.append((safe(table), f"{before:,} stored, {now:,} now"))
    verdict = "all as stored"
    if reading.differ:
        verdict = f"{counted(reading.differ, 'page')} not as stored, {reading.pages - reading.differ:,} the same"
    rows.append(("compared", verdict + (f"; {reading.failed:,} failed" if reading.failed else "")))
    if reading.unreadable:
        rows.append(("", f"{counted(reading.unreadable, 'page')} cannot be read with the keys at hand"))
    if reading.written and reading.differ > reading.failed:
        rows.append(("written", counted(reading.differ - reading.failed, "page")))
    lines = columns(rows)
    for difference in reading.differences[:_MOST_PAGES]:
        lines += ["", *difference_lines(difference)]
    if reading.differ > _MOST_PAGES:
        lines += ["", f"... and {reading.differ - _MOST_PAGES:,} more pages; --json lists a thousand"]
    return lines


def page(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of a page.")],
    show: Annotated[bool, typer.Option("--stored", help="Print the kept page.")] = False,
    headers: Annotated[bool, typer.Option("--headers", help="With --stored: status and headers instead.")] = False,
    spider: Annotated[str | None, typer.Option("--spider", metavar="NAME", help="Only pages of this spider.")] = None,
    crawl: CrawlNumber = None,
    store: options.StorePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Say what is stored about the page at URL, or print it. Nothing is sent; `crawl fetch` asks the site."""
    from crawler.urls import absolute, canonical

    target = absolute("", url).partition("#")[0]
    with stored(options.typed_settings(None, store=store)) as opened:
        known = [
            each
            for each in opened.kept.known([target, canonical(target)])
            if (spider is None or each.spider == spider) and (crawl is None or each.crawl == crawl)
        ]
        if not known:
            raise UsageError(f"nothing is stored about {safe(target)}")
        if not show:
            _tell(known, as_json)
            return
        newest = next((each for each in known if each.size_bytes is not None), None)
        kept = opened.kept.page(newest.request) if newest is not None else None
        if kept is None:
            raise UsageError(f"{safe(target)} was not kept; `crawl run NAME -s keep_pages=true` keeps pages")
    if headers:
        for line in (str(kept.status), f"url: {kept.url or target}", *(f"{n.lower()}: {v}" for n, v in kept.head)):
            say(safe(line))
        return
    from crawler.cli.fetch_command import print_body
    from crawler.fetching.kept import response_of
    from crawler.request import Request

    print_body(response_of(kept, Request(target), ""))


def _tell(known: list[KnownPage], as_json: bool) -> None:
    if as_json:
        say(json.dumps([dataclasses.asdict(each) for each in known]))
        return
    for each in known:
        note = f": {safe(each.note)}" if each.note else ""
        rows = [(f"{safe(each.spider)}, crawl {each.crawl}", f"{each.state}{note}")]
        if each.sent_at:
            rows.append(("asked", f"{local_time(each.sent_at)} by session {safe(each.session)}"))
        validators = ", ".join(filter(None, (each.etag and f"ETag {each.etag}", each.modified)))
        if validators:
            rows.append(("version", safe(validators)))
        rows.append(("kept", "no" if each.size_bytes is None else size(each.size_bytes)))
        for line in columns(rows):
            say(line)


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(parse)
    app.command()(page)

"""`crawl failures NAME`: why requests of the last crawl failed, by cause, and how to try those of one cause again."""

from __future__ import annotations

import json
import shlex

import typer

from crawler.cli import options
from crawler.cli.results import checked, never_ran, stored
from crawler.cli.text import columns, safe, say, tell


def failures(name: options.SpiderName, store: options.StorePath = None, as_json: options.AsJson = False) -> None:
    """List why requests of the last crawl failed, by cause. Most first, each with a URL and how to try them again."""
    from crawler.output.run_report import causes_of

    spider = checked(name) or ""
    with stored(options.typed_settings(None, store=store)) as source:
        newest = next(iter(source.runs(spider, limit=1)), None)
        if newest is None:
            raise never_ran(source, spider)
        found = causes_of(source, newest)
    if as_json:
        for cause in found:
            say(json.dumps(cause.as_dict()))
        return
    if not found:
        tell(f"crawl: nothing of the last crawl of {spider} has failed")
        return
    rows = [(f"{cause.count:,}", safe(cause.text), safe(cause.url)) for cause in found]
    for line in columns(rows, ("failed", "cause", "such as")):
        say(line)
    for cause in found[:1]:
        command = f"crawl retry {spider} --cause {shlex.quote(cause.word)}{cause.again}"
        tell(f"crawl: {safe(options.here(command))} tries those of the first cause again")


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(failures)

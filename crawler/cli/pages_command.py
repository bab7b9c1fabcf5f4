"""`crawl pages list`, `prune`: how many pages are kept, and removing old ones."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, stored
from crawler.cli.text import columns, counted, safe, say, size, tell

_DAY_S = 86_400.0

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Pages that are kept (keep_pages).")


@app.command("list")
def list_(
    name: options.MaybeSpiderName = None, store: options.StorePath = None, as_json: options.AsJson = False
) -> None:
    """List the crawls whose pages are kept. With how many there are, and their size as stored."""
    spider = checked(name)
    with stored(options.typed_settings(None, store=store)) as source:
        found, together = source.kept.by_crawl(spider), source.kept.size()
    if as_json:
        for each in found:
            say(json.dumps(dataclasses.asdict(each)))
        return
    if not found:
        tell("crawl: no pages are kept; `crawl run NAME -s keep_pages=true` keeps them")
        return
    rows = [(safe(each.spider), str(each.crawl), f"{each.pages:,}", size(each.size_bytes)) for each in found]
    for line in columns(rows, ("spider", "crawl", "pages", "size")):
        say(line)
    say(f"{size(together)} in all: identical pages are stored once")


@app.command()
def prune(
    name: options.MaybeSpiderName = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many crawls of each spider keep their pages.")] = 3,
    days: Annotated[
        float, typer.Option("--days", min=0, help="Only pages that were kept at least this many days ago.")
    ] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: options.StorePath = None,
) -> None:
    """Remove kept pages of older crawls. Those of NAME, or of each spider; also while a crawl runs. Items stay."""
    from crawler.replay.pruning import prune_pages

    spider = checked(name)
    with stored(options.typed_settings(None, store=store), reading=dry_run) as source:
        found = prune_pages(
            source.kept, spider=spider, keep=keep, before=time.time() - days * _DAY_S, really=not dry_run
        )
    if dry_run:
        say(f"would remove up to {counted(found.pages, 'page')} of {counted(found.crawls, 'crawl')}")
        return
    say(
        f"removed {counted(found.pages, 'page')} of {counted(found.crawls, 'crawl')};"
        f" {size(found.size_bytes)} of the database are free for new data"
    )


def register(root: typer.Typer) -> None:
    """Put the commands of this file into *root*."""
    root.add_typer(app, name="pages")

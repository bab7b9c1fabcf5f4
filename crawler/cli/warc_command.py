"""`crawl warc`: kept pages in the format of web archives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.kept_commands import CrawlNumber
from crawler.cli.text import counted, say
from crawler.errors import UsageError

app = typer.Typer(help="Write kept pages as WARC, or take them from a WARC file (extra `warc`).", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="A WARC file; .gz for a compressed one.")]


@app.command()
def write(
    spider: options.SpiderName,
    file: File,
    crawl: CrawlNumber = None,
    argument: options.Arguments = None,
    store: options.StorePath = None,
) -> None:
    """Write the kept pages of a crawl of NAME to FILE. Without cookies, and without fetched files; bodies as read."""
    found = options.find(spider)
    if file.exists():
        raise UsageError(f"{file} already exists; give another name")
    from crawler.replay.archives import export_warc

    typed = options.typed_settings(None, store=store)
    pages, files = export_warc(found, file, crawl=crawl, arguments=options.pairs(argument, "-a"), settings=typed)
    say(f"{counted(pages, 'page')} in {file}")
    if files:
        say(f"not in it: {counted(files, 'file')} that the spider has fetched; they stay where they are")


@app.command()
def read(
    spider: options.SpiderName,
    file: File,
    argument: options.Arguments = None,
    store: options.StorePath = None,
) -> None:
    """Take the pages of FILE into a new crawl of NAME. `crawl parse NAME --write` then parses them."""
    found = options.find(spider)
    from crawler.replay.archives import import_warc

    typed = options.typed_settings(None, store=store)
    crawl, taken, left = import_warc(found, file, arguments=options.pairs(argument, "-a"), settings=typed)
    say(f"{counted(taken, 'page')} taken into crawl {crawl}, {left:,} skipped")

"""`crawl report`: the last runs to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.results import checked, never_ran, stored
from crawler.cli.text import counted, say, size, tell
from crawler.errors import UsageError

Page = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="The page; - prints it. NAME-report.html.")
]
Nights = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many runs, newest first.")]


def report(name: options.SpiderName, output: Page = None, limit: Nights = 30, store: options.StorePath = None) -> None:
    """Write a page about the last runs. One HTML file that needs no network: plots, errors with examples, changes."""
    from crawler.output.export.places import whole_file
    from crawler.output.report.document import report_page
    from crawler.output.report.gathering import gather

    spider = checked(name) or ""
    with stored(options.typed_settings(None, store=store)) as source:
        found = gather(source, spider, nights=limit)
        if found is None:
            raise never_ran(source, spider)
    page = report_page(found)
    if output == "-":
        say(page)
        return
    path, data = Path(output or f"{spider}-report.html"), page.encode("utf-8")
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    tell(f"crawl: {counted(len(found.nights), 'run')} of {spider} in {path} ({size(len(data))})")


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(report)

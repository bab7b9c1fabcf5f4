"""`crawl store copy`: a crawl moves to another store."""

from __future__ import annotations

from typing import Annotated

import typer

from crawler.cli.text import columns, say

app = typer.Typer(help="Move a store.", no_args_is_help=True)


@app.command("copy")
def copy_(
    source: Annotated[str, typer.Argument(metavar="FROM", help="File, or address of a database.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="File, or address of a database; without a crawl.")],
) -> None:
    """Copy crawls, sessions, records and results into another store; a crawl goes on there where it was, logged in.

    No crawl may be going on. The bytes of files are not part of it: copy their folder as well.
    """
    from crawler.stores.project import copy_store

    counts = copy_store(source, target)
    for line in columns([(f"{count:,}", table) for table, count in counts.items() if count], ("rows", "table")):
        say(line)


def register(application: typer.Typer) -> None:
    """Put the commands of this file into *application*."""
    application.add_typer(app, name="store")

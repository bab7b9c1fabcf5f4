"""`crawl store copy`, `migrate`, `partition`, `vacuum`, `doctor`: moving the database, and looking after it."""

from __future__ import annotations

from typing import Annotated

import typer

from crawler.cli import exits, options
from crawler.cli.status_commands import require_store
from crawler.cli.text import columns, safe, say, tell

_MOST_LACKING = 10

app = typer.Typer(help="Move the database, and look after it.", no_args_is_help=True)


@app.command("copy")
def copy_(
    source: Annotated[str, typer.Argument(metavar="FROM", help="File, or address of a database.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="File, or address of a database; it must not hold a crawl.")
    ],
) -> None:
    """Copy crawls, sessions, records, results and files into another store; a crawl goes on there, logged in.

    No crawl may be running, and no worker may be at work. The bytes of files go into the folder of the other store: the
    one beside a file, `data/files` for a database, or where the setting `files` says.
    """
    from crawler.stores.project import copy_store

    from_, to = (options.settings_of(None, options.typed_settings(None, store=each)) for each in (source, target))
    counts, files = copy_store(from_, to)
    for line in columns([(f"{count:,}", table) for table, count in counts.items() if count], ("rows", "table")):
        say(line)
    if files.shared and counts.get("crawl_files"):
        say(f"files: both use {safe(str(files.source))}; other machines need this folder, shared, or a copy of it")
    elif files.copied or files.there:
        say(f"files: {files.copied:,} copied to {safe(str(files.target))}, {files.there:,} were already there")
    for url in files.lacking[:_MOST_LACKING]:
        tell(f"crawl: not copied, its bytes are not in {safe(str(files.source))}: {safe(url)}")
    if len(files.lacking) > _MOST_LACKING:
        tell(f"crawl: and {len(files.lacking) - _MOST_LACKING:,} more")
    if files.lacking:
        raise typer.Exit(exits.STORE)


@app.command()
def migrate(store: options.StorePath = None) -> None:
    """Bring the tables of the database to the version of this program; crawls do so themselves when they begin.

    All or nothing. A file is copied first; for PostgreSQL, make a backup with its own tools. No crawl may be running.
    """
    from crawler.stores import upkeep

    settings = options.settings_of(None, options.typed_settings(None, store=store))
    require_store(settings)
    before, now = upkeep.migrate(settings)
    say(f"version {now}: nothing to do" if before == now else f"version {before} is now {now}")


@app.command()
def partition(
    count: Annotated[int, typer.Argument(metavar="N", help="1, 2, 4, 8, 16, 32 or 64; 1 makes it one piece again.")],
    store: options.StorePath = None,
) -> None:
    """Split the table of requests of a PostgreSQL database into N partitions, by site; worth it from millions of them.

    The table is rewritten, as a whole or not at all, and needs as much space again meanwhile. No crawl may be running.
    """
    from crawler.stores import upkeep

    upkeep.partition(options.settings_of(None, options.typed_settings(None, store=store)), count)
    say(f"{count} partitions" if count > 1 else "one piece")


@app.command()
def vacuum(store: options.StorePath = None) -> None:
    """Remove dead rows of a PostgreSQL database now, also while crawls are at work; autovacuum does so in time."""
    from crawler.stores import upkeep

    tables = upkeep.vacuum(options.settings_of(None, options.typed_settings(None, store=store)))
    rows = [(f"{before:,}", f"{after:,}", safe(table)) for table, before, after in tables if before or after]
    for line in columns(rows, ("dead before", "after", "table")):
        say(line)
    left = sum(after for _, _, after in tables)
    say("no dead rows are left" if not left else f"{left:,} are left: `crawl store doctor` says who holds them")


@app.command()
def doctor(store: options.StorePath = None) -> None:
    """Look for what is wrong with the database, and say what to do; exit code 6 when something is."""
    from crawler.cli import care

    care.doctor(salvage=None, store=store)


def register(application: typer.Typer) -> None:
    """Put the commands of this file into *application*."""
    application.add_typer(app, name="store")

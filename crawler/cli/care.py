"""`crawl doctor`, `backup`: looking after the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from crawler.cli import exits, options
from crawler.cli.status_commands import require_store, stored
from crawler.cli.text import columns, safe, say, tell
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.settings import Settings


def doctor(
    salvage: Annotated[
        Path | None,
        typer.Option("--salvage", help="Write everything that can be read into this new folder, as JSON lines."),
    ] = None,
    store: options.StorePath = None,
) -> None:
    """Look for damage in the database. Salvages what can be read of a file, which is never changed.

    For PostgreSQL it checks the connection, tables, key, clock, members, old snapshots and dead rows, and says what to
    do.
    """
    from crawler.stores.sqlite import doctor as doctors

    settings = options.settings_of(None, options.typed_settings(None, store=store))
    if options.store_file(settings) is None:
        _examine(settings, salvage)
    require_store(settings)
    found = doctors.doctor(settings.store)
    for line in columns([(f"{count:,}", table) for table, count in found.readable.items()], ("rows", "table")):
        say(line)
    for problem in found.problems:
        tell(f"crawl: {safe(problem)}")
    if salvage is not None:
        written = doctors.salvage(settings.store, str(salvage))
        say(f"wrote {sum(written.values()):,} rows of {len(written):,} tables to {salvage}/")
        return
    say(f"{settings.store}: {'no damage' if found.ok else 'damaged; --salvage FOLDER writes what can be read'}")
    raise typer.Exit(exits.DONE if found.ok else exits.STORE)


def _examine(settings: Settings, salvage: Path | None) -> NoReturn:
    from crawler.stores import upkeep

    if salvage is not None:
        raise UsageError("--salvage is for a file; for PostgreSQL, restore a backup made by pg_dump or pg_basebackup")
    found = []
    for each in upkeep.examine(settings):
        found.append(each)
        say(f"{each.what:<13} {safe(each.told)}")
        if each.advice:
            tell(f"crawl: {each.what}: {safe(each.advice)}")
    raise typer.Exit(exits.STORE if any(each.advice for each in found) else exits.DONE)


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; it must not exist yet.")],
    store: options.StorePath = None,
) -> None:
    """Copy the database, even while a crawl runs. A copy made with `cp` would lack what is in its log."""
    if os.path.lexists(target):
        raise UsageError(f"{target} already exists; give another name")
    with stored(options.typed_settings(None, store=store)) as source:
        source.care.backup(str(target))
    say(f"copied to {target}")


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (doctor, backup):
        app.command()(command)

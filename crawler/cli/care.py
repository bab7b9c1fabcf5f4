"""`crawl doctor`, `backup`, `schedule`: looking after the database, and starting a spider by the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crawler.cli import exits, options
from crawler.cli.results import require_store, stored
from crawler.cli.text import columns, safe, say, tell


def doctor(
    salvage: Annotated[
        Path | None, typer.Option("--salvage", help="Write all that can be read into this new folder, as JSON lines.")
    ] = None,
    store: options.StorePath = None,
) -> None:
    """Look for damage in the database. Gets out what can be read; the file itself is never changed."""
    from crawler.stores import doctor as doctors

    settings = options.settings_of(None, options.typed_settings(None, store=store))
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


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; it must not be there yet.")],
    store: options.StorePath = None,
) -> None:
    """Copy the database, also while a crawl runs. A copy by `cp` would lack what is in its log."""
    with stored(options.typed_settings(None, store=store)) as source:
        source.backup(str(target))
    say(f"copied to {target}")


def schedule(
    name: options.SpiderName,
    cron: Annotated[
        str, typer.Option("--cron", metavar="'M H D M W'", help="When, as five cron fields or @daily.")
    ] = "0 3 * * *",
    systemd: Annotated[bool, typer.Option("--systemd", help="Print a systemd service and timer instead.")] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
) -> None:
    """Print the crontab line that runs a spider. Whole paths, silent on success, no second start while one runs."""
    from crawler import schedule as schedules

    spider = options.find(name)
    typed = options.pairs(set_, "-s")
    options.settings_of(spider, typed)
    extra = [word for text in argument or () for word in ("-a", text)]
    extra += [word for text in set_ or () for word in ("-s", text)]
    options.pairs(argument, "-a")
    if not systemd:
        say(schedules.cron_line(Path.cwd(), name, cron, extra))
        tell("crawl: add it with `crontab -e`; cron mails what is printed, and only a failure prints something")
    else:
        for file, text in schedules.systemd_units(Path.cwd(), name, cron, extra).items():
            say(f"# ~/.config/systemd/user/{file}")
            say(text)
        tell(f"crawl: then: systemctl --user enable --now crawl-{name}.timer")
    if spider.has_login_step():
        tell("crawl: such a job has none of your variables: put the credentials into the file of accounts")


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (doctor, backup, schedule):
        app.command()(command)

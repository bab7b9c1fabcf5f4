"""`crawl worker`: join a crawl that another machine has begun."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from crawler.cli import exits, loading, options, progress
from crawler.cli.logs import set_up_logging
from crawler.cli.summary import show_summary
from crawler.cli.text import say
from crawler.errors import UsageError

if TYPE_CHECKING:
    from crawler.settings import Settings

log = logging.getLogger("crawler.engine")

_LEFT = "interrupted"  #: it was told to leave, and has
_STILL_S = 30.0  #: how long, beyond its patience with the database, the loop of a worker may stand still


def worker(
    spider: options.SpiderName,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the crawl is begun, and for the next one when it is over.")
    ] = False,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="With --wait: end when the crawl is over.")
    ] = False,
    processes: Annotated[int, typer.Option("--processes", min=1, max=256, help="This many workers, kept running.")] = 1,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What `crawl workers` calls it.")] = "",
    check: Annotated[
        bool,
        typer.Option("--check", help="Check whether the workers on this machine are alive, for probes; starts none."),
    ] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Join a crawl in a database that machines share, until nothing is waiting any more.

    Another machine has begun it with `crawl run` and the same arguments. The first Ctrl-C or SIGTERM finishes the pages
    under way and gives the others back to the workers that stay; the second stops at once.
    """
    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    settings = options.settings_of(found, typed)
    if check:
        _check(settings, found.name, name, quiet)
    if processes > 1:
        from crawler.cli.launch import WorkerWords, launched, local

        wanted = WorkerWords(
            found.name, wait, until_empty, tuple(argument or ()), tuple(set_ or ()), store, quiet, as_json
        )
        raise typer.Exit(launched(local(wanted, settings, name or "worker", processes)))
    set_up_logging(settings.log_level, quiet, traces=exits.show_tracebacks, log_format=settings.log_format)
    with loading():
        from crawler.engine import application
        from crawler.runs.joining import REPLACED

    with progress.watching(found.name, quiet=quiet, logs=False) as view:
        summary = application.work(
            found,
            arguments=options.pairs(argument, "-a"),
            settings=typed,
            joining=application.Joining(name, wait=wait, stay=wait and not until_empty),
            observers=view.observers,
            signals=True,
        )
    if summary.ending == REPLACED:
        _begin_anew(found.name)
    show_summary(summary, as_json=as_json, quiet=quiet)
    raise typer.Exit(exits.DONE if summary.ending == _LEFT else summary.exit_code)


def _begin_anew(spider: str) -> None:
    """Start the same command again in this process, with the files of the spider as they are now."""
    log.info("the files of %s are now those of the version that the run uses: starting again with them", spider)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "crawler.cli", *sys.argv[1:]])


def _check(settings: Settings, spider: str, name: str, quiet: bool) -> None:
    """End with code 0 when the workers on this machine are alive and make progress; asks no database.

    Raises:
        UsageError: The store is a file: no worker joins a crawl in one.
    """
    from crawler.redaction import redact
    from crawler.runs.pulse import checked

    if options.store_file(settings) is not None:
        raise UsageError(
            f"--check asks for the workers of one store, and {settings.store} is a file, which has none: name the store"
            f" that they were started with: `crawl worker {spider} --check --store postgresql://...`"
        )
    most_s = 2 * settings.busy_timeout + _STILL_S
    found = checked(settings.store, spider, name, most_s=most_s)
    for called, wrong in found:
        if wrong or not quiet:
            say(f"{called}: {wrong or 'alive'}")
    if not found:
        named = f"no worker {name!r}" if name else "no worker"
        say(f"{named} of {spider} on {redact(settings.store)} runs on this machine")
    raise typer.Exit(exits.DONE if found and not any(wrong for _, wrong in found) else exits.FAILURES)


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(worker)

"""`crawl worker`: join a crawl that another machine has begun."""

from __future__ import annotations

from typing import Annotated

import typer

from crawler.cli import exits, loading, options, progress
from crawler.cli.logs import set_up_logging
from crawler.cli.summary import show_summary

_LEFT = "interrupted"  #: it was told to leave, and has


def worker(
    spider: options.SpiderName,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the crawl is begun.")] = False,
    argument: options.Arguments = None,
    set_: options.SettingsTyped = None,
    store: options.StorePath = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Join a crawl in a database that machines share, until nothing waits any more.

    Another machine has begun it with `crawl run`, with the same arguments. The first Ctrl-C or SIGTERM finishes the
    pages under way and gives the others back to those who stay; the second stops at once.
    """
    typed = options.typed_settings(set_, store=store)
    found = options.find(spider)
    settings = options.settings_of(found, typed)
    set_up_logging(settings.log_level, quiet, traces=exits.show_tracebacks, log_format=settings.log_format)
    with loading():
        from crawler.engine import application

    with progress.watching(found.name, quiet=quiet, logs=False) as view:
        summary = application.work(
            found,
            arguments=options.pairs(argument, "-a"),
            settings=typed,
            wait=wait,
            observers=view.observers,
            signals=True,
        )
    show_summary(summary, as_json=as_json, quiet=quiet)
    raise typer.Exit(exits.DONE if summary.ending == _LEFT else summary.exit_code)


def register(app: typer.Typer) -> None:
    """Put the command of this file into *app*."""
    app.command()(worker)

"""The typer application: all commands, in the order of the help."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from crawler.cli import (
    care,
    exits,
    export,
    failures,
    files,
    guard,
    kept,
    look,
    options,
    page,
    project,
    recorded_pages,
    records,
    results,
    run,
    runs,
    schedule,
    session_files,
    session_push,
    sessions,
    top,
    warc,
)


class Commands(TyperGroup):
    """All commands. What leaves one as an error leaves as one line and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--traceback`` wherever it stands before ``--``: it is wanted when the rest is already typed."""
        end = args.index("--") if "--" in args else len(args)
        exits.show_tracebacks = "--traceback" in args[:end]
        words = [word for word in args[:end] if word != "--traceback"] + args[end:]
        with exits.exit_codes():
            return super().parse_args(ctx, words)

    def invoke(self, ctx: Any) -> Any:
        with exits.exit_codes():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # boxes and colours cost more than the rest of the help together
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from crawler import __version__

        typer.echo(f"crawl-sessions {__version__}")
        raise typer.Exit


@app.callback()
def crawl(
    project_folder: Annotated[
        Path | None,
        typer.Option("--project", "-C", help="Folder of the project; the working directory where it is not given."),
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error comes from. May stand after the command, too.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Crawl behind a login: stay logged in, lose nothing, repeat nothing."""
    if project_folder is not None:
        with exits.exit_codes():
            os.chdir(project_folder)
    options.project = str(project_folder or "")


project.register(app)
run.register(app)
app.add_typer(sessions.app, name="sessions")
session_files.register(sessions.app)
session_push.register(sessions.app)
runs.register(app)
look.register(app)
top.register(app)
results.register(app)
records.register(app)
export.register(app)
failures.register(app)
files.register(app)
care.register(app)
app.add_typer(schedule.app, name="schedule")
guard.register(app)
page.register(app)
kept.register(app)
recorded_pages.register(app)
app.add_typer(warc.app, name="warc")

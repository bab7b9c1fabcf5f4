"""The application that the commands are added to, and what they have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from crawler.cli import exits, options
from crawler.cli.plain_words import taken_as_typed
from crawler.errors import UsageError


class Commands(TyperGroup):
    """All commands. An error in one of them ends as one line and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Accept ``--traceback`` anywhere before ``--``: one wants it when the rest is already typed."""
        end = args.index("--") if "--" in args else len(args)
        exits.show_tracebacks, exits.spider = "--traceback" in args[:end], ""
        words = [word for word in args[:end] if word != "--traceback"] + args[end:]
        taken_as_typed(self.get_params(ctx))
        with exits.exit_codes():
            return super().parse_args(ctx, words)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            taken_as_typed(found.get_params(ctx))
        return found

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            from crawler.cli.mistyped import meant_command  # only for the message

            meant = meant_command(args[0])
            if meant:
                raise UsageError(f"there is no command {args[0]!r}: {meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with exits.exit_codes():
            return super().invoke(ctx)


def _show_version(wanted: bool) -> None:
    if wanted:
        from crawler import __version__

        typer.echo(f"crawl-sessions {__version__}")
        raise typer.Exit


def new_app() -> typer.Typer:
    """An application without commands."""
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # boxes and colours cost more than the rest of the help together
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def crawl(
        project_folder: Annotated[
            Path | None,
            typer.Option("--project", "-C", help="Folder of the project; the working directory if not given."),
        ] = None,
        traceback: Annotated[
            bool, typer.Option("--traceback", help="Show where an error comes from. May also follow the command.")
        ] = False,
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
        ] = False,
    ) -> None:
        """Crawl behind a login: stay logged in, lose nothing, repeat nothing."""
        if project_folder is not None:
            with exits.exit_codes():
                if not project_folder.exists():
                    raise UsageError(
                        f"-C {project_folder}: there is no such folder; `crawl init FOLDER` makes a project"
                    )
                os.chdir(project_folder)
        options.project = str(project_folder or "")

    return app


def with_run() -> typer.Typer:
    """An application with only the commands that crawl: a nightly run starts faster without loading the others."""
    from crawler.cli import run

    app = new_app()
    run.register(app)
    return app

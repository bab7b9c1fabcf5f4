"""`crawl accounts add`: puts credentials into the file of accounts, where cron jobs find them, too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.progress import terminal_ask
from crawler.cli.text import safe, say
from crawler.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Credentials that sessions log in with.")


@app.command()
def add(
    site: Annotated[
        str, typer.Argument(metavar="SITE", help="A site, or a URL on it; each port is a site of its own.")
    ],
    username: Annotated[str | None, typer.Option("--username", "-u", help="Asked for if not given.")] = None,
    session: Annotated[str, typer.Option("--session", help="The session that logs in with them.")] = "default",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace credentials that are already there, such as a refused password."),
    ] = False,
    set_: options.SettingsTyped = None,
) -> None:
    """Put user name and password for SITE into the file of accounts. The password is asked for, or read from input.

    Only you can read the file (mode 0600). Without --replace, credentials that are already there
    are left alone.
    """
    from crawler.authoring.account_table import add_account
    from crawler.sessions.accounts_file import account_place
    from crawler.sessions.secrets import Secret
    from crawler.urls import absolute

    settings = options.settings_of(None, options.typed_settings(set_))
    place = account_place(absolute("", site if "://" in site else f"http://{site}/"))
    ask = terminal_ask()

    def answer(what: str, secret: bool) -> str:
        found = ask(f"{what} at {place}: ", secret) if ask is not None else sys.stdin.readline().rstrip("\r\n")
        if not found:
            raise UsageError(f"no {what} was given: type it, or write it to standard input, one value per line")
        return found

    name = username or answer("user name", False)
    password = Secret(answer("password", True))
    file = add_account(
        place,
        {"username": name, "password": str.__str__(password)},
        file=Path(settings.accounts) if settings.accounts else None,
        session=session,
        replace=replace,
    )
    say(f"{safe(name)} at {place}: in {file}, session {session!r}")

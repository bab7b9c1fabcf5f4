"""`crawl report` and `crawl browse`: a page about the last runs, and browsing results."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.status_commands import checked, never_ran, stored
from crawler.cli.text import counted, say, size, tell
from crawler.errors import UsageError

Page = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="The page, NAME-report.html if not given; - prints it."),
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


Search = Annotated[
    str | None, typer.Option("--search", metavar="FIELD,FIELD", help="Make the words in these fields searchable.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port on 127.0.0.1; 0 for a free one.")]


def browse(
    name: options.SpiderName,
    search: Search = None,
    port: Port = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
    store: options.StorePath = None,
) -> None:
    """Look through results and runs in Datasette. Only on this machine, for whoever has the address with its token.

    It shows copies as of now, in a folder that is removed at the end: the results, and those parts of the crawl's own
    tables that may be shown. They hold no cookies, headers or stored states. Needs the extra explore.
    """
    import tempfile

    from crawler.output.browse.copying import copy_for_browsing
    from crawler.output.browse.serving import application, listening, new_token, serve
    from crawler.output.export.formats import require

    require("crawl browse", "explore", ("datasette", "uvicorn"))
    spider = checked(name) or ""
    with tempfile.TemporaryDirectory(prefix="crawl-browse-") as folder, closing(listening(port)) as listener:
        with stored(options.typed_settings(None, store=store)) as source:
            fields = [each.strip() for each in (search or "").split(",") if each.strip()]
            copies = copy_for_browsing(source, spider, Path(folder), search=fields)
            if copies is None:
                raise never_ran(source, spider)
        token, number = new_token(), listener.getsockname()[1]
        app, address = application(copies, token=token, port=number), f"http://127.0.0.1:{number}/?enter={token}"
        say(address)
        tell("crawl: results and runs as of now; Ctrl-C ends it")
        if open_:
            import webbrowser

            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # it has ended as it should
            serve(app, listener)


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    for command in (report, browse):
        app.command()(command)

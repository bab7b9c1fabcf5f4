"""`crawl sessions push` and `pull`: a session to the machine where cron runs, and back."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from crawler.cli import options
from crawler.cli.spider_session import SpiderSession, as_text, keep
from crawler.cli.status_commands import stored
from crawler.cli.text import safe, say

Where = Annotated[
    str, typer.Argument(metavar="HOST[:FOLDER]", help="The host as ssh knows it, and the project's folder there.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The spider whose session it is, here and there.")]
SessionOf = Annotated[str | None, typer.Option("--session", help="Name of the session; the first otherwise.")]
Ssh = Annotated[
    str, typer.Option("--ssh", metavar="COMMAND", help="The ssh command, with your own options: 'ssh -p 2222'.")
]
Crawl = Annotated[
    str | None, typer.Option("--crawl", metavar="PATH", help="The program there; found in .venv or PATH otherwise.")
]


def push(
    place: Where,
    spider: Name,
    session: SessionOf = None,
    ssh: Ssh = "ssh",
    crawl: Crawl = None,
    store: options.StorePath = None,
) -> None:
    """Bring a session to another machine by ssh, where it is encrypted with that machine's key."""
    from crawler.output.snapshots import choose
    from crawler.sessions.over_ssh import Place, crawl_there

    there, typed = Place.of(place), options.typed_settings(None, store=store)
    mine = SpiderSession.find(spider, session, typed)
    with stored(typed) as source:
        text = as_text(choose(source.sessions.all(), mine.key), "json")
    words = ["sessions", "import", spider, "-", "--format", "json", "--session", mine.name]
    said = crawl_there(there, words, ssh=ssh, crawl=crawl, text=text)
    say(f"{safe(there.host)}: {safe(said.strip())}")


def pull(
    place: Where,
    spider: Name,
    session: SessionOf = None,
    ssh: Ssh = "ssh",
    crawl: Crawl = None,
    store: options.StorePath = None,
) -> None:
    """Fetch a session from another machine by ssh. The next run here proves it."""
    from crawler.sessions.formats import exchange
    from crawler.sessions.over_ssh import Place, crawl_there

    there = Place.of(place)
    mine = SpiderSession.find(spider, session, options.typed_settings(None, store=store))
    words = ["sessions", "export", mine.name, "--spider", spider, "--format", "json"]
    text = crawl_there(there, words, ssh=ssh, crawl=crawl)
    keep(mine, exchange.read(text, now=time.time(), form="json", url=mine.start_url), there.host)


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*, the group ``sessions``."""
    app.command()(push)
    app.command()(pull)
